//! Helpers for tests of findings.

use crate::model::finding::Finding;

/// The only finding.
#[track_caller]
pub(crate) fn the_only(mut findings: Vec<Finding>) -> Finding {
    let titles: Vec<_> = findings.iter().map(|f| f.judgement.title.clone()).collect();
    assert_eq!(findings.len(), 1, "{titles:?}");
    findings.remove(0)
}

/// The measured value with this name.
#[track_caller]
pub(crate) fn measured(finding: &Finding, name: &str) -> f64 {
    finding.evidence.measurements.iter().find(|m| m.name == name).unwrap().value
}
