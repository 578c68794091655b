//! `syn-flood`: more half-open connections than a service can take.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const SYN_FLOOD: Hypothesis = Hypothesis {
    id: "syn-flood",
    title: "{Host} may be under a flood of connections",
    summary: "Connections pile up half-open or are torn down in storms, as under an attack that exhausts a service.",
    joins: Joins::Capture,
    needs: &[&[Sign::that(
        Signal::TcpTrouble,
        |fact| fact.has_technique("T1498") || fact.has_technique("T1499"),
        "The states say so:",
    )]],
    supports: &[
        Sign::that(Signal::Spike, |fact| fact.is_inbound, "They come all at once:"),
        Sign::that(Signal::Scan, |fact| fact.is_inbound, "It is scanned too:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &[
        "A service that accepts too slowly, or a load test, looks the same.",
        "A router that drops the answers leaves connections half-open.",
    ],
    ask: &[
        "Do the sources answer at all, or are they made up?",
        "Is the accept queue of the service full (ss -lnt)?",
    ],
    attack: &[],
};
