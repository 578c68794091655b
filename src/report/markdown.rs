//! `report.md`: what goes into the ticket itself, in under sixty lines.
//!
//! Whatever comes from the capture stands in code spans, where nothing is markup, or is
//! escaped; see [`escape::markdown`].

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::Part;
use super::json::v1::{Detector, DetectorStatus, Finding, Insight, Report};
use super::tables::name_of;
use crate::escape;
use crate::humanize;

/// Findings and sentences that are shown; the rest is counted.
const MOST_FINDINGS: usize = 4;
const MOST_BLIND_SPOTS: usize = 5;
const MOST_INSIGHTS: usize = 3;
/// Longest text in a code span, in characters.
const MOST_CHARS: usize = 160;

/// The summary of a report, with a pointer to the fuller ones among the `parts` beside it.
pub fn render(report: &Report, parts: &[Part]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut out, report, parts);
    out
}

fn write_all(out: &mut String, report: &Report, parts: &[Part]) -> fmt::Result {
    write_head(out, report)?;
    write_blind_spots(out, report)?;
    write_insights(out, report)?;
    write_findings(out, report)?;
    write_suppressed(out, report)?;
    write_detectors(out, &report.detectors)?;
    match (parts.contains(&Part::Html), parts.contains(&Part::Json)) {
        (true, true) => writeln!(out, "\nThe full report is `report.html`; for programs, `report.json`.")?,
        (true, false) => writeln!(out, "\nThe full report is `report.html`.")?,
        (false, true) => writeln!(out, "\nThe full report is `report.json`.")?,
        (false, false) => {}
    }
    report.geolocation.iter().try_for_each(|source| {
        let link =
            source.url.as_deref().map(|url| format!(" ({})", escape::markdown_code(url))).unwrap_or_default();
        writeln!(out, "\n{}{link}", escape::markdown(&source.attribution))
    })
}

fn write_head(out: &mut String, report: &Report) -> fmt::Result {
    let (capture, summary) = (&report.capture, &report.summary);
    match (&capture.host_name, &capture.import) {
        (Some(host), _) => writeln!(out, "# Network recording of {}\n", code(host))?,
        (None, Some(import)) => writeln!(out, "# Network activity in {}\n", code(&import.file))?,
        (None, None) => writeln!(out, "# Network recording of an unknown host\n")?,
    }
    let duration = capture.duration_s.map_or_else(|| humanize::UNKNOWN.to_owned(), humanize::seconds);
    writeln!(out, "- **When:** {} to {} ({duration})", at(capture.start.us), at(capture.end.us))?;
    writeln!(out, "- **Capture:** {}, SHA-256 `{}`", code(&capture.file), capture.sha256)?;
    writeln!(
        out,
        "- **Seen:** {}, {}, {}; {} sent, {} received",
        humanize::plural(summary.connections, "connection"),
        match summary.processes {
            0 => "no known process".to_owned(),
            1 => "1 process".to_owned(),
            number => format!("{} processes", humanize::count(number)),
        },
        match summary.endpoints {
            1 => "1 remote address".to_owned(),
            number => format!("{} remote addresses", humanize::count(number)),
        },
        humanize::bytes(summary.bytes_sent as f64),
        humanize::bytes(summary.bytes_received as f64)
    )?;
    writeln!(out, "- **Made by:** {}", escape::markdown(&report.tool_version))
}

fn at(moment_us: i64) -> String {
    humanize::second_utc(moment_us)
}

fn write_blind_spots(out: &mut String, report: &Report) -> fmt::Result {
    let completeness = &report.capture.completeness;
    let taken = humanize::count(completeness.ticks_taken);
    let snapshots = humanize::plural(completeness.ticks_taken, "snapshot");
    let late = completeness.ticks_late;
    let state = match (report.capture.import.is_some(), completeness.degraded, completeness.ticks_taken) {
        (true, true, _) => format!("What was imported is not whole ({snapshots})."),
        (_, false, 0) => "A list of connections, without snapshots.".to_owned(),
        (true, false, _) => format!("What was imported is whole ({snapshots})."),
        (false, true, _) => format!("The recording is degraded ({taken} ticks, {late} late)."),
        (false, false, _) => format!("The recording ran as planned ({taken} ticks, {late} late)."),
    };
    writeln!(out, "\n## What it could not show\n\n{state}\n")?;
    if let Some(records) = report.capture.import.as_ref().and_then(|import| import.records.as_ref()) {
        let read = humanize::plural(records.read, &records.unit);
        writeln!(out, "- {read} read, {} used.", humanize::count(records.used))?;
    }
    for sentence in completeness.blind_spots.iter().take(MOST_BLIND_SPOTS) {
        writeln!(out, "- {}", escape::markdown(&escape::shorten(sentence, 2 * MOST_CHARS)))?;
    }
    write_more(out, completeness.blind_spots.len(), MOST_BLIND_SPOTS)
}

/// What probably happened, with its strongest reason for and against.
fn write_insights(out: &mut String, report: &Report) -> fmt::Result {
    if report.insights.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## What it may mean\n")?;
    for (number, insight) in (1..).zip(&report.insights).take(MOST_INSIGHTS) {
        write_insight(out, number, insight)?;
    }
    write_more(out, report.insights.len(), MOST_INSIGHTS)
}

