//! `several-signs`: several detectors point at one process.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::finding::Severity;

pub(super) const SEVERAL_SIGNS: Hypothesis = Hypothesis {
    id: "several-signs",
    title: "{who} stands out: {where}",
    summary: "The findings about this {process|host} fit no more specific explanation; together they are worth a look.",
    joins: Joins::Process,
    needs: &[&[Sign::of_any_detector(
        |fact| fact.finding.judgement.severity >= Severity::Low,
        "A detector points at it:",
    )]],
    supports: &[],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &["What is rare is not bad: a backup, an update or an administrator at work stands out as well."],
    ask: &["What is this {program|host} for, and does what it did fit?"],
    attack: &[],
};
