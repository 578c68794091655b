//! The library's error type: what was being done, to which path, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, worded for the user who reads it on standard error.
///
/// Every variant names the file or the item concerned. None of them is a bug in netrec, except
/// [`Error::Analysis`]; other bugs panic.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read, written, created or renamed.
    #[error("cannot {action} {}: {}", path.display(), describe_io(source))]
    Io {
        /// What was being done, as a verb: `read`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The arguments are invalid or contradict each other.
    #[error("{0}")]
    Usage(String),
    /// There is no such file, but one with a similar name.
    #[error("cannot read {}: there is no such file or folder; did you mean {near}?", path.display())]
    Misspelt {
        /// The file as given.
        path: PathBuf,
        /// The file that was probably meant, quoted for a shell.
        near: String,
    },
    /// Standard output could not be written, for example because the disk is full.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The file is not a netrec capture: not Parquet, Parquet of another kind, or damaged.
    #[error("{} is not a netrec capture: {reason}", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Too many captures of a fleet could not be read to conclude anything from the others.
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
    /// The file cannot be imported, or not together with the others.
    #[error("cannot import {}: {reason}", path.display())]
    Import {
        /// The file or folder.
        path: PathBuf,
        /// What it looks like, and which formats are supported.
        reason: String,
    },
    /// The requested time is not in the capture.
    #[error("{}: {reason}", path.display())]
    Time {
        /// The capture.
        path: PathBuf,
        /// The time, and which times it has.
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
        /// The newest version that this program supports.
        supported: u32,
    },
    /// The output exists and may not be replaced.
    #[error("{} exists already: name another with -o, or replace it with --force", path.display())]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// Something is in the way that may not be netrec's.
    #[error("{} is left as it is: {reason}; name another output with -o", path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Why netrec does not treat it as its own.
        reason: String,
    },
    /// The configuration file is invalid.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key, and what is wrong with it.
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
    /// A request to object storage failed.
    #[error("cannot {action} {url}: {reason}")]
    Storage {
        /// What was being done, as a verb: `read`, `list`.
        action: &'static str,
        /// The object, as `s3://bucket/key`.
        url: String,
        /// The kind of failure.
        fault: StorageFault,
        /// What the storage answered, and what to do about it; contains no secrets.
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
    /// The system provides no more threads.
    #[error("no thread can be started: {0} (the number of processes is limited: ulimit -u, pids.max)")]
    Threads(#[source] io::Error),
    /// The host does not provide what a recording needs.
    #[error("cannot record: {0}")]
    Record(String),
    /// A table could not be built or queried: a bug in netrec, reported instead of a panic.
    #[error("internal error in the analysis: {0}")]
    Analysis(String),
    /// A chart or page could not be drawn.
    #[error("cannot draw {what}: {reason}")]
    Render {
        /// The chart or page.
        what: String,
        /// The library's error.
        reason: String,
    },
}

/// Why a request to object storage failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFault {
    /// There is no such object or bucket.
    Missing,
    /// Another object is there.
    Conflict,
    /// The storage refuses the request, and would refuse it again.
    Refused,
    /// No answer, or an invalid one: a later attempt may succeed.
    Unavailable,
}

impl Error {
    /// Whether a later attempt may succeed, according to the storage.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Storage { fault: StorageFault::Unavailable, .. })
    }

    /// For `map_err`: wraps an I/O error with the action and the path.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }
}

/// The system's message, with advice where the solution is clear.
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
