//! The template's data as text: numbers are formatted here, so that the template has no logic.

use crate::humanize::{self, UNKNOWN, bytes, count};
use crate::report::charts::{self, Picture};
use crate::report::json::v1::{
    self, Capture, Completeness, Detector, DetectorStatus, GeolocationSource, Report, Summary,
};

/// Rows shown of a metrics table; the JSON report has all.
const MOST_ROWS: usize = 15;
/// Maximum number of columns that fit beside a chart.
const WIDE: usize = 5;
/// Longest value, in characters, that fits into a column of facts in two lines.
const LONG_VALUE: usize = 56;

/// A name and its value.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) value: String,
    /// Whether to show the value in a monospaced font.
    pub(super) is_code: bool,
}

impl Fact {
    pub(super) fn of(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), is_code: false }
    }

    pub(super) fn code(name: &str, value: impl Into<String>) -> Self {
        Self { is_code: true, ..Self::of(name, value) }
    }

    /// Whether it takes a line of its own.
    pub(super) fn is_long(&self) -> bool {
        self.value.chars().count() > LONG_VALUE
    }
}

/// A table; the first cell of a row is its heading.
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// The alignment of its cells, and whether it has the full width of the page.
    pub(super) class: &'static str,
}

impl Table {
    /// A table of numbers.
    pub(super) fn of(
        caption: impl Into<String>,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        let class = if header.len() > WIDE { "wide" } else { "numbers" };
        let header = header.iter().map(ToString::to_string).collect();
        Self { caption: caption.into(), header, rows: rows.into_iter().collect(), class }
    }

    /// Whether it has the full width of the page.
    pub(super) fn is_wide(&self) -> bool {
        self.class == "wide"
    }

    /// The table cut to its first rows, with the total number.
    pub(super) fn shortened(mut self) -> Self {
        if self.rows.len() > MOST_ROWS {
            self.caption = format!("{}: {MOST_ROWS} of {}", self.caption, count(self.rows.len() as u64));
            self.rows.truncate(MOST_ROWS);
        }
        self
    }

    /// A table of texts.
    pub(super) fn of_text(
        caption: impl Into<String>,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        Self { class: "text", ..Self::of(caption, header, rows) }
    }
}

/// A severity and its number of findings.
pub(super) struct Severity {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// A chart in the page.
pub(super) struct Image {
    pub(super) id: &'static str,
    /// An inline SVG element; its text is escaped like the rest of the page.
    pub(super) svg: String,
    pub(super) alt: String,
}

impl From<&Picture> for Image {
    fn from(picture: &Picture) -> Self {
        let alt = format!("Chart: {}", picture.title);
        Self { id: picture.id, svg: charts::cropped(&picture.svg), alt }
    }
}

/// The verdict as text.
pub(super) struct VerdictView {
    /// The severity, or `nothing found`.
    pub(super) severity: &'static str,
    pub(super) class: &'static str,
    pub(super) headline: String,
    pub(super) incidents: Vec<IncidentView>,
    /// The number of incidents not shown.
    pub(super) hidden: usize,
    pub(super) steps: Vec<String>,
    pub(super) completeness: String,
    pub(super) gaps: Vec<String>,
    /// The number of gaps, as text.
    pub(super) gaps_title: String,
}

/// An incident as a sentence.
pub(super) struct IncidentView {
    pub(super) id: String,
    pub(super) severity: &'static str,
    pub(super) confidence: String,
    pub(super) sentence: String,
    pub(super) key_evidence: Option<String>,
}

/// Maximum number of incidents in the verdict.
const MOST_INCIDENTS: usize = 5;

impl From<&v1::Verdict> for VerdictView {
    fn from(verdict: &v1::Verdict) -> Self {
        let incident = |incident: &v1::Incident| IncidentView {
            id: incident.id.clone(),
            severity: name_of(incident.severity),
            confidence: humanize::ratio_percent(incident.confidence),
            sentence: incident.sentence.clone(),
            key_evidence: incident.key_evidence.clone(),
        };
        let severity = verdict.severity.map(name_of);
        Self {
            severity: severity.unwrap_or("nothing found"),
            class: severity.unwrap_or("info"),
            headline: verdict.headline.clone(),
            incidents: verdict.incidents.iter().take(MOST_INCIDENTS).map(incident).collect(),
            hidden: verdict.incidents.len().saturating_sub(MOST_INCIDENTS),
            steps: verdict.next_steps.clone(),
            completeness: verdict.completeness.clone(),
            gaps_title: humanize::plural(verdict.visibility_gaps.len() as u64, "visibility gap"),
            gaps: verdict.visibility_gaps.clone(),
        }
    }
}

/// A geolocation database with the link that its license requires.
pub(super) struct Source {
    pub(super) text: String,
    pub(super) url: String,
    pub(super) detail: String,
}

impl From<&GeolocationSource> for Source {
    fn from(source: &GeolocationSource) -> Self {
        // A database may claim any URL; only https becomes a link.
        let url = source.url.clone().filter(|url| url.starts_with("https://")).unwrap_or_default();
        Self { text: source.attribution.clone(), url, detail: format!("{}, {}", source.name, source.date) }
    }
}

/// A detector.
pub(super) struct DetectorView {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) status: &'static str,
    pub(super) result: String,
    pub(super) limits: Vec<String>,
    pub(super) documentation: Vec<Fact>,
    pub(super) thresholds: Table,
}

