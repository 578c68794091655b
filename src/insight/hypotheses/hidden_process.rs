//! `hidden-process`: a program that hides what it is.

use crate::analyze::finding::Severity;
use crate::insight::hypothesis::{Hypothesis, Joins, Sign};

pub(super) const HIDDEN_PROCESS: Hypothesis = Hypothesis {
    id: "hidden-process",
    title: "{who} is not where or what a program should be",
    summary: "What is known of the process itself is conspicuous, whatever it talks to.",
    joins: Joins::Process,
    needs: &[&[Sign::any("process", "The program itself is odd:")]],
    supports: &[
        Sign::any("unusual-port", "It uses unusual ports:"),
        Sign::any("geo", "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any("isolation-forest", "Its connections are unlike the others:"),
        Sign::any("beacon", "It asks regularly:"),
        Sign::any("long-connection", "It stays connected:"),
        Sign::any("burst", "It does much at once:"),
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
