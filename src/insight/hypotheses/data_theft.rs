//! `data-theft`: much more data sent than received, to one destination.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const DATA_THEFT: Hypothesis = Hypothesis {
    id: "data-theft",
    title: "{who}: possible data exfiltration to {where}",
    summary: "One {process|host} sent far more than it received, to one destination.",
    stage: Some(Stage::Exfiltration),
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::any(Signal::Upload, "Large upload:")]],
    supports: &[
        Sign::any(Signal::KnownBad, "Matches an indicator:"),
        Sign::any(Signal::RuleMatch, "Matches a rule:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::UnusualPort, "Unusual port:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::LongLived, "Long-lived connection:"),
        Sign::any(Signal::Outlier, "Outlier:"),
    ],
    min_severity: Severity::Low,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Backups, file synchronization, software releases and video calls send this much too.",
        "A file server sends more than it receives.",
    ],
    ask: &[
        "Check whether this {program|host} has a reason to send this much to that destination.",
        "{List the files that it had open, and when they were last changed.|Find out which program on the host sent the data, and what it was.}",
    ],
    attack: &["T1041"],
};
