//! The captures of a fleet, local or in object storage. Each batch is fetched when its turn comes.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::capture::{CaptureFile, Metadata};
use crate::cli::storage;
use crate::fleet::{Captures, LocalFiles, Opened, Source};
use crate::s3::{Held, Space};
use crate::{Error, Result, parallel};

/// Objects fetched concurrently for each batch.
const FETCHES: usize = 8;

/// How to treat captures while the storage does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outage {
    /// Fails, because the caller retries.
    Fails,
    /// Reports each capture as a row with its error.
    IsToldOf,
}

/// Local captures, which are opened in place, and objects, which are fetched for as long as they are read.
pub(super) struct AnySource {
    outage: Outage,
    space: Space,
    /// The known sizes of objects.
    sizes: Mutex<BTreeMap<PathBuf, u64>>,
}

impl AnySource {
    pub(super) fn new(outage: Outage) -> Self {
        Self { outage, space: Space::default(), sizes: Mutex::default() }
    }

    /// The size of an object; 0 for a file, and for an object whose size cannot be read, which
    /// cannot be fetched either.
    fn size(&self, path: &Path) -> u64 {
        let known = |sizes: &BTreeMap<PathBuf, u64>| sizes.get(path).copied();
        if let Some(bytes) = known(&self.sizes.lock().unwrap_or_else(PoisonError::into_inner)) {
            return bytes;
        }
        let Ok(Some(url)) = storage::url_of(path) else { return 0 };
        let head = storage::client().and_then(|client| client.head(&url));
        head.ok().flatten().map_or(0, |head| head.bytes)
    }

    fn open_one(&self, path: &Path) -> Result<Result<CaptureFile>> {
        match storage::open(path) {
            Err(error) if self.outage == Outage::Fails && is_passing(&error) => Err(error),
            opened => Ok(opened),
        }
    }
}

/// Whether the error is temporary and not a fault of the capture.
fn is_passing(error: &Error) -> bool {
    let is_full = |source: &std::io::Error| {
        matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    };
    error.may_pass()
        || matches!(error, Error::Usage(_))
        || matches!(error, Error::Io { source, .. } if is_full(source))
}

impl Captures for AnySource {
    fn metadata(&self, source: &Source) -> Option<Metadata> {
        if matches!(storage::url_of(&source.path), Ok(None)) {
            return LocalFiles.metadata(source);
        }
        let (metadata, bytes) = storage::finished_metadata_and_size(&source.path)?;
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).insert(source.path.clone(), bytes);
        Some(metadata)
    }

    fn open(&self, sources: &[Source]) -> Result<Opened> {
        let is_remote = |source: &Source| !matches!(storage::url_of(&source.path), Ok(None));
        if !sources.iter().any(is_remote) {
            return LocalFiles.open(sources);
        }
        let fetches = FETCHES.min(sources.len());
        let sizes = parallel::map_with(sources, |source| self.size(&source.path), fetches);
        let held: Held = self.space.hold(sizes.iter().fold(0, |sum, size| sum.saturating_add(*size)))?;
        let files = parallel::map_with(sources, |source| self.open_one(&source.path), fetches);
        Ok(Opened { files: files.into_iter().collect::<Result<_>>()?, held: Box::new(held) as Box<dyn Any> })
    }
}
