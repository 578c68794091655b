//! Findings and hypotheses in the form shown on the page.

use super::view::{Fact, Table, name_of};
use crate::humanize::{self, UNKNOWN, plural};
use crate::report::json::v1::{Entities, Finding, Insight, Measurement, Severity, Support, Suppressed};

/// Measured values shown in one line on the first page.
const MEASURED_IN_LINE: usize = 4;

/// Maximum number of sentences of supporting evidence on a card.
const MOST_EVIDENCE: usize = 6;

/// A finding as text.
pub(super) struct FindingView {
    pub(super) id: String,
    pub(super) severity: &'static str,
    /// Whether its evidence is collapsed, to draw attention to the others.
    pub(super) is_minor: bool,
    pub(super) title: String,
    pub(super) meta: String,
    pub(super) explanation: String,
    pub(super) measurements: Table,
    pub(super) entities: Vec<Fact>,
    pub(super) command: String,
    pub(super) false_positives: String,
    pub(super) connections_title: String,
    pub(super) connections: String,
    /// The first measured values in one line.
    pub(super) measured: String,
    /// The text of the link to its rows, and whether the link covers only some of them.
    pub(super) rows_title: String,
    pub(super) is_cut: bool,
    /// The section with its charts.
    pub(super) section_id: &'static str,
    pub(super) section_title: &'static str,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        let evidence = &finding.evidence;
        let rows = evidence.measurements.iter().map(measurement);
        let (listed, total) = (evidence.connections.len() as u64, evidence.connections_total);
        let section = finding.about.section;
        Self {
            id: finding.id.clone(),
            severity: name_of(finding.severity),
            is_minor: finding.severity < Severity::Medium,
            title: finding.title.clone(),
            meta: meta(finding),
            explanation: finding.explanation.clone(),
            measurements: Table::of("Measurements and thresholds", &["measure", "value", "threshold"], rows),
            entities: entities(&finding.entities),
            command: evidence.command.clone(),
            false_positives: finding.false_positives.clone(),
            connections_title: connections_title(listed, total),
            connections: evidence.connections.join(" "),
            measured: measured_in_line(&evidence.measurements),
            rows_title: rows_title(listed, total),
            is_cut: listed < total,
            section_id: section.id(),
            section_title: section.title(),
        }
    }
}

/// `beacon · confidence 92 % · ATT&CK T1071.001 · 130 connections · first … last …`
fn meta(finding: &Finding) -> String {
    let mut parts =
        vec![finding.detector.clone(), format!("confidence {}", humanize::ratio_percent(finding.confidence))];
    if !finding.attack.is_empty() {
        parts.push(format!("ATT&CK {}", finding.attack.join(", ")));
    }
    parts.push(plural(finding.evidence.connections_total, "connection"));
    parts.push(humanize::span_utc((finding.first_seen.us, finding.last_seen.us)));
    parts.join(" · ")
}

/// `score 0.973 (threshold 0.8) · period 20 s`
fn measured_in_line(measurements: &[Measurement]) -> String {
    let text = |measured: &Measurement| {
        let cells = measurement(measured);
        let threshold = measured.threshold.map(|_| format!(" (threshold {})", cells[2])).unwrap_or_default();
        format!("{} {}{threshold}", cells[0], cells[1])
    };
    let texts: Vec<String> = measurements.iter().take(MEASURED_IN_LINE).map(text).collect();
    texts.join(" · ")
}

fn rows_title(listed: u64, total: u64) -> String {
    if listed < total {
        return format!("Show the first {} of its {}", humanize::count(listed), plural(total, "connection"));
    }
    format!("Show its {}", plural(total, "connection"))
}

fn measurement(measurement: &Measurement) -> Vec<String> {
    let text = |value: Option<f64>| {
        value.map_or_else(
            || UNKNOWN.to_owned(),
            |value| humanize::measurement(&measurement.name, value, &measurement.unit),
        )
    };
    vec![measurement.name.clone(), text(measurement.value), text(measurement.threshold)]
}

fn connections_title(shown: u64, total: u64) -> String {
    if shown < total {
        return format!(
            "The first {} of its {} (conn_id):",
            humanize::count(shown),
            plural(total, "connection")
        );
    }
    format!("Its {} (conn_id):", plural(total, "connection"))
}

/// Sentences below a heading.
pub(super) struct Reasons {
    pub(super) title: &'static str,
    pub(super) sentences: Vec<String>,
}

/// A finding's title as a link.
pub(super) struct Link {
    pub(super) id: String,
    pub(super) severity: &'static str,
    pub(super) title: String,
}

impl From<&Finding> for Link {
    fn from(finding: &Finding) -> Self {
        Self { id: finding.id.clone(), severity: name_of(finding.severity), title: finding.title.clone() }
    }
}

/// A hypothesis as text.
pub(super) struct InsightView {
    pub(super) id: String,
    pub(super) severity: &'static str,
    pub(super) title: String,
    pub(super) meta: String,
    pub(super) summary: String,
    pub(super) facts: Vec<Fact>,
    pub(super) evidence: Vec<SupportView>,
    /// How many more sentences of supporting evidence there are.
    pub(super) more_evidence: Option<String>,
    pub(super) reasons: Vec<Reasons>,
    pub(super) commands: Vec<String>,
}

