//! How long each pair of a source and another host is connected.

use ahash::AHashMap;

use crate::capture::{Protocol, TcpState};
use crate::model::ids::SourceId;
use crate::model::records::{Direction, TextId};
use crate::model::sockets::{Socket, Sockets, Source};

/// A source and another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) source: Source<'a>,
    pub(super) addr: &'a str,
    /// The port of the service.
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) direction: Option<Direction>,
}

/// A [`Pair`] by its ids, and in the order of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct PairId {
    source: SourceId,
    addr: TextId,
    port: u16,
    protocol: Protocol,
    direction: Option<Direction>,
}

impl PairId {
    /// The pair of a connection with another host that was established.
    fn new(socket: &Socket<'_>, sockets: &Sockets<'_>, row: usize) -> Option<Self> {
        let addr = sockets.remote_addr_id(row)?;
        let was_established = socket.protocol != Protocol::Tcp || socket.was_in(TcpState::Established);
        (was_established && socket.direction != Some(Direction::Internal)).then(|| Self {
            source: sockets.source_id(row),
            addr,
            port: socket.service_port().unwrap_or_default(),
            protocol: socket.protocol,
            direction: socket.direction,
        })
    }

    fn pair<'a>(self, sockets: &Sockets<'a>) -> Pair<'a> {
        let Self { source, addr, port, protocol, direction } = self;
        Pair { source: sockets.source(source), addr: sockets.text(addr), port, protocol, direction }
    }
}

/// The connections of a pair.
#[derive(Debug)]
pub(super) struct Total<'a> {
    id: PairId,
    pub(super) pair: Pair<'a>,
    /// Row of the last one in the table of sockets.
    last_row: u32,
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
    fn new(id: PairId, pair: Pair<'a>) -> Self {
        Self {
            id,
            pair,
            last_row: NONE,
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

    fn add(&mut self, socket: &Socket<'a>) {
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

/// Every pair with another host.
#[derive(Debug)]
pub(super) struct Totals<'a> {
    /// Ordered by pair.
    pub(super) all: Vec<Total<'a>>,
    /// For each row in the table of sockets, the one before it of the same pair: few pairs are long
    /// enough for their rows to be asked for.
    before: Vec<u32>,
}

/// No row.
const NONE: u32 = u32::MAX;

impl<'a> Totals<'a> {
    /// The totals of a capture's connections.
    pub(super) fn new(sockets: &Sockets<'a>) -> Self {
        let mut places: AHashMap<PairId, u32> = AHashMap::new();
        let mut totals = Self { all: Vec::new(), before: vec![NONE; sockets.len()] };
        for (row, socket) in (0..).zip(sockets.iter()) {
            let Some(pair) = PairId::new(&socket, sockets, row as usize) else { continue };
            let place = *places.entry(pair).or_insert_with(|| {
                totals.all.push(Total::new(pair, pair.pair(sockets)));
                totals.all.len() as u32 - 1
            });
            let total = &mut totals.all[place as usize];
            total.add(&socket);
            totals.before[row as usize] = std::mem::replace(&mut total.last_row, row);
        }
        totals.all.sort_unstable_by_key(|total| total.id);
        totals
    }

    /// Rows of a pair's connections in the table of sockets, the last one first.
    pub(super) fn rows(&self, total: &Total<'_>) -> impl Iterator<Item = usize> {
        let existing = |row: u32| Some(row).filter(|row| *row != NONE);
        let rows =
            std::iter::successors(existing(total.last_row), move |row| existing(self.before[*row as usize]));
        rows.map(|row| row as usize)
    }
}
