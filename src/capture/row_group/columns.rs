//! The rows as columns: each different value once, and a key for every row.

use ahash::AHashMap;

use super::{PackedRow, RowGroup};
use crate::capture::row::{Kind, Owner, OwnerSource, Protocol, TcpState};
use crate::capture::schema::Column;

/// The key of a row without a value.
pub(super) const NULL: u32 = u32::MAX;

/// Bytes of the length before a text.
const LENGTH_BYTES: usize = 4;

/// Values that are looked at to tell whether nearly all are different.
const SAMPLE: usize = 2048;

/// A column.
pub(super) struct Coded {
    /// For each row the place of its value, or [`NULL`].
    pub(super) keys: Vec<u32>,
    /// The values, in the order in which they first appear.
    pub(super) values: Values,
}

/// The values of a column, each once; where nearly every row has one of its own, some may be there
/// twice, as looking for those would cost more than they do.
pub(super) enum Values {
    /// Numbers of any type, by their bits.
    Numbers(Vec<u64>),
    /// Texts.
    Texts(PlainTexts),
}

impl Values {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.ends.len(),
        }
    }
}

/// Texts as Parquet has them plain: each behind its length in four bytes.
#[derive(Default)]
pub(super) struct PlainTexts {
    pub(super) bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl PlainTexts {
    fn push(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        put(&mut self.bytes);
        let length = (self.bytes.len() - start - LENGTH_BYTES) as u32;
        self.bytes[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        self.ends.push(self.bytes.len() as u32);
    }

    /// A text with its length before it.
    pub(super) fn plain(&self, key: u32) -> &[u8] {
        let key = key as usize;
        let start = key.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[key] as usize]
    }

    /// Every text.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len() as u32).map(|key| &self.plain(key)[LENGTH_BYTES..])
    }
}

impl RowGroup {
    /// The owners of the rows, as [`RowGroup::coded`] wants them.
    pub(super) fn owner_runs(&self) -> Runs {
        self.runs(|row| row.owner.map(u64::from))
    }

    /// The values of one column, in the order of the rows.
    pub(super) fn coded(&self, column: Column, owners: &Runs) -> Coded {
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
            Column::Pid => self.of_owner(owners, |owner| owner.pid.map(u64::from)),
            Column::Ppid => self.of_owner(owners, |owner| owner.ppid.map(u64::from)),
            Column::Uid => self.of_owner(owners, |owner| owner.uid.map(u64::from)),
            Column::ProcessName => self.owner_text(owners, 0),
            Column::Exe => self.owner_text(owners, 1),
            Column::Cmdline => self.owner_text(owners, 2),
            Column::Username => self.owner_text(owners, 3),
            Column::ParentName => self.owner_text(owners, 4),
            Column::Container => self.owner_text(owners, 5),
            Column::ExeSha256 => self.owner_text(owners, 6),
            Column::ProcessStart => self.of_owner(owners, |owner| owner.process_start_us.map(|us| us as u64)),
            Column::CpuPercent => self.numbers(|row| row.cpu_percent.map(|cpu| u64::from(cpu.to_bits()))),
            Column::MemoryRssBytes => self.numbers(|row| row.memory_rss_bytes),
            Column::OwnerSource => {
                self.named(OwnerSource::ALL, OwnerSource::as_str, |row| Some(row.owner_source? as usize))
            }
        }
    }

    fn numbers(&self, get: impl Fn(&PackedRow) -> Option<u64>) -> Coded {
        self.runs(get).into_numbers()
    }

    fn of_owner(&self, owners: &Runs, get: impl Fn(&Owner) -> Option<u64>) -> Coded {
        let of_each: Vec<Option<u64>> = self.owners.iter().map(|owner| get(owner)).collect();
        owners.turned(|owner| of_each[owner as usize]).into_numbers()
    }

    fn texts(&self, get: impl Fn(&PackedRow) -> Option<i32>) -> Coded {
        self.runs(|row| get(row).map(|key| key as u64)).into_texts(self.texts.list.len(), self.put_text())
    }

    fn owner_text(&self, owners: &Runs, index: usize) -> Coded {
        let texts = owners.turned(|owner| self.owner_texts[owner as usize][index].map(|key| key as u64));
        texts.into_texts(self.texts.list.len(), self.put_text())
    }

    fn put_text(&self) -> impl Fn(usize, &mut Vec<u8>) {
        |key, out| self.texts.list[key].put(out)
    }

    /// A column of few names, each known by its place in `all`.
    fn named<T: Copy>(
        &self,
        all: &'static [T],
        name: fn(T) -> &'static str,
        get: impl Fn(&PackedRow) -> Option<usize>,
    ) -> Coded {
        let runs = self.runs(|row| get(row).map(|place| place as u64));
        runs.into_texts(all.len(), |place, out| out.extend_from_slice(name(all[place]).as_bytes()))
    }

    /// Rows of a connection lie together, so that most have the value of the row before.
    fn runs(&self, get: impl Fn(&PackedRow) -> Option<u64>) -> Runs {
        let mut runs = Runs { keys: Vec::with_capacity(self.rows.len()), numbers: Vec::new() };
        let mut last = None;
        for value in self.rows.iter().map(get) {
            if let Some(number) = value.filter(|_| value != last) {
                runs.numbers.push(number);
            }
            runs.keys.push(if value.is_some() { runs.numbers.len() as u32 - 1 } else { NULL });
            last = value;
        }
        runs
    }
}

