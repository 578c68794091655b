//! `abused-host`: a host that floods others or sends mass mail.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const ABUSED_HOST: Hypothesis = Hypothesis {
    id: "abused-host",
    title: "{who}: possible flood or mass mail, involving {where}",
    summary: "A {process|host} sends far more than a client does, to one destination or to many mail servers. Bots are rented \
        out for that.",
    stage: Some(Stage::Impact),
    joins: Joins::Process,
    needs: &[&[Sign::any(Signal::Abuse, "Flood or mass mail:")]],
    supports: &[
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::TcpTrouble, "TCP states:"),
        Sign::any(Signal::Scan, "Port scan:"),
        Sign::any(Signal::Outlier, "Outlier:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::High,
    benign: &[
        "Load tests, crawlers and clients that open a connection for each request.",
        "A mail server, or an application that delivers its mail itself.",
    ],
    ask: &["Find out which program does it, and what else that program contacts: a bot has a controller."],
    attack: &[],
};
