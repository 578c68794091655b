//! `host-scan`: a process of this host that scans.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const HOST_SCAN: Hypothesis = Hypothesis {
    id: "host-scan",
    title: "{who} scanned {where}",
    summary: "One {process on this host|host} tried many ports or hosts, and most attempts failed.",
    stage: Some(Stage::Discovery),
    joins: Joins::Process,
    needs: &[&[Sign::that(Signal::Scan, |fact| !fact.is_inbound, "Port scan:")]],
    supports: &[
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::UnusualPort, "Unusual ports, as in a scan:"),
        Sign::any(Signal::Outlier, "Outlier:"),
        Sign::any(Signal::TcpTrouble, "TCP states of the failed attempts:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::RuleMatch, "Matches a rule:"),
        Sign::that(Signal::SuspiciousProcess, |_| true, "Suspicious process:"),
    ],
    min_severity: Severity::Low,
    escalates: false,
    at_most: Severity::Critical,
    benign: &[
        "Administrators and inventory tools scan on purpose: ask before you act.",
        "A program with a long list of servers looks the same during an outage.",
    ],
    ask: &[
        "{Find out who started it (parent and user)|Find out whose host it is}, and whether the scan was announced.",
        "Check which ports accepted a connection, and what followed there.",
    ],
    attack: &[],
};
