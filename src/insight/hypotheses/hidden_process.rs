//! `hidden-process`: a program that hides what it is.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const HIDDEN_PROCESS: Hypothesis = Hypothesis {
    id: "hidden-process",
    title: "{who} is not where or what a program should be",
    summary: "What is known of the process itself is conspicuous, whatever it talks to.",
    joins: Joins::Process,
    needs: &[&[Sign::any(Signal::SuspiciousProcess, "The program itself is odd:")]],
    supports: &[
        Sign::any(Signal::UnusualPort, "It uses unusual ports:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any(Signal::Outlier, "Its connections are unlike the others:"),
        Sign::any(Signal::Periodic, "It asks regularly:"),
        Sign::any(Signal::LongLived, "It stays connected:"),
        Sign::any(Signal::Spike, "It does much at once:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "An update replaces a running program, whose old file is then deleted.",
        "Installers, build systems and tests run programs from temporary folders.",
    ],
    ask: &[
        "Does the file belong to a package (dpkg -S, rpm -qf), and does its hash fit?",
        "Save the file from /proc before the process ends.",
    ],
    attack: &[],
};
