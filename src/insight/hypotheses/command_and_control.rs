//! `command-and-control`: somebody outside is asked for orders.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const COMMAND_AND_CONTROL: Hypothesis = Hypothesis {
    id: "command-and-control",
    title: "{who} may take orders from {where}",
    summary: "A {process|host} keeps in touch with one address outside, and something else about it is conspicuous. Either alone \
        is mostly harmless; together they are how implants behave.",
    joins: Joins::ProcessAndDestination,
    needs: &[
        &[
            Sign::that(Signal::Periodic, |fact| fact.is_beyond, "It asks at intervals that a clock makes:"),
            Sign::that(Signal::LongLived, |fact| fact.is_beyond, "It stays connected:"),
        ],
        &[
            Sign::that(
                Signal::SuspiciousProcess,
                |fact| fact.finding.judgement.severity >= Severity::Medium,
                "The program itself is odd:",
            ),
            Sign::any(Signal::KnownBad, "The other side is known to be bad:"),
            Sign::any(Signal::RuleMatch, "A rule names it:"),
            Sign::that(
                Signal::UnusualPort,
                |fact| fact.finding.judgement.severity >= Severity::Low,
                "The port is unusual for it:",
            ),
        ],
    ],
    supports: &[
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any(Signal::Upload, "It sends much:"),
        Sign::any(Signal::Outlier, "The connections are unlike the others:"),
        Sign::any(Signal::Spike, "It does much at once:"),
        Sign::any(Signal::Periodic, "It asks regularly:"),
        Sign::any(Signal::LongLived, "It stays connected:"),
        Sign::any(Signal::SuspiciousProcess, "About the program:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Update checks, monitoring agents and push services ask at regular intervals by design.",
        "Software that an administrator put into an unusual place behaves the same.",
    ],
    ask: &[
        "{Where does the program come from, and who started it?|Which host is it, and which of its programs asks there?}",
        "To whom does the address belong, and do other hosts talk to it?",
    ],
    attack: &["T1071"],
};
