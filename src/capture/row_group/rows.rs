//! Rows stored by what they share: most fields equal those of the socket's previous row, or are
//! common to all rows of the tick. A quiet socket takes 20 bytes per tick.

use super::{ApplicationKeys, PackedRow, QueryKeys};
use crate::capture::row::{Counters, Kind, OwnerSource, Protocol, TcpState};

/// The rows of a group.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) lines: Vec<Line>,
    pub(super) identities: Vec<Identity>,
    pub(super) counters: Vec<Counters>,
    pub(super) moments: Vec<Timestamps>,
    pub(super) loads: Vec<Load>,
    pub(super) queries: Vec<QueryKeys>,
    pub(super) applications: Vec<ApplicationKeys>,
    sockets: Vec<Socket>,
    /// The socket of the tick's first row, of the last row, and of the next row if it follows the
    /// order of the previous tick.
    first: Option<u32>,
    last: Option<u32>,
    expected: Option<u32>,
    /// The counters for rows without any.
    uncounted: Option<u32>,
    /// The last load of each owner, by its key plus one; index 0 is for rows without an owner.
    loads_of: Vec<Option<u32>>,
}

/// A row: indices into the lists of [`Rows`], and values too small for a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) identity: u32,
    pub(super) counters: u32,
    pub(super) moment: u32,
    pub(super) load: u32,
    pub(super) kind: Kind,
    pub(super) state: Option<TcpState>,
    pub(super) prev_state: Option<TcpState>,
    pub(super) owner_source: Option<OwnerSource>,
}

/// Fields that rarely change during a socket's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) conn_id: u64,
    pub(super) netns: Option<u64>,
    pub(super) local_addr: i32,
    pub(super) remote_addr: Option<i32>,
    pub(super) remote_name: Option<i32>,
    pub(super) owner: Option<u32>,
    /// Index in [`Rows::queries`].
    pub(super) query: Option<u32>,
    /// Place in [`Rows::applications`].
    pub(super) application: Option<u32>,
    pub(super) local_port: u16,
    pub(super) remote_port: u16,
    pub(super) protocol_number: Option<u16>,
    pub(super) protocol: Protocol,
}

/// The time of a row, shared by all rows of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamps {
    pub(super) ts_us: i64,
    pub(super) mono_ns: i64,
    pub(super) tick: u32,
}

/// The resource use of a process, shared by all its sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) cpu_bits: Option<u32>,
    pub(super) memory_rss_bytes: Option<u64>,
}

/// The last row of a socket. A socket that comes in an unpredictable order is treated as a new one.
struct Socket {
    identity: u32,
    counters: Option<u32>,
    /// The socket of the next row.
    next: Option<u32>,
}

