//! Writes a capture: collects rows, sorts and compresses row groups, and loses nothing on an interruption.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{Folder, Origin, ROWS};
use super::journal::Journal;
use super::keys::SigningKey;
use super::partial_file::{Finished, PartialFile};
use super::reader::finished_metadata;
use super::row_group::RowGroup;
use super::{Metadata, Row, recover};
use crate::safe_fs::{Dir, Replace, check_replaceable, file_name};
use crate::{Error, Result};

/// Rows per row group: long enough runs of each connection for good compression, few enough that
/// collecting them takes little memory (measured in `benches/`).
pub(super) const ROW_GROUP_ROWS: usize = 128 * 1024;

/// A recorder ends its row groups with a tick, so that a tick is never split; for writers without
/// ticks, row groups end here.
const MOST_ROWS: usize = 2 * ROW_GROUP_ROWS;

/// A journal that exceeds this size is ended with its row group: other users choose command lines,
/// which may be long.
const JOURNAL_BYTES: u64 = 32 * 1024 * 1024;

/// Whether an existing capture may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and the writer returns an error.
    Never,
    /// It is replaced when the new one is complete, if it is an unchanged capture. Anything else is
    /// not netrec's, and stays.
    Allowed,
}

impl Overwrite {
    pub(crate) fn replace(self) -> Replace {
        match self {
            Self::Never => Replace::No,
            Self::Allowed => Replace::Yes,
        }
    }
}

/// Writes one capture in a folder beside its path; [`Writer::finish`] renames it.
///
/// After [`Writer::end_tick`] the tick is on disk and can be recovered whatever happens. A writer
/// that is dropped leaves that for [`super::recover()`], and nothing if no tick ended.
pub struct Writer {
    path: PathBuf,
    overwrite: Overwrite,
    /// `None` after the folder was removed.
    folder: Option<Folder>,
    growing: Option<PartialFile>,
    journal: Option<Journal>,
    group: RowGroup,
    rows: u64,
    /// The recording's metadata at the last tick; `None` before the first.
    described: Option<Metadata>,
    key: Option<SigningKey>,
    group_may_read: bool,
}

