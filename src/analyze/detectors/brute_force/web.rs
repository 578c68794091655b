//! Guesses at the login of a web application: the same request again and again, and the same answer.

use ahash::AHashMap;

use super::Thresholds;
use super::sessions::Guesses;
use super::shape::{self, Shape};
use crate::analyze::scene::{Ends, Scene};
use crate::capture::Protocol;
use crate::model::peers::PeerId;
use crate::model::sockets::Socket;

/// Sessions of one client with one web server without which there are no guesses; see [`Shape::are_web_guesses`].
pub(super) const LEAST: usize = 100;

/// The sessions of each client that guesses at a web server.
pub(super) fn guesses<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Guesses<'a>> {
    let mut counts: AHashMap<Ends, usize> = AHashMap::new();
    for (row, socket) in scene.sockets.iter().enumerate() {
        if socket.protocol == Protocol::Tcp
            && socket.service_port().is_some_and(shape::is_web)
            && let Some(ends) = scene.ends(row)
        {
            *counts.entry(ends).or_default() += 1;
        }
    }
    counts.retain(|_, count| *count >= LEAST);
    if counts.is_empty() {
        return Vec::new();
    }
    let is_asked = |peer: &PeerId, _| {
        let (client, server) = peer.client_and_server();
        peer.protocol == Protocol::Tcp
            && shape::is_web(peer.port)
            && counts.contains_key(&Ends { client, server, port: peer.port })
    };
    let peers = scene.by_peer(is_asked, Socket::was_established);
    let sockets = &scene.sockets;
    peers
        .map(|(peer, rows)| Guesses::new(peer, &rows, sockets, config))
        .filter(|guesses| guesses.failed.len() as f64 >= config.min_failed_share * guesses.all as f64)
        .filter(|guesses| Shape { sockets, peer: guesses.peer, rows: &guesses.failed }.are_web_guesses())
        .collect()
}
