//! `periodic-outside`: regular questions to the outside, without anything else.

use crate::analyze::finding::Severity;
use crate::insight::hypothesis::{Hypothesis, Joins, Sign};

pub(super) const PERIODIC_OUTSIDE: Hypothesis = Hypothesis {
    id: "periodic-outside",
    title: "{who} asks {where} regularly",
    summary: "The intervals are a machine's. Nothing else about it is conspicuous, so that this is most likely an update \
        check, monitoring or synchronisation; it is here because implants do the same.",
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::that("beacon", |fact| fact.is_beyond, "It asks at intervals that a clock makes:")]],
    supports: &[
        Sign::any("geo", "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any("long-connection", "It stays connected:"),
        Sign::any("isolation-forest", "The connections are unlike the others:"),
        Sign::any("burst", "It does much at once:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &["Update checks, monitoring, mail, chat and time services ask regularly by design."],
    ask: &["Is the {program|host} known, and does it have a reason to ask this address?"],
    attack: &[],
};
