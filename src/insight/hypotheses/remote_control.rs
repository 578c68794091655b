//! `remote-control`: a session, a beacon or unanswered calls, with suspicious evidence.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const REMOTE_CONTROL: Hypothesis = Hypothesis {
    id: "remote-control",
    title: "{who}: possible command and control (C2) to {where}",
    summary: "A {process|host} stays in contact with one destination, and facts about the program or the destination make that \
        suspicious. The findings list each fact with its weight.",
    stage: Some(Stage::CommandAndControl),
    joins: Joins::ProcessAndDestination,
    needs: &[&[
        Sign::that(
            Signal::Session,
            |fact| fact.finding.judgement.severity >= Severity::Medium,
            "Possible remote-control session:",
        ),
        Sign::that(
            Signal::Periodic,
            |fact| fact.finding.judgement.severity >= Severity::Medium,
            "Periodic connections with suspicious facts:",
        ),
        Sign::that(
            Signal::Unanswered,
            |fact| fact.finding.judgement.severity >= Severity::Medium,
            "Repeated attempts without an answer:",
        ),
    ]],
    supports: &[
        Sign::any(Signal::LongLived, "Long-lived connection:"),
        Sign::any(Signal::UnusualPort, "Unusual port:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::Upload, "Large upload:"),
        Sign::any(Signal::Tunnel, "Possible data in DNS names:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Outlier, "Outlier:"),
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Remote support, VPN clients, games and peer-to-peer software keep such sessions open.",
        "Software that contacts its own server by address, or on a port of its own, looks the same.",
    ],
    ask: &[
        "{Check whether the program's file belongs to a package, and how it came onto the host.|Find out which program on the host has the connection.}",
        "Look up the owner of the address, and whether other hosts in the fleet contact it.",
    ],
    attack: &["T1071"],
};
