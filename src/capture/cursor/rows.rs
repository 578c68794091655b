//! Reads single rows from a batch of columns.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, DictionaryArray, PrimitiveArray, RecordBatch, StringArray};

use crate::capture::{
    Application, Column, Counters, Kind, Owner, OwnerSource, Protocol, Query, Row, TcpState,
};

/// A sentence that says why a row cannot be used.
type Reason = String;

/// A number column; `None` if it was not read because no row has a value.
struct Numbers<'a, T: ArrowPrimitiveType>(Option<&'a PrimitiveArray<T>>);

/// A text column; `None` if it was not read.
struct Words<'a>(Option<(&'a DictionaryArray<Int32Type>, &'a StringArray)>);

/// The text columns of an owner.
const OWNER_TEXTS: [Column; 7] = [
    Column::ProcessName,
    Column::Exe,
    Column::Cmdline,
    Column::Username,
    Column::ParentName,
    Column::Container,
    Column::ExeSha256,
];

/// Identifies an owner within a batch: keys and numbers.
#[derive(PartialEq, Eq, Hash)]
struct OwnerKey {
    texts: [Option<usize>; OWNER_TEXTS.len()],
    numbers: [Option<u32>; 3],
    start_us: Option<i64>,
}

/// The columns of a batch, from which rows are read.
pub(in crate::capture) struct Rows<'a> {
    ts_us: Numbers<'a, TimestampMicrosecondType>,
    mono_ns: Numbers<'a, Int64Type>,
    tick: Numbers<'a, UInt32Type>,
    kind: Words<'a>,
    conn_id: Numbers<'a, UInt64Type>,
    protocol: Words<'a>,
    local_addr: Words<'a>,
    local_port: Numbers<'a, UInt16Type>,
    remote_addr: Words<'a>,
    remote_port: Numbers<'a, UInt16Type>,
    remote_name: Words<'a>,
    netns: Numbers<'a, UInt64Type>,
    state: Words<'a>,
    prev_state: Words<'a>,
    /// Bytes sent and received, packets sent and received.
    counters: [Numbers<'a, UInt64Type>; 4],
    /// Retransmissions and round-trip time.
    tcp: [Numbers<'a, UInt32Type>; 2],
    /// Process, parent, user.
    ids: [Numbers<'a, UInt32Type>; 3],
    owner_texts: [Words<'a>; OWNER_TEXTS.len()],
    process_start: Numbers<'a, TimestampMicrosecondType>,
    cpu_percent: Numbers<'a, Float32Type>,
    memory_rss_bytes: Numbers<'a, UInt64Type>,
    owner_source: Words<'a>,
    protocol_number: Numbers<'a, UInt16Type>,
    /// Name, type, response code and answers of a query.
    query: [Words<'a>; 4],
    /// Protocol, JA3, JA4, subject and issuer.
    application: [Words<'a>; 5],
    /// Owners, names and applications that rows of the batch share.
    owners: AHashMap<OwnerKey, Arc<Owner>>,
    names: AHashMap<usize, Arc<str>>,
    applications: AHashMap<[Option<usize>; 5], Arc<Application>>,
}

impl<'a> Rows<'a> {
    /// Takes the columns of a batch.
    ///
    /// # Errors
    /// A sentence, if a column's type differs from the schema.
    pub(in crate::capture) fn new(batch: &'a RecordBatch) -> Result<Self, Reason> {
        let numbers_u64 = |column| Numbers::<UInt64Type>::of(batch, column);
        let numbers_u32 = |column| Numbers::<UInt32Type>::of(batch, column);
        let words = |column| Words::of(batch, column);
        let [name, exe, cmdline, username, parent, container, sha256] = OWNER_TEXTS;
        Ok(Self {
            ts_us: Numbers::of(batch, Column::Ts)?,
            mono_ns: Numbers::of(batch, Column::MonoNs)?,
            tick: numbers_u32(Column::Tick)?,
            kind: words(Column::Kind)?,
            conn_id: numbers_u64(Column::ConnId)?,
            protocol: words(Column::Protocol)?,
            local_addr: words(Column::LocalAddr)?,
            local_port: Numbers::of(batch, Column::LocalPort)?,
            remote_addr: words(Column::RemoteAddr)?,
            remote_port: Numbers::of(batch, Column::RemotePort)?,
            remote_name: words(Column::RemoteName)?,
            netns: numbers_u64(Column::Netns)?,
            state: words(Column::State)?,
            prev_state: words(Column::PrevState)?,
            counters: [
                numbers_u64(Column::BytesSent)?,
                numbers_u64(Column::BytesReceived)?,
                numbers_u64(Column::PacketsSent)?,
                numbers_u64(Column::PacketsReceived)?,
            ],
            tcp: [numbers_u32(Column::Retransmits)?, numbers_u32(Column::RttUs)?],
            ids: [numbers_u32(Column::Pid)?, numbers_u32(Column::Ppid)?, numbers_u32(Column::Uid)?],
            owner_texts: [
                words(name)?,
                words(exe)?,
                words(cmdline)?,
                words(username)?,
                words(parent)?,
                words(container)?,
                words(sha256)?,
            ],
            process_start: Numbers::of(batch, Column::ProcessStart)?,
            cpu_percent: Numbers::of(batch, Column::CpuPercent)?,
            memory_rss_bytes: numbers_u64(Column::MemoryRssBytes)?,
            owner_source: words(Column::OwnerSource)?,
            protocol_number: Numbers::of(batch, Column::ProtocolNumber)?,
            query: [
                words(Column::QueryName)?,
                words(Column::QueryType)?,
                words(Column::ResponseCode)?,
                words(Column::Answers)?,
            ],
            application: [
                words(Column::AppProtocol)?,
                words(Column::Ja3)?,
                words(Column::Ja4)?,
                words(Column::TlsSubject)?,
                words(Column::TlsIssuer)?,
            ],
            owners: AHashMap::new(),
            names: AHashMap::new(),
            applications: AHashMap::new(),
        })
    }

    /// The row at an index; `None` if it is of a kind that only later versions know.
    ///
    /// # Errors
    /// A sentence, if it has a value that no version of netrec writes.
    pub(in crate::capture) fn get(&mut self, row: usize) -> Result<Option<Row>, Reason> {
        let kind = self.kind.get(row).ok_or_else(|| without_value(Column::Kind))?;
        let Some(kind) = Kind::from_text(kind) else { return Ok(None) };
        let conn_id = self.conn_id.always(row, Column::ConnId)?;
        let protocol = self.protocol.get(row).map(Protocol::read);
        let protocol = protocol.ok_or_else(|| without_value(Column::Protocol))?;
        let local_addr = always(self.local_addr.get(row).map(address).transpose(), Column::LocalAddr)?;
        let local_port = self.local_port.get(row);
        if local_port.is_none() && protocol.has_ports() {
            return Err(without_value(Column::LocalPort));
        }
        let remote_addr = self.remote_addr.get(row).map(address).transpose()?;
        Ok(Some(Row {
            ts_us: self.ts_us.always(row, Column::Ts)?,
            mono_ns: self.mono_ns.always(row, Column::MonoNs)?,
            tick: self.tick.always(row, Column::Tick)?,
            kind,
            protocol_number: self.protocol_number.get(row),
            remote: remote_addr.map(|addr| (addr, self.remote_port.get(row).unwrap_or_default())),
            remote_name: self.remote_name(row),
            netns: self.netns.get(row),
            state: self.state.member(row, TcpState::from_text)?,
            prev_state: self.prev_state.member(row, TcpState::from_text)?,
            counters: Counters {
                bytes_sent: self.counters[0].get(row),
                bytes_received: self.counters[1].get(row),
                packets_sent: self.counters[2].get(row),
                packets_received: self.counters[3].get(row),
                retransmits: self.tcp[0].get(row),
                rtt_us: self.tcp[1].get(row),
            },
            owner: self.owner(row),
            owner_source: self.owner_source.member(row, OwnerSource::from_text)?,
            cpu_percent: self.cpu_percent.get(row).filter(|cpu| cpu.is_finite()),
            memory_rss_bytes: self.memory_rss_bytes.get(row),
            query: self.query(row),
            application: self.application(row),
            ..Row::snapshot(conn_id, protocol, (local_addr, local_port.unwrap_or_default()))
        }))
    }

    fn query(&self, row: usize) -> Option<Arc<Query>> {
        let [name, query_type, response_code, answers] = &self.query;
        let owned = |words: &Words<'_>| words.get(row).map(str::to_owned);
        Some(Arc::new(Query {
            name: owned(name)?,
            query_type: owned(query_type),
            response_code: owned(response_code),
            answers: owned(answers),
        }))
    }

    fn application(&mut self, row: usize) -> Option<Arc<Application>> {
        let keys: [Option<usize>; 5] = std::array::from_fn(|index| self.application[index].key(row));
        if keys == [None; 5] {
            return None;
        }
        if let Some(known) = self.applications.get(&keys) {
            return Some(Arc::clone(known));
        }
        let text = |index: usize| self.application[index].text(keys[index]?).map(str::to_owned);
        let application = Arc::new(Application {
            protocol: text(0).map(Into::into),
            ja3: text(1),
            ja4: text(2),
            tls_subject: text(3),
            tls_issuer: text(4),
        });
        self.applications.insert(keys, Arc::clone(&application));
        Some(application)
    }

    fn remote_name(&mut self, row: usize) -> Option<Arc<str>> {
        let key = self.remote_name.key(row)?;
        let text = self.remote_name.text(key)?;
        Some(Arc::clone(self.names.entry(key).or_insert_with(|| text.into())))
    }

    fn owner(&mut self, row: usize) -> Option<Arc<Owner>> {
        let key = OwnerKey {
            texts: std::array::from_fn(|index| self.owner_texts[index].key(row)),
            numbers: std::array::from_fn(|index| self.ids[index].get(row)),
            start_us: self.process_start.get(row),
        };
        let is_unknown = key.start_us.is_none()
            && key.numbers.iter().all(Option::is_none)
            && key.texts.iter().all(Option::is_none);
        if is_unknown {
            return None;
        }
        if let Some(owner) = self.owners.get(&key) {
            return Some(Arc::clone(owner));
        }
        let text = |index: usize| self.owner_texts[index].text(key.texts[index]?).map(str::to_owned);
        let owner = Arc::new(Owner {
            pid: key.numbers[0],
            ppid: key.numbers[1],
            uid: key.numbers[2],
            process_name: text(0),
            exe: text(1),
            cmdline: text(2),
            username: text(3),
            parent_name: text(4),
            container: text(5),
            exe_sha256: text(6),
            process_start_us: key.start_us,
        });
        self.owners.insert(key, Arc::clone(&owner));
        Some(owner)
    }
}

impl<'a, T: ArrowPrimitiveType> Numbers<'a, T> {
    fn of(batch: &'a RecordBatch, column: Column) -> Result<Self, Reason> {
        let Some(array) = batch.column_by_name(column.name()) else { return Ok(Self(None)) };
        Ok(Self(Some(array.as_primitive_opt().ok_or_else(|| odd(column))?)))
    }

    fn get(&self, row: usize) -> Option<T::Native> {
        let array = self.0.filter(|array| row < array.len() && array.is_valid(row))?;
        Some(array.value(row))
    }

    fn always(&self, row: usize, column: Column) -> Result<T::Native, Reason> {
        self.get(row).ok_or_else(|| without_value(column))
    }
}

impl<'a> Words<'a> {
    fn of(batch: &'a RecordBatch, column: Column) -> Result<Self, Reason> {
        let Some(array) = batch.column_by_name(column.name()) else { return Ok(Self(None)) };
        let keys: &DictionaryArray<Int32Type> = array.as_dictionary_opt().ok_or_else(|| odd(column))?;
        let values = keys.values().as_string_opt::<i32>().ok_or_else(|| odd(column))?;
        Ok(Self(Some((keys, values))))
    }

    fn key(&self, row: usize) -> Option<usize> {
        let (array, values) = self.0?;
        let key = (row < array.len()).then(|| array.key(row)).flatten()?;
        (key < values.len() && values.is_valid(key)).then_some(key)
    }

    fn text(&self, key: usize) -> Option<&'a str> {
        Some(self.0?.1.value(key))
    }

    fn get(&self, row: usize) -> Option<&'a str> {
        self.text(self.key(row)?)
    }

    fn member<M>(&self, row: usize, from_text: fn(&str) -> Option<M>) -> Result<Option<M>, Reason> {
        let Some(text) = self.get(row) else { return Ok(None) };
        from_text(text).map(Some).ok_or_else(|| format!("{} is not a valid value of its column", quote(text)))
    }
}

fn address(text: &str) -> Result<IpAddr, Reason> {
    text.parse().map_err(|_| format!("{} is not an address", quote(text)))
}

fn always<T>(value: Result<Option<T>, Reason>, column: Column) -> Result<T, Reason> {
    value?.ok_or_else(|| without_value(column))
}

fn without_value(column: Column) -> Reason {
    format!("its column {} has a row without a value", column.name())
}

fn odd(column: Column) -> Reason {
    format!("its column {} is not what the file's schema says", column.name())
}

/// A text of the capture for an error message, quoted and cut to a line.
fn quote(text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    format!("{start:?}")
}
