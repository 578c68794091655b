//! Datagrams to peers of which hardly one is left: the list that a bot of a peer-to-peer network carries.

use std::collections::{BTreeMap, BTreeSet};

use ahash::AHashMap;

use super::{MANY, Thresholds, Unanswered, confidence};
use crate::analyze::scene::Scene;
use crate::analyze::services::is_usual_port;
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::Detector;
use crate::model::finding::{Finding, Judgement, Measurement};
use crate::model::ids::SourceId;
use crate::model::records::TextId;
use crate::model::sockets::{Socket, Source};

/// Fewest peers; a call or a game asks a few dozen relays.
const FEWEST: usize = 100;

/// Share of them that never answers. Clients of file-sharing networks drop who does not answer (`BitTorrent`, BEP 5), and learn
/// of new peers from those that do.
const GONE: f64 = 0.9;

/// Share of distinct ports among the peers from which on each has one of its own. Peers on one port are told as a scan.
const OWN_PORTS: f64 = 0.25;

/// Peers on ports of their own that are reached over TCP by a program that shares files; its datagrams may be blocked.
const REACHED_OVER_TCP: usize = 4;

/// A source and its peers.
pub(super) struct Swarm<'a> {
    source: Source<'a>,
    peers: usize,
    gone: usize,
    /// Rows of the datagrams, in the order of time.
    rows: Vec<usize>,
    span_s: f64,
}

/// What is known of one source.
#[derive(Default)]
struct Contacts {
    /// By address over UDP: whether it ever answered.
    datagrams: AHashMap<TextId, bool>,
    ports: BTreeSet<u16>,
    reached_over_tcp: BTreeSet<TextId>,
    rows: Vec<usize>,
}

/// Every source nearly all of whose peers are gone.
pub(super) fn find<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Swarm<'a>> {
    let mut sources: BTreeMap<SourceId, Contacts> = BTreeMap::new();
    for (row, socket) in scene.sockets.iter().enumerate() {
        let Some(addr) = scene.sockets.remote_addr_id(row).filter(|_| is_of_peer(&socket, scene)) else {
            continue;
        };
        let contacts = sources.entry(scene.sockets.source_id(row)).or_default();
        if socket.protocol == Protocol::Tcp {
            contacts.reached_over_tcp.insert(addr);
        } else if let Some(received) = socket.packets_received.or(socket.bytes_received) {
            *contacts.datagrams.entry(addr).or_default() |= received > 0;
            contacts.ports.extend(socket.remote_port);
            contacts.rows.push(row);
        }
    }
    sources.into_iter().filter_map(|(source, contacts)| Swarm::new(source, contacts, scene, config)).collect()
}

/// Whether a connection that this side opened goes to an address outside without a name, on a port that no service has:
/// datagrams of any outcome, and TCP that was established.
fn is_of_peer(socket: &Socket<'_>, scene: &Scene<'_>) -> bool {
    let is_one = match socket.protocol {
        Protocol::Udp => true,
        Protocol::Tcp => socket.was_established(),
        _ => false,
    };
    is_one
        && socket.remote_name.is_none()
        && socket.remote_port.is_some_and(|port| !is_usual_port(socket.protocol, port))
        && scene.orientation.is_originator(socket)
        && scene.surroundings.leaves_network(socket)
}

impl<'a> Swarm<'a> {
    fn new(source: SourceId, contacts: Contacts, scene: &Scene<'a>, config: &Thresholds) -> Option<Self> {
        let peers = contacts.datagrams.len();
        let answered = contacts.datagrams.values().filter(|has_answered| **has_answered).count();
        // If none answers, the network may block datagrams.
        let is_nearly_gone = answered > 0 && (peers - answered) as f64 >= GONE * peers as f64;
        let have_own_ports = contacts.ports.len() as f64 >= OWN_PORTS * peers as f64;
        let shares_files = contacts.reached_over_tcp.len() >= REACHED_OVER_TCP;
        let at_us = |row: &usize| scene.sockets.first_seen_us(*row);
        let (first, last) = contacts.rows.first().zip(contacts.rows.last())?;
        let span_s = (at_us(last) - at_us(first)) as f64 / 1e6;
        let is_one = peers >= FEWEST && is_nearly_gone && have_own_ports && !shares_files;
        (is_one && span_s >= config.min_span_s).then(|| Self {
            source: scene.sockets.source(source),
            peers,
            gone: peers - answered,
            rows: contacts.rows,
            span_s,
        })
    }

    pub(super) fn finding(&self, scene: &Scene<'_>, config: &Thresholds) -> Finding {
        let members = scene.sockets.subset(&self.rows);
        let appraisal = scene.appraise(members);
        let (peers, gone) = (words::number(self.peers), words::number(self.gone));
        let mut explanation = vec![format!(
            "Datagrams to {peers} addresses outside without a name over {}, each on a port that no service has; {gone} of them \
             never answered. Clients of file-sharing networks drop peers that do not answer. Bots start from a list that they \
             carry, and most of it is old.",
            words::duration(self.span_s),
        )];
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(MANY),
            confidence: confidence(self.peers / 10),
            title: format!("{} sends datagrams to {peers} peers, of which {gone} never answer", self.source),
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: vec!["T1071", "T1008"],
            entities: members.entities(),
        };
        let measurements = vec![
            Measurement::new("hosts", self.peers as f64, "hosts").against(FEWEST as f64),
            Measurement::new("share that never answered", self.gone as f64 / self.peers as f64, "")
                .against(GONE),
            Measurement::new("time span", self.span_s, "s").against(config.min_span_s),
        ];
        Finding::new(&Unanswered::ABOUT, judgement, members.evidence(measurements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity;
    use crate::model::testing::{Capture, Conn, measured, the_only};

    /// Datagrams to 200 peers, of which so many in a hundred answer.
    fn datagrams(answer: u16, port: impl Fn(u16) -> u16) -> Capture {
        let mut capture = Capture::new(4_000);
        for n in 0..200_u16 {
            let answers = u64::from(n % 100 < answer);
            let conn = Conn::to(&format!("203.{n}.113.7"), port(n)).unowned().udp().at(f64::from(n) * 10.0);
            capture.add(conn.bytes(34, 600 * answers).packets_sent(1).packets_received(answers));
        }
        capture
    }

    #[test]
    fn peers_of_which_nearly_all_are_gone_are_of_a_bot() {
        let finding = the_only(datagrams(8, |n| 2_001 + n * 7).run::<Unanswered>().findings);
        assert_eq!(finding.judgement.severity, Severity::Medium);
        assert_eq!(
            finding.judgement.title,
            "192.168.1.10 sends datagrams to 200 peers, of which 184 never answer"
        );
        assert!((measured(&finding, "hosts") - 200.0).abs() < 0.5, "more than are listed");
    }

    #[test]
    fn a_file_sharing_program_a_blocked_one_and_peers_on_one_port_are_not() {
        let none = |capture: &Capture| assert!(capture.run::<Unanswered>().findings.is_empty());
        none(&datagrams(30, |n| 2_001 + n * 7));
        none(&datagrams(0, |n| 2_001 + n * 7));
        none(&datagrams(8, |_| 16_464));
        let mut capture = datagrams(8, |n| 2_001 + n * 7);
        for n in 0..4 {
            capture.add(Conn::to(&format!("203.{n}.113.9"), 20_001 + n).unowned().at(9.0));
        }
        none(&capture);
    }
}
