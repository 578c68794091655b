//! The table of connections.

use super::cell::Text;
use super::columns::TextColumns;
use super::declare::table;
use crate::capture::{OwnerSource, Protocol, TcpState};
use crate::model::frame::{Column, DataFrame};
use crate::model::records::{
    Connection, Count, Direction, ProcessId, Recorded, Role, Scope, SmallCount, TextId,
};
use crate::model::states::States;
use crate::{Result, parallel};

table! {
    /// The table of connections, column by column.
    SocketColumns of
    /// One socket's life, as far as it was seen. Rows lie by `first_seen_us`, then `conn_id`.
    SocketRow<T> {
        /// The capture's `conn_id`.
        conn_id: u64,
        /// Transport protocol.
        protocol: Protocol,
        /// Inode of the network namespace.
        netns: u64 or null,
        /// Local address.
        local_addr: Text,
        /// Local port; null where the protocol has none.
        local_port: u16 or null,
        /// Remote address; null for a listening or unconnected socket.
        remote_addr: Text or null,
        /// Remote port; null where the protocol has none.
        remote_port: u16 or null,
        /// The name by which the remote was asked for.
        remote_name: Text or null,
        /// The application protocol, by the payload; `unknown` where that was looked at and is none that is known.
        app_protocol: Text or null,
        /// JA3 of the TLS client.
        ja3: Text or null,
        /// JA4 of the TLS client.
        ja4: Text or null,
        /// Subject of the server's certificate.
        tls_subject: Text or null,
        /// Issuer of the server's certificate.
        tls_issuer: Text or null,
        /// What kind of address the remote has.
        remote_scope: Scope or null,
        /// Country of a public remote that a database knows.
        country_code: Text or null,
        /// Whether it listens, connects, or neither.
        role: Role,
        /// Who opened it, seen from the host; null unless its role is connection.
        direction: Direction or null,
        /// Last state seen; null for UDP.
        state: TcpState or null,
        /// When the last state was first seen, µs since the Unix epoch.
        state_since_us: i64 or null,
        /// Every state seen, joined by `>` in the order of a connection's life; null for UDP.
        states: States,
        /// First row, µs since the Unix epoch.
        first_seen_us: i64,
        /// Last row, µs since the Unix epoch.
        last_seen_us: i64,
        /// From first to last row by the monotonic clock, in seconds.
        duration_s: f64,
        /// It was not there at the first tick, so it was opened during the recording.
        opened_in_recording: bool,
        /// An event says when it was opened, so that the first row is exact and not to the tick.
        start_is_exact: bool,
        /// It was gone at the last tick, so it was closed during the recording.
        closed_in_recording: bool,
        /// Ticks at which it was seen.
        ticks: u32,
        /// Payload bytes sent over its whole life.
        bytes_sent: u64 or null,
        /// Payload bytes received over its whole life.
        bytes_received: u64 or null,
        /// Segments or datagrams sent over its whole life.
        packets_sent: u64 or null,
        /// Segments or datagrams received over its whole life.
        packets_received: u64 or null,
        /// Segments retransmitted over its whole life.
        retransmits: u32 or null,
        /// Last smoothed round-trip time, µs.
        rtt_us: u32 or null,
        /// Smallest smoothed round-trip time seen, µs.
        rtt_min_us: u32 or null,
        /// Payload bytes sent during the recording.
        recorded_sent: u64 or null,
        /// Payload bytes received during the recording.
        recorded_received: u64 or null,
        /// Row of the owner in the table of processes.
        process: u32 or null,
        /// The owner's pid.
        pid: u32 or null,
        /// The owner's name.
        process_name: Text or null,
        /// What the owner is called in findings: its name, with its script or path where that is not enough.
        actor: Text or null,
        /// How the owner is known.
        owner_source: OwnerSource or null,
        /// Row of the remote address in the table of endpoints; null for a socket of another network namespace,
        /// if no other has this remote address.
        endpoint: u32 or null,
        /// Whether it belongs to the recorded host: its owner is known, or it has an address or a network
        /// namespace of the host. Null where nothing tells, and in imports.
        is_own: bool or null,
    }
}

/// The texts of a row by their ids, which are in the order of the texts; none as where the text is null.
impl<'a> SocketColumns<'a> {
    /// See [`SocketColumns::local_addr`].
    #[inline]
    pub(in crate::model) fn local_addr_id(&self, row: usize) -> TextId {
        self.local_addr.key(row).unwrap_or(TextId::of(0))
    }

    /// See [`SocketColumns::remote_addr`].
    #[inline]
    pub(in crate::model) fn remote_addr_id(&self, row: usize) -> Option<TextId> {
        self.remote_addr.key(row)
    }

    /// See [`SocketColumns::remote_name`].
    #[inline]
    pub(in crate::model) fn remote_name_id(&self, row: usize) -> Option<TextId> {
        self.remote_name.key(row)
    }

    /// See [`SocketColumns::ja4`].
    #[inline]
    pub(in crate::model) fn ja4_id(&self, row: usize) -> Option<TextId> {
        self.ja4.key(row)
    }

    /// See [`SocketColumns::process_name`].
    #[inline]
    pub(in crate::model) fn process_name_id(&self, row: usize) -> Option<TextId> {
        self.process_name.key(row)
    }

