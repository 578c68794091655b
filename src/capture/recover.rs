//! Brings back what an unfinished recording left, or a capture whose footer is damaged.
//!
//! Row groups are believed by their hashes, ticks of the journal by their checksums. Where the
//! folder may be written to, the recording is completed in place: no byte is copied, and a crash
//! in the middle leaves what the next attempt needs. Elsewhere it is read as it is.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::folder::{self, Folder, Hold};
use super::footer::{self, Description};
use super::growing::{Existing, Growing, Record};
use super::reader::{Part, is_sealed};
use super::row_group::{self, Absorbed, RowGroup};
use super::source::Source;
use super::{Metadata, frame, journal};
use crate::{Error, Result, guard};

/// How much is hashed at once.
const PIECE_BYTES: usize = 256 * 1024;

/// What was found in the row groups of a file, by their records.
#[derive(Default)]
pub(super) struct Found {
    /// The row groups that are whole.
    pub(super) existing: Existing,
    /// The newest metadata.
    pub(super) metadata: Option<Metadata>,
    /// Numbers of the row groups that are whole.
    whole: BTreeSet<u64>,
    /// Rows in row groups that are damaged, as their records say.
    rows_lost: u64,
}

/// All that an unfinished recording left.
struct Salvage {
    found: Found,
    /// Rows of the journals.
    rows: RowGroup,
}

/// What a folder came to.
pub(super) enum Recovered {
    /// It is a capture now, with this path.
    Completed(PathBuf),
    /// It stays as it is, and this is what it holds.
    Snapshot(Vec<Part>, Box<Metadata>),
}

