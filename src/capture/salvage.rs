//! Reads what is left of an unfinished recording, or of a capture with a damaged footer. Writes
//! nothing.
//!
//! Row groups are verified by their hashes, ticks of the journal by their checksums.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::folder::{self, Origin, ROWS};
use super::footer::{self, Description};
use super::journal::Legible;
use super::partial_file::{Existing, Record};
use super::reader::{FileSegment, readable};
use super::row_group::{self, Absorbed, RowGroup, TickRows};
use super::source::Source;
use super::{Metadata, frame, journal};
use crate::safe_fs::Dir;
use crate::{Error, Result, guard};

/// Bytes hashed at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Length of the magic at the beginning of a Parquet file, and of a growing one before its first row group.
const MAGIC_BYTES: u64 = 4;

/// The row groups found in a file by their records.
#[derive(Default)]
pub(super) struct Found {
    /// The intact row groups.
    pub(super) existing: Existing,
    /// The newest metadata.
    pub(super) metadata: Option<Metadata>,
    /// Indices of the intact row groups.
    whole: BTreeSet<u64>,
    /// Rows in damaged row groups, according to their records.
    rows_lost: u64,
}

/// Everything that is left of an unfinished recording.
pub(super) struct Salvage {
    /// The content of its growing file.
    pub(super) found: Found,
    /// Rows from the journals.
    pub(super) rows: RowGroup,
    /// What could not be read, one sentence each; empty if all of it could.
    pub(super) illegible: Vec<String>,
    /// Bytes in the folder that belong to ticks, legible or not.
    pub(super) bytes: u64,
    /// Whether a recording or an import wrote it.
    origin: Origin,
}

/// What happens to an unfinished recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is being written, and this is only a reader.
    Running,
    /// It is only read, and stays as it is.
    BrokenOff,
    /// It is turned into a capture.
    Recovered,
}

/// A decoded journal.
struct ReadJournal {
    number: u64,
    name: String,
    legible: Legible,
    ticks: Vec<(TickRows, Metadata)>,
}

