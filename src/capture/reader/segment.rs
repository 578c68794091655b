//! Bytes with a footer: a file of a capture, or the rows that a journal holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::ParquetMetaData;

use super::opening::{check_columns, describe, read_footer};
use super::statistics::GroupFacts;
use crate::capture::evidence::GroupHash;
use crate::capture::joined::Joint;
use crate::capture::sealed::Footer;
use crate::capture::source::Source;
use crate::{Error, Result, guard};

/// A footer by which the rows of a capture can be read; else the reason why they cannot.
pub(in crate::capture) fn readable(footer: ParquetMetaData) -> Result<ArrowReaderMetadata, String> {
    let read = || ArrowReaderMetadata::try_new(Arc::new(footer), ArrowReaderOptions::new());
    let footer =
        guard::ok_unless_panic(read).ok_or("its footer cannot be read")?.map_err(|e| describe(&e))?;
    check_columns(footer.schema())?;
    Ok(footer)
}

/// Bytes with a footer. A finished capture has one segment; an unfinished recording has two, the
/// rows in its row groups and those in its journal.
#[derive(Debug)]
pub(in crate::capture) struct FileSegment {
    pub(super) source: Source,
    /// None if it is read from the source whenever it is needed.
    footer: Option<ArrowReaderMetadata>,
    /// Whether the source has the footer, and not only the rows.
    is_finished: bool,
    pub(super) groups: Vec<GroupFacts>,
    /// The hash of each row group; empty if there are none.
    pub(super) hashes: Vec<GroupHash>,
    /// How its rows are joined with those of other files.
    pub(super) joint: Joint,
    /// Its path; `None` if it is the capture's own.
    pub(super) path: Option<PathBuf>,
}

impl FileSegment {
    /// The segment of rows whose footer is not in the source, as that of a recording that was interrupted.
    pub(in crate::capture) fn new(
        path: &Path,
        source: Source,
        footer: ParquetMetaData,
        hashes: Vec<GroupHash>,
    ) -> Result<Self> {
        let not_a_capture = |reason| Error::NotACapture { path: path.to_path_buf(), reason };
        let footer = readable(footer).map_err(not_a_capture)?;
        let groups = facts_of(&footer);
        let footer = Some(footer);
        Ok(Self { source, footer, is_finished: false, groups, hashes, joint: Joint::default(), path: None })
    }

    /// The segment of a finished file.
    pub(super) fn finished(path: &Path, source: Source, footer: Footer) -> Result<Self> {
        let segment = Self::new(path, source, footer.parquet, footer.evidence.row_groups)?;
        Ok(Self { is_finished: true, ..segment })
    }

    /// Lets the footer go if it can be read again: a row group has some 20 kB of it, which is too much for a capture
    /// of hundreds of files.
    pub(super) fn release_footer(&mut self) {
        if self.is_finished {
            self.footer = None;
        }
    }

    /// The footer; `capture` is the path of the whole.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is not the one with which the file was opened any more.
    pub(super) fn footer(&self, capture: &Path) -> Result<ArrowReaderMetadata> {
        if let Some(footer) = &self.footer {
            return Ok(footer.clone());
        }
        let (footer, _) = read_footer(self.path(capture), &self.source)?;
        let is_intact = footer.is_intact;
        let footer = readable(footer.parquet).map_err(|reason| self.error(capture, &reason))?;
        if is_intact && facts_of(&footer) == self.groups {
            Ok(footer)
        } else {
            Err(self.error(capture, "it was changed while it was read"))
        }
    }

    /// Its path; `capture` is the path of the whole.
    pub(super) fn path<'a>(&'a self, capture: &'a Path) -> &'a Path {
        self.path.as_deref().unwrap_or(capture)
    }

    pub(super) fn error(&self, capture: &Path, reason: &str) -> Error {
        Error::Damaged { path: self.path(capture).to_path_buf(), reason: reason.to_owned() }
    }
}

fn facts_of(footer: &ArrowReaderMetadata) -> Vec<GroupFacts> {
    footer.metadata().row_groups().iter().map(GroupFacts::of).collect()
}
