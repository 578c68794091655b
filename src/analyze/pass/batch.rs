//! A batch of rows as typed columns, cut into segments in which nothing but counters and
//! clocks changes.
//!
//! A socket's rows lie together, and most of its columns do not change from tick to tick. One
//! comparison of each column with itself, shifted by a row, finds the places where something
//! does; what names a socket or an owner is then looked at once per segment, not per row.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, DictionaryArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::{NullBuffer, ScalarBuffer};

use crate::capture::Column;

/// Something that names the socket changes at this row.
pub(super) const SOCKET: u8 = 1;
/// Something that names the owner changes at this row.
pub(super) const OWNER: u8 = 2;
/// The kind of row or the TCP state changes at this row.
pub(super) const STATE: u8 = 4;

/// The columns that name an owner in words, in the order of [`Batch::owner_texts`].
pub(super) const OWNER_TEXTS: [Column; 7] = [
    Column::ProcessName,
    Column::Exe,
    Column::Cmdline,
    Column::Username,
    Column::ParentName,
    Column::Container,
    Column::ExeSha256,
];

/// The columns of a DNS question, in the order of [`Batch::query`].
pub(super) const QUERY: [Column; 4] =
    [Column::QueryName, Column::QueryType, Column::ResponseCode, Column::Answers];

/// The columns of what the payload says, in the order of [`Batch::application`].
pub(super) const APPLICATION: [Column; 5] =
    [Column::AppProtocol, Column::Ja3, Column::Ja4, Column::TlsSubject, Column::TlsIssuer];

/// A reason for which a batch cannot be used, in words.
pub(super) type Reason = String;

/// A column of numbers.
pub(super) struct Numbers<T: ArrowPrimitiveType> {
    values: ScalarBuffer<T::Native>,
    nulls: Nulls,
}

/// A column of texts: keys into a dictionary.
pub(super) struct Words {
    keys: ScalarBuffer<i32>,
    nulls: Nulls,
    values: StringArray,
}

/// Which rows of a column have no value.
enum Nulls {
    None,
    Some(NullBuffer),
    /// Also where the column was not read at all.
    All,
}

/// The columns of a batch.
pub(super) struct Batch {
    pub(super) ts_us: ScalarBuffer<i64>,
    pub(super) mono_ns: ScalarBuffer<i64>,
    pub(super) tick: ScalarBuffer<u32>,
    pub(super) conn_id: ScalarBuffer<u64>,
    pub(super) kind: Words,
    pub(super) protocol: Words,
    pub(super) local_addr: Words,
    pub(super) local_port: Numbers<UInt16Type>,
    pub(super) remote_addr: Words,
    pub(super) remote_port: Numbers<UInt16Type>,
    pub(super) remote_name: Words,
    pub(super) netns: Numbers<UInt64Type>,
    pub(super) state: Words,
    pub(super) prev_state: Words,
    pub(super) bytes_sent: Numbers<UInt64Type>,
    pub(super) bytes_received: Numbers<UInt64Type>,
    pub(super) packets_sent: Numbers<UInt64Type>,
    pub(super) packets_received: Numbers<UInt64Type>,
    pub(super) retransmits: Numbers<UInt32Type>,
    pub(super) rtt_us: Numbers<UInt32Type>,
    pub(super) pid: Numbers<UInt32Type>,
    pub(super) ppid: Numbers<UInt32Type>,
    pub(super) uid: Numbers<UInt32Type>,
    pub(super) process_start: Numbers<TimestampMicrosecondType>,
    pub(super) owner_texts: [Words; OWNER_TEXTS.len()],
    pub(super) owner_source: Words,
    pub(super) cpu_percent: Numbers<Float32Type>,
    pub(super) memory_rss_bytes: Numbers<UInt64Type>,
    /// What a row of a DNS question adds.
    pub(super) query: [Words; QUERY.len()],
    /// What the payload of the row's connection says.
    pub(super) application: [Words; APPLICATION.len()],
    /// For each row, what differs from the row before it, once [`Self::compare_rows`] was called;
    /// everything does at the first.
    pub(super) changes: Vec<u8>,
}

