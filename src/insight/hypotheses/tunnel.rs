//! `tunnel`: data hidden in another protocol.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const TUNNEL: Hypothesis = Hypothesis {
    id: "tunnel",
    title: "{who}: possible tunnel through {where}",
    summary: "The messages carry more data than the protocol needs. DNS and ICMP tunnels get out of networks that block \
        everything else.",
    stage: Some(Stage::CommandAndControl),
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::that(
        Signal::Tunnel,
        |fact| !fact.has_technique("T1499"),
        "More data than the protocol needs:",
    )]],
    supports: &[
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Upload, "Large upload:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &["Security products and mail servers put hashes and addresses into the names they look up."],
    ask: &["Find out who owns the domain or the address at the other end, and what may have been sent."],
    attack: &["T1572"],
};