impl From<&Detector> for DetectorView {
    fn from(detector: &Detector) -> Self {
        let (status, result) = match detector.status {
            DetectorStatus::Ran => ("ran", humanize::plural(detector.findings, "finding")),
            DetectorStatus::Skipped => ("skipped", detector.reason.clone().unwrap_or_default()),
            DetectorStatus::Failed => ("failed", detector.reason.clone().unwrap_or_default()),
        };
        let words = &detector.documentation;
        let headings = [
            ("What it finds", &words.what_it_finds),
            ("Why it matters", &words.why_it_matters),
            ("How it decides", &words.how_it_decides),
            ("False positives", &words.false_positives),
            ("Evidence", &words.evidence),
            ("Source", &words.source),
        ];
        let said = headings.into_iter().filter(|(_, text)| !text.is_empty());
        let thresholds = detector.thresholds.iter().map(|(key, value)| vec![key.clone(), threshold(value)]);
        Self {
            id: detector.id.clone(),
            title: detector.title.clone(),
            status,
            result,
            limits: detector.limits.clone(),
            documentation: said.map(|(name, text)| Fact::of(name, text)).collect(),
            thresholds: Table::of("Thresholds of this run", &["threshold", "value"], thresholds),
        }
    }
}

fn threshold(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => UNKNOWN.to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn or_unknown<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), text)
}

pub(super) fn name_of(severity: v1::Severity) -> &'static str {
    match severity {
        v1::Severity::Info => "info",
        v1::Severity::Low => "low",
        v1::Severity::Medium => "medium",
        v1::Severity::High => "high",
        v1::Severity::Critical => "critical",
    }
}

/// The severities of the findings, worst first; those without findings are left out.
pub(super) fn severities(summary: &Summary) -> Vec<Severity> {
    let found = summary.findings_by_severity.iter().rev().filter(|(_, number)| **number > 0);
    found.map(|(severity, number)| Severity { name: name_of(*severity), value: count(*number) }).collect()
}

/// A key figure on the first page; the script updates it by its key.
pub(super) struct Tile {
    pub(super) key: &'static str,
    /// What is counted, of one and of any other number.
    pub(super) names: [&'static str; 2],
    pub(super) value: String,
}

impl Tile {
    /// The name that goes with the value.
    pub(super) fn name(&self) -> &'static str {
        self.names[usize::from(self.value != "1")]
    }
}

/// The tiles; `hosts` is the number of local addresses, shown instead of processes if none is known.
pub(super) fn tiles(report: &Report, hosts: usize) -> Vec<Tile> {
    let summary = &report.summary;
    let tile = |key, names, value| Tile { key, names, value };
    let actors = if summary.processes == 0 && hosts > 0 {
        tile("hosts", ["local host", "local hosts"], count(hosts as u64))
    } else {
        tile("processes", ["process", "processes"], count(summary.processes))
    };
    vec![
        tile("findings", ["finding", "findings"], count(summary.findings)),
        tile("connections", ["connection", "connections"], count(summary.connections)),
        actors,
        tile("remotes", ["remote address", "remote addresses"], count(summary.endpoints)),
        tile("sent", ["sent"; 2], bytes(summary.bytes_sent as f64)),
        tile("received", ["received"; 2], bytes(summary.bytes_received as f64)),
    ]
}

