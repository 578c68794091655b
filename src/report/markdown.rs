//! `report.md`: the text for the ticket, at most forty lines, readable rendered and as plain text.
//!
//! Everything from the capture is in a code span, where nothing is markup, or escaped; see
//! [`escape::markdown`].

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::ReportFormat;
use super::json::v1::{
    Detector, DetectorStatus, Entities, Finding, GeolocationSource, Insight, Report, Severity, Summary,
};
use super::tables::name_of;
use crate::escape;
use crate::humanize::{self, count, plural, ratio_percent, second_utc};

/// Maximum number of incidents, findings and sentences shown; the rest is counted.
const MOST_INCIDENTS: usize = 3;
const MOST_FINDINGS: usize = 3;
const MOST_GAPS: usize = 2;
/// Longest text in a code span, and longest sentence, in characters.
const MOST_CHARS: usize = 160;
const MOST_SENTENCE_CHARS: usize = 320;

/// The summary of a report, with a pointer to the more detailed `parts` beside it.
pub fn render(report: &Report, parts: &[ReportFormat]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut out, report, parts);
    out
}

fn write_all(out: &mut String, report: &Report, parts: &[ReportFormat]) -> fmt::Result {
    write_verdict(out, report)?;
    write_findings(out, report)?;
    write_gaps(out, report)?;
    write_capture(out, report)?;
    write_detectors(out, &report.detectors)?;
    write_pointers(out, report, parts)
}

fn write_verdict(out: &mut String, report: &Report) -> fmt::Result {
    let verdict = &report.verdict;
    let severity = verdict.severity.map_or_else(|| "no finding".to_owned(), in_capitals);
    let capture = &report.capture;
    match (&capture.host_name, &capture.import) {
        (Some(host), _) => writeln!(out, "# {severity}: host {}\n", code(host))?,
        (None, Some(import)) => writeln!(out, "# {severity}: network activity in {}\n", code(&import.file))?,
        (None, None) => writeln!(out, "# {severity}: unknown host\n")?,
    }
    writeln!(out, "**TL;DR:** {}", text(&verdict.headline))?;
    if verdict.incidents.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for (number, incident) in (1..).zip(&verdict.incidents).take(MOST_INCIDENTS) {
        let (severity, confidence) = (name_of(incident.severity), ratio_percent(incident.confidence));
        writeln!(out, "{number}. **{severity}**, confidence {confidence}: {}", text(&incident.sentence))?;
        if let Some(insight) = report.insights.iter().find(|insight| insight.id == incident.id) {
            write_insight(out, insight)?;
        }
    }
    write_more(out, verdict.incidents.len(), MOST_INCIDENTS)
}

fn in_capitals(severity: Severity) -> String {
    name_of(severity).to_uppercase()
}

/// Facts, strongest evidence, alternative explanation, next step and its command.
fn write_insight(out: &mut String, insight: &Insight) -> fmt::Result {
    let facts = facts(&insight.entities);
    if !facts.is_empty() {
        writeln!(out, "   - Process: {facts}")?;
    }
    let sentences = [("Evidence", &insight.supports), ("Alternative", &insight.against)];
    for (name, sentence) in sentences.into_iter().filter_map(|(name, all)| Some((name, all.first()?))) {
        writeln!(out, "   - {name}: {}", text(sentence))?;
    }
    let step = insight.next_steps.first().map(|step| text(step));
    let next: Vec<String> = step.into_iter().chain(insight.commands.first().map(|c| code(c))).collect();
    if next.is_empty() { Ok(()) } else { writeln!(out, "   - Next step: {}", next.join(" ")) }
}

