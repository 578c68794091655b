//! `known-bad`: a match of the user's indicators or rules.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const KNOWN_BAD: Hypothesis = Hypothesis {
    id: "known-bad",
    title: "{who} matched your indicators or rules: {where}",
    summary: "Something in this capture matches an indicator or a rule that you supplied.",
    stage: None,
    joins: Joins::ProcessAndDestination,
    needs: &[&[
        Sign::any(Signal::KnownBad, "Matches an indicator:"),
        Sign::any(Signal::RuleMatch, "Matches a rule:"),
    ]],
    supports: &[
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::UnusualPort, "Unusual port:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} contacts that country:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Outlier, "Outlier:"),
        Sign::any(Signal::Periodic, "Periodic connections:"),
        Sign::any(Signal::LongLived, "Long-lived connection:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Addresses change hands, and shared hosting serves harmless and malicious sites from one address.",
        "Indicator lists contain errors.",
    ],
    ask: &["Check who published the indicator or rule, when, and why."],
    attack: &[],
};
