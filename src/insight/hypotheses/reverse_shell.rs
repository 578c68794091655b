//! `reverse-shell`: a shell or an interpreter connected to an external address.

use crate::insight::fact::Fact;
use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

const SHELL: Sign = Sign::that(
    Signal::SuspiciousProcess,
    |fact| fact.has_technique("T1059") && !fact.is_listener,
    "A shell owns a connection:",
);

fn is_grave(fact: &Fact<'_>) -> bool {
    fact.finding.judgement.severity >= Severity::Medium
}

pub(super) const REVERSE_SHELL: Hypothesis = Hypothesis {
    id: "reverse-shell",
    title: "{who}: possible reverse shell to {where}",
    summary: "A shell or an interpreter owns an external connection. Shells do not open connections on their own.",
    stage: Some(Stage::CommandAndControl),
    joins: Joins::ProcessAndDestination,
    needs: &[
        &[
            SHELL,
            Sign::that(Signal::Session, is_grave, "Possible remote-control session:"),
            Sign::that(Signal::Periodic, is_grave, "Periodic connections:"),
            Sign::that(Signal::Unanswered, is_grave, "Repeated attempts without an answer:"),
        ],
        &[SHELL],
    ],
    supports: &[
        Sign::any(Signal::UnusualPort, "Unusual port:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::LongLived, "Long-lived connection, as in an interactive session:"),
        Sign::any(Signal::Outlier, "Outlier:"),
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::Upload, "Large upload:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Administration and installation scripts fetch files, and bash's /dev/tcp is used for port checks.",
    ],
    ask: &["Check its parent, its terminal and its command line.", "List the processes that it has started."],
    attack: &[],
};
