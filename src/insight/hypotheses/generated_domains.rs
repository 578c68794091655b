//! `generated-domains`: malware looks for its server under names that an algorithm generates.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const GENERATED_DOMAINS: Hypothesis = Hypothesis {
    id: "generated-domains",
    title: "{who}: looks up generated domains (DGA), as malware does to find its server",
    summary: "Many domains were looked up that do not exist. Malware tries the names of an algorithm until its operator \
        has registered one of them.",
    stage: Some(Stage::CommandAndControl),
    joins: Joins::Process,
    needs: &[&[Sign::that(Signal::Tunnel, |fact| fact.has_technique("T1568"), "Generated domains:")]],
    supports: &[
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &["Browsers look up random names at their start, and mail filters look up those of spam."],
    ask: &[
        "Check whether one of the domains did exist, and what was exchanged with its address.",
        "{Check where the program comes from and who started it.|Find out which program on the host looks them up.}",
    ],
    attack: &["T1568.002"],
};
