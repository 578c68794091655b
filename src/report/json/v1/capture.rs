//! What version 1 says of the capture: the file, what it was imported from, and how complete it is.

use schemars::JsonSchema;
use serde::Serialize;

use super::UtcTime;

/// The file that was analysed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Capture {
    /// Its name, without its folder.
    pub file: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Version of its format.
    pub format_version: u32,
    /// Program that recorded it.
    pub recorded_by: String,
    /// Name of the host.
    pub host_name: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Identity of the host's boot.
    pub boot_id: Option<String>,
    /// Addresses of the host during the recording.
    pub host_addresses: Vec<String>,
    /// Privileges that the recorder had.
    pub privileges: Vec<String>,
    /// Start of the recording.
    pub start: UtcTime,
    /// End of the recording.
    pub end: UtcTime,
    /// Length of the recording in seconds, by the monotonic clock where there is one.
    pub duration_s: Option<f64>,
    /// Time between ticks as asked for, in ms.
    pub interval_ms: u64,
    /// Rows in the file.
    pub rows: u64,
    /// For imports: the file that was imported.
    pub import: Option<Import>,
    /// For a recording that was read from several files: which, and what lies between them; null for
    /// one file. `file` is then a pattern that their names fit, `bytes` their sum, and `sha256` that of
    /// the lines that `sha256sum` prints of them in this order.
    pub series: Option<Series>,
    /// How complete the recording is.
    pub completeness: Completeness,
}

/// The files of one recording.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Series {
    /// The files, in the order of time.
    pub files: Vec<SeriesFile>,
    /// Boots of the host.
    pub boots: u64,
    /// Stretches between two files in which nothing was recorded.
    pub gaps: Vec<SeriesGap>,
    /// Files that were given and could not be read, with the reason.
    pub unread: Vec<String>,
}

/// A file of a recording.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SeriesFile {
    /// Its name, without its folder.
    pub file: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its rows. A snapshot that it shares with the file before it is counted in both.
    pub rows: u64,
    /// Start of its recording.
    pub start: UtcTime,
    /// Its end.
    pub end: UtcTime,
}

/// A stretch of time between two files in which nothing was recorded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SeriesGap {
    /// The end of the file before it.
    pub from: UtcTime,
    /// The start of the file after it.
    pub to: UtcTime,
    /// `recorder-stopped`, `host-restarted` or `files-missing`.
    pub reason: String,
}

/// The file that a capture was imported from.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Import {
    /// Its name.
    pub file: String,
    /// Its format.
    pub format: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// What was read of all files, and what of it was not used; null for a capture of an older
    /// version.
    pub records: Option<ImportRecords>,
}

/// What an import read: every record is used, or counted once in `unused`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ImportRecords {
    /// What a record is, in the singular: `line`, `event`, `frame`, `socket`.
    pub unit: String,
    /// Records that were read, used or not.
    pub read: u64,
    /// Records that became rows.
    pub used: u64,
    /// Records that did not become rows, by reason and kind.
    pub unused: Vec<UnusedRecords>,
    /// Files of the given folders that were not imported, by reason and kind.
    pub files: Vec<UnusedRecords>,
}

/// Records of one kind that did not become rows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UnusedRecords {
    /// Why not.
    pub reason: UnusedReason,
    /// What they are.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// Where the first of them is: file and position.
    pub example: Option<String>,
    /// How that one begins; null for a record that is no text, and in a redacted report.
    pub example_text: Option<String>,
}

/// Why a record did not become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnusedReason {
    /// Damaged, truncated, or no record of this format: a gap.
    Unreadable,
    /// It tells of traffic in a way that cannot be used: a gap.
    Unsupported,
    /// It repeats what another record says.
    Duplicate,
    /// It is no connection, and was not expected to be one.
    NoConnection,
}

/// How complete the recording is, and what it could not have shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Completeness {
    /// Whether it missed something that it set out to record.
    pub degraded: bool,
    /// What could not be seen, in sentences.
    pub blind_spots: Vec<String>,
    /// Ticks planned; null for a recording without a set duration.
    pub ticks_planned: Option<u64>,
    /// Ticks taken.
    pub ticks_taken: u64,
    /// Ticks that were late or left out.
    pub ticks_late: u64,
    /// Events that the kernel dropped; null where no source of events ran.
    pub events_lost: Option<u64>,
    /// Connections in the capture.
    pub connections: u64,
    /// Of them, without a known owner.
    pub connections_without_owner: u64,
    /// Of them, without byte counts.
    pub connections_without_bytes: u64,
    /// A shorter connection may be missing altogether, in seconds; null where events between
    /// ticks were recorded.
    pub shortest_lifetime_s: Option<f64>,
    /// The shortest period that could have been seen, in seconds.
    pub shortest_period_s: Option<f64>,
    /// The longest period that could have been seen, in seconds.
    pub longest_period_s: Option<f64>,
    /// Every source of facts and how it fared.
    pub sources: Vec<Source>,
}

/// A source of facts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Source {
    /// Its short name.
    pub name: String,
    /// Whether it ran.
    pub status: SourceStatus,
    /// What it gave, or why it did not run and what is missing so.
    pub detail: String,
}

/// Whether a source ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceStatus {
    /// It saw all that it can see.
    Ran,
    /// It did not see everything.
    Partial,
    /// It did not run.
    Missing,
}
