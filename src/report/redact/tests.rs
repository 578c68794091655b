//! Redaction of a whole analysis: what is replaced, and what must still fit together.

use super::*;
use crate::capture::{Example, UnusedReason};
use crate::model::csv::Table;
use crate::report::fixture;

/// The table of connections as it is written into the report.
fn table(analysis: &Analysis) -> String {
    let mut bytes = Vec::new();
    Table::of(&analysis.tables.connections).write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The ids in the first column of a table.
fn ids(table: &str) -> Vec<String> {
    table.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

#[test]
fn names_leave_every_part_of_an_analysis_and_evidence_still_finds_its_connections() {
    let (mut analysis, mut capture) = (fixture::analysis(), fixture::identity());
    let plain = fixture::analysis();
    let redactor = Redactor::new(key::of_tests(), &analysis, &capture).unwrap();
    redactor.redact(&mut analysis, &mut capture).unwrap();

    assert_eq!(analysis.completeness.blind_spots[0], NOTE);
    assert_eq!(analysis.completeness.blind_spots.len(), plain.completeness.blind_spots.len() + 1);
    assert!(!capture.file_name.contains("web-01"), "{}", capture.file_name);
    assert!(analysis.metadata.host_name.as_ref().is_some_and(|name| name.starts_with("host-")));
    assert_ne!(analysis.metadata.boot_id, plain.metadata.boot_id);
    assert_eq!(analysis.metadata.host_addresses.len(), 2);

    let (before, after) = (table(&plain), table(&analysis));
    assert!(before.contains("evil.example") && before.contains("curl"), "{before}");
    assert!(!after.contains("evil.example"), "{after}");
    assert!(after.contains("curl"), "names of programs stay");
    assert_eq!(ids(&before)[0], "11");
    let rows = ids(&after);
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), 4, "different connections stay apart: {rows:?}");
    for (run, plain) in analysis.runs.iter().zip(&plain.runs) {
        for (finding, plain) in run.output.findings.iter().zip(&plain.output.findings) {
            assert_ne!(finding.id, plain.id);
            assert_ne!(finding.evidence.connections, plain.evidence.connections);
            assert_eq!(finding.evidence.connections.len(), plain.evidence.connections.len());
            let first = finding.evidence.connections[0].to_string();
            assert!(rows.contains(&first), "{first} of the evidence is not in {rows:?}");
        }
    }
    let findings: BTreeSet<&str> = analysis
        .runs
        .iter()
        .flat_map(|run| &run.output.findings)
        .map(|finding| finding.id.as_str())
        .collect();
    for id in analysis.insights.iter().flat_map(|insight| &insight.findings) {
        assert!(findings.contains(id.as_str()), "{id} of an incident is not in {findings:?}");
    }
}

#[test]
fn a_record_quoted_in_a_visibility_gap_is_quoted_no_more() {
    let (mut analysis, mut capture) = (fixture::analysis(), fixture::identity());
    let mut stats = ImportStats::new("line");
    stats.skip(UnusedReason::Unreadable, "unreadable line", || Example::of_line(63, b"token=hunter2"));
    analysis.completeness.blind_spots.extend(stats.gap_sentences());
    analysis.metadata.import_stats = Some(stats);
    assert!(analysis.completeness.blind_spots.iter().any(|spot| spot.contains("hunter2")));
    let redactor = Redactor::new(key::of_tests(), &analysis, &capture).unwrap();
    redactor.redact(&mut analysis, &mut capture).unwrap();
    let spots = &analysis.completeness.blind_spots;
    assert!(!spots.iter().any(|spot| spot.contains("hunter2")), "{spots:?}");
    assert!(spots.contains(&"1 of 1 line not used: unreadable line.".to_owned()), "{spots:?}");
}
