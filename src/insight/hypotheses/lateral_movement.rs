//! `lateral-movement`: administration from host to host.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const LATERAL_MOVEMENT: Hypothesis = Hypothesis {
    id: "lateral-movement",
    title: "{who}: possible lateral movement to {where}",
    summary: "One host administers others or runs programs on them, or a login was followed by logins to further hosts.",
    stage: Some(Stage::LateralMovement),
    joins: Joins::Process,
    needs: &[&[Sign::any(Signal::LateralMovement, "Administration of other hosts:")]],
    supports: &[
        Sign::any(Signal::Scan, "Port scan:"),
        Sign::any(Signal::PasswordGuessing, "Password guessing:"),
        Sign::any(Signal::Session, "Possible remote-control session:"),
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Upload, "Large upload:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &["Administrators, configuration management and backup servers reach many hosts by design."],
    ask: &["Check whether the source is an administration host, and whose account was used."],
    attack: &["T1021"],
};
