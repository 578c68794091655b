//! The texts of a case: title and sentence, evidence, alternative explanations, next steps.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::case::{Case, Member};
use super::fact::Fact;
use super::hypothesis::{Joins, Stage};
use super::{Insight, Step, Support, intrusion, score};
use crate::capture::Metadata;
use crate::humanize;
use crate::model::finding::{Entities, Finding};
use crate::model::metrics::Completeness;
use crate::model::processes::is_windows_path;

/// Below this confidence in all findings, that is itself an argument against the hypothesis.
const UNSURE: f64 = 0.6;

pub(super) fn insight(case: &Case<'_>, completeness: &Completeness, metadata: &Metadata) -> Insight {
    let mut entities = common_entities(case);
    let view = if metadata.holds_many_hosts() && !case.has_owner() { View::Network } else { View::Host };
    let local_addr = |fact: &Fact<'_>| fact.finding.judgement.entities.local_addr.is_some();
    if view == View::Network && !case.needed().all(local_addr) {
        // Every connection in a network has a host, so a finding without one is about several.
        (entities.local_addr, entities.local_port) = (None, None);
    }
    let named = |text: &str, naming| fill(text, case, &entities, view, naming);
    let fill = |text: &str| named(text, Naming::Short);
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
        sentence: format!("{}, {}", named(case.hypothesis.title, Naming::Full), humanize::when_utc(span_us)),
        summary: fill(case.hypothesis.summary),
        attack: attack(case),
        findings: findings.iter().map(|finding| finding.id.clone()).collect(),
        evidence: evidence(case, fill),
        against: against(case, completeness, metadata),
        next_steps: next_steps(case, &entities, span_us, fill),
        entities,
        span_us,
    }
}

/// How a process is named in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// By its name.
    Short,
    /// With its pid and user, if known.
    Full,
}

/// The kind of actors in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// Processes of the host that was recorded.
    Host,
    /// The hosts of a network, by their addresses.
    Network,
}

/// Derived from the hypothesis and its subject, and therefore stable for the same capture.
fn id(case: &Case<'_>) -> String {
    let first = case.facts().next().map(|fact| fact.finding.id.as_str());
    let digest: [u8; 32] = Sha256::digest(format!("{:?}|{first:?}", case.key)).into();
    let short = digest[..6].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{}-{short:012x}", case.hypothesis.id)
}

/// The values shared by all findings that have them; the port of this end, which differs from one connection to the
/// next, only if every finding has it.
fn common_entities(case: &Case<'_>) -> Entities {
    fn common<T: Clone + PartialEq>(case: &Case<'_>, field: fn(&Entities) -> &Option<T>) -> Option<T> {
        let mut known = case.facts().filter_map(|fact| field(&fact.finding.judgement.entities).as_ref());
        let first = known.next()?;
        known.all(|other| other == first).then(|| first.clone())
    }
    let has_local_port = |fact: &Fact<'_>| fact.finding.judgement.entities.local_port.is_some();
    Entities {
        process_name: common(case, |e| &e.process_name),
        actor: common(case, |e| &e.actor),
        pid: common(case, |e| &e.pid),
        exe: common(case, |e| &e.exe),
        cmdline: common(case, |e| &e.cmdline),
        username: common(case, |e| &e.username),
        container: common(case, |e| &e.container),
        protocol: common(case, |e| &e.protocol),
        local_addr: common(case, |e| &e.local_addr),
        local_port: common(case, |e| &e.local_port).filter(|_| case.facts().all(has_local_port)),
        remote_addr: of_destination(case, |e| &e.remote_addr),
        remote_port: of_destination(case, |e| &e.remote_port),
        remote_name: common(case, |e| &e.remote_name),
        payload: common(case, |e| &e.payload),
    }
}

/// The value shared by all required findings about a destination: a finding about many hosts has no address, and
/// neither has its case.
fn of_destination<T: Clone + PartialEq>(case: &Case<'_>, field: fn(&Entities) -> &Option<T>) -> Option<T> {
    let mut all = case.of_destination().map(|fact| field(&fact.finding.judgement.entities).as_ref());
    let first = all.next()??;
    all.all(|other| other == Some(first)).then(|| first.clone())
}

