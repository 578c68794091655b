//! Joins the cases of one intrusion: what one actor did, or what involved one external address, over time.
//!
//! A foothold, its command and control, a scan and an upload are four cases with four sets of
//! evidence. A responder wants to know that they are one incident, and in which order it happened.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Case, Key, distinct};
use super::fact::Fact;
use super::hypothesis::{Hypothesis, Joins, Stage};
use super::score;
use crate::model::finding::Severity;

/// The hypothesis of several severe cases together.
const INTRUSION: Hypothesis = Hypothesis {
    id: "intrusion",
    title: "{who}: possible intrusion in {count} stages: {stages}",
    summary: "Findings from several stages of an intrusion concern the same {program|host} or the same \
        external address. Each alone may be harmless; all of them together are unlikely to be \
        coincidence. The evidence is in chronological order.",
    stage: None,
    joins: Joins::Process,
    needs: &[],
    supports: &[],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &[
        "An administrator, a penetration test or a security scanner goes through several of these stages \
         as well.",
    ],
    ask: &[
        "Contain the {program|host} before you investigate further, and preserve its files and memory.",
        "Search the fleet for the addresses, names and hashes in the evidence.",
    ],
    attack: &[],
};

/// Merges the cases of each intrusion.
pub(super) fn joined(cases: Vec<Case<'_>>) -> Vec<Case<'_>> {
    let (grave, rest): (Vec<Case<'_>>, Vec<Case<'_>>) = cases.into_iter().partition(is_grave);
    let (mut alone, mut intrusions) = (Vec::new(), Vec::new());
    for campaign in campaigns(grave) {
        let stages: BTreeSet<Stage> = campaign.iter().filter_map(|case| case.hypothesis.stage).collect();
        if stages.len() >= 2 {
            intrusions.push(one_of(campaign));
        } else {
            alone.extend(one_per_subject(campaign));
        }
    }
    alone.into_iter().chain(rest).chain(intrusions).collect()
}

/// One case for those of an actor about the same destination, or about the same set of destinations: the first, with
/// the facts of all.
fn one_per_subject(cases: Vec<Case<'_>>) -> Vec<Case<'_>> {
    let mut subjects: Vec<Case<'_>> = Vec::new();
    let mut by_actor: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for case in cases {
        let of_actor = by_actor.entry(case.key.actor).or_default();
        let is_same = |known: &Case<'_>| {
            let has_key = known.key == case.key && known.hypothesis.joins == case.hypothesis.joins;
            has_key || known.shares_facts_with(&case)
        };
        if let Some(at) = of_actor.iter().copied().find(|at| is_same(&subjects[*at])) {
            add(&mut subjects[at], case);
        } else {
            of_actor.push(subjects.len());
            subjects.push(case);
        }
    }
    subjects
}

fn add<'a>(known: &mut Case<'a>, case: Case<'a>) {
    if known.key != case.key {
        known.key.destination = None;
    }
    known.members = distinct(std::mem::take(&mut known.members).into_iter().chain(case.members));
}

fn is_grave(case: &Case<'_>) -> bool {
    case.hypothesis.stage.is_some() && score::severity(case) >= Severity::Medium
}

/// Cases that share their actor or an external address, in the order of the first of each.
fn campaigns(cases: Vec<Case<'_>>) -> Vec<Vec<Case<'_>>> {
    // Actor or address, and the index of the campaign.
    let mut known: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    let mut campaigns: Vec<Vec<Case<'_>>> = Vec::new();
    for case in cases {
        let names = names(&case);
        let found: BTreeSet<usize> = names.iter().filter_map(|name| known.get(name)).copied().collect();
        let at = found.first().copied().unwrap_or(campaigns.len());
        if at == campaigns.len() {
            campaigns.push(Vec::new());
        }
        for other in found.iter().skip(1) {
            let moved = std::mem::take(&mut campaigns[*other]);
            campaigns[at].extend(moved);
            known.values_mut().filter(|number| *number == other).for_each(|number| *number = at);
        }
        campaigns[at].push(case);
        known.extend(names.into_iter().map(|name| (name, at)));
    }
    campaigns.retain(|cases| !cases.is_empty());
    campaigns
}

/// The keys by which a case is joined with others: its actors, and the external addresses that it requires.
fn names<'a>(case: &Case<'a>) -> BTreeSet<(bool, &'a str)> {
    let actors =
        case.needed().filter(|fact| !fact.is_inbound).filter_map(Fact::actor).map(|actor| (true, actor));
    let outside = case.needed().filter(|fact| fact.is_beyond).filter_map(Fact::destination);
    actors.chain(outside.map(|addr| (false, addr))).collect()
}

fn one_of(cases: Vec<Case<'_>>) -> Case<'_> {
    let actor = cases[0].key.actor.filter(|actor| cases.iter().all(|case| case.key.actor == Some(actor)));
    let mut members = distinct(cases.into_iter().flat_map(|case| case.members));
    members.sort_by_key(|member| (member.fact.finding.evidence.span_us.0, member.at));
    Case { hypothesis: &INTRUSION, key: Key { actor, destination: None }, members }
}

/// The stages of an intrusion, each once, in order of their start.
pub(super) fn stages(case: &Case<'_>) -> Vec<Stage> {
    let mut stages = Vec::new();
    for stage in case.members.iter().filter(|member| member.is_needed).filter_map(|member| member.stage) {
        if !stages.contains(&stage) {
            stages.push(stage);
        }
    }
    stages
}

/// Whether a case joins others.
pub(super) fn is_one(case: &Case<'_>) -> bool {
    case.hypothesis.id == INTRUSION.id
}
