//! `long-connection`: connections that stay.

#[cfg(test)]
mod tests;
mod totals;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::totals::{Total, Totals};
use crate::Result;
use crate::analyze::appraisal::{Appraisal, payload};
use crate::analyze::words;
use crate::model::detector::{
    About, Context, Detector, DetectorTable, Method, Outcome, Output, Signal, positive,
};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::frame::{DataFrame, df};
use crate::model::records::Direction;
use crate::model::section::Section;
use crate::model::sockets::Sockets;
use crate::model::surroundings::Surroundings;

/// Rungs of the ladder of durations, in seconds: what Corelight's long-connections reports at.
const LADDER_S: [f64; 5] = [600.0, 1_800.0, 3_600.0, 43_200.0, 86_400.0];

/// RITA's total per pair, in seconds: base, low, medium, high.
const RITA_TOTAL_S: [f64; 4] = [3_600.0, 14_400.0, 28_800.0, 43_200.0];

/// Weight of the facts about a payload from which on a pair is medium, as a sum of facts is everywhere.
const ODD_PAYLOAD: f64 = 2.0;

/// Connections that stay.
#[derive(Debug)]
pub struct LongConnection;

/// The pairs that were connected the longest.
pub const PAIRS: DetectorTable = DetectorTable { detector: LongConnection::ABOUT.id, name: "pairs" };

/// Pairs in the table.
const MOST_LISTED: usize = 1_000;

/// Thresholds of `long-connection`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Shortest connection that is long, in seconds; also the shortest that counts to a total.
    pub min_duration_s: f64,
    /// A pair whose connections last this long together is reported even if none of them is
    /// long, in seconds.
    pub min_total_s: f64,
    /// Destinations of one source that are reported one by one; more become one finding.
    pub max_separate: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_duration_s: 600.0, min_total_s: 3_600.0, max_separate: 5 }
    }
}

