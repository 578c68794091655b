//! Connections as OCSF Network Activity events (class 4001, OCSF 1.3) in Parquet, in the form that
//! Amazon Security Lake requires of a custom source: one class per file, zstd, sorted by `time`.
//!
//! An event covers what the capture has of a connection: `time` is its last moment, `start_time`
//! its first. `src_endpoint` is the originator, and `bytes_out` are the bytes that it sent. `actor`
//! is the process on the recorded host, at either end.

use std::sync::Arc;

use arrow_array::{
    Array as _, ArrayRef, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{Field, Fields, Schema};

use super::write::parquet;
use crate::capture::{Metadata, Protocol, TcpState};
use crate::model::Tables;
use crate::model::orientation::{Flow, Orientation};
use crate::model::processes::Processes;
use crate::model::records::Direction;
use crate::model::sockets::{Socket, Sockets};
use crate::{Error, Result};

/// Version of OCSF.
const OCSF_VERSION: &str = "1.3.0";

const CLASS: i32 = 4001;
const CATEGORY: i32 = 4;

/// Severity: informational.
const INFORMATIONAL: i32 = 1;

/// Algorithm of a fingerprint: SHA-256.
const SHA_256: i32 = 3;

/// Number of events made at a time.
const CHUNK_ROWS: usize = 64 * 1024;

/// A Parquet file of events, and their number.
///
/// # Errors
/// [`Error::Analysis`] if a table lacks a column: a bug.
pub fn network_activity(tables: &Tables, metadata: &Metadata) -> Result<(Vec<u8>, u64)> {
    let events = Events::new(tables, metadata)?;
    let count = events.rows.len();
    let empty = events.batch(&[])?;
    let chunks = events.rows.chunks(CHUNK_ROWS).map(|rows| events.batch(rows));
    let failed = |error: std::io::Error| Error::Analysis(format!("OCSF as Parquet: {error}"));
    let bytes = parquet(&empty.schema(), "ocsf.network_activity", chunks).map_err(failed)??;
    Ok((bytes, count as u64))
}

/// The data of the events.
struct Events<'a> {
    sockets: Sockets<'a>,
    processes: Processes<'a>,
    users: Vec<(Option<&'a str>, Option<u32>)>,
    orientation: Orientation<'a>,
    host: Option<&'a str>,
    /// Rows of the table of connections, sorted by their last moment.
    rows: Vec<usize>,
}

/// One event.
struct Event<'a> {
    socket: Socket<'a>,
    flow: Flow<'a>,
}

impl<'a> Events<'a> {
    fn new(tables: &'a Tables, metadata: &'a Metadata) -> Result<Self> {
        let sockets = Sockets::new(tables)?;
        let orientation = Orientation::new(&sockets);
        let is_event = |row: &usize| {
            let socket = sockets.get(*row);
            // A connection inside the host is represented by its originator's end.
            let flow = orientation.flow(&socket);
            flow.is_some_and(|flow| flow.is_local_originator || socket.direction != Some(Direction::Internal))
        };
        let mut rows: Vec<usize> = (0..sockets.len()).filter(is_event).collect();
        rows.sort_by_key(|row| (sockets.get(*row).last_seen_us, *row));
        let columns = crate::model::tables::ProcessColumns::of(&tables.processes)?;
        let users = (0..columns.len()).map(|row| (columns.username(row), columns.uid(row))).collect();
        let processes = Processes::of(tables)?;
        Ok(Self { sockets, processes, users, orientation, host: metadata.host_name.as_deref(), rows })
    }

