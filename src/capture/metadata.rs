//! What a capture says about itself: where, when, how, and what it could not see.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::import_stats::ImportStats;
use super::joined::Joined;

/// What every metadata key of the file begins with.
pub const PREFIX: &str = "netrec.";

/// The file metadata, one Parquet key-value pair per field.
///
/// Times by the wall clock are µs since the Unix epoch, UTC; times by the monotonic
/// clock are ns since the boot of the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// Version of the capture format.
    pub format_version: u32,
    /// Name and version of the program that wrote the file.
    pub tool_version: String,
    /// Host name; null where it is not known (some imports).
    pub host_name: Option<String>,
    /// Operating system and its version.
    pub os: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Identity of the host that survives restarts and new names, and tells nothing else of it: 128 bits
    /// in hexadecimal, of HMAC-SHA256 keyed by /etc/machine-id over a constant of netrec's. Null where
    /// there is none, and in files by earlier versions.
    #[serde(default)]
    pub machine_id: Option<String>,
    /// Identity of the host's boot; monotonic times compare only within one.
    pub boot_id: Option<String>,
    /// Start of the recording by the wall clock, µs since the Unix epoch, UTC.
    pub start_us: i64,
    /// End of the recording by the wall clock, µs since the Unix epoch, UTC.
    pub end_us: i64,
    /// Start of the recording by the monotonic clock, ns.
    pub start_mono_ns: i64,
    /// End of the recording by the monotonic clock, ns.
    pub end_mono_ns: i64,
    /// Time between ticks as asked for, ms.
    pub interval_ms: u64,
    /// Every change of the time between ticks, in the order of time, to stay within a budget; the
    /// first of a file may have come before its start.
    #[serde(default)]
    pub interval_changes: Vec<IntervalChange>,
    /// Privileges that the recorder had: `root`, names of capabilities; empty for none.
    pub privileges: Vec<String>,
    /// The recorder's own process ids: one, and of a recording that was read from several files one for each run. Empty
    /// for imports and in files by earlier versions.
    #[serde(default)]
    pub recorder_pids: Vec<u32>,
    /// Every source of facts: whether it ran, and if not, why and what is missing so.
    pub sources: Vec<SourceReport>,
    /// Ticks planned; null for a recording without a set duration.
    pub ticks_planned: Option<u64>,
    /// Ticks taken.
    pub ticks_taken: u64,
    /// Ticks that began later than half an interval after their time, or were left out.
    pub ticks_late: u64,
    /// Events that the kernel dropped before they were read; null where no source of events ran.
    pub events_lost: Option<u64>,
    /// Rows in the file.
    pub rows: u64,
    /// Addresses of the host during the recording, needed for the direction of connections.
    pub host_addresses: Vec<String>,
    /// For a recording that goes on in further files: the place of this one among them.
    pub series: Option<SeriesPart>,
    /// For imports: the file that was imported, of several the first.
    pub import: Option<ImportSource>,
    /// For imports: every file that was imported.
    #[serde(default)]
    pub imports: Vec<ImportSource>,
    /// For imports: what was read, and what of it is not in the capture, with the reasons.
    #[serde(default)]
    pub import_stats: Option<ImportStats>,
    /// For imports, which may hold many hosts: the networks that count as inside, given by the
    /// files or by whoever imported them; empty for the private ones.
    #[serde(default)]
    pub inside: Vec<String>,
    /// Stretches that are in no file, because there was no room for them on the disk: those since the
    /// file before this one ended.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// In words: that the recording did not end by itself, or that part of the file is damaged,
    /// and what is there; null for a capture that is whole.
    pub recovered: Option<String>,
    /// The files of a recording that was read from several. In no file.
    #[serde(skip)]
    pub joined: Option<Box<Joined>>,
}

/// A change of the time between ticks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntervalChange {
    /// When, µs since the Unix epoch, UTC.
    pub at_us: i64,
    /// The tick from which on it holds.
    pub tick: u64,
    /// Time between ticks from then on, ms.
    pub interval_ms: u64,
    /// CPU that the recorder had used before, percent of one core.
    pub cpu_percent: f64,
}

