//! Applies the rules of the hypotheses: joins facts about the same subject.

use std::collections::{BTreeMap, BTreeSet};

use ahash::AHashMap;

use super::fact::Fact;
use super::hypotheses::HYPOTHESES;
use super::hypothesis::{Hypothesis, Joins, Sign, Stage};
use super::{intrusion, score};
use crate::model::about::Signal;
use crate::model::finding::Severity;

/// A process with more destinations than this is one case with all of them.
const MOST_DESTINATIONS: usize = 3;

/// A hypothesis with the facts for it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) hypothesis: &'static Hypothesis,
    /// Process and destination, if the hypothesis joins by them.
    pub(super) key: Key<'a>,
    /// Sorted by strength.
    pub(super) members: Vec<Member<'a>>,
}

/// What the facts of a case have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'a> {
    pub(super) actor: Option<&'a str>,
    pub(super) destination: Option<&'a str>,
}

/// A fact in a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    /// The stage of the intrusion that it belongs to, in a case that joins several.
    pub(super) stage: Option<Stage>,
    pub(super) fact: &'a Fact<'a>,
    /// How it supports the hypothesis.
    pub(super) sign: &'static Sign,
    /// Whether the hypothesis requires it, or is only supported by it.
    pub(super) is_needed: bool,
    /// Index of the fact.
    pub(super) at: usize,
}

impl<'a> Case<'a> {
    pub(super) fn facts(&self) -> impl Iterator<Item = &'a Fact<'a>> {
        self.members.iter().map(|member| member.fact)
    }

    pub(super) fn needed(&self) -> impl Iterator<Item = &'a Fact<'a>> {
        self.members.iter().filter(|member| member.is_needed).map(|member| member.fact)
    }

    /// The required facts that say where the connections went: those about the process itself only if there is no
    /// other.
    pub(super) fn of_destination(&self) -> impl Iterator<Item = &'a Fact<'a>> {
        let has_other = self.needed().any(|fact| !is_of_process(fact));
        self.needed().filter(move |fact| !has_other || !is_of_process(fact))
    }

    /// Whether another case requires a fact that this one requires too. Those about the process itself do not count:
    /// they apply to all of its destinations.
    pub(super) fn shares_facts_with(&self, other: &Self) -> bool {
        let required = |case: &Self| -> BTreeSet<usize> {
            let of_destination =
                case.members.iter().filter(|member| member.is_needed && !is_of_process(member.fact));
            of_destination.map(|member| member.at).collect()
        };
        self.hypothesis.id == other.hypothesis.id && !required(self).is_disjoint(&required(other))
    }

    /// Whether the process of one of its facts is known.
    pub(super) fn has_owner(&self) -> bool {
        self.facts().any(|fact| fact.finding.judgement.entities.process_name.is_some())
    }

    /// Whether the remote end opened every connection of the required facts.
    pub(super) fn is_inbound(&self) -> bool {
        self.needed().all(|fact| fact.is_inbound)
    }

    /// Whether it accounts for a fact, so that no other case need tell of it. Among the facts that merely support it, it
    /// does not account for a stage of an intrusion that is graver, or that concerns another destination.
    fn explains(&self, member: &Member<'_>) -> bool {
        let severity = member.fact.finding.judgement.severity;
        let goes_elsewhere = || {
            let destination = member.fact.destination();
            let mut known = self.of_destination().filter_map(Fact::destination).peekable();
            let has_both = destination.is_some() && known.peek().is_some();
            has_both && !is_of_process(member.fact) && !known.any(|known| Some(known) == destination)
        };
        member.is_needed
            || severity < Severity::Medium
            || !is_a_stage(member.fact)
            || severity <= score::severity(self) && !goes_elsewhere()
    }

    /// Whether it should be reported: severe enough, or supported by several detectors.
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

/// Every case, by hypothesis, then by subject; those of one intrusion are merged at the end.
pub(super) fn cases<'a>(facts: &'a [Fact<'a>]) -> Vec<Case<'a>> {
    let index = Index::new(facts);
    let mut is_taken = vec![false; facts.len()];
    let mut cases = Vec::new();
    for hypothesis in HYPOTHESES {
        let found = cases_of(hypothesis, facts, &index, &is_taken);
        for case in &found {
            for member in case.members.iter().filter(|member| case.explains(member)) {
                is_taken[member.at] = true;
            }
        }
        cases.extend(found);
    }
    intrusion::joined(cases)
}

/// Whether a fact alone shows a stage of an intrusion.
fn is_a_stage(fact: &Fact<'_>) -> bool {
    HYPOTHESES.iter().filter(|hypothesis| hypothesis.stage.is_some()).any(|hypothesis| {
        match hypothesis.needs {
            [signs] => signs.iter().any(|sign| sign.shows_in(fact)),
            _ => false,
        }
    })
}

fn cases_of<'a>(
    hypothesis: &'static Hypothesis,
    facts: &'a [Fact<'a>],
    index: &Index<'a>,
    is_taken: &[bool],
) -> Vec<Case<'a>> {
    let is_subject = |at: usize| {
        let signs = hypothesis.needs.first().copied().unwrap_or_default();
        !is_taken[at] && signs.iter().any(|sign| sign.shows_in(&facts[at]))
    };
    let keys: BTreeSet<Key<'a>> =
        (0..facts.len()).filter(|at| is_subject(*at)).map(|at| key(hypothesis.joins, &facts[at])).collect();
    let cases = keys.into_iter().filter_map(|key| case(hypothesis, key, facts, index, is_taken));
    let cases = merged(cases.filter(Case::is_worth_telling).collect());
    if hypothesis.joins == Joins::ProcessAndDestination { without_parts(cases) } else { cases }
}