    fn batch(&self, rows: &[usize]) -> Result<RecordBatch> {
        let events: Vec<Event<'a>> = rows
            .iter()
            .filter_map(|row| {
                let socket = self.sockets.get(*row);
                Some(Event { flow: self.orientation.flow(&socket)?, socket })
            })
            .collect();
        let columns: Vec<(&str, ArrayRef)> = [
            classification(&events),
            times(&events),
            vec![
                ("metadata", metadata(&events)),
                ("device", self.device(&events)),
                ("actor", self.actor(&events)),
                ("src_endpoint", endpoint(&events, true)),
                ("dst_endpoint", endpoint(&events, false)),
                ("connection_info", connection(&events)),
                ("traffic", traffic(&events)),
            ],
        ]
        .concat();
        let fields: Vec<Field> =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| Error::Analysis(format!("OCSF as Parquet: {error}")))
    }

    fn device(&self, events: &[Event<'_>]) -> ArrayRef {
        structure(vec![
            ("hostname", text(events, |_| self.host)),
            ("type_id", int(events, |_| Some(0))),
            ("type", text(events, |_| Some("Unknown"))),
        ])
    }

    fn actor(&self, events: &[Event<'a>]) -> ArrayRef {
        let known = |event: &Event<'a>| event.socket.process.map(|row| row as usize);
        let process = |event: &Event<'a>| known(event).map(|row| self.processes.get(row));
        let user = |event: &Event<'a>| known(event).and_then(|row| self.users.get(row));
        let hashes = {
            let sha256 = |event: &Event<'a>| process(event).and_then(|process| process.exe_sha256);
            let hashed: Vec<&Event<'a>> = events.iter().filter(|event| sha256(event).is_some()).collect();
            let value: StringArray = hashed.iter().map(|event| sha256(event)).collect();
            let items = structure(vec![
                ("algorithm_id", Arc::new(Int32Array::from(vec![SHA_256; hashed.len()])) as ArrayRef),
                ("algorithm", Arc::new(StringArray::from(vec!["SHA-256"; hashed.len()]))),
                ("value", Arc::new(value)),
            ]);
            list(&items, events.iter().map(|event| usize::from(sha256(event).is_some())))
        };
        let file = structure(vec![
            ("path", text(events, |event| process(event)?.exe)),
            ("name", text(events, |event| process(event)?.exe?.rsplit('/').next())),
            ("type_id", int(events, |event| process(event)?.exe.map(|_| 1))),
            ("hashes", hashes),
        ]);
        let owned = structure(vec![
            ("pid", long(events, |event| process(event)?.pid.map(i64::from))),
            ("name", text(events, |event| process(event)?.process_name)),
            ("cmd_line", text(events, |event| process(event)?.cmdline)),
            ("file", file),
        ]);
        let users = structure(vec![
            ("name", text(events, |event| user(event)?.0)),
            ("uid", owned_text(events, |event| user(event)?.1.map(|uid| uid.to_string()))),
        ]);
        let has_owner: Vec<bool> = events.iter().map(|event| event.socket.process.is_some()).collect();
        nullable(vec![("process", owned), ("user", users)], has_owner)
    }
}

impl<'a> Event<'a> {
    /// The originator or the responder.
    fn end(&self, is_source: bool) -> (&'a str, u16) {
        if is_source { self.flow.originator } else { self.flow.responder }
    }
}

/// The activity of a connection: failed, closed, or still open.
fn activity(event: &Event<'_>) -> (i32, &'static str) {
    let socket = &event.socket;
    if socket.protocol == Protocol::Tcp && !socket.was_in(TcpState::Established) && is_attempt(socket) {
        (4, "Fail")
    } else if socket.closed_in_recording {
        (2, "Close")
    } else {
        (6, "Traffic")
    }
}

/// Whether only the beginning of a handshake was seen. Closing states follow an established
/// connection, even if the capture began later.
fn is_attempt(socket: &Socket<'_>) -> bool {
    socket.was_in(TcpState::SynSent) || socket.was_in(TcpState::SynRecv)
}

fn classification(events: &[Event<'_>]) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("activity_id", int(events, |event| Some(activity(event).0))),
        ("activity_name", text(events, |event| Some(activity(event).1))),
        ("category_uid", int(events, |_| Some(CATEGORY))),
        ("category_name", text(events, |_| Some("Network Activity"))),
        ("class_uid", int(events, |_| Some(CLASS))),
        ("class_name", text(events, |_| Some("Network Activity"))),
        ("type_uid", long(events, |event| Some(i64::from(CLASS * 100 + activity(event).0)))),
        ("severity_id", int(events, |_| Some(INFORMATIONAL))),
        ("severity", text(events, |_| Some("Informational"))),
    ]
}

/// In milliseconds, as in OCSF.
fn times(events: &[Event<'_>]) -> Vec<(&'static str, ArrayRef)> {
    let duration_ms = |event: &Event<'_>| (event.socket.duration_s * 1000.0).max(0.0) as i64;
    vec![
        ("time", long(events, |event| Some(event.socket.last_seen_us.div_euclid(1000)))),
        ("start_time", long(events, |event| Some(event.socket.first_seen_us.div_euclid(1000)))),
        ("end_time", long(events, |event| Some(event.socket.last_seen_us.div_euclid(1000)))),
        ("duration", long(events, |event| Some(duration_ms(event)))),
    ]
}

fn metadata(events: &[Event<'_>]) -> ArrayRef {
    let product = structure(vec![
        ("name", text(events, |_| Some("netrec"))),
        ("vendor_name", text(events, |_| Some("netrec"))),
        ("version", text(events, |_| Some(env!("CARGO_PKG_VERSION")))),
    ]);
    let profiles = single_text(events.len(), "host");
    structure(vec![
        ("version", text(events, |_| Some(OCSF_VERSION))),
        ("product", product),
        ("profiles", profiles),
        ("uid", owned_text(events, |event| Some(format!("{:016x}", event.socket.conn_id)))),
    ])
}

fn endpoint(events: &[Event<'_>], is_source: bool) -> ArrayRef {
    let is_remote = |event: &Event<'_>| event.flow.is_local_originator != is_source;
    let port = |event: &Event<'_>| {
        let (_, port) = event.end(is_source);
        event.socket.protocol.port(port).map(i32::from)
    };
    structure(vec![
        ("ip", text(events, |event| Some(event.end(is_source).0))),
        ("port", int(events, port)),
        ("hostname", text(events, |event| event.socket.remote_name.filter(|_| is_remote(event)))),
    ])
}

fn connection(events: &[Event<'_>]) -> ArrayRef {
    let direction = |event: &Event<'_>| match event.socket.direction {
        Some(Direction::Inbound) => (1, "Inbound"),
        Some(Direction::Outbound) => (2, "Outbound"),
        Some(Direction::Internal) => (99, "internal"),
        None => (0, "Unknown"),
    };
    structure(vec![
        ("uid", owned_text(events, |event| Some(format!("{:016x}", event.socket.conn_id)))),
        ("protocol_num", int(events, |event| ip_number(event.socket.protocol))),
        ("protocol_name", text(events, |event| Some(event.socket.protocol.as_str()))),
        ("direction_id", int(events, |event| Some(direction(event).0))),
        ("direction", text(events, |event| Some(direction(event).1))),
    ])
}

/// The IANA protocol number; `None` for a name that covers several, or has none.
fn ip_number(protocol: Protocol) -> Option<i32> {
    let is_it = |number: &u8| Protocol::of_ip_number(*number) == (protocol, None);
    let mut numbers = (0..=u8::MAX).filter(is_it);
    match (numbers.next(), numbers.next()) {
        (Some(number), None) => Some(number.into()),
        _ => None,
    }
}

/// Bytes and packets from the source (out) and back (in).
fn traffic(events: &[Event<'_>]) -> ArrayRef {
    let turned = |event: &Event<'_>, sent: Option<u64>, received: Option<u64>| {
        let (out, back) = if event.flow.is_local_originator { (sent, received) } else { (received, sent) };
        (signed(out), signed(back))
    };
    let bytes = |event: &Event<'_>| turned(event, event.socket.bytes_sent, event.socket.bytes_received);
    let packets = |event: &Event<'_>| turned(event, event.socket.packets_sent, event.socket.packets_received);
    structure(vec![
        ("bytes_out", long(events, |event| bytes(event).0)),
        ("bytes_in", long(events, |event| bytes(event).1)),
        ("packets_out", long(events, |event| packets(event).0)),
        ("packets_in", long(events, |event| packets(event).1)),
    ])
}

fn signed(count: Option<u64>) -> Option<i64> {
    count.map(|count| i64::try_from(count).unwrap_or(i64::MAX))
}

fn text<'e, 'a: 'e, 't>(events: &'e [Event<'a>], get: impl Fn(&'e Event<'a>) -> Option<&'t str>) -> ArrayRef {
    Arc::new(events.iter().map(get).collect::<StringArray>())
}

fn owned_text<'a>(events: &[Event<'a>], get: impl Fn(&Event<'a>) -> Option<String>) -> ArrayRef {
    Arc::new(events.iter().map(get).collect::<StringArray>())
}

fn int<'a>(events: &[Event<'a>], get: impl Fn(&Event<'a>) -> Option<i32>) -> ArrayRef {
    Arc::new(events.iter().map(get).collect::<Int32Array>())
}

