//! What `netrec analyze` leaves on the screen: ten lines for somebody who has no time.

use std::path::Path;

use crate::analyze::Analysis;
use crate::humanize;
use crate::model::detector::Status;
use crate::model::finding::{Confidence, Severity};

/// Insights and findings that are shown.
const MOST: usize = 4;

/// Longest line, in characters; what is longer is cut in the middle.
const WIDTH: usize = 118;

/// The lines, at most ten: what was recorded, how completely, what it means, what was found,
/// what was suppressed, what could not run, where the report lies.
pub(super) fn lines(analysis: &Analysis, report: &Path) -> Vec<String> {
    let mut lines = vec![recording(analysis), completeness(analysis)];
    lines.extend(headlines(analysis));
    lines.extend([counts(analysis), detectors(analysis)]);
    let mut lines: Vec<String> = lines.iter().map(|line| shorten(line)).collect();
    // A path that is cut is of no use.
    lines.push(format!("report     {}", report.display()));
    lines
}

fn recording(analysis: &Analysis) -> String {
    let (metadata, overview) = (&analysis.metadata, &analysis.metrics.overview);
    let imported = metadata.import.as_ref().map(|import| import.file.as_str());
    let (what, of) = match (metadata.host_name.as_deref(), imported) {
        (None, Some(file)) => ("imported", file),
        (host, _) => ("recording", host.unwrap_or("unknown host")),
    };
    format!(
        "{what:<10} {of} at {}, {}: {}",
        humanize::second_utc(metadata.start_us),
        humanize::seconds(metadata.duration_s()),
        humanize::plural(overview.connections, "connection"),
    )
}

fn completeness(analysis: &Analysis) -> String {
    let completeness = &analysis.completeness;
    let is_import = analysis.metadata.import.is_some();
    let is_empty_import = is_import && analysis.metadata.rows == 0;
    let state = match (analysis.metadata.is_degraded(), is_import) {
        _ if is_empty_import => "EMPTY",
        (true, true) => "PARTIAL",
        (true, false) => "DEGRADED",
        (false, true) => "whole",
        (false, false) => "as planned",
    };
    let late = if is_import { String::new() } else { format!(", {} late", completeness.ticks_late) };
    let spots = match completeness.blind_spots.as_slice() {
        [] => String::new(),
        [only] => format!("; {only}"),
        [first, ..] => format!("; {} blind spots: {first}", completeness.blind_spots.len()),
    };
    format!("complete   {state}, {}{late}{spots}", ticks(completeness.ticks_taken))
}

fn ticks(number: u64) -> String {
    humanize::plural(number, "tick")
}

/// The worst insights; without one, the worst findings.
fn headlines(analysis: &Analysis) -> Vec<String> {
    let line = |(name, severity, confidence, title): (&str, Severity, Confidence, &str)| {
        format!("{name:<10} {:<8} {:>3.0} %  {title}", severity.as_str(), confidence.get() * 100.0)
    };
    let insights = analysis.insights.iter().map(|i| ("insight", i.severity, i.confidence, i.title.as_str()));
    let findings = analysis.findings();
    let findings = findings
        .iter()
        .map(|f| &f.judgement)
        .map(|j| ("finding", j.severity, j.confidence, j.title.as_str()));
    if analysis.insights.is_empty() {
        findings.take(MOST).map(line).collect()
    } else {
        insights.take(MOST).map(line).collect()
    }
}

fn counts(analysis: &Analysis) -> String {
    if analysis.metadata.import.is_some() && analysis.metadata.rows == 0 {
        return "findings   not judged: the capture holds nothing".to_owned();
    }
    let findings = analysis.findings();
    let of = |severity: Severity| findings.iter().filter(|f| f.judgement.severity == severity).count();
    let by_severity: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .map(|severity| (of(severity), severity))
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| format!("{count} {severity}"))
        .collect();
    let by_severity = if by_severity.is_empty() { "none".to_owned() } else { by_severity.join(", ") };
    let insights = humanize::plural(analysis.insights.len() as u64, "insight");
    let suppressed = match analysis.suppressed.len() {
        0 => String::new(),
        number => format!("; {number} suppressed by the allow-list"),
    };
    let idle = match analysis.idle_rules().len() {
        0 => String::new(),
        number => format!("; {number} of its entries matched nothing"),
    };
    format!("findings   {by_severity} ({insights}){suppressed}{idle}")
}

fn detectors(analysis: &Analysis) -> String {
    let mut failed: Vec<&str> = Vec::new();
    let (mut ran, mut skipped) = (0, 0);
    for run in &analysis.runs {
        match run.status {
            Status::Ran => ran += 1,
            Status::Skipped(_) => skipped += 1,
            Status::Failed(_) => failed.push(run.about.id),
        }
    }
    let names = if failed.is_empty() { String::new() } else { format!(" ({})", failed.join(", ")) };
    format!("detectors  {ran} ran, {skipped} skipped, {} failed{names}", failed.len())
}

/// Cuts a line at its end: what comes first matters most.
fn shorten(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn it_is_ten_lines_whatever_was_found() {
        let mut analysis = fixture::analysis();
        let lines_of = |analysis: &Analysis| lines(analysis, Path::new("/tmp/r/report.html"));
        assert!(lines_of(&analysis).len() <= 10);
        let insight = analysis.insights[0].clone();
        analysis.insights = vec![insight; 300];
        analysis.completeness.blind_spots = vec!["Much was not seen. ".repeat(50); 20];
        let lines = lines_of(&analysis);
        assert!(lines.len() <= 10, "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[0].contains("connections") && lines[1].contains("20 blind spots"), "{lines:#?}");
        assert!(lines.last().is_some_and(|line| line.ends_with("/tmp/r/report.html")));
    }

    #[test]
    fn without_an_insight_the_findings_stand_there_and_without_either_none() {
        let mut analysis = fixture::analysis();
        analysis.insights.clear();
        let text = lines(&analysis, Path::new("r")).join("\n");
        assert!(text.contains("\nfinding    high"), "{text}");
        let text = lines(&fixture::empty(), Path::new("r")).join("\n");
        assert!(text.contains("findings   none (0 insights)"), "{text}");
    }

    #[test]
    fn what_was_suppressed_is_said() {
        let mut analysis = fixture::analysis();
        assert_eq!(analysis.suppressed.len(), 1);
        let text = lines(&analysis, Path::new("r")).join("\n");
        assert!(text.contains("1 suppressed by the allow-list; 1 of its entries matched nothing"), "{text}");
        analysis.suppressed.clear();
        let text = lines(&analysis, Path::new("r")).join("\n");
        assert!(text.contains("2 of its entries matched nothing") && !text.contains("suppressed"), "{text}");
    }
}