/// The known ones of path, pid, user, parent and hash.
fn facts(entities: &Entities) -> String {
    let id = entities.pid.map(|pid| format!("pid {pid}"));
    let parent = match (&entities.parent_name, entities.ppid) {
        (Some(name), Some(ppid)) => Some(format!("parent {} (pid {ppid})", code(name))),
        (Some(name), None) => Some(format!("parent {}", code(name))),
        (None, ppid) => ppid.map(|ppid| format!("parent pid {ppid}")),
    };
    let known = [
        entities.exe.as_deref().or(entities.process_name.as_deref()).map(code),
        id,
        entities.username.as_ref().map(|user| format!("user {}", code(user))),
        parent,
        entities.exe_sha256.as_ref().map(|hash| format!("SHA-256 {}", code(hash))),
    ];
    known.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn write_findings(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out, "\n## Findings: {}\n", by_severity(&report.summary))?;
    if report.findings.is_empty() {
        writeln!(out, "{}", crate::report::nothing_found(&report.detectors))?;
    }
    for (number, finding) in (1..).zip(&report.findings).take(MOST_FINDINGS) {
        write_finding(out, number, finding)?;
    }
    write_more(out, report.findings.len(), MOST_FINDINGS)?;
    write_suppressed(out, report)
}

/// `2 high, 1 low`; `none`.
pub(crate) fn by_severity(summary: &Summary) -> String {
    let counts: Vec<String> = summary
        .findings_by_severity
        .iter()
        .rev()
        .filter(|(_, number)| **number > 0)
        .map(|(severity, number)| format!("{} {}", count(*number), name_of(*severity)))
        .collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

fn write_finding(out: &mut String, number: u32, finding: &Finding) -> fmt::Result {
    let attack: Vec<&str> = finding.attack.iter().take(4).map(String::as_str).collect();
    let attack = if attack.is_empty() { String::new() } else { format!(", ATT&CK {}", attack.join(", ")) };
    writeln!(
        out,
        "{number}. **{}**, confidence {}: {} ({}, {}, {}{attack})",
        name_of(finding.severity),
        ratio_percent(finding.confidence),
        text(&finding.title),
        finding.detector,
        plural(finding.evidence.connections_total, "connection"),
        second_utc(finding.first_seen.us),
    )
}

/// What the allow-lists suppressed, and which of their entries matched nothing, in one line.
fn write_suppressed(out: &mut String, report: &Report) -> fmt::Result {
    let rules: BTreeSet<&str> = report.suppressed.iter().map(|suppressed| suppressed.rule.as_str()).collect();
    let suppressed = rules.first().map(|first| {
        let findings = plural(report.suppressed.len() as u64, "finding");
        let more = if rules.len() > 1 { format!(" and {} more", rules.len() - 1) } else { String::new() };
        format!("suppressed {findings}, by {}{more}", code(first))
    });
    let idle = report.idle_allow_rules.first().map(|first| {
        let entries = plural(report.idle_allow_rules.len() as u64, "entry");
        format!("{entries} matched nothing, such as {}", code(first))
    });
    let said: Vec<String> = [suppressed, idle].into_iter().flatten().collect();
    if said.is_empty() { Ok(()) } else { writeln!(out, "- Allow-list: {}.", said.join("; ")) }
}

fn write_gaps(out: &mut String, report: &Report) -> fmt::Result {
    let verdict = &report.verdict;
    writeln!(out, "\n## Capture and visibility gaps\n\n- {}", text(&verdict.completeness))?;
    for sentence in verdict.visibility_gaps.iter().take(MOST_GAPS) {
        writeln!(out, "- {}", text(sentence))?;
    }
    write_more(out, verdict.visibility_gaps.len(), MOST_GAPS)
}

fn write_capture(out: &mut String, report: &Report) -> fmt::Result {
    let (capture, summary) = (&report.capture, &report.summary);
    let duration = capture.duration_s.map_or_else(|| humanize::UNKNOWN.to_owned(), humanize::seconds);
    let span = humanize::span_utc((capture.start.us, capture.end.us));
    writeln!(out, "- {}, SHA-256 {}", code(&capture.file), code(&capture.sha256))?;
    let left_out = match summary.foreign_sockets {
        0 => String::new(),
        sockets => format!("; left out: {} of other network namespaces", plural(sockets, "socket")),
    };
    writeln!(
        out,
        "- {span} ({duration}): {}, {}, {}; {} sent, {} received{left_out}",
        plural(summary.connections, "connection"),
        plural(summary.processes, "process"),
        plural(summary.endpoints, "remote address"),
        humanize::bytes(summary.bytes_sent as f64),
        humanize::bytes(summary.bytes_received as f64)
    )
}

fn write_detectors(out: &mut String, detectors: &[Detector]) -> fmt::Result {
    let ended = |status| detectors.iter().filter(move |detector| detector.status == status);
    let ran = ended(DetectorStatus::Ran).count() as u64;
    let skipped: Vec<&str> = ended(DetectorStatus::Skipped).map(|detector| detector.id.as_str()).collect();
    let skipped = if skipped.is_empty() { "none".to_owned() } else { skipped.join(", ") };
    writeln!(out, "- {} ran; skipped: {skipped}", plural(ran, "detector"))?;
    for detector in ended(DetectorStatus::Failed) {
        writeln!(out, "- {} failed: {}", detector.id, text(detector.reason.as_deref().unwrap_or_default()))?;
    }
    Ok(())
}

fn write_pointers(out: &mut String, report: &Report, parts: &[ReportFormat]) -> fmt::Result {
    let made_by = escape::markdown(&report.tool_version);
    let pointer = match (parts.contains(&ReportFormat::Html), parts.contains(&ReportFormat::Json)) {
        (true, true) => "Full report: `report.html`; for programs: `report.json`; made by ",
        (true, false) => "Full report: `report.html`; made by ",
        (false, true) => "Full report: `report.json`; made by ",
        (false, false) => "Made by ",
    };
    let source = |source: &GeolocationSource| {
        let link = source.url.as_deref().map(|url| format!(" ({})", code(url))).unwrap_or_default();
        format!("; {}{link}", text(&source.attribution))
    };
    let sources: String = report.geolocation.iter().map(source).collect();
    writeln!(out, "- {pointer}{made_by}{sources}")
}

fn write_more(out: &mut String, all: usize, shown: usize) -> fmt::Result {
    if all > shown { writeln!(out, "- … and {} more in the full report", all - shown) } else { Ok(()) }
}

fn text(text: &str) -> String {
    escape::markdown(&escape::shorten(text, MOST_SENTENCE_CHARS))
}

fn code(text: &str) -> String {
    escape::markdown_code(&escape::shorten(text, MOST_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    const MOST_LINES: usize = 40;

    #[test]
    fn the_reviewed_summary_has_not_changed() {
        let report = Report::new(&fixture::analysis(), &fixture::identity());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/report/report.md");
        let summary = render(&report, &ReportFormat::ALL);
        fixture::check_golden(path, &summary);
    }

    #[test]
    fn it_fits_into_a_ticket_however_much_was_found() {
        let mut report = Report::new(&fixture::analysis(), &fixture::identity());
        let finding = report.findings[0].clone();
        report.findings = vec![finding; 500];
        report.insights = vec![report.insights[0].clone(); 50];
        report.verdict.incidents = vec![report.verdict.incidents[0].clone(); 50];
        report.verdict.visibility_gaps = vec!["Something was not seen.".repeat(100); 40];
        let text = render(&report, &ReportFormat::ALL);
        assert!(text.lines().count() <= MOST_LINES, "{}", text.lines().count());
        assert!(text.len() < 8_000, "{}", text.len());
    }

    #[test]
    fn it_opens_with_the_severity_and_what_happened() {
        let text = render(&Report::new(&fixture::analysis(), &fixture::identity()), &ReportFormat::ALL);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("# CRITICAL: host `"), "{}", lines[0]);
        assert!(lines[2].starts_with("**TL;DR:** 1 incident of critical severity"), "{}", lines[2]);
        assert!(lines[4].starts_with("1. **critical**, confidence 81 %: "), "{}", lines[4]);
    }

    #[test]
    fn hostile_names_are_not_markup() {
        let text = render(&Report::new(&fixture::analysis(), &fixture::identity()), &ReportFormat::ALL);
        // The fixture's name contains a backtick, so its code span uses two.
        for outside in text.split("``").step_by(2) {
            assert!(!outside.contains("<script") && !outside.contains("!["), "{outside}");
        }
        assert!(!text.chars().any(|c| escape::is_unsafe(c) && c != '\n'));
    }

    #[test]
    fn nothing_found_is_said_with_its_limits() {
        let text = render(&Report::new(&fixture::empty(), &fixture::identity()), &ReportFormat::ALL);
        assert!(text.contains("Findings: none") && text.contains("visibility gaps"), "{text}");
    }
}
