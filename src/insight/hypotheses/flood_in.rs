//! `flood-in`: one client that exhausts a service, or searches it for weaknesses.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const FLOOD_IN: Hypothesis = Hypothesis {
    id: "flood-in",
    title: "{source}: possible flood or vulnerability scan of a service of {host}",
    summary: "One client opens connections by the hundred per minute. That exhausts the service, or tries paths and \
        parameters until one can be exploited.",
    stage: Some(Stage::InitialAccess),
    joins: Joins::Destination,
    needs: &[&[Sign::that(Signal::Abuse, |fact| fact.is_inbound, "Automated requests:")]],
    supports: &[
        Sign::that(Signal::Spike, |fact| fact.is_inbound, "Rate anomaly:"),
        Sign::that(Signal::PasswordGuessing, |fact| fact.is_inbound, "Password guessing:"),
        Sign::that(Signal::Scan, |fact| fact.is_inbound, "Port scan:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::High,
    benign: &["A load test, or a proxy or CDN in front of many visitors."],
    ask: &[
        "Read the log of the service at that time, and look for requests that succeeded.",
        "Check whether the client is one of your own scanners or proxies.",
    ],
    attack: &[],
};
