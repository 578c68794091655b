//! What moves inside connections: bytes per remote address and time slice, and the moments at
//! which a connection that stays begins to send again.

use std::collections::VecDeque;

use ahash::AHashMap;

use super::sockets::Moment;
use super::ticks::Increment;
use crate::model::index::Index;
use crate::model::records::{Connection, EndpointBin, EndpointId, Sends};

/// Cells of bytes per address and slice before the smaller half of them is let go. Who looks
/// for much traffic does not miss it, and a hostile capture cannot fill the memory.
const MOST_CELLS: usize = 1 << 20;

/// Moments of sending that are kept per connection, the last ones.
const MOST_SENDS: usize = 64;

/// Moments of sending after which a connection's next ones are kept: most connections ask
/// once or twice and are done.
const SENDS_OF_A_TALK: u16 = 3;

/// Moments of sending without which a connection has no rhythm, and is not handed on.
const LEAST_SENDS: usize = 6;

/// Connections of which the moments of sending are kept.
const MOST_SENDERS: usize = 1 << 16;

/// Gathers what moves inside connections.
pub(super) struct Activity {
    cells: Vec<EndpointBin>,
    /// By slice and address.
    index: Index,
    /// The cell of the last row; rows of a connection lie together.
    current: ((u32, EndpointId), Bytes),
    /// By index of the connection.
    senders: AHashMap<usize, VecDeque<i64>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bytes {
    sent: u64,
    received: u64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            cells: Vec::new(),
            index: Index::default(),
            current: ((0, EndpointId::of(0)), Bytes::default()),
            senders: AHashMap::new(),
        }
    }

    /// Adds what a row moved to and from its remote address in a slice.
    pub(super) fn add_bytes(&mut self, endpoint: EndpointId, bin: u32, row: &Increment) {
        if row.sent == 0 && row.received == 0 {
            return;
        }
        let key = (bin, endpoint);
        if key != self.current.0 {
            self.file_current();
            self.current.0 = key;
        }
        let bytes = &mut self.current.1;
        bytes.sent = bytes.sent.saturating_add(row.sent);
        bytes.received = bytes.received.saturating_add(row.received);
    }

    /// Takes note that a connection sent something by this tick. Ticks of sending that follow
    /// each other are one moment.
    pub(super) fn add_send(&mut self, index: usize, connection: &mut Connection, at: Moment) {
        let goes_on = connection.sends > 0 && at.tick <= connection.last_sent_tick.saturating_add(1);
        connection.last_sent_tick = at.tick;
        if goes_on {
            return;
        }
        connection.sends = connection.sends.saturating_add(1);
        if connection.sends <= SENDS_OF_A_TALK {
            return;
        }
        if self.senders.len() >= MOST_SENDERS && !self.senders.contains_key(&index) {
            return;
        }
        let moments = self.senders.entry(index).or_default();
        if moments.len() == MOST_SENDS {
            moments.pop_front();
        }
        moments.push_back(at.ts_us);
    }

    /// The bytes per slice and address in no order, and the moments of sending by `conn_id`.
    pub(super) fn finish(mut self, connections: &[Connection]) -> (Vec<EndpointBin>, Vec<Sends>) {
        self.file_current();
        let mut sends: Vec<Sends> = self
            .senders
            .into_iter()
            .filter(|(_, moments)| moments.len() >= LEAST_SENDS)
            .map(|(index, moments)| Sends { conn_id: connections[index].conn_id, ts_us: moments.into() })
            .collect();
        sends.sort_unstable_by_key(|sends| sends.conn_id);
        (self.cells, sends)
    }

    fn file_current(&mut self) {
        let (key, bytes) = self.current;
        self.current.1 = Bytes::default();
        if bytes.sent == 0 && bytes.received == 0 {
            return;
        }
        if self.cells.len() >= MOST_CELLS {
            self.let_the_smaller_half_go();
        }
        let Self { cells, index, .. } = self;
        let at = index.find(&key, |at| key_of(&cells[at]) == key).unwrap_or_else(|| {
            let (bin, endpoint) = key;
            cells.push(EndpointBin { bin, endpoint, bytes_sent: 0, bytes_received: 0 });
            index.insert(&key, cells.len() - 1, |at| key_of(&cells[at]));
            cells.len() - 1
        });
        let cell = &mut cells[at];
        cell.bytes_sent = cell.bytes_sent.saturating_add(bytes.sent);
        cell.bytes_received = cell.bytes_received.saturating_add(bytes.received);
    }

    fn let_the_smaller_half_go(&mut self) {
        let moved = |cell: &EndpointBin| cell.bytes_sent.max(cell.bytes_received);
        let mut all: Vec<u64> = self.cells.iter().map(moved).collect();
        let middle = all.len() / 2;
        let median = *all.select_nth_unstable(middle).1;
        self.cells.retain(|cell| moved(cell) > median);
        self.index.clear();
        let cells = &self.cells;
        for (at, cell) in cells.iter().enumerate() {
            self.index.insert(&key_of(cell), at, |at| key_of(&cells[at]));
        }
    }
}

