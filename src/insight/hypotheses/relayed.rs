//! `relayed`: a host that relays connections.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const RELAYED: Hypothesis = Hypothesis {
    id: "relayed",
    title: "{who}: possible proxy or port forward",
    summary: "Two connections of this {process|host} carry the same bytes at the same time: what comes in on one leaves on \
        the other. Attackers reach hosts behind it, or hide behind its address.",
    stage: Some(Stage::CommandAndControl),
    joins: Joins::Process,
    needs: &[&[Sign::any(Signal::Relay, "Connections with the same bytes:")]],
    supports: &[
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::Session, "Long session:"),
        Sign::any(Signal::LongLived, "Long-lived connection:"),
        Sign::any(Signal::UnusualPort, "Unusual port:"),
        Sign::any(Signal::LateralMovement, "Logins to other hosts:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &["Proxies, VPN gateways, load balancers and jump hosts pass connections on by design."],
    ask: &[
        "Check whether this {program|host} is meant to be a gateway.",
        "Examine the host that was reached through it, and who was at the other end.",
    ],
    attack: &["T1090"],
};