/// Completes an unfinished recording of `capture` that is in the way of a new one, under a name
/// of its own. Gives that name; none if there was nothing.
///
/// # Errors
/// [`Error::Busy`] if it is being written at this moment, [`Error::Io`] if it cannot be completed.
pub fn set_aside(capture: &Path) -> Result<Option<PathBuf>> {
    let path = folder::path_of(capture);
    if !path.is_dir() {
        return Ok(None);
    }
    let held = match Folder::hold(&path) {
        Hold::Held(held) => held,
        Hold::Busy => return Err(Error::Busy { path: capture.to_path_buf() }),
        Hold::ReadOnly => return Err(Error::io("write", &path)(std::io::ErrorKind::PermissionDenied.into())),
    };
    let target = folder::free_name(capture);
    match complete(held, &target) {
        Ok(()) => Ok(Some(target)),
        Err(Error::NotACapture { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Completes what a recording to `capture` that was broken off has left, in its place; false if
/// there is nothing, or someone is still writing it.
///
/// # Errors
/// [`Error::Io`] if it cannot be completed.
pub fn complete_unfinished(capture: &Path) -> Result<bool> {
    let path = folder::path_of(capture);
    if folder::capture_of(&path).is_none() {
        return Ok(false);
    }
    let Hold::Held(held) = Folder::hold(&path) else { return Ok(false) };
    let target = if capture.exists() { folder::free_name(capture) } else { capture.to_path_buf() };
    match complete(held, &target) {
        Ok(()) => Ok(true),
        Err(Error::NotACapture { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Recovers the recording in `folder` to `capture`, or to a free name if that is taken.
pub(super) fn recover(path: &Path, capture: &Path) -> Result<Recovered> {
    let running = match Folder::hold(path) {
        Hold::Held(held) => {
            let target = if capture.exists() { folder::free_name(capture) } else { capture.to_path_buf() };
            match complete(held, &target) {
                Ok(()) => return Ok(Recovered::Completed(target)),
                Err(error @ Error::NotACapture { .. }) => return Err(error),
                // The disk may be full or read-only, which does not keep anyone from reading.
                Err(_) => false,
            }
        }
        Hold::Busy => true,
        Hold::ReadOnly => false,
    };
    let salvage = Salvage::from(path)?;
    let metadata = salvage.describe(path, running)?;
    Ok(Recovered::Snapshot(salvage.into_parts(path)?, Box::new(metadata)))
}

/// Makes a capture of the folder, and removes the folder only then.
fn complete(folder: Folder, target: &Path) -> Result<()> {
    let rows = folder.rows();
    if !is_sealed(&rows) {
        let mut salvage = Salvage::from(folder.path())?;
        let metadata = match salvage.describe(folder.path(), false) {
            Ok(metadata) => metadata,
            Err(error) => {
                // Not even one tick: an empty shell, and no evidence.
                folder.remove()?;
                return Err(error);
            }
        };
        let options = File::options().create(true).truncate(false).read(true).write(true).open(&rows);
        let file = options.map_err(Error::io("write", &rows))?;
        let mut growing = Growing::resume(&rows, file, salvage.found.existing)?;
        if salvage.rows.len() > 0 {
            growing.append(&mut salvage.rows, &metadata)?;
        }
        growing.finish(&metadata, None)?;
    }
    folder.publish(target)?;
    folder.remove()
}

impl Salvage {
    fn from(path: &Path) -> Result<Self> {
        // The journals first: what moves on into a row group meanwhile is found there.
        let mut ticks = Vec::new();
        for (number, journal) in journal::list(path)? {
            let mut entries = Vec::new();
            // One that has just been removed has its rows in a row group.
            let _ = journal::read(&journal, |rows, metadata| entries.push((rows, metadata.clone())));
            ticks.push((number, entries));
        }
        let rows = folder::rows_in(path);
        let mut found = match File::open(&rows) {
            Ok(file) => find(&Source::File(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Found::default(),
            Err(error) => return Err(Error::io("read", &rows)(error)),
        };
        let mut absorbed = Absorbed::default();
        for (number, entries) in ticks {
            if found.whole.contains(&number) {
                continue;
            }
            for (rows, metadata) in entries {
                absorbed.add(rows);
                found.metadata = Some(metadata);
            }
            absorbed.end_journal();
        }
        Ok(Self { found, rows: absorbed.group })
    }

    /// The metadata, with how it came about.
    fn describe(&self, path: &Path, is_running: bool) -> Result<Metadata> {
        let Some(metadata) = &self.found.metadata else {
            let reason = "the recording ended before its first snapshot was on disk".to_owned();
            return Err(Error::NotACapture { path: path.to_path_buf(), reason });
        };
        let at = format!("{} snapshots, until {}", metadata.ticks_taken, utc(metadata.end_us));
        let start = if is_running {
            format!("The recording was still running when this was read: it had {at}.")
        } else {
            format!("The recording was broken off and has been recovered: {at}.")
        };
        let recovered = Some(start + &self.found.lost_sentence());
        let rows = self.found.rows() + self.rows.len() as u64;
        Ok(Metadata { recovered, rows, format_version: super::FORMAT_VERSION, ..metadata.clone() })
    }

    fn into_parts(mut self, path: &Path) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        if let Some(footer) = self.found.footer() {
            let rows = folder::rows_in(path);
            let file = File::open(&rows).map_err(Error::io("read", &rows))?;
            let hashes = self.found.existing.evidence.row_groups.clone();
            parts.push(Part::new(path, Source::File(file), footer, hashes)?);
        }
        if self.rows.len() > 0 {
            parts.push(in_memory(path, &mut self.rows)?);
        }
        Ok(parts)
    }
}

/// Rows as a Parquet file that is nowhere but in memory.
fn in_memory(path: &Path, rows: &mut RowGroup) -> Result<Part> {
    let bug =
        |e: parquet::errors::ParquetError| Error::Damaged { path: path.to_path_buf(), reason: e.to_string() };
    let start = b"PAR1".as_slice();
    let schema = row_group::schema().map_err(bug)?;
    let encoded = rows.encode(schema).map_err(bug)?;
    let description = encoded.placed_at(start.len() as u64, 0).map_err(bug)?;
    let bytes = [start, &encoded.bytes].concat();
    Part::new(path, Source::Memory(bytes.into()), footer::of(schema, vec![description]), Vec::new())
}

/// Finds every row group of a file by the records, and checks its hash.
pub(super) fn find(source: &Source) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    let mut end = 0;
    frame::scan(source, |frame| {
        let record = guard::quietly(|| Record::parse(&frame.content)).flatten();
        let Some(record) = record.filter(|record| record.hash.end <= frame.start) else { return };
        end = frame.end;
        if seen.insert(record.index) {
            found.take(source, &record);
        }
    });
    found.existing.end = end;
    found.existing.next_index = seen.last().map_or(0, |last| last + 1);
    for (start, end) in found.existing.evidence.outside(end) {
        // What cannot be read now cannot be read when the seal is checked either.
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
        let footer = guard::quietly(|| record.footer()).flatten().filter(|_| is_whole);
        let described = footer.and_then(|footer| {
            let row_group = footer.row_groups().first()?.clone();
            let schema = footer.file_metadata().clone();
            let description = guard::quietly(|| Description::new(&schema, row_group).ok()).flatten()?;
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

    /// Rows in the row groups that are whole.
    pub(super) fn rows(&self) -> u64 {
        self.existing.evidence.row_groups.iter().map(|group| group.rows).sum()
    }

    /// What a footer of the row groups would say; none if there is none.
    pub(super) fn footer(&self) -> Option<ParquetMetaData> {
        let footer = self.existing.descriptions.footer(self.existing.schema.as_ref()?).ok()?;
        let words = &footer[..footer.len().checked_sub(footer::END_BYTES)?];
        guard::quietly(|| ParquetMetaDataReader::decode_metadata(words).ok()).flatten()
    }

    /// What is missing, as a further sentence; empty if nothing is.
    pub(super) fn lost_sentence(&self) -> String {
        let missing = self.existing.next_index.saturating_sub(self.whole.len() as u64);
        match missing {
            0 => String::new(),
            1 => format!(" One row group is damaged and left out, with at least {} rows.", self.rows_lost),
            _ => format!(
                " {missing} row groups are damaged and left out, with at least {} rows.",
                self.rows_lost
            ),
        }
    }
}

/// SHA-256 of a stretch of a file; none if it cannot be read.
pub(super) fn digest(source: &Source, start: u64, end: u64) -> Option<Digest> {
    let mut hash = Sha256::new();
    hash_into(&mut hash, source, start, end)?;
    Some(Digest::from_hash(hash))
}

/// Feeds a hash from a stretch of a file, in pieces, so that memory does not grow with it.
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

/// Parts of a capture whose footer is damaged, with the metadata of its newest record.
pub(super) fn without_footer(path: &Path, source: Source, reason: &str) -> Option<(Part, Metadata)> {
    let found = find(&source);
    let metadata = found.metadata.clone()?;
    let recovered = format!(
        "The footer of the file is damaged ({reason}); its row groups were found by the records between them.{}",
        found.lost_sentence()
    );
    let rows = found.rows();
    let hashes = found.existing.evidence.row_groups.clone();
    let part = Part::new(path, source, found.footer()?, hashes).ok()?;
    Some((
        part,
        Metadata { recovered: Some(recovered), rows, format_version: super::FORMAT_VERSION, ..metadata },
    ))
}
