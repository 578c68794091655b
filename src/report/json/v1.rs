//! Version 1 of the published report.
//!
//! Within the version, fields are only added. What is not known is null. Times are ISO 8601
//! in UTC, and beside them in µs since the Unix epoch where a program may want to compute.
//! Connection ids are decimal strings, as many readers of JSON round large numbers.

mod capture;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub use self::capture::{
    Capture, Completeness, Import, ImportRecords, Series, SeriesFile, SeriesGap, Source, SourceStatus,
    UnusedReason, UnusedRecords,
};
use crate::model::about::About;
pub use crate::model::metrics::Metrics;
pub use crate::report::Section;

/// What one capture shows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// Always `netrec/report.v1`.
    pub schema: String,
    /// The version within it: fields are only added. `1.1` added this field, `verdict`, `key` of a
    /// measurement, `sentence` and `evidence` of an insight, and `ppid`, `uid`, `parent_name` and
    /// `exe_sha256` of entities.
    pub schema_version: String,
    /// Name and version of the program that made the report.
    pub tool_version: String,
    /// The report in a few sentences.
    pub verdict: Verdict,
    /// The file that was analysed, and what it says about itself.
    pub capture: Capture,
    /// The report in a few numbers.
    pub summary: Summary,
    /// What the detectors found: worst first, then surest.
    pub findings: Vec<Finding>,
    /// What the findings mean together: hypotheses, strongest first.
    pub insights: Vec<Insight>,
    /// Findings that an allow-list suppressed.
    pub suppressed: Vec<Suppressed>,
    /// Entries of the allow-lists that no finding fits, as their authors wrote them.
    pub idle_allow_rules: Vec<String>,
    /// Every detector, whether it ran or not.
    pub detectors: Vec<Detector>,
    /// The numbers of every section.
    pub metrics: Metrics,
    /// The pictures of the report.
    pub charts: Vec<Chart>,
    /// The geolocation databases in use, in the order in which they were asked.
    pub geolocation: Vec<GeolocationSource>,
}

/// How bad it is, what happened, what to do, and what could not be seen.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Verdict {
    /// The highest severity of any finding or insight; null without one.
    pub severity: Option<Severity>,
    /// One line.
    pub headline: String,
    /// One entry per incident, worst first: the insights above `info`, and the findings from
    /// `medium` on that belong to none.
    pub incidents: Vec<Incident>,
    /// What to do now, in sentences.
    pub next_steps: Vec<String>,
    /// How complete the capture is, in a sentence.
    pub completeness: String,
    /// What the capture could not show, in sentences: `blind_spots` of its completeness.
    pub visibility_gaps: Vec<String>,
}

/// An incident in one sentence.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Incident {
    /// Id of the insight or of the finding.
    pub id: String,
    /// How bad, if true.
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Who did what to whom, and when.
    pub sentence: String,
    /// Title of its strongest finding; null where the incident is that finding.
    pub key_evidence: Option<String>,
}

/// A point in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UtcTime {
    /// ISO 8601, UTC; null outside of the calendar.
    pub utc: Option<String>,
    /// µs since the Unix epoch.
    pub us: i64,
}

/// The report in a few numbers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Summary {
    /// Sockets with a remote.
    pub connections: u64,
    /// Sockets of other network namespaces, which count nowhere else: a recorder in a container sees only
    /// their addresses.
    pub foreign_sockets: u64,
    /// Processes that owned a socket.
    pub processes: u64,
    /// Remote addresses.
    pub endpoints: u64,
    /// Payload bytes sent during the recording, where counted.
    pub bytes_sent: u64,
    /// Payload bytes received during the recording, where counted.
    pub bytes_received: u64,
    /// Findings in all.
    pub findings: u64,
    /// Findings by severity; every severity has an entry.
    pub findings_by_severity: BTreeMap<Severity, u64>,
    /// The highest severity found; null without a finding.
    pub highest_severity: Option<Severity>,
    /// Detectors that ran.
    pub detectors_ran: u64,
    /// Detectors that the capture had nothing for, or that were turned off.
    pub detectors_skipped: u64,
    /// Detectors that broke.
    pub detectors_failed: u64,
}

/// How bad a finding is, if it is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the usual five")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// Something that a detector found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Finding {
    /// The same for the same capture.
    pub id: String,
    /// The detector's id.
    pub detector: String,
    /// How bad, if true.
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// One line: who did what to whom.
    pub title: String,
    /// What was seen, and why it was judged so.
    pub explanation: String,
    /// Whom and what it is about; what is unknown or differs between connections is null.
    pub entities: Entities,
    /// On what it rests.
    pub evidence: Evidence,
    /// When it would be wrong.
    pub false_positives: String,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    /// First moment of its connections.
    pub first_seen: UtcTime,
    /// Last moment of its connections.
    pub last_seen: UtcTime,
    /// The detector, for the other formats.
    #[serde(skip)]
    pub about: &'static About,
}

