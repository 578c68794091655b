//! `worm`: a process that looks for hosts on one port and does more than look.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const WORM: Hypothesis = Hypothesis {
    id: "worm",
    title: "{who} may be spreading: it tries many hosts and does more than look",
    summary: "One {process|host} tries the same port on many hosts, and is itself conspicuous: by {where it was started from, by \
        |}what it sends, or by whom it asks regularly. That is how a worm or an intruder moves on to the next machine.",
    joins: Joins::Process,
    needs: &[
        &[Sign::that(
            Signal::Scan,
            |fact| !fact.is_inbound && fact.measured("hosts tried").is_some_and(|hosts| hosts >= 10.0),
            "It looks for its next hosts:",
        )],
        &[
            Sign::that(
                Signal::SuspiciousProcess,
                |fact| fact.finding.judgement.severity >= Severity::Medium,
                "The program itself is odd:",
            ),
            Sign::any(Signal::KnownBad, "It is known to be bad:"),
            Sign::any(Signal::Upload, "It sends much:"),
            Sign::that(Signal::Periodic, |fact| fact.is_beyond, "It asks somebody outside regularly:"),
        ],
    ],
    supports: &[
        Sign::any(Signal::Spike, "It opens much at once:"),
        Sign::any(Signal::UnusualPort, "It uses unusual ports:"),
        Sign::any(Signal::Outlier, "Its connections are unlike the others:"),
        Sign::any(Signal::RuleMatch, "A rule names it:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "A vulnerability scanner or an inventory agent scans and reports to its server regularly.",
        "A cluster member or a peer-to-peer client contacts many hosts on one port by design.",
    ],
    ask: &[
        "Is this {program meant to scan, and who started it|host meant to scan}?",
        "Which of the hosts answered, and are they conspicuous now?",
    ],
    attack: &["T1021", "T1210"],
};
