//! Where captures come from: this machine, or wherever whoever calls the map fetches them from.

use std::any::Any;

use super::batch::Source;
use crate::Result;
use crate::capture::{self, CaptureFile, Metadata};

/// Opens captures.
pub trait Captures: Sync {
    /// What a finished capture says about itself; none if it does not say.
    fn metadata(&self, source: &Source) -> Option<Metadata>;

    /// Opens the captures of a batch, in their order.
    ///
    /// # Errors
    /// If none of them can be had at this moment. What is wrong with one is said in its place.
    fn open(&self, sources: &[Source]) -> Result<Opened>;
}

/// The captures of a batch.
pub struct Opened {
    /// Each of them, or what is wrong with it.
    pub files: Vec<Result<CaptureFile>>,
    /// What they need for as long as they are read.
    pub held: Box<dyn Any>,
}

/// Files of this machine.
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
