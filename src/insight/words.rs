//! A case in words: what is said of it, what speaks for and against it, what to do next.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::case::{Case, Member};
use super::fact::Fact;
use super::hypothesis::Joins;
use super::{Insight, Step, score};
use crate::capture::Metadata;
use crate::model::finding::{Entities, Finding};
use crate::model::metrics::Completeness;

/// Below this confidence of the surest finding, the doubt is said.
const UNSURE: f64 = 0.6;

/// Sentences of findings that are shown; more are counted.
const MOST_SENTENCES: usize = 8;

pub(super) fn insight(case: &Case<'_>, completeness: &Completeness, metadata: &Metadata) -> Insight {
    let entities = common_entities(case);
    let view = if metadata.holds_many_hosts() && !case.has_owner() { View::Network } else { View::Host };
    let fill = |text: &str| fill(text, case, &entities, view);
    let findings: Vec<&Finding> = case.facts().map(|fact| fact.finding).collect();
    let span_us = (
        findings.iter().map(|finding| finding.evidence.span_us.0).min().unwrap_or_default(),
        findings.iter().map(|finding| finding.evidence.span_us.1).max().unwrap_or_default(),
    );
    Insight {
        id: id(case),
        severity: score::severity(case),
        confidence: score::confidence(case),
        title: fill(case.hypothesis.title),
        summary: fill(case.hypothesis.summary),
        attack: attack(case),
        findings: findings.iter().map(|finding| finding.id.clone()).collect(),
        supports: supports(case, fill),
        against: against(case, completeness, metadata),
        next_steps: next_steps(case, &entities, span_us, fill),
        entities,
        span_us,
    }
}

/// Who acts in a case, as far as words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// Processes of the host that was recorded.
    Host,
    /// The hosts of a network, by their addresses.
    Network,
}

/// From the hypothesis and what it is about, and so the same for the same capture.
fn id(case: &Case<'_>) -> String {
    let first = case.facts().next().map(|fact| fact.finding.id.as_str());
    let digest: [u8; 32] = Sha256::digest(format!("{:?}|{first:?}", case.key)).into();
    let short = digest[..6].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{}-{short:012x}", case.hypothesis.id)
}

/// What is the same in all findings that know it.
fn common_entities(case: &Case<'_>) -> Entities {
    fn common<T: Clone + PartialEq>(case: &Case<'_>, field: fn(&Entities) -> &Option<T>) -> Option<T> {
        let mut known = case.facts().filter_map(|fact| field(&fact.finding.judgement.entities).as_ref());
        let first = known.next()?;
        known.all(|other| other == first).then(|| first.clone())
    }
    Entities {
        process_name: common(case, |e| &e.process_name),
        pid: common(case, |e| &e.pid),
        exe: common(case, |e| &e.exe),
        cmdline: common(case, |e| &e.cmdline),
        username: common(case, |e| &e.username),
        container: common(case, |e| &e.container),
        protocol: common(case, |e| &e.protocol),
        local_addr: common(case, |e| &e.local_addr),
        local_port: common(case, |e| &e.local_port),
        remote_addr: common(case, |e| &e.remote_addr),
        remote_port: common(case, |e| &e.remote_port),
        remote_name: common(case, |e| &e.remote_name),
    }
}

/// Puts names in the places of a text, and of `{one|other}` the words that fit the view. One pass, so
/// that a name cannot hold a place.
fn fill(text: &str, case: &Case<'_>, entities: &Entities, view: View) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&match place {
            "who" => who(case, entities, view),
            "host" => host(case, entities, view),
            "Host" => capitalised(&host(case, entities, view)),
            "count" => case.members.len().to_string(),
            _ => match (place.split_once('|'), view) {
                (Some((words, _)), View::Host) | (Some((_, words)), View::Network) => words.to_owned(),
                (None, _) => destination(case, entities),
            },
        });
        rest = after;
    }
    out + rest
}

fn who(case: &Case<'_>, entities: &Entities, view: View) -> String {
    match (&entities.process_name, &entities.local_addr, view) {
        (Some(name), ..) => name.clone(),
        (None, _, View::Network) => host(case, entities, view),
        _ if case.has_owner() => "several processes".to_owned(),
        (None, Some(addr), View::Host) => format!("an unknown process on {addr}"),
        (None, None, View::Host) => "an unknown process".to_owned(),
    }
}