/// Maximum number of vanished sockets between two that are still there. The kernel lists them in
/// the same order each time.
const MOST_GONE: usize = 16;

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Ends a tick: the following rows belong to another one.
    pub(super) fn end_tick(&mut self) {
        self.expected = self.first.take();
    }

    /// The index of a socket's known fields if its row comes in the same position as before; for
    /// [`Rows::known`] and [`Rows::push`].
    pub(super) fn index_of(&self, conn_id: u64) -> Option<u32> {
        let next = |index: &u32| self.sockets[*index as usize].next;
        let ahead = std::iter::successors(self.expected, next).take(MOST_GONE);
        // Events of one socket are usually consecutive.
        self.last.into_iter().chain(ahead).find(|index| self.known(*index).conn_id == conn_id)
    }

    /// The rarely changing fields in the last row of a socket.
    pub(super) fn known(&self, index: u32) -> &Identity {
        &self.identities[self.sockets[index as usize].identity as usize]
    }

    /// Adds a row of the socket at `index`, as returned by [`Rows::index_of`].
    pub(super) fn push(&mut self, row: &PackedRow, index: Option<u32>) {
        let known = index.and_then(|index| self.known(index).application);
        let identity = Identity {
            conn_id: row.conn_id,
            netns: row.netns,
            local_addr: row.local_addr,
            remote_addr: row.remote_addr,
            remote_name: row.remote_name,
            owner: row.owner,
            query: self.query(row.query),
            application: self.application(row.application, known),
            local_port: row.local_port,
            remote_port: row.remote_port,
            protocol_number: row.protocol_number,
            protocol: row.protocol,
        };
        let index = self.follow(index, identity);
        let socket = &mut self.sockets[index as usize];
        if self.identities[socket.identity as usize] != identity {
            socket.identity = added(&mut self.identities, identity);
        }
        let identity = socket.identity;
        let counters = match socket.counters {
            _ if row.counters == Counters::default() => {
                *self.uncounted.get_or_insert_with(|| added(&mut self.counters, row.counters))
            }
            Some(key) if self.counters[key as usize] == row.counters => key,
            _ => *socket.counters.insert(added(&mut self.counters, row.counters)),
        };
        let moment = self.moment(Timestamps { ts_us: row.ts_us, mono_ns: row.mono_ns, tick: row.tick });
        let load =
            Load { cpu_bits: row.cpu_percent.map(f32::to_bits), memory_rss_bytes: row.memory_rss_bytes };
        let load = self.load(row.owner, load);
        let (kind, state, prev_state) = (row.kind, row.state, row.prev_state);
        let owner_source = row.owner_source;
        self.lines.push(Line { identity, counters, moment, load, kind, state, prev_state, owner_source });
    }

    /// Returns the next row's socket, a new one if it has no index, and updates their order.
    fn follow(&mut self, index: Option<u32>, identity: Identity) -> u32 {
        let index = match index {
            Some(index) if Some(index) == self.last => return index,
            Some(index) => {
                self.expected = self.sockets[index as usize].next;
                index
            }
            None => {
                let identity = added(&mut self.identities, identity);
                added(&mut self.sockets, Socket { identity, counters: None, next: self.expected })
            }
        };
        self.first.get_or_insert(index);
        if let Some(last) = self.last.replace(index) {
            self.sockets[last as usize].next = Some(index);
        }
        index
    }

    /// The index of a query's texts; the same query usually occurs several times in a row.
    fn query(&mut self, query: QueryKeys) -> Option<u32> {
        if query == QueryKeys::default() {
            return None;
        }
        if self.queries.last() == Some(&query) {
            return Some(self.queries.len() as u32 - 1);
        }
        Some(added(&mut self.queries, query))
    }

    /// The index of an application's texts, which most likely is the one that the socket had, or that of the row before.
    fn application(&mut self, application: ApplicationKeys, known: Option<u32>) -> Option<u32> {
        if application == ApplicationKeys::default() {
            return None;
        }
        let last = self.applications.len().checked_sub(1).map(|last| last as u32);
        let is_it = |index: &u32| self.applications[*index as usize] == application;
        known.into_iter().chain(last).find(is_it).or_else(|| Some(added(&mut self.applications, application)))
    }

    fn moment(&mut self, moment: Timestamps) -> u32 {
        if self.moments.last() != Some(&moment) {
            self.moments.push(moment);
        }
        self.moments.len() as u32 - 1
    }

    fn load(&mut self, owner: Option<u32>, load: Load) -> u32 {
        let slot = owner.map_or(0, |owner| owner as usize + 1);
        if slot >= self.loads_of.len() {
            self.loads_of.resize(slot + 1, None);
        }
        match self.loads_of[slot] {
            Some(key) if self.loads[key as usize] == load => key,
            _ => {
                let key = added(&mut self.loads, load);
                self.loads_of[slot] = Some(key);
                key
            }
        }
    }

    /// The row at an index.
    #[inline]
    pub(super) fn row(&self, index: usize) -> PackedRow {
        let line = &self.lines[index];
        let identity = &self.identities[line.identity as usize];
        let moment = &self.moments[line.moment as usize];
        let load = &self.loads[line.load as usize];
        PackedRow {
            ts_us: moment.ts_us,
            mono_ns: moment.mono_ns,
            conn_id: identity.conn_id,
            netns: identity.netns,
            counters: self.counters[line.counters as usize],
            memory_rss_bytes: load.memory_rss_bytes,
            query: identity.query.map(|index| self.queries[index as usize]).unwrap_or_default(),
            application: identity
                .application
                .map(|index| self.applications[index as usize])
                .unwrap_or_default(),
            local_addr: identity.local_addr,
            remote_addr: identity.remote_addr,
            remote_name: identity.remote_name,
            owner: identity.owner,
            cpu_percent: load.cpu_bits.map(f32::from_bits),
            tick: moment.tick,
            local_port: identity.local_port,
            remote_port: identity.remote_port,
            kind: line.kind,
            protocol: identity.protocol,
            protocol_number: identity.protocol_number,
            state: line.state,
            prev_state: line.prev_state,
            owner_source: line.owner_source,
        }
    }

    /// Every row, in the order added.
    pub(super) fn iter(&self) -> impl Iterator<Item = PackedRow> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// Sorts by `conn_id`, then `ts`; a socket's rows of the same time keep their order. The lists
    /// are then sorted by first use. No row can be added until everything is cleared.
    pub(super) fn sort(&mut self) {
        self.lines = self.sorted();
        rearrange(&mut self.identities, &mut self.lines, |line| &mut line.identity);
        rearrange(&mut self.counters, &mut self.lines, |line| &mut line.counters);
        rearrange(&mut self.moments, &mut self.lines, |line| &mut line.moment);
        rearrange(&mut self.loads, &mut self.lines, |line| &mut line.load);
    }

    fn sorted(&self) -> Vec<Line> {
        let (rank_of, ranks) = self.ranks();
        let mut ends = vec![0_u32; ranks + 1];
        for line in &self.lines {
            ends[rank_of[line.identity as usize] as usize + 1] += 1;
        }
        for rank in 1..ends.len() {
            ends[rank] += ends[rank - 1];
        }
        // Where each socket's rows begin; after the last of them is placed, where they end.
        let mut sorted = self.lines.clone();
        for line in &self.lines {
            let end = &mut ends[rank_of[line.identity as usize] as usize];
            sorted[*end as usize] = *line;
            *end += 1;
        }
        let ts_us = |line: &Line| self.moments[line.moment as usize].ts_us;
        let mut start = 0;
        for end in ends.into_iter().take(ranks) {
            let of_socket = &mut sorted[start as usize..end as usize];
            // An event is reported after the snapshot that it preceded.
            if !of_socket.is_sorted_by_key(ts_us) {
                of_socket.sort_by_key(ts_us);
            }
            start = end;
        }
        sorted
    }

    /// For each identity, the number of smaller `conn_id`s, and the total number.
    fn ranks(&self) -> (Vec<u32>, usize) {
        let mut by_id: Vec<(u64, u32)> =
            (0..).zip(&self.identities).map(|(index, identity)| (identity.conn_id, index)).collect();
        by_id.sort_unstable();
        let mut rank_of = vec![0; by_id.len()];
        let mut ranks = 0;
        for of_socket in by_id.chunk_by(|a, b| a.0 == b.0) {
            for (_, identity) in of_socket {
                rank_of[*identity as usize] = ranks;
            }
            ranks += 1;
        }
        (rank_of, ranks as usize)
    }

    /// Clears everything but keeps the memory.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.identities.clear();
        self.counters.clear();
        self.moments.clear();
        self.loads.clear();
        self.queries.clear();
        self.applications.clear();
        self.sockets.clear();
        (self.first, self.last, self.expected) = (None, None, None);
        self.uncounted = None;
        self.loads_of.clear();
    }
}

