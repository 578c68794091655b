//! `remote-control`: a session, a rhythm or dead calls whose evidence makes them suspicious.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const REMOTE_CONTROL: Hypothesis = Hypothesis {
    id: "remote-control",
    title: "{who}: possible command and control with {where}",
    summary: "A {process|host} keeps contact with one destination, and facts about the program or the destination make that \
        suspicious. The findings list each fact with its weight.",
    joins: Joins::ProcessAndDestination,
    needs: &[&[
        Sign::that(
            Signal::Session,
            |fact| fact.finding.judgement.severity >= Severity::Medium,
            "A session that may be remote control:",
        ),
        Sign::that(
            Signal::Periodic,
            |fact| fact.finding.judgement.severity >= Severity::Medium,
            "Periodic connections with suspicious facts:",
        ),
        Sign::that(
            Signal::Unanswered,
            |fact| fact.finding.judgement.severity >= Severity::Medium,
            "It keeps calling a destination that does not answer:",
        ),
    ]],
    supports: &[
        Sign::any(Signal::LongLived, "It stays connected:"),
        Sign::any(Signal::UnusualPort, "The port is unusual:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::Upload, "It sends much:"),
        Sign::any(Signal::Tunnel, "It may hide data in DNS:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Outlier, "The connections are outliers:"),
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::SuspiciousProcess, "About the program:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Remote support, VPN clients, games and peer-to-peer software keep such sessions open.",
        "Software that contacts its own server by address, or on a port of its own, looks the same.",
    ],
    ask: &[
        "{Check where the program comes from and who started it.|Find out which program on the host opens the connection.}",
        "Look up the owner of the address, and whether other hosts in the fleet contact it.",
    ],
    attack: &["T1071"],
};