fn key_of(cell: &EndpointBin) -> (u32, EndpointId) {
    (cell.bin, cell.endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::pass::sockets::blank;
    use crate::capture::Protocol;
    use crate::model::records::TextId;

    const SECOND_US: i64 = 1_000_000;

    fn row(sent: u64, received: u64) -> Increment {
        Increment { sent, received, ..Increment::default() }
    }

    fn sends_at(ticks: impl IntoIterator<Item = u32>) -> Vec<Sends> {
        let (mut activity, mut connection) = (Activity::new(), blank(7, Protocol::Tcp, (TextId::of(0), 1)));
        for tick in ticks {
            let at = Moment { ts_us: i64::from(tick) * SECOND_US, mono_ns: 0, tick };
            activity.add_send(0, &mut connection, at);
        }
        activity.finish(&[connection]).1
    }

    #[test]
    fn bytes_are_summed_per_slice_and_address() {
        let mut activity = Activity::new();
        for (endpoint, bin, sent) in [(1, 5, 10), (1, 5, 20), (2, 5, 1), (1, 5, 4), (1, 9, 0)] {
            activity.add_bytes(EndpointId::of(endpoint), bin, &row(sent, 0));
        }
        let (mut bins, _) = activity.finish(&[]);
        bins.sort_by_key(|bin| (bin.bin, bin.endpoint));
        let sums: Vec<_> = bins.iter().map(|bin| (bin.bin, bin.endpoint.get(), bin.bytes_sent)).collect();
        assert_eq!(sums, [(5, 1, 34), (5, 2, 1)]);
    }

    #[test]
    fn too_many_cells_cost_the_small_ones_and_not_the_large_one() {
        let mut activity = Activity::new();
        for endpoint in 0..(MOST_CELLS as u32 + 10) {
            let sent = if endpoint == 1_000 { 1_000_000 } else { 1 + u64::from(endpoint % 7) };
            activity.add_bytes(EndpointId::of(endpoint), 1, &row(sent, 0));
        }
        let (bins, _) = activity.finish(&[]);
        assert!(bins.len() < MOST_CELLS);
        assert!(bins.iter().any(|bin| bin.bytes_sent == 1_000_000));
    }

    #[test]
    fn sending_that_goes_on_is_one_moment_and_a_pause_begins_another() {
        let sends = sends_at((0..20).flat_map(|n| [n * 30, n * 30 + 1]));
        let seconds: Vec<i64> = sends[0].ts_us.iter().map(|ts| ts / SECOND_US).collect();
        assert_eq!(seconds, (3..20).map(|n| n * 30).collect::<Vec<_>>());
    }

    #[test]
    fn a_short_talk_and_a_stream_have_no_moments() {
        assert!(sends_at([0, 10, 20, 30]).is_empty());
        assert!(sends_at(0..500).is_empty());
    }

    #[test]
    fn of_many_moments_the_last_are_kept() {
        let sends = sends_at((0..200).map(|n| n * 10));
        assert_eq!((sends[0].ts_us.len(), sends[0].ts_us.last()), (MOST_SENDS, Some(&(1_990 * SECOND_US))));
    }
}
