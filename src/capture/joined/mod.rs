//! Several files read as one recording: what a recorder's rotation leaves, through restarts and
//! reboots of one host.
//!
//! Nothing is copied: the joined capture has the row groups of all files, one after the other, and
//! each file has a [`Joint`] that says how its rows are read so that they continue those before:
//!
//! | in the files | in the joined recording |
//! |---|---|
//! | a snapshot that two files share | read once, from the earlier file |
//! | `tick`, which starts anew with each recording | ascends throughout |
//! | `conn_id`, which is unique within a boot | unique: from the second boot on, bits 48 to 62 hold the boot's number |
//!
//! Files of several hosts, and recordings of one host that overlap in time, are not joined.

mod account;
mod adapt;
mod order;

use std::path::PathBuf;

pub(super) use self::adapt::{Cut, Joint};
pub use self::order::{Recordings, recordings};
use super::reader::CaptureFile;

/// Files that were joined, and the time that none of them covers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Joined {
    /// What the names of the files have in common, as a pattern that netrec and a shell understand:
    /// `web-*.parquet`.
    pub pattern: String,
    /// The files, in the order of time.
    pub files: Vec<JoinedFile>,
    /// Boots of the host.
    pub boots: usize,
    /// Stretches between two files in which nothing was recorded.
    pub gaps: Vec<Gap>,
    /// Files that were given and could not be read, with the reason.
    pub unread: Vec<String>,
}

/// A file of a joined recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JoinedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its rows, by its metadata.
    pub rows: u64,
    /// Start of its recording, µs since the Unix epoch, UTC.
    pub start_us: i64,
    /// Its end.
    pub end_us: i64,
    /// The boot in which it was recorded.
    pub boot_id: Option<String>,
    /// What each of its `conn_id` was changed by, by exclusive or.
    pub id_mask: u64,
}

impl JoinedFile {
    /// Its name without the folder.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// A stretch of time between two files in which nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The end of the file before, µs since the Unix epoch, UTC.
    pub from_us: i64,
    /// The start of the file after it.
    pub to_us: i64,
    /// Why, as far as the files tell.
    pub reason: GapReason,
}

/// Why nothing was recorded between two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The recorder ended and was started again later, in the same boot.
    RecorderStopped,
    /// The host was restarted.
    HostRestarted,
    /// Files of the series are missing between the two.
    FilesMissing,
}

impl GapReason {
    /// The text that stands in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RecorderStopped => "recorder-stopped",
            Self::HostRestarted => "host-restarted",
            Self::FilesMissing => "files-missing",
        }
    }
}

impl Joined {
    /// Whether something that belongs to the recording was not given or could not be read. That a
    /// recorder or a host was stopped is no loss: there is nothing to be given.
    pub fn is_incomplete(&self) -> bool {
        !self.unread.is_empty() || self.gaps.iter().any(|gap| gap.reason == GapReason::FilesMissing)
    }
}

impl CaptureFile {
    /// Makes one capture of files, which [`recordings`] put together and in their order. One file
    /// stays as it is.
    pub fn join(files: Vec<Self>) -> Option<Self> {
        let links = order::links(&files);
        let joints = adapt::joints(&files, &links);
        let metadata = account::of(&files, &links, &joints);
        Self::of_files(files, &joints, metadata)
    }
}
