//! `indicator`: what lists from outside name, found in the capture.

mod index;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ahash::AHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::index::Index;
use crate::Result;
use crate::indicators::{self, Observable};
use crate::model::detector::{About, Context, Detector, Method, Outcome, Output, Signal};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::frame::UInt32Type;
use crate::model::records::Direction;
use crate::model::section::Section;
use crate::model::sockets::{Sockets, Source};
use crate::model::tables::Tables;
use crate::model::view::{Numbers, Words};

/// What lists from outside name.
#[derive(Debug)]
pub struct Indicator;

/// Thresholds of `indicator`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Most findings, worst first.
    pub max_findings: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { max_findings: 200 }
    }
}

impl Detector for Indicator {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "indicator",
        title: "Known indicators",
        what_it_finds: "Connections to addresses, networks, ports and names, and executables by path or \
            SHA-256, that are on a list given with --ioc: plain text, CSV, a STIX 2.1 bundle or a MISP \
            event.",
        why_it_matters: "Someone has seen it in an incident and published it. A match is the shortest \
            path from a capture to a known case.",
        how_it_decides: "Every entry is compared with every connection: an address or network with the \
            remote address; a name with the host name used to reach the remote, subdomains included; a \
            path or hash with the executable of the process; a JA3 or JA4 with the TLS client. All connections of one process that match \
            one entry form one finding; at most `max_findings` are reported. Severity and confidence \
            depend on the kind of entry: a hash is high and nearly certain; a name, an address, or an \
            address with its port is high; a path or a network is medium; a port alone is low, and so is a TLS \
            client, as a fingerprint is that of a library, which harmless programs share. Inbound \
            connections are rated one level lower, because known scanners visit every public address.",
        false_positives: "Addresses that changed hands since the list was made; shared hosting, where \
            harmless and malicious sites share an address; errors in lists; a list of scanners applied to \
            a public server.",
        evidence: "The entry, with its list, id and description; the connections.",
        source: "STIX 2.1 (OASIS, 2021); MISP core format (draft-dulaunoy-misp-core-format); otherwise \
            the lists you provide.",
        section: Section::Security,
        method: Method::Rule,
        signal: Signal::KnownBad,
        attack: &[],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.max_findings == 0 { Err("max_findings must be at least 1".to_owned()) } else { Ok(()) }
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let known = &context.intel.indicators;
        if known.list.is_empty() {
            return Ok(Outcome::Skipped("No list of indicators was given (--ioc FILE).".to_owned()));
        }
        let sockets = Sockets::new(context.tables)?;
        let matches = matches(&known.list, &sockets, context.tables)?;
        let mut findings: Vec<Finding> = matches
            .iter()
            .map(|((at, source), rows)| finding(&sockets, &known.list[*at], *source, rows))
            .collect();
        findings
            .sort_by(|a, b| b.judgement.severity.cmp(&a.judgement.severity).then_with(|| a.id.cmp(&b.id)));
        let mut limits = vec![format!("{} indicators were searched for.", known.list.len())];
        limits.extend(known.notes.iter().cloned());
        let most = config.max_findings as usize;
        if findings.len() > most {
            limits.push(format!("{} matches in all; the {most} worst are shown.", findings.len()));
            findings.truncate(most);
        }
        Ok(Outcome::Ran(Output { findings, limits, ..Output::default() }))
    }
}

/// Rows of the sockets that an indicator (by its place in the list) names, by process.
type Matches<'a> = BTreeMap<(usize, Source<'a>), Vec<usize>>;

fn matches<'a>(
    list: &[indicators::Indicator],
    sockets: &Sockets<'a>,
    tables: &'a Tables,
) -> Result<Matches<'a>> {
    let index = Index::new(list);
    let by_process = named_processes(&index, tables)?;
    let mut by_addr: AHashMap<&str, Vec<usize>> = AHashMap::new();
    let mut matches = Matches::new();
    for row in 0..sockets.len() {
        let socket = sockets.get(row);
        let mut named: Vec<usize> = Vec::new();
        if let Some((addr, port)) = socket.remote() {
            named.extend(by_addr.entry(addr).or_insert_with(|| index.addr(addr)).iter());
            named.extend(index.endpoint(addr, port));
            // The port of the asker is chance.
            named.extend(socket.service_port().and_then(|port| index.port(port)));
            named.extend(socket.remote_name.map(|name| index.name(name)).unwrap_or_default());
            named.extend(
                [socket.ja3, socket.ja4].into_iter().flatten().filter_map(|print| index.client(print)),
            );
        }
        named.extend(socket.process.and_then(|process| by_process.get(&process)).into_iter().flatten());
        for at in named {
            matches.entry((at, Source::of(&socket))).or_default().push(row);
        }
    }
    Ok(matches)
}

