//! Converts internal types to the published ones.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter;

use serde_json::Value;

use super::process_facts::ProcessFacts;
use super::v1::{
    Capture, Chart, Detector, DetectorStatus, Documentation, Entities, Evidence, Finding, GeolocationSource,
    Insight, Measurement, Report, Severity, Summary, Support, Suppressed, UtcTime, Verdict,
};
use crate::analyze::Analysis;
use crate::escape;
use crate::geo;
use crate::humanize;
use crate::insight;
use crate::model::detector::{About, Run, Status};
use crate::model::finding;
use crate::report::CaptureIdentity;
use crate::report::charts::{self, CHARTS};

/// Maximum number of sentences of supporting evidence; the rest is only counted.
const MOST_SENTENCES: usize = 8;

impl Report {
    /// The published form of an analysis.
    pub fn new(analysis: &Analysis, identity: &CaptureIdentity) -> Self {
        // A table without its columns is a bug; writing the tables reports it.
        let processes = ProcessFacts::new(&analysis.tables).ok();
        let complete = |entities: &mut Entities| {
            if let Some(processes) = &processes {
                processes.complete(entities);
            }
        };
        let mut findings: Vec<_> = analysis
            .findings()
            .into_iter()
            .map(|finding| Finding::of(finding, &identity.file_name))
            .collect();
        for finding in &mut findings {
            complete(&mut finding.entities);
        }
        let mut insights: Vec<_> =
            analysis.insights.iter().map(|insight| Insight::new(insight, &identity.file_name)).collect();
        for insight in &mut insights {
            complete(&mut insight.entities);
        }
        let capture = Capture::of(analysis, identity);
        let detectors: Vec<_> = analysis.runs.iter().map(Detector::from).collect();
        Self {
            schema: format!("{}v1", super::SCHEMA_FAMILY),
            schema_version: super::SCHEMA_VERSION.to_owned(),
            tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
            verdict: Verdict::new(&findings, &insights, &capture, &detectors),
            capture,
            summary: Summary::new(analysis, &findings),
            findings,
            insights,
            suppressed: analysis
                .suppressed
                .iter()
                .map(|suppressed| Suppressed {
                    rule: suppressed.rule.clone(),
                    finding: Finding::of(&suppressed.finding, &identity.file_name),
                })
                .collect(),
            idle_allow_rules: analysis.idle_rules(),
            detectors,
            metrics: analysis.metrics.clone(),
            charts: CHARTS.iter().map(Chart::from).collect(),
            geolocation: analysis.geo_sources.iter().map(GeolocationSource::from).collect(),
        }
    }
}

/// JSON cannot represent numbers that are not finite.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

impl From<i64> for UtcTime {
    fn from(us: i64) -> Self {
        Self { utc: humanize::iso_utc(us), us }
    }
}

impl Summary {
    fn new(analysis: &Analysis, findings: &[Finding]) -> Self {
        let mut by_severity: BTreeMap<Severity, u64> =
            finding::Severity::ALL.into_iter().map(|severity| (severity.into(), 0)).collect();
        for finding in findings {
            *by_severity.entry(finding.severity).or_default() += 1;
        }
        let ended =
            |is: fn(&Status) -> bool| analysis.runs.iter().filter(|run| is(&run.status)).count() as u64;
        let metrics = &analysis.metrics;
        Self {
            connections: metrics.overview.connections,
            foreign_sockets: metrics.overview.foreign_sockets,
            processes: metrics.overview.processes,
            endpoints: metrics.overview.endpoints,
            bytes_sent: metrics.bandwidth.bytes_sent,
            bytes_received: metrics.bandwidth.bytes_received,
            findings: findings.len() as u64,
            findings_by_severity: by_severity,
            highest_severity: findings.iter().map(|finding| finding.severity).max(),
            detectors_ran: ended(|status| *status == Status::Ran),
            detectors_skipped: ended(|status| matches!(status, Status::Skipped(_))),
            detectors_failed: ended(|status| matches!(status, Status::Failed(_))),
        }
    }
}

impl From<finding::Severity> for Severity {
    fn from(severity: finding::Severity) -> Self {
        match severity {
            finding::Severity::Info => Self::Info,
            finding::Severity::Low => Self::Low,
            finding::Severity::Medium => Self::Medium,
            finding::Severity::High => Self::High,
            finding::Severity::Critical => Self::Critical,
        }
    }
}

