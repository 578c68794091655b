//! `periodic-benign`: periodic connections with an ordinary explanation.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const PERIODIC_BENIGN: Hypothesis = Hypothesis {
    id: "periodic-benign",
    title: "Ordinary periodic connections: {count}",
    summary: "Periodic connections with a harmless explanation: services that poll by design, local neighbors, back-to-back \
        work. They are listed for completeness.",
    stage: None,
    joins: Joins::Capture,
    needs: &[&[Sign::that(
        Signal::Periodic,
        |fact| fact.finding.judgement.severity <= Severity::Low,
        "Periodic by design:",
    )]],
    supports: &[],
    min_severity: Severity::Info,
    escalates: false,
    at_most: Severity::Info,
    benign: &["An implant can hide among services that poll by design."],
    ask: &["Check that you recognize every one of them."],
    attack: &[],
};