impl Batch {
    /// Takes the columns out of a batch; one that it lacks has no value in any row.
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, Reason> {
        let [name, exe, cmdline, username, parent, container, sha256] = OWNER_TEXTS;
        let owner_text = |column| Words::new(batch, column);
        let [app_protocol, ja3, ja4, tls_subject, tls_issuer] = APPLICATION;
        let [query_name, query_type, response_code, answers] = QUERY;
        Ok(Self {
            ts_us: always::<TimestampMicrosecondType>(batch, Column::Ts)?,
            mono_ns: always::<Int64Type>(batch, Column::MonoNs)?,
            tick: always::<UInt32Type>(batch, Column::Tick)?,
            conn_id: always::<UInt64Type>(batch, Column::ConnId)?,
            kind: Words::new(batch, Column::Kind)?,
            protocol: Words::new(batch, Column::Protocol)?,
            local_addr: Words::new(batch, Column::LocalAddr)?,
            local_port: Numbers::new(batch, Column::LocalPort)?,
            remote_addr: Words::new(batch, Column::RemoteAddr)?,
            remote_port: Numbers::new(batch, Column::RemotePort)?,
            remote_name: Words::new(batch, Column::RemoteName)?,
            netns: Numbers::new(batch, Column::Netns)?,
            state: Words::new(batch, Column::State)?,
            prev_state: Words::new(batch, Column::PrevState)?,
            bytes_sent: Numbers::new(batch, Column::BytesSent)?,
            bytes_received: Numbers::new(batch, Column::BytesReceived)?,
            packets_sent: Numbers::new(batch, Column::PacketsSent)?,
            packets_received: Numbers::new(batch, Column::PacketsReceived)?,
            retransmits: Numbers::new(batch, Column::Retransmits)?,
            rtt_us: Numbers::new(batch, Column::RttUs)?,
            pid: Numbers::new(batch, Column::Pid)?,
            ppid: Numbers::new(batch, Column::Ppid)?,
            uid: Numbers::new(batch, Column::Uid)?,
            process_start: Numbers::new(batch, Column::ProcessStart)?,
            owner_texts: [
                owner_text(name)?,
                owner_text(exe)?,
                owner_text(cmdline)?,
                owner_text(username)?,
                owner_text(parent)?,
                owner_text(container)?,
                owner_text(sha256)?,
            ],
            owner_source: Words::new(batch, Column::OwnerSource)?,
            cpu_percent: Numbers::new(batch, Column::CpuPercent)?,
            memory_rss_bytes: Numbers::new(batch, Column::MemoryRssBytes)?,
            query: [
                Words::new(batch, query_name)?,
                Words::new(batch, query_type)?,
                Words::new(batch, response_code)?,
                Words::new(batch, answers)?,
            ],
            application: [
                Words::new(batch, app_protocol)?,
                Words::new(batch, ja3)?,
                Words::new(batch, ja4)?,
                Words::new(batch, tls_subject)?,
                Words::new(batch, tls_issuer)?,
            ],
            changes: Vec::new(),
        })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.conn_id.len()
    }

    /// Finds what differs between rows, unless that is known.
    pub(super) fn compare_rows(&mut self) {
        if self.changes.len() != self.len() {
            self.changes = self.find_changes();
        }
    }

    fn find_changes(&self) -> Vec<u8> {
        let mut changes = vec![0; self.len()];
        mark_values(&mut changes, &self.conn_id, SOCKET);
        for words in [&self.protocol, &self.local_addr, &self.remote_addr, &self.remote_name] {
            words.mark(&mut changes, SOCKET);
        }
        for words in &self.application {
            words.mark(&mut changes, SOCKET);
        }
        self.local_port.mark(&mut changes, SOCKET);
        self.remote_port.mark(&mut changes, SOCKET);
        self.netns.mark(&mut changes, SOCKET);
        for numbers in [&self.pid, &self.ppid, &self.uid] {
            numbers.mark(&mut changes, OWNER);
        }
        self.process_start.mark(&mut changes, OWNER);
        for words in self.owner_texts.iter().chain([&self.owner_source]) {
            words.mark(&mut changes, OWNER);
        }
        for words in [&self.kind, &self.state, &self.prev_state] {
            words.mark(&mut changes, STATE);
        }
        if let Some(first) = changes.first_mut() {
            *first = SOCKET | OWNER | STATE;
        }
        changes
    }
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn new(batch: &RecordBatch, column: Column) -> Result<Self, Reason> {
        let Some(array) = batch.column_by_name(column.name()) else {
            return Ok(Self { values: ScalarBuffer::from(Vec::new()), nulls: Nulls::All });
        };
        let array: &PrimitiveArray<T> = array.as_primitive_opt().ok_or_else(|| odd(column))?;
        Ok(Self { values: array.values().clone(), nulls: Nulls::of(array) })
    }

