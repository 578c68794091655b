//! Domains that do not exist, asked for one after the other: an algorithm makes up where a server may be.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, Thresholds, is_reversed_address};
use crate::analyze::appraisal::domains;
use crate::analyze::appraisal::{Appraisal, Factor};
use crate::analyze::scene::Scene;
use crate::analyze::words;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::queries::{Queries, Query};
use crate::model::sockets::Source;

/// The time within which domains count together, in µs.
const HOUR_US: i64 = 3_600_000_000;

/// What enough dead domains weigh, and what each further time the same number adds, up to three times.
const MANY: f64 = 1.5;
const EACH_TIME: f64 = 0.5;

/// Domains that are listed.
const LISTED: usize = 5;

/// Every source that asks for many domains that do not exist.
pub(super) fn findings(scene: &Scene<'_>, queries: &Queries<'_>, config: &Thresholds) -> Vec<Finding> {
    let mut dead: BTreeMap<Source<'_>, BTreeMap<&str, Query<'_>>> = BTreeMap::new();
    let is_dead = |(_, query): &(Source<'_>, Query<'_>)| {
        query.response_code == Some("NXDOMAIN") && !is_reversed_address(query.query_name)
    };
    for (source, query) in queries.iter().filter(is_dead) {
        // A name without a dot is one of the network, or a browser's test for forged answers.
        if let Some(domain) = domains::registered_domain(query.query_name) {
            dead.entry(source).or_default().entry(domain).or_insert(query);
        }
    }
    dead.iter().filter_map(|(source, domains)| finding(scene, *source, domains, config)).collect()
}

fn finding(
    scene: &Scene<'_>,
    source: Source<'_>,
    domains: &BTreeMap<&str, Query<'_>>,
    config: &Thresholds,
) -> Option<Finding> {
    let mut firsts: Vec<(&str, Query<'_>)> =
        domains.iter().map(|(domain, query)| (*domain, *query)).collect();
    firsts.sort_by_key(|(domain, query)| (query.ts_us, *domain));
    let fullest = fullest_hour(&firsts);
    let min = config.min_dead_domains as usize;
    if fullest.len() < min {
        return None;
    }
    let weight = MANY + EACH_TIME * (fullest.len() / min - 1).min(2) as f64;
    let questions: Vec<Query<'_>> = fullest.iter().map(|(_, query)| *query).collect();
    let asked = Asked::new(source, &questions, scene)?;
    let owners: BTreeSet<u32> = questions.iter().filter_map(|query| query.process).collect();
    let owners: Vec<_> = owners.into_iter().map(|row| scene.processes.get(row as usize)).collect();
    let generated = fullest.iter().filter(|(domain, _)| domains::looks_generated(domain)).count();
    let mut appraisal = Appraisal::of_programs(&owners);
    let are_drawn = domains::look_drawn(fullest.iter().map(|(domain, _)| *domain));
    appraisal.extend((2 * generated >= fullest.len() || are_drawn).then(|| {
        let says = if are_drawn {
            "their letters are distributed as if a program drew them, and not as in words".to_owned()
        } else {
            format!("{generated} of the {} names look generated", fullest.len())
        };
        Factor::new("name-generated", 1.5, says)
    }));
    let span_s = (asked.span_us.1 - asked.span_us.0) as f64 / 1e6;
    let examples: Vec<&str> = fullest.iter().take(LISTED).map(|(domain, _)| *domain).collect();
    let mut explanation = vec![format!(
        "Within {}, {} different domains did not exist, including {}.",
        words::duration(span_s),
        fullest.len(),
        examples.join(", ")
    )];
    explanation.extend(appraisal.sentences());
    let judgement = Judgement {
        severity: appraisal.severity(weight),
        confidence: Confidence::new(0.35 + 0.1 * (weight + appraisal.total())),
        title: format!(
            "{source} looked up {} domains that do not exist, as a domain generation algorithm does",
            fullest.len()
        ),
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: vec!["T1568.002"],
        entities: asked.entities(scene, None),
    };
    let measurements = vec![
        Measurement::new("dead domains within an hour", fullest.len() as f64, "domains")
            .against(f64::from(config.min_dead_domains)),
        Measurement::new("domains that look generated", generated as f64, "domains"),
        Measurement::new("dead domains in total", firsts.len() as f64, "domains"),
        Measurement::new("weight of the evidence", weight + appraisal.total(), "").against(2.0),
    ];
    Some(asked.finding(judgement, measurements))
}

/// The part of a list in the order of time that has most entries within an hour.
fn fullest_hour<'l, 'a>(firsts: &'l [(&'a str, Query<'a>)]) -> &'l [(&'a str, Query<'a>)] {
    let (mut from, mut best) = (0, &firsts[..0]);
    for (at, (_, query)) in firsts.iter().enumerate() {
        while query.ts_us - firsts[from].1.ts_us > HOUR_US {
            from += 1;
        }
        if at + 1 - from > best.len() {
            best = &firsts[from..=at];
        }
    }
    best
}
