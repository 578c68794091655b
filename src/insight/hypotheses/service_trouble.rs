//! `service-trouble`: a program or a network in trouble, rather than an attack.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const SERVICE_TROUBLE: Hypothesis = Hypothesis {
    id: "service-trouble",
    title: "{who} or its network is in trouble",
    summary: "The states of its connections say that something leaks, breaks off or is lost on the way. That is a matter of \
        operation rather than of security.",
    joins: Joins::Process,
    needs: &[&[Sign::any(Signal::TcpTrouble, "The states say so:")]],
    supports: &[
        Sign::any(Signal::Spike, "It does much at once:"),
        Sign::any(Signal::Outlier, "Its connections are unlike the others:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &["A restart, a deployment or a load test passes by itself."],
    ask: &[
        "Does the number grow over the recording? A leak does, a spike does not.",
        "What do the logs of {the program|its programs} say at that time?",
    ],
    attack: &[],
};
