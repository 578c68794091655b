//! Databases in files.

use std::fs;
use std::path::{Path, PathBuf};

use super::database::Database;
use super::unusable;
use crate::{Error, Result};

/// Maximum file size, because a database is read into memory as a whole; the largest worldwide ones
/// have less than half of this.
const MOST_BYTES: u64 = 1 << 30;

/// Opens and tests a database.
pub(super) fn open(path: &Path) -> Result<Database> {
    let facts = fs::metadata(path).map_err(Error::io("read", path))?;
    if !facts.is_file() {
        return Err(unusable(path, "it is not a file"));
    }
    if facts.len() > MOST_BYTES {
        return Err(unusable(path, format!("it is larger than {} MB", MOST_BYTES >> 20)));
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    Database::new(bytes.into(), &file_name(path)).map_err(|reason| unusable(path, reason))
}

/// The databases in a folder by name; none if there is no such folder.
pub(super) fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mmdb")))
        .collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
