//! The rows as columns: each distinct value once, and runs of keys.

use ahash::AHashMap;

use super::rows::{Identity, Line, Load, Timestamps};
use super::{QueryKeys, RowGroup};
use crate::capture::row::{Counters, Kind, Owner, OwnerSource, Protocol, TcpState};
use crate::capture::schema::Column;

/// The key of a row without a value.
pub(super) const NULL: u32 = u32::MAX;

/// Size of the length before a text, in bytes.
const LENGTH_BYTES: usize = 4;

/// Number of sampled values to decide whether nearly all are distinct.
const SAMPLE: usize = 2048;

/// Consecutive rows with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) key: u32,
    pub(super) rows: u32,
}

/// A column.
pub(super) struct Coded {
    /// Indices of the rows' values, in row order, or [`NULL`].
    pub(super) runs: Vec<Run>,
    /// The values, in order of first appearance.
    pub(super) values: Values,
}

/// The distinct values of a column. If nearly every row has its own, a few may occur twice, because
/// finding those would cost more than they do.
pub(super) enum Values {
    /// Numbers of any type, as bits.
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

/// Texts in Parquet's plain encoding: each after its length in four bytes.
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

    /// A text with its length prefix.
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

/// The list items that the rows of a group use.
pub(super) struct Lists {
    identities: Keyed,
    owners: Keyed,
    counters: Keyed,
    moments: Keyed,
    loads: Keyed,
}

impl RowGroup {
    /// The lists, in the form for [`RowGroup::coded`].
    pub(super) fn lists(&self) -> Lists {
        let rows = &self.rows;
        let keyed =
            |get: fn(&Line) -> u32, count| Keyed::new(rows.lines.iter().map(|line| Some(get(line))), count);
        let identities = keyed(|line| line.identity, rows.identities.len());
        let owner = |item: usize| Some(rows.identities[item].owner? as usize);
        Lists {
            owners: identities.turned(self.owners.len(), owner),
            identities,
            counters: keyed(|line| line.counters, rows.counters.len()),
            moments: keyed(|line| line.moment, rows.moments.len()),
            loads: keyed(|line| line.load, rows.loads.len()),
        }
    }

    /// The values of one column, in row order.
    pub(super) fn coded(&self, column: Column, lists: &Lists) -> Coded {
        match column {
            Column::Ts => self.of_moment(lists, |moment| moment.ts_us as u64),
            Column::MonoNs => self.of_moment(lists, |moment| moment.mono_ns as u64),
            Column::Tick => self.of_moment(lists, |moment| u64::from(moment.tick)),
            Column::Kind => self.named(Kind::ALL, Kind::as_str, |line| Some(line.kind as u32)),
            Column::ConnId => self.of_identity(lists, |identity| Some(identity.conn_id)),
            Column::Protocol => lists.identities.texts(
                Protocol::ALL.len(),
                put_name(Protocol::ALL, Protocol::as_str),
                |key| Some(self.rows.identities[key].protocol as usize),
            ),
            Column::LocalAddr => self.text(lists, |identity| Some(identity.local_addr)),
            Column::LocalPort => self.port(lists, |identity| Some(identity.local_port)),
            Column::RemoteAddr => self.text(lists, |identity| identity.remote_addr),
            Column::RemotePort => {
                self.port(lists, |identity| identity.remote_addr.map(|_| identity.remote_port))
            }
            Column::RemoteName => self.text(lists, |identity| identity.remote_name),
            Column::Netns => self.of_identity(lists, |identity| identity.netns),
            Column::State => self.named(TcpState::ALL, TcpState::as_str, |line| Some(line.state? as u32)),
            Column::PrevState => {
                self.named(TcpState::ALL, TcpState::as_str, |line| Some(line.prev_state? as u32))
            }
            Column::BytesSent => self.counter(lists, |counters| counters.bytes_sent),
            Column::BytesReceived => self.counter(lists, |counters| counters.bytes_received),
            Column::PacketsSent => self.counter(lists, |counters| counters.packets_sent),
            Column::PacketsReceived => self.counter(lists, |counters| counters.packets_received),
            Column::Retransmits => self.counter(lists, |counters| counters.retransmits.map(u64::from)),
            Column::RttUs => self.counter(lists, |counters| counters.rtt_us.map(u64::from)),
            Column::Pid => self.of_owner(lists, |owner| owner.pid.map(u64::from)),
            Column::Ppid => self.of_owner(lists, |owner| owner.ppid.map(u64::from)),
            Column::Uid => self.of_owner(lists, |owner| owner.uid.map(u64::from)),
            Column::ProcessName => self.owner_text(lists, 0),
            Column::Exe => self.owner_text(lists, 1),
            Column::Cmdline => self.owner_text(lists, 2),
            Column::Username => self.owner_text(lists, 3),
            Column::ParentName => self.owner_text(lists, 4),
            Column::Container => self.owner_text(lists, 5),
            Column::ExeSha256 => self.owner_text(lists, 6),
            Column::ProcessStart => self.of_owner(lists, |owner| owner.process_start_us.map(|us| us as u64)),
            Column::CpuPercent => self.of_load(lists, |load| load.cpu_bits.map(u64::from)),
            Column::MemoryRssBytes => self.of_load(lists, |load| load.memory_rss_bytes),
            Column::OwnerSource => {
                self.named(OwnerSource::ALL, OwnerSource::as_str, |line| Some(line.owner_source? as u32))
            }
            Column::ProtocolNumber => {
                self.of_identity(lists, |identity| identity.protocol_number.map(u64::from))
            }
            Column::QueryName => self.query_text(lists, |query| query.name),
            Column::QueryType => self.query_text(lists, |query| query.query_type),
            Column::ResponseCode => self.query_text(lists, |query| query.response_code),
            Column::Answers => self.query_text(lists, |query| query.answers),
            Column::AppProtocol => self.application_text(lists, 0),
            Column::Ja3 => self.application_text(lists, 1),
            Column::Ja4 => self.application_text(lists, 2),
            Column::TlsSubject => self.application_text(lists, 3),
            Column::TlsIssuer => self.application_text(lists, 4),
        }
    }

