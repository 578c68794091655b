//! `flood-out`: a host that takes part in a flood.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const FLOOD_OUT: Hypothesis = Hypothesis {
    id: "flood-out",
    title: "{who}: possible denial-of-service attack on {where}",
    summary: "A {process|host} sends far more to one destination than a client does. Bots are rented out for that.",
    stage: Some(Stage::Impact),
    joins: Joins::ProcessAndDestination,
    needs: &[&[
        Sign::that(Signal::Abuse, |fact| !fact.is_inbound, "Flood:"),
        Sign::that(Signal::Tunnel, |fact| fact.has_technique("T1499"), "Flood of queries:"),
    ]],
    supports: &[
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Unanswered, "Attempts without an answer:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::TcpTrouble, "TCP states:"),
        Sign::any(Signal::Upload, "Large upload:"),
        Sign::any(Signal::Outlier, "Outlier:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::High,
    benign: &["A load test, a crawler, or a client that opens a connection for each request looks the same."],
    ask: &["Find out which program does it, and what else it contacts: a bot has a controller."],
    attack: &[],
};
