//! Peers of file-sharing programs and ledgers, which come and go, and are tried again.

use std::collections::{BTreeMap, BTreeSet};

use super::Retries;
use crate::analyze::peers::Peer;
use crate::analyze::scene::Scene;
use crate::analyze::services::is_usual_port;
use crate::model::sockets::Source;

/// Dead destinations of one source, each with a port of its own, from which on they are peers.
const OWN_PORTS: usize = 4;

/// Share of the addresses on a port that answer where they are peers of one network; of a list of servers that an implant
/// carries, the first that answers is kept.
pub(super) const ANSWER: f64 = 0.2;

/// Addresses on one port without which these are servers and not peers.
const FEWEST: usize = 10;

/// Sources that have peers: on any unusual port, or on one.
pub(super) struct Peers<'a> {
    on_own_ports: BTreeSet<Source<'a>>,
    on_port: BTreeSet<(Source<'a>, u16)>,
}

impl<'a> Peers<'a> {
    /// Of all destinations outside that a source tried twice or more.
    pub(super) fn new(all: &[Retries<'_, 'a>], scene: &Scene<'a>) -> Self {
        // Number of destinations that never answered, and that did, by source and port.
        let mut counts: BTreeMap<Source<'a>, BTreeMap<u16, (usize, usize)>> = BTreeMap::new();
        let is_of_own = |peer: &Peer<'_>| !is_usual_port(peer.protocol, peer.port);
        for retries in all.iter().filter(|retries| is_of_own(retries.peer) && retries.leaves(scene)) {
            let (dead, alive) =
                counts.entry(retries.peer.source).or_default().entry(retries.peer.port).or_default();
            *if retries.failed == retries.rows.len() { dead } else { alive } += 1;
        }
        let is_dead_alone = |(dead, alive): &&(usize, usize)| *dead == 1 && *alive == 0;
        let have_own = |ports: &BTreeMap<u16, (usize, usize)>| {
            let dead: Vec<_> = ports.values().filter(|(dead, _)| *dead > 0).collect();
            dead.len() >= OWN_PORTS && dead.iter().all(is_dead_alone)
        };
        let on_own_ports =
            counts.iter().filter(|(_, ports)| have_own(ports)).map(|(source, _)| *source).collect();
        let answers = |(dead, alive): (usize, usize)| {
            alive + dead >= FEWEST && alive as f64 >= ANSWER * (alive + dead) as f64
        };
        let on_port = counts.iter().flat_map(|(source, ports)| {
            let answering = ports.iter().filter(|(_, counts)| answers(**counts));
            answering.map(|(port, _)| (*source, *port))
        });
        Self { on_port: on_port.collect(), on_own_ports }
    }

    /// Whether a destination is one of them.
    pub(super) fn has(&self, peer: &Peer<'a>) -> bool {
        let is_unusual = !is_usual_port(peer.protocol, peer.port);
        is_unusual
            && (self.on_own_ports.contains(&peer.source) || self.on_port.contains(&(peer.source, peer.port)))
    }
}