/// The indicators that name a process by its executable, by the process' row.
fn named_processes(index: &Index<'_>, tables: &Tables) -> Result<AHashMap<u32, Vec<usize>>> {
    if !index.has_programs() {
        return Ok(AHashMap::new());
    }
    let (exe, sha256) = (Words::of(&tables.processes, "exe")?, Words::of(&tables.processes, "exe_sha256")?);
    let process = Numbers::<UInt32Type>::of(&tables.processes, "process")?;
    let named = (0..process.len()).filter_map(|row| {
        let by_path = exe.get(row).and_then(|exe| index.path(exe));
        let by_hash = sha256.get(row).and_then(|hash| index.sha256(hash));
        let named: Vec<usize> = by_path.into_iter().chain(by_hash).collect();
        Some((process.get(row)?, named))
    });
    Ok(named.filter(|(_, named)| !named.is_empty()).collect())
}

fn finding(
    sockets: &Sockets<'_>,
    indicator: &indicators::Indicator,
    source: Source<'_>,
    rows: &[usize],
) -> Finding {
    let members = sockets.subset(rows);
    let was_visited = members.iter().all(|socket| socket.direction == Some(Direction::Inbound));
    let (severity, confidence) = weight(&indicator.what, was_visited);
    let judgement = Judgement {
        severity,
        confidence: Confidence::new(confidence),
        title: title(&indicator.what, source, was_visited),
        explanation: explanation(indicator, members.len()),
        false_positives: String::new(),
        attack: Vec::new(),
        entities: members.entities(),
    };
    let measured = vec![Measurement::new("matching connections", members.len() as f64, "connections")];
    Finding::new(&Indicator::ABOUT, judgement, members.evidence(measured))
}

/// How bad and how sure a match of this kind is.
fn weight(what: &Observable, was_visited: bool) -> (Severity, f64) {
    let (severity, confidence) = match what {
        Observable::Sha256(_) => return (Severity::High, 0.95),
        Observable::Path(_) => return (Severity::Medium, 0.5),
        Observable::Endpoint(..) | Observable::Name(_) => (Severity::High, 0.85),
        Observable::Network(net) if net.prefix_len() == net.max_prefix_len() => (Severity::High, 0.75),
        Observable::Network(_) => (Severity::Medium, 0.5),
        // A library's, which harmless programs share.
        Observable::Ja3(_) | Observable::Ja4(_) => (Severity::Low, 0.4),
        Observable::Port(_) => (Severity::Low, 0.3),
    };
    let milder = Severity::ALL.into_iter().rev().find(|other| *other < severity).unwrap_or(severity);
    (if was_visited { milder } else { severity }, confidence)
}

fn title(what: &Observable, source: Source<'_>, was_visited: bool) -> String {
    match what {
        Observable::Path(_) | Observable::Sha256(_) => format!("{source} runs a listed executable: {what}"),
        Observable::Ja3(_) | Observable::Ja4(_) if was_visited => {
            format!("{source} was contacted by a listed TLS client: {what}")
        }
        Observable::Ja3(_) | Observable::Ja4(_) => format!("{source} used a listed TLS client: {what}"),
        _ if was_visited => format!("{source} was contacted by a listed address: {what}"),
        _ => format!("{source} contacted a listed indicator: {what}"),
    }
}

fn explanation(indicator: &indicators::Indicator, connections: usize) -> String {
    let said = match indicator.description.as_str() {
        "" => "The list gives no description".to_owned(),
        description => format!("The list says: {description}"),
    };
    format!(
        "{} is on the list {} ({}). {said}. Matching sockets in this capture: {connections}.",
        indicator.what, indicator.source, indicator.id
    )
}