    fn of_identity(&self, lists: &Lists, get: impl Fn(&Identity) -> Option<u64>) -> Coded {
        lists.identities.numbers(|key| get(&self.rows.identities[key]))
    }

    /// Ports, for protocols that have them.
    fn port(&self, lists: &Lists, get: impl Fn(&Identity) -> Option<u16>) -> Coded {
        self.of_identity(lists, |identity| identity.protocol.port(get(identity)?).map(u64::from))
    }

    fn query_text(&self, lists: &Lists, get: impl Fn(&QueryKeys) -> Option<i32>) -> Coded {
        if self.rows.queries.is_empty() {
            return self.no_text();
        }
        self.text(lists, |identity| get(&self.rows.queries[identity.query? as usize]))
    }

    fn application_text(&self, lists: &Lists, index: usize) -> Coded {
        if self.rows.applications.is_empty() {
            return self.no_text();
        }
        self.text(lists, |identity| {
            let keys = &self.rows.applications[identity.application? as usize];
            Some(keys[index].checked_sub(1)? as i32)
        })
    }

    /// A text column without a value.
    fn no_text(&self) -> Coded {
        let rows = self.rows.len() as u32;
        Coded { runs: vec![Run { key: NULL, rows }], values: Values::Texts(PlainTexts::default()) }
    }

    fn of_moment(&self, lists: &Lists, get: impl Fn(&Timestamps) -> u64) -> Coded {
        lists.moments.numbers(|key| Some(get(&self.rows.moments[key])))
    }

    fn of_load(&self, lists: &Lists, get: impl Fn(&Load) -> Option<u64>) -> Coded {
        lists.loads.numbers(|key| get(&self.rows.loads[key]))
    }

    fn counter(&self, lists: &Lists, get: impl Fn(&Counters) -> Option<u64>) -> Coded {
        lists.counters.numbers(|key| get(&self.rows.counters[key]))
    }

    fn of_owner(&self, lists: &Lists, get: impl Fn(&Owner) -> Option<u64>) -> Coded {
        lists.owners.numbers(|key| get(&self.owners[key]))
    }

    fn text(&self, lists: &Lists, get: impl Fn(&Identity) -> Option<i32>) -> Coded {
        self.text_of(&lists.identities, |item| get(&self.rows.identities[item]))
    }

    fn owner_text(&self, lists: &Lists, index: usize) -> Coded {
        self.text_of(&lists.owners, |item| self.owner_texts[item][index])
    }

    fn text_of(&self, keyed: &Keyed, get: impl Fn(usize) -> Option<i32>) -> Coded {
        let put = |text: usize, out: &mut Vec<u8>| self.texts.list[text].put(out);
        keyed.texts(self.texts.list.len(), put, |item| get(item).map(|text| text as usize))
    }