/// A column by its runs of equal values.
pub(super) struct Runs {
    /// For each row the number of its run, or [`NULL`].
    keys: Vec<u32>,
    /// The value of each run.
    numbers: Vec<u64>,
}

impl Runs {
    /// What belongs to the value of each run.
    fn turned(&self, get: impl Fn(u64) -> Option<u64>) -> Self {
        let mut numbers = Vec::new();
        let mut key_of = |number: &u64| {
            get(*number).map_or(NULL, |number| {
                numbers.push(number);
                numbers.len() as u32 - 1
            })
        };
        let new: Vec<u32> = self.numbers.iter().map(&mut key_of).collect();
        let mut keys = self.keys.clone();
        rename(&mut keys, |run| new[run as usize]);
        Self { keys, numbers }
    }

    fn into_numbers(mut self) -> Coded {
        if !are_mostly_different(&self.numbers) {
            self.unite();
        }
        Coded { keys: self.keys, values: Values::Numbers(self.numbers) }
    }

    /// Of numbers below `count`, each of which stands for a text.
    fn into_texts(mut self, count: usize, put: impl Fn(usize, &mut Vec<u8>)) -> Coded {
        let mut texts = PlainTexts::default();
        if !self.numbers.is_empty() {
            let mut new = vec![NULL; count];
            for number in &self.numbers {
                let new = &mut new[*number as usize];
                if *new == NULL {
                    *new = texts.ends.len() as u32;
                    texts.push(|out| put(*number as usize, out));
                }
            }
            rename(&mut self.keys, |run| new[self.numbers[run as usize] as usize]);
        }
        Coded { keys: self.keys, values: Values::Texts(texts) }
    }

    /// Gives runs of the same value the same key.
    fn unite(&mut self) {
        let mut known: AHashMap<u64, u32> = AHashMap::new();
        let mut numbers = Vec::new();
        let new: Vec<u32> = self
            .numbers
            .iter()
            .map(|number| {
                *known.entry(*number).or_insert_with(|| {
                    numbers.push(*number);
                    numbers.len() as u32 - 1
                })
            })
            .collect();
        if numbers.len() < self.numbers.len() {
            rename(&mut self.keys, |run| new[run as usize]);
            self.numbers = numbers;
        }
    }
}

fn rename(keys: &mut [u32], new: impl Fn(u32) -> u32) {
    keys.iter_mut().filter(|key| **key != NULL).for_each(|key| *key = new(*key));
}

/// Whether each value is there less than one and a half times, by a sample: as many pairs of equal
/// values would be in it as half of the values gave, if each were there twice.
fn are_mostly_different(numbers: &[u64]) -> bool {
    if numbers.len() < 2 * SAMPLE {
        return false;
    }
    let step = numbers.len() / SAMPLE;
    let mut sample: Vec<u64> = numbers.iter().copied().step_by(step).collect();
    sample.sort_unstable();
    let twice = sample.windows(2).filter(|pair| pair[0] == pair[1]).count();
    4 * twice * numbers.len() < sample.len() * sample.len()
}
