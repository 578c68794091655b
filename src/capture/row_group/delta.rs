//! Encodes the rows of a tick as differences: from the same socket's row in an earlier tick if
//! there is one, else from the previous row.
//!
//! ```text
//! row  = reference · mask · fields
//! reference: 0 for the row before, else 1 + zigzag(index in the base − index expected)
//! mask:      one bit for each field that differs from what is expected
//! fields:    integers as zigzag differences, options with a byte of presence, names by number
//! ```
//!
//! Numbers are LEB128. A quiet socket takes two bytes and almost no work.

use ahash::AHashMap;

use super::{ApplicationKeys, PackedRow, QueryKeys};
use crate::capture::row::{Counters, Kind, OwnerSource, Protocol, TcpState};

/// The reference for the first row of a tick without a base.
pub(super) const BLANK: PackedRow = PackedRow {
    ts_us: 0,
    mono_ns: 0,
    conn_id: 0,
    netns: None,
    counters: Counters {
        bytes_sent: None,
        bytes_received: None,
        packets_sent: None,
        packets_received: None,
        retransmits: None,
        rtt_us: None,
    },
    memory_rss_bytes: None,
    query: QueryKeys { name: None, query_type: None, response_code: None, answers: None },
    application: [0; 5],
    local_addr: 0,
    remote_addr: None,
    remote_name: None,
    owner: None,
    cpu_percent: None,
    tick: 0,
    local_port: 0,
    remote_port: 0,
    kind: Kind::Snapshot,
    protocol: Protocol::Tcp,
    protocol_number: None,
    state: None,
    prev_state: None,
    owner_source: None,
};

/// Calls a macro with every field of a row and its bit in the mask.
macro_rules! for_fields {
    ($each:ident) => {
        $each!(0, ts_us);
        $each!(1, mono_ns);
        $each!(2, tick);
        $each!(3, cpu_percent);
        $each!(4, memory_rss_bytes);
        $each!(5, counters.bytes_sent);
        $each!(6, counters.bytes_received);
        $each!(7, counters.packets_sent);
        $each!(8, counters.packets_received);
        $each!(9, counters.rtt_us);
        $each!(10, counters.retransmits);
        $each!(11, state);
        $each!(12, kind);
        $each!(13, conn_id);
        $each!(14, local_port);
        $each!(15, remote_port);
        $each!(16, local_addr);
        $each!(17, remote_addr);
        $each!(18, owner);
        $each!(19, owner_source);
        $each!(20, prev_state);
        $each!(21, netns);
        $each!(22, remote_name);
        $each!(23, protocol);
        $each!(24, protocol_number);
        $each!(25, query.name);
        $each!(26, query.query_type);
        $each!(27, query.response_code);
        $each!(28, query.answers);
        $each!(29, application);
    };
}

/// The index of each socket's row in a base.
pub(super) type RowIndex = AHashMap<u64, u32>;

/// The index of each socket's last row.
pub(super) fn row_index(base: impl Iterator<Item = PackedRow>) -> RowIndex {
    (0..).zip(base).map(|(index, row)| (row.conn_id, index)).collect()
}

/// Encodes rows, whose owners are below `owners`, relative to a base, whose rows `base` returns.
pub(super) fn encode(
    rows: impl Iterator<Item = PackedRow>,
    base: impl Fn(usize) -> Option<PackedRow>,
    row_index: &RowIndex,
    owners: usize,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut expected = Expected::new(owners);
    for row in rows {
        let next = base(expected.next).filter(|next| next.conn_id == row.conn_id);
        let index = match next {
            Some(_) => Some(expected.next),
            None => row_index.get(&row.conn_id).map(|index| *index as usize),
        };
        put_number(index.map_or(0, |index| 1 + zigzag(index as i64 - expected.next as i64)), &mut out);
        let like = expected.row(next.or_else(|| base(index?)));
        let mut mask = 0_u64;
        macro_rules! compare {
            ($bit:literal, $($field:ident).+) => {
                mask |= u64::from(row.$($field).+ != like.$($field).+) << $bit;
            };
        }
        for_fields!(compare);
        put_number(mask, &mut out);
        if mask != 0 {
            macro_rules! put {
                ($bit:literal, $($field:ident).+) => {
                    if mask >> $bit & 1 == 1 {
                        row.$($field).+.put(like.$($field).+, &mut out);
                    }
                };
            }
            for_fields!(put);
        }
        expected.saw(row, index);
    }
    out
}

/// Decodes them; `None` if the bytes were not made by [`encode`] with the same base.
pub(super) fn decode(
    mut bytes: &[u8],
    count: usize,
    base: &[PackedRow],
    owners: usize,
) -> Option<Vec<PackedRow>> {
    let mut rows = Vec::new();
    let mut expected = Expected::new(owners);
    for _ in 0..count {
        let index = match get_number(&mut bytes)? {
            0 => None,
            reference => {
                let index = (expected.next as i64).checked_add(unzigzag(reference - 1))?;
                Some(usize::try_from(index).ok().filter(|index| *index < base.len())?)
            }
        };
        let mut row = expected.row(index.map(|index| base[index]));
        let mask = get_number(&mut bytes)?;
        macro_rules! get {
            ($bit:literal, $($field:ident).+) => {
                if mask >> $bit & 1 == 1 {
                    row.$($field).+ = Cell::get(row.$($field).+, &mut bytes)?;
                }
            };
        }
        for_fields!(get);
        expected.saw(row, index);
        rows.push(row);
    }
    bytes.is_empty().then_some(rows)
}

