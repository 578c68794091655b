//! The journal: the rows that are in no row group yet, one frame per tick.
//!
//! A frame encodes a tick as its differences from an earlier one, its base. The base is written
//! again with the tick after it, so that no damage in one place costs more than the tick written
//! there.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::row_group::{RowGroup, TickRows};
use super::source::Source;
use super::{Metadata, frame};
use crate::safe_fs::{Dir, facts_of};
use crate::{Error, Result, guard};

/// Prefix of a journal's file name.
const PREFIX: &str = "journal-";

/// The complete metadata is written with the first two ticks and then every this many ticks, so
/// that a damaged frame cannot contain the only copy.
const METADATA_EVERY_TICKS: u64 = 64;

/// The metadata that change from tick to tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    end_us: i64,
    end_mono_ns: i64,
    ticks_taken: u64,
    ticks_late: u64,
    events_lost: Option<u64>,
}

impl Tally {
    fn new(metadata: &Metadata) -> Self {
        Self {
            end_us: metadata.end_us,
            end_mono_ns: metadata.end_mono_ns,
            ticks_taken: metadata.ticks_taken,
            ticks_late: metadata.ticks_late,
            events_lost: metadata.events_lost,
        }
    }

    fn put_into(self, metadata: &mut Metadata) {
        metadata.end_us = self.end_us;
        metadata.end_mono_ns = self.end_mono_ns;
        metadata.ticks_taken = self.ticks_taken;
        metadata.ticks_late = self.ticks_late;
        metadata.events_lost = self.events_lost;
    }

    /// The metadata with all fields of the tally cleared.
    fn without(metadata: &Metadata) -> Metadata {
        let nothing = Self { end_us: 0, end_mono_ns: 0, ticks_taken: 0, ticks_late: 0, events_lost: None };
        let mut rest = metadata.clone();
        nothing.put_into(&mut rest);
        rest
    }
}

/// One finished tick.
#[derive(Serialize, Deserialize)]
struct JournaledTick {
    tally: Tally,
    /// The other metadata as JSON, if they have changed.
    metadata: Option<String>,
    rows: TickRows,
}

/// The journal that is being written.
pub(super) struct Journal {
    folder: Arc<Dir>,
    name: OsString,
    path: PathBuf,
    file: File,
    bytes: u64,
    entries: u64,
    packer: frame::Packer,
    /// The metadata as last written, with the counts of the last tick.
    described: Metadata,
    /// The frame of a base until its second copy is written.
    base: Vec<u8>,
}

impl Journal {
    /// Creates a journal for the rows that will be in row group `number`.
    pub(super) fn create(folder: &Arc<Dir>, number: u64) -> Result<Self> {
        let name = OsString::from(format!("{PREFIX}{number}"));
        let path = folder.path_of(&name);
        let file = folder.create_file(&name).map_err(Error::io("create", &path))?;
        let packer = frame::Packer::new().map_err(Error::io("create", &path))?;
        folder.sync();
        let folder = Arc::clone(folder);
        let described = Metadata::default();
        Ok(Self { folder, name, path, file, bytes: 0, entries: 0, packer, described, base: Vec::new() })
    }

    /// Whether someone else has removed it.
    pub(super) fn was_removed(&self) -> bool {
        facts_of(&self.file).is_ok_and(|facts| facts.links == 0)
    }

