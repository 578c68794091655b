//! The rows as columns: each different value once, and a key for every row.

use ahash::AHashMap;

use super::{PackedRow, RowGroup};
use crate::capture::row::{Kind, Owner, OwnerSource, Protocol, TcpState};
use crate::capture::schema::Column;

/// The key of a row without a value.
pub(super) const NULL: u32 = u32::MAX;

/// A column.
pub(super) struct Coded<'a> {
    /// For each row the place of its value, or [`NULL`].
    pub(super) keys: Vec<u32>,
    /// The different values, in the order in which they first appear.
    pub(super) values: Values<'a>,
}

/// The different values of a column.
pub(super) enum Values<'a> {
    /// Numbers of any type, by their bits.
    Numbers(Vec<u64>),
    /// Texts.
    Texts(Vec<&'a str>),
}

impl Values<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.len(),
        }
    }
}

impl RowGroup {
    /// The values of one column, in the order of the rows.
    pub(super) fn coded(&self, column: Column) -> Coded<'_> {
        match column {
            Column::Ts => self.numbers(|row| Some(row.ts_us as u64)),
            Column::MonoNs => self.numbers(|row| Some(row.mono_ns as u64)),
            Column::Tick => self.numbers(|row| Some(u64::from(row.tick))),
            Column::Kind => self.named(Kind::ALL, Kind::as_str, |row| Some(row.kind as usize)),
            Column::ConnId => self.numbers(|row| Some(row.conn_id)),
            Column::Protocol => {
                self.named(Protocol::ALL, Protocol::as_str, |row| Some(row.protocol as usize))
            }
            Column::LocalAddr => self.texts(|row| Some(row.local_addr)),
            Column::LocalPort => self.numbers(|row| Some(u64::from(row.local_port))),
            Column::RemoteAddr => self.texts(|row| row.remote_addr),
            Column::RemotePort => self.numbers(|row| row.remote_addr.map(|_| u64::from(row.remote_port))),
            Column::RemoteName => self.texts(|row| row.remote_name),
            Column::Netns => self.numbers(|row| row.netns),
            Column::State => self.named(TcpState::ALL, TcpState::as_str, |row| Some(row.state? as usize)),
            Column::PrevState => {
                self.named(TcpState::ALL, TcpState::as_str, |row| Some(row.prev_state? as usize))
            }
            Column::BytesSent => self.numbers(|row| row.counters.bytes_sent),
            Column::BytesReceived => self.numbers(|row| row.counters.bytes_received),
            Column::PacketsSent => self.numbers(|row| row.counters.packets_sent),
            Column::PacketsReceived => self.numbers(|row| row.counters.packets_received),
            Column::Retransmits => self.numbers(|row| row.counters.retransmits.map(u64::from)),
            Column::RttUs => self.numbers(|row| row.counters.rtt_us.map(u64::from)),
            Column::Pid => self.of_owner(|owner| owner.pid.map(u64::from)),
            Column::Ppid => self.of_owner(|owner| owner.ppid.map(u64::from)),
            Column::Uid => self.of_owner(|owner| owner.uid.map(u64::from)),
            Column::ProcessName => self.owner_text(0),
            Column::Exe => self.owner_text(1),
            Column::Cmdline => self.owner_text(2),
            Column::Username => self.owner_text(3),
            Column::ParentName => self.owner_text(4),
            Column::Container => self.owner_text(5),
            Column::ExeSha256 => self.owner_text(6),
            Column::ProcessStart => self.of_owner(|owner| owner.process_start_us.map(|us| us as u64)),
            Column::CpuPercent => self.numbers(|row| row.cpu_percent.map(|cpu| u64::from(cpu.to_bits()))),
            Column::MemoryRssBytes => self.numbers(|row| row.memory_rss_bytes),
            Column::OwnerSource => {
                self.named(OwnerSource::ALL, OwnerSource::as_str, |row| Some(row.owner_source? as usize))
            }
        }
    }

    fn numbers(&self, get: impl Fn(&PackedRow) -> Option<u64>) -> Coded<'_> {
        let mut known: AHashMap<u64, u32> = AHashMap::new();
        let mut numbers = Vec::new();
        let keys = self.keys(get, |number| {
            *known.entry(number).or_insert_with(|| {
                numbers.push(number);
                numbers.len() as u32 - 1
            })
        });
        Coded { keys, values: Values::Numbers(numbers) }
    }

    fn of_owner(&self, get: impl Fn(&Owner) -> Option<u64>) -> Coded<'_> {
        let of_each: Vec<Option<u64>> = self.owners.iter().map(|owner| get(owner)).collect();
        self.numbers(|row| of_each[row.owner? as usize])
    }

    fn texts(&self, get: impl Fn(&PackedRow) -> Option<i32>) -> Coded<'_> {
        let text = |key: usize| self.texts.list[key].as_ref();
        self.renumbered(self.texts.list.len(), text, |row| get(row).map(|key| key as usize))
    }

    fn owner_text(&self, index: usize) -> Coded<'_> {
        self.texts(|row| self.owner_texts[row.owner? as usize][index])
    }

    /// A column of few names, each known by its place in `all`.
    fn named<T: Copy>(
        &self,
        all: &'static [T],
        name: fn(T) -> &'static str,
        get: impl Fn(&PackedRow) -> Option<usize>,
    ) -> Coded<'_> {
        self.renumbered(all.len(), |place| name(all[place]), get)
    }

    /// Gives keys in the order of their first use for keys below `count`.
    fn renumbered<'a>(
        &'a self,
        count: usize,
        text: impl Fn(usize) -> &'a str,
        get: impl Fn(&PackedRow) -> Option<usize>,
    ) -> Coded<'a> {
        let mut new = vec![NULL; count];
        let mut texts = Vec::new();
        let keys = self.keys(get, |old| {
            if new[old] == NULL {
                new[old] = texts.len() as u32;
                texts.push(text(old));
            }
            new[old]
        });
        Coded { keys, values: Values::Texts(texts) }
    }

    /// The key of each row. Rows of a connection lie together, so that most have the value of
    /// the row before, which is not looked up again.
    fn keys<T: PartialEq + Copy>(
        &self,
        get: impl Fn(&PackedRow) -> Option<T>,
        mut key_of: impl FnMut(T) -> u32,
    ) -> Vec<u32> {
        let (mut last, mut last_key) = (None, NULL);
        let key = |row| {
            let value = get(row);
            if value != last {
                last_key = value.map_or(NULL, &mut key_of);
                last = value;
            }
            last_key
        };
        self.rows.iter().map(key).collect()
    }
}
