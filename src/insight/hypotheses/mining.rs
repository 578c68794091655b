//! `mining`: a miner and its pool.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const MINING: Hypothesis = Hypothesis {
    id: "mining",
    title: "{who}: possible cryptocurrency mining with {where}",
    summary: "A long-lived connection with little traffic to a mining pool. Miners are what automated \
        break-ins leave behind most often.",
    stage: Some(Stage::Impact),
    joins: Joins::ProcessAndDestination,
    needs: &[&[Sign::any(Signal::Mining, "A connection to a mining pool:")]],
    supports: &[
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::Session, "Long session:"),
        Sign::any(Signal::LongLived, "Long-lived connection:"),
        Sign::any(Signal::UnusualPort, "Unusual port:"),
        Sign::any(Signal::Periodic, "Periodic messages:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::High,
    benign: &["The machine's owner may be mining on purpose."],
    ask: &["Find out how the program got onto the host: an attacker who installs a miner has access."],
    attack: &["T1496"],
};
