//! Sessions that somebody outside opened to a port that no service has: a shell that waits here.

use std::collections::{BTreeMap, BTreeSet};

use super::{Thresholds, longest_s, shape};
use crate::analyze::appraisal::{Appraisal, Factor, destination};
use crate::analyze::peers::{Peer, Side};
use crate::analyze::scene::Scene;
use crate::analyze::services::is_usual_port;
use crate::capture::{Application, Protocol};
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::Socket;

/// Ports from which systems choose those of clients, and that FTP and peer-to-peer programs open for one connection.
const EPHEMERAL_FROM: u16 = 32_768;

/// What speaks for a shell that waits for its user; both with the shape of one.
const ATTACK_TOOL_PORT: f64 = 2.0;
const UNKNOWN_SERVICE: f64 = 1.0;
const ONLY_CLIENT: f64 = 0.5;

/// A session, its rows, and what is known of it.
pub(super) type Waiting<'a> = (Peer<'a>, Vec<usize>, Appraisal);

/// Every such session: interactive, of no known protocol, and from the only address that uses the port.
pub(super) fn find<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Waiting<'a>> {
    let from_outside = |socket: &Socket<'_>| {
        let is_unknown = matches!(socket.app_protocol, None | Some(Application::UNKNOWN));
        is_unknown
            && socket.opened_in_recording
            && socket.was_established()
            && socket.is_beyond_local_networks()
    };
    let all: Vec<_> = scene
        .by_peer(
            |peer, _| peer.side == Side::Server && peer.protocol == Protocol::Tcp && may_wait_on(peer.port),
            from_outside,
        )
        .collect();
    let mut clients: BTreeMap<(&str, u16), BTreeSet<&str>> = BTreeMap::new();
    for (peer, _) in &all {
        clients.entry((peer.local_addr, peer.port)).or_default().insert(peer.remote_addr);
    }
    let is_only_client = |peer: &Peer<'_>| clients[&(peer.local_addr, peer.port)].len() == 1;
    all.into_iter()
        .filter(|(peer, _)| is_only_client(peer))
        .filter_map(|(peer, rows)| {
            let appraisal = appraise(&peer, scene.sockets.subset(&rows), scene, config)?;
            Some((peer, rows, appraisal))
        })
        .collect()
}

/// Whether a shell may wait on a port.
fn may_wait_on(port: u16) -> bool {
    destination::is_attack_tool_port(port) || port < EPHEMERAL_FROM && !is_usual_port(Protocol::Tcp, port)
}

/// The facts about a session that looks like somebody at a shell; none about any other.
fn appraise<'a>(
    peer: &Peer<'a>,
    members: SocketSubset<'_, 'a>,
    scene: &Scene<'a>,
    config: &Thresholds,
) -> Option<Appraisal> {
    let longest = longest_s(members, config);
    let shape = shape(peer, members, longest, config)?;
    if longest < config.min_duration_s || shape.weight < 0.0 {
        return None;
    }
    let service = if destination::is_attack_tool_port(peer.port) {
        let says = format!("port {} is a default of attack tools, and no common service uses it", peer.port);
        Factor::new("port-attack-tool", ATTACK_TOOL_PORT, says)
    } else {
        let says = format!("no service is registered on port {}", peer.port);
        Factor::new("port-unusual", UNKNOWN_SERVICE, says)
    };
    let says = format!("{} is the only address outside that uses the port", peer.remote_addr);
    let only = Factor::new("session-only-client", ONLY_CLIENT, says);
    Some(scene.appraise(members).with(shape).with(service).with(only))
}