fn long<'a>(events: &[Event<'a>], get: impl Fn(&Event<'a>) -> Option<i64>) -> ArrayRef {
    Arc::new(events.iter().map(get).collect::<Int64Array>())
}

fn fields(columns: &[(&str, ArrayRef)]) -> Fields {
    columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect()
}

fn structure(columns: Vec<(&str, ArrayRef)>) -> ArrayRef {
    let count = columns.first().map_or(0, |(_, array)| array.len());
    nullable(columns, vec![true; count])
}

/// A structure that is null where `is_there` is false.
fn nullable(columns: Vec<(&str, ArrayRef)>, is_there: Vec<bool>) -> ArrayRef {
    let nulls = NullBuffer::from(is_there);
    let fields = fields(&columns);
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Arc::new(StructArray::new(fields, arrays, Some(nulls)))
}

/// Lists with these numbers of items, one after another.
fn list(items: &ArrayRef, counts: impl Iterator<Item = usize>) -> ArrayRef {
    let field = Arc::new(Field::new("element", items.data_type().clone(), true));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(counts), Arc::clone(items), None))
}

/// Lists of one text each.
fn single_text(count: usize, item: &str) -> ArrayRef {
    let items: ArrayRef = Arc::new(StringArray::from(vec![item; count]));
    list(&items, std::iter::repeat_n(1, count))
}
