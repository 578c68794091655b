//! Rows on their way to disk: packed small, then sorted and turned into columns, one at a time.

mod encode;
mod tick;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, DictionaryArray, Int32Array, PrimitiveArray, StringArray};
use arrow::datatypes::{
    Float32Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type,
};

use serde::{Deserialize, Serialize};

pub(super) use self::tick::{Absorbed, TickRows};
use super::row::{Counters, Kind, Owner, OwnerSource, Protocol, Row, TcpState};
use super::schema::Column;

/// Rows of one row group. Strings and owners are kept once and forgotten with the group,
/// so that memory is bounded however many names a long recording sees.
#[derive(Default)]
pub(super) struct RowGroup {
    rows: Vec<PackedRow>,
    texts: Texts,
    owners: Vec<Arc<Owner>>,
    owner_keys: HashMap<usize, u32>,
    owner_texts: Vec<[Option<i32>; OWNER_TEXTS]>,
    /// The first row that came after the last finished tick.
    tick_start: usize,
}

/// The text columns of an owner, in the order of `owner_texts`.
const OWNER_TEXTS: usize = 7;

/// A row with every string replaced by its key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct PackedRow {
    ts_us: i64,
    mono_ns: i64,
    conn_id: u64,
    netns: Option<u64>,
    counters: Counters,
    memory_rss_bytes: Option<u64>,
    local_addr: i32,
    remote_addr: Option<i32>,
    remote_name: Option<i32>,
    owner: Option<u32>,
    cpu_percent: Option<f32>,
    tick: u32,
    local_port: u16,
    remote_port: u16,
    kind: Kind,
    protocol: Protocol,
    state: Option<TcpState>,
    prev_state: Option<TcpState>,
    owner_source: Option<OwnerSource>,
}

impl RowGroup {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn push(&mut self, row: &Row) {
        let packed = PackedRow {
            ts_us: row.ts_us,
            mono_ns: row.mono_ns,
            conn_id: row.conn_id,
            netns: row.netns,
            counters: row.counters,
            memory_rss_bytes: row.memory_rss_bytes,
            local_addr: self.texts.addr(row.local_addr),
            remote_addr: row.remote.map(|(addr, _)| self.texts.addr(addr)),
            remote_name: row.remote_name.as_deref().map(|name| self.texts.key(name)),
            owner: row.owner.as_ref().map(|owner| self.owner_key(owner)),
            cpu_percent: row.cpu_percent,
            tick: row.tick,
            local_port: row.local_port,
            remote_port: row.remote.map_or(0, |(_, port)| port),
            kind: row.kind,
            protocol: row.protocol,
            state: row.state,
            prev_state: row.prev_state,
            owner_source: row.owner_source,
        };
        self.rows.push(packed);
    }

    fn owner_key(&mut self, owner: &Arc<Owner>) -> u32 {
        // The group holds the `Arc`, so the address cannot be reused while the key stands.
        let address = Arc::as_ptr(owner) as usize;
        if let Some(key) = self.owner_keys.get(&address) {
            return *key;
        }
        let texts = [
            &owner.process_name,
            &owner.exe,
            &owner.cmdline,
            &owner.username,
            &owner.parent_name,
            &owner.container,
            &owner.exe_sha256,
        ]
        .map(|text| text.as_deref().map(|text| self.texts.key(text)));
        let key = self.owners.len() as u32;
        self.owners.push(Arc::clone(owner));
        self.owner_texts.push(texts);
        self.owner_keys.insert(address, key);
        key
    }

