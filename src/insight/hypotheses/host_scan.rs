//! `host-scan`: a process of this host that scans.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const HOST_SCAN: Hypothesis = Hypothesis {
    id: "host-scan",
    title: "{who} scans: {where}",
    summary: "One {source on this host|host} tries ports or hosts, mostly in vain. Everything that the detectors say about it is \
        here together, as it is one activity.",
    joins: Joins::Process,
    needs: &[&[Sign::that(Signal::Scan, |fact| !fact.is_inbound, "It tries what is open:")]],
    supports: &[
        Sign::any(Signal::Spike, "The scan is a burst too:"),
        Sign::any(Signal::UnusualPort, "The ports that it tries are unusual, as a scan's are:"),
        Sign::any(Signal::Outlier, "Its contacts are unlike other connections:"),
        Sign::any(Signal::TcpTrouble, "Its failed contacts show in the states:"),
        Sign::any(Signal::RarePlace, "It reaches places that nothing else does:"),
        Sign::any(Signal::RuleMatch, "A rule names it:"),
        Sign::that(Signal::SuspiciousProcess, |_| true, "The program itself is odd:"),
    ],
    min_severity: Severity::Low,
    escalates: false,
    at_most: Severity::Critical,
    benign: &[
        "An administrator or an inventory tool scans on purpose: ask before you act.",
        "A program with a long list of servers looks like this during an outage.",
    ],
    ask: &[
        "{Who started it, by its parent and its user|Whose host is it}, and was it announced?",
        "What did it find: which ports accepted a connection, and what followed there?",
    ],
    attack: &[],
};