impl Salvage {
    /// Reads the folder of an unfinished recording.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be listed. A file in it that cannot be read is listed in
    /// [`Salvage::illegible`].
    pub(super) fn from(dir: &Dir) -> Result<Self> {
        let mut illegible = Vec::new();
        // The journals first: rows that move to a row group in the meantime are found there.
        let mut journals = Vec::new();
        for (number, name) in journal::list(dir).map_err(Error::io("read", dir.path()))? {
            let name_text = name.to_string_lossy().into_owned();
            match dir.read_file(&name) {
                Ok(file) => journals.push(ReadJournal::read(number, name_text, &Source::File(file))),
                // Its rows are in a row group now.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => illegible.push(format!("{name_text} cannot be read: {error}")),
            }
        }
        let mut bytes = journals.iter().map(|journal| journal.legible.bytes).sum::<u64>();
        let mut behind = 0;
        let found = match dir.read_file(ROWS) {
            Ok(file) => {
                let source = Source::File(file);
                let found = find(&source);
                behind = source.bytes().saturating_sub(found.existing.end.max(MAGIC_BYTES));
                bytes += source.bytes().saturating_sub(MAGIC_BYTES);
                found
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Found::default(),
            Err(error) => {
                illegible.push(format!("{ROWS} cannot be read: {error}"));
                Found::default()
            }
        };
        let origin = folder::origin_of(dir);
        let mut salvage = Self { found, rows: RowGroup::default(), illegible, bytes, origin };
        salvage.illegible.extend(salvage.found.lost_sentence());
        let next_index = salvage.found.existing.next_index;
        let covers = |journal: &ReadJournal| journal.number == next_index && journal.is_whole();
        if behind > 0 && !journals.iter().any(covers) {
            salvage.illegible.push(format!(
                "{behind} bytes at the end of {ROWS} are not a complete row \
                group"
            ));
        }
        salvage.absorb(journals);
        Ok(salvage)
    }

    fn absorb(&mut self, journals: Vec<ReadJournal>) {
        let mut absorbed = Absorbed::default();
        let in_row_groups = self.found.metadata.as_ref().map_or(0, |metadata| metadata.ticks_taken);
        for journal in journals {
            let Legible { bytes, damaged } = journal.legible;
            let is_written = self.found.whole.contains(&journal.number);
            if is_written && (damaged > 0 || journal.newest_tick() > in_row_groups) {
                self.illegible.push(format!("{} contains data outside its row group", journal.name));
            }
            if is_written {
                continue;
            }
            let before = self.found.metadata.as_ref().map_or(0, |metadata| metadata.ticks_taken);
            let (mut rows_lost, mut doubled) = (0, BTreeSet::new());
            for (rows, metadata) in journal.ticks {
                // A copy of another journal, or one from another time: its ticks are already there.
                if metadata.ticks_taken <= before && before > 0 {
                    // By its number: the first rows of a journal are in it twice.
                    doubled.insert(metadata.ticks_taken);
                    continue;
                }
                rows_lost += absorbed.add(rows);
                self.found.metadata = Some(metadata);
            }
            absorbed.end_journal();
            let name = &journal.name;
            if damaged > 0 {
                self.illegible.push(format!("{damaged} of {bytes} bytes of {name} cannot be decoded"));
            }
            if rows_lost > 0 {
                self.illegible.push(format!("{rows_lost} rows of {name} refer to lost data"));
            }
            if !doubled.is_empty() {
                let ticks = doubled.len();
                self.illegible
                    .push(format!("{ticks} ticks of {name} were already present and were not added twice"));
            }
        }
        self.rows = absorbed.group;
    }

    /// The metadata, with a note on how they were recovered.
    ///
    /// # Errors
    /// [`Error::NotACapture`] if there is not even one tick.
    pub(super) fn describe(&self, path: &Path, fate: Fate) -> Result<Metadata> {
        let Some(metadata) = &self.found.metadata else {
            let reason = if self.origin == Origin::Import {
                "the import was interrupted before any of it could be read; import the files again".to_owned()
            } else if self.bytes == 0 && !self.illegible.is_empty() {
                format!("no snapshot of the recording can be read ({})", self.illegible.join("; "))
            } else if self.bytes == 0 {
                "the recording ended before its first snapshot was on disk".to_owned()
            } else {
                format!(
                    "none of the {} bytes that the recording left can be decoded; nothing was removed ({})",
                    self.bytes,
                    self.illegible.join("; ")
                )
            };
            return Err(Error::NotACapture { path: path.to_path_buf(), reason });
        };
        let rows = self.found.rows() + self.rows.len() as u64;
        let start = match (self.origin, fate) {
            (Origin::Import, Fate::Running) => {
                format!("The import was still running when this was read: it had {rows} rows.")
            }
            (Origin::Import, _) => {
                format!(
                    "The import was interrupted after {rows} rows; import the files again to get all of \
                     them."
                )
            }
            (Origin::Recording, fate) => Self::recording_sentence(metadata, fate),
        };
        let missing = if self.illegible.is_empty() || fate == Fate::Running {
            String::new()
        } else {
            format!(" Some of it could not be read: {}.", self.illegible.join("; "))
        };
        let recovered = Some(start + &missing);
        Ok(Metadata { recovered, rows, format_version: super::FORMAT_VERSION, ..metadata.clone() })
    }

    fn recording_sentence(metadata: &Metadata, fate: Fate) -> String {
        let at = format!("{} snapshots, until {}", metadata.ticks_taken, utc(metadata.end_us));
        match fate {
            Fate::Running => format!("The recording was still running when this was read: it had {at}."),
            Fate::BrokenOff => {
                format!(
                    "The recording was interrupted and is read as it is (netrec recover finishes it): \
                     {at}."
                )
            }
            Fate::Recovered => format!("The recording was interrupted and has been recovered: {at}."),
        }
    }

    /// Turns everything found into segments of a capture; nothing is written to disk.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Damaged`].
    pub(super) fn into_parts(mut self, dir: &Dir) -> Result<Vec<FileSegment>> {
        let mut parts = Vec::new();
        if let Some(footer) = self.found.footer() {
            let file = dir.read_file(ROWS).map_err(Error::io("read", dir.path_of(ROWS)))?;
            let hashes = self.found.existing.evidence.row_groups.clone();
            parts.push(FileSegment::new(dir.path(), Source::File(file), footer, hashes)?);
        }
        if self.rows.len() > 0 {
            parts.push(in_memory(dir.path(), &mut self.rows)?);
        }
        Ok(parts)
    }
}

impl ReadJournal {
    fn read(number: u64, name: String, source: &Source) -> Self {
        let mut ticks = Vec::new();
        let legible = journal::read(source, |rows, metadata| ticks.push((rows, metadata.clone())));
        Self { number, name, legible, ticks }
    }

    fn newest_tick(&self) -> u64 {
        self.ticks.iter().map(|(_, metadata)| metadata.ticks_taken).max().unwrap_or(0)
    }

