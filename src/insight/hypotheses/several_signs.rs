//! `several-signs`: several detectors point at one process.

use crate::analyze::finding::Severity;
use crate::insight::hypothesis::{ANY, Hypothesis, Joins, Sign};

pub(super) const SEVERAL_SIGNS: Hypothesis = Hypothesis {
    id: "several-signs",
    title: "{who} stands out: {where}",
    summary: "The findings about this {process|host} fit no more specific explanation; together they are worth a look.",
    joins: Joins::Process,
    needs: &[&[Sign::that(
        ANY,
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
