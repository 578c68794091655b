//! How long each pair of a source and another host is connected.

use ahash::AHashMap;

use crate::analyze::sockets::{Socket, Sockets, Source};

/// A source and another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pair<'a> {
    pub(super) source: Source<'a>,
    pub(super) addr: &'a str,
    /// The port of the service.
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    pub(super) direction: Option<&'a str>,
}

/// The connections of a pair.
#[derive(Debug)]
pub(super) struct Total<'a> {
    pub(super) pair: Pair<'a>,
    /// Rows in the table of sockets.
    pub(super) rows: Vec<usize>,
    pub(super) connections: usize,
    pub(super) longest_s: f64,
    /// The longest was there before the recording, or was still open when it ended.
    pub(super) is_longest_open_ended: bool,
    pub(super) sum_s: f64,
    /// Connections that were there before the recording and still open when it ended.
    pub(super) throughout: usize,
    pub(super) is_beyond: bool,
    pub(super) bytes_sent: Option<u64>,
    pub(super) bytes_received: Option<u64>,
}

impl<'a> Total<'a> {
    fn of(pair: Pair<'a>) -> Self {
        Self {
            pair,
            rows: Vec::new(),
            connections: 0,
            longest_s: 0.0,
            is_longest_open_ended: false,
            sum_s: 0.0,
            throughout: 0,
            is_beyond: false,
            bytes_sent: None,
            bytes_received: None,
        }
    }

    /// Who is connected.
    pub(super) fn source(&self) -> Source<'a> {
        self.pair.source
    }

    fn add(&mut self, row: usize, socket: &Socket<'a>) {
        self.rows.push(row);
        self.connections += 1;
        self.sum_s += socket.duration_s;
        if socket.duration_s > self.longest_s {
            self.longest_s = socket.duration_s;
            self.is_longest_open_ended = !socket.opened_in_recording || !socket.closed_in_recording;
        }
        self.throughout += usize::from(!socket.opened_in_recording && !socket.closed_in_recording);
        self.is_beyond |= socket.is_beyond_local_networks();
        for (sum, bytes) in
            [(&mut self.bytes_sent, socket.bytes_sent), (&mut self.bytes_received, socket.bytes_received)]
        {
            *sum = bytes.map(|bytes| bytes.saturating_add(sum.unwrap_or(0))).or(*sum);
        }
    }
}

/// Every pair with another host, ordered by pair.
pub(super) fn of<'a>(sockets: &Sockets<'a>) -> Vec<Total<'a>> {
    let mut totals: AHashMap<Pair<'a>, Total<'a>> = AHashMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        let Some((addr, _)) = socket.remote else { continue };
        let was_established = socket.protocol != "tcp" || socket.was_in("ESTABLISHED");
        if socket.direction == Some("internal") || !was_established {
            continue;
        }
        let pair = Pair {
            source: Source::of(&socket),
            addr,
            port: socket.service_port().unwrap_or_default(),
            protocol: socket.protocol,
            direction: socket.direction,
        };
        totals.entry(pair).or_insert_with(|| Total::of(pair)).add(row, &socket);
    }
    let mut totals: Vec<Total<'a>> = totals.into_values().collect();
    totals.sort_unstable_by_key(|total| total.pair);
    totals
}
