//! What speaks for and against a contact being malicious: one model of evidence.
//!
//! Detectors find patterns: a rhythm, a session, a failure. Whether a pattern is an attack or
//! ordinary work follows from everything else about it: who does it, where it goes, under which
//! name, who else goes there. Each such fact is a [`Factor`] with a signed weight, and an
//! [`Appraisal`] is their list. The finding's severity is computed from their sum, and the
//! finding, the assessment and the report show the same list, so that none of them can
//! contradict another.
//!
//! A weight is a rough log-likelihood ratio in units of "one clear sign": +1 is a fact that makes
//! an attack clearly more likely, −1 one that makes it clearly less likely, ±3 one that settles
//! the matter unless something as strong stands against it. Facts that are merely unknown have
//! no weight.

mod certificate;
pub mod destination;
pub mod domains;
mod novelty;
mod ntp;
pub mod payload;
mod program;

use std::collections::BTreeSet;

use crate::model::finding::Severity;
use crate::model::processes::{Process, Processes};
use crate::model::socket_subset::SocketSubset;
use crate::model::surroundings::Surroundings;

/// One fact and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// Stable name, such as `program-temporary-folder`.
    pub id: &'static str,
    /// Positive for an attack, negative against it; see the module.
    pub weight: f64,
    /// The fact as a clause that can follow "because": "its executable is in a temporary folder".
    pub says: String,
}

impl Factor {
    /// A fact.
    pub fn new(id: &'static str, weight: f64, says: impl Into<String>) -> Self {
        Self { id, weight, says: says.into() }
    }
}

/// From this sum on, a pattern is of medium severity.
const MEDIUM_FROM: f64 = 2.0;

/// From this sum on, it is of high severity.
const HIGH_FROM: f64 = 4.0;

/// A factor that weighs this much against an attack is a reason to call something ordinary.
const ORDINARY_FROM: f64 = -2.0;

/// Everything that speaks for or against one thing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Appraisal {
    /// The strongest first; of equal weight by id.
    factors: Vec<Factor>,
}

impl Appraisal {
    /// What is known of the connections of a finding: their programs and their destination.
    pub fn new(
        members: SocketSubset<'_, '_>,
        processes: &Processes<'_>,
        surroundings: &Surroundings<'_>,
    ) -> Self {
        let rows: BTreeSet<usize> =
            members.iter().filter_map(|socket| socket.process).map(|row| row as usize).collect();
        let known: Vec<_> =
            rows.iter().map(|row| (processes.get(*row), processes.exe_sha256(*row))).collect();
        let owners: Vec<Process<'_>> = known.iter().map(|(process, _)| *process).collect();
        let mut all = Self::default();
        all.extend(program::factors(&owners));
        all.extend(program::many_names(members));
        all.extend(destination::factors(members, surroundings));
        all.extend(payload::factors(members, surroundings));
        all.extend(novelty::factors(&known, members, surroundings));
        all
    }

    /// What is known of some programs, whatever they contact.
    pub fn of_programs(owners: &[Process<'_>]) -> Self {
        let mut all = Self::default();
        all.extend(program::factors(owners));
        all
    }

    /// Adds facts; one that is there already counts once.
    pub fn extend(&mut self, factors: impl IntoIterator<Item = Factor>) {
        for factor in factors {
            if !self.factors.iter().any(|known| known.id == factor.id) {
                self.factors.push(factor);
            }
        }
        self.factors.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then(a.id.cmp(b.id)));
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, factor: Factor) -> Self {
        self.extend([factor]);
        self
    }

    /// Every fact, the strongest first.
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// What speaks for an attack, the strongest first.
    pub fn raising(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.weight > 0.0)
    }

    /// What speaks against one, the strongest first.
    pub fn lowering(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.weight < 0.0)
    }

    /// The sum of the weights.
    pub fn total(&self) -> f64 {
        self.factors.iter().map(|factor| factor.weight).sum()
    }

    /// How bad a pattern is that itself weighs `pattern`: info below 0, low below 2, medium below 4,
    /// else high.
    pub fn severity(&self, pattern: f64) -> Severity {
        match pattern + self.total() {
            sum if sum < 0.0 => Severity::Info,
            sum if sum < MEDIUM_FROM => Severity::Low,
            sum if sum < HIGH_FROM => Severity::Medium,
            _ => Severity::High,
        }
    }

    /// The strongest reason to call it ordinary, where one is strong enough and outweighs all
    /// that raises suspicion.
    pub fn ordinary_reason(&self) -> Option<&Factor> {
        let strongest = self.lowering().next().filter(|factor| factor.weight <= ORDINARY_FROM)?;
        (self.total() < 0.0).then_some(strongest)
    }

    /// The facts as sentences with their weights: what raises the severity, then what lowers it.
    pub fn sentences(&self) -> Vec<String> {
        let list = |factors: Vec<&Factor>| {
            let texts: Vec<String> =
                factors.iter().map(|factor| format!("{} ({:+.1})", factor.says, factor.weight)).collect();
            texts.join("; ")
        };
        let raising: Vec<&Factor> = self.raising().collect();
        let lowering: Vec<&Factor> = self.lowering().collect();
        let mut sentences = Vec::new();
        if !raising.is_empty() {
            sentences.push(format!("Raises suspicion: {}.", list(raising)));
        }
        if !lowering.is_empty() {
            sentences.push(format!("Lowers suspicion: {}.", list(lowering)));
        }
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appraisal(weights: &[(&'static str, f64)]) -> Appraisal {
        let mut all = Appraisal::default();
        all.extend(weights.iter().map(|(id, weight)| Factor::new(id, *weight, *id)));
        all
    }

    #[test]
    fn the_sum_of_pattern_and_facts_gives_the_severity() {
        assert_eq!(appraisal(&[]).severity(1.0), Severity::Low);
        assert_eq!(appraisal(&[("a", 1.0)]).severity(1.0), Severity::Medium);
        assert_eq!(appraisal(&[("a", 3.0)]).severity(1.0), Severity::High);
        assert_eq!(appraisal(&[("a", 3.0), ("b", -5.0)]).severity(1.0), Severity::Info);
        for (sum, severity) in [
            (-0.1, Severity::Info),
            (0.0, Severity::Low),
            (1.9, Severity::Low),
            (2.0, Severity::Medium),
            (3.9, Severity::Medium),
            (4.0, Severity::High),
        ] {
            assert_eq!(appraisal(&[]).severity(sum), severity, "{sum}");
        }
    }

    #[test]
    fn ordinary_needs_a_strong_reason_that_outweighs_the_rest() {
        assert_eq!(appraisal(&[("weak", -1.0)]).ordinary_reason(), None);
        assert_eq!(appraisal(&[("strong", -3.0)]).ordinary_reason().map(|f| f.id), Some("strong"));
        assert_eq!(appraisal(&[("strong", -3.0), ("worse", 3.5)]).ordinary_reason(), None);
    }

    #[test]
    fn a_fact_counts_once_and_the_strongest_comes_first() {
        let all = appraisal(&[("a", 1.0), ("a", 1.0), ("b", -2.0)]);
        assert_eq!(all.factors().iter().map(|f| f.id).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(all.sentences(), ["Raises suspicion: a (+1.0).", "Lowers suspicion: b (-2.0)."]);
    }
}