/// Sorts a list by first use in the lines: each column walks along it.
fn rearrange<T: Copy>(list: &mut [T], lines: &mut [Line], key_of: fn(&mut Line) -> &mut u32) {
    let mut new = vec![u32::MAX; list.len()];
    let mut order = Vec::with_capacity(list.len());
    for line in lines {
        let key = key_of(line);
        let index = &mut new[*key as usize];
        if *index == u32::MAX {
            *index = added(&mut order, *key);
        }
        *key = *index;
    }
    reorder(list, order);
}

/// Permutes the items by `order`, cycle by cycle: a second copy would be the largest piece of
/// memory that a row group needs. Each index is in `order` once.
fn reorder<T: Copy>(items: &mut [T], mut order: Vec<u32>) {
    for start in 0..order.len() {
        let first = items[start];
        let mut to = start;
        loop {
            let from = order[to] as usize;
            order[to] = to as u32;
            if from == start {
                items[to] = first;
                break;
            }
            if from == to {
                break;
            }
            items[to] = items[from];
            to = from;
        }
    }
}

/// Appends an item and returns its index.
fn added<T>(list: &mut Vec<T>, item: T) -> u32 {
    list.push(item);
    list.len() as u32 - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::delta::tests::any_rows;
    use super::*;

    /// The rows of ticks with this many rows each.
    fn rows_of(packed: &[PackedRow], of_tick: usize) -> Rows {
        let mut rows = Rows::default();
        for (index, row) in packed.iter().enumerate() {
            if index % of_tick == 0 {
                rows.end_tick();
            }
            let index = rows.index_of(row.conn_id);
            rows.push(row, index);
        }
        rows
    }

    #[test]
    fn every_order_can_be_made_in_place() {
        let orders: [&[u32]; 6] = [&[], &[0], &[0, 1, 2], &[1, 0, 2], &[2, 0, 1], &[3, 2, 0, 1]];
        for order in orders {
            let mut items: Vec<u32> = (10..10 + order.len() as u32).collect();
            reorder(&mut items, order.to_vec());
            let expected: Vec<u32> = order.iter().map(|from| from + 10).collect();
            assert_eq!(items, expected);
        }
    }

    fn quiet(conn_id: u64, tick: u32) -> PackedRow {
        let counters = Counters { bytes_sent: Some(1), ..Counters::default() };
        PackedRow { conn_id, counters, tick, ..super::super::delta::BLANK }
    }

    #[test]
    fn what_quiet_sockets_say_again_is_kept_once() {
        let rows: Vec<_> = (0..50).flat_map(|tick| (0..10).map(move |id| quiet(id, tick))).collect();
        let rows = rows_of(&rows, 10);
        let lengths = [rows.identities.len(), rows.counters.len(), rows.moments.len(), rows.loads.len()];
        assert_eq!((rows.len(), lengths), (500, [10, 10, 50, 1]));
    }

    #[test]
    fn sockets_that_come_and_go_do_not_make_the_others_new() {
        let mut rows = Rows::default();
        let mut seen = std::collections::BTreeSet::new();
        for tick in 0..20_u32 {
            // In each tick, three sockets have gone, and three others have come.
            let ids = (0..200_u64).filter(|id| (id + 7 * u64::from(tick)) % 67 > 0);
            for id in ids {
                let row = quiet(id, tick);
                seen.insert(id);
                let index = rows.index_of(id);
                rows.push(&row, index);
            }
            rows.end_tick();
        }
        assert!(rows.identities.len() < seen.len() + 3 * 20, "{} of {}", rows.identities.len(), seen.len());
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were_pushed(packed in any_rows(), of_tick in 1_usize..8) {
            prop_assert_eq!(rows_of(&packed, of_tick).iter().collect::<Vec<_>>(), packed);
        }

        #[test]
        fn sorted_rows_are_those_of_a_stable_sort(packed in any_rows(), of_tick in 1_usize..8) {
            let mut rows = rows_of(&packed, of_tick);
            rows.sort();
            let mut expected = packed;
            expected.sort_by_key(|row| (row.conn_id, row.ts_us));
            prop_assert_eq!(rows.iter().collect::<Vec<_>>(), expected);
        }
    }
}
