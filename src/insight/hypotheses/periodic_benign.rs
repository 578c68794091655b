//! `periodic-benign`: what is regular and has an ordinary explanation.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const PERIODIC_BENIGN: Hypothesis = Hypothesis {
    id: "periodic-benign",
    title: "Ordinary periodic connections: {count}",
    summary: "Regular connections for which the detector has a harmless explanation: services that are periodic by design, \
        neighbours in the local network, work in turns. They are listed so that nobody has to look for them.",
    joins: Joins::Capture,
    needs: &[&[Sign::that(
        Signal::Periodic,
        |fact| fact.finding.judgement.severity <= Severity::Low,
        "It is regular, and that is its nature:",
    )]],
    supports: &[],
    min_severity: Severity::Info,
    escalates: false,
    at_most: Severity::Info,
    benign: &["An implant may hide behind a service that is periodic by design."],
    ask: &["Is there one among them that nobody knows?"],
    attack: &[],
};