/// Predicts the next row.
struct Expected {
    /// Its index in the base: sockets usually come in the order of the previous tick.
    next: usize,
    before: PackedRow,
    is_first: bool,
    /// CPU and memory of each owner in this tick, the same in all its rows.
    loads: Vec<Option<(Option<f32>, Option<u64>)>>,
}

impl Expected {
    fn new(owners: usize) -> Self {
        Self { next: 0, before: BLANK, is_first: true, loads: vec![None; owners] }
    }

    /// The predicted row; `like` is the socket's row in the base.
    fn row(&self, like: Option<PackedRow>) -> PackedRow {
        let Some(mut row) = like else { return self.before };
        if !self.is_first {
            (row.ts_us, row.mono_ns, row.tick) = (self.before.ts_us, self.before.mono_ns, self.before.tick);
        }
        if let Some((cpu_percent, memory_rss_bytes)) = row.owner.and_then(|owner| self.load(owner)) {
            (row.cpu_percent, row.memory_rss_bytes) = (cpu_percent, memory_rss_bytes);
        }
        row
    }

    fn load(&self, owner: u32) -> Option<(Option<f32>, Option<u64>)> {
        *self.loads.get(owner as usize)?
    }

    fn saw(&mut self, row: PackedRow, index: Option<usize>) {
        if let Some(load) = row.owner.and_then(|owner| self.loads.get_mut(owner as usize)) {
            *load = Some((row.cpu_percent, row.memory_rss_bytes));
        }
        self.next = index.map_or(self.next, |index| index + 1);
        (self.before, self.is_first) = (row, false);
    }
}

/// A field that can be encoded relative to a prediction.
trait Cell: Copy {
    fn put(self, expected: Self, out: &mut Vec<u8>);
    /// `None` if the bytes end too early or are not valid for the field.
    fn get(expected: Self, bytes: &mut &[u8]) -> Option<Self>;
}

macro_rules! integer_cells {
    ($($integer:ty)+) => {$(
        #[allow(clippy::cast_lossless, reason = "one text for all widths, of which some lose nothing")]
        impl Cell for $integer {
            fn put(self, expected: Self, out: &mut Vec<u8>) {
                put_number(zigzag((self as i64).wrapping_sub(expected as i64)), out);
            }

            fn get(expected: Self, bytes: &mut &[u8]) -> Option<Self> {
                let value = (expected as i64).wrapping_add(unzigzag(get_number(bytes)?));
                // Only a lossless conversion can be what was encoded.
                (value as Self as i64 == value).then_some(value as Self)
            }
        }
    )+};
}

integer_cells!(i64 u64 i32 u32 u16);

macro_rules! name_cells {
    ($($name:ty)+) => {$(
        impl Cell for $name {
            fn put(self, _: Self, out: &mut Vec<u8>) {
                out.push(self as u8);
            }

            fn get(_: Self, bytes: &mut &[u8]) -> Option<Self> {
                Self::ALL.get(usize::from(get_byte(bytes)?)).copied()
            }
        }
    )+};
}

name_cells!(Kind Protocol TcpState OwnerSource);

impl Cell for f32 {
    fn put(self, _: Self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn get(_: Self, bytes: &mut &[u8]) -> Option<Self> {
        let (value, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(Self::from_le_bytes(*value))
    }
}

/// The reference for a value without a prediction.
trait Blank {
    const BLANK: Self;
}

macro_rules! blanks {
    ($($type:ty = $blank:expr,)+) => {$(impl Blank for $type { const BLANK: Self = $blank; })+};
}

blanks! {
    u64 = 0,
    u32 = 0,
    i32 = 0,
    u16 = 0,
    f32 = 0.0,
    TcpState = TcpState::Established,
    OwnerSource = OwnerSource::Event,
}

impl<T: Cell + Blank> Cell for Option<T> {
    fn put(self, expected: Self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.put(expected.unwrap_or(T::BLANK), out);
        }
    }

    fn get(expected: Self, bytes: &mut &[u8]) -> Option<Self> {
        match get_byte(bytes)? {
            0 => Some(None),
            1 => Some(Some(T::get(expected.unwrap_or(T::BLANK), bytes)?)),
            _ => None,
        }
    }
}

impl Cell for ApplicationKeys {
    fn put(self, expected: Self, out: &mut Vec<u8>) {
        for (key, expected) in self.into_iter().zip(expected) {
            key.put(expected, out);
        }
    }

