//! `data-theft`: much more out than in, to one place.

use crate::analyze::finding::Severity;
use crate::insight::hypothesis::{Hypothesis, Joins, Sign};

pub(super) const DATA_THEFT: Hypothesis = Hypothesis {
    id: "data-theft",
    title: "{who} may be carrying data out to {where}",
    summary: "One {process|host} sends far more than it receives, to one place.",
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::any("exfiltration", "It sends much more than it gets:")]],
    supports: &[
        Sign::any("indicator", "The other side is known to be bad:"),
        Sign::any("sigma", "A rule names it:"),
        Sign::any("process", "The program itself is odd:"),
        Sign::any("unusual-port", "The port is unusual for it:"),
        Sign::any("geo", "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any("beacon", "It also asks there regularly:"),
        Sign::any("burst", "It does so all at once:"),
        Sign::any("long-connection", "It stays connected:"),
        Sign::any("isolation-forest", "The connections are unlike the others:"),
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
