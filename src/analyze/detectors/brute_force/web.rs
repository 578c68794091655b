//! Guesses at the login of a web application: the same request again and again, and the same answer.

use ahash::AHashMap;

use super::Thresholds;
use super::sessions::Guesses;
use super::shape::{self, Shape};
use crate::analyze::scene::Scene;
use crate::capture::Protocol;
use crate::model::sockets::Socket;

/// Sessions of one client with one web server without which there are no guesses; see [`Shape::are_web_guesses`].
pub(super) const LEAST: usize = 100;

/// The sessions of each client that guesses at a web server.
pub(super) fn guesses<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Guesses<'a>> {
    let ends = |socket: &Socket<'a>| {
        let flow = scene.orientation.flow(socket)?;
        Some((flow.originator.0, flow.responder.0, flow.responder.1))
    };
    let is_web = |socket: &Socket<'a>| {
        socket.protocol == Protocol::Tcp && socket.service_port().is_some_and(shape::is_web)
    };
    let mut counts: AHashMap<(&str, &str, u16), usize> = AHashMap::new();
    for ends in scene.sockets.iter().filter(is_web).filter_map(|socket| ends(&socket)) {
        *counts.entry(ends).or_default() += 1;
    }
    counts.retain(|_, count| *count >= LEAST);
    if counts.is_empty() {
        return Vec::new();
    }
    let peers = scene.by_peer(|socket, _| {
        is_web(socket)
            && socket.was_established()
            && ends(socket).is_some_and(|ends| counts.contains_key(&ends))
    });
    let sockets = &scene.sockets;
    peers
        .into_iter()
        .map(|(peer, rows)| Guesses::new(peer, &rows, sockets, config))
        .filter(|guesses| guesses.failed.len() as f64 >= config.min_failed_share * guesses.all as f64)
        .filter(|guesses| Shape { sockets, peer: guesses.peer, rows: &guesses.failed }.are_web_guesses())
        .collect()
}