/// Whom and what a finding is about.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the fields are the capture's columns of the same name")]
pub struct Entities {
    pub process_name: Option<String>,
    pub pid: Option<u32>,
    pub ppid: Option<u32>,
    pub parent_name: Option<String>,
    pub exe: Option<String>,
    pub exe_sha256: Option<String>,
    pub cmdline: Option<String>,
    pub uid: Option<u32>,
    pub username: Option<String>,
    pub container: Option<String>,
    pub protocol: Option<String>,
    pub local_addr: Option<String>,
    pub local_port: Option<u16>,
    pub remote_addr: Option<String>,
    pub remote_port: Option<u16>,
    pub remote_name: Option<String>,
    /// What the payload says: protocol, TLS client, certificate; left out where nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// On what a finding rests.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Evidence {
    /// The measured values beside their thresholds.
    pub measurements: Vec<Measurement>,
    /// Ids of its connections, the first in time; see `connections_total`.
    pub connections: Vec<String>,
    /// How many connections there are in all.
    pub connections_total: u64,
    /// The command that shows the first moment.
    pub command: String,
}

/// One measured value.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Measurement {
    /// What was measured, for programs: lower case, `_` between words; it does not change within the
    /// version.
    pub key: String,
    /// What was measured, in words.
    pub name: String,
    /// The value; null where it is not a finite number.
    pub value: Option<f64>,
    /// Its unit; empty for a bare number.
    pub unit: String,
    /// The threshold that it was held against; null where there is none.
    pub threshold: Option<f64>,
}

/// A hypothesis about what happened, made of findings.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Insight {
    /// The same for the same capture.
    pub id: String,
    /// How bad, if true.
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// One line: what probably happened.
    pub title: String,
    /// Who did what to whom, and when.
    pub sentence: String,
    /// A few sentences.
    pub summary: String,
    /// Whom and what it is about; what differs between its findings is null.
    pub entities: Entities,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    /// Ids of the findings that it joins, strongest first.
    pub findings: Vec<String>,
    /// Supporting evidence, in sentences; see `evidence` for the findings that they are from.
    pub supports: Vec<String>,
    /// Supporting evidence with the finding that each sentence is from.
    pub evidence: Vec<Support>,
    /// Alternative explanations and doubts, in sentences.
    pub against: Vec<String>,
    /// Next steps, in sentences.
    pub next_steps: Vec<String>,
    /// Commands that help with it, to be copied: those on the capture, then those on its host.
    pub commands: Vec<String>,
    /// First moment of its findings.
    pub first_seen: UtcTime,
    /// Last moment of its findings.
    pub last_seen: UtcTime,
}

/// What one finding says for an insight.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Support {
    /// Id of the finding.
    pub finding: String,
    /// What it shows, in a sentence.
    pub sentence: String,
}

/// A finding that an allow-list names.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Suppressed {
    /// The rule that suppressed it, as its author wrote it.
    pub rule: String,
    /// The finding as it would have been.
    pub finding: Finding,
}

/// A detector and how its run ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Detector {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How its run ended.
    pub status: DetectorStatus,
    /// Why it was skipped or failed; null if it ran.
    pub reason: Option<String>,
    /// How many findings it has.
    pub findings: u64,
    /// The thresholds with which it ran.
    pub thresholds: BTreeMap<String, Value>,
    /// What this capture allowed it to see, in sentences.
    pub limits: Vec<String>,
    /// What it is, in words.
    pub documentation: Documentation,
}

/// How a detector's run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DetectorStatus {
    /// It ran; it may have found nothing.
    Ran,
    /// The capture does not have what it needs, or it was turned off.
    Skipped,
    /// It broke.
    Failed,
}

/// A detector in words, under the same headings for all.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the fields are the headings")]
pub struct Documentation {
    pub what_it_finds: String,
    pub why_it_matters: String,
    pub how_it_decides: String,
    pub false_positives: String,
    pub evidence: String,
    pub source: String,
}

/// A picture of the report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Chart {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The section of the page that it stands in.
    pub section: Section,
    /// Path of the SVG inside the report.
    pub svg: String,
    /// Path of the PNG inside the report: the same picture.
    pub png: String,
}

/// A geolocation database.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GeolocationSource {
    /// Its name.
    pub name: String,
    /// Day on which it was made.
    pub date: String,
    /// What its licence asks to be said.
    pub attribution: String,
    /// The link that belongs to it.
    pub url: Option<String>,
}
