//! Where the results of a fleet go: a folder, or objects under a prefix.
//!
//! Object storage has no folder that could be renamed when complete. The manifest replaces that
//! step: it is written last, and removed first before objects are replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::storage;
use crate::report::{Folder, manifest};
use crate::s3::{Body, Client, Put, Url};
use crate::{Error, Result, parallel};

/// Objects written concurrently.
const WRITES: usize = 8;

/// A report being written.
pub(super) struct ReportOutput {
    folder: Folder,
    remote: Option<Remote>,
}

/// Objects under a prefix.
struct Remote {
    client: &'static Client,
    url: Url,
    /// Keys of an earlier report.
    earlier: BTreeSet<String>,
}

impl ReportOutput {
    /// Checks, before the work starts, that the results may be written there.
    ///
    /// # Errors
    /// As [`Folder::prepare`]; [`Error::Storage`].
    pub(super) fn prepare(path: &Path, force: bool) -> Result<Self> {
        let Some(url) = storage::url_of(path)? else {
            return Ok(Self { folder: Folder::prepare(path, force)?, remote: None });
        };
        let remote = Remote::prepare(&url.as_folder(), force)?;
        Ok(Self { folder: Folder::without_name()?, remote: Some(remote) })
    }

    /// The folder in which the files are written.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Renames or uploads the results to their final place.
    ///
    /// # Errors
    /// As [`Folder::finish`]; [`Error::Storage`].
    pub(super) fn finish(self) -> Result<()> {
        match self.remote {
            None => self.folder.finish(),
            Some(remote) => remote.upload(&self.folder),
        }
    }
}

impl Remote {
    fn prepare(url: &Url, force: bool) -> Result<Self> {
        let client = storage::client()?;
        let listing = client.list(url)?;
        let is_empty = listing.objects.is_empty() && listing.refused.is_empty();
        if !is_empty && !force {
            return Err(Error::Exists { path: url.to_path() });
        }
        if let Some((key, _)) = listing.refused.first() {
            return Err(foreign(&url.with_key(key)));
        }
        let earlier: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
        let check = |key: &String| {
            let url = url.with_key(key);
            let is_own = client.head(&url)?.is_none_or(|head| head.is_own);
            if is_own { Ok(()) } else { Err(foreign(&url)) }
        };
        parallel::map_with(&earlier, check, WRITES).into_iter().collect::<Result<()>>()?;
        Ok(Self { client, url: url.clone(), earlier: earlier.into_iter().collect() })
    }

    fn upload(&self, folder: &Folder) -> Result<()> {
        let manifest = self.url.join(manifest::FILE);
        if self.earlier.contains(manifest.key()) {
            self.client.remove(&manifest)?;
        }
        let names: Vec<String> = folder.entries().into_iter().map(|entry| entry.path).collect();
        let names: Vec<String> = names.into_iter().filter(|name| name != manifest::FILE).collect();
        let write = |name: &String| self.write(folder, name);
        parallel::map_with(&names, write, WRITES).into_iter().collect::<Result<()>>()?;
        let written: BTreeSet<String> =
            names.iter().map(|name| self.url.join(name).key().to_owned()).collect();
        let left: Vec<&String> =
            self.earlier.iter().filter(|key| !written.contains(*key) && *key != manifest.key()).collect();
        let remove = |key: &&String| self.client.remove(&self.url.with_key(key));
        parallel::map_with(&left, remove, WRITES).into_iter().collect::<Result<()>>()?;
        self.write(folder, manifest::FILE)
    }

    fn write(&self, folder: &Folder, name: &str) -> Result<()> {
        let url = self.url.join(name);
        let file = folder.open(name)?;
        let bytes = file.metadata().map_err(Error::io("read", url.to_path()))?.len();
        self.client.put(&url, Body::File(&file, bytes), Put::Over).map(drop)
    }
}

fn foreign(url: &Url) -> Error {
    Error::Foreign { path: url.to_path(), reason: "netrec did not write it".to_owned() }
}

/// Reads the tables in a folder or under a prefix into a reducer.
///
/// # Errors
/// As [`crate::fleet::Reducer::read`]; [`Error::Storage`].
pub(super) fn read_tables(reducer: &crate::fleet::Reducer, path: &Path) -> Result<()> {
    let Some(url) = storage::url_of(path)? else { return reducer.read(path).map(drop) };
    let url = url.as_folder();
    let objects = storage::client()?.list(&url)?.objects;
    // Only direct children, as in a local folder.
    let is_direct = |key: &str| key.strip_prefix(url.key()).is_some_and(|name| !name.contains('/'));
    let keys = objects.into_iter().map(|object| object.key).filter(|key| is_direct(key));
    let paths: Vec<PathBuf> = keys.map(|key| url.with_key(&key).to_path()).collect();
    let open = |path: &Path| match storage::url_of(path)? {
        Some(url) => storage::fetch(&url),
        None => Err(Error::Usage(format!("{} is no object", path.display()))),
    };
    reducer.read_files(path, paths, &open).map(drop)
}
