//! `hidden-process`: a program that hides what it is.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const HIDDEN_PROCESS: Hypothesis = Hypothesis {
    id: "hidden-process",
    title: "{who}: suspicious process",
    summary: "The process itself is suspicious (its path, name, parent or file), regardless of its destinations.",
    stage: Some(Stage::DefenseEvasion),
    joins: Joins::Process,
    needs: &[&[Sign::any(Signal::SuspiciousProcess, "Suspicious process:")]],
    supports: &[
        Sign::any(Signal::UnusualPort, "Unusual ports:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::Outlier, "Outlier:"),
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::LongLived, "Long-lived connection:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "An update deletes the old file of a program that is still running.",
        "Installers, build systems and tests run programs from temporary folders.",
    ],
    ask: &[
        "Check whether the file belongs to a package (dpkg -S, rpm -qf) and matches its hash.",
        "Copy the executable from /proc before the process ends.",
    ],
    attack: &[],
};