/// A stretch of time in which nothing could be written, because the disk was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// The last snapshot that was written before, µs since the Unix epoch, UTC.
    pub from_us: i64,
    /// The first one that was written again, or the end of the recording.
    pub to_us: i64,
    /// Snapshots between them, of which none is in a file.
    pub ticks: u64,
    /// Their rows, and those of the events between them.
    pub rows: u64,
}

/// The place of a file in a recording of several.
///
/// Two files that follow each other share one snapshot: with it one ends and the other begins, so
/// that every byte is counted in one of them. Only a pause lies between two that do not. `tick` and
/// `conn_id` go on through all files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesPart {
    /// Name of the series: what the names of all its files begin with.
    pub name: String,
    /// Number of the file in its recording, from 1.
    pub part: u32,
    /// Number of the file in the series, through all recordings: a later file has a higher one,
    /// whatever the clock said. Null for files by earlier versions.
    #[serde(default)]
    pub sequence: Option<u64>,
    /// The file before it in its recording.
    pub previous: Option<PreviousPart>,
}

/// The file before another one in a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviousPart {
    /// Its name.
    pub file: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// One source of facts and how it fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceReport {
    /// Short fixed name: `sock_diag`, `proc-owners`.
    pub name: String,
    /// Whether it ran.
    pub status: SourceStatus,
    /// In words: what it gave; or why it did not run and what the capture lacks so.
    pub detail: String,
}

/// Whether a source ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceStatus {
    /// It ran and saw all that it can see.
    Ran,
    /// It ran, but did not see everything.
    Partial,
    /// It did not run.
    Missing,
}

/// A file from which a capture was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportSource {
    /// Name of the file.
    pub file: String,
    /// Its format: `zeek`, `eve`, `ss`, `pcap`, `lsof`, `proc-net`, `sysmon`.
    pub format: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

impl ImportSource {
    /// What it is, in words that go on after "from".
    pub fn kind(&self) -> &str {
        match self.format.as_str() {
            "pcap" => "a packet capture",
            "zeek" => "logs of Zeek",
            "eve" => "events of Suricata",
            "ss" => "the output of ss or netstat",
            "lsof" => "the output of lsof",
            "proc-net" => "tables of /proc/net",
            "sysmon" => "Windows events",
            "conntrack" => "entries of conntrack",
            "socket-table" => "tables of sockets",
            "vpc-flow" => "VPC flow logs of AWS",
            "ecs" => "events in the Elastic Common Schema",
            other => other,
        }
    }
}

impl Metadata {
    /// The key-value pairs of the file: strings as they are, everything else as JSON.
    /// Fields that are null are left out.
    pub fn to_pairs(&self) -> Vec<(String, String)> {
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else { return Vec::new() };
        fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                let text = if let Value::String(text) = value { text } else { value.to_string() };
                (format!("{PREFIX}{name}"), text)
            })
            .collect()
    }

    /// The metadata from the file's key-value pairs; foreign keys and
    /// unknown fields are ignored.
    ///
    /// # Errors
    /// In words: which field is missing or not of its type.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let known = known_fields();
        let mut fields = Map::new();
        for (key, text) in pairs {
            let Some(name) = key.strip_prefix(PREFIX) else { continue };
            let Some(is_text) = known.get(name) else { continue };
            let value = if *is_text {
                Value::String(text.to_owned())
            } else {
                serde_json::from_str(text).map_err(|e| format!("metadata {key}: {e}"))?
            };
            fields.insert(name.to_owned(), value);
        }
        serde_json::from_value(Value::Object(fields)).map_err(|e| format!("metadata: {e}"))
    }

    /// Length of the recording in seconds, by the monotonic clock where there is one.
    pub fn duration_s(&self) -> f64 {
        let mono_ns = self.end_mono_ns - self.start_mono_ns;
        if mono_ns > 0 { mono_ns as f64 / 1e9 } else { (self.end_us - self.start_us).max(0) as f64 / 1e6 }
    }

    /// The longest time between two ticks that was meant, ms: as asked for, or lengthened.
    pub fn longest_interval_ms(&self) -> u64 {
        let changed = self.interval_changes.iter().map(|change| change.interval_ms);
        changed.fold(self.interval_ms, u64::max)
    }

    /// Whether it is a view of a network with many hosts, in which the local side is whoever opened
    /// the connection, and not the recording of one.
    pub fn holds_many_hosts(&self) -> bool {
        let of_one_host = ["ss", "lsof", "proc-net", "sysmon", "socket-table"];
        self.import.as_ref().is_some_and(|import| !of_one_host.contains(&import.format.as_str()))
    }

    /// Whether connections that lived between two ticks are in it too: a source of events ran, or
    /// what was imported tells of every connection and not of moments.
    pub fn sees_between_ticks(&self) -> bool {
        let is_of_events = self.import.as_ref().is_some_and(|import| match import.format.as_str() {
            "sysmon" => true,
            // Lists have ticks, and events have none.
            "socket-table" => self.ticks_taken == 0,
            _ => false,
        });
        self.events_lost.is_some() || self.holds_many_hosts() || is_of_events
    }

    /// Whether the recording missed something that it set out to see, or an import could not use
    /// all that it was given.
    pub fn is_degraded(&self) -> bool {
        let has_gaps = self.import_stats.as_ref().is_some_and(ImportStats::has_gaps);
        let is_empty_import = self.import.is_some() && self.rows == 0;
        self.ticks_late > 0
            || self.events_lost.unwrap_or(0) > 0
            || !self.pauses.is_empty()
            || self.recovered.is_some()
            || self.joined.as_ref().is_some_and(|joined| joined.is_incomplete())
            || has_gaps
            || is_empty_import
    }
}

