//! Severity and confidence of an insight, computed from its findings alone.
//!
//! The severity is that of the worst finding that the hypothesis requires. It is one step higher if
//! the hypothesis says so and two detectors each report at least `medium`, and for an intrusion of
//! several stages; it never exceeds the hypothesis's maximum. The confidence is the probability
//! that at least one of the findings is right, if each detector's most confident one is an
//! independent witness with a weight of 80 % (40 % if it only supports). It is never above 95 %,
//! and a fifth lower if no process is known.

use std::collections::BTreeMap;

use super::case::Case;
use super::intrusion;
use crate::model::finding::{Confidence, Severity};

const BELIEF_NEEDED: f64 = 0.8;
const BELIEF_SUPPORTING: f64 = 0.4;
const MOST: f64 = 0.95;
const WITHOUT_OWNER: f64 = 0.8;

pub(super) fn severity(case: &Case<'_>) -> Severity {
    let worst = case.needed().map(|fact| fact.finding.judgement.severity).max().unwrap_or(Severity::Info);
    let mut grave: Vec<&str> = case
        .facts()
        .filter(|fact| fact.finding.judgement.severity >= Severity::Medium)
        .map(|fact| fact.finding.about.id)
        .collect();
    grave.sort_unstable();
    grave.dedup();
    let is_several = case.hypothesis.escalates && grave.len() >= 2 || intrusion::is_one(case);
    let severity = if is_several { one_worse(worst) } else { worst };
    severity.min(case.hypothesis.at_most)
}

fn one_worse(severity: Severity) -> Severity {
    let worse = Severity::ALL.iter().copied().find(|other| *other > severity);
    worse.unwrap_or(severity)
}

pub(super) fn confidence(case: &Case<'_>) -> Confidence {
    let mut witnesses: BTreeMap<&str, f64> = BTreeMap::new();
    for member in &case.members {
        let belief = if member.is_needed { BELIEF_NEEDED } else { BELIEF_SUPPORTING };
        let judgement = &member.fact.finding.judgement;
        let witness = witnesses.entry(member.fact.finding.about.id).or_default();
        *witness = witness.max(belief * judgement.confidence.get());
    }
    let doubt: f64 = witnesses.values().map(|belief| 1.0 - belief).product();
    let owner = if case.has_owner() { 1.0 } else { WITHOUT_OWNER };
    Confidence::new((1.0 - doubt).min(MOST) * owner)
}