    /// See [`SocketColumns::actor`].
    #[inline]
    pub(in crate::model) fn actor_id(&self, row: usize) -> Option<TextId> {
        self.actor.key(row)
    }

    /// The text of an id.
    #[inline]
    pub(in crate::model) fn text(&self, id: TextId) -> &'a str {
        self.local_addr.text(id)
    }
}

/// Records that become rows together, before they are let go: so many that most columns of a piece are large enough for
/// the allocator to give their memory back at once, when the table is made of the pieces.
const PIECE: usize = 1 << 15;

/// See [`super::Tables::connections`].
///
/// Records and table are each some hundred bytes per socket. Records are let go piece by piece,
/// so that no more than one of the two is ever in memory whole.
pub(super) fn connections(
    mut records: Vec<Connection>,
    recorded: &Recorded,
    texts: &TextColumns,
) -> Result<DataFrame> {
    let mut pieces = Vec::new();
    // From the end, where a vector gives memory back.
    while !records.is_empty() {
        let rest = records.len().saturating_sub(1) / (2 * PIECE) * 2 * PIECE;
        let last: Vec<&[Connection]> = records[rest..].chunks(PIECE).collect();
        let frames = parallel::map(&last, |piece| frame(piece, recorded, texts));
        pieces.extend(frames.into_iter().rev());
        records.truncate(rest);
        records.shrink_to_fit();
    }
    if pieces.is_empty() {
        pieces.push(frame(&[], recorded, texts));
    }
    let mut table = DataFrame::concat(pieces.into_iter().rev().collect::<Result<_>>()?)?;
    // Of an import: the columns of owners, and of what only a kernel measures.
    table.map(Column::empty_if_unknown);
    table.map(Column::pack);
    share_equal(&mut table)?;
    Ok(table)
}

/// Columns that are the same in many captures, as those of a log are of connections that were opened and closed
/// while it was written.
const OFTEN_EQUAL: [(&str, &str); 3] =
    [("bytes_sent", "recorded_sent"), ("bytes_received", "recorded_received"), ("rtt_us", "rtt_min_us")];

/// Lets columns that are equal share their memory.
fn share_equal(table: &mut DataFrame) -> Result<()> {
    for (name, other) in OFTEN_EQUAL {
        let values = table.column(name)?;
        if values.are_equal(table.column(other)?) {
            let shared = Column::new(other, values.clone());
            table.replace(shared)?;
        }
    }
    Ok(())
}

fn frame(records: &[Connection], recorded: &Recorded, texts: &TextColumns) -> Result<DataFrame> {
    // Each row is made once, and not once for each of its columns.
    let rows: Vec<SocketRow<TextId>> = records.iter().map(|connection| row(connection, recorded)).collect();
    SocketRow::frame(&rows, texts, |row| *row)
}

fn row(c: &Connection, recorded: &Recorded) -> SocketRow<TextId> {
    let endpoint = c.remote.and_then(|(id, _)| recorded.endpoints.get(id.get() as usize));
    let process = c.process.and_then(|id| recorded.processes.get(id.get() as usize));
    let application = c
        .application
        .and_then(|id| recorded.applications.get(id.get() as usize))
        .copied()
        .unwrap_or_default();
    SocketRow {
        conn_id: c.conn_id,
        protocol: c.protocol,
        netns: c.netns.map(Count::get),
        local_addr: c.local_addr,
        local_port: c.protocol.port(c.local_port),
        remote_addr: endpoint.map(|endpoint| endpoint.addr),
        remote_port: c.remote.and_then(|(_, port)| c.protocol.port(port)),
        remote_name: c.remote_name,
        app_protocol: application.protocol,
        ja3: application.ja3,
        ja4: application.ja4,
        tls_subject: application.tls_subject,
        tls_issuer: application.tls_issuer,
        remote_scope: endpoint.map(|endpoint| endpoint.scope),
        country_code: endpoint.and_then(|endpoint| endpoint.location.country_code),
        role: c.role(),
        direction: c.direction,
        state: c.state,
        state_since_us: c.state.map(|_| c.state_since_us),
        states: c.states_seen,
        first_seen_us: c.first_seen_us,
        last_seen_us: c.last_seen_us,
        duration_s: c.duration_s(),
        opened_in_recording: c.opened_in_recording,
        start_is_exact: c.start_is_exact,
        closed_in_recording: c.closed_in_recording,
        ticks: c.ticks,
        bytes_sent: c.totals.bytes_sent.map(Count::get),
        bytes_received: c.totals.bytes_received.map(Count::get),
        packets_sent: c.totals.packets_sent.map(Count::get),
        packets_received: c.totals.packets_received.map(Count::get),
        retransmits: c.totals.retransmits.map(SmallCount::get),
        rtt_us: c.totals.rtt_us.map(SmallCount::get),
        rtt_min_us: c.rtt_min_us.map(SmallCount::get),
        recorded_sent: c.recorded_sent.map(Count::get),
        recorded_received: c.recorded_received.map(Count::get),
        process: c.process.map(ProcessId::get),
        pid: process.and_then(|process| process.pid),
        process_name: process.and_then(|process| process.process_name),
        actor: process.and_then(|process| process.actor),
        owner_source: c.owner_source,
        endpoint: c
            .remote
            .map(|(id, _)| id.get())
            .filter(|id| (*id as usize) < recorded.own_endpoints().len()),
        is_own: c.is_own,
    }
}