    /// Copies a removed journal to a new file, possibly in a new folder.
    pub(super) fn make_again(&mut self, folder: &Arc<Dir>) -> Result<()> {
        let mut file = folder.create_file(&self.name).map_err(Error::io("create", &self.path))?;
        copy(&mut self.file, &mut file).map_err(Error::io("write", &self.path))?;
        (self.folder, self.file) = (Arc::clone(folder), file);
        Ok(())
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes what was pushed into `group` since the last tick, and syncs it to disk.
    pub(super) fn append(&mut self, group: &mut RowGroup, metadata: &Metadata) -> Result<()> {
        let tally = Tally::new(metadata);
        tally.put_into(&mut self.described);
        let is_due = self.entries < 2
            || self.entries.is_multiple_of(METADATA_EVERY_TICKS)
            || self.described != *metadata;
        let text = || serde_json::to_string(&Tally::without(metadata)).unwrap_or_default();
        let entry = JournaledTick { tally, metadata: is_due.then(text), rows: group.end_tick() };
        let content = postcard::to_stdvec(&entry)
            .map_err(|e| Error::io("write", &self.path)(std::io::Error::other(e.to_string())))?;
        let frame = self.packer.pack(&content).map_err(Error::io("write", &self.path))?;
        let mut bytes = std::mem::take(&mut self.base);
        bytes.extend_from_slice(&frame);
        self.file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(Error::io("write", &self.path))?;
        self.bytes += bytes.len() as u64;
        if entry.rows.is_base() {
            self.base = frame;
        }
        self.entries += 1;
        if is_due {
            self.described = metadata.clone();
        }
        Ok(())
    }

    /// Removes the journal, because its rows are in a row group now.
    pub(super) fn remove(self) -> Result<()> {
        match self.folder.remove_file(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(Error::io("remove", &self.path)),
        }
    }
}

/// Copies a whole file over another, and syncs it to disk.
pub(super) fn copy(from: &mut File, to: &mut File) -> io::Result<()> {
    io::Seek::rewind(from)?;
    io::copy(from, to)?;
    to.sync_all()
}

/// How much of a journal is legible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Legible {
    /// Bytes of the journal.
    pub(super) bytes: u64,
    /// How many of its bytes are no tick: damage, or from another version. An interrupted write at
    /// the end does not count, because that tick was never finished.
    pub(super) damaged: u64,
}

/// Passes every intact tick of a journal to `take`, with the metadata at that time.
pub(super) fn read(source: &Source, mut take: impl FnMut(TickRows, &Metadata)) -> Legible {
    let mut described = None;
    let (mut end, mut damaged) = (0, 0);
    frame::scan(source, |frame| {
        damaged += frame.start - end;
        end = frame.end;
        let entry =
            guard::ok_unless_panic(|| postcard::from_bytes::<JournaledTick>(&frame.content).ok()).flatten();
        let Some(entry) = entry else {
            damaged += frame.end - frame.start;
            return;
        };
        let newer = entry.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let mut metadata = newer.or(described.take()).unwrap_or_else(|| undescribed(entry.tally));
        entry.tally.put_into(&mut metadata);
        take(entry.rows, &metadata);
        described = Some(metadata);
    });
    if !frame::is_torn(source, end) {
        damaged += source.bytes() - end;
    }
    Legible { bytes: source.bytes(), damaged }
}

/// The metadata known if every complete copy was lost.
fn undescribed(tally: Tally) -> Metadata {
    Metadata {
        tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
        start_us: tally.end_us,
        start_mono_ns: tally.end_mono_ns,
        ..Metadata::default()
    }
}

/// Every journal in a folder by number, oldest first.
pub(super) fn list(folder: &Dir) -> io::Result<Vec<(u64, OsString)>> {
    let names = folder.names()?.into_iter();
    let mut journals: Vec<_> = names.filter_map(|name| Some((number_of(&name)?, name))).collect();
    journals.sort();
    Ok(journals)
}

