//! `command-and-control`: a suspicious process polls, or stays connected to, an external address.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const COMMAND_AND_CONTROL: Hypothesis = Hypothesis {
    id: "command-and-control",
    title: "{who}: possible command and control (C2) to {where}",
    summary: "A {process|host} polls or stays connected to one external address, and other evidence makes it suspicious. \
        Either alone is usually harmless; implants do both.",
    stage: Some(Stage::CommandAndControl),
    joins: Joins::ProcessAndDestination,
    needs: &[
        &[
            Sign::that(Signal::Periodic, |fact| fact.is_beyond, "Beaconing:"),
            Sign::that(Signal::LongLived, |fact| fact.is_beyond, "Long-lived connection:"),
        ],
        &[
            Sign::that(
                Signal::SuspiciousProcess,
                |fact| fact.finding.judgement.severity >= Severity::Medium,
                "Suspicious process:",
            ),
            Sign::any(Signal::KnownBad, "Matches an indicator:"),
            Sign::any(Signal::RuleMatch, "Matches a rule:"),
            Sign::that(
                Signal::UnusualPort,
                |fact| fact.finding.judgement.severity >= Severity::Low,
                "Unusual port:",
            ),
        ],
    ],
    supports: &[
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::Upload, "Large upload:"),
        Sign::any(Signal::Outlier, "Outlier:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::LongLived, "Long-lived connection:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Update checks, monitoring agents and push services poll by design.",
        "Legitimate software installed in an unusual folder looks the same.",
    ],
    ask: &[
        "{Check where the program comes from and who started it.|Find out which program on the host has the connection.}",
        "Look up the owner of the address, and whether other hosts in the fleet contact it.",
    ],
    attack: &["T1071"],
};
