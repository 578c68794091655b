//! Reads several files as one recording: a recorder's rotated files, across restarts and reboots of
//! one host.
//!
//! Nothing is copied: the joined capture has the row groups of all files, one after the other, and
//! each file has a [`Joint`] that says how to adapt its rows so that they continue the earlier
//! ones:
//!
//! | in the files | in the joined recording |
//! |---|---|
//! | a snapshot that two files share | read once, from the earlier file |
//! | `tick`, which restarts with each recording | ascends throughout |
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

/// The joined files, and the times that none of them covers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Joined {
    /// The common parts of the file names, as a pattern for netrec and a shell: `web-*.parquet`.
    pub pattern: String,
    /// The files, in time order.
    pub files: Vec<JoinedFile>,
    /// Number of boots of the host.
    pub boots: usize,
    /// Periods between two files in which nothing was recorded.
    pub gaps: Vec<Gap>,
    /// Files that were given but could not be read, with the reason.
    pub unread: Vec<String>,
}

/// A file of a joined recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JoinedFile {
    /// Its path.
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
    /// Xor mask that was applied to each of its `conn_id`.
    pub id_mask: u64,
}

impl JoinedFile {
    /// Its name without the folder.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// A period between two files in which nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// End of the previous file, µs since the Unix epoch, UTC.
    pub from_us: i64,
    /// Start of the next file.
    pub to_us: i64,
    /// The reason, if the files show it.
    pub reason: GapReason,
}

/// Why nothing was recorded between two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The recorder ended and was restarted later, in the same boot.
    RecorderStopped,
    /// The host was rebooted.
    HostRestarted,
    /// Files of the series are missing between the two.
    FilesMissing,
}

impl GapReason {
    /// The text in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RecorderStopped => "recorder-stopped",
            Self::HostRestarted => "host-restarted",
            Self::FilesMissing => "files-missing",
        }
    }
}

impl Joined {
    /// Whether a part of the recording is missing or could not be read. A stopped recorder or host
    /// does not count: nothing was recorded then.
    pub fn is_incomplete(&self) -> bool {
        !self.unread.is_empty() || self.gaps.iter().any(|gap| gap.reason == GapReason::FilesMissing)
    }
}

impl CaptureFile {
    /// Joins files, grouped and sorted by [`recordings`], into one capture. A single file stays as
    /// it is.
    pub fn join(files: Vec<Self>) -> Option<Self> {
        let links = order::links(&files);
        let joints = adapt::joints(&files, &links);
        let metadata = account::of(&files, &links, &joints);
        Self::of_files(files, &joints, metadata)
    }
}
