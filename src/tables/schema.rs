//! Every table and column, defined once: name, type, meaning.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde_json::{Value, json};

/// Version of the tables. Within it, tables and nullable columns are only added.
pub const VERSION: &str = "netrec/fleet.v1";

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Name of the file or folder.
    pub name: &'static str,
    /// The meaning of a row.
    pub row: &'static str,
    /// Columns that identify a row within a recording.
    pub key: &'static [&'static str],
    /// Its first columns: [`COMMON`], or none.
    pub common: &'static [Column],
    /// Its other columns.
    pub columns: &'static [Column],
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// Its meaning.
    pub meaning: &'static str,
}

/// The type of a column. None is unsigned, because Spark, Iceberg and Athena have no unsigned numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the types")]
pub enum Kind {
    Text,
    I64,
    I32,
    F64,
    Bool,
}

impl Kind {
    /// The Arrow type.
    pub fn arrow_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::I64 => DataType::Int64,
            Self::I32 => DataType::Int32,
            Self::F64 => DataType::Float64,
            Self::Bool => DataType::Boolean,
        }
    }

    /// The SQL type, as understood by both `DuckDB` and Spark.
    pub fn sql_type(self) -> &'static str {
        match self {
            Self::Text => "STRING",
            Self::I64 => "BIGINT",
            Self::I32 => "INT",
            Self::F64 => "DOUBLE",
            Self::Bool => "BOOLEAN",
        }
    }
}

const fn never(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, meaning }
}

const fn null(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, nullable: true, meaning }
}

use Kind::{Bool, F64, I32, I64, Text};

/// The first columns of every table.
pub const COMMON: &[Column] = &[
    null("host_id", Text, "The host: machine_id of the capture; of captures without one, the host name."),
    null("boot_id", Text, "The boot of the host; conn_id and pid are unique within one."),
    never(
        "capture_id",
        Text,
        "SHA-256 of the capture; of a recording of several files, of the lines that sha256sum prints of them.",
    ),
];

/// Every table.
pub const TABLES: &[Table] = &[
    CAPTURES,
    HOST_ADDRESSES,
    CONNECTIONS,
    LISTENERS,
    PROCESSES,
    ENDPOINTS,
    FINDINGS,
    MEASUREMENTS,
    ASSESSMENTS,
];

/// Files, readable or not.
pub const CAPTURES: Table = Table {
    name: "captures",
    row: "One capture file that was read, or could not be.",
    key: &["path"],
    common: COMMON,
    columns: &[
        never("path", Text, "Name of the file, with its folder where several were given."),
        never(
            "status",
            Text,
            "ok, or degraded: it lacks something that it set out to record. netrec fleet adds error for a capture that could not be read, and copy for one with the same content as another.",
        ),
        null("error", Text, "Why it could not be read, or what it is a copy of."),
        null("host_name", Text, "Name of the host."),
        null("sha256", Text, "SHA-256 of the file."),
        null("start_us", I64, "Start of its recording."),
        null("end_us", I64, "End of its recording."),
        null("rows", I64, "Rows in it."),
        null("bytes", I64, "Its size."),
        null("events_lost", I64, "Events that the kernel dropped; null where no source of events ran."),
        null("ticks_late", I64, "Ticks that were late or left out."),
        null("recovered", Text, "Why it had to be recovered, in words."),
        null("privileges", Text, "Privileges of the recorder, separated by spaces."),
        null("tool_version", Text, "Program that recorded it."),
    ],
};

/// Addresses of the recorded host.
pub const HOST_ADDRESSES: Table = Table {
    name: "host_addresses",
    row: "One address that the host had during the recording.",
    key: &["addr"],
    common: COMMON,
    columns: &[
        never("addr", Text, "The address."),
        never("start_us", I64, "Start of the recording."),
        never("end_us", I64, "End of the recording."),
    ],
};

/// Every socket.
pub const CONNECTIONS: Table = Table {
    name: "connections",
    row: "One socket, of any role, as far as this recording saw it.",
    key: &["conn_id"],
    common: COMMON,
    columns: SOCKET,
};

/// Listening sockets.
pub const LISTENERS: Table = Table {
    name: "listeners",
    row: "One row of connections whose role is listener.",
    key: &["conn_id"],
    common: COMMON,
    columns: SOCKET,
};

