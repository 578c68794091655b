//! `scanned`: a remote address that goes through the ports of this host.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const SCANNED: Hypothesis = Hypothesis {
    id: "scanned",
    title: "{where} scans {host}",
    summary: "One address tried many ports{ of this host. Only what listens leaves a socket, so that it tried more than is seen here.| or many hosts inside.}",
    joins: Joins::Destination,
    needs: &[&[Sign::that(Signal::Scan, |fact| fact.is_inbound, "It goes through the open ports:")]],
    supports: &[
        Sign::any(Signal::Spike, "It comes all at once:"),
        Sign::any(Signal::KnownBad, "The address is known to be bad:"),
        Sign::any(Signal::TcpTrouble, "It shows in the states:"),
        Sign::any(Signal::Outlier, "Its connections are unlike the others:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &[
        "Every public address is scanned all day.",
        "Monitoring and vulnerability scanners of your own do this by design.",
    ],
    ask: &[
        "Is the address one of your own scanners?",
        "Did it come back to a port that accepted it, and did it send data there?",
    ],
    attack: &[],
};
