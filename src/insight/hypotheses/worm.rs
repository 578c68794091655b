//! `worm`: a process that looks for hosts on one port and does more than look.

use crate::analyze::finding::Severity;
use crate::insight::hypothesis::{Hypothesis, Joins, Sign};

pub(super) const WORM: Hypothesis = Hypothesis {
    id: "worm",
    title: "{who} may be spreading: it tries many hosts and does more than look",
    summary: "One {process|host} tries the same port on many hosts, and is itself conspicuous: by {where it was started from, by \
        |}what it sends, or by whom it asks regularly. That is how a worm or an intruder moves on to the next machine.",
    joins: Joins::Process,
    needs: &[
        &[Sign::that(
            "port-scan",
            |fact| !fact.is_inbound && fact.measured("hosts tried").is_some_and(|hosts| hosts >= 10.0),
            "It looks for its next hosts:",
        )],
        &[
            Sign::that(
                "process",
                |fact| fact.finding.judgement.severity >= Severity::Medium,
                "The program itself is odd:",
            ),
            Sign::any("indicator", "It is known to be bad:"),
            Sign::any("exfiltration", "It sends much:"),
            Sign::that("beacon", |fact| fact.is_beyond, "It asks somebody outside regularly:"),
        ],
    ],
    supports: &[
        Sign::any("burst", "It opens much at once:"),
        Sign::any("unusual-port", "It uses unusual ports:"),
        Sign::any("isolation-forest", "Its connections are unlike the others:"),
        Sign::any("sigma", "A rule names it:"),
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
