//! Clients and services with more between them than there should be.

use ahash::{AHashMap, AHashSet};

use super::{Thresholds, datagrams, unfinished};
use crate::analyze::peers::most_within;
use crate::analyze::scene::{Ends, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::groups::Groups;
use crate::model::sockets::Source;

/// Ports of name servers, which many ask once and briefly.
const NAME_SERVERS: [u16; 2] = [53, 853];

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Connections,
    /// Connections whose requests are never finished.
    Unfinished,
    Datagrams,
    /// Answers that nobody asked for, of services that amplify.
    Reflected,
    /// Requests with answers many times their size, to whoever's address they bear.
    Amplified,
}

/// A client that floods a service.
#[derive(Debug)]
pub(super) struct Storm<'a> {
    pub(super) what: What,
    /// The program where it runs here, else the address, or the number of addresses.
    pub(super) client: String,
    pub(super) server: &'a str,
    pub(super) port: Option<u16>,
    /// In the busiest window; of datagrams, all; of unfinished requests, those open at the same time.
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
            What::Unfinished => f64::from(config.min_unfinished),
            What::Datagrams => config.min_datagrams as f64,
            What::Reflected => datagrams::FEWEST_REFLECTED as f64,
            What::Amplified => datagrams::FEWEST_AMPLIFIED as f64,
        }
    }
}

/// Every one: connections, unfinished requests and datagrams, each in the order of client and server.
pub(super) fn find<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Storm<'a>> {
    let mut storms: Vec<Storm<'a>> = Vec::new();
    for (ends, rows) in frequent(scene, config.min_connections as usize).iter() {
        let starts: Vec<i64> = rows.iter().map(|row| scene.sockets.first_seen_us(*row as usize)).collect();
        let most = most_within(&starts, (config.window_s * 1e6) as i64);
        if most >= config.min_connections as usize {
            storms.extend(storm(What::Connections, Some(ends.port), most, rows, scene));
        }
    }
    storms.extend(unfinished::find(scene, config));
    storms.extend(datagrams::find(scene, config));
    storms
}

/// Pairs with at least so many TCP connections that were opened during the recording, with their rows.
fn frequent(scene: &Scene<'_>, least: usize) -> Groups<Ends> {
    let is_one = |row: &u32| {
        let socket = scene.sockets.get(*row as usize);
        let port = socket.service_port().unwrap_or_default();
        socket.opened_in_recording && socket.protocol == Protocol::Tcp && !NAME_SERVERS.contains(&port)
    };
    let rows = || (0..scene.sockets.len() as u32).filter(is_one);
    // Most pairs have few, and need not be gathered.
    let mut counts: AHashMap<Ends, usize> = AHashMap::new();
    for ends in rows().filter_map(|row| scene.ends(row as usize)) {
        *counts.entry(ends).or_default() += 1;
    }
    counts.retain(|_, count| *count >= least);
    if counts.is_empty() {
        return Groups::new(Vec::new());
    }
    let is_frequent = |row: &u32| scene.ends(*row as usize).is_some_and(|ends| counts.contains_key(&ends));
    by_ends(scene, rows().filter(is_frequent))
}

/// Some rows by client, server and port, without what a host has with itself.
pub(super) fn by_ends(scene: &Scene<'_>, rows: impl Iterator<Item = u32>) -> Groups<Ends> {
    let keyed = rows.filter_map(|row| Some((scene.ends(row as usize)?, row)));
    Groups::new(keyed.filter(|(ends, _)| ends.client != ends.server).collect())
}

/// What some rows of one server are.
pub(super) fn storm<'a>(
    what: What,
    port: Option<u16>,
    most: usize,
    rows: &[u32],
    scene: &Scene<'a>,
) -> Option<Storm<'a>> {
    let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
    let members = scene.sockets.subset(&rows);
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
    let ends = scene.ends(rows[0])?;
    let client = |row: &usize| scene.ends(*row).map(|ends| ends.client);
    let clients: AHashSet<_> = rows.iter().filter_map(client).collect();
    Some(Storm {
        what,
        client: match clients.len() {
            1 if is_here => Source::of(&first).to_string(),
            1 => scene.sockets.text(ends.client).to_owned(),
            many => format!("{} addresses", words::number(many)),
        },
        server: scene.sockets.text(ends.server),
        port: port.filter(|_| first.protocol.has_ports()),
        most,
        span_s: to.saturating_sub(from) as f64 / 1e6,
        leaves: is_here && scene.surroundings.leaves_network(&first),
        comes_in: !is_here && is_outside,
        is_answered: answered_share >= 0.5,
        answered_share,
        rows,
    })
}