impl Finding {
    fn of(finding: &finding::Finding, capture_file: &str) -> Self {
        let judgement = &finding.judgement;
        let (first_us, last_us) = finding.evidence.span_us;
        Self {
            id: finding.id.clone(),
            detector: finding.about.id.to_owned(),
            about: finding.about,
            severity: judgement.severity.into(),
            confidence: judgement.confidence.get(),
            title: judgement.title.clone(),
            explanation: judgement.explanation.clone(),
            entities: Entities::from(&judgement.entities),
            evidence: Evidence::of(&finding.evidence, capture_file),
            false_positives: judgement.false_positives.clone(),
            attack: judgement.attack.iter().map(ToString::to_string).collect(),
            first_seen: first_us.into(),
            last_seen: last_us.into(),
        }
    }
}

impl Insight {
    fn new(insight: &insight::Insight, capture_file: &str) -> Self {
        Self {
            id: insight.id.clone(),
            severity: insight.severity.into(),
            confidence: insight.confidence.get(),
            title: insight.title.clone(),
            sentence: insight.sentence.clone(),
            summary: insight.summary.clone(),
            entities: Entities::from(&insight.entities),
            attack: insight.attack.iter().map(ToString::to_string).collect(),
            findings: insight.findings.clone(),
            supports: supports(&insight.evidence),
            evidence: insight.evidence.iter().map(Support::from).collect(),
            against: insight.against.clone(),
            next_steps: insight.next_steps.iter().filter_map(sentence).collect(),
            commands: insight.next_steps.iter().filter_map(|step| command(step, capture_file)).collect(),
            first_seen: insight.span_us.0.into(),
            last_seen: insight.span_us.1.into(),
        }
    }
}

impl From<&finding::Entities> for Entities {
    fn from(entities: &finding::Entities) -> Self {
        let entities = entities.clone();
        Self {
            process_name: entities.process_name,
            pid: entities.pid,
            ppid: None,
            parent_name: None,
            exe_sha256: None,
            uid: None,
            exe: entities.exe,
            cmdline: entities.cmdline,
            username: entities.username,
            container: entities.container,
            protocol: entities.protocol,
            local_addr: entities.local_addr,
            local_port: entities.local_port,
            remote_addr: entities.remote_addr,
            remote_port: entities.remote_port,
            remote_name: entities.remote_name,
            payload: entities.payload,
        }
    }
}

impl From<&insight::Support> for Support {
    fn from(support: &insight::Support) -> Self {
        Self { finding: support.finding.clone(), sentence: support.sentence.clone() }
    }
}

/// The first sentences, and the number of the others.
fn supports(evidence: &[insight::Support]) -> Vec<String> {
    let first = evidence.iter().take(MOST_SENTENCES).map(|support| support.sentence.clone());
    let more = evidence.len().saturating_sub(MOST_SENTENCES) as u64;
    let more = (more > 0).then(|| format!("{} more.", humanize::plural(more, "finding")));
    first.chain(more).collect()
}

fn sentence(step: &insight::Step) -> Option<String> {
    match step {
        insight::Step::Ask(sentence) => Some(sentence.clone()),
        _ => None,
    }
}

/// A step as a command to copy.
fn command(step: &insight::Step, capture_file: &str) -> Option<String> {
    let file = escape::shell_word(capture_file);
    match step {
        insight::Step::Ask(_) => None,
        insight::Step::Replay(moment_us) => Some(replay(&file, *moment_us)),
        insight::Step::Dump { filter, span_us: (from, to) } => {
            let filter = escape::shell_word(filter);
            let between = humanize::iso_utc(*from).zip(humanize::iso_utc(*to));
            let between = between.map(|(from, to)| format!(" --between {from} {to}")).unwrap_or_default();
            Some(format!("netrec dump {file}{between} --filter {filter}"))
        }
        insight::Step::OnHost { command, arguments } => {
            let arguments = arguments.iter().map(|argument| escape::shell_word(argument));
            Some(iter::once(Cow::Borrowed(*command)).chain(arguments).collect::<Vec<_>>().join(" "))
        }
    }
}

/// The command that shows a moment. For a moment outside the calendar's range it shows the
/// capture's start.
fn replay(file: &str, moment_us: i64) -> String {
    let at = humanize::iso_utc(moment_us).map(|at| format!(" --at {at}")).unwrap_or_default();
    format!("netrec replay {file}{at}")
}

