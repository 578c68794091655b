//! `periodic-benign`: periodic connections with an ordinary explanation, or with nothing but their rhythm.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const PERIODIC_BENIGN: Hypothesis = Hypothesis {
    id: "periodic-benign",
    title: "Periodic connections without other evidence: {count}",
    summary: "Nothing but the rhythm stands out. Most are services that poll by design, update checks, monitoring and local \
        neighbors; an implant that polls a server with an inconspicuous name looks the same.",
    stage: None,
    joins: Joins::Capture,
    needs: &[&[Sign::that(
        Signal::Periodic,
        |fact| fact.finding.judgement.severity <= Severity::Low,
        "Periodic connections:",
    )]],
    supports: &[],
    min_severity: Severity::Info,
    escalates: false,
    at_most: Severity::Info,
    benign: &["An implant can hide among services that poll by design."],
    ask: &["Check that you recognize every one of them."],
    attack: &[],
};
