//! Visits that are no moves: a server that answers its clients, and a job that comes again.

use std::collections::BTreeMap;

use crate::analyze::peers::{Peer, is_by_any_clock};
use crate::analyze::scene::ByPeer;
use crate::model::sockets::Sockets;

/// Who is contacted by a host and connects to it within this time answers, as print servers and management servers do.
const ANSWER_US: i64 = 60_000_000;

/// Bytes with which a server may notify a client: the dialogs of a login and of a call. A copied program takes more.
const ANSWER_BYTES: u64 = 10_000;

/// Two visits of one host that are this far apart are two rounds, and by how much their bytes may differ.
const ROUND_US: i64 = 600_000_000;
const ALIKE: f64 = 0.25;

/// When each client visits each server.
pub(super) struct Visits<'a>(BTreeMap<(&'a str, &'a str), Vec<i64>>);

impl<'a> Visits<'a> {
    pub(super) fn of(peers: &[ByPeer<'a>], sockets: &Sockets<'a>) -> Self {
        let mut visits: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
        for (peer, rows) in peers {
            let times = rows.iter().map(|row| sockets.first_seen_us(*row));
            visits.entry(peer.client_and_server()).or_default().extend(times);
        }
        for times in visits.values_mut() {
            times.sort_unstable();
        }
        Self(visits)
    }

    /// Whether the server had contacted the client shortly before each of these connections.
    pub(super) fn are_answers(&self, peer: &Peer<'_>, rows: &[usize], sockets: &Sockets<'_>) -> bool {
        let (client, server) = peer.client_and_server();
        let Some(times) = self.0.get(&(server, client)) else { return false };
        rows.iter().all(|row| {
            let at_us = sockets.first_seen_us(*row);
            let before = times.partition_point(|time| *time <= at_us);
            let is_soon = before.checked_sub(1).is_some_and(|last| at_us - times[last] <= ANSWER_US);
            is_soon && sockets.get(*row).bytes_sent.is_some_and(|bytes| bytes <= ANSWER_BYTES)
        })
    }
}

/// Whether a host is visited again later, with about the same number of bytes.
pub(super) fn is_in_rounds(rows: &[usize], sockets: &Sockets<'_>) -> bool {
    let visit = |row: &usize| (sockets.first_seen_us(*row), sockets.get(*row).bytes_sent);
    let Some((first_us, Some(sent))) = rows.first().map(visit) else { return false };
    let is_alike = |bytes: u64| bytes.abs_diff(sent) as f64 <= ALIKE * sent as f64;
    rows.iter().map(visit).any(|(at_us, bytes)| at_us - first_us >= ROUND_US && bytes.is_some_and(is_alike))
}

/// Whether a host is visited on a clock, as a monitor does.
pub(super) fn is_polled(rows: &[usize], sockets: &Sockets<'_>) -> bool {
    is_by_any_clock(&rows.iter().map(|row| sockets.first_seen_us(*row)).collect::<Vec<_>>())
}