impl Detector for LongConnection {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "long-connection",
        title: "Long connections",
        what_it_finds: "Connections to other hosts that stay open for ten minutes, half an hour, an hour, \
            half a day or a day, and pairs of a process and a destination that are connected for an hour \
            or more in total.",
        why_it_matters: "Most connections end within seconds. A long one is a session that someone or \
            something keeps open: a remote shell, a tunnel, a C2 channel, or a mail client waiting for \
            messages.",
        how_it_decides: "A pair is a source (process by name, else the local address) with a remote \
            address, port, protocol and direction. It is reported if a connection lasts at least \
            `min_duration_s`, or if all of them together last at least `min_total_s`. A duration runs \
            from the first to the last sighting, so it is a lower bound for a connection that was open \
            before the recording began or still open when it ended. Connections within the host and TCP \
            connections that were never established are ignored. More than `max_separate` destinations of \
            one source become one finding. Severity: info; from one hour on low; from half a day on, or \
            with eight hours in all, medium if this host opened it to an address outside the local \
            networks. Medium too if the facts about its payload weigh 2 or more: SSH on port 443, the \
            default certificate of an attack framework.",
        false_positives: "SSH sessions, VPNs, push notifications, mail clients (IMAP IDLE), WebSockets, \
            database pools, streams, message queues. Check which program keeps it open, how much data it \
            carries, and since when.",
        evidence: "Longest duration and `min_duration_s`, total duration and `min_total_s`, RITA's score \
            of the total (0.2 from one hour on, 0.4 from four, 0.6 from eight, 0.8 from twelve), bytes \
            each way, and the connections. The table `pairs` lists every pair with its total.",
        source: "Ladder: Corelight, zeek-long-connections. Total and score: RITA v5, Active \
            Countermeasures, from its formulas. ATT&CK T1071, T1572, T1219 are possible; duration alone \
            does not establish any of them.",
        section: Section::Behavior,
        method: Method::Behavior,
        signal: Signal::LongLived,
        attack: &[],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        positive(&[("min_duration_s", config.min_duration_s), ("min_total_s", config.min_total_s)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::new(context.tables)?;
        if context.tables.ticks < 2 && !sockets.iter().any(|socket| socket.duration_s > 0.0) {
            return Ok(Outcome::Skipped(
                "Needs at least two ticks to see how long a connection lasts.".to_owned(),
            ));
        }
        let is_long =
            |total: &Total<'_>| total.longest_s >= config.min_duration_s || total.sum_s >= config.min_total_s;
        let totals = Totals::new(&sockets, MOST_LISTED, is_long);
        let surroundings = context.surroundings(&sockets);
        let long: Vec<&Total<'_>> = totals.long.iter().collect();
        let findings = by_source(&long, config.max_separate as usize)
            .into_iter()
            .map(|together| finding((&sockets, &totals), &together, surroundings, config))
            .collect();
        let tables = vec![(PAIRS.name, pairs_table(&totals.longest)?)];
        let limits = limits(context.tables.span_s(), totals.throughout, config);
        Ok(Outcome::Ran(Output { findings, tables, limits, ..Output::default() }))
    }
}

/// What one finding is about: a pair alone, or all of a source that has too many; longest first.
fn by_source<'t, 'a>(long: &[&'t Total<'a>], max_separate: usize) -> Vec<Vec<&'t Total<'a>>> {
    let mut findings: Vec<Vec<&Total<'_>>> = long
        .chunk_by(|a, b| a.source() == b.source())
        .flat_map(|of_source| {
            if of_source.len() > max_separate {
                vec![of_source.to_vec()]
            } else {
                of_source.iter().map(|total| vec![*total]).collect()
            }
        })
        .collect();
    findings.sort_by(|a, b| longest(b).longest_s.total_cmp(&longest(a).longest_s));
    findings
}

fn longest<'t, 'a>(together: &[&'t Total<'a>]) -> &'t Total<'a> {
    // `by_source` gives at least one.
    together
        .iter()
        .fold(together[0], |best, total| if total.longest_s > best.longest_s { total } else { best })
}

fn finding(
    (sockets, totals): (&Sockets<'_>, &Totals<'_>),
    together: &[&Total<'_>],
    surroundings: &Surroundings<'_>,
    config: &Thresholds,
) -> Finding {
    let mut rows: Vec<usize> = together.iter().flat_map(|total| totals.rows(total)).collect();
    rows.sort_unstable();
    let members = sockets.subset(&rows);
    let mut payload = Appraisal::default();
    if together.len() == 1 {
        payload.extend(payload::factors(members, surroundings));
    }
    let by_length = together.iter().map(|total| severity(total)).max().unwrap_or(Severity::Info);
    let by_payload = if payload.total() >= ODD_PAYLOAD { Severity::Medium } else { Severity::Info };
    let judgement = Judgement {
        severity: by_length.max(by_payload),
        // What is long was seen to be long; only whether it is unusual is open.
        confidence: Confidence::new(0.9),
        title: title(together),
        explanation: [vec![explanation(together)], payload.sentences()].concat().join(" "),
        false_positives: String::new(),
        attack: Vec::new(),
        entities: members.entities(),
    };
    let of_payload = payload.factors().iter().map(|factor| Measurement::new(factor.id, factor.weight, ""));
    let evidence = members.evidence(measurements(together, config).into_iter().chain(of_payload).collect());
    Finding::new(&LongConnection::ABOUT, judgement, evidence)
}

fn severity(total: &Total<'_>) -> Severity {
    let leaves = total.is_beyond && total.pair.direction == Some(Direction::Outbound);
    let is_very_long = total.longest_s >= LADDER_S[3] || total.sum_s >= RITA_TOTAL_S[2];
    if leaves && is_very_long {
        Severity::Medium
    } else if total.longest_s >= LADDER_S[2] || total.sum_s >= RITA_TOTAL_S[0] {
        Severity::Low
    } else {
        Severity::Info
    }
}

/// RITA's score of a pair's total, 0 to 0.8, linear between its four thresholds.
fn rita_score(total_s: f64) -> f64 {
    let [base, .., high] = RITA_TOTAL_S;
    if total_s < base {
        return 0.0;
    }
    if total_s >= high {
        return 0.8;
    }
    let above = RITA_TOTAL_S.windows(2).zip([0.2, 0.4, 0.6]).find(|(range, _)| total_s < range[1]);
    above.map_or(0.0, |(range, score)| score + 0.2 * (total_s - range[0]) / (range[1] - range[0]))
}

/// The highest rung that a duration reaches, in words.
fn rung(seconds: f64) -> Option<String> {
    LADDER_S.iter().rev().find(|rung| seconds >= **rung).map(|rung| words::duration(*rung))
}

fn title(together: &[&Total<'_>]) -> String {
    let total = longest(together);
    let lasts = words::duration(total.longest_s);
    let at_least = if total.is_longest_open_ended { "at least " } else { "" };
    let source = total.source();
    if together.len() > 1 {
        return format!(
            "{source} kept connections to {} destinations open for up to {at_least}{lasts}",
            together.len()
        );
    }
    let (addr, port) = (total.pair.addr, total.pair.port);
    let (preposition, port) = match total.pair.direction {
        Some(Direction::Inbound) => ("from", String::new()),
        _ => ("to", format!(" port {port}")),
    };
    if total.connections == 1 {
        return format!("{source} kept a connection {preposition} {addr}{port} open for {at_least}{lasts}");
    }
    let in_all = words::duration(total.sum_s);
    format!(
        "{source} was connected {preposition} {addr}{port} for {at_least}{in_all} in total, over {} \
         connections",
        total.connections
    )
}

fn explanation(together: &[&Total<'_>]) -> String {
    let total = longest(together);
    let mut sentences = Vec::new();
    sentences.push(match rung(total.longest_s) {
        Some(rung) => format!("The longest connection lasted at least {rung}."),
        None => "No single connection is long, but their total is.".to_owned(),
    });
    if together.iter().any(|total| total.is_longest_open_ended) {
        sentences.push(
            "Connections that were open before the recording started, or still open when it ended, may \
             have lasted longer."
                .to_owned(),
        );
    }
    let carried = |bytes: &dyn Fn(&Total<'_>) -> Option<u64>| {
        let known: Vec<u64> = together.iter().filter_map(|total| bytes(total)).collect();
        (!known.is_empty()).then(|| words::bytes(known.iter().map(|bytes| *bytes as f64).sum()))
    };
    sentences.push(match (carried(&|t| t.bytes_sent), carried(&|t| t.bytes_received)) {
        (Some(sent), Some(received)) => format!("{sent} sent, {received} received."),
        _ => "Their bytes were not counted.".to_owned(),
    });
    sentences.join(" ")
}

fn measurements(together: &[&Total<'_>], config: &Thresholds) -> Vec<Measurement> {
    let total = longest(together);
    let most_in_all = together.iter().map(|total| total.sum_s).fold(0.0, f64::max);
    let mut all = vec![
        Measurement::new("longest connection", total.longest_s, "s").against(config.min_duration_s),
        Measurement::new("total of the pair", most_in_all, "s").against(config.min_total_s),
        Measurement::new("RITA score of the total", rita_score(most_in_all), ""),
        Measurement::new("destinations", together.len() as f64, "destinations"),
    ];
    if let [total] = together {
        all.extend(total.bytes_sent.map(|bytes| Measurement::new("sent", bytes as f64, "bytes")));
        all.extend(total.bytes_received.map(|bytes| Measurement::new("received", bytes as f64, "bytes")));
    }
    all
}

fn limits(span_s: f64, throughout: usize, config: &Thresholds) -> Vec<String> {
    let mut limits = vec![format!(
        "The recording is {} long, so no connection can be measured beyond that.",
        words::duration(span_s)
    )];
    if span_s < config.min_duration_s && throughout > 0 {
        let connections = words::count(throughout, "connection", "connections");
        limits.push(format!("{connections} to other hosts stayed open throughout, and may be long."));
    }
    limits
}

/// The pairs of a source and another host that were connected the longest in sum, longest first.
fn pairs_table(totals: &[Total<'_>]) -> Result<DataFrame> {
    fn column<T>(totals: &[Total<'_>], field: impl Fn(&Total<'_>) -> T) -> Vec<T> {
        totals.iter().map(field).collect()
    }
    Ok(df!(
        "source" => column(totals, |t| t.source().to_string()),
        "remote_addr" => column(totals, |t| t.pair.addr.to_owned()),
        "remote_port" => column(totals, |t| t.pair.port),
        "protocol" => column(totals, |t| t.pair.protocol.as_str()),
        "direction" => column(totals, |t| t.pair.direction.map(Direction::as_str)),
        "connections" => column(totals, |t| t.connections as u32),
        "longest_s" => column(totals, |t| t.longest_s),
        "total_s" => column(totals, |t| t.sum_s),
        "is_open_ended" => column(totals, |t| t.is_longest_open_ended),
        "score" => column(totals, |t| rita_score(t.sum_s)),
    )?)
}
