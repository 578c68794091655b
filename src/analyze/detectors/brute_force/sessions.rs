//! Sessions with login services, and the attacks that they make up.

use std::collections::{BTreeMap, BTreeSet};

use super::Thresholds;
use super::shape::{self, Shape};
use super::web;
use crate::analyze::peers::{Peer, Side, most_within};
use crate::analyze::scene::Scene;
use crate::capture::Protocol;
use crate::model::sockets::{Socket, Sockets, Source};
use crate::model::stats;

/// How an attack is spread over clients and servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    OneToOne,
    ManyClientsOneHost,
    OneClientManyHosts,
}

/// Sessions that look like password guessing.
#[derive(Debug)]
pub(super) struct Attack<'a> {
    pub(super) spread: Spread,
    pub(super) side: Side,
    pub(super) transport: Protocol,
    pub(super) port: u16,
    /// The protocol by which people log in, where the payload shows it.
    pub(super) protocol: Option<&'a str>,
    /// The attacking program, where it runs on this host.
    pub(super) program: Option<&'a str>,
    pub(super) clients: Vec<&'a str>,
    pub(super) servers: Vec<&'a str>,
    /// Rows of the sessions that look failed, in the order of time.
    pub(super) rows: Vec<usize>,
    pub(super) failed_share: f64,
    pub(super) most_within: usize,
    pub(super) span_s: f64,
    pub(super) median_s: f64,
    pub(super) median_bytes: f64,
    /// A client had a longer session after its guesses.
    pub(super) succeeded: bool,
}

/// The sessions of one client with one service.
pub(super) struct Guesses<'a> {
    pub(super) peer: Peer<'a>,
    pub(super) failed: Vec<usize>,
    pub(super) all: usize,
    /// See [`shape::interactive_protocol`].
    protocol: Option<&'a str>,
    succeeded: bool,
}

/// Every attack: pairs first, then what pairs that are too small alone add up to.
pub(super) fn attacks<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Attack<'a>> {
    let sockets = &scene.sockets;
    // On another port, the payload must tell, and only of those that are many is it asked.
    let least = config.min_sessions as usize;
    let peers = scene.by_peer(
        |peer, sessions| {
            shape::is_session(peer.protocol, peer.port) && (shape::is_login(peer.port) || sessions >= least)
        },
        Socket::was_established,
    );
    let is_of_login = |peer: &Peer<'a>, row: &usize| {
        shape::is_login(peer.port) || shape::interactive_protocol(&sockets.get(*row)).is_some()
    };
    let guesses: Vec<Guesses<'a>> = peers
        .filter_map(|(peer, mut rows)| {
            rows.retain(|row| is_of_login(&peer, row));
            (!rows.is_empty()).then(|| Guesses::new(peer, &rows, sockets, config))
        })
        .collect();
    let is_polling =
        |guesses: &&Guesses<'a>| Shape { sockets, peer: guesses.peer, rows: &guesses.failed }.is_polling();
    let (alone, rest): (Vec<&Guesses<'a>>, Vec<&Guesses<'a>>) = guesses
        .iter()
        .filter(|guesses| guesses.failed.len() as f64 >= config.min_failed_share * guesses.all as f64)
        .filter(|guesses| !guesses.failed.is_empty() && !is_polling(guesses))
        .partition(|guesses| guesses.are_an_attack(sockets, config));
    let mut attacks: Vec<Attack<'a>> =
        alone.iter().map(|guesses| Attack::new(Spread::OneToOne, &[guesses], sockets, config)).collect();
    let of_web = web::guesses(scene, config);
    attacks.extend(of_web.iter().map(|guesses| Attack::new(Spread::OneToOne, &[guesses], sockets, config)));
    attacks.extend(together(&rest, sockets, config, Spread::ManyClientsOneHost));
    attacks.extend(together(&rest, sockets, config, Spread::OneClientManyHosts));
    attacks
}

/// Attacks of several clients on one service, or of one client on several hosts.
fn together<'a>(
    rest: &[&Guesses<'a>],
    sockets: &Sockets<'a>,
    config: &Thresholds,
    spread: Spread,
) -> Vec<Attack<'a>> {
    let mut groups: BTreeMap<(Side, &str, u16), Vec<&Guesses<'a>>> = BTreeMap::new();
    // Programs of many clients ask mail servers and databases, and one client asks several of them.
    for guesses in rest.iter().filter(|guesses| shape::is_interactive(guesses.peer.port)) {
        let (client, server) = guesses.peer.client_and_server();
        let common = if spread == Spread::ManyClientsOneHost { server } else { client };
        groups.entry((guesses.peer.side, common, guesses.peer.port)).or_default().push(guesses);
    }
    groups
        .into_values()
        .filter(|group| group.len() >= 3)
        .filter(|group| {
            group.iter().map(|guesses| guesses.failed.len()).sum::<usize>()
                >= config.min_slow_sessions as usize
        })
        .filter(|group| {
            let rows: Vec<usize> = group.iter().flat_map(|guesses| guesses.failed.iter().copied()).collect();
            Shape { sockets, peer: group[0].peer, rows: &rows }.is_mostly_alike()
        })
        .map(|group| Attack::new(spread, &group, sockets, config))
        .collect()
}

