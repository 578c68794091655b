//! The verdict: the severity, one sentence per incident, next steps, and visibility gaps. Every
//! output begins with it.

use std::collections::BTreeSet;

use super::v1::{
    Capture, Completeness, Detector, DetectorStatus, Finding, Incident, Insight, Severity, Verdict,
};
use crate::humanize::{self, plural};
use crate::report::tables::name_of;

/// Number of incidents whose first next step is part of the verdict.
const MOST_STEPS: usize = 3;
/// From this severity on, a finding outside any hypothesis is an incident of its own.
const LONE_FINDING: Severity = Severity::Medium;

impl Verdict {
    /// The verdict on findings and hypotheses, each sorted worst first.
    pub(super) fn new(
        findings: &[Finding],
        insights: &[Insight],
        capture: &Capture,
        detectors: &[Detector],
    ) -> Self {
        let incidents = incidents(findings, insights);
        let severity = incidents.iter().map(|incident| incident.severity);
        let severity = severity.chain(findings.iter().map(|finding| finding.severity)).max();
        let gaps = capture.completeness.blind_spots.clone();
        Self {
            severity,
            headline: headline(severity, &incidents, findings, detectors),
            next_steps: next_steps(&incidents, insights, &gaps),
            incidents,
            completeness: completeness(capture),
            visibility_gaps: gaps,
        }
    }
}

/// The text in place of findings: no findings is not the same as no detector run.
pub fn nothing_found(detectors: &[Detector]) -> &'static str {
    if detectors.iter().any(|detector| detector.status == DetectorStatus::Ran) {
        "No detector found anything. Read this together with the visibility gaps, and with the detectors \
         that were skipped or failed."
    } else {
        "No detector could run, so nothing was analyzed. Each detector states why."
    }
}

/// The hypotheses above `info`, and the findings that belong to none of them.
fn incidents(findings: &[Finding], insights: &[Insight]) -> Vec<Incident> {
    let explained: BTreeSet<&str> =
        insights.iter().flat_map(|insight| &insight.findings).map(String::as_str).collect();
    let title_of = |id: &String| findings.iter().find(|finding| finding.id == *id).map(|f| f.title.clone());
    let of_insights =
        insights.iter().filter(|insight| insight.severity > Severity::Info).map(|insight| Incident {
            id: insight.id.clone(),
            severity: insight.severity,
            confidence: insight.confidence,
            sentence: insight.sentence.clone(),
            key_evidence: insight.findings.first().and_then(title_of),
        });
    let lone = findings
        .iter()
        .filter(|finding| finding.severity >= LONE_FINDING && !explained.contains(finding.id.as_str()))
        .map(|finding| Incident {
            id: finding.id.clone(),
            severity: finding.severity,
            confidence: finding.confidence,
            sentence: format!(
                "{}, {}",
                finding.title,
                humanize::when_utc((finding.first_seen.us, finding.last_seen.us))
            ),
            key_evidence: None,
        });
    let mut incidents: Vec<Incident> = of_insights.chain(lone).collect();
    incidents.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then(b.confidence.total_cmp(&a.confidence)).then_with(|| a.id.cmp(&b.id))
    });
    incidents
}

fn headline(
    severity: Option<Severity>,
    incidents: &[Incident],
    findings: &[Finding],
    detectors: &[Detector],
) -> String {
    let Some(severity) = severity else { return nothing_found(detectors).to_owned() };
    let worst = incidents.iter().filter(|incident| incident.severity == severity).count();
    if worst == 0 {
        let found = plural(findings.len() as u64, "finding");
        return format!("No incident: {found}, at most of severity {}.", name_of(severity));
    }
    let milder = match incidents.len() - worst {
        0 => String::new(),
        number => format!(", {} of lower severity", humanize::count(number as u64)),
    };
    format!("{} of {} severity{milder}.", plural(worst as u64, "incident"), name_of(severity))
}

/// The first step of each of the worst incidents, after the incidents that it is for.
fn next_steps(incidents: &[Incident], insights: &[Insight], gaps: &[String]) -> Vec<String> {
    let step = |incident: &Incident| match insights.iter().find(|insight| insight.id == incident.id) {
        Some(insight) => Some((insight.title.clone(), insight.next_steps.first()?.clone())),
        None => Some((incident.sentence.clone(), "check the evidence of this finding.".to_owned())),
    };
    let pressing = incidents.iter().filter(|incident| incident.severity >= Severity::Medium);
    let mut steps: Vec<(String, String)> = Vec::new();
    for (incident, step) in pressing.take(MOST_STEPS).filter_map(step) {
        match steps.iter_mut().find(|(_, known)| *known == step) {
            Some((incidents, _)) => incidents.extend(["; ", incident.as_str()]),
            None => steps.push((incident, step)),
        }
    }
    if steps.is_empty() && !gaps.is_empty() {
        return vec!["Read the visibility gaps before you rely on this result.".to_owned()];
    }
    steps.into_iter().map(|(incidents, step)| format!("{incidents}: {step}")).collect()
}