/// The number of the row group in a journal's name; `None` for another file.
pub(super) fn number_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix(PREFIX)?;
    // Only the canonical form: `journal-00` and `journal-+0` are not netrec's.
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::capture::row_group::Absorbed;
    use crate::capture::{Protocol, Row};

    /// Writes a journal of `ticks` ticks with one row each; returns its path and the ends of its frames.
    fn journal(folder: &Path, ticks: u64) -> (PathBuf, Vec<u64>) {
        let dir = Arc::new(Dir::open(folder).unwrap());
        let mut journal = Journal::create(&dir, 3).unwrap();
        let mut group = RowGroup::default();
        let mut ends = Vec::new();
        for tick in 0..ticks {
            group.push(&Row {
                tick: tick as u32,
                ..Row::snapshot(1, Protocol::Udp, ("::1".parse().unwrap(), 53))
            });
            let metadata = Metadata {
                host_name: Some("web".to_owned()),
                ticks_taken: tick + 1,
                events_lost: Some(tick),
                ..Metadata::default()
            };
            journal.append(&mut group, &metadata).unwrap();
            ends.push(journal.bytes());
        }
        (folder.join("journal-3"), ends)
    }

    /// The number of rows, and the last metadata.
    fn read_all(path: &Path) -> (usize, Option<Metadata>) {
        let (rows, metadata, _) = read_legible(path);
        (rows, metadata)
    }

    /// The same, with the number of damaged bytes.
    fn read_legible(path: &Path) -> (usize, Option<Metadata>, u64) {
        let (mut absorbed, mut last) = (Absorbed::default(), None);
        let legible = read(&Source::File(File::open(path).unwrap()), |rows, metadata| {
            absorbed.add(rows);
            last = Some(metadata.clone());
        });
        (absorbed.group.len(), last, legible.damaged)
    }

    #[test]
    fn ticks_come_back_with_the_metadata_of_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = journal(folder.path(), 100);
        let (rows, metadata) = read_all(&path);
        let metadata = metadata.unwrap();
        assert_eq!((rows, metadata.ticks_taken, metadata.events_lost), (100, 100, Some(99)));
        assert_eq!(metadata.host_name.as_deref(), Some("web"));
        let dir = Dir::open(folder.path()).unwrap();
        assert_eq!(list(&dir).unwrap(), [(3, OsString::from("journal-3"))]);
    }

    #[test]
    fn a_journal_can_be_removed_although_it_is_gone_but_not_if_something_else_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Arc::new(Dir::open(folder.path()).unwrap());
        let path = folder.path().join("journal-3");
        Journal::create(&dir, 3).unwrap().remove().unwrap();
        assert!(!path.exists());
        let journal = Journal::create(&dir, 3).unwrap();
        fs::remove_file(&path).unwrap();
        journal.remove().unwrap();
        let journal = Journal::create(&dir, 3).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = journal.remove().unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()) && path.is_dir(), "{error}");
    }

    #[test]
    fn a_journal_that_was_cut_anywhere_gives_every_whole_tick() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ends) = journal(folder.path(), 5);
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let whole = ends.iter().filter(|end| **end <= length as u64).count();
            let (rows, metadata, damaged) = read_legible(&path);
            assert_eq!((rows, damaged), (whole, 0), "cut at {length}");
            assert_eq!(metadata.map_or(0, |metadata| metadata.ticks_taken), whole as u64);
        }
    }

    #[test]
    fn a_damaged_frame_takes_neither_another_tick_nor_the_metadata_along() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ends) = journal(folder.path(), 5);
        let whole = fs::read(&path).unwrap();
        for end in &ends {
            let mut bytes = whole.clone();
            bytes[*end as usize - 1] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let (rows, metadata, damaged) = read_legible(&path);
            assert!(damaged > 0, "a whole frame that is none is no torn end");
            // The first is the base, of which there is another copy.
            assert_eq!(rows, if *end == ends[0] { 5 } else { 4 });
            assert_eq!(metadata.unwrap().host_name.as_deref(), Some("web"));
        }
    }

    #[test]
    fn frames_that_are_no_ticks_are_counted_as_damage_with_all_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ends) = journal(folder.path(), 4);
        let whole = fs::read(&path).unwrap();
        let foreign = [frame::pack(b"another version's tick").unwrap(), frame::pack(b"x").unwrap()].concat();
        for at in [ends[1] as usize, whole.len()] {
            fs::write(&path, [&whole[..at], &foreign, &whole[at..]].concat()).unwrap();
            let (rows, _, damaged) = read_legible(&path);
            assert_eq!((rows, damaged), (4, foreign.len() as u64), "at {at}");
        }
    }

    #[test]
    fn ticks_cost_little_where_nothing_but_counters_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (_, ends) = journal(folder.path(), 10);
        assert!(ends[9] - ends[8] < 60, "{} bytes for one row", ends[9] - ends[8]);
    }
}
