//! Tunnels by number and size of the messages, where the names are not known.

use super::{Dns, Thresholds};
use crate::Result;
use crate::analyze::appraisal::{Appraisal, Factor};
use crate::analyze::peers::{Peer, Side};
use crate::analyze::scene::Scene;
use crate::analyze::words;
use crate::model::detector::{Context, Detector};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::records::Scope;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Sockets};

/// What questions that are long on average weigh, and what very long ones do.
const LONG: f64 = 1.5;
const VERY_LONG: f64 = 2.5;

/// Whether the sizes of questions are known, as far as any was asked.
pub(super) fn are_known(context: &Context<'_>) -> Result<bool> {
    let sockets = Sockets::new(context.tables)?;
    let mut asked =
        sockets.iter().filter(|socket| socket.remote().is_some_and(|(_, port)| port == 53)).peekable();
    Ok(asked.peek().is_none() || asked.any(|socket| socket.bytes_sent.is_some()))
}

/// Every source and server whose questions are long.
pub(super) fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let peers = scene.by_peer(
        |peer, _| peer.side == Side::Client && peer.port == 53,
        |socket| socket.remote_scope != Some(Scope::Loopback),
    );
    peers
        .filter_map(|(peer, rows)| {
            let members = scene.sockets.subset(&rows);
            let questions = Questions::new(members).filter(|questions| questions.are_long(config))?;
            Some(questions.finding(&peer, members, scene.appraise(members), config))
        })
        .collect()
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
    fn new(members: SocketSubset<'_, '_>) -> Option<Self> {
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

    fn are_long(&self, config: &Thresholds) -> bool {
        self.number >= u64::from(config.min_questions) && self.mean_bytes() >= config.min_question_bytes
    }

    fn finding(
        &self,
        peer: &Peer<'_>,
        members: SocketSubset<'_, '_>,
        mut appraisal: Appraisal,
        config: &Thresholds,
    ) -> Finding {
        let mean = self.mean_bytes();
        let weight = if mean >= config.large_question_bytes { VERY_LONG } else { LONG };
        let rate = self.number as f64 / self.span_s.max(1.0);
        // A busy resolver asks more often than this; one program has no need to.
        appraisal.extend(
            (rate >= 1.0).then(|| Factor::new("dns-rate", 0.5, format!("{rate:.1} queries per second"))),
        );
        let answer = self.answers.zip(self.received).map(|(n, bytes)| bytes as f64 / n.max(1) as f64);
        let mut explanation = vec![format!(
            "{} queries that average {}, where ordinary names need about 40 bytes; {} sent in {}.",
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
                "{}: possible DNS tunnel through {}, {} queries of {}",
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
            Measurement::new("queries", self.number as f64, "queries")
                .against(f64::from(config.min_questions)),
            Measurement::new("mean query", mean, "bytes").against(config.min_question_bytes),
            Measurement::new("rate", rate, "queries/s"),
            Measurement::new("sent", self.sent as f64, "bytes"),
        ];
        measurements.extend(answer.map(|bytes| Measurement::new("mean answer", bytes, "bytes")));
        measurements.extend(self.received.map(|bytes| Measurement::new("received", bytes as f64, "bytes")));
        Finding::new(&Dns::ABOUT, judgement, members.evidence(measurements))
    }
}