impl<'a> Guesses<'a> {
    pub(super) fn new(peer: Peer<'a>, rows: &[usize], sockets: &Sockets<'a>, config: &Thresholds) -> Self {
        let failed: Vec<usize> =
            rows.iter().copied().filter(|row| looks_failed(&sockets.get(*row), &peer, config)).collect();
        let last_failed = failed.last().map(|row| sockets.first_seen_us(*row));
        let succeeded = rows.iter().any(|row| {
            let socket = sockets.get(*row);
            let is_after = last_failed.is_some_and(|last| socket.first_seen_us >= last);
            is_after && is_a_session(&socket, config)
        });
        let protocol = rows.iter().find_map(|row| shape::interactive_protocol(&sockets.get(*row)));
        Self { peer, all: rows.len(), failed, protocol, succeeded }
    }

    fn are_an_attack(&self, sockets: &Sockets<'a>, config: &Thresholds) -> bool {
        let shape = Shape { sockets, peer: self.peer, rows: &self.failed };
        if !shape::is_interactive(self.peer.port) && self.protocol.is_none() {
            return shape.are_guesses_where_programs_ask(config.min_sessions as usize);
        }
        let starts: Vec<i64> = self.failed.iter().map(|row| sockets.first_seen_us(*row)).collect();
        let is_many = most_within(&starts, (config.window_s * 1e6) as i64) >= config.min_sessions as usize;
        (is_many || self.failed.len() >= config.min_slow_sessions as usize) && shape.is_mostly_alike()
    }
}

/// Short, over, and with data both ways; counters that are not known are not held against it.
fn looks_failed(socket: &Socket<'_>, peer: &Peer<'_>, config: &Thresholds) -> bool {
    let sent = from_client(socket, peer);
    let has_data =
        sent.is_none_or(|bytes| bytes > 0) && from_server(socket, peer).is_none_or(|bytes| bytes > 0);
    let is_small = sent.is_none_or(|bytes| bytes <= config.max_session_bytes);
    has_data && is_small && socket.duration_s <= config.max_session_s && socket.opened_in_recording
}

/// Longer than any failed login, or with much more data.
fn is_a_session(socket: &Socket<'_>, config: &Thresholds) -> bool {
    let bytes = socket.bytes_sent.unwrap_or(0).max(socket.bytes_received.unwrap_or(0));
    socket.duration_s > config.max_session_s && bytes > config.max_session_bytes
}

pub(super) fn from_client(socket: &Socket<'_>, peer: &Peer<'_>) -> Option<u64> {
    if peer.side == Side::Client { socket.bytes_sent } else { socket.bytes_received }
}

pub(super) fn from_server(socket: &Socket<'_>, peer: &Peer<'_>) -> Option<u64> {
    if peer.side == Side::Client { socket.bytes_received } else { socket.bytes_sent }
}

impl<'a> Attack<'a> {
    fn new(spread: Spread, group: &[&Guesses<'a>], sockets: &Sockets<'a>, config: &Thresholds) -> Self {
        let mut rows: Vec<usize> = group.iter().flat_map(|guesses| guesses.failed.iter().copied()).collect();
        rows.sort_unstable();
        let starts: Vec<i64> = rows.iter().map(|row| sockets.first_seen_us(*row)).collect();
        let all: usize = group.iter().map(|guesses| guesses.all).sum();
        let ends = |pick: fn((&'a str, &'a str)) -> &'a str| {
            let set: BTreeSet<&str> =
                group.iter().map(|guesses| pick(guesses.peer.client_and_server())).collect();
            set.into_iter().collect::<Vec<&str>>()
        };
        let peer = group[0].peer;
        let program = match (peer.side, peer.source) {
            (Side::Client, Source::Process(name)) => Some(name),
            _ => None,
        };
        let median = |values: Vec<f64>| stats::median(&stats::sorted(values)).unwrap_or_default();
        let sessions: Vec<Socket<'a>> = rows.iter().map(|row| sockets.get(*row)).collect();
        Self {
            spread,
            side: peer.side,
            transport: peer.protocol,
            port: peer.port,
            protocol: group.iter().find_map(|guesses| guesses.protocol),
            program,
            clients: ends(|(client, _)| client),
            servers: ends(|(_, server)| server),
            failed_share: rows.len() as f64 / all as f64,
            most_within: most_within(&starts, (config.window_s * 1e6) as i64),
            span_s: starts
                .last()
                .zip(starts.first())
                .map_or(0.0, |(last, first)| (last - first) as f64 / 1e6),
            median_s: median(sessions.iter().map(|socket| socket.duration_s).collect()),
            median_bytes: median(
                sessions.iter().filter_map(|socket| from_client(socket, &peer)).map(|b| b as f64).collect(),
            ),
            succeeded: group.iter().any(|guesses| guesses.succeeded),
            rows,
        }
    }
}
