//! `dns`: data hidden in questions to name servers.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::{Appraisal, Factor, Surroundings};
use crate::analyze::peers::{Peer, Side, by_peer};
use crate::analyze::words;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Output, Signal};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::members::Members;
use crate::model::processes::Processes;
use crate::model::records::Scope;
use crate::model::section::Section;
use crate::model::sockets::{Socket, Sockets};

/// Tunnels through name servers.
#[derive(Debug)]
pub struct Dns;

/// Thresholds of `dns`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest questions to one server for their size to mean anything.
    pub min_questions: u32,
    /// Smallest mean payload of a question, in bytes; ordinary questions have about 40.
    pub min_question_bytes: f64,
    /// Smallest mean payload of a question from which on nothing ordinary explains it, in bytes.
    pub large_question_bytes: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_questions: 25, min_question_bytes: 70.0, large_question_bytes: 100.0 }
    }
}

/// What questions that are long on average weigh, and what very long ones do.
const LONG: f64 = 1.5;
const VERY_LONG: f64 = 2.5;

impl Detector for Dns {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "dns",
        title: "DNS tunnels",
        what_it_finds: "A program (or host) whose DNS questions are so long that they carry data: tunnels (iodine, dnscat2, \
            dns2tcp, dnstt) and exfiltration through names.",
        why_it_matters: "DNS is let out of almost every network. Data hidden in the names of questions leaves through the resolver \
            without a single connection to the attacker.",
        how_it_decides: "Payload and number of datagrams to port 53 (and segments with data, over TCP) are summed up by program and \
            server. With at least `min_questions` questions of at least `min_question_bytes` bytes each on average, it is a \
            tunnel of weight 1.5; from `large_question_bytes` on, of weight 2.5. A question carries 12 bytes of header, 5 of type, class and \
            root, 11 of EDNS, and the name: 70 bytes leave 42 for the name of every question, 100 leave 72. Evidence \
            about program and server is added; a server that most sources use as their resolver subtracts as usual.",
        false_positives: "Reverse look-ups of many IPv6 addresses (90 bytes each), look-ups in block lists by a mail server, \
            antivirus and telemetry services that put hashes into names.",
        evidence: "Questions beside `min_questions`, mean payload of a question beside `min_question_bytes`, of an answer, bytes \
            each way, the rate, and the connections.",
        source: "G. Farnham, Detecting DNS Tunneling, SANS 2013; message sizes: RFC 1035, RFC 6891. ATT&CK T1071.004, T1048.003, T1572.",
        section: Section::Security,
        method: Method::Statistics,
        signal: Signal::Tunnel,
        attack: &["T1071.004", "T1572"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_questions < 5 {
            return Err("min_questions must be at least 5".to_owned());
        }
        if !(config.min_question_bytes > 28.0 && config.large_question_bytes >= config.min_question_bytes) {
            return Err(
                "min_question_bytes must be above 28, and large_question_bytes at least as large".to_owned()
            );
        }
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::of(context.tables)?;
        if let Some(skipped) = Outcome::skipped_if_nothing_opened(context.tables, &sockets) {
            return Ok(skipped);
        }
        let processes = Processes::of(context.tables)?;
        let surroundings = Surroundings::of(&sockets, context.metadata);
        let peers = by_peer(&sockets, |socket, peer| {
            peer.side == Side::Client && peer.port == 53 && socket.remote_scope != Some(Scope::Loopback)
        });
        let is_counted = peers.values().flatten().any(|row| sockets.get(*row).bytes_sent.is_some());
        if !peers.is_empty() && !is_counted {
            return Ok(Outcome::Skipped(
                "Needs payload bytes of UDP: record with --udp-bytes, or import packets.".to_owned(),
            ));
        }
        let mut findings: Vec<Finding> = peers
            .iter()
            .filter_map(|(peer, rows)| {
                let members = sockets.members(rows);
                let questions = Questions::of(members)?;
                let appraisal = Appraisal::of(members, &processes, &surroundings);
                questions.finding(peer, members, appraisal, config)
            })
            .collect();
        findings.sort_by(Finding::worst_first);
        Ok(Outcome::Ran(Output { findings, ..Output::default() }))
    }
}

/// What one client asked one server, in sum.
struct Questions {
    number: u64,
    sent: u64,
    answers: Option<u64>,
    received: Option<u64>,
    span_s: f64,
}

impl Questions {
    fn of(members: Members<'_, '_>) -> Option<Self> {
        let sum = |field: fn(&Socket<'_>) -> Option<u64>| {
            members
                .iter()
                .filter_map(|socket| field(&socket))
                .fold(None, |sum: Option<u64>, value| Some(sum.unwrap_or(0).saturating_add(value)))
        };
        let (number, sent) = (sum(|socket| socket.packets_sent)?, sum(|socket| socket.bytes_sent)?);
        let first = members.iter().map(|socket| socket.first_seen_us).min()?;
        let last = members.iter().map(|socket| socket.last_seen_us).max()?;
        Some(Self {
            number,
            sent,
            answers: sum(|socket| socket.packets_received),
            received: sum(|socket| socket.bytes_received),
            span_s: (last - first) as f64 / 1e6,
        })
    }

    fn mean_bytes(&self) -> f64 {
        self.sent as f64 / self.number.max(1) as f64
    }

    fn finding(
        &self,
        peer: &Peer<'_>,
        members: Members<'_, '_>,
        mut appraisal: Appraisal,
        config: &Thresholds,
    ) -> Option<Finding> {
        let mean = self.mean_bytes();
        if self.number < u64::from(config.min_questions) || mean < config.min_question_bytes {
            return None;
        }
        let weight = if mean >= config.large_question_bytes { VERY_LONG } else { LONG };
        let rate = self.number as f64 / self.span_s.max(1.0);
        // A busy resolver asks more often than this; one program has no need to.
        appraisal.extend(
            (rate >= 1.0).then(|| Factor::new("dns-rate", 0.5, format!("{rate:.1} questions a second"))),
        );
        let answer = self.answers.zip(self.received).map(|(n, bytes)| bytes as f64 / n.max(1) as f64);
        let mut explanation = vec![format!(
            "{} questions with {} each on average, where ordinary names need about 40 bytes; {} sent in {}.",
            self.number,
            words::bytes(mean),
            words::bytes(self.sent as f64),
            words::duration(self.span_s)
        )];
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(weight).max(Severity::Low),
            confidence: Confidence::new(0.35 + 0.1 * (weight + appraisal.total())),
            title: format!(
                "{}: possible DNS tunnel through {}, {} questions of {}",
                peer.source,
                peer.remote_addr,
                self.number,
                words::bytes(mean)
            ),
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: vec!["T1071.004", "T1572"],
            entities: members.entities(),
        };
        let mut measurements = vec![
            Measurement::of("questions", self.number as f64, "questions")
                .against(f64::from(config.min_questions)),
            Measurement::of("mean question", mean, "bytes").against(config.min_question_bytes),
            Measurement::of("rate", rate, "questions/s"),
            Measurement::of("sent", self.sent as f64, "bytes"),
        ];
        measurements.extend(answer.map(|bytes| Measurement::of("mean answer", bytes, "bytes")));
        measurements.extend(self.received.map(|bytes| Measurement::of("received", bytes as f64, "bytes")));
        Some(Finding::new(&Dns::ABOUT, judgement, members.evidence(measurements)))
    }
}