/// What a finding contributes to a hypothesis.
pub(super) struct SupportView {
    pub(super) sentence: String,
    pub(super) finding: String,
    /// Whether the finding has a card on the page.
    pub(super) is_on_page: bool,
}

impl InsightView {
    /// The hypothesis with links to those of its findings that are on the page.
    pub(super) fn new(insight: &Insight, on_page: &[Finding]) -> Self {
        let mut meta = vec![format!("confidence {}", humanize::ratio_percent(insight.confidence))];
        if !insight.attack.is_empty() {
            meta.push(format!("ATT&CK {}", insight.attack.join(", ")));
        }
        meta.push(humanize::span_utc((insight.first_seen.us, insight.last_seen.us)));
        let reasons = [("Alternative explanations", &insight.against), ("Next steps", &insight.next_steps)];
        let said = reasons.into_iter().filter(|(_, sentences)| !sentences.is_empty());
        let support = |support: &Support| SupportView {
            sentence: support.sentence.clone(),
            finding: support.finding.clone(),
            is_on_page: on_page.iter().any(|finding| finding.id == support.finding),
        };
        let more = insight.evidence.len().saturating_sub(MOST_EVIDENCE) as u64;
        Self {
            id: insight.id.clone(),
            severity: name_of(insight.severity),
            title: insight.title.clone(),
            meta: meta.join(" · "),
            summary: insight.summary.clone(),
            facts: entities(&insight.entities),
            evidence: insight.evidence.iter().take(MOST_EVIDENCE).map(support).collect(),
            more_evidence: (more > 0).then(|| format!("{} more", plural(more, "finding"))),
            reasons: said.map(|(title, text)| Reasons { title, sentences: text.clone() }).collect(),
            commands: insight.commands.clone(),
        }
    }
}

/// A finding that an allow-list suppressed.
pub(super) struct SuppressedView {
    pub(super) severity: &'static str,
    pub(super) title: String,
    pub(super) meta: String,
    pub(super) rule: String,
}

impl From<&Suppressed> for SuppressedView {
    fn from(suppressed: &Suppressed) -> Self {
        let finding = &suppressed.finding;
        Self {
            severity: name_of(finding.severity),
            title: finding.title.clone(),
            meta: meta(finding),
            rule: suppressed.rule.clone(),
        }
    }
}

/// The process, the remote and other entities of a finding.
fn entities(entities: &Entities) -> Vec<Fact> {
    let number = |value: Option<u32>| value.map(|number| number.to_string());
    let local = endpoint(entities.local_addr.as_ref(), entities.local_port);
    let remote = endpoint(entities.remote_addr.as_ref(), entities.remote_port);
    let parent = match (&entities.parent_name, entities.ppid) {
        (Some(name), Some(ppid)) => Some(format!("{name} (pid {ppid})")),
        (name, ppid) => name.clone().or_else(|| number(ppid)),
    };
    let known = [
        ("Process", entities.process_name.clone()),
        ("PID", number(entities.pid)),
        ("User", entities.username.clone().or_else(|| number(entities.uid))),
        ("Parent", parent),
        ("Executable", entities.exe.clone()),
        ("SHA-256", entities.exe_sha256.clone()),
        ("Command line", entities.cmdline.clone()),
        ("Container", entities.container.clone()),
        ("Protocol", entities.protocol.clone()),
        ("Local", local),
        ("Remote", remote),
        ("Remote name", entities.remote_name.clone()),
        ("Payload", entities.payload.clone()),
    ];
    known.into_iter().filter_map(|(name, value)| Some(Fact::code(name, value?))).collect()
}

/// `203.0.113.7:443`, `[2001:db8::1]:443`, `203.0.113.7`, `port 443`.
pub(super) fn endpoint(addr: Option<&String>, port: Option<u16>) -> Option<String> {
    match (addr, port) {
        (Some(addr), Some(port)) if addr.contains(':') => Some(format!("[{addr}]:{port}")),
        (Some(addr), Some(port)) => Some(format!("{addr}:{port}")),
        (Some(addr), None) => Some(addr.clone()),
        (None, Some(port)) => Some(format!("port {port}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_written_as_usual() {
        let v6 = "2001:db8::1".to_owned();
        assert_eq!(endpoint(Some(&v6), Some(443)).as_deref(), Some("[2001:db8::1]:443"));
        assert_eq!(endpoint(Some(&v6), None).as_deref(), Some("2001:db8::1"));
        assert_eq!(endpoint(None, Some(22)).as_deref(), Some("port 22"));
        assert_eq!(endpoint(None, None), None);
    }

    #[test]
    fn a_cut_list_says_so() {
        assert_eq!(connections_title(100, 130), "The first 100 of its 130 connections (conn_id):");
        assert_eq!(connections_title(1, 1), "Its 1 connection (conn_id):");
        assert_eq!(rows_title(100, 130), "Show the first 100 of its 130 connections");
        assert_eq!(rows_title(1, 1), "Show its 1 connection");
    }
}