fn write_insight(out: &mut String, number: u32, insight: &Insight) -> fmt::Result {
    let severity = name_of(insight.severity);
    let confidence = humanize::ratio_percent(insight.confidence);
    let findings = humanize::plural(insight.findings.len() as u64, "finding");
    writeln!(out, "{number}. **{severity}** ({confidence} sure, {findings}): {}", code(&insight.title))?;
    let reasons = [("for", &insight.supports), ("against", &insight.against), ("next", &insight.next_steps)];
    for (name, sentence) in reasons.into_iter().filter_map(|(name, all)| Some((name, all.first()?))) {
        writeln!(out, "   - {name}: {}", escape::markdown(&escape::shorten(sentence, 2 * MOST_CHARS)))?;
    }
    Ok(())
}

fn write_suppressed(out: &mut String, report: &Report) -> fmt::Result {
    let rules: BTreeSet<&str> = report.suppressed.iter().map(|suppressed| suppressed.rule.as_str()).collect();
    if let Some(first) = rules.first() {
        let findings = humanize::plural(report.suppressed.len() as u64, "finding");
        let more = if rules.len() > 1 { format!(" and {} more", rules.len() - 1) } else { String::new() };
        writeln!(out, "\nSuppressed by the allow-list: {findings}, by {}{more}.", code(first))?;
    }
    if let Some(first) = report.idle_allow_rules.first() {
        let entries = report.idle_allow_rules.len();
        writeln!(out, "\nEntries of the allow-list that fit nothing: {entries}, such as {}.", code(first))?;
    }
    Ok(())
}

fn write_findings(out: &mut String, report: &Report) -> fmt::Result {
    let by_severity = &report.summary.findings_by_severity;
    let counts: Vec<String> = by_severity
        .iter()
        .rev()
        .filter(|(_, count)| **count > 0)
        .map(|(severity, count)| format!("{count} {}", name_of(*severity)))
        .collect();
    let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
    writeln!(out, "\n## Findings: {counts}\n")?;
    if report.findings.is_empty() {
        writeln!(out, "{}", crate::report::nothing_found(&report.detectors))?;
    }
    for (number, finding) in (1..).zip(&report.findings).take(MOST_FINDINGS) {
        write_finding(out, number, finding)?;
    }
    write_more(out, report.findings.len(), MOST_FINDINGS)
}

fn write_finding(out: &mut String, number: u32, finding: &Finding) -> fmt::Result {
    let severity = name_of(finding.severity);
    let confidence = humanize::ratio_percent(finding.confidence);
    writeln!(
        out,
        "{number}. **{severity}** ({confidence} sure, {}): {}",
        finding.detector,
        code(&finding.title)
    )?;
    let first = at(finding.first_seen.us);
    let connections = humanize::plural(finding.evidence.connections_total, "connection");
    let attack = finding.attack.join(", ");
    let attack = if attack.is_empty() { String::new() } else { format!(", ATT&CK {attack}") };
    writeln!(out, "   {connections} from {first}{attack}; {}", code(&finding.evidence.command))
}

fn write_detectors(out: &mut String, detectors: &[Detector]) -> fmt::Result {
    let ran: Vec<_> = detectors.iter().filter(|detector| detector.status == DetectorStatus::Ran).collect();
    let names: Vec<_> = ran.iter().map(|detector| detector.id.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    writeln!(out, "\n## Detectors\n\n- ran: {names}")?;
    for detector in detectors.iter().filter(|detector| detector.status != DetectorStatus::Ran) {
        let status = if detector.status == DetectorStatus::Skipped { "skipped" } else { "failed" };
        let reason = escape::shorten(detector.reason.as_deref().unwrap_or_default(), MOST_CHARS).into_owned();
        writeln!(out, "- {status}: {}: {}", detector.id, escape::markdown(&reason))?;
    }
    Ok(())
}

fn write_more(out: &mut String, all: usize, shown: usize) -> fmt::Result {
    if all > shown { writeln!(out, "- … and {} more in the full report", all - shown) } else { Ok(()) }
}

fn code(text: &str) -> String {
    escape::markdown_code(&escape::shorten(text, MOST_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_reviewed_summary_has_not_changed() {
        let report = Report::of(&fixture::analysis(), &fixture::identity());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/report/report.md");
        fixture::check_golden(path, &render(&report, &Part::ALL));
    }

    #[test]
    fn it_fits_into_a_ticket_however_much_was_found() {
        let mut report = Report::of(&fixture::analysis(), &fixture::identity());
        let finding = report.findings[0].clone();
        report.findings = vec![finding; 500];
        report.insights = vec![report.insights[0].clone(); 50];
        report.capture.completeness.blind_spots = vec!["Something was not seen.".repeat(100); 40];
        let text = render(&report, &Part::ALL);
        assert!(text.lines().count() < 60, "{}", text.lines().count());
        assert!(text.len() < 8_000, "{}", text.len());
    }

    #[test]
    fn hostile_names_are_not_markup() {
        let text = render(&Report::of(&fixture::analysis(), &fixture::identity()), &Part::ALL);
        // The fixture's name holds a backtick, and so stands between two.
        for outside in text.split("``").step_by(2) {
            assert!(!outside.contains("<script") && !outside.contains("]("), "{outside}");
        }
        assert!(!text.chars().any(|c| escape::is_unsafe(c) && c != '\n'));
    }

    #[test]
    fn nothing_found_is_said_with_its_limits() {
        let text = render(&Report::of(&fixture::empty(), &fixture::identity()), &Part::ALL);
        assert!(text.contains("Findings: none") && text.contains("could not show"), "{text}");
    }
}
