//! `periodic-outside`: periodic connections to the outside, without any other evidence.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const PERIODIC_OUTSIDE: Hypothesis = Hypothesis {
    id: "periodic-outside",
    title: "{who} contacts {where} periodically",
    summary: "The connections recur at machine-regular intervals; nothing else about them is suspicious. Update checks and \
        monitoring look like this, and so do implants.",
    stage: None,
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::that(
        Signal::Periodic,
        |fact| fact.is_beyond && !fact.is_inbound && fact.finding.judgement.severity < Severity::Medium,
        "Periodic connections:",
    )]],
    supports: &[
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::LongLived, "Long-lived connection:"),
        Sign::any(Signal::Outlier, "Outlier:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &["Update checks, monitoring, mail, chat and time services poll by design."],
    ask: &["Check whether the {program|host} is known, and whether it has a reason to contact this address."],
    attack: &[],
};
