//! Sessions that are like others: of one source, or in the whole capture.

use std::collections::{BTreeMap, BTreeSet};

use super::Thresholds;
use crate::analyze::appraisal::Factor;
use crate::analyze::peers::Peer;
use crate::analyze::scene::Scene;
use crate::analyze::services::is_usual_port;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::Source;

/// Sources with similar sessions, and share of all sources, from which on such a session is common in a network.
const COMMON_FROM: usize = 10;
const COMMON_SHARE: f64 = 1.0 / 3.0;

/// What programs that have many peers or relays have with each: a session on an unusual port, or one on a web port by
/// address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    UnusualPort,
    Nameless,
}

impl Likeness {
    fn of(peer: &Peer<'_>, members: SocketSubset<'_, '_>) -> Option<Self> {
        if !is_usual_port(peer.protocol, peer.port) {
            return Some(Self::UnusualPort);
        }
        members.iter().all(|socket| socket.remote_name.is_none()).then_some(Self::Nameless)
    }
}

/// Sessions that are alike.
#[derive(Default)]
pub(super) struct Crowds<'a> {
    /// Number of destinations, by source.
    of_source: BTreeMap<(Source<'a>, Likeness), usize>,
    /// Sources and destinations in the whole capture.
    everywhere: BTreeMap<Likeness, (BTreeSet<Source<'a>>, BTreeSet<&'a str>)>,
}

impl<'a> Crowds<'a> {
    pub(super) fn add(&mut self, peer: &Peer<'a>, members: SocketSubset<'_, 'a>) {
        let Some(likeness) = Likeness::of(peer, members) else { return };
        *self.of_source.entry((peer.source, likeness)).or_default() += 1;
        let (sources, destinations) = self.everywhere.entry(likeness).or_default();
        sources.insert(peer.source);
        destinations.insert(peer.remote_addr);
    }

    pub(super) fn like_others(
        &self,
        peer: &Peer<'a>,
        members: SocketSubset<'_, 'a>,
        scene: &Scene<'a>,
        config: &Thresholds,
    ) -> Option<Factor> {
        let likeness = Likeness::of(peer, members)?;
        let crowd = self.of_source.get(&(peer.source, likeness)).copied().unwrap_or_default();
        if crowd >= config.peer_to_peer_from as usize {
            let says = format!("it is one of {crowd} similar sessions of the same source");
            return Some(Factor::new("session-one-of-many", -1.5, says));
        }
        let (sources, destinations) = self.everywhere.get(&likeness)?;
        let all = scene.surroundings.sources();
        // Bots of one network share a few servers.
        let is_common = sources.len() >= COMMON_FROM
            && sources.len() as f64 >= COMMON_SHARE * all as f64
            && 2 * destinations.len() >= sources.len();
        is_common.then(|| {
            let says = format!(
                "{} of {all} sources in this capture have such sessions, with {} destinations",
                sources.len(),
                destinations.len()
            );
            Factor::new("session-common", -1.5, says)
        })
    }
}
