//! `known-bad`: what your indicators or rules name.

use crate::analyze::finding::Severity;
use crate::insight::hypothesis::{Hypothesis, Joins, Sign};

pub(super) const KNOWN_BAD: Hypothesis = Hypothesis {
    id: "known-bad",
    title: "{who} touches what your indicators or rules name: {where}",
    summary: "Something in this capture is on a list or fits a rule that you brought along.",
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::any("indicator", "It is on your list:"), Sign::any("sigma", "Your rule names it:")]],
    supports: &[
        Sign::any("process", "The program itself is odd:"),
        Sign::any("unusual-port", "The port is unusual for it:"),
        Sign::any("geo", "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any("burst", "It does much at once:"),
        Sign::any("isolation-forest", "The connections are unlike the others:"),
        Sign::any("beacon", "It asks regularly:"),
        Sign::any("long-connection", "It stays connected:"),
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
