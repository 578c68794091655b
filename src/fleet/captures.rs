//! The source of captures: this machine, or any storage that the caller fetches them from.

use std::any::Any;

use super::batch::Source;
use crate::Result;
use crate::capture::{self, CaptureFile, Metadata};

/// Opens captures.
pub trait Captures: Sync {
    /// The metadata of a finished capture; `None` if unavailable.
    fn metadata(&self, source: &Source) -> Option<Metadata>;

    /// Opens the captures of a batch, in their order.
    ///
    /// # Errors
    /// If none of them is available now. An error about a single one is returned in its place.
    fn open(&self, sources: &[Source]) -> Result<Opened>;
}

/// The captures of a batch.
pub struct Opened {
    /// Each of them, or its error.
    pub files: Vec<Result<CaptureFile>>,
    /// Keeps them accessible for as long as they are read.
    pub held: Box<dyn Any>,
}

/// Local files.
#[derive(Debug, Clone, Copy)]
pub struct LocalFiles;

impl Captures for LocalFiles {
    fn metadata(&self, source: &Source) -> Option<Metadata> {
        capture::finished_metadata(&source.path)
    }

    fn open(&self, sources: &[Source]) -> Result<Opened> {
        let files = sources.iter().map(|source| CaptureFile::open(&source.path)).collect();
        Ok(Opened { files, held: Box::new(()) })
    }
}
