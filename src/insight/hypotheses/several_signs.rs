//! `several-signs`: findings of several detectors about the same process.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::finding::Severity;

pub(super) const SEVERAL_SIGNS: Hypothesis = Hypothesis {
    id: "several-signs",
    title: "{who}: several suspicious findings, involving {where}",
    summary: "Several detectors found this {process|host}. No more specific hypothesis fits.",
    stage: None,
    joins: Joins::Process,
    needs: &[&[Sign::of_any_detector(|fact| fact.finding.judgement.severity >= Severity::Low, "Finding:")]],
    supports: &[],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &["Rare does not mean malicious: backups, updates and administrators cause such findings too."],
    ask: &["Check what this {program|host} is for, and whether that explains its connections."],
    attack: &[],
};
