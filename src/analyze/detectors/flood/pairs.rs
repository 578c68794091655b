//! Clients and services with more between them than there should be.

use ahash::AHashMap;

use super::{Thresholds, is_asked_by_many};
use crate::analyze::peers::most_within;
use crate::analyze::scene::Scene;
use crate::capture::Protocol;
use crate::model::sockets::{Socket, Source};

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Connections,
    Datagrams,
}

/// A client that floods a service.
#[derive(Debug)]
pub(super) struct Storm<'a> {
    pub(super) what: What,
    /// The program where it runs here, else the address.
    pub(super) client: Source<'a>,
    pub(super) server: &'a str,
    pub(super) port: Option<u16>,
    /// In the busiest window; of datagrams, all.
    pub(super) most: usize,
    pub(super) span_s: f64,
    pub(super) leaves: bool,
    pub(super) comes_in: bool,
    /// Most requests were answered with data: somebody searches, and does not only wear out.
    pub(super) is_answered: bool,
    pub(super) answered_share: f64,
    /// In the order of time.
    pub(super) rows: Vec<usize>,
}

impl Storm<'_> {
    pub(super) fn least(&self, config: &Thresholds) -> f64 {
        match self.what {
            What::Connections => f64::from(config.min_connections),
            What::Datagrams => config.min_datagrams as f64,
        }
    }
}

/// Client, server and port.
type Pair<'a> = (&'a str, &'a str, u16);

/// Every one, in the order of the pairs: by connections, then by datagrams.
pub(super) fn find<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Storm<'a>> {
    let mut storms: Vec<Storm<'a>> = Vec::new();
    for (pair, rows) in frequent(scene, config.min_connections as usize) {
        let starts: Vec<i64> = rows.iter().map(|row| scene.sockets.first_seen_us(*row)).collect();
        let most = most_within(&starts, (config.window_s * 1e6) as i64);
        if most >= config.min_connections as usize {
            storms.extend(storm(What::Connections, pair, most, rows, scene));
        }
    }
    let mut one_way: AHashMap<Pair<'a>, (u64, Vec<usize>)> = AHashMap::new();
    for (row, socket) in scene.sockets.iter().enumerate() {
        let sent = datagrams(&socket, config);
        if let (Some(sent), Some(pair)) = (sent, pair(scene, &socket)) {
            let known = one_way.entry(pair).or_default();
            known.0 = known.0.saturating_add(sent);
            known.1.push(row);
        }
    }
    let mut one_way: Vec<_> = one_way.into_iter().collect();
    one_way.sort_unstable();
    for (pair, (sent, rows)) in one_way {
        let most = usize::try_from(sent).unwrap_or(usize::MAX);
        storms.extend(storm(What::Datagrams, pair, most, rows, scene));
    }
    storms
}

/// Pairs with at least so many TCP connections that were opened during the recording, with their rows.
fn frequent<'a>(scene: &Scene<'a>, least: usize) -> Vec<(Pair<'a>, Vec<usize>)> {
    let is_one = |socket: &Socket<'a>| {
        let port = socket.service_port().unwrap_or_default();
        socket.opened_in_recording
            && socket.protocol == Protocol::Tcp
            && !is_asked_by_many(socket.protocol, port)
    };
    let mut counts: AHashMap<Pair<'a>, usize> = AHashMap::new();
    for socket in scene.sockets.iter().filter(is_one) {
        if let Some(pair) = pair(scene, &socket) {
            *counts.entry(pair).or_default() += 1;
        }
    }
    counts.retain(|_, count| *count >= least);
    if counts.is_empty() {
        return Vec::new();
    }
    let mut rows: AHashMap<Pair<'a>, Vec<usize>> = AHashMap::new();
    for (row, socket) in scene.sockets.iter().enumerate().filter(|(_, socket)| is_one(socket)) {
        if let Some(pair) = pair(scene, &socket).filter(|pair| counts.contains_key(pair)) {
            rows.entry(pair).or_default().push(row);
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_unstable();
    rows
}

fn pair<'a>(scene: &Scene<'a>, socket: &Socket<'a>) -> Option<Pair<'a>> {
    let flow = scene.orientation.flow(socket)?;
    (flow.originator.0 != flow.responder.0).then_some((flow.originator.0, flow.responder.0, flow.responder.1))
}

/// Datagrams that a socket sent outside and that nobody answered, if they are many.
fn datagrams(socket: &Socket<'_>, config: &Thresholds) -> Option<u64> {
    if !matches!(socket.protocol, Protocol::Udp | Protocol::Icmp) || !socket.is_beyond_local_networks() {
        return None;
    }
    let (sent, received) = (socket.packets_sent?, socket.packets_received?);
    let is_flood = sent >= config.min_datagrams
        && sent as f64 >= config.min_datagrams_per_s * socket.duration_s
        && received as f64 <= config.max_answered_share * sent as f64;
    is_flood.then_some(sent)
}

fn storm<'a>(
    what: What,
    (client, server, port): Pair<'a>,
    most: usize,
    rows: Vec<usize>,
    scene: &Scene<'a>,
) -> Option<Storm<'a>> {
    let members = scene.sockets.members(&rows);
    let first = members.first()?;
    let is_here = scene.orientation.is_originator(&first);
    let answered = members.iter().filter(|socket| {
        let received = if is_here { socket.bytes_received } else { socket.bytes_sent };
        received.is_some_and(|bytes| bytes > 0)
    });
    let answered_share = answered.count() as f64 / rows.len() as f64;
    let (from, to) = (
        members.iter().map(|socket| socket.first_seen_us).min()?,
        members.iter().map(|socket| socket.last_seen_us).max()?,
    );
    let is_outside = first.is_beyond_local_networks() || scene.surroundings.is_foreign(&first);
    Some(Storm {
        what,
        client: if is_here { Source::of(&first) } else { Source::Address(client) },
        server,
        port: first.protocol.has_ports().then_some(port),
        most,
        span_s: to.saturating_sub(from) as f64 / 1e6,
        leaves: is_here && scene.surroundings.leaves_network(&first),
        comes_in: !is_here && is_outside,
        is_answered: answered_share >= 0.5,
        answered_share,
        rows,
    })
}