/// Name and meaning of each metadata field, for the published schema.
pub fn published_fields() -> Value {
    let schema = schemars::schema_for!(Metadata);
    schema.get("properties").cloned().unwrap_or_default()
}

/// Every field, and whether it is a plain string and so stands in the file without quotes.
fn known_fields() -> &'static BTreeMap<String, bool> {
    static KNOWN: OnceLock<BTreeMap<String, bool>> = OnceLock::new();
    KNOWN.get_or_init(list_fields)
}

fn list_fields() -> BTreeMap<String, bool> {
    let Value::Object(properties) = published_fields() else { return BTreeMap::new() };
    let is_text = |schema: &Value| match &schema["type"] {
        Value::String(kind) => kind == "string",
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "string"),
        _ => false,
    };
    properties.into_iter().map(|(name, schema)| (name, is_text(&schema))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_was_missed_makes_a_recording_incomplete() {
        assert!(!Metadata { events_lost: Some(0), rows: 9, ..Metadata::default() }.is_degraded());
        let import = ImportSource { file: String::new(), format: "zeek".to_owned(), sha256: String::new() };
        for missed in [
            Metadata { ticks_late: 1, ..Metadata::default() },
            Metadata { events_lost: Some(1), ..Metadata::default() },
            Metadata {
                pauses: vec![Pause { from_us: 1, to_us: 2, ticks: 1, rows: 0 }],
                ..Metadata::default()
            },
            Metadata { recovered: Some("It was interrupted.".to_owned()), ..Metadata::default() },
            Metadata {
                joined: Some(Box::new(Joined { unread: vec!["a".to_owned()], ..Joined::default() })),
                ..Metadata::default()
            },
            Metadata { import: Some(import), ..Metadata::default() },
        ] {
            assert!(missed.is_degraded(), "{missed:?}");
        }
    }

    #[test]
    fn a_recording_lasts_as_long_as_its_monotonic_clock_says_and_else_its_wall_clock() {
        let by_wall_clock = Metadata { start_us: 1_000_000, end_us: 3_500_000, ..Metadata::default() };
        assert!((by_wall_clock.duration_s() - 2.5).abs() < 1e-9);
        let both = Metadata { start_mono_ns: 500_000_000, end_mono_ns: 2_000_000_000, ..by_wall_clock };
        assert!((both.duration_s() - 1.5).abs() < 1e-9);
        let set_back = Metadata { start_us: 9, end_us: 5, ..Metadata::default() };
        assert!(set_back.duration_s() <= 0.0);
    }
}
