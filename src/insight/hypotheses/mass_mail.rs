//! `mass-mail`: a host that sends spam.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const MASS_MAIL: Hypothesis = Hypothesis {
    id: "mass-mail",
    title: "{who}: possible spam, mail to many servers",
    summary: "A {process|host} that is not a mail server delivers mail to many. Bots send spam this way, and get the \
        address onto block lists.",
    stage: Some(Stage::Impact),
    joins: Joins::Process,
    needs: &[&[Sign::that(Signal::Abuse, |fact| fact.has_technique("T1496"), "Mass mail:")]],
    supports: &[
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::Scan, "Port scan:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::High,
    benign: &["A mail server, or an application that sends its notices without a relay."],
    ask: &["Find out which program sends the mail, and what else it contacts: a bot has a controller."],
    attack: &[],
};