const SOCKET: &[Column] = &[
    never(
        "conn_id",
        I64,
        "The capture's conn_id: the same 64 bits, read as a signed number. Unique within the boot.",
    ),
    never("protocol", Text, "Transport protocol."),
    null("netns", I64, "Network namespace."),
    null(
        "is_own",
        Bool,
        "Whether the socket belongs to the recorded host: its owner is known, or it has an address or a namespace of the host. False for sockets of other namespaces that a recorder in a container sees; null where it cannot be told, and in imports.",
    ),
    never("local_addr", Text, "Local address."),
    null("local_port", I32, "Local port."),
    null("remote_addr", Text, "Remote address."),
    null("remote_port", I32, "Remote port."),
    null("remote_name", Text, "The name by which the remote was asked for."),
    null(
        "app_protocol",
        Text,
        "Application protocol by the payload; unknown where that was looked at and is none that is known.",
    ),
    null("ja3", Text, "JA3 of the TLS client."),
    null("ja4", Text, "JA4 of the TLS client."),
    null("tls_subject", Text, "Subject of the server's certificate."),
    null("tls_issuer", Text, "Issuer of the server's certificate."),
    null("remote_scope", Text, "Kind of the remote address: public, private, loopback and others."),
    null("country_code", Text, "Country of the remote, where a database knows it."),
    never("role", Text, "connection, listener or unconnected."),
    null("direction", Text, "outbound, inbound or internal; null unless role is connection."),
    null("state", Text, "Last TCP state."),
    null("states", Text, "Every TCP state seen, joined by >."),
    never("first_seen_us", I64, "First row, µs since the Unix epoch, by the host's clock."),
    never("last_seen_us", I64, "Last row."),
    never("duration_s", F64, "Seconds between both by the monotonic clock."),
    never("opened_in_recording", Bool, "It was opened during the recording."),
    never(
        "start_is_exact",
        Bool,
        "An event says when it was opened; otherwise first_seen_us is exact to the tick.",
    ),
    never("closed_in_recording", Bool, "It was closed during the recording."),
    null("bytes_sent", I64, "Payload bytes since it was opened, even before the recording; cumulative."),
    null("bytes_received", I64, "The same, received."),
    null("packets_sent", I64, "Packets since it was opened."),
    null("packets_received", I64, "The same, received."),
    null("retransmits", I64, "Segments retransmitted since it was opened."),
    null("rtt_us", I64, "Last smoothed round-trip time."),
    null("recorded_sent", I64, "Payload bytes sent during the recording."),
    null("recorded_received", I64, "The same, received."),
    null("pid", I64, "Process id of the owner."),
    null("process_start_us", I64, "Start of the owner; with pid it identifies the process within the host."),
    null("process_name", Text, "Short name of the owner."),
    null("owner_source", Text, "How the owner is known."),
    null("exe", Text, "Path of the owner's executable."),
    null("exe_sha256", Text, "SHA-256 of the executable."),
    null("username", Text, "User of the owner."),
    null("parent_name", Text, "Short name of the owner's parent."),
    null("container", Text, "Container of the owner."),
];

/// Processes with a socket.
pub const PROCESSES: Table = Table {
    name: "processes",
    row: "One process that owned a socket.",
    key: &["pid", "process_start_us", "process_name"],
    common: COMMON,
    columns: &[
        null("pid", I64, "Process id."),
        null("process_start_us", I64, "Its start."),
        null("ppid", I64, "Process id of its parent."),
        null("uid", I64, "Numeric user id."),
        null("process_name", Text, "Short name."),
        null("exe", Text, "Path of its executable."),
        null("cmdline", Text, "Arguments, separated by spaces."),
        null("username", Text, "User."),
        null("parent_name", Text, "Short name of its parent."),
        null("container", Text, "Container, from its cgroup."),
        null("exe_sha256", Text, "SHA-256 of its executable."),
        null("cpu_percent_mean", F64, "Mean CPU use, percent of one core."),
        null("cpu_percent_max", F64, "Largest CPU use."),
        null("memory_rss_max_bytes", I64, "Largest resident memory."),
        never("connections", I64, "Its sockets with a remote."),
        never("listeners", I64, "Its listening sockets."),
        never("endpoints", I64, "Remote addresses it was connected with."),
        never("bytes_sent", I64, "Payload bytes sent during the recording, where counted."),
        never("bytes_received", I64, "The same, received."),
        null("first_seen_us", I64, "First row of a socket of its."),
        null("last_seen_us", I64, "Last row."),
    ],
};

/// Remote addresses.
pub const ENDPOINTS: Table = Table {
    name: "endpoints",
    row: "One remote address.",
    key: &["remote_addr"],
    common: COMMON,
    columns: &[
        never("remote_addr", Text, "The address."),
        never("remote_scope", Text, "Kind of address."),
        null("country_code", Text, "Its country, where a database knows it."),
        null("asn", I64, "Its autonomous system."),
        null("as_organization", Text, "Whose that is."),
        never("connections", I64, "Connections with it."),
        never("processes", I64, "Processes connected with it."),
        never("bytes_sent", I64, "Payload bytes sent during the recording, where counted."),
        never("bytes_received", I64, "The same, received."),
        null("first_seen_us", I64, "First row."),
        null("last_seen_us", I64, "Last row."),
    ],
};

