//! `password-guessing`: many failed logins.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const PASSWORD_GUESSING: Hypothesis = Hypothesis {
    id: "password-guessing",
    title: "{source}: password guessing against {target}",
    summary: "Many short sessions with a login service look like failed logins. A longer session that follows may be the \
        guess that worked.",
    stage: Some(Stage::CredentialAccess),
    joins: Joins::Destination,
    needs: &[&[Sign::any(Signal::PasswordGuessing, "Short sessions like failed logins:")]],
    supports: &[
        Sign::any(Signal::Scan, "Port scan before or during the attempts:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Periodic, "The attempts are timed:"),
        Sign::any(Signal::Session, "A longer session, maybe with a guess that worked:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::LateralMovement, "Logins to other hosts:"),
    ],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &["Automation with an old password, or a session per task, looks the same."],
    ask: &[
        "Check the login service's log for successful logins from the same source.",
        "If one succeeded, treat the account and the host as compromised.",
    ],
    attack: &["T1110"],
};