pub(super) fn completeness_facts(completeness: &Completeness) -> Vec<Fact> {
    let of_all =
        |part: u64| format!("{} ({})", count(part), humanize::percent(part, completeness.connections));
    let period = match (completeness.shortest_period_s, completeness.longest_period_s) {
        (Some(shortest_s), Some(longest_s)) => {
            format!("{} to {}", humanize::seconds(shortest_s), humanize::seconds(longest_s))
        }
        _ => UNKNOWN.to_owned(),
    };
    let shortest = completeness.shortest_lifetime_s;
    vec![
        Fact::of("Snapshots planned", or_unknown(completeness.ticks_planned, count)),
        Fact::of("Snapshots taken", count(completeness.ticks_taken)),
        Fact::of("Snapshots late or missing", count(completeness.ticks_late)),
        Fact::of("Events or packets lost", or_unknown(completeness.events_lost, count)),
        Fact::of("Connections without a known owner", of_all(completeness.connections_without_owner)),
        Fact::of("Connections without byte counts", of_all(completeness.connections_without_bytes)),
        Fact::of("Shortest connection guaranteed to be seen", or_unknown(shortest, humanize::seconds)),
        Fact::of("Detectable periods", period),
    ]
}

/// Number of Linux capabilities that an unrestricted root has (`CAP_CHECKPOINT_RESTORE` is the last).
const ALL_CAPABILITIES: usize = 41;

/// The list of privileges, or a note that none is missing.
fn privileges(privileges: &[String]) -> String {
    let (capabilities, others): (Vec<&String>, Vec<&String>) =
        privileges.iter().partition(|privilege| privilege.starts_with("CAP_"));
    let mut said: Vec<String> = others.into_iter().cloned().collect();
    if capabilities.len() == ALL_CAPABILITIES {
        said.push(format!("all {ALL_CAPABILITIES} capabilities"));
    } else {
        said.extend(capabilities.into_iter().cloned());
    }
    if said.is_empty() { UNKNOWN.to_owned() } else { said.join(", ") }
}

pub(super) fn capture_facts(capture: &Capture) -> Vec<Fact> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let list = |values: &[String]| if values.is_empty() { UNKNOWN.to_owned() } else { values.join(", ") };
    let mut facts = vec![
        Fact::code("File", &capture.file),
        Fact::code("SHA-256", &capture.sha256),
        Fact::of("Size", bytes(capture.bytes as f64)),
        Fact::of("Rows", count(capture.rows)),
        Fact::of("Start", or_unknown(capture.start.utc.clone(), |utc| utc)),
        Fact::of("End", or_unknown(capture.end.utc.clone(), |utc| utc)),
        Fact::of("Snapshot interval", humanize::seconds(capture.interval_ms as f64 / 1000.0)),
    ];
    let host = [
        Fact::of("Host", text(&capture.host_name)),
        Fact::of("Operating system", text(&capture.os)),
        Fact::of("Kernel", text(&capture.kernel)),
        Fact::code("Boot", text(&capture.boot_id)),
        Fact::of("Addresses of the host", list(&capture.host_addresses)),
        Fact::of("Privileges of the recorder", privileges(&capture.privileges)),
    ];
    // Imported captures rarely name a host.
    facts.extend(host.into_iter().filter(|fact| capture.import.is_none() || fact.value != UNKNOWN));
    facts.push(Fact::of("Made by", &capture.recorded_by));
    if let Some(import) = &capture.import {
        facts.push(Fact::code("Imported from", format!("{} ({})", import.file, import.format)));
        facts.push(Fact::code("SHA-256 of the imported file", &import.sha256));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_a_dash_and_not_a_zero() {
        let facts = completeness_facts(&Completeness {
            degraded: false,
            blind_spots: Vec::new(),
            ticks_planned: None,
            ticks_taken: 0,
            ticks_late: 0,
            events_lost: None,
            connections: 0,
            connections_without_owner: 0,
            connections_without_bytes: 0,
            shortest_lifetime_s: None,
            shortest_period_s: None,
            longest_period_s: Some(1.0),
            sources: Vec::new(),
        });
        let values: Vec<_> = facts.iter().map(|fact| fact.value.as_str()).collect();
        assert_eq!(values, ["–", "0", "0", "–", "0 (–)", "0 (–)", "–", "–"]);
    }

    #[test]
    fn every_capability_is_a_word_and_fewer_are_a_list() {
        let all: Vec<String> = (0..41).map(|n| format!("CAP_{n}")).collect();
        assert_eq!(privileges(&[vec!["root".to_owned()], all].concat()), "root, all 41 capabilities");
        assert_eq!(privileges(&["CAP_BPF".to_owned(), "CAP_PERFMON".to_owned()]), "CAP_BPF, CAP_PERFMON");
        assert_eq!(privileges(&[]), UNKNOWN);
    }

    #[test]
    fn a_long_table_says_how_long_it_is() {
        let table =
            |rows: u32| Table::of("by name", &["name"], (0..rows).map(|i| vec![i.to_string()])).shortened();
        assert_eq!((table(15).rows.len(), table(15).caption.as_str()), (15, "by name"));
        assert_eq!((table(40).rows.len(), table(40).caption.as_str()), (15, "by name: 15 of 40"));
    }
}
