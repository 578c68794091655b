//! `data-theft`: much more out than in, to one place.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const DATA_THEFT: Hypothesis = Hypothesis {
    id: "data-theft",
    title: "{who} may be carrying data out to {where}",
    summary: "One {process|host} sends far more than it receives, to one place.",
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::any(Signal::Upload, "It sends much more than it gets:")]],
    supports: &[
        Sign::any(Signal::KnownBad, "The other side is known to be bad:"),
        Sign::any(Signal::RuleMatch, "A rule names it:"),
        Sign::any(Signal::SuspiciousProcess, "The program itself is odd:"),
        Sign::any(Signal::UnusualPort, "The port is unusual for it:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any(Signal::Periodic, "It also asks there regularly:"),
        Sign::any(Signal::Spike, "It does so all at once:"),
        Sign::any(Signal::LongLived, "It stays connected:"),
        Sign::any(Signal::Outlier, "The connections are unlike the others:"),
    ],
    min_severity: Severity::Low,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "A backup, a synchronisation, a software release or a video call sends as much.",
        "Whoever serves files sends more than it receives.",
    ],
    ask: &[
        "Does this {program|host} have a reason to send this much there?",
        "{Which files did it have open, and from when are they?|Which of its programs sent it, and what?}",
    ],
    attack: &["T1041"],
};