/// What the detectors found.
pub const FINDINGS: Table = Table {
    name: "findings",
    row: "One finding of a detector.",
    key: &["id"],
    common: COMMON,
    columns: &[
        never("id", Text, "Identity of the finding, the same for the same capture."),
        never("detector", Text, "The detector."),
        never("severity", Text, "info, low, medium, high or critical."),
        never("confidence", F64, "0 to 1."),
        never("title", Text, "One line: who did what to whom."),
        never("explanation", Text, "What was seen, and why it was judged so."),
        null("attack", Text, "ATT&CK techniques, separated by spaces."),
        never("connections", I64, "Connections that it rests on."),
        never("first_seen_us", I64, "First moment."),
        never("last_seen_us", I64, "Last moment."),
        null("process_name", Text, "Process."),
        null("pid", I64, "Its id."),
        null("exe", Text, "Its executable."),
        null("username", Text, "Its user."),
        null("container", Text, "Its container."),
        null("protocol", Text, "Transport protocol."),
        null("local_addr", Text, "Local address."),
        null("local_port", I32, "Local port."),
        null("remote_addr", Text, "Remote address."),
        null("remote_port", I32, "Remote port."),
        null("remote_name", Text, "Name of the remote."),
        never(
            "command",
            Text,
            "netrec replay at the moment to look at; the capture's name is as in path of captures.",
        ),
    ],
};

/// What the findings measured.
pub const MEASUREMENTS: Table = Table {
    name: "measurements",
    row: "One value that a finding measured.",
    key: &["finding", "name"],
    common: COMMON,
    columns: &[
        never("finding", Text, "id of the finding."),
        never("detector", Text, "The detector."),
        never("name", Text, "What was measured, in words: ports tried."),
        never("value", F64, "The value."),
        null("unit", Text, "Its unit; null for a bare number."),
        null("threshold", F64, "What it was held against."),
    ],
};

/// What the findings mean together.
pub const ASSESSMENTS: Table = Table {
    name: "assessments",
    row: "One hypothesis about what happened, made of findings; the strongest of a recording first.",
    key: &["id"],
    common: COMMON,
    columns: &[
        never("id", Text, "Identity of the assessment, the same for the same capture."),
        never("severity", Text, "info, low, medium, high or critical."),
        never("confidence", F64, "0 to 1."),
        never("title", Text, "One line: what probably happened."),
        never("summary", Text, "Why the findings together mean that."),
        null("attack", Text, "ATT&CK techniques, separated by spaces."),
        never("findings", I64, "Findings that it joins."),
        never("first_seen_us", I64, "First moment."),
        never("last_seen_us", I64, "Last moment."),
        never(
            "command",
            Text,
            "netrec replay at the moment to look at; the capture's name is as in path of captures.",
        ),
    ],
};

impl Table {
    /// Every column, the common ones first.
    pub fn all_columns(&self) -> impl Iterator<Item = &'static Column> {
        self.common.iter().chain(self.columns)
    }

    /// Its Arrow schema.
    pub fn arrow_schema(&self) -> SchemaRef {
        let field =
            |column: &Column| Field::new(column.name, column.kind.arrow_type(), is_nullable(self, column));
        Arc::new(Schema::new(self.all_columns().map(field).collect::<Vec<_>>()))
    }
}

/// A file that could not be read has no hash.
fn is_nullable(table: &Table, column: &Column) -> bool {
    column.nullable || table.name == CAPTURES.name && column.name == "capture_id"
}

/// The content of `schemas/fleet.v1.json`.
pub fn published() -> Value {
    let table = |table: &Table| {
        let columns: Vec<Value> = table
            .all_columns()
            .map(|column| {
                json!({
                    "name": column.name,
                    "type": column.kind.sql_type(),
                    "nullable": is_nullable(table, column),
                    "meaning": column.meaning,
                })
            })
            .collect();
        json!({ "name": table.name, "row": table.row, "key": table.key, "columns": columns })
    };
    json!({
        "title": "netrec fleet tables",
        "schema": VERSION,
        "compatibility": "Within a version, tables and nullable columns are added and nothing is removed.",
        "container": "Apache Parquet, zstd. The file metadata has netrec.schema and netrec.table.",
        "times": "Columns whose names end in _us are microseconds since the Unix epoch, UTC, by the clock of the host.",
        "tables": TABLES.iter().map(table).collect::<Vec<_>>(),
    })
}
