//! The result tables: every column and its meaning.

use crate::tables::schema::{Column, Kind, Table};

use Kind::{Bool, I32, I64, Text};

const fn never(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, meaning }
}

const fn null(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, nullable: true, meaning }
}

const fn table(
    name: &'static str,
    row: &'static str,
    key: &'static [&'static str],
    columns: &'static [Column],
) -> Table {
    Table { name, row, key, common: &[], columns }
}

/// Every result. Times are on the common clock: the host's own clock minus its offset.
pub const RESULTS: &[Table] =
    &[HOST_CLOCKS, EDGES, UNMATCHED, DESTINATIONS, EXECUTABLES, LISTENERS, BEACONS, SCANS, HOPS, SPREAD];

const HOST_CLOCKS: Table = table(
    "host_clocks",
    "One host whose clock could be compared with others.",
    &["host_id"],
    &[
        never("host_id", Text, "The host."),
        never("ahead_us", I64, "How far its clock is ahead of the others; negative if it is behind."),
        never("partners", I64, "Hosts with which it was compared."),
    ],
);

const EDGES: Table = table(
    "edges",
    "One connection of which both ends were recorded.",
    &["source_host", "source_boot", "source_conn"],
    &[
        never(
            "kind",
            Text,
            "exact: the same five-tuple at both ends; dnat: the destination was rewritten; snat: the source was.",
        ),
        never("source_host", Text, "The host that opened it."),
        null("source_boot", Text, "Its boot."),
        never("source_conn", I64, "conn_id there."),
        never("target_host", Text, "The host that accepted it."),
        null("target_boot", Text, "Its boot."),
        never("target_conn", I64, "conn_id there."),
        never("protocol", Text, "Transport protocol."),
        never("target_port", I32, "Port on which it was accepted."),
        never("start_us", I64, "First moment, as the source saw it."),
        never("end_us", I64, "Last moment."),
        never("gap_us", I64, "How far the starts of both ends are apart."),
        null("source_process", Text, "Process that opened it."),
        null("source_pid", I64, "Its id."),
        null("source_sha256", Text, "Hash of its executable."),
        null("source_user", Text, "Its user."),
        null("target_process", Text, "Process that accepted it."),
        null("target_pid", I64, "Its id."),
        null("target_sha256", Text, "Hash of its executable."),
        null("bytes_sent", I64, "Payload bytes that the source sent."),
        null("bytes_received", I64, "Payload bytes that it received."),
        null(
            "bytes_agree",
            Bool,
            "Whether both ends counted the same; null where one was not seen to its end.",
        ),
    ],
);

const UNMATCHED: Table = table(
    "unmatched",
    "One connection that stays inside the network and of which no edge is claimed.",
    &["host_id", "boot_id", "conn_id"],
    &[
        never("host_id", Text, "The host that opened it."),
        null("boot_id", Text, "Its boot."),
        never("conn_id", I64, "conn_id there."),
        never("reason", Text, "same-host, peer-not-recorded, not-seen-by-peer or ambiguous."),
        never("remote_addr", Text, "Where it went."),
        never("remote_port", I32, "On which port."),
        never("start_us", I64, "First moment."),
    ],
);

const DESTINATIONS: Table = table(
    "prevalence_destinations",
    "One place that hosts connected to.",
    &["place", "port", "protocol"],
    &[
        never("place", Text, "Name by which it was asked for; its address where there is none."),
        never("port", I32, "Port."),
        never("protocol", Text, "Transport protocol."),
        never("hosts", I64, "Hosts that connected to it."),
        never("connections", I64, "Connections."),
        never("bytes_sent", I64, "Payload bytes sent to it."),
        never("first_us", I64, "First moment."),
        never("first_host", Text, "On which host."),
        never("last_us", I64, "Last moment."),
    ],
);

const EXECUTABLES: Table = table(
    "prevalence_executables",
    "One executable, by its content.",
    &["sha256"],
    &[
        never("sha256", Text, "SHA-256 of it."),
        null("exe", Text, "The first of its paths by name."),
        never("paths", I64, "Paths under which it ran."),
        never("hosts", I64, "Hosts on which it had a socket."),
        never("first_us", I64, "First moment of a socket of it."),
        never("first_host", Text, "On which host."),
    ],
);

const LISTENERS: Table = table(
    "prevalence_listeners",
    "One service that hosts offer.",
    &["protocol", "port", "process"],
    &[
        never("protocol", Text, "Transport protocol."),
        never("port", I32, "Port."),
        never("process", Text, "Process; empty where it is not known."),
        never("hosts", I64, "Hosts that offer it."),
        never("first_us", I64, "First moment."),
        never("first_host", Text, "On which host."),
    ],
);

const BEACONS: Table = table(
    "beacons",
    "One place that two hosts or more contact at even intervals.",
    &["place", "port"],
    &[
        never("place", Text, "Name or address."),
        never("port", I32, "Port."),
        never("hosts", I64, "Hosts."),
        never("programs", I64, "Different programs, by content where it is known."),
        never("period_us", I64, "Median of the hosts' periods."),
        never("intervals", I64, "Intervals in all."),
    ],
);

const SCANS: Table = table(
    "scans",
    "One address on which five hosts or more tried fifteen ports or more without success.",
    &["target"],
    &[
        never("target", Text, "The address."),
        never("hosts", I64, "Hosts that tried."),
        never("ports", I64, "Ports that they tried together."),
        never("tries", I64, "Attempts."),
        never("first_us", I64, "First one."),
        never("last_us", I64, "Last one."),
    ],
);

const HOPS: Table = table(
    "hops",
    "A login session from a host that began while a session to that host was open.",
    &["outer_host", "outer_boot", "outer_conn", "inner_boot", "inner_conn"],
    &[
        never("outer_host", Text, "Where the outer session began."),
        null("outer_boot", Text, "Its boot."),
        never("outer_conn", I64, "conn_id there."),
        never("through_host", Text, "The host in the middle."),
        null("inner_boot", Text, "Its boot."),
        never("inner_conn", I64, "conn_id of the inner session there."),
        never("inner_target", Text, "Where the inner session went."),
        never("outer_start_us", I64, "Start of the outer session."),
        never("inner_start_us", I64, "Start of the inner one."),
        never("outer_port", I32, "Port of the outer session."),
        never("inner_port", I32, "Port of the inner one."),
    ],
);

const SPREAD: Table = table(
    "spread",
    "One host on which an executable began that began on three hosts or more while these were recorded.",
    &["sha256", "host_id"],
    &[
        never("sha256", Text, "SHA-256 of the executable."),
        never("host_id", Text, "The host."),
        null("exe", Text, "Its path there."),
        never("start_us", I64, "When its process began."),
        null(
            "from_host",
            Text,
            "Where it came from; null for the first, or for a way that was not recorded.",
        ),
        null("by_port", I32, "Port of the connection by which it came."),
        null("by_start_us", I64, "Start of that connection."),
    ],
);
