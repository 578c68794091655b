//! The verdict that `netrec analyze` prints at its end, in at most ten lines.

use std::path::Path;

use crate::humanize::{self, plural, ratio_percent};
use crate::report::json::v1::{DetectorStatus, Report};
use crate::report::markdown::by_severity;
use crate::report::severity_name;

/// Maximum number of incidents shown.
const MOST_INCIDENTS: usize = 3;

/// Maximum line length in characters; longer lines are cut.
const WIDTH: usize = 140;

/// The lines, at most ten: the verdict, one per incident, next steps, completeness, the findings,
/// the capture, the detectors, the report's path.
pub(super) fn lines(report: &Report, path: &Path) -> Vec<String> {
    let mut lines = vec![verdict(report)];
    lines.extend(incidents(report));
    lines.extend(report.verdict.next_steps.first().map(|step| line("next", step)));
    lines.extend([
        line("complete", &completeness(report)),
        line("findings", &findings(report)),
        line("capture", &capture(report)),
        line("detectors", &detectors(report)),
    ]);
    let mut lines: Vec<String> = lines.iter().map(|line| shorten(line)).collect();
    // A cut path would be useless.
    lines.push(line("report", &path.display().to_string()));
    lines
}

fn line(name: &str, text: &str) -> String {
    format!("{name:<9}  {text}")
}

fn verdict(report: &Report) -> String {
    let verdict = &report.verdict;
    let severity = verdict.severity.map_or_else(|| "NONE".to_owned(), |s| severity_name(s).to_uppercase());
    if report.capture.import.is_some() && report.capture.rows == 0 {
        return line("EMPTY", "Not analyzed: the capture is empty.");
    }
    line(&severity, &verdict.headline)
}

/// One line per incident with its confidence, worst first; the headline counts all of them.
fn incidents(report: &Report) -> impl Iterator<Item = String> {
    report.verdict.incidents.iter().take(MOST_INCIDENTS).map(|incident| {
        let confidence = ratio_percent(incident.confidence);
        line(severity_name(incident.severity), &format!("{confidence:>5}  {}", incident.sentence))
    })
}

fn completeness(report: &Report) -> String {
    let verdict = &report.verdict;
    let state = &verdict.completeness;
    match verdict.visibility_gaps.as_slice() {
        [] => state.clone(),
        [only] => format!("{state} Visibility gap: {only}"),
        [first, ..] => {
            let gaps = plural(verdict.visibility_gaps.len() as u64, "visibility gap");
            format!("{state} {gaps}: {first}")
        }
    }
}

fn findings(report: &Report) -> String {
    let suppressed = match report.suppressed.len() {
        0 => String::new(),
        number => format!("; {number} suppressed by the allow-list"),
    };
    let idle = match report.idle_allow_rules.len() as u64 {
        0 => String::new(),
        number => format!("; {} of it matched nothing", plural(number, "entry")),
    };
    format!("{}{suppressed}{idle}", by_severity(&report.summary))
}

fn capture(report: &Report) -> String {
    let (capture, summary) = (&report.capture, &report.summary);
    let of = match (&capture.host_name, &capture.import) {
        (Some(host), _) => format!("host {host}"),
        (None, Some(import)) => import.file.clone(),
        (None, None) => "unknown host".to_owned(),
    };
    let duration = capture.duration_s.map_or_else(|| humanize::UNKNOWN.to_owned(), humanize::seconds);
    format!(
        "{of}, {} for {duration}: {}, {}, {}",
        humanize::second_utc(capture.start.us),
        plural(summary.connections, "connection"),
        plural(summary.processes, "process"),
        plural(summary.endpoints, "remote address"),
    )
}

fn detectors(report: &Report) -> String {
    let summary = &report.summary;
    let failed: Vec<&str> = report
        .detectors
        .iter()
        .filter(|detector| detector.status == DetectorStatus::Failed)
        .map(|detector| detector.id.as_str())
        .collect();
    let names = if failed.is_empty() { String::new() } else { format!(" ({})", failed.join(", ")) };
    format!(
        "{} ran, {} skipped, {} failed{names}",
        summary.detectors_ran, summary.detectors_skipped, summary.detectors_failed
    )
}

/// Cuts a line at its end: the most important part comes first.
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

    fn report() -> Report {
        Report::new(&fixture::analysis(), &fixture::identity())
    }

    fn text_of(report: &Report) -> String {
        lines(report, Path::new("/tmp/r/report.html")).join("\n")
    }

    #[test]
    fn it_is_ten_lines_whatever_was_found() {
        let mut report = report();
        assert!(text_of(&report).lines().count() <= 10);
        report.verdict.incidents = vec![report.verdict.incidents[0].clone(); 300];
        report.verdict.visibility_gaps = vec!["Much was not seen. ".repeat(50); 20];
        let lines = lines(&report, Path::new("/tmp/r/report.html"));
        assert_eq!(lines.len(), 10, "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[5].contains("20 visibility gaps"), "{lines:#?}");
        assert!(lines.last().is_some_and(|line| line.ends_with("/tmp/r/report.html")));
    }

    #[test]
    fn the_first_line_is_the_verdict() {
        let mut report = report();
        assert!(
            text_of(&report).starts_with("CRITICAL   1 incident of critical severity"),
            "{}",
            text_of(&report)
        );
        report.insights.clear();
        let empty = Report::new(&fixture::empty(), &fixture::identity());
        let text = text_of(&empty);
        assert!(text.starts_with("NONE       No detector could run"), "{text}");
        assert!(text.contains("\nfindings   none\n"), "{text}");
    }

    #[test]
    fn what_was_suppressed_is_said() {
        let mut report = report();
        assert_eq!(report.suppressed.len(), 1);
        let text = text_of(&report);
        assert!(text.contains("1 suppressed by the allow-list; 1 entry of it matched nothing"), "{text}");
        report.suppressed.clear();
        assert!(!text_of(&report).contains("suppressed"));
    }
}
