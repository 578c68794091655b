//! How long each pair of a source and another host is connected.

use crate::capture::Protocol;
use crate::model::groups::Groups;
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
        let was_established = socket.protocol != Protocol::Tcp || socket.was_established();
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
    pub(super) connections: usize,
    pub(super) longest_s: f64,
    /// The longest was there before the recording, or was still open when it ended.
    pub(super) is_longest_open_ended: bool,
    pub(super) sum_s: f64,
    /// Connections that were there before the recording and still open when it ended.
    throughout: usize,
    pub(super) is_beyond: bool,
    pub(super) bytes_sent: Option<u64>,
    pub(super) bytes_received: Option<u64>,
}

impl<'a> Total<'a> {
    fn new(id: PairId, rows: &[u32], sockets: &Sockets<'a>) -> Self {
        let mut total = Self {
            id,
            pair: id.pair(sockets),
            connections: 0,
            longest_s: 0.0,
            is_longest_open_ended: false,
            sum_s: 0.0,
            throughout: 0,
            is_beyond: false,
            bytes_sent: None,
            bytes_received: None,
        };
        sockets.walk(rows.iter().map(|row| *row as usize)).for_each(|socket| total.add(&socket));
        total
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

/// The pairs with another host that are worth telling: a busy network has about as many pairs as connections, and
/// their totals would fill the memory.
#[derive(Debug)]
pub(super) struct Totals<'a> {
    /// Those that were asked for, ordered by pair.
    pub(super) long: Vec<Total<'a>>,
    /// Those that were connected the longest in sum, longest first; equal ones by pair.
    pub(super) longest: Vec<Total<'a>>,
    /// Connections of any pair that were there before the recording and still open when it ended.
    pub(super) throughout: usize,
    groups: Groups<PairId>,
}

impl<'a> Totals<'a> {
    /// The totals of a capture's connections: of the pairs for which `is_long` is true, and of the `most_listed`
    /// that were connected the longest in sum.
    pub(super) fn new(
        sockets: &Sockets<'a>,
        most_listed: usize,
        is_long: impl Fn(&Total<'a>) -> bool,
    ) -> Self {
        let of_row = |row: u32| {
            let pair = PairId::new(&sockets.get(row as usize), sockets, row as usize);
            pair.map(|pair| (pair, row))
        };
        let groups = Groups::new((0..sockets.len() as u32).filter_map(of_row).collect());
        let (mut long, mut longest, mut throughout) = (Vec::new(), Vec::new(), 0);
        for (id, rows) in groups.iter() {
            let total = Total::new(id, rows, sockets);
            throughout += total.throughout;
            if is_long(&total) {
                long.push(Total::new(id, rows, sockets));
            }
            longest.push(total);
            if longest.len() >= 2 * most_listed.max(1) {
                keep_longest(&mut longest, most_listed);
            }
        }
        keep_longest(&mut longest, most_listed);
        Self { long, longest, throughout, groups }
    }

    /// Rows of a pair's connections in the table of sockets, in its order.
    pub(super) fn rows(&self, total: &Total<'_>) -> impl Iterator<Item = usize> {
        self.groups.get(total.id).iter().map(|row| *row as usize)
    }
}

/// Keeps so many, longest first. Pairs come in their order, which a stable sort keeps among equal ones.
fn keep_longest(totals: &mut Vec<Total<'_>>, most: usize) {
    totals.sort_by(|a, b| b.sum_s.total_cmp(&a.sum_s));
    totals.truncate(most);
}
