//! `periodic-outside`: regular questions to the outside, without anything else.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const PERIODIC_OUTSIDE: Hypothesis = Hypothesis {
    id: "periodic-outside",
    title: "{who} asks {where} regularly",
    summary: "The intervals are a machine's. Nothing else about it is conspicuous, so that this is most likely an update \
        check, monitoring or synchronisation; it is here because implants do the same.",
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::that(
        Signal::Periodic,
        |fact| fact.is_beyond,
        "It asks at intervals that a clock makes:",
    )]],
    supports: &[
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any(Signal::LongLived, "It stays connected:"),
        Sign::any(Signal::Outlier, "The connections are unlike the others:"),
        Sign::any(Signal::Spike, "It does much at once:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &["Update checks, monitoring, mail, chat and time services ask regularly by design."],
    ask: &["Is the {program|host} known, and does it have a reason to ask this address?"],
    attack: &[],
};