/// The host on this side.
fn host(case: &Case<'_>, entities: &Entities, view: View) -> String {
    match (view, &entities.local_addr) {
        (View::Host, _) => "this host".to_owned(),
        (View::Network, Some(addr)) => addr.clone(),
        (View::Network, None) => {
            let differs = case.facts().any(|fact| fact.finding.judgement.entities.local_addr.is_some());
            if differs { "several hosts".to_owned() } else { "a host".to_owned() }
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn destination(case: &Case<'_>, entities: &Entities) -> String {
    let Some(addr) = &entities.remote_addr else {
        let all: BTreeSet<&str> = case.facts().filter_map(Fact::destination).collect();
        return if all.is_empty() {
            "several addresses".to_owned()
        } else {
            format!("{} addresses", all.len())
        };
    };
    let name = entities.remote_name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    let port = entities.remote_port.map_or_else(String::new, |port| format!(" port {port}"));
    format!("{addr}{name}{port}")
}

fn attack(case: &Case<'_>) -> Vec<&'static str> {
    let of_findings = case.facts().flat_map(|fact| fact.finding.judgement.attack.iter().copied());
    of_findings.chain(case.hypothesis.attack.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn supports(case: &Case<'_>, fill: impl Fn(&str) -> String) -> Vec<String> {
    let sentence = |member: &Member<'_>| {
        let judgement = &member.fact.finding.judgement;
        let sure = judgement.confidence.get() * 100.0;
        let (severity, detector) = (judgement.severity, member.fact.finding.about.id);
        let says = fill(member.sign.says);
        format!("{says} {} ({detector}: {severity}, {sure:.0} % sure).", judgement.title)
    };
    let mut sentences: Vec<String> = case.members.iter().take(MOST_SENTENCES).map(sentence).collect();
    let more = case.members.len().saturating_sub(MOST_SENTENCES);
    if more > 0 {
        sentences.push(format!("{more} more findings say the same."));
    }
    sentences
}

fn against(case: &Case<'_>, completeness: &Completeness, metadata: &Metadata) -> Vec<String> {
    let mut sentences: Vec<String> = case.hypothesis.benign.iter().map(ToString::to_string).collect();
    let surest = case.needed().map(|fact| fact.finding.judgement.confidence.get()).fold(0.0, f64::max);
    if surest < UNSURE {
        sentences.push(format!("Even the surest of these findings is only {:.0} % sure.", surest * 100.0));
    }
    let detectors: BTreeSet<&str> = case.facts().map(|fact| fact.finding.about.id).collect();
    if let (1, Some(detector)) = (detectors.len(), detectors.first()) {
        sentences
            .push(format!("Only one detector says so ({detector}); no other saw anything to support it."));
    }
    if !case.has_owner() {
        sentences.push(
            "No process is known for it, so nothing could be held against or for the program.".to_owned(),
        );
    }
    let lost = completeness.events_lost.unwrap_or(0) + completeness.ticks_late;
    if lost > 0 && metadata.import.is_some() {
        sentences.push(format!(
            "What was imported has gaps (packets lost: {lost}), so that what would explain it may be missing."
        ));
    } else if lost > 0 {
        sentences.push(format!(
            "The recording has gaps (late ticks and lost events: {lost}), so that what would explain it may be missing."
        ));
    }
    sentences
}

fn next_steps(
    case: &Case<'_>,
    entities: &Entities,
    span_us: (i64, i64),
    fill: impl Fn(&str) -> String,
) -> Vec<Step> {
    let mut steps: Vec<Step> = case.hypothesis.ask.iter().map(|ask| Step::Ask(fill(ask))).collect();
    steps.push(Step::Replay(span_us.0));
    let filter = filter(entities);
    if !filter.is_empty() {
        steps.push(Step::Dump { filter, span_us });
    }
    let on_host = |command, arguments: &[&str]| Step::OnHost {
        command,
        arguments: arguments.iter().map(ToString::to_string).collect(),
    };
    if let Some(pid) = entities.pid {
        steps.push(on_host("ls -l", &[&format!("/proc/{pid}/exe"), &format!("/proc/{pid}/cwd")]));
        steps.push(on_host("ps -o pid,ppid,user,lstart,args -p", &[&pid.to_string()]));
    }
    if let Some(exe) = &entities.exe {
        steps.push(on_host("sha256sum", &[exe]));
    }
    if let (Some(addr), Joins::Process | Joins::ProcessAndDestination) =
        (&entities.remote_addr, case.hypothesis.joins)
    {
        steps.push(on_host("ss -tunap dst", &[addr]));
    }
    steps
}

/// In the language of `--filter`. A name that is more than a plain word is left out: it was
/// chosen by whoever is being investigated.
fn filter(entities: &Entities) -> String {
    let is_plain = |name: &&String| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let name = entities.process_name.as_ref().filter(is_plain).map(|name| format!("process:{name}"));
    let addr = entities.remote_addr.as_ref().map(|addr| format!("remote:{addr}"));
    [name, addr].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
