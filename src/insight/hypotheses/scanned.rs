//! `scanned`: a remote address that scans the ports of this host.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const SCANNED: Hypothesis = Hypothesis {
    id: "scanned",
    title: "{source} scanned {host}",
    summary: "One address tried many ports{ of this host. Closed ports leave no socket, so it tried more ports than are recorded.| or many local hosts.}",
    stage: None,
    joins: Joins::Destination,
    needs: &[&[Sign::that(Signal::Scan, |fact| fact.is_inbound, "Port scan:")]],
    supports: &[
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::KnownBad, "Matches an indicator:"),
        Sign::any(Signal::TcpTrouble, "TCP states:"),
        Sign::any(Signal::Outlier, "Outlier:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &[
        "Every public address is scanned around the clock.",
        "Your own monitoring and vulnerability scanners do this by design.",
    ],
    ask: &[
        "Check whether the address is one of your own scanners.",
        "Check whether it returned to a port that accepted a connection, and what it sent there.",
    ],
    attack: &[],
};