    fn column(&self, column: Column, texts: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
        let text = |get: &dyn Fn(&PackedRow) -> Option<i32>| dictionary(self.rows.iter().map(get), texts);
        let owner_text =
            |index: usize| text(&|row| row.owner.and_then(|owner| self.owner_texts[owner as usize][index]));
        Ok(match column {
            Column::Ts => {
                let values = PrimitiveArray::<TimestampMicrosecondType>::from_iter_values(
                    self.rows.iter().map(|row| row.ts_us),
                );
                Arc::new(values.with_timezone("UTC"))
            }
            Column::MonoNs => self.primitive::<Int64Type>(|row| Some(row.mono_ns)),
            Column::Tick => self.primitive::<UInt32Type>(|row| Some(row.tick)),
            Column::Kind => self.named(Kind::ALL.iter().map(|k| k.as_str()), |row| Some(row.kind as i32))?,
            Column::ConnId => self.primitive::<UInt64Type>(|row| Some(row.conn_id)),
            Column::Protocol => {
                self.named(Protocol::ALL.iter().map(|p| p.as_str()), |row| Some(row.protocol as i32))?
            }
            Column::LocalAddr => text(&|row| Some(row.local_addr))?,
            Column::LocalPort => self.primitive::<UInt16Type>(|row| Some(row.local_port)),
            Column::RemoteAddr => text(&|row| row.remote_addr)?,
            Column::RemotePort => {
                self.primitive::<UInt16Type>(|row| row.remote_addr.map(|_| row.remote_port))
            }
            Column::RemoteName => text(&|row| row.remote_name)?,
            Column::Netns => self.primitive::<UInt64Type>(|row| row.netns),
            Column::State => self.state(|row| row.state)?,
            Column::PrevState => self.state(|row| row.prev_state)?,
            Column::BytesSent => self.primitive::<UInt64Type>(|row| row.counters.bytes_sent),
            Column::BytesReceived => self.primitive::<UInt64Type>(|row| row.counters.bytes_received),
            Column::PacketsSent => self.primitive::<UInt64Type>(|row| row.counters.packets_sent),
            Column::PacketsReceived => self.primitive::<UInt64Type>(|row| row.counters.packets_received),
            Column::Retransmits => self.primitive::<UInt32Type>(|row| row.counters.retransmits),
            Column::RttUs => self.primitive::<UInt32Type>(|row| row.counters.rtt_us),
            Column::Pid => self.of_owner::<UInt32Type>(|owner| owner.pid),
            Column::Ppid => self.of_owner::<UInt32Type>(|owner| owner.ppid),
            Column::Uid => self.of_owner::<UInt32Type>(|owner| owner.uid),
            Column::ProcessName => owner_text(0)?,
            Column::Exe => owner_text(1)?,
            Column::Cmdline => owner_text(2)?,
            Column::Username => owner_text(3)?,
            Column::ParentName => owner_text(4)?,
            Column::Container => owner_text(5)?,
            Column::ExeSha256 => owner_text(6)?,
            Column::ProcessStart => {
                let values: PrimitiveArray<TimestampMicrosecondType> =
                    self.rows.iter().map(|row| self.owner(row)?.process_start_us).collect();
                Arc::new(values.with_timezone("UTC"))
            }
            Column::CpuPercent => self.primitive::<Float32Type>(|row| row.cpu_percent),
            Column::MemoryRssBytes => self.primitive::<UInt64Type>(|row| row.memory_rss_bytes),
            Column::OwnerSource => self.named(OwnerSource::ALL.iter().map(|o| o.as_str()), |row| {
                row.owner_source.map(|source| source as i32)
            })?,
        })
    }

    fn owner(&self, row: &PackedRow) -> Option<&Owner> {
        row.owner.map(|key| self.owners[key as usize].as_ref())
    }

    fn primitive<T: ArrowPrimitiveType>(&self, get: impl Fn(&PackedRow) -> Option<T::Native>) -> ArrayRef {
        Arc::new(self.rows.iter().map(get).collect::<PrimitiveArray<T>>())
    }

    fn of_owner<T: ArrowPrimitiveType>(&self, get: impl Fn(&Owner) -> Option<T::Native>) -> ArrayRef {
        self.primitive::<T>(|row| self.owner(row).and_then(&get))
    }

    fn state(
        &self,
        get: impl Fn(&PackedRow) -> Option<TcpState>,
    ) -> Result<ArrayRef, arrow::error::ArrowError> {
        self.named(TcpState::ALL.iter().map(|s| s.as_str()), |row| get(row).map(|state| state as i32))
    }

    /// A dictionary column over a fixed list of names.
    fn named(
        &self,
        names: impl Iterator<Item = &'static str>,
        get: impl Fn(&PackedRow) -> Option<i32>,
    ) -> Result<ArrayRef, arrow::error::ArrowError> {
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
        dictionary(self.rows.iter().map(get), &names)
    }
}

fn dictionary(
    keys: impl Iterator<Item = Option<i32>>,
    values: &ArrayRef,
) -> Result<ArrayRef, arrow::error::ArrowError> {
    let keys: Int32Array = keys.collect();
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(values))?))
}

/// Every string of the group once; a string's key is its place in the list.
#[derive(Default)]
struct Texts {
    list: Vec<Arc<str>>,
    keys: HashMap<Arc<str>, i32>,
    addr_keys: HashMap<IpAddr, i32>,
}

impl Texts {
    fn key(&mut self, text: &str) -> i32 {
        if let Some(key) = self.keys.get(text) {
            return *key;
        }
        let text: Arc<str> = text.into();
        let key = self.list.len() as i32;
        self.list.push(Arc::clone(&text));
        self.keys.insert(text, key);
        key
    }

    fn addr(&mut self, addr: IpAddr) -> i32 {
        if let Some(key) = self.addr_keys.get(&addr) {
            return *key;
        }
        let key = self.key(&addr.to_canonical().to_string());
        self.addr_keys.insert(addr, key);
        key
    }
}
