//! The one error type of the library: what was being done, to which path, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, worded for the person who reads it on standard error.
///
/// Every variant names the file or the item it is about. None is a bug of the user's
/// program: a bug panics, and is ours to mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read, written, created or renamed.
    #[error("cannot {action} {}: {}", path.display(), describe_io(source))]
    Io {
        /// What was being done, as a verb: `read`, `create`.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was asked for does not go together.
    #[error("{0}")]
    Usage(String),
    /// There is no such file, but one whose name is near.
    #[error("cannot read {}: there is no such file or folder; did you mean {near}?", path.display())]
    Misspelt {
        /// The file that was named.
        path: PathBuf,
        /// The one that may have been meant, as a word for a shell.
        near: String,
    },
    /// Standard output could not be written: a full disk, a device that takes nothing.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The file is not a capture of netrec's: not Parquet, a foreign Parquet, damaged.
    #[error("{} is not a netrec capture: {reason}", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// Of the captures of a fleet too many could not be read to conclude anything from the others.
    #[error("nothing is concluded: {0}; repair or leave out what cannot be read, or raise --max-failed")]
    TooManyFailed(String),
    /// The file is a capture, but part of it cannot be read.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What could not be read.
        reason: String,
    },
    /// The file is none that can be imported, or not together with the others.
    #[error("cannot import {}: {reason}", path.display())]
    Import {
        /// The file or folder.
        path: PathBuf,
        /// What it looks like, and what is understood.
        reason: String,
    },
    /// The capture does not have the time that was asked for.
    #[error("{}: {reason}", path.display())]
    Time {
        /// The capture.
        path: PathBuf,
        /// The time, and which times there are.
        reason: String,
    },
    /// The capture was written by a newer netrec than this one.
    #[error(
        "{} has capture format version {found}, and this netrec reads up to version {supported}: use a newer netrec",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The version that the file states.
        found: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// The output is there already and may not be replaced.
    #[error("{} exists already: name another with -o, or replace it with --force", path.display())]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// Something is in the way that netrec cannot prove to be its own.
    #[error("{} is left as it is: {reason}; name another output with -o", path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Why it is taken for somebody else's.
        reason: String,
    },
    /// The configuration file says something that cannot be meant.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Which key, and what is wrong with it.
        reason: String,
    },
    /// A key for signatures could not be used.
    #[error("{} is not a usable key: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is needed instead.
        reason: String,
    },
    /// The capture is being written by another netrec at this moment.
    #[error("another netrec is writing {}: name another with -o, or end that one first", path.display())]
    Busy {
        /// The capture.
        path: PathBuf,
    },
    /// An object storage did not do what it was asked for.
    #[error("cannot {action} {url}: {reason}")]
    Storage {
        /// What was being done, as a verb: `read`, `list`.
        action: &'static str,
        /// To which object, as `s3://bucket/key`.
        url: String,
        /// What kind of failure it is.
        fault: StorageFault,
        /// What the storage said, and what to do about it; no secret.
        reason: String,
    },
    /// A geolocation database could not be used.
    #[error("{} is not a usable geolocation database: {reason}", path.display())]
    Geo {
        /// The file.
        path: PathBuf,
        /// What the database reader said.
        reason: String,
    },
    /// The system gives no more threads.
    #[error("no thread can be started: {0} (the number of processes is limited: ulimit -u, pids.max)")]
    Threads(#[source] io::Error),
    /// The host does not give what a recording needs.
    #[error("cannot record: {0}")]
    Record(String),
    /// A table could not be built or queried: a bug of ours, said instead of a panic.
    #[error("internal error in the analysis: {0}")]
    Analysis(String),
    /// A chart or page could not be drawn.
    #[error("cannot draw {what}: {reason}")]
    Render {
        /// Which chart or page.
        what: String,
        /// What the library said.
        reason: String,
    },
}

/// Why an object storage did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFault {
    /// There is no such object or bucket.
    Missing,
    /// Something else is there.
    Conflict,
    /// The storage refuses it, and would again.
    Refused,
    /// Nobody answered, or not as it should: it may go well another time.
    Unavailable,
}

impl Error {
    /// Whether the same may go well another time, as far as the storage says.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Storage { fault: StorageFault::Unavailable, .. })
    }

    /// For `map_err`: wraps an I/O error with what was being done to which path.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }
}

/// The system's message, with what to do where that is plain.
fn describe_io(error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder",
        io::ErrorKind::PermissionDenied => "permission denied (try another folder with -o, or root)",
        io::ErrorKind::StorageFull => "the disk is full: free some space, or name another disk with -o",
        io::ErrorKind::IsADirectory => "it is a folder, and a file is needed",
        io::ErrorKind::NotADirectory => "part of the path is a file, not a folder",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only: name another with -o",
        _ => return error.to_string(),
    };
    hint.to_owned()
}
