//! `syn-flood`: more half-open connections than a service can handle.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const SYN_FLOOD: Hypothesis = Hypothesis {
    id: "syn-flood",
    title: "{Host}: possible SYN or connection flood",
    summary: "Many connections stay half-open or are reset in bursts, as in a denial-of-service attack.",
    stage: None,
    joins: Joins::Capture,
    needs: &[&[Sign::that(
        Signal::TcpTrouble,
        |fact| fact.has_technique("T1498") || fact.has_technique("T1499"),
        "TCP states:",
    )]],
    supports: &[
        Sign::that(Signal::Spike, |fact| fact.is_inbound, "Rate anomaly:"),
        Sign::that(Signal::Scan, |fact| fact.is_inbound, "Port scan:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &[
        "A service that accepts connections too slowly, or a load test, looks the same.",
        "A router that drops the replies leaves connections half-open.",
    ],
    ask: &[
        "Check whether the source addresses are spoofed: do any of them complete a handshake?",
        "Check whether the accept queue of the service is full (ss -lnt).",
    ],
    attack: &[],
};