impl Writer {
    /// Creates the folder in which the capture grows. An unfinished recording in the way is
    /// completed under another name, and the rest of an import is removed ([`recover::set_aside`]).
    ///
    /// # Errors
    /// [`Error::Exists`] if `path` exists and `overwrite` does not allow replacing it;
    /// [`Error::Foreign`] if it, or the folder, is not netrec's; [`Error::Busy`] if another process
    /// is recording to `path`; [`Error::Io`] if the folder cannot be created.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<Self> {
        Self::create_of(Origin::Recording, path, overwrite)
    }

    /// The same for an import, which can be repeated: its rest after an interruption blocks nobody.
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn create_for_import(path: &Path, overwrite: Overwrite) -> Result<Self> {
        Self::create_of(Origin::Import, path, overwrite)
    }

    fn create_of(origin: Origin, path: &Path, overwrite: Overwrite) -> Result<Self> {
        check_target(path, overwrite)?;
        recover::set_aside(path)?;
        let folder = Folder::create(path, origin)?;
        let dir = Arc::clone(folder.dir());
        let mut writer = Self {
            path: path.to_path_buf(),
            overwrite,
            // Stored in the writer before anything else, so that dropping it removes the folder.
            folder: Some(folder),
            growing: None,
            journal: None,
            group: RowGroup::default(),
            rows: 0,
            described: None,
            key: None,
            group_may_read: false,
        };
        writer.growing = Some(PartialFile::create(&dir, ROWS)?);
        Ok(writer)
    }

    /// Signs the capture when it is finished.
    #[must_use]
    pub fn signed_with(mut self, key: Option<SigningKey>) -> Self {
        self.key = key;
        self
    }

    /// Whether the group of the finished capture may read it; otherwise only its owner may.
    #[must_use]
    pub fn readable_by_group(mut self, group_may_read: bool) -> Self {
        self.group_may_read = group_may_read;
        self
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Io`] if a row group cannot be written, for example on a full disk.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        self.group.push(row);
        self.rows += 1;
        if self.group.len() >= MOST_ROWS {
            self.flush_group(&self.described.clone().unwrap_or_default())?;
        }
        Ok(())
    }

    /// Ends a tick: when this returns, the rows so far are on disk and can be recovered even after
    /// a power cut. `metadata` is what is known of the recording so far.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be written; earlier ticks are safe.
    pub fn end_tick(&mut self, metadata: Metadata) -> Result<()> {
        self.make_again_if_removed()?;
        let is_full = self.group.len() >= ROW_GROUP_ROWS
            || self.journal.as_ref().is_some_and(|journal| journal.bytes() >= JOURNAL_BYTES);
        if is_full {
            self.flush_group(&metadata)?;
        } else {
            self.append_to_journal(&metadata)?;
        }
        self.described = Some(metadata);
        if let Some(folder) = &self.folder {
            folder.note_evidence();
        }
        Ok(())
    }

    /// Ends the row group if it is full, between two ticks, without syncing: for importers, which
    /// can be run again and need no journal.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn end_row_group_if_full(&mut self, metadata: &Metadata) -> Result<()> {
        if self.group.len() >= ROW_GROUP_ROWS { self.flush_group(metadata) } else { Ok(()) }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of finished row groups on disk so far; the journal is not counted.
    pub fn bytes_written(&self) -> u64 {
        self.growing.as_ref().map_or(0, PartialFile::bytes)
    }

    /// Row groups in the file so far; the metadata of each stay in memory until the end.
    pub fn row_groups(&self) -> u64 {
        self.growing.as_ref().map_or(0, PartialFile::next_index)
    }

    /// Rows in memory that wait for their row group.
    pub fn rows_in_memory(&self) -> u64 {
        self.group.len() as u64
    }

    /// Writes the remaining rows and the metadata, seals the file, syncs it, and renames it.
    ///
    /// `metadata.rows` and `metadata.format_version` are filled in here.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be completed or renamed, [`Error::Exists`] if its name has been
    /// taken since. Every finished tick of a recording is safe in the folder then; an import is removed.
    pub fn finish(mut self, metadata: &Metadata) -> Result<Finished> {
        match self.publish(metadata) {
            Ok(finished) => {
                self.folder.take().map_or(Ok(false), Folder::remove)?;
                Ok(finished)
            }
            Err(error) => {
                if self.folder.as_ref().is_some_and(|folder| folder.origin() == Origin::Import) {
                    self.abandon();
                }
                Err(error)
            }
        }
    }

    fn publish(&mut self, metadata: &Metadata) -> Result<Finished> {
        self.make_again_if_removed()?;
        self.flush_group(metadata)?;
        let Some(mut growing) = self.growing.take() else { return Err(self.gone()) };
        growing.given_to = self.folder.as_ref().and_then(Folder::receiver);
        growing.group_may_read = self.group_may_read;
        let finished = growing.finish(metadata, self.key.as_ref())?;
        self.described = Some(metadata.clone());
        check_target(&self.path, self.overwrite)?;
        let Some(folder) = &self.folder else { return Err(self.gone()) };
        folder.publish(&self.path, self.overwrite.replace())?;
        Ok(finished)
    }

    /// Removes everything, including finished row groups: for data that can be written again.
    pub fn abandon(mut self) {
        self.journal = None;
        self.growing = None;
        if let Some(folder) = self.folder.take() {
            // An error here is irrelevant: the error that led here is reported.
            let _ = folder.remove();
        }
    }

    /// Recreates the folder, or a file in it, that someone else has removed, from the open handles.
    fn make_again_if_removed(&mut self) -> Result<()> {
        let (Some(folder), Some(growing)) = (&mut self.folder, &mut self.growing) else { return Ok(()) };
        if folder.was_removed() {
            folder.make_again(&self.path)?;
        }
        if growing.was_removed() {
            growing.make_again(folder.dir(), ROWS)?;
        }
        if let Some(journal) = self.journal.as_mut().filter(|journal| journal.was_removed()) {
            journal.make_again(folder.dir())?;
        }
        Ok(())
    }

    /// Writes the collected rows to the file; their journal is then no longer needed.
    pub(super) fn flush_group(&mut self, metadata: &Metadata) -> Result<()> {
        if self.group.len() == 0 {
            return Ok(());
        }
        let Some(growing) = &mut self.growing else { return Err(self.gone()) };
        growing.append(&mut self.group, metadata)?;
        self.journal.take().map_or(Ok(()), Journal::remove)
    }

    fn append_to_journal(&mut self, metadata: &Metadata) -> Result<()> {
        if self.journal.is_none() {
            let (Some(folder), Some(growing)) = (&self.folder, &self.growing) else {
                return Err(self.gone());
            };
            self.journal = Some(Journal::create(folder.dir(), growing.next_index())?);
        }
        let Some(journal) = &mut self.journal else { return Err(self.gone()) };
        journal.append(&mut self.group, metadata)
    }

    fn gone(&self) -> Error {
        Error::io("write", &self.path)(std::io::Error::other("the file has been finished already"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.described.is_some() || self.bytes_written() > 4 {
            return;
        }
        if let Some(folder) = self.folder.take() {
            // An error has nowhere to go; an empty folder does no harm.
            let _ = folder.remove();
        }
    }
}

/// Refuses what may not be replaced: everything, or anything but an unchanged capture of netrec.
///
/// # Errors
/// [`Error::Exists`], [`Error::Foreign`], [`Error::Io`].
pub(super) fn check_target(path: &Path, overwrite: Overwrite) -> Result<()> {
    let dir = Dir::of_file(path).map_err(Error::io("create", path))?;
    let name = file_name(path)?;
    check_replaceable(&dir, name, path, overwrite.replace())?;
    let is_there = dir.facts(name).map_err(Error::io("create", path))?.is_some();
    if is_there && finished_metadata(path).is_none() {
        let reason = "it is not a capture by netrec, or it was changed".to_owned();
        return Err(Error::Foreign { path: path.to_path_buf(), reason });
    }
    Ok(())
}
