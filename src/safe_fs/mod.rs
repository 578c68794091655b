//! The only way in which netrec creates, replaces and removes files.
//!
//! netrec runs as root, often in folders that others may write to. Therefore:
//!
//! - everything is done relative to an open folder ([`Dir`]), and no link is followed below it;
//! - everything is created with `O_EXCL`, readable only by its owner from the first byte on;
//! - a file gets its name when it is complete ([`NewFile`]), and replaces only what netrec wrote;
//! - unfinished files are removed when a signal ends the program ([`pending`]).

#[cfg(unix)]
#[path = "dir_unix.rs"]
mod dir;
#[cfg(not(unix))]
#[path = "dir_portable.rs"]
mod dir;
mod new_dir;
mod new_file;
mod owner;
pub(crate) mod pending;
mod room;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::Path;

pub(crate) use dir::{Dir, facts_of};
pub(crate) use new_dir::NewDir;
pub(crate) use new_file::{NewFile, check_replaceable, make_hidden_dir};
pub use owner::User;
pub(crate) use owner::{is_mine, is_own};
pub(crate) use room::Room;

use crate::{Error, Result};

/// The kind of a file system entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Dir,
    Link,
    /// A pipe, a device, a socket.
    Other,
}

/// The metadata of a name, without following a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    /// The user who owns it.
    pub(crate) uid: u32,
    /// The group that owns it.
    pub(crate) gid: u32,
    /// The permissions, as the system encodes them.
    pub(crate) mode: u32,
    /// The number of hard links.
    pub(crate) links: u64,
    pub(crate) bytes: u64,
    /// Device and inode: equal for two names of the same file.
    pub(crate) identity: (u64, u64),
}

/// Whether a rename may replace an existing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    No,
    Yes,
}

/// The name of a file in its folder.
///
/// # Errors
/// [`Error::Io`] if the path ends without a name: `..`, `/`, an empty path.
pub(crate) fn file_name(path: &Path) -> Result<&OsStr> {
    let ends_in_slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    match path.file_name() {
        Some(name) if !ends_in_slash => Ok(name),
        _ => Err(Error::io("create", path)(std::io::Error::other("it does not end in the name of a file"))),
    }
}

/// A name with an ending appended.
pub(crate) fn with_ending(name: &OsStr, ending: &str) -> OsString {
    let mut longer = name.to_owned();
    longer.push(ending);
    longer
}

/// Opens a file given by the user for reading: only a regular file, and without waiting for the
/// other end of a pipe.
///
/// # Errors
/// The system's error; for anything but a regular file, what it is.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    if kind.is_file() { Ok(file) } else { Err(not_regular()) }
}

fn not_regular() -> std::io::Error {
    std::io::Error::other("it is not a regular file")
}

/// A sentence about what is in the way of a file to be replaced.
pub(crate) fn describe_foreign(facts: &Facts) -> &'static str {
    match facts.kind {
        Kind::Dir => "it is a folder",
        Kind::Link => "it is a symbolic link",
        Kind::Other => "it is not a regular file",
        Kind::File if facts.links > 1 => "it has a second name (a hard link)",
        Kind::File => "it belongs to another user",
    }
}
