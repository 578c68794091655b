//! The columns of a capture: names, types and meanings, written once.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

use super::{FORMAT_VERSION, Kind, OwnerSource, Protocol, TcpState};

/// Declares the columns once: the enum, its names, its types, its nullability, its meanings.
macro_rules! columns {
    ($($member:ident: $name:literal, $kind:ident, $null:ident, $meaning:literal;)+) => {
        /// A column of the capture.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Column { $(#[doc = concat!("Column `", $name, "`.")] $member,)+ }

        /// Every column with its type and meaning, in the order of the file.
        pub const COLUMNS: &[ColumnInfo] = &[$(ColumnInfo {
            column: Column::$member,
            name: $name,
            kind: ColumnKind::$kind,
            nullable: columns!(@nullable $null),
            meaning: $meaning,
        },)+];
    };
    (@nullable null) => { true };
    (@nullable never) => { false };
}

columns! {
    Ts: "ts", TimestampUs, never, "When it was observed: microseconds since the Unix epoch, UTC.";
    MonoNs: "mono_ns", I64, never, "The same moment on the monotonic clock, in nanoseconds, so that a step of the wall clock cannot bend durations.";
    Tick: "tick", U32, never, "Number of the snapshot, from 0; events carry the number of the snapshot before them.";
    Kind: "kind", KindText, never, "Why the row was written. A row of kind query is one DNS question: it belongs to the connection that carried it and counts as none of its own. Readers pass over rows of a kind that they do not know.";
    ConnId: "conn_id", U64, never, "Identity of one socket's life: the kernel's socket cookie; where there is none, a stable hash. Beside a UDP socket without a remote of its own, each remote that it talks to has rows under an identity of its own: the highest bit set, the rest from the SHA-256 of cookie, both ends and the beginning; after 60 s of silence another one begins. In a row of kind query, that of the connection that carried the question where it is known, else a stable hash.";
    Protocol: "protocol", ProtocolText, never, "Transport protocol; of a socket below the transport layer, its kind: icmp is a ping socket or a raw socket of ICMP or ICMPv6, raw any other raw IP socket, packet an AF_PACKET socket. Readers accept a name that they do not know and treat it as other.";
    LocalAddr: "local_addr", Text, never, "Local address; v4-mapped v6 is written as v4. In imports, the originator. Unspecified (0.0.0.0) for a packet socket, which has none.";
    LocalPort: "local_port", U16, null, "Local port; null where the protocol has no ports (icmp, raw, packet), and where it is not known.";
    RemoteAddr: "remote_addr", Text, null, "Remote address; null for a listening or unconnected socket.";
    RemotePort: "remote_port", U16, null, "Remote port; null where remote_addr is, where the protocol has no ports, and where it is not known.";
    RemoteName: "remote_name", Text, null, "The name by which the remote was asked for (DNS answer, TLS server name), where a source saw it.";
    Netns: "netns", U64, null, "Inode of the network namespace.";
    State: "state", StateText, null, "TCP state in the kernel's spelling; null for every other protocol.";
    PrevState: "prev_state", StateText, null, "TCP state before this one, in a row of kind state.";
    BytesSent: "bytes_sent", U64, null, "Payload bytes sent since the socket was opened, without retransmissions; null where the kernel does not count. Null in a row of kind closed of TCP: the kernel had cleared the final counters, and those of the last snapshot are a lower bound.";
    BytesReceived: "bytes_received", U64, null, "Payload bytes received since the socket was opened; null where the kernel does not count.";
    PacketsSent: "packets_sent", U64, null, "Segments or datagrams sent since the socket was opened; null where the kernel does not count.";
    PacketsReceived: "packets_received", U64, null, "Segments or datagrams received since the socket was opened; null where the kernel does not count.";
    Retransmits: "retransmits", U32, null, "Segments retransmitted since the socket was opened; null for UDP.";
    RttUs: "rtt_us", U32, null, "Smoothed round-trip time in microseconds; null for UDP and before the first sample. In a row of kind query, the time from the question to its answer.";
    Pid: "pid", U32, null, "Process id of the owner.";
    Ppid: "ppid", U32, null, "Process id of the owner's parent.";
    Uid: "uid", U32, null, "Numeric user id of the owner; where the process is not known, of the socket.";
    ProcessName: "process_name", Text, null, "Short name of the owner.";
    Exe: "exe", Text, null, "Path of the owner's executable.";
    Cmdline: "cmdline", Text, null, "Arguments of the owner, separated by spaces.";
    Username: "username", Text, null, "User name for uid.";
    ParentName: "parent_name", Text, null, "Short name of the owner's parent.";
    Container: "container", Text, null, "Container of the owner, from its cgroup.";
    ExeSha256: "exe_sha256", Text, null, "SHA-256 of the executable, hashed once per file in the background; null until then, and where it could not be read.";
    ProcessStart: "process_start", TimestampUs, null, "Start of the owner: microseconds since the Unix epoch, UTC. With pid it identifies the process.";
    CpuPercent: "cpu_percent", F32, null, "CPU use of the owner since the last tick, in percent of one core.";
    MemoryRssBytes: "memory_rss_bytes", U64, null, "Resident memory of the owner, in bytes.";
    OwnerSource: "owner_source", OwnerSourceText, null, "How the owner is known; null means that it is not. Never a guess.";
    ProtocolNumber: "protocol_number", U16, null, "IP protocol number of a raw IP socket and of protocol other, ethertype of a packet socket (3 is every frame); null for the rest, and where it is not known.";
    QueryName: "query_name", Text, null, "In a row of kind query, the name that was asked for: lower case, without the final dot, in presentation format (what is not printable is \\DDD). The row's remote is the server, its owner the process that asked, ts when it asked.";
    QueryType: "query_type", Text, null, "In a row of kind query, the type of record asked for: A, AAAA, TXT; TYPE4711 where it has no mnemonic.";
    ResponseCode: "response_code", Text, null, "In a row of kind query, the response code: NOERROR, NXDOMAIN; RCODE12 where it has no mnemonic; null if no response was seen.";
    Answers: "answers", Text, null, "In a row of kind query, the data of the answers, separated by a space, white space in one of them written \\DDD; null if there are none.";
    AppProtocol: "app_protocol", Text, null, "Application protocol by the payload and not by the port, in lower case: tls, quic, http, ssh, dns, smtp; for DCE/RPC, and for SMB where a pipe of administration is opened, the interface that is called (svcctl, taskschd, wmi, samr); unknown where the payload was looked at and is none that the source knows. Null where nobody looked, there was no payload, or its beginning was not seen.";
    Ja3: "ja3", Text, null, "JA3 of the TLS client: MD5 of the fields of its hello, in hexadecimal. Clients that shuffle their extensions have another one in each connection.";
    Ja4: "ja4", Text, null, "JA4 of the TLS client, whatever the order of its extensions. Its fourth letter is d if the client named a server and i if it did not.";
    TlsSubject: "tls_subject", Text, null, "Distinguished name of the subject of the server's certificate, as the source writes it (from packets, as RFC 4514 does), at most 512 bytes; null where it is encrypted (TLS 1.3) or was not seen.";
    TlsIssuer: "tls_issuer", Text, null, "Distinguished name of the issuer of the server's certificate, in the same way; the same as tls_subject if it is self-signed.";
}

