//! Captures and reports in object storage: `s3://bucket/key` wherever a path is accepted.
//!
//! An object is fetched into an unnamed private file, which disappears with the program however it
//! ends. It is shown by its URL everywhere.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use globset::GlobBuilder;

use super::sources::{ENDING, Source, UNFINISHED, WILDCARDS};
use crate::capture::{self, CaptureFile, Metadata};
use crate::error::StorageFault;
use crate::s3::{Client, Url, nameless};
use crate::safe_fs::Room;
use crate::{Error, Result};

/// Bytes fetched from the end of a capture to read its metadata; a longer footer takes a second request.
const TAIL_BYTES: u64 = 128 << 10;

/// The longest footer that is fetched without the rest.
const MOST_TAIL_BYTES: u64 = 64 << 20;

/// The end of a Parquet file: footer length and magic.
const END_BYTES: u64 = 8;

/// The storage that the environment configures.
static CLIENT: OnceLock<Client> = OnceLock::new();

/// The storage that the environment configures; its connections are kept open.
///
/// # Errors
/// [`Error::Usage`] if credentials are missing or a setting is invalid.
pub(super) fn client() -> Result<&'static Client> {
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let client = Client::from_environment()?;
    Ok(CLIENT.get_or_init(|| client))
}

/// Parses a name on the command line as an object's URL; `None` for a file.
///
/// # Errors
/// [`Error::Usage`] if it begins like a URL and is not valid.
pub(super) fn url_of(name: &Path) -> Result<Option<Url>> {
    let usage = |reason: String| Error::Usage(format!("{} is not read: {reason}", name.display()));
    Url::of_path(name).transpose().map_err(usage)
}

/// Opens a capture, local or in object storage.
///
/// # Errors
/// As [`CaptureFile::open`]; [`Error::Storage`].
pub(super) fn open(path: &Path) -> Result<CaptureFile> {
    match url_of(path)? {
        None => CaptureFile::open(path),
        Some(url) => CaptureFile::of_file(path, fetch(&url)?),
    }
}

/// Fetches an object. It may use half of the free space for temporary files.
///
/// # Errors
/// [`Error::Storage`], [`Error::Io`].
pub(super) fn fetch(url: &Url) -> Result<File> {
    let most = Room::of(&std::env::temp_dir()).map_or(u64::MAX, |room| room.free / 2);
    let mut file = nameless()?;
    client()?.download(url, &mut file, most)?;
    file.seek(SeekFrom::Start(0)).map_err(Error::io("read", url.to_path()))?;
    Ok(file)
}

/// The metadata of a finished capture. Of an object, only the end is fetched.
pub(super) fn finished_metadata(path: &Path) -> Option<Metadata> {
    match url_of(path).ok()? {
        None => capture::finished_metadata(path),
        Some(_) => Some(finished_metadata_and_size(path)?.0),
    }
}

/// The metadata of a finished capture, and its size in bytes.
pub(super) fn finished_metadata_and_size(path: &Path) -> Option<(Metadata, u64)> {
    let file = end_of(&url_of(path).ok()??)?;
    let bytes = file.metadata().ok()?.len();
    Some((capture::finished_metadata_of(path, file)?, bytes))
}

/// A sparse file of the object's size in which only the footer is fetched.
fn end_of(url: &Url) -> Option<File> {
    let (mut total, mut tail) = client().ok()?.tail(url, TAIL_BYTES).ok()?;
    let end = tail.len().checked_sub(END_BYTES as usize)?;
    let footer = u64::from(u32::from_le_bytes(tail.get(end..end + 4)?.try_into().ok()?)) + END_BYTES;
    if footer > tail.len() as u64 {
        if footer > MOST_TAIL_BYTES.min(total) {
            return None;
        }
        (total, tail) = client().ok()?.tail(url, footer).ok()?;
    }
    let mut file = nameless().ok()?;
    file.set_len(total).ok()?;
    file.seek(SeekFrom::Start(total - tail.len() as u64)).ok()?;
    file.write_all(&tail).ok()?;
    Some(file)
}

/// Whether a URL means several objects.
pub(super) fn is_several(url: &Url) -> bool {
    has_wildcard(url.key()) || !url.key().ends_with(ENDING)
}

/// The captures that a name matches, sorted. A key that is not a capture is included, so that
/// opening it reports why.
///
/// # Errors
/// [`Error::Storage`] if they cannot be listed, [`Error::NotACapture`] if there are none.
pub(super) fn expand(name: &Path, url: &Url) -> Result<Vec<Source>> {
    if !is_several(url) {
        return Ok(vec![Source { path: url.to_path(), is_named: true }]);
    }
    let is_pattern = has_wildcard(url.key());
    let from = if is_pattern { literal_prefix(url) } else { url.as_folder() };
    let listing = client()?.list(&from)?;
    let keys = listing.objects.into_iter().map(|object| object.key);
    let mut paths: Vec<PathBuf> = keys
        .chain(listing.refused.into_iter().map(|(key, _)| key))
        .filter_map(|key| capture_at(url, &key))
        .collect();
    if is_pattern {
        let glob = GlobBuilder::new(&url.to_string()).literal_separator(true).build();
        let glob = glob.map_err(|error| Error::Usage(error.to_string()))?.compile_matcher();
        paths.retain(|path| glob.is_match(path));
    }
    if paths.is_empty() && !is_pattern && !url.is_folder() {
        // An object with another ending.
        return Ok(vec![Source { path: url.to_path(), is_named: true }]);
    }
    if paths.is_empty() {
        let reason = format!("it contains no capture (an object that ends in {ENDING})");
        return Err(Error::NotACapture { path: name.to_path_buf(), reason });
    }
    paths.sort();
    Ok(paths.into_iter().map(|path| Source { path, is_named: false }).collect())
}

/// Fails if an object that was named does not exist.
///
/// # Errors
/// [`Error::Storage`].
pub(super) fn check_is_there(url: &Url) -> Result<()> {
    if client()?.head(url)?.is_some() {
        return Ok(());
    }
    Err(Error::Storage {
        action: "read",
        url: url.to_string(),
        fault: StorageFault::Missing,
        reason: "there is no such object".to_owned(),
    })
}

/// A key as a path if it names a capture rather than a file in the folder of a recording in progress.
fn capture_at(url: &Url, key: &str) -> Option<PathBuf> {
    let is_inside = key.split('/').rev().skip(1).any(|part| part.ends_with(UNFINISHED));
    (key.ends_with(ENDING) && !is_inside).then(|| url.with_key(key).to_path())
}

fn has_wildcard(text: &str) -> bool {
    text.contains(WILDCARDS)
}

/// The longest literal prefix of all objects that match a pattern.
fn literal_prefix(url: &Url) -> Url {
    let key = url.key();
    url.with_key(&key[..key.find(WILDCARDS).unwrap_or(key.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_is_listed_from_where_it_begins() {
        assert_eq!(literal_prefix(&url("s3://b/web/2026-*/x-?.parquet")).key(), "web/2026-");
        assert!(is_several(&url("s3://b/web-*.parquet")) && is_several(&url("s3://b/web")));
        assert!(!is_several(&url("s3://b/web.parquet")));
    }

    #[test]
    fn only_captures_are_taken_of_what_is_listed() {
        let at = |key: &str| capture_at(&url("s3://b/"), key).map(|path| path.display().to_string());
        assert_eq!(at("web/a.parquet").as_deref(), Some("s3://b/web/a.parquet"));
        assert_eq!(at("web/a.parquet.d/rows.parquet"), None);
        assert_eq!(at("web/manifest.json"), None);
    }
}