/// Fills the placeholders of a text with names, and picks from `{one|other}` the word for the view.
/// One pass, so that a name cannot contain a placeholder.
fn fill(text: &str, case: &Case<'_>, entities: &Entities, view: View, naming: Naming) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        let is_first = out.is_empty();
        let named = match place {
            "source" if case.is_inbound() => destination(case, entities),
            "who" | "source" => who(case, entities, view, naming),
            "target" if case.is_inbound() => service(entities, view, naming, host(case, entities, view)),
            "host" => host(case, entities, view),
            "Host" => capitalised(&host(case, entities, view)),
            "count" if intrusion::is_one(case) => intrusion::stages(case).len().to_string(),
            "count" => case.members.len().to_string(),
            "stages" => {
                let stages = intrusion::stages(case);
                stages.into_iter().map(Stage::as_str).collect::<Vec<_>>().join(", ")
            }
            _ => match (place.split_once('|'), view) {
                (Some((words, _)), View::Host) | (Some((_, words)), View::Network) => words.to_owned(),
                (None, _) => destination(case, entities),
            },
        };
        // A name keeps its case; a phrase starts the sentence with a capital.
        let is_words = ["several ", "an unknown "].iter().any(|words| named.starts_with(words));
        out.push_str(&if is_first && is_words { capitalised(&named) } else { named });
        rest = after;
    }
    out + rest
}

fn who(case: &Case<'_>, entities: &Entities, view: View, naming: Naming) -> String {
    match (entities.program(), &entities.local_addr, view) {
        (Some(name), ..) if naming == Naming::Full => in_full(name, entities),
        (Some(name), ..) => name.to_owned(),
        (None, _, View::Network) => host(case, entities, view),
        _ if case.has_owner() => several(case),
        (None, Some(addr), View::Host) => format!("an unknown process on {addr}"),
        (None, None, View::Host) => "an unknown process".to_owned(),
    }
}

/// The end that is contacted from outside: `sshd on this host`, or only the host.
fn service(entities: &Entities, view: View, naming: Naming, host: String) -> String {
    match (entities.program(), view, naming) {
        (Some(name), View::Host, Naming::Full) => format!("{} on {host}", in_full(name, entities)),
        (Some(name), View::Host, Naming::Short) => format!("{name} on {host}"),
        _ => host,
    }
}

/// `job1 and job2`, `job1, job2 and 6 other processes`.
fn several(case: &Case<'_>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in case.facts().filter_map(|fact| fact.finding.judgement.entities.program()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match *names {
        [first, second] => format!("{first} and {second}"),
        [first, second, ref others @ ..] => {
            let others = humanize::plural(others.len() as u64, "other process");
            format!("{first}, {second} and {others}")
        }
        _ => "several processes".to_owned(),
    }
}

/// `curl (pid 4242, user alice)`.
fn in_full(name: &str, entities: &Entities) -> String {
    let pid = entities.pid.map(|pid| format!("pid {pid}"));
    let user = entities.username.as_ref().map(|user| format!("user {user}"));
    let known: Vec<String> = [pid, user].into_iter().flatten().collect();
    if known.is_empty() { name.to_owned() } else { format!("{name} ({})", known.join(", ")) }
}

