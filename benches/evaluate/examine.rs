//! Analyzes one set and compares the result with its ground truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use netrec::analyze::{self, Analysis, Config};
use netrec::capture::Protocol;
use netrec::geo::Databases;
use netrec::model::finding::{Finding, Severity};
use netrec::model::sockets::{Socket, Sockets};

use crate::sets::{self, Evidence};
use crate::truth::{Behaviour, Set, right_detectors};

/// Severity and confidence, by which findings are ranked.
pub(crate) type Score = (Severity, f64);

/// The result for a set.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) name: String,
    /// One per malicious behavior.
    pub(crate) behaviours: Vec<Found>,
    /// Findings about nothing malicious, only for benign sets: detector, score and title.
    pub(crate) false_findings: Vec<(&'static str, Score, String)>,
    /// Best score of each benign pair of addresses named in a finding.
    pub(crate) benign_scores: Vec<Score>,
    /// Hours of traffic known to be benign.
    pub(crate) benign_hours: f64,
}

/// What was found of a malicious behavior.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) kind: String,
    pub(crate) about: String,
    /// The best finding of a detector intended for its kind.
    pub(crate) right: Option<Best>,
    /// The best finding of any detector.
    pub(crate) any: Option<Best>,
    /// Rank of the first assessment with a finding about it, from 1.
    pub(crate) assessment: Option<usize>,
}

/// A finding about a behavior.
#[derive(Debug, Clone)]
pub(crate) struct Best {
    pub(crate) detector: &'static str,
    pub(crate) score: Score,
    /// Its rank among all findings, worst first, from 1.
    pub(crate) rank: usize,
    pub(crate) title: String,
    /// Whether the title names the behavior's program; `None` if the truth names none.
    pub(crate) is_named: Option<bool>,
}

/// Imports and analyzes a set.
pub(crate) fn examine(folder: &Path, name: &str, set: &Set) -> Examined {
    let scratch = tempfile::tempdir().unwrap();
    let by_file = set.positives.iter().any(|behaviour| behaviour.file.is_some());
    let evidence = sets::import(folder, by_file, scratch.path());
    let mut examined = Examined {
        name: name.to_owned(),
        behaviours: set.positives.iter().map(Found::nothing).collect(),
        false_findings: Vec::new(),
        benign_scores: Vec::new(),
        benign_hours: 0.0,
    };
    for one in &evidence {
        let analysis =
            analyze::run(&one.capture, &Config::default(), &Databases::default(), &|_| {}).unwrap();
        let sockets = by_id(&analysis);
        look_for(set, one, &analysis, &sockets, &mut examined.behaviours);
        if set.is_benign(name) {
            let span = one.capture.span_us().unwrap_or_default();
            examined.benign_hours += (span.1 - span.0) as f64 / 3.6e9;
            gather_false(set, &analysis, &sockets, &mut examined);
        }
    }
    examined
}

impl Found {
    fn nothing(behaviour: &Behaviour) -> Self {
        let side = |addr: &Option<String>| addr.clone().unwrap_or_else(|| "*".to_owned());
        let port = behaviour.dport.map_or_else(String::new, |port| format!(":{port}"));
        let who = behaviour.process.as_ref().map_or_else(String::new, |process| format!("{process} "));
        let about =
            format!("{who}{} → {}{port}, {}", side(&behaviour.src), side(&behaviour.dst), behaviour.label);
        Self { kind: behaviour.kind.clone(), about, right: None, any: None, assessment: None }
    }
}

type ById<'a> = BTreeMap<u64, Socket<'a>>;

fn by_id(analysis: &Analysis) -> ById<'_> {
    Sockets::new(&analysis.tables).unwrap().iter().map(|socket| (socket.conn_id, socket)).collect()
}

fn look_for(set: &Set, one: &Evidence, analysis: &Analysis, sockets: &ById<'_>, found: &mut [Found]) {
    let findings = analysis.findings();
    for (behaviour, found) in set.positives.iter().zip(found) {
        if behaviour.file.is_some() && behaviour.file != one.file {
            continue;
        }
        let right = right_detectors(&behaviour.kind);
        for (at, finding) in
            findings.iter().enumerate().filter(|(_, finding)| names(behaviour, finding, sockets))
        {
            let best = Best {
                detector: finding.about.id,
                score: score(finding),
                rank: at + 1,
                title: finding.judgement.title.clone(),
                is_named: behaviour.program().map(|program| finding.judgement.title.contains(program)),
            };
            if right.is_empty() || right.contains(&finding.about.id) {
                found.right.get_or_insert_with(|| best.clone());
            }
            found.any.get_or_insert(best);
            let assessment =
                analysis.insights.iter().position(|insight| insight.findings.contains(&finding.id));
            found.assessment = match (found.assessment, assessment) {
                (Some(known), Some(at)) => Some(known.min(at + 1)),
                (known, at) => known.or(at.map(|at| at + 1)),
            };
        }
    }
}

fn score(finding: &Finding) -> Score {
    (finding.judgement.severity, finding.judgement.confidence.get())
}

/// Whether a finding is about a behavior, that is, contains one of its connections.
fn names(behaviour: &Behaviour, finding: &Finding, sockets: &ById<'_>) -> bool {
    finding
        .evidence
        .connections
        .iter()
        .filter_map(|id| sockets.get(id))
        .any(|socket| is_part(behaviour, socket))
}

fn is_part(behaviour: &Behaviour, socket: &Socket<'_>) -> bool {
    let Some((remote, remote_port)) = socket.remote() else { return false };
    let is = |wanted: &Option<String>, addr: &str| wanted.as_deref().is_none_or(|wanted| wanted == addr);
    let is_port = |port: u16| behaviour.dport.is_none_or(|wanted| wanted == port);
    let forth = is(&behaviour.src, socket.local_addr) && is(&behaviour.dst, remote) && is_port(remote_port);
    let back =
        is(&behaviour.src, remote) && is(&behaviour.dst, socket.local_addr) && is_port(socket.local_port());
    let is_process = behaviour.process.as_deref().is_none_or(|wanted| Some(wanted) == socket.process_name);
    let is_script = behaviour
        .script
        .as_deref()
        .is_none_or(|script| socket.actor.is_some_and(|actor| actor.contains(script)));
    let is_protocol = behaviour.kind != "icmp_tunnel" || socket.protocol == Protocol::Icmp;
    (forth || back) && is_process && is_script && is_protocol
}

fn gather_false(set: &Set, analysis: &Analysis, sockets: &ById<'_>, examined: &mut Examined) {
    let mut pairs: BTreeMap<(String, String), Score> = BTreeMap::new();
    let is_ordinary = |finding: &Finding| {
        set.ordinary.as_ref().is_none_or(|programs| {
            let name = finding.judgement.entities.process_name.as_ref();
            name.is_some_and(|name| programs.contains(name))
        })
    };
    let is_false = |finding: &&Finding| {
        is_ordinary(finding) && !set.positives.iter().any(|behaviour| names(behaviour, finding, sockets))
    };
    for finding in analysis.findings().into_iter().filter(is_false) {
        let score = score(finding);
        examined.false_findings.push((finding.about.id, score, finding.judgement.title.clone()));
        let ends: BTreeSet<(String, String)> = finding
            .evidence
            .connections
            .iter()
            .filter_map(|id| sockets.get(id))
            .filter_map(|socket| Some((socket.local_addr.to_owned(), socket.remote()?.0.to_owned())))
            .collect();
        for pair in ends {
            let best = pairs.entry(pair).or_insert(score);
            if *best < score {
                *best = score;
            }
        }
    }
    examined.benign_scores.extend(pairs.into_values());
}
