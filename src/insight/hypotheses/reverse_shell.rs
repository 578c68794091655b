//! `reverse-shell`: a shell or interpreter that talks to the outside.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const REVERSE_SHELL: Hypothesis = Hypothesis {
    id: "reverse-shell",
    title: "{who} may be a remote shell of {where}",
    summary: "A shell or an interpreter owns a connection to the outside. Shells do not talk to networks by themselves: \
        somebody connected one.",
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::that(
        Signal::SuspiciousProcess,
        |fact| fact.has_technique("T1059") && !fact.is_listener,
        "A shell owns a connection:",
    )]],
    supports: &[
        Sign::any(Signal::UnusualPort, "The port is unusual for it:"),
        Sign::any(Signal::RarePlace, "{Nothing else on this host|No other host} talks to that place:"),
        Sign::any(Signal::LongLived, "It stays connected, as an interactive session does:"),
        Sign::any(Signal::Outlier, "The connection is unlike the others:"),
        Sign::any(Signal::Periodic, "It comes back regularly:"),
        Sign::any(Signal::Upload, "It sends much:"),
        Sign::any(Signal::SuspiciousProcess, "About the program:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &[
        "Scripts of administrators and of installers fetch files, and bash's /dev/tcp serves for checks.",
    ],
    ask: &["What is its parent, its terminal and its command line?", "What was started by it since?"],
    attack: &[],
};