    fn get(mut expected: Self, bytes: &mut &[u8]) -> Option<Self> {
        for key in &mut expected {
            *key = Cell::get(*key, bytes)?;
        }
        Some(expected)
    }
}

/// Small numbers of either sign as small numbers.
pub(in crate::capture) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

pub(in crate::capture) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn get_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = get_byte(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn get_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any row, from few sockets and owners so that some recur.
    fn any_row() -> impl Strategy<Value = PackedRow> {
        let clocks = (any::<i64>(), any::<i64>(), any::<u32>(), 0_u64..8);
        let counters =
            (any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u32>>(), any::<Option<u32>>());
        let keys = (any::<i32>(), any::<Option<i32>>(), proptest::option::of(0_u32..4), any::<[u16; 2]>());
        let names = (
            0..Kind::ALL.len(),
            0..Protocol::ALL.len(),
            proptest::option::of(0..11_usize),
            proptest::option::of(0..4_usize),
        );
        let load = (proptest::option::of(-1e9_f32..1e9), any::<Option<u64>>());
        (clocks, counters, keys, names, load).prop_map(|(clocks, counters, keys, names, load)| PackedRow {
            ts_us: clocks.0,
            mono_ns: clocks.1,
            tick: clocks.2,
            conn_id: clocks.3,
            netns: counters.1,
            counters: Counters {
                bytes_sent: counters.0,
                bytes_received: counters.1,
                packets_sent: counters.1,
                packets_received: counters.0,
                retransmits: counters.2,
                rtt_us: counters.3,
            },
            memory_rss_bytes: load.1,
            local_addr: keys.0,
            remote_addr: keys.1,
            remote_name: keys.1,
            owner: keys.2,
            cpu_percent: load.0,
            local_port: keys.3[0],
            remote_port: keys.3[1],
            kind: Kind::ALL[names.0],
            protocol: Protocol::ALL[names.1],
            protocol_number: names.2.map(|_| keys.3[0]),
            query: QueryKeys { name: keys.1, query_type: keys.1, response_code: None, answers: Some(keys.0) },
            application: [7, 0, u32::from(keys.3[0]), 1, 0],
            state: names.2.map(|n| TcpState::ALL[n]),
            prev_state: names.2.map(|n| TcpState::ALL[10 - n]),
            owner_source: names.3.map(|n| OwnerSource::ALL[n]),
        })
    }

    pub(in super::super) fn any_rows() -> impl Strategy<Value = Vec<PackedRow>> {
        proptest::collection::vec(any_row(), 0..20)
    }

    fn encoded(rows: &[PackedRow], base: &[PackedRow], owners: usize) -> Vec<u8> {
        let row_index = row_index(base.iter().copied());
        encode(rows.iter().copied(), |index| base.get(index).copied(), &row_index, owners)
    }

    fn quiet(conn_id: u64, tick: u32) -> PackedRow {
        PackedRow { conn_id, tick, ts_us: i64::from(tick) * 1_000_000, owner: Some(0), ..BLANK }
    }

    #[test]
    fn a_quiet_socket_takes_two_bytes() {
        let tick = |tick| (0..100).map(|id| quiet(id, tick)).collect::<Vec<_>>();
        let (base, next) = (tick(0), tick(1));
        let bytes = encoded(&next, &base, 1);
        assert!(bytes.len() < 2 * 100 + 10, "{} bytes", bytes.len());
        assert_eq!(decode(&bytes, 100, &base, 1), Some(next));
    }

    #[test]
    fn a_load_that_changes_is_told_once_for_each_owner() {
        let tick = |cpu: f32| {
            let row = |id| PackedRow { cpu_percent: Some(cpu), owner: Some(id as u32 % 2), ..quiet(id, 0) };
            (0..100).map(row).collect::<Vec<_>>()
        };
        let (base, next) = (tick(1.5), tick(2.5));
        let bytes = encoded(&next, &base, 2);
        assert!(bytes.len() <= 2 * 100 + 2 * 6, "{} bytes", bytes.len());
        assert_eq!(decode(&bytes, 100, &base, 2), Some(next));
    }

    #[test]
    fn a_reference_beyond_the_base_is_refused() {
        let base = [quiet(1, 0)];
        let bytes = encoded(&[quiet(1, 1)], &base, 1);
        assert!(decode(&bytes, 1, &base, 1).is_some());
        assert_eq!(decode(&bytes, 1, &[], 1), None);
    }

    proptest! {
        #[test]
        fn rows_come_back_with_any_base_and_without(rows in any_rows(), base in any_rows()) {
            let bytes = encoded(&rows, &base, 4);
            prop_assert_eq!(decode(&bytes, rows.len(), &base, 4), Some(rows.clone()));
            let bytes = encoded(&rows, &[], 4);
            prop_assert_eq!(decode(&bytes, rows.len(), &[], 4), Some(rows));
        }

        #[test]
        fn garbage_gives_rows_or_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            base in any_rows(),
            count in 0_usize..1000,
        ) {
            let rows = decode(&bytes, count, &base, 4);
            prop_assert!(rows.is_none_or(|rows| rows.len() == count && count <= bytes.len()));
        }
    }
}