impl Evidence {
    fn of(evidence: &finding::Evidence, capture_file: &str) -> Self {
        let file = escape::shell_word(capture_file);
        Self {
            measurements: evidence.measurements.iter().map(Measurement::from).collect(),
            connections: evidence.connections.iter().map(ToString::to_string).collect(),
            connections_total: evidence.connections_total,
            command: replay(&file, evidence.span_us.0),
        }
    }
}

impl From<&finding::Measurement> for Measurement {
    fn from(measurement: &finding::Measurement) -> Self {
        Self {
            key: key_of(&measurement.name),
            name: measurement.name.clone(),
            value: finite(measurement.value),
            unit: measurement.unit.to_owned(),
            threshold: measurement.threshold.and_then(finite),
        }
    }
}

/// Turns `ports tried` into `ports_tried`.
fn key_of(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            key.push(c.to_ascii_lowercase());
        } else if !key.is_empty() && !key.ends_with('_') {
            key.push('_');
        }
    }
    key.truncate(key.trim_end_matches('_').len());
    key
}

impl From<&Run> for Detector {
    fn from(run: &Run) -> Self {
        let (status, reason) = match &run.status {
            Status::Ran => (DetectorStatus::Ran, None),
            Status::Skipped(reason) => (DetectorStatus::Skipped, Some(reason.clone())),
            Status::Failed(reason) => (DetectorStatus::Failed, Some(reason.clone())),
        };
        Self {
            id: run.about.id.to_owned(),
            title: run.about.title.to_owned(),
            status,
            reason,
            findings: run.output.findings.len() as u64,
            thresholds: run.thresholds.iter().map(|(key, value)| (key.clone(), threshold(value))).collect(),
            limits: run.output.limits.clone(),
            documentation: Documentation::from(run.about),
        }
    }
}

/// Turns TOML's infinities into null, and its dates into text.
fn threshold(value: &toml::Value) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl From<&About> for Documentation {
    fn from(about: &About) -> Self {
        Self {
            what_it_finds: about.what_it_finds.to_owned(),
            why_it_matters: about.why_it_matters.to_owned(),
            how_it_decides: about.how_it_decides.to_owned(),
            false_positives: about.false_positives.to_owned(),
            evidence: about.evidence.to_owned(),
            source: about.source.to_owned(),
        }
    }
}

impl From<&charts::Chart> for Chart {
    fn from(chart: &charts::Chart) -> Self {
        let id = chart.id;
        Self {
            id: id.to_owned(),
            title: chart.title.to_owned(),
            section: chart.section,
            svg: format!("charts/{id}.svg"),
            png: format!("charts/{id}.png"),
        }
    }
}

impl From<&geo::SourceInfo> for GeolocationSource {
    fn from(source: &geo::SourceInfo) -> Self {
        let source = source.clone();
        Self { name: source.name, date: source.date, attribution: source.attribution, url: source.url }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_command_can_be_copied_whatever_the_file_is_called() {
        let identity = CaptureIdentity { file_name: "$(id) x.parquet".to_owned(), ..fixture::identity() };
        let report = Report::new(&fixture::analysis(), &identity);
        let command = &report.findings[0].evidence.command;
        assert!(command.starts_with("netrec replay '$(id) x.parquet' --at 2026-06-01T"), "{command}");
    }

    #[test]
    fn what_is_not_a_number_is_null() {
        let measurement = finding::Measurement::new("ratio", f64::INFINITY, "").against(f64::NAN);
        let published = Measurement::from(&measurement);
        assert_eq!((published.value, published.threshold), (None, None));
    }

    #[test]
    fn a_key_is_plain_whatever_the_name_is() {
        assert_eq!(key_of("ports tried"), "ports_tried");
        assert_eq!(key_of("95 % of round-trip time (RTT)"), "95_of_round_trip_time_rtt");
        assert_eq!(key_of("<b>"), "b");
    }

    #[test]
    fn the_summary_counts_every_severity_and_status() {
        let summary = Report::new(&fixture::analysis(), &fixture::identity()).summary;
        assert_eq!(summary.findings, 3);
        assert_eq!(summary.findings_by_severity.values().sum::<u64>(), 3);
        assert_eq!(summary.findings_by_severity.len(), 5);
        assert_eq!(summary.highest_severity, Some(Severity::High));
        assert_eq!((summary.detectors_ran, summary.detectors_skipped, summary.detectors_failed), (2, 1, 1));
    }

    #[test]
    fn moments_outside_of_the_calendar_have_no_text_but_their_number() {
        assert_eq!(UtcTime::from(i64::MAX), UtcTime { utc: None, us: i64::MAX });
    }
}