    fn is_whole(&self) -> bool {
        self.legible.damaged == 0 && !self.ticks.is_empty()
    }
}

/// Encodes rows as a Parquet file in memory.
pub(super) fn in_memory(path: &Path, rows: &mut RowGroup) -> Result<FileSegment> {
    let bug =
        |e: parquet::errors::ParquetError| Error::Damaged { path: path.to_path_buf(), reason: e.to_string() };
    let start = b"PAR1".as_slice();
    let schema = row_group::schema().map_err(bug)?;
    let encoded = rows.encode(schema).map_err(bug)?;
    let description = encoded.placed_at(start.len() as u64, 0).map_err(bug)?;
    let bytes = [start, &encoded.bytes].concat();
    FileSegment::new(path, Source::Memory(bytes.into()), footer::of(schema, vec![description]), Vec::new())
}

/// Finds every row group of a file by its record, and verifies its hash.
pub(super) fn find(source: &Source) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    let mut end = 0;
    frame::scan(source, |frame| {
        let record = guard::ok_unless_panic(|| Record::parse(&frame.content)).flatten();
        let Some(record) = record.filter(|record| record.hash.end <= frame.start) else { return };
        end = frame.end;
        if seen.insert(record.index) {
            found.take(source, &record);
        }
    });
    found.existing.end = end;
    found.existing.next_index = seen.last().map_or(0, |last| last + 1);
    for (start, end) in found.existing.evidence.outside(end) {
        // What cannot be read now cannot be read for the seal either.
        let _ = hash_into(&mut found.existing.outside, source, start, end);
    }
    found
}

impl Found {
    fn take(&mut self, source: &Source, record: &Record) {
        self.metadata = record.metadata().or(self.metadata.take());
        let before = self.existing.evidence.row_groups.last().map_or(0, |group| group.end);
        let hash = &record.hash;
        let is_whole = hash.start >= before && digest(source, hash.start, hash.end) == Some(hash.sha256);
        let footer = guard::ok_unless_panic(|| record.footer()).flatten().filter(|_| is_whole);
        let described = footer.and_then(|footer| {
            let row_group = footer.row_groups().first()?.clone();
            let schema = footer.file_metadata().clone();
            readable(footer).ok()?;
            let description =
                guard::ok_unless_panic(|| Description::new(&schema, row_group).ok()).flatten()?;
            Some((schema, description))
        });
        let Some((schema, description)) = described else {
            self.rows_lost += hash.rows;
            return;
        };
        self.existing.evidence.push(hash.clone());
        self.existing.descriptions.push(&description);
        self.existing.schema = Some(schema);
        self.whole.insert(record.index);
    }

    /// Number of rows in the intact row groups.
    pub(super) fn rows(&self) -> u64 {
        self.existing.evidence.row_groups.iter().map(|group| group.rows).sum()
    }

    /// The footer for the row groups; `None` if there are none.
    pub(super) fn footer(&self) -> Option<ParquetMetaData> {
        let footer = self.existing.descriptions.footer(self.existing.schema.as_ref()?).ok()?;
        let words = &footer[..footer.len().checked_sub(footer::END_BYTES)?];
        guard::ok_unless_panic(|| ParquetMetaDataReader::decode_metadata(words).ok()).flatten()
    }

    /// The newest metadata of a file with a damaged footer, with a note of the `reason`; `None`
    /// without row groups.
    pub(super) fn describe(&self, reason: &str) -> Option<Metadata> {
        let lost = self.lost_sentence().map_or(String::new(), |lost| format!(" Of them {lost}."));
        let recovered = Some(format!(
            "The footer of the file is damaged ({reason}); its row groups were found by the records between them.{lost}"
        ));
        let (rows, format_version) = (self.rows(), super::FORMAT_VERSION);
        Some(Metadata { format_version, rows, recovered, ..self.metadata.clone()? })
    }

    /// A sentence about what is missing; `None` if nothing is.
    pub(super) fn lost_sentence(&self) -> Option<String> {
        let missing = self.existing.next_index.saturating_sub(self.whole.len() as u64);
        match missing {
            0 => None,
            1 => {
                Some(format!("one row group is damaged and left out, with at least {} rows", self.rows_lost))
            }
            _ => Some(format!(
                "{missing} row groups are damaged and left out, with at least {} rows",
                self.rows_lost
            )),
        }
    }
}

/// SHA-256 of a range of a file; `None` if it cannot be read.
pub(super) fn digest(source: &Source, start: u64, end: u64) -> Option<Digest> {
    let mut hash = Sha256::new();
    hash_into(&mut hash, source, start, end)?;
    Some(Digest::from_hash(hash))
}

/// Updates a hash with a range of a file, piece by piece, so that memory stays bounded.
pub(super) fn hash_into(hash: &mut Sha256, source: &Source, mut start: u64, end: u64) -> Option<()> {
    let mut buffer = vec![0; PIECE_BYTES.min(end.saturating_sub(start) as usize)];
    while start < end {
        let piece = source.read_into(start, end, &mut buffer).ok()?;
        hash.update(piece);
        start += piece.len() as u64;
    }
    Some(())
}

fn utc(us: i64) -> String {
    DateTime::from_timestamp_micros(us)
        .map_or_else(|| format!("{us} µs"), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// The segment of a capture with a damaged footer, and the metadata of its newest record.
pub(super) fn without_footer(path: &Path, source: Source, reason: &str) -> Option<(FileSegment, Metadata)> {
    let found = find(&source);
    let metadata = found.describe(reason)?;
    let hashes = found.existing.evidence.row_groups.clone();
    let part = FileSegment::new(path, source, found.footer()?, hashes).ok()?;
    Some((part, metadata))
}