/// How complete the capture is, in one sentence.
fn completeness(capture: &Capture) -> String {
    let Completeness { degraded, ticks_taken, ticks_late, events_lost, .. } = capture.completeness;
    if let Some(import) = &capture.import {
        let records = import.records.as_ref().map(|records| {
            let read = plural(records.read, &records.unit);
            format!("{} of {read} used", humanize::count(records.used))
        });
        let state = if degraded { "The import is partial" } else { "The import is complete" };
        return match records {
            Some(records) => format!("{state}: {records}."),
            None => format!("{state}."),
        };
    }
    let taken = plural(ticks_taken, "snapshot");
    if !degraded {
        return match ticks_taken {
            0 => "The capture is a list of connections, without snapshots.".to_owned(),
            _ => format!("The recording is complete: {taken}, none late."),
        };
    }
    let lost = match events_lost {
        Some(lost) if lost > 0 => format!(", {} lost", plural(lost, "event")),
        _ => String::new(),
    };
    format!("The recording is degraded: {taken}, {} late or missing{lost}.", humanize::count(ticks_late))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::json::v1::Report;

    fn report() -> Report {
        Report::new(&fixture::analysis(), &fixture::identity())
    }

    fn verdict(report: &Report) -> Verdict {
        Verdict::new(&report.findings, &report.insights, &report.capture, &report.detectors)
    }

    #[test]
    fn it_names_the_worst_severity_and_every_incident_once() {
        let verdict = verdict(&report());
        assert_eq!(verdict.severity, Some(Severity::Critical));
        // The beacon belongs to the hypothesis, the medium scan to none, the low scan is no incident.
        assert_eq!(verdict.headline, "1 incident of critical severity, 1 of lower severity.");
        let severities: Vec<_> = verdict.incidents.iter().map(|incident| incident.severity).collect();
        assert_eq!(severities, [Severity::Critical, Severity::Medium]);
        assert!(verdict.incidents[0].key_evidence.as_ref().is_some_and(|title| title.contains("every 20 s")));
        assert!(
            verdict.incidents[1].sentence.contains("2026-06-01T10:"),
            "{}",
            verdict.incidents[1].sentence
        );
        assert!(verdict.next_steps[0].ends_with(": Check where the program comes from."));
    }

    #[test]
    fn a_step_that_several_incidents_share_is_given_once() {
        let mut report = report();
        let mut second = report.insights[0].clone();
        second.id.push('b');
        second.title = "Another incident".to_owned();
        let first = report.insights[0].title.clone();
        report.insights.push(second);
        let steps = verdict(&report).next_steps;
        assert_eq!(steps[0], format!("{first}; Another incident: Check where the program comes from."));
        assert_eq!(steps.len(), 2, "{steps:?}");
    }

    #[test]
    fn mild_findings_are_no_incident_and_none_is_not_nothing_looked_for() {
        let mut report = report();
        report.insights.clear();
        report.findings.retain(|finding| finding.severity == Severity::Low);
        assert_eq!(verdict(&report).headline, "No incident: 1 finding, at most of severity low.");
        report.findings.clear();
        assert!(verdict(&report).headline.contains("No detector found anything"));
        report.detectors.clear();
        let nothing = verdict(&report);
        assert!(nothing.headline.contains("nothing was analyzed") && nothing.severity.is_none());
    }

    #[test]
    fn completeness_is_said_without_judging() {
        let mut capture = report().capture;
        capture.import = None;
        capture.completeness.degraded = true;
        capture.completeness.ticks_taken = 61;
        capture.completeness.ticks_late = 2;
        capture.completeness.events_lost = Some(1);
        assert_eq!(
            completeness(&capture),
            "The recording is degraded: 61 snapshots, 2 late or missing, 1 event lost."
        );
        capture.completeness.degraded = false;
        assert_eq!(completeness(&capture), "The recording is complete: 61 snapshots, none late.");
    }
}
