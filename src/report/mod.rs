//! The report folder: what is attached to the ticket.

pub mod charts;
pub mod escape;

use std::path::{Path, PathBuf};

use crate::Result;
use crate::analyze::Analysis;

/// What the report says of the file that was analysed, beyond its own metadata.
#[derive(Debug, Clone)]
pub struct CaptureIdentity {
    /// Name of the file, without its folder.
    pub file_name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Writes every part of the report into `folder`, and gives their paths.
///
/// The folder is made beside its place under a temporary name and then renamed, so that
/// there is a whole report or none.
///
/// # Errors
/// [`crate::Error::Exists`], [`crate::Error::Io`], [`crate::Error::Render`].
pub fn write(_analysis: &Analysis, _capture: &CaptureIdentity, _folder: Folder) -> Result<Vec<PathBuf>> {
    Ok(Vec::new())
}

/// A report folder that is being made; gone when dropped before it is whole.
#[derive(Debug)]
pub struct Folder {}

impl Folder {
    /// Makes a temporary folder beside `path`, so that an unwritable place is said before
    /// the work, and not after.
    ///
    /// # Errors
    /// [`crate::Error::Exists`] if `path` is there and is not to be replaced,
    /// [`crate::Error::Io`] if no folder can be made there.
    pub fn prepare(_path: &Path, _replace: bool) -> Result<Self> {
        Ok(Self {})
    }
}
