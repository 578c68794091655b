//! File names on the command line, and which of them may be `-`.
//!
//! `-` is standard input or output where a stream makes sense, and refused with a message
//! elsewhere; it is never a file name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::escape;
use crate::s3::Url;
use crate::{Error, suggest};

/// Maximum number of files in a folder that are compared with a misspelt name.
const MOST_NEIGHBOURS: usize = 10_000;

/// A capture to read, local or in object storage.
pub(super) fn capture() -> impl TypedValueParser<Value = PathBuf> {
    no_stream(
        "a capture is read from its end, so it cannot come from standard input: save it to a file \
        first",
    )
}

/// A local capture to read.
pub(super) fn local_capture() -> impl TypedValueParser<Value = PathBuf> {
    refusing("this must be a file, not a standard stream")
}

/// A capture to write.
pub(super) fn new_capture() -> impl TypedValueParser<Value = PathBuf> {
    refusing("a capture is completed at its end, so it cannot go to standard output: name a file")
}

/// The folder of a report.
pub(super) fn folder() -> impl TypedValueParser<Value = PathBuf> {
    refusing("a report is a folder, so it cannot go to standard output: name a folder")
}

/// A folder, or objects under a prefix.
pub(super) fn folder_or_url() -> impl TypedValueParser<Value = PathBuf> {
    no_stream("a report is a folder, so it cannot go to standard output: name a folder")
}

/// Any other file.
pub(super) fn file() -> impl TypedValueParser<Value = PathBuf> {
    refusing("this must be a file, not a standard stream")
}

/// Whether a path means a standard stream.
pub(super) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// An error about a missing file that suggests the file that was probably meant.
pub(super) fn with_suggestion(path: &Path, error: Error) -> Error {
    let is_missing = matches!(&error, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound);
    match is_missing.then(|| neighbour(path)).flatten() {
        Some(near) => Error::Misspelt { path: path.to_path_buf(), near: escape::shell_path(&near) },
        None => error,
    }
}

/// The file in the same folder with the most similar name.
fn neighbour(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(listed).ok()?.take(MOST_NEIGHBOURS).filter_map(Result::ok);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let near = suggest::nearest(name, names.iter().map(String::as_str))?;
    Some(folder.join(near))
}

/// A local file or folder.
fn refusing(reason: &'static str) -> impl TypedValueParser<Value = PathBuf> {
    no_stream(reason).try_map(|path| {
        if Url::is_url(&path) {
            Err("this must be a file of this machine: object storage is for captures that are read, for netrec fleet \
                and for record --upload")
        } else {
            Ok(path)
        }
    })
}

fn no_stream(reason: &'static str) -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(move |path| {
        if is_stream(&path) { Err(format!("{reason} (./- is a file of that name)")) } else { Ok(path) }
    })
}