/// The local host.
fn host(case: &Case<'_>, entities: &Entities, view: View) -> String {
    match (view, &entities.local_addr) {
        (View::Host, _) => "this host".to_owned(),
        (View::Network, Some(addr)) => addr.clone(),
        (View::Network, None) => {
            let clients = case.needed().filter_map(|fact| fact.measured("clients")).fold(0.0, f64::max);
            if clients > 1.0 { humanize::plural(clients as u64, "host") } else { "several hosts".to_owned() }
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The remote end. Its port is left out where it opened the connections, as it says nothing there.
fn destination(case: &Case<'_>, entities: &Entities) -> String {
    let Some(addr) = &entities.remote_addr else {
        let known: BTreeSet<&str> = case.of_destination().filter_map(Fact::destination).collect();
        let tried = case.of_destination().map(Fact::hosts).max().unwrap_or(0);
        let remotes: BTreeSet<&str> =
            case.of_destination().flat_map(|fact| fact.remotes.iter().copied()).collect();
        return match (known.first(), known.len(), tried.max(remotes.len()).max(known.len())) {
            (Some(name), 1, 0 | 1) => (*name).to_owned(),
            (Some(name), 1, _) if entities.remote_name.as_deref() == Some(name) => (*name).to_owned(),
            (_, _, 0) => "several addresses".to_owned(),
            (None, _, 1) => remotes.first().map_or_else(|| "1 address".to_owned(), |addr| (*addr).to_owned()),
            (_, _, hosts) => humanize::plural(hosts as u64, "address"),
        };
    };
    let name = entities.remote_name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    match entities.remote_port.filter(|_| !case.is_inbound()) {
        Some(port) if addr.contains(':') => format!("[{addr}]:{port}{name}"),
        Some(port) => format!("{addr}:{port}{name}"),
        None => format!("{addr}{name}"),
    }
}

fn attack(case: &Case<'_>) -> Vec<&'static str> {
    let of_findings = case.facts().flat_map(|fact| fact.finding.judgement.attack.iter().copied());
    of_findings.chain(case.hypothesis.attack.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What each finding shows, strongest first; for an intrusion, in time order.
fn evidence(case: &Case<'_>, fill: impl Fn(&str) -> String) -> Vec<Support> {
    let support = |member: &Member<'_>| {
        let finding = member.fact.finding;
        let judgement = &finding.judgement;
        let confidence = humanize::ratio_percent(judgement.confidence.get());
        let begins = match member.stage.filter(|_| intrusion::is_one(case)) {
            Some(stage) => {
                format!("{}, {}:", humanize::second_utc(finding.evidence.span_us.0), stage.as_str())
            }
            None => fill(member.sign.says),
        };
        Support {
            finding: finding.id.clone(),
            sentence: format!(
                "{begins} {} ({}: severity {}, confidence {confidence}).",
                judgement.title, finding.about.id, judgement.severity
            ),
        }
    };
    case.members.iter().map(support).collect()
}

fn against(case: &Case<'_>, completeness: &Completeness, metadata: &Metadata) -> Vec<String> {
    let mut sentences: Vec<String> = case.hypothesis.benign.iter().map(ToString::to_string).collect();
    let surest = case.needed().map(|fact| fact.finding.judgement.confidence.get()).fold(0.0, f64::max);
    if surest < UNSURE {
        sentences.push(format!("No finding has a confidence above {:.0} %.", surest * 100.0));
    }
    let detectors: BTreeSet<&str> = case.facts().map(|fact| fact.finding.about.id).collect();
    if let (1, Some(detector)) = (detectors.len(), detectors.first()) {
        sentences.push(format!("Only one detector ({detector}) found this; no other supports it."));
    }
    if !case.has_owner() {
        sentences.push("The owning process is unknown, so the program could not be assessed.".to_owned());
    }
    let lost = completeness.events_lost.unwrap_or(0) + completeness.ticks_late;
    if lost > 0 && metadata.import.is_some() {
        sentences.push(format!(
            "The imported data has gaps ({} lost), so an explanation may be missing.",
            humanize::plural(lost, "packet")
        ));
    } else if lost > 0 {
        sentences.push(format!(
            "The recording has gaps (late snapshots and lost events: {}), so an explanation may be missing.",
            humanize::count(lost)
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
    let is_windows = entities.exe.as_deref().is_some_and(is_windows_path);
    if let Some(pid) = entities.pid.filter(|_| is_windows) {
        steps.push(on_host("Get-CimInstance Win32_Process -Filter", &[&format!("ProcessId={pid}")]));
    } else if let Some(pid) = entities.pid {
        steps.push(on_host("ls -l", &[&format!("/proc/{pid}/exe"), &format!("/proc/{pid}/cwd")]));
        steps.push(on_host("ps -o pid,ppid,user,lstart,args -p", &[&pid.to_string()]));
    }
    if is_windows {
        // PowerShell takes typographic quotes for quotes, too, and other shells do not.
        let is_quotable = |exe: &&String| exe.is_ascii() && !exe.contains('\'');
        for exe in entities.exe.iter().filter(is_quotable) {
            steps.push(on_host("Get-FileHash -Algorithm SHA256 -LiteralPath", &[exe]));
            steps.push(on_host("Get-AuthenticodeSignature -LiteralPath", &[exe]));
        }
        return steps;
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

/// A filter expression. Names that are not plain words are left out, because an attacker may have
/// chosen them.
fn filter(entities: &Entities) -> String {
    let is_plain = |name: &&String| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let name = entities.process_name.as_ref().filter(is_plain).map(|name| format!("process:{name}"));
    let addr = entities.remote_addr.as_ref().map(|addr| format!("remote:{addr}"));
    [name, addr].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
