//! `unanswered`: a destination that never answers and is tried again and again.

mod list;
mod peers;
mod swarm;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::peers::Peers;
use crate::Result;
use crate::analyze::appraisal::domains;
use crate::analyze::attempts::Attempts;
use crate::analyze::peers::{Peer, Side};
use crate::analyze::scene::{self, ByPeer, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, not_negative};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::section::Section;
use crate::model::sockets::Sockets;
use crate::model::stats;

/// A destination that never answers.
#[derive(Debug)]
pub struct Unanswered;

/// Thresholds of `unanswered`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest connection attempts to one destination, or to all of a list.
    pub min_attempts: u32,
    /// Fewest attempts to one destination that count if all of them failed and other evidence makes it medium.
    pub min_few_attempts: u32,
    /// Fewest addresses of a list, none of which answers.
    pub min_listed: u32,
    /// Smallest share of the attempts that failed, 0 to 1.
    pub min_failed_share: f64,
    /// Shortest time between the first and the last attempt, in seconds.
    pub min_span_s: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_attempts: 20, min_few_attempts: 6, min_listed: 3, min_failed_share: 0.9, min_span_s: 60.0 }
    }
}

impl Detector for Unanswered {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "unanswered",
        title: "Destinations that never answer",
        what_it_finds: "A program or host that keeps trying to connect to an address and port that \
            refuses or never answers, or that goes through a list of such addresses again and again. Also one that sends \
            datagrams to a hundred peers or more, of which hardly any is left.",
        why_it_matters: "C2 servers get taken down, but the implants keep calling them. The attempts \
            carry no data, so traffic-based detectors overlook them. Ordinary software gives up, moves to \
            another server, or gets fixed because it visibly fails.",
        how_it_decides: "TCP connection attempts of one program (or host) to one address and port are \
            counted over the whole recording; a SYN that the system sends again is no attempt of its own. A finding needs at least `min_attempts` attempts over at \
            least `min_span_s` seconds, of which at least `min_failed_share` failed (refused, reset or \
            unanswered). Attempts over IPv6 are ignored if three or more destinations outside are tried \
            over IPv6 and none answers: the network lacks it.\n\n\
            From `min_few_attempts` attempts on, all of which failed, a destination outside weighs 0.5 if it has no \
            name, or one that is generated or of a dynamic DNS service, and is reported where other facts make it \
            medium: an unusual port, say. Peers of a file-sharing program or of a ledger are not servers: four or more \
            dead destinations of one source, each with an unusual port of its own, or dead ones on a port without a \
            service on which a fifth or more of ten addresses or more answer. Few attempts do not count there, and many are \
            low.\n\n\
            A list is `min_listed` or more addresses outside without a name, each tried twice or more, none \
            answering, with `min_attempts` attempts in all and at most half as many ports as addresses. It does \
            not count if a fifth of the nameless addresses that the source contacts on these ports \
            answer, as peers of a ledger or a file-sharing network do.\n\n\
            Over UDP, a hundred peers or more (addresses outside without a name, on ports that no service has, at least one port for \
            four peers) are those of a bot if nine in ten never answer: clients of file-sharing networks drop such peers, while \
            bots begin with a list that they carry. If none answers, the network may block datagrams; and a source that reaches four \
            such addresses or more over TCP shares files.\n\n\
            Facts about program and destination set the severity: low inside the network, \
            low to medium outside, high if the program is suspicious too.",
        false_positives: "A server that is down for maintenance, a monitoring system that checks a dead \
            host, a peer-to-peer client with an outdated peer list, a firewall rule that blocks an \
            ordinary service.",
        evidence: "Number of attempts and `min_attempts`, the share that failed and `min_failed_share`, \
            the time span, the median gap, and the connections.",
        source: "Minimum number of attempts and failed share: of 68 benign client and server pairs with \
            at least 20 attempts in labelled public captures (CTU, Stratosphere Laboratory), none failed \
            in 90 % of them. ATT&CK T1071, T1008.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Unanswered,
        attack: &["T1071", "T1008"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_attempts < 3 {
            return Err("min_attempts must be at least 3".to_owned());
        }
        if config.min_few_attempts < 3 || config.min_listed < 2 {
            return Err("min_few_attempts must be at least 3, and min_listed at least 2".to_owned());
        }
        if !(0.5..=1.0).contains(&config.min_failed_share) {
            return Err("min_failed_share must be between 0.5 and 1".to_owned());
        }
        not_negative(&[("min_span_s", config.min_span_s)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let peers = scene.by_peer(
        |peer, connections| peer.side == Side::Client && peer.protocol == Protocol::Tcp && connections >= 2,
        |socket| socket.opened_in_recording && !scene.surroundings.is_over_broken_ipv6(socket),
    );
    let mut attempts = Attempts::default();
    let peers: Vec<ByPeer<'_>> = peers
        .map(|(peer, mut rows)| {
            rows.retain(|row| attempts.is_new(&scene.sockets, *row));
            (peer, rows)
        })
        .collect();
    let retries: Vec<Retries<'_, '_>> =
        peers.iter().filter_map(|(peer, rows)| Retries::new(peer, rows, &scene.sockets)).collect();
    let (many, rest): (Vec<_>, Vec<_>) = retries.iter().partition(|retries| retries.meet(config));
    let few: Vec<&Retries<'_, '_>> =
        rest.iter().copied().filter(|retries| retries.are_few_in_vain(scene, config)).collect();
    let peers = Peers::new(&retries, scene);
    let of_many = many.iter().map(|retries| {
        let mut finding = retries.finding(scene, config);
        if peers.has(retries.peer) {
            finding.judgement.severity = finding.judgement.severity.min(Severity::Low);
        }
        finding
    });
    let of_few = few.iter().filter(|retries| !peers.has(retries.peer)).filter_map(|retries| {
        let appraisal = scene.appraise(scene.sockets.subset(retries.rows));
        (appraisal.severity(FEW) >= Severity::Medium).then(|| retries.finding(scene, config))
    });
    let lists = list::find(&rest, scene, config);
    let of_lists = lists.iter().map(|list| list.finding(scene, config));
    let swarms = swarm::find(scene, config);
    let of_swarms = swarms.iter().map(|swarm| swarm.finding(scene, config));
    of_many.chain(of_few).chain(of_lists).chain(of_swarms).collect()
}

/// What it weighs that a destination outside never answers, many times and a few times.
const MANY: f64 = 1.0;
const FEW: f64 = 0.5;

/// The attempts of one client on one service.
struct Retries<'r, 'a> {
    peer: &'r Peer<'a>,
    rows: &'r [usize],
    failed: usize,
    span_s: f64,
    gap_s: f64,
}

impl<'r, 'a> Retries<'r, 'a> {
    fn new(peer: &'r Peer<'a>, rows: &'r [usize], sockets: &Sockets<'a>) -> Option<Self> {
        let starts: Vec<i64> = rows.iter().map(|row| sockets.first_seen_us(*row)).collect();
        let (first, last) = (*starts.first()?, *starts.last()?);
        let failed = rows.iter().filter(|row| !sockets.get(**row).was_established()).count();
        let pauses = stats::sorted(starts.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e6));
        let gap_s = stats::median(&pauses).unwrap_or_default();
        Some(Self { peer, rows, failed, span_s: (last - first) as f64 / 1e6, gap_s })
    }

    fn failed_share(&self) -> f64 {
        self.failed as f64 / self.rows.len() as f64
    }

    fn meet(&self, config: &Thresholds) -> bool {
        self.rows.len() >= config.min_attempts as usize
            && self.failed_share() >= config.min_failed_share
            && self.span_s >= config.min_span_s
    }

    /// Whether it goes outside.
    fn leaves(&self, scene: &Scene<'_>) -> bool {
        scene
            .sockets
            .subset(self.rows)
            .first()
            .is_some_and(|socket| scene.surroundings.leaves_network(&socket))
    }

    /// Whether all of a few attempts failed, at a destination outside that nobody but this program may know.
    fn are_few_in_vain(&self, scene: &Scene<'_>, config: &Thresholds) -> bool {
        let is_odd = |name: &str| domains::is_dynamic(name) || domains::looks_generated(name);
        let members = || scene.sockets.subset(self.rows);
        self.failed == self.rows.len()
            && self.rows.len() >= config.min_few_attempts as usize
            && self.span_s >= config.min_span_s
            && members().iter().all(|socket| scene.surroundings.leaves_network(&socket))
            && members().iter().all(|socket| socket.remote_name.is_none_or(is_odd))
    }

    fn finding(&self, scene: &Scene<'_>, config: &Thresholds) -> Finding {
        let members = scene.sockets.subset(self.rows);
        let appraisal = scene.appraise(members);
        let leaves = members.iter().any(|socket| scene.surroundings.leaves_network(&socket));
        let attempts = words::count(self.rows.len(), "attempt", "attempts");
        let mut explanation = vec![format!(
            "{} of {attempts} failed, with a median gap of {}, over {}.",
            words::number(self.failed),
            words::duration(self.gap_s),
            words::duration(self.span_s)
        )];
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            // Within the network, a dead service is the likelier explanation.
            severity: if leaves {
                appraisal.severity(if self.meet(config) { MANY } else { FEW })
            } else {
                appraisal.severity(0.0).min(Severity::Medium)
            },
            confidence: confidence(self.rows.len()),
            title: format!(
                "{} keeps trying {} port {}, which never answers: {attempts}",
                self.peer.source, self.peer.remote_addr, self.peer.port
            ),
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: vec!["T1071", "T1008"],
            entities: members.entities(),
        };
        let measurements = vec![
            Measurement::new("attempts", self.rows.len() as f64, "attempts").against(f64::from(
                if self.meet(config) { config.min_attempts } else { config.min_few_attempts },
            )),
            Measurement::new("share failed", self.failed_share(), "").against(config.min_failed_share),
            Measurement::new("time span", self.span_s, "s").against(config.min_span_s),
            Measurement::new("median gap", self.gap_s, "s"),
        ];
        Finding::new(&Unanswered::ABOUT, judgement, members.evidence(measurements))
    }
}

/// Surer with more attempts.
fn confidence(attempts: usize) -> Confidence {
    Confidence::new(0.5 + 0.4 * (1.0 - 10.0 / attempts.max(10) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn, the_only};

    fn retries(attempts: usize, gap_s: f64, conn: impl Fn() -> Conn) -> Capture {
        let mut capture = Capture::new(4_000);
        for n in 0..attempts {
            capture.add(conn().at(n as f64 * gap_s));
        }
        capture
    }

    #[test]
    fn a_dead_destination_outside_is_medium_and_says_how_often_it_was_tried() {
        let output = retries(40, 60.0, || Conn::to("203.0.113.5", 443).unanswered()).run::<Unanswered>();
        let finding = the_only(output.findings);
        assert_eq!(finding.judgement.severity, Severity::Medium);
        assert!(finding.judgement.title.ends_with("40 attempts"), "{}", finding.judgement.title);
    }

    #[test]
    fn a_dead_service_inside_is_no_more_than_low() {
        let output = retries(40, 60.0, || Conn::to("192.168.1.7", 5432).refused()).run::<Unanswered>();
        assert!(the_only(output.findings).judgement.severity <= Severity::Low);
    }

    #[test]
    fn a_few_attempts_count_on_an_odd_port_without_a_name() {
        let found = |conn: Conn| retries(8, 42.0, || conn.clone().unanswered()).run::<Unanswered>().findings;
        let finding = the_only(found(Conn::to("203.0.113.5", 449)));
        assert_eq!(finding.judgement.severity, Severity::Medium);
        assert!(found(Conn::to("203.0.113.5", 443)).is_empty());
        assert!(found(Conn::to("203.0.113.5", 6969).named("tracker.example.org")).is_empty());
        assert!(found(Conn::to("192.168.1.7", 449)).is_empty());
    }

    #[test]
    fn dead_peers_each_with_a_port_of_its_own_are_not_reported() {
        let mut capture = Capture::new(4_000);
        for n in 0..48_u16 {
            let port = 20_000 + n % 6 * 1_111;
            capture.add(Conn::to(&format!("203.0.113.{}", n % 6), port).unanswered().at(f64::from(n) * 45.0));
        }
        assert!(capture.run::<Unanswered>().findings.is_empty());
    }

    /// Five addresses on one port, one after the other, of which so many answer.
    fn round(alive: usize, attempts: usize) -> Vec<Finding> {
        let mut capture = Capture::new(4_000);
        for n in 0..attempts {
            let conn = Conn::to(&format!("203.0.113.{}", n % 5), 8080).at(n as f64 * 60.0);
            capture.add(if n % 5 < alive { conn } else { conn.unanswered() });
        }
        capture.run::<Unanswered>().findings
    }

    #[test]
    fn a_list_of_dead_addresses_that_is_gone_through_again_is_one_finding() {
        let finding = the_only(round(0, 25));
        assert_eq!(finding.judgement.severity, Severity::Medium);
        assert_eq!(
            finding.judgement.title,
            "app keeps trying 5 addresses outside that never answer: 25 attempts"
        );
        assert_eq!(finding.evidence.connections.len(), 25);
        assert!(round(0, 15).is_empty(), "too few");
        assert!(round(2, 40).is_empty(), "some of them answer, as peers do");
    }

    #[test]
    fn few_attempts_a_short_outage_and_a_service_that_answers_are_not_reported() {
        let none = |capture: Capture| assert!(capture.run::<Unanswered>().findings.is_empty());
        none(retries(19, 60.0, || Conn::to("203.0.113.5", 443).unanswered()));
        none(retries(40, 1.0, || Conn::to("203.0.113.5", 443).unanswered()));
        none(retries(40, 60.0, || Conn::to("203.0.113.5", 443)));
    }
}