/// A column's name, type and meaning.
#[derive(Debug)]
pub struct ColumnInfo {
    /// Which column.
    pub column: Column,
    /// Its name in the file.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnKind,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it means, in one sentence or two.
    pub meaning: &'static str,
}

/// The type of a column. The `*Text` types are dictionaries of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the types")]
pub enum ColumnKind {
    I64,
    U16,
    U32,
    U64,
    F32,
    TimestampUs,
    Text,
    KindText,
    ProtocolText,
    StateText,
    OwnerSourceText,
}

impl ColumnInfo {
    /// Whether files of this format version may lack it, as it was added later.
    pub fn is_later(&self) -> bool {
        self.column as u8 >= Column::ProtocolNumber as u8
    }
}

impl Column {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        COLUMNS[self as usize].name
    }
}

impl ColumnKind {
    /// The Arrow type in which the column is written and read.
    pub fn arrow_type(self) -> DataType {
        match self {
            Self::I64 => DataType::Int64,
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
            Self::U64 => DataType::UInt64,
            Self::F32 => DataType::Float32,
            Self::TimestampUs => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Text | Self::KindText | Self::ProtocolText | Self::StateText | Self::OwnerSourceText => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
        }
    }

    /// The only values that the column may have, where they are few.
    fn allowed_values(self) -> Option<Vec<&'static str>> {
        match self {
            Self::KindText => Some(Kind::ALL.iter().map(|k| k.as_str()).collect()),
            Self::ProtocolText => Some(Protocol::ALL.iter().map(|p| p.as_str()).collect()),
            Self::StateText => Some(TcpState::ALL.iter().map(|s| s.as_str()).collect()),
            Self::OwnerSourceText => Some(OwnerSource::ALL.iter().map(|o| o.as_str()).collect()),
            _ => None,
        }
    }

    /// Whether later versions may have values that are not listed.
    fn is_open(self) -> bool {
        matches!(self, Self::KindText | Self::ProtocolText)
    }

    /// The type's name in `schemas/capture.v1.json`.
    fn published_name(self) -> &'static str {
        match self {
            Self::I64 => "int64",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::F32 => "float32",
            Self::TimestampUs => "timestamp[us, UTC]",
            _ => "dictionary<int32, string>",
        }
    }
}

/// The Arrow schema of a capture.
pub fn arrow_schema() -> SchemaRef {
    let fields: Vec<Field> =
        COLUMNS.iter().map(|c| Field::new(c.name, c.kind.arrow_type(), c.nullable)).collect();
    Arc::new(Schema::new(fields))
}

/// The content of `schemas/capture.v1.json`: columns, file metadata and row order.
pub fn published() -> Value {
    let columns: Vec<Value> = COLUMNS
        .iter()
        .map(|c| {
            let mut column = json!({
                "name": c.name,
                "type": c.kind.published_name(),
                "nullable": c.nullable,
                "meaning": c.meaning,
            });
            if let Some(values) = c.kind.allowed_values() {
                column["values"] = json!(values);
                column["open"] = json!(c.kind.is_open());
            }
            column
        })
        .collect();
    json!({
        "title": "netrec capture",
        "format_version": FORMAT_VERSION,
        "compatibility": "Within a format version, nullable columns, metadata, and values of columns marked open are added and nothing is removed. Readers ignore columns and metadata that they do not know, take a nullable column that is missing for null, treat an unknown protocol as other, and pass over rows of an unknown kind.",
        "container": "Apache Parquet, zstd, dictionary encoding",
        "row": "One row per socket per tick, complete at every tick, and one row per event and per DNS question between ticks.",
        "row_order": "Inside each row group by conn_id, then ts.",
        "columns": columns,
        "metadata_prefix": super::metadata::PREFIX,
        "metadata": super::metadata::published_fields(),
        "evidence": {
            "evidence": "Place, SHA-256 and chained SHA-256 of every row group, as JSON.",
            "seal": "SHA-256 of every byte outside of the row groups, the seal itself blanked, and the signature of that hash if there is one; as JSON.",
        },
    })
}
