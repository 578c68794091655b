//! `worm`: a suspicious process that scans many hosts on one port.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const WORM: Hypothesis = Hypothesis {
    id: "worm",
    title: "{who}: possible worm, scans many hosts on one port",
    summary: "One {process|host} tries the same port on many hosts, and other evidence makes it suspicious. Worms and intruders \
        move to the next host this way.",
    stage: Some(Stage::LateralMovement),
    joins: Joins::Process,
    needs: &[
        &[Sign::that(
            Signal::Scan,
            // Of a low one, peers that are gone are as likely a reason.
            |fact| {
                let is_wide = fact.measured("hosts tried").is_some_and(|hosts| hosts >= 10.0);
                is_wide && !fact.is_inbound && fact.finding.judgement.severity >= Severity::Medium
            },
            "Horizontal scan:",
        )],
        &[
            Sign::that(
                Signal::SuspiciousProcess,
                |fact| fact.finding.judgement.severity >= Severity::Medium,
                "Suspicious process:",
            ),
            Sign::any(Signal::KnownBad, "Matches an indicator:"),
            Sign::any(Signal::Upload, "Large upload:"),
            Sign::that(
                Signal::Periodic,
                |fact| fact.is_beyond,
                "Periodic connections to an external address:",
            ),
        ],
    ],
    supports: &[
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::UnusualPort, "Unusual ports:"),
        Sign::any(Signal::Outlier, "Outlier:"),
        Sign::any(Signal::RuleMatch, "Matches a rule:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "A vulnerability scanner or an inventory agent scans and reports to its server regularly.",
        "A cluster member or a peer-to-peer client contacts many hosts on one port by design.",
    ],
    ask: &[
        "Find out whether this {program is meant to scan, and who started it|host is meant to scan}.",
        "Check which hosts answered, and examine those hosts.",
    ],
    attack: &["T1021", "T1210"],
};
