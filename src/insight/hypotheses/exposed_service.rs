//! `exposed-service`: a new listener on all interfaces.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const EXPOSED_SERVICE: Hypothesis = Hypothesis {
    id: "exposed-service",
    title: "{who} exposed a port to the network",
    summary: "A process listens on an address that other hosts can reach; it was not listening before, or is not expected to.",
    stage: None,
    joins: Joins::Process,
    needs: &[&[
        Sign::that(Signal::SuspiciousProcess, |fact| fact.is_listener, "New listener:"),
        Sign::that(Signal::UnusualPort, |fact| fact.is_listener, "Listener on an unusual port:"),
    ]],
    supports: &[
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::UnusualPort, "Unusual port:"),
        Sign::that(Signal::Scan, |fact| fact.is_inbound, "Port scan of this service:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Installing or restarting a service during the recording looks the same.",
        "Development servers are often bound to all interfaces by mistake.",
    ],
    ask: &[
        "Check whether a firewall blocks the port from outside.",
        "Find out who started it, and whether it is meant to stay.",
    ],
    attack: &[],
};