    /// A column of few names, each identified by its index in `all`.
    fn named<T: Copy>(
        &self,
        all: &'static [T],
        name: fn(T) -> &'static str,
        get: impl Fn(&Line) -> Option<u32>,
    ) -> Coded {
        Keyed::new(self.rows.lines.iter().map(get), all.len()).texts(all.len(), put_name(all, name), Some)
    }
}

fn put_name<T: Copy>(all: &'static [T], name: fn(T) -> &'static str) -> impl Fn(usize, &mut Vec<u8>) {
    move |place, out| out.extend_from_slice(name(all[place]).as_bytes())
}

/// Rows by their items in one list.
struct Keyed {
    /// In row order, indices into `items`, or [`NULL`].
    runs: Vec<Run>,
    /// The list items in use, in order of first use.
    items: Vec<u32>,
}

impl Keyed {
    /// From the item that each row uses of a list of `count` items.
    fn new(rows: impl Iterator<Item = Option<u32>>, count: usize) -> Self {
        let (mut runs, mut items) = (Vec::new(), Vec::new());
        let mut keys = vec![NULL; count];
        for item in rows {
            let key = item.map_or(NULL, |item| keyed(&mut keys[item as usize], item, &mut items));
            push(&mut runs, Run { key, rows: 1 });
        }
        Self { runs, items }
    }

    /// The rows by the items of another list, of `count`, that their items refer to.
    fn turned(&self, count: usize, get: impl Fn(usize) -> Option<usize>) -> Self {
        let mut items = Vec::new();
        let mut keys = vec![NULL; count];
        let key_of = |item: &u32| {
            get(*item as usize).map_or(NULL, |item| keyed(&mut keys[item], item as u32, &mut items))
        };
        let new: Vec<u32> = self.items.iter().map(key_of).collect();
        Self { runs: self.renamed(&new), items }
    }

    /// A number column in which each item has at most one number.
    fn numbers(&self, get: impl Fn(usize) -> Option<u64>) -> Coded {
        let of_items = || self.items.iter().map(|item| get(*item as usize));
        let mut numbers: Vec<u64> = of_items().flatten().collect();
        let mut next = 0..;
        let keys: Vec<u32> = if are_mostly_different(&numbers) {
            of_items().map(|number| number.and_then(|_| next.next()).unwrap_or(NULL)).collect()
        } else {
            numbers.clear();
            let mut known: AHashMap<u64, u32> = AHashMap::new();
            let mut key_of = |number: u64| {
                *known.entry(number).or_insert_with(|| {
                    numbers.push(number);
                    numbers.len() as u32 - 1
                })
            };
            of_items().map(|number| number.map_or(NULL, &mut key_of)).collect()
        };
        Coded { runs: self.renamed(&keys), values: Values::Numbers(numbers) }
    }

    /// A text column in which each item has at most one of `count` texts, by its number.
    fn texts(
        &self,
        count: usize,
        put: impl Fn(usize, &mut Vec<u8>),
        get: impl Fn(usize) -> Option<usize>,
    ) -> Coded {
        let Self { runs, items } = self.turned(count, get);
        let mut texts = PlainTexts::default();
        for text in items {
            texts.push(|out| put(text as usize, out));
        }
        Coded { runs, values: Values::Texts(texts) }
    }

    fn renamed(&self, keys: &[u32]) -> Vec<Run> {
        // Half of the columns have no value in most groups.
        if keys.iter().all(|key| *key == NULL) {
            return vec![Run { key: NULL, rows: self.runs.iter().map(|run| run.rows).sum() }];
        }
        let mut runs = Vec::new();
        for run in &self.runs {
            let key = if run.key == NULL { NULL } else { keys[run.key as usize] };
            push(&mut runs, Run { key, ..*run });
        }
        runs
    }
}

/// The key of an item, assigned at its first use.
fn keyed(key: &mut u32, item: u32, items: &mut Vec<u32>) -> u32 {
    if *key == NULL {
        *key = items.len() as u32;
        items.push(item);
    }
    *key
}

/// Appends a run, or extends the last one.
fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        Some(last) if last.key == run.key => last.rows += run.rows,
        _ => runs.push(run),
    }
}

/// Whether each value occurs less than one and a half times, estimated from a sample: it would
/// contain as many equal pairs as half of the values if each occurred twice.
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
