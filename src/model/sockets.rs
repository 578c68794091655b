//! Typed row-by-row access to the table of connections.
//!
//! Detectors that walk over connections in time order use this view; it borrows from the table and
//! copies nothing.

use std::fmt;
use std::ops::Range;

use ahash::{AHashMap, AHashSet};

use super::finding::Entities;
use super::payloads;
use super::records::{Direction, Scope};
use super::states::States;
use super::tables::{ProcessColumns, SocketColumns, SocketRow, Tables};
use crate::Result;
use crate::baseline::Baseline;
use crate::capture::{Protocol, TcpState};

/// The connections of a capture, with the names of their processes.
pub struct Sockets<'a> {
    columns: SocketColumns<'a>,
    processes: ProcessColumns<'a>,
    holds_many_hosts: bool,
    baseline: Option<&'a Baseline>,
}

/// One row of the connections table.
pub type Socket<'a> = SocketRow<&'a str>;

impl<'a> Sockets<'a> {
    /// The view of a capture's connections.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a column is missing or of another type: a bug.
    pub fn new(tables: &'a Tables) -> Result<Self> {
        Ok(Self {
            columns: SocketColumns::of(&tables.connections)?,
            processes: ProcessColumns::of(&tables.processes)?,
            holds_many_hosts: tables.holds_many_hosts,
            baseline: tables.baseline.as_deref(),
        })
    }

    /// The table, column by column.
    pub fn columns(&self) -> &SocketColumns<'a> {
        &self.columns
    }

    /// Whether they are from a network rather than from one host.
    pub fn holds_many_hosts(&self) -> bool {
        self.holds_many_hosts
    }

    /// The baseline, if one was supplied.
    pub fn baseline(&self) -> Option<&'a Baseline> {
        self.baseline
    }

    /// Number of sockets.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether the socket in a row has a remote.
    pub fn has_remote(&self, row: usize) -> bool {
        self.columns.remote_addr(row).is_some()
    }

    /// When the socket in a row was first seen, µs since the Unix epoch.
    pub fn first_seen_us(&self, row: usize) -> i64 {
        self.columns.first_seen_us(row)
    }

    /// The rows of the sockets that were first seen in a time range, both ends included, in µs
    /// since the Unix epoch; the table is sorted by that time.
    pub fn first_seen_within(&self, (from_us, to_us): (i64, i64)) -> Range<usize> {
        let begin = self.partition_point(|first_us| first_us < from_us);
        begin..self.partition_point(|first_us| first_us <= to_us).max(begin)
    }

    fn partition_point(&self, is_before: impl Fn(i64) -> bool) -> usize {
        let (mut begin, mut end) = (0, self.len());
        while begin < end {
            let middle = usize::midpoint(begin, end);
            if is_before(self.first_seen_us(middle)) {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        begin
    }

    /// Whether the start of the socket in a row is known from an event.
    pub fn start_is_exact(&self, row: usize) -> bool {
        self.columns.start_is_exact(row)
    }

    /// The id of the socket in a row.
    pub fn conn_id(&self, row: usize) -> u64 {
        self.columns.conn_id(row)
    }

    /// The socket in a row of the table. Unused fields are not looked up, because this is inlined.
    #[allow(clippy::inline_always, reason = "left to itself, the compiler looks up every field of every row")]
    #[inline(always)]
    pub fn get(&self, row: usize) -> Socket<'a> {
        self.columns.get(row)
    }

    /// Every socket in table order: by first seen, then `conn_id`.
    pub fn iter(&self) -> impl Iterator<Item = Socket<'a>> + '_ {
        self.walk(0..self.len())
    }

    /// The sockets in some rows.
    pub fn walk<R: Iterator<Item = usize>>(&self, rows: R) -> Walk<'_, 'a, R> {
        Walk { sockets: self, rows }
    }

    /// The sockets with some ids.
    pub fn find(&self, wanted: &AHashSet<u64>) -> AHashMap<u64, Socket<'a>> {
        let rows = (0..self.len()).filter(|row| wanted.contains(&self.conn_id(*row)));
        rows.map(|row| (self.conn_id(row), self.get(row))).collect()
    }

    /// The values that the sockets in some rows share; a field that is unknown or differs is `None`.
    pub fn entities(&self, rows: &[usize]) -> Entities {
        let (columns, processes) = (&self.columns, &self.processes);
        let process = common(rows, |row| columns.process(row)).map(|process| process as usize);
        let detail = |of: &dyn Fn(usize) -> Option<&'a str>| process.and_then(|row| owned(of(row)));
        let text = |of: &dyn Fn(usize) -> Option<&'a str>| owned(common(rows, of));
        Entities {
            process_name: text(&|row| columns.process_name(row)),
            pid: common(rows, |row| columns.pid(row)),
            exe: detail(&|row| processes.exe(row)),
            cmdline: detail(&|row| processes.cmdline(row)),
            username: detail(&|row| processes.username(row)),
            container: detail(&|row| processes.container(row)),
            actor: text(&|row| columns.actor(row)),
            protocol: text(&|row| Some(columns.protocol(row).as_str())),
            local_addr: text(&|row| Some(columns.local_addr(row))),
            local_port: common(rows, |row| columns.local_port(row)),
            remote_addr: text(&|row| columns.remote_addr(row)),
            remote_port: common(rows, |row| columns.remote_port(row)),
            remote_name: text(&|row| columns.remote_name(row)),
            payload: payloads::described(
                common(rows, |row| columns.app_protocol(row)),
                common(rows, |row| columns.ja4(row)).or_else(|| common(rows, |row| columns.ja3(row))),
                common(rows, |row| columns.tls_subject(row)).zip(common(rows, |row| columns.tls_issuer(row))),
            ),
        }
    }
}