    /// The value of a row.
    pub(super) fn get(&self, row: usize) -> Option<T::Native> {
        if self.nulls.has(row) { None } else { Some(self.values[row]) }
    }

    fn mark(&self, changes: &mut [u8], flag: u8) {
        if let Nulls::All = self.nulls {
            return;
        }
        mark_values(changes, &self.values, flag);
        if let Nulls::Some(nulls) = &self.nulls {
            mark_nulls(changes, nulls, flag);
        }
    }
}

impl Words {
    fn new(batch: &RecordBatch, column: Column) -> Result<Self, Reason> {
        let Some(array) = batch.column_by_name(column.name()) else {
            let values = StringArray::new_null(0);
            return Ok(Self { keys: ScalarBuffer::from(Vec::new()), nulls: Nulls::All, values });
        };
        let array: &DictionaryArray<Int32Type> = array.as_dictionary_opt().ok_or_else(|| odd(column))?;
        let values = array.values().as_string_opt::<i32>().ok_or_else(|| odd(column))?;
        Ok(Self {
            keys: array.keys().values().clone(),
            nulls: Nulls::of(array.keys()),
            values: values.clone(),
        })
    }

    /// The dictionary.
    pub(super) fn dictionary(&self) -> &StringArray {
        &self.values
    }

    /// The row's key into the dictionary, if there is a text.
    pub(super) fn key(&self, row: usize) -> Option<usize> {
        if self.nulls.has(row) {
            return None;
        }
        let key = usize::try_from(self.keys[row]).ok()?;
        (key < self.values.len() && self.values.is_valid(key)).then_some(key)
    }

    /// The row's text.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        Some(self.values.value(self.key(row)?))
    }

    fn mark(&self, changes: &mut [u8], flag: u8) {
        if let Nulls::All = self.nulls {
            return;
        }
        mark_values(changes, &self.keys, flag);
        if let Nulls::Some(nulls) = &self.nulls {
            mark_nulls(changes, nulls, flag);
        }
    }
}

/// Written so that the compiler turns it into vector instructions.
fn mark_values<N: Copy + PartialEq>(changes: &mut [u8], values: &[N], flag: u8) {
    let Some(later) = values.get(1..) else { return };
    for ((change, value), before) in changes.iter_mut().skip(1).zip(later).zip(values) {
        *change |= if value == before { 0 } else { flag };
    }
}

fn mark_nulls(changes: &mut [u8], nulls: &NullBuffer, flag: u8) {
    let mut was_null = nulls.is_null(0);
    for (change, valid) in changes.iter_mut().zip(nulls.iter()) {
        if valid == was_null {
            *change |= flag;
        }
        was_null = !valid;
    }
}

impl Nulls {
    fn of(array: &dyn Array) -> Self {
        match array.nulls() {
            Some(nulls) if nulls.null_count() == array.len() => Self::All,
            Some(nulls) if nulls.null_count() > 0 => Self::Some(nulls.clone()),
            _ => Self::None,
        }
    }

    fn has(&self, row: usize) -> bool {
        match self {
            Self::None => false,
            Self::Some(nulls) => nulls.is_null(row),
            Self::All => true,
        }
    }
}

/// The values of a column that may not be null.
fn always<T: ArrowPrimitiveType>(
    batch: &RecordBatch,
    column: Column,
) -> Result<ScalarBuffer<T::Native>, Reason> {
    let numbers = Numbers::<T>::new(batch, column)?;
    match numbers.nulls {
        Nulls::None => Ok(numbers.values),
        Nulls::Some(_) | Nulls::All if batch.num_rows() == 0 => Ok(numbers.values),
        Nulls::Some(_) | Nulls::All => Err(format!("its column {} has rows without a value", column.name())),
    }
}

fn odd(column: Column) -> Reason {
    format!("its column {} is not what the file's schema says", column.name())
}