/// Without the cases of which another has every fact: what is known of a process alone is part of what is known
/// of the process and a destination.
fn without_parts(cases: Vec<Case<'_>>) -> Vec<Case<'_>> {
    let facts = |case: &Case<'_>| case.members.iter().map(|member| member.at).collect::<BTreeSet<_>>();
    let mut with_destination: BTreeMap<Option<&str>, Vec<BTreeSet<usize>>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.key.destination.is_some()) {
        with_destination.entry(case.key.actor).or_default().push(facts(case));
    }
    let is_part = |case: &Case<'_>| {
        let known = with_destination.get(&case.key.actor);
        case.key.destination.is_none()
            && known.is_some_and(|sets| sets.iter().any(|set| facts(case).is_subset(set)))
    };
    let parts: Vec<bool> = cases.iter().map(is_part).collect();
    cases.into_iter().zip(parts).filter_map(|(case, is_part)| (!is_part).then_some(case)).collect()
}

/// Facts by subject, so that a case need not check all of them: a scanner may have a finding for
/// each of many thousand destinations.
struct Index<'a> {
    number: usize,
    by_actor: AHashMap<Option<&'a str>, Vec<usize>>,
    by_destination: AHashMap<Option<&'a str>, Vec<usize>>,
    by_both: AHashMap<(Option<&'a str>, Option<&'a str>), Vec<usize>>,
    /// Facts about an actor itself, or about several of its destinations.
    general: AHashMap<Option<&'a str>, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn new(facts: &'a [Fact<'a>]) -> Self {
        let mut index = Self {
            number: facts.len(),
            by_actor: AHashMap::new(),
            by_destination: AHashMap::new(),
            by_both: AHashMap::new(),
            general: AHashMap::new(),
        };
        for (at, fact) in facts.iter().enumerate() {
            let (actor, destination) = (fact.actor(), fact.destination());
            index.by_actor.entry(actor).or_default().push(at);
            index.by_destination.entry(destination).or_default().push(at);
            index.by_both.entry((actor, destination)).or_default().push(at);
            if destination.is_none() || is_of_process(fact) {
                index.general.entry(actor).or_default().push(at);
            }
        }
        index
    }

    /// Every fact that may belong to a case, in order.
    fn near(&self, joins: Joins, key: Key<'a>) -> Vec<usize> {
        let of = |list: Option<&Vec<usize>>| list.cloned().unwrap_or_default();
        match joins {
            Joins::Process => of(self.by_actor.get(&key.actor)),
            Joins::ProcessAndDestination if key.actor.is_some() => {
                let mut near = of(self.by_both.get(&(key.actor, key.destination)));
                near.extend(of(self.general.get(&key.actor)));
                near.sort_unstable();
                near.dedup();
                near
            }
            Joins::Destination | Joins::ProcessAndDestination => {
                of(self.by_destination.get(&key.destination))
            }
            Joins::Capture => (0..self.number).collect(),
        }
    }
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

/// Whether a fact has the subject of a case.
fn belongs(joins: Joins, key: Key<'_>, fact: &Fact<'_>) -> bool {
    let same_actor = fact.actor() == key.actor;
    let same_destination = fact.destination() == key.destination;
    match joins {
        Joins::Process => same_actor,
        // Facts about several processes together have only the destination as their key.
        Joins::ProcessAndDestination if key.actor.is_none() => same_destination,
        Joins::ProcessAndDestination => {
            let goes_there = key.destination.is_some_and(|addr| fact.remotes.contains(addr));
            let is_of_several = fact.destination().is_none();
            same_actor && (same_destination || is_of_several && goes_there || is_of_process(fact))
        }
        Joins::Destination => same_destination,
        Joins::Capture => true,
    }
}

/// Whether a fact is about a process itself rather than about its destination.
fn is_of_process(fact: &Fact<'_>) -> bool {
    let is_of_sockets = fact.finding.about.signal != Signal::SuspiciousProcess;
    !is_of_sockets || fact.remotes.is_empty()
}

fn case<'a>(
    hypothesis: &'static Hypothesis,
    key: Key<'a>,
    facts: &'a [Fact<'a>],
    index: &Index<'a>,
    is_taken: &[bool],
) -> Option<Case<'a>> {
    let near: Vec<usize> = index
        .near(hypothesis.joins, key)
        .into_iter()
        .filter(|at| belongs(hypothesis.joins, key, &facts[*at]))
        // Facts about a process itself apply to all of its destinations.
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

/// A fact as a member, if it supports the hypothesis.
fn member<'a>(hypothesis: &'static Hypothesis, fact: &'a Fact<'a>, at: usize) -> Option<Member<'a>> {
    let find = |signs: &'static [Sign]| signs.iter().find(|sign| sign.shows_in(fact));
    let needed = hypothesis.needs.iter().find_map(|signs| find(signs));
    let is_needed = needed.is_some();
    needed.or_else(|| find(hypothesis.supports)).map(|sign| Member {
        stage: hypothesis.stage,
        fact,
        sign,
        is_needed,
        at,
    })
}

/// Merges the cases of a process with many destinations.
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
    let members = distinct(cases.into_iter().flat_map(|case| case.members));
    Case { hypothesis, key: Key { actor, destination: None }, members }
}

/// Each fact once, by strength; a required fact takes precedence over the same fact as mere support.
pub(super) fn distinct<'a>(members: impl IntoIterator<Item = Member<'a>>) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = members.into_iter().collect();
    members.sort_by_key(|member| (member.at, !member.is_needed));
    members.dedup_by_key(|member| member.at);
    members.sort_by_key(|member| (!member.is_needed, member.at));
    members
}