/// Iterates over the sockets in some rows of the table.
///
/// A separate type, so that the code using a socket is compiled together with the lookup: see
/// [`Sockets::get`].
#[derive(Clone)]
pub struct Walk<'m, 'a, R> {
    sockets: &'m Sockets<'a>,
    rows: R,
}

impl<'a, R: Iterator<Item = usize>> Iterator for Walk<'_, 'a, R> {
    type Item = Socket<'a>;

    #[allow(clippy::inline_always, reason = "as that of `Sockets::get`")]
    #[inline(always)]
    fn next(&mut self) -> Option<Socket<'a>> {
        let row = self.rows.next()?;
        Some(self.sockets.get(row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl<R: ExactSizeIterator<Item = usize>> ExactSizeIterator for Walk<'_, '_, R> {}

impl<T: Copy> SocketRow<T> {
    /// Address and port of the remote, 0 if its protocol has no ports; `None` for a listening or
    /// unconnected socket.
    pub fn remote(&self) -> Option<(T, u16)> {
        Some((self.remote_addr?, self.remote_port.unwrap_or_default()))
    }

    /// The local port, 0 if its protocol has no ports.
    pub fn local_port(&self) -> u16 {
        self.local_port.unwrap_or_default()
    }

    /// Whether the remote is outside the host's own and private networks.
    pub fn is_beyond_local_networks(&self) -> bool {
        self.remote_scope.is_some_and(Scope::is_beyond_local_networks)
    }

    /// Whether a TCP state was seen.
    pub fn was_in(&self, state: TcpState) -> bool {
        self.states.contains(state)
    }

    /// Whether the handshake was completed, according to the states seen, or data was sent, which
    /// requires one if only one direction was captured; true for UDP that was answered. Many logs have no
    /// states: there the counts tell, and a connection of which nothing was counted is no failed one.
    pub fn was_established(&self) -> bool {
        if self.protocol == Protocol::Tcp {
            self.states.has_any(States::ESTABLISHED)
                || self.has_sent_data()
                || self.states.is_empty() && !self.looks_refused_or_unanswered()
        } else {
            self.bytes_received.or(self.packets_received).unwrap_or(0) > 0
        }
    }

    /// Whether no more came back than to a client that is refused, by its counts: a reset for each SYN, of which Windows
    /// sends up to three, with headers of at most 100 bytes if a log counts them.
    fn looks_refused_or_unanswered(&self) -> bool {
        const MOST_RESETS: u64 = 3;
        let (asked, answered) =
            ((self.bytes_sent, self.packets_sent), (self.bytes_received, self.packets_received));
        let is_inbound = self.direction == Some(Direction::Inbound);
        let (asked, answered) = if is_inbound { (answered, asked) } else { (asked, answered) };
        match answered {
            (bytes, Some(packets)) => {
                packets <= MOST_RESETS && bytes.is_none_or(|bytes| bytes <= 100 * packets)
            }
            (Some(bytes), None) => bytes == 0,
            (None, None) => asked != (None, None),
        }
    }

    /// Whether more was sent than by an unanswered client: seven times a SYN, of at most 100 bytes
    /// if a log counts the headers too.
    pub fn has_sent_data(&self) -> bool {
        let counts = self.bytes_sent.zip(self.packets_sent);
        counts.is_some_and(|(bytes, packets)| bytes > 0 && (packets > 7 || bytes > 100 * packets))
    }

    /// The port of the service: the local one if the remote opened the connection. `None` if the
    /// protocol has no ports.
    pub fn service_port(&self) -> Option<u16> {
        let port =
            if self.direction == Some(Direction::Inbound) { self.local_port } else { self.remote_port };
        port.filter(|_| self.protocol.has_ports())
    }
}

/// The local source of an action: the process by its name, or else the address.
///
/// By name as an actor ([`super::actor`]) rather than by pid, because a shell loop starts a new
/// process every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source<'a> {
    /// A process by its name, with its script or path if needed.
    Process(&'a str),
    /// An address, if the process is unknown or not on this host.
    Address(&'a str),
}

impl<'a> Source<'a> {
    /// The local source of a connection.
    pub fn of(socket: &Socket<'a>) -> Self {
        socket.actor.or(socket.process_name).map_or(Self::Address(socket.local_addr), Self::Process)
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Process(text) | Self::Address(text)) = self;
        f.write_str(text)
    }
}

/// The value that all rows share; `None` if one is unknown or they differ.
fn common<T: PartialEq>(rows: &[usize], value: impl Fn(usize) -> Option<T>) -> Option<T> {
    let first = value(*rows.first()?)?;
    rows.iter().all(|row| value(*row).as_ref() == Some(&first)).then_some(first)
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Capture, Conn, START_US};
    use super::*;

    #[test]
    fn the_rows_of_a_time_are_found() {
        let mut capture = Capture::new(60);
        for second in [1.0, 2.0, 2.0, 4.0] {
            capture.add(Conn::to("203.0.113.5", 443).at(second));
        }
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let within = |from: i64, to: i64| {
            let us = |second: i64| START_US + second * 1_000_000;
            sockets.first_seen_within((us(from), us(to)))
        };
        assert_eq!([within(0, 9), within(2, 2), within(3, 3), within(5, 4)], [0..4, 1..3, 3..3, 4..4]);
    }

    #[test]
    fn without_states_the_counts_tell_whether_anybody_answered() {
        let conn = || Conn::to("203.0.113.5", 443).stateless();
        let cases = [
            (conn().bytes(600, 400).packets_sent(6).packets_received(5), true),
            (conn().bytes(300, 800).packets_sent(3).packets_received(3), true),
            (conn().bytes(40, 40).packets_sent(1).packets_received(1), false),
            (conn().bytes(156, 120).packets_sent(3).packets_received(3), false),
            (conn().bytes(60, 0).packets_sent(1).packets_received(0), false),
            (conn().bytes(20, 0), false),
            (conn().uncounted(), true),
            (conn().inbound().bytes(40, 40).packets_sent(1).packets_received(1), false),
            (conn().inbound().bytes(0, 300).packets_sent(0).packets_received(5), false),
            (Conn::to("203.0.113.5", 443).unanswered().uncounted(), false),
        ];
        for (number, (conn, expected)) in cases.into_iter().enumerate() {
            let mut capture = Capture::new(60);
            capture.add(conn);
            let tables = capture.tables();
            let sockets = Sockets::new(&tables).unwrap();
            assert_eq!(sockets.get(0).was_established(), expected, "case {number}");
        }
    }

    #[test]
    fn entities_are_only_what_all_have_in_common() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.5", 443).by("curl", 7).at(1.0));
        capture.add(Conn::to("203.0.113.5", 80).by("curl", 8).at(2.0));
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let entities = sockets.entities(&(0..sockets.len()).collect::<Vec<_>>());
        assert_eq!(entities.process_name.as_deref(), Some("curl"));
        assert_eq!(entities.remote_addr.as_deref(), Some("203.0.113.5"));
        assert_eq!((entities.pid, entities.remote_port, entities.exe), (None, None, None));
    }
}
