//! Several addresses that never answer, tried one after the other and again: a list of servers that are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::peers;
use super::{MANY, Retries, Thresholds, Unanswered, confidence};
use crate::analyze::scene::Scene;
use crate::analyze::words;
use crate::model::detector::Detector;
use crate::model::finding::{Finding, Judgement, Measurement};
use crate::model::sockets::Source;

/// Addresses that an explanation names.
const NAMED: usize = 8;

/// The addresses of one source that never answer.
pub(super) struct List<'a> {
    source: Source<'a>,
    addresses: BTreeSet<&'a str>,
    ports: BTreeSet<u16>,
    /// Rows of the attempts, in the order of time.
    rows: Vec<usize>,
    span_s: f64,
}

/// The lists in the attempts on destinations that are too few for a finding of their own.
pub(super) fn find<'a>(rest: &[&Retries<'_, 'a>], scene: &Scene<'a>, config: &Thresholds) -> Vec<List<'a>> {
    let mut sources: BTreeMap<Source<'a>, Vec<&Retries<'_, 'a>>> = BTreeMap::new();
    for retries in rest {
        sources.entry(retries.peer.source).or_default().push(retries);
    }
    sources.into_iter().filter_map(|(source, all)| List::new(source, &all, scene, config)).collect()
}

impl<'a> List<'a> {
    fn new(
        source: Source<'a>,
        all: &[&Retries<'_, 'a>],
        scene: &Scene<'a>,
        config: &Thresholds,
    ) -> Option<Self> {
        let is_dead =
            |retries: &&&Retries<'_, 'a>| retries.failed == retries.rows.len() && retries.rows.len() > 1;
        if all.iter().filter(is_dead).count() < config.min_listed as usize {
            return None;
        }
        let is_nameless = |retries: &&&Retries<'_, 'a>| {
            let members = scene.sockets.subset(retries.rows);
            members
                .iter()
                .all(|socket| socket.remote_name.is_none() && scene.surroundings.leaves_network(&socket))
        };
        let dead: Vec<&&Retries<'_, 'a>> = all.iter().filter(is_dead).filter(is_nameless).collect();
        let addresses: BTreeSet<&str> = dead.iter().map(|retries| retries.peer.remote_addr).collect();
        let ports: BTreeSet<u16> = dead.iter().map(|retries| retries.peer.port).collect();
        let is_on_ports =
            |retries: &&&Retries<'_, 'a>| ports.contains(&retries.peer.port) && retries.failed == 0;
        let alive = all.iter().filter(is_on_ports).filter(is_nameless).count();
        let are_peers = alive as f64 >= peers::ANSWER * (alive + addresses.len()) as f64 && alive > 0;
        let mut rows: Vec<usize> = dead.iter().flat_map(|retries| retries.rows.iter().copied()).collect();
        rows.sort_unstable();
        let times = rows.first().zip(rows.last());
        let at_us = |row: &usize| scene.sockets.first_seen_us(*row);
        let span_s = times.map_or(0.0, |(first, last)| (at_us(last) - at_us(first)) as f64 / 1e6);
        let is_one = addresses.len() >= config.min_listed as usize
            && rows.len() >= config.min_attempts as usize
            && 2 * ports.len() <= addresses.len().max(2)
            && span_s >= config.min_span_s;
        (is_one && !are_peers).then_some(Self { source, addresses, ports, rows, span_s })
    }

    pub(super) fn finding(&self, scene: &Scene<'_>, config: &Thresholds) -> Finding {
        let members = scene.sockets.subset(&self.rows);
        let appraisal = scene.appraise(members);
        let attempts = words::count(self.rows.len(), "attempt", "attempts");
        let named: Vec<&str> = self.addresses.iter().copied().collect();
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let mut explanation = vec![format!(
            "{attempts} over {}, all of which failed, on port {}, at {}.",
            words::duration(self.span_s),
            words::first_of(&ports, NAMED),
            words::first_of(&named, NAMED)
        )];
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(MANY),
            confidence: confidence(self.rows.len()),
            title: format!(
                "{} keeps trying {} addresses outside that never answer: {attempts}",
                self.source,
                self.addresses.len()
            ),
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: vec!["T1071", "T1008"],
            entities: members.entities(),
        };
        let measurements = vec![
            Measurement::new("attempts", self.rows.len() as f64, "attempts")
                .against(f64::from(config.min_attempts)),
            Measurement::new("addresses", self.addresses.len() as f64, "hosts")
                .against(f64::from(config.min_listed)),
            Measurement::new("time span", self.span_s, "s").against(config.min_span_s),
        ];
        Finding::new(&Unanswered::ABOUT, judgement, members.evidence(measurements))
    }
}
