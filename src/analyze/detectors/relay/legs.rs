//! Connections of a host, and which of them carry the same bytes.

use ahash::AHashMap;

use super::Thresholds;
use crate::analyze::scene::Scene;
use crate::capture::Protocol;
use crate::model::records::Scope;

/// Bytes by which two connections may differ whatever they carry: a request to a proxy, the handshakes of a tunnel.
const OVERHEAD_BYTES: u64 = 4_000;

/// Share of the shorter connection for which both must be there.
const OVERLAP: f64 = 0.8;

/// Connections of about the same size that one is compared with: more are a service with equal answers.
const MOST_COMPARED: usize = 40;

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// The host that is looked at.
    Here,
    /// Its peer.
    There,
}

/// A connection from the view of one host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg<'a> {
    /// Row of its socket.
    pub(super) row: usize,
    pub(super) peer: &'a str,
    /// Port of the service.
    pub(super) port: u16,
    pub(super) opened: Opened,
    /// The peer is outside the network.
    pub(super) is_outside: bool,
    pub(super) to_peer: u64,
    pub(super) from_peer: u64,
    span_us: (i64, i64),
}

/// Two connections of one host that carry the same bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match<'a> {
    pub(super) host: &'a str,
    pub(super) one: Leg<'a>,
    pub(super) other: Leg<'a>,
    /// The larger of the differences of both directions, as a share.
    pub(super) difference: f64,
}

/// Every match, each connection in one at most; by host, then by size.
pub(super) fn matches<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Match<'a>> {
    let mut hosts: Vec<(&'a str, Vec<Leg<'a>>)> = legs(scene, config).into_iter().collect();
    hosts.sort_unstable_by_key(|(host, _)| *host);
    hosts.into_iter().flat_map(|(host, legs)| of_host(host, legs, config)).collect()
}

fn legs<'a>(scene: &Scene<'a>, config: &Thresholds) -> AHashMap<&'a str, Vec<Leg<'a>>> {
    let mut hosts: AHashMap<&'a str, Vec<Leg<'a>>> = AHashMap::new();
    for (row, socket) in scene.sockets.iter().enumerate() {
        let (Some(sent), Some(received)) = (socket.bytes_sent, socket.bytes_received) else { continue };
        let is_enough = sent.saturating_add(received) >= config.min_bytes;
        if !is_enough || socket.protocol != Protocol::Tcp || socket.remote_scope == Some(Scope::Loopback) {
            continue;
        }
        let Some((remote, _)) = socket.remote().filter(|(addr, _)| *addr != socket.local_addr) else {
            continue;
        };
        let Some(flow) = scene.orientation.flow(&socket) else { continue };
        let is_outside = socket.is_beyond_local_networks() || scene.surroundings.is_foreign(&socket);
        let leg = Leg {
            row,
            peer: remote,
            port: flow.responder.1,
            opened: if flow.is_local_originator { Opened::Here } else { Opened::There },
            is_outside,
            to_peer: sent,
            from_peer: received,
            span_us: (socket.first_seen_us, socket.last_seen_us),
        };
        hosts.entry(socket.local_addr).or_default().push(leg);
        // In a capture of a network, a connection inside has two hosts in it.
        if scene.sockets.holds_many_hosts() && !is_outside {
            let opened = if flow.is_local_originator { Opened::There } else { Opened::Here };
            let (to_peer, from_peer) = (received, sent);
            hosts.entry(remote).or_default().push(Leg {
                peer: socket.local_addr,
                opened,
                to_peer,
                from_peer,
                ..leg
            });
        }
    }
    // Without a connection to the outside, nobody outside is passed on.
    hosts.retain(|_, legs| legs.len() > 1 && legs.iter().any(|leg| leg.is_outside));
    hosts
}

fn of_host<'a>(host: &'a str, mut legs: Vec<Leg<'a>>, config: &Thresholds) -> Vec<Match<'a>> {
    legs.sort_unstable_by_key(|leg| (leg.total(), leg.row));
    let mut is_taken = vec![false; legs.len()];
    let mut found = Vec::new();
    for at in 0..legs.len() {
        if is_taken[at] {
            continue;
        }
        let one = legs[at];
        let most = one.total() + allowed(one.total(), config) * 2;
        let near = (at + 1..legs.len()).take(MOST_COMPARED).take_while(|other| legs[*other].total() <= most);
        let best = near
            .filter(|other| !is_taken[*other])
            .filter_map(|other| Some((one.difference(&legs[other], config)?, other)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((difference, other)) = best {
            (is_taken[at], is_taken[other]) = (true, true);
            found.push(Match { host, one, other: legs[other], difference });
        }
    }
    found
}

fn allowed(bytes: u64, config: &Thresholds) -> u64 {
    OVERHEAD_BYTES + (bytes as f64 * config.max_difference) as u64
}

impl Leg<'_> {
    fn total(&self) -> u64 {
        self.to_peer.saturating_add(self.from_peer)
    }

    /// By how much the bytes of two connections differ, as a share; none if one does not pass on the other.
    fn difference(&self, other: &Self, config: &Thresholds) -> Option<f64> {
        if self.peer == other.peer || !self.overlaps(other) {
            return None;
        }
        let is_near = |a: u64, b: u64| a.abs_diff(b) <= allowed(a.max(b), config);
        let is_same = is_near(self.from_peer, other.to_peer) && is_near(self.to_peer, other.from_peer);
        let share = |a: u64, b: u64| a.abs_diff(b) as f64 / a.max(b).max(1) as f64;
        // What is small in one direction may be overhead there; the larger one must fit.
        let (forth, back) = ((self.from_peer, other.to_peer), (self.to_peer, other.from_peer));
        let larger = if forth.0 > back.0 { forth } else { back };
        let difference = share(larger.0, larger.1);
        (is_same && difference <= config.max_difference).then_some(difference)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let length = |(from, to): (i64, i64)| to.saturating_sub(from);
        let both = (self.span_us.0.max(other.span_us.0), self.span_us.1.min(other.span_us.1));
        let shorter = length(self.span_us).min(length(other.span_us));
        length(both) >= 0 && length(both) as f64 >= OVERLAP * shorter as f64
    }
}
