//! `known-bad`: what your indicators or rules name.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const KNOWN_BAD: Hypothesis = Hypothesis {
    id: "known-bad",
    title: "{who} touches what your indicators or rules name: {where}",
    summary: "Something in this capture is on a list or fits a rule that you brought along.",
    joins: Joins::ProcessAndDestination,
    needs: &[&[
        Sign::any(Signal::KnownBad, "It is on your list:"),
        Sign::any(Signal::RuleMatch, "Your rule names it:"),
    ]],
    supports: &[
        Sign::any(Signal::SuspiciousProcess, "The program itself is odd:"),
        Sign::any(Signal::UnusualPort, "The port is unusual for it:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any(Signal::Spike, "It does much at once:"),
        Sign::any(Signal::Outlier, "The connections are unlike the others:"),
        Sign::any(Signal::Periodic, "It asks regularly:"),
        Sign::any(Signal::LongLived, "It stays connected:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Addresses change hands, and shared hosting puts the harmless and the harmful on one.",
        "Lists hold mistakes: look at who published the entry, and when.",
    ],
    ask: &["How old is the list's entry, and what does its source say about it?"],
    attack: &[],
};
