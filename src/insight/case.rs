//! Facts joined by what they are about: the hypotheses' rules applied.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::Fact;
use super::hypotheses::HYPOTHESES;
use super::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

/// With more destinations than these, a process is one case with all of them.
const MOST_DESTINATIONS: usize = 3;

/// A hypothesis with the facts for it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) hypothesis: &'static Hypothesis,
    /// Who and where, as far as the hypothesis joins by it.
    pub(super) key: Key<'a>,
    /// Strongest first.
    pub(super) members: Vec<Member<'a>>,
}

/// About what the facts of a case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'a> {
    pub(super) actor: Option<&'a str>,
    pub(super) destination: Option<&'a str>,
}

/// A fact in a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) fact: &'a Fact<'a>,
    /// What it says for the hypothesis.
    pub(super) sign: &'static Sign,
    /// Whether the hypothesis needs it, or is only supported by it.
    pub(super) is_needed: bool,
    /// Place of the fact among all.
    at: usize,
}

impl<'a> Case<'a> {
    pub(super) fn facts(&self) -> impl Iterator<Item = &'a Fact<'a>> {
        self.members.iter().map(|member| member.fact)
    }

    pub(super) fn needed(&self) -> impl Iterator<Item = &'a Fact<'a>> {
        self.members.iter().filter(|member| member.is_needed).map(|member| member.fact)
    }

    /// Whether a process is known of one of its facts.
    pub(super) fn has_owner(&self) -> bool {
        self.facts().any(|fact| fact.finding.judgement.entities.process_name.is_some())
    }

    /// Whether it is worth somebody's time: bad enough, or several detectors agree.
    fn is_worth_telling(&self) -> bool {
        let worst = self.needed().map(|fact| fact.finding.judgement.severity).max();
        let agree: BTreeSet<&str> = self
            .facts()
            .filter(|fact| fact.finding.judgement.severity >= Severity::Low)
            .map(|fact| fact.finding.about.id)
            .collect();
        worst >= Some(self.hypothesis.min_severity) || agree.len() >= 2
    }
}

/// Every case, by hypothesis, then by what it is about.
pub(super) fn cases<'a>(facts: &'a [Fact<'a>]) -> Vec<Case<'a>> {
    let mut is_taken = vec![false; facts.len()];
    let mut cases = Vec::new();
    for hypothesis in HYPOTHESES {
        let found = cases_of(hypothesis, facts, &is_taken);
        for member in found.iter().flat_map(|case| &case.members) {
            is_taken[member.at] = true;
        }
        cases.extend(found);
    }
    cases
}

fn cases_of<'a>(hypothesis: &'static Hypothesis, facts: &'a [Fact<'a>], is_taken: &[bool]) -> Vec<Case<'a>> {
    let is_subject = |at: usize| {
        let signs = hypothesis.needs.first().copied().unwrap_or_default();
        !is_taken[at] && signs.iter().any(|sign| sign.shows_in(&facts[at]))
    };
    let keys: BTreeSet<Key<'a>> =
        (0..facts.len()).filter(|at| is_subject(*at)).map(|at| key(hypothesis.joins, &facts[at])).collect();
    let cases = keys.into_iter().filter_map(|key| case(hypothesis, key, facts, is_taken));
    merged(cases.filter(Case::is_worth_telling).collect())
}

fn key<'a>(joins: Joins, fact: &Fact<'a>) -> Key<'a> {
    let (actor, destination) = (fact.actor(), fact.destination());
    match joins {
        Joins::Process => Key { actor, destination: None },
        Joins::ProcessAndDestination => Key { actor, destination },
        Joins::Destination => Key { actor: None, destination },
        Joins::Capture => Key { actor: None, destination: None },
    }
}

/// Whether a fact is about what a case is about.
fn belongs(joins: Joins, key: Key<'_>, fact: &Fact<'_>) -> bool {
    let same_actor = fact.actor() == key.actor;
    let same_destination = fact.destination() == key.destination;
    match joins {
        Joins::Process => same_actor,
        // What several processes do together is known by its destination alone.
        Joins::ProcessAndDestination if key.actor.is_none() => same_destination,
        Joins::ProcessAndDestination => same_actor && (same_destination || is_of_process(fact)),
        Joins::Destination => same_destination,
        Joins::Capture => true,
    }
}

/// Whether a fact is about a process as such, and not about one of its destinations.
fn is_of_process(fact: &Fact<'_>) -> bool {
    fact.destination().is_none() || fact.finding.about.signal == Signal::SuspiciousProcess
}

fn case<'a>(
    hypothesis: &'static Hypothesis,
    key: Key<'a>,
    facts: &'a [Fact<'a>],
    is_taken: &[bool],
) -> Option<Case<'a>> {
    let near: Vec<usize> = (0..facts.len())
        .filter(|at| belongs(hypothesis.joins, key, &facts[*at]))
        // What is known of a process speaks about all that it does.
        .filter(|at| !is_taken[*at] || is_of_process(&facts[*at]))
        .collect();
    let shows = |signs: &[Sign]| near.iter().any(|at| signs.iter().any(|sign| sign.shows_in(&facts[*at])));
    if !hypothesis.needs.iter().all(|signs| shows(signs)) {
        return None;
    }
    let mut members: Vec<Member<'a>> =
        near.iter().filter_map(|at| member(hypothesis, &facts[*at], *at)).collect();
    members.sort_by_key(|member| (!member.is_needed, member.at));
    Some(Case { hypothesis, key, members })
}

/// A fact as a member, if it says anything for the hypothesis.
fn member<'a>(hypothesis: &'static Hypothesis, fact: &'a Fact<'a>, at: usize) -> Option<Member<'a>> {
    let find = |signs: &'static [Sign]| signs.iter().find(|sign| sign.shows_in(fact));
    let needed = hypothesis.needs.iter().find_map(|signs| find(signs));
    let is_needed = needed.is_some();
    needed.or_else(|| find(hypothesis.supports)).map(|sign| Member { fact, sign, is_needed, at })
}

/// A process with many destinations as one case.
fn merged(cases: Vec<Case<'_>>) -> Vec<Case<'_>> {
    let mut by_actor: BTreeMap<Option<&str>, Vec<Case<'_>>> = BTreeMap::new();
    for case in cases {
        by_actor.entry(case.key.actor).or_default().push(case);
    }
    let is_many = |cases: &[Case<'_>]| {
        cases.len() > MOST_DESTINATIONS && cases[0].hypothesis.joins == Joins::ProcessAndDestination
    };
    by_actor
        .into_values()
        .flat_map(|cases| if is_many(&cases) { vec![one_of(cases)] } else { cases })
        .collect()
}

fn one_of(cases: Vec<Case<'_>>) -> Case<'_> {
    let (hypothesis, actor) = (cases[0].hypothesis, cases[0].key.actor);
    let mut members: Vec<Member<'_>> = cases.into_iter().flat_map(|case| case.members).collect();
    members.sort_by_key(|member| (!member.is_needed, member.at));
    members.dedup_by_key(|member| member.at);
    Case { hypothesis, key: Key { actor, destination: None }, members }
}
