//! `exposed-service`: something new that listens to everybody.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const EXPOSED_SERVICE: Hypothesis = Hypothesis {
    id: "exposed-service",
    title: "{who} opened a port to the network",
    summary: "A process listens where it can be reached from other hosts, and did not before or is not expected to.",
    joins: Joins::Process,
    needs: &[&[
        Sign::that(Signal::SuspiciousProcess, |fact| fact.is_listener, "It listens:"),
        Sign::that(Signal::UnusualPort, |fact| fact.is_listener, "It listens on a port that is not its own:"),
    ]],
    supports: &[
        Sign::any(Signal::SuspiciousProcess, "About the program:"),
        Sign::any(Signal::UnusualPort, "The port is unusual for it:"),
        Sign::that(Signal::Scan, |fact| fact.is_inbound, "It was scanned:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "A service that was installed or restarted during the recording does this.",
        "Development servers listen on all addresses by carelessness.",
    ],
    ask: &[
        "Is the port reachable from outside, or does a firewall stand before it?",
        "Who started it, and is it meant to stay?",
    ],
    attack: &[],
};
