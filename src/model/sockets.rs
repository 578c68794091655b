//! The connections table read row by row, with types and names instead of columns.
//!
//! Detectors that walk over connections in the order of time use this view; it borrows from
//! the table and copies nothing.

use std::fmt;

use ahash::{AHashMap, AHashSet};
use polars::prelude::{DataFrame, Float64Type, Int64Type, UInt16Type, UInt32Type, UInt64Type};

use super::finding::Entities;
use super::tables::Tables;
use super::view::{Flags, Numbers, Words};
use crate::Result;
use crate::capture::Protocol;

/// The connections table, column by column.
pub struct Sockets<'a> {
    holds_many_hosts: bool,
    processes: Processes<'a>,
    conn_id: Numbers<'a, UInt64Type>,
    protocol: Words<'a>,
    local_addr: Words<'a>,
    local_port: Numbers<'a, UInt16Type>,
    remote_addr: Words<'a>,
    remote_port: Numbers<'a, UInt16Type>,
    remote_name: Words<'a>,
    remote_scope: Words<'a>,
    country_code: Words<'a>,
    role: Words<'a>,
    direction: Words<'a>,
    state: Words<'a>,
    state_since_us: Numbers<'a, Int64Type>,
    states: Words<'a>,
    first_seen_us: Numbers<'a, Int64Type>,
    last_seen_us: Numbers<'a, Int64Type>,
    duration_s: Numbers<'a, Float64Type>,
    opened: Flags<'a>,
    exact: Flags<'a>,
    closed: Flags<'a>,
    ticks: Numbers<'a, UInt32Type>,
    bytes_sent: Numbers<'a, UInt64Type>,
    bytes_received: Numbers<'a, UInt64Type>,
    packets_sent: Numbers<'a, UInt64Type>,
    packets_received: Numbers<'a, UInt64Type>,
    retransmits: Numbers<'a, UInt32Type>,
    rtt_us: Numbers<'a, UInt32Type>,
    recorded_sent: Numbers<'a, UInt64Type>,
    recorded_received: Numbers<'a, UInt64Type>,
    endpoint: Numbers<'a, UInt32Type>,
    process: Numbers<'a, UInt32Type>,
    pid: Numbers<'a, UInt32Type>,
    process_name: Words<'a>,
}

/// One row of the connections table; the fields are its columns.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the fields are the columns documented in `Tables`")]
pub struct Socket<'a> {
    pub conn_id: u64,
    pub protocol: &'a str,
    pub local_addr: &'a str,
    pub local_port: u16,
    pub remote: Option<(&'a str, u16)>,
    pub remote_name: Option<&'a str>,
    pub remote_scope: Option<&'a str>,
    /// Country of a public remote that a database knows.
    pub country_code: Option<&'a str>,
    pub role: &'a str,
    pub direction: Option<&'a str>,
    /// The last state seen; none for UDP.
    pub state: Option<&'a str>,
    /// When the last state was first seen.
    pub state_since_us: Option<i64>,
    /// Every state seen, joined by `>`; empty for UDP.
    pub states: &'a str,
    pub first_seen_us: i64,
    pub last_seen_us: i64,
    pub duration_s: f64,
    pub opened_in_recording: bool,
    /// An event says when it was opened.
    pub start_is_exact: bool,
    pub closed_in_recording: bool,
    pub ticks: u32,
    pub bytes_sent: Option<u64>,
    pub bytes_received: Option<u64>,
    pub packets_sent: Option<u64>,
    pub packets_received: Option<u64>,
    pub retransmits: Option<u32>,
    pub rtt_us: Option<u32>,
    /// Sent during the recording.
    pub recorded_sent: Option<u64>,
    /// Received during the recording.
    pub recorded_received: Option<u64>,
    /// Row in the table of endpoints.
    pub endpoint: Option<u32>,
    pub process: Option<u32>,
    pub pid: Option<u32>,
    pub process_name: Option<&'a str>,
}

impl<'a> Sockets<'a> {
    /// The view of a capture's connections.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a column is missing or not of its type: a bug.
    pub fn of(tables: &'a Tables) -> Result<Self> {
        let frame = &tables.connections;
        Ok(Self {
            holds_many_hosts: tables.holds_many_hosts,
            processes: Processes::of(&tables.processes)?,
            conn_id: Numbers::of(frame, "conn_id")?,
            protocol: Words::of(frame, "protocol")?,
            local_addr: Words::of(frame, "local_addr")?,
            local_port: Numbers::of(frame, "local_port")?,
            remote_addr: Words::of(frame, "remote_addr")?,
            remote_port: Numbers::of(frame, "remote_port")?,
            remote_name: Words::of(frame, "remote_name")?,
            remote_scope: Words::of(frame, "remote_scope")?,
            country_code: Words::of(frame, "country_code")?,
            role: Words::of(frame, "role")?,
            direction: Words::of(frame, "direction")?,
            state: Words::of(frame, "state")?,
            state_since_us: Numbers::of(frame, "state_since_us")?,
            states: Words::of(frame, "states")?,
            first_seen_us: Numbers::of(frame, "first_seen_us")?,
            last_seen_us: Numbers::of(frame, "last_seen_us")?,
            duration_s: Numbers::of(frame, "duration_s")?,
            opened: Flags::of(frame, "opened_in_recording")?,
            exact: Flags::of(frame, "start_is_exact")?,
            closed: Flags::of(frame, "closed_in_recording")?,
            ticks: Numbers::of(frame, "ticks")?,
            bytes_sent: Numbers::of(frame, "bytes_sent")?,
            bytes_received: Numbers::of(frame, "bytes_received")?,
            packets_sent: Numbers::of(frame, "packets_sent")?,
            packets_received: Numbers::of(frame, "packets_received")?,
            retransmits: Numbers::of(frame, "retransmits")?,
            rtt_us: Numbers::of(frame, "rtt_us")?,
            recorded_sent: Numbers::of(frame, "recorded_sent")?,
            recorded_received: Numbers::of(frame, "recorded_received")?,
            endpoint: Numbers::of(frame, "endpoint")?,
            process: Numbers::of(frame, "process")?,
            pid: Numbers::of(frame, "pid")?,
            process_name: Words::of(frame, "process_name")?,
        })
    }

    /// Whether they are of a network and not of one host.
    pub fn holds_many_hosts(&self) -> bool {
        self.holds_many_hosts
    }

    /// Number of sockets.
    pub fn len(&self) -> usize {
        self.conn_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the socket in a row has a remote.
    pub fn has_remote(&self, row: usize) -> bool {
        self.remote_addr.get(row).is_some()
    }

    /// When the socket in a row was first seen, µs since the Unix epoch.
    pub fn first_seen_us(&self, row: usize) -> i64 {
        self.first_seen_us.get(row).unwrap_or_default()
    }

    /// Whether an event says when the socket in a row was opened.
    pub fn start_is_exact(&self, row: usize) -> bool {
        self.exact.get(row).unwrap_or_default()
    }

    /// The identity of the socket in a row.
    pub fn conn_id(&self, row: usize) -> u64 {
        self.conn_id.get(row).unwrap_or_default()
    }

    /// The socket in a row of the table. Fields that nobody asks for are not looked up, as
    /// the compiler sees them.
    #[allow(clippy::inline_always, reason = "left to itself, the compiler looks up every field of every row")]
    #[inline(always)]
    pub fn get(&self, row: usize) -> Socket<'a> {
        Socket {
            conn_id: self.conn_id(row),
            protocol: self.protocol.get(row).unwrap_or_default(),
            local_addr: self.local_addr.get(row).unwrap_or_default(),
            local_port: self.local_port.get(row).unwrap_or_default(),
            remote: self
                .remote_addr
                .get(row)
                .map(|addr| (addr, self.remote_port.get(row).unwrap_or_default())),
            remote_name: self.remote_name.get(row),
            remote_scope: self.remote_scope.get(row),
            country_code: self.country_code.get(row),
            role: self.role.get(row).unwrap_or_default(),
            direction: self.direction.get(row),
            state: self.state.get(row),
            state_since_us: self.state_since_us.get(row),
            states: self.states.get(row).unwrap_or_default(),
            first_seen_us: self.first_seen_us.get(row).unwrap_or_default(),
            last_seen_us: self.last_seen_us.get(row).unwrap_or_default(),
            duration_s: self.duration_s.get(row).unwrap_or_default(),
            opened_in_recording: self.opened.get(row).unwrap_or_default(),
            start_is_exact: self.start_is_exact(row),
            closed_in_recording: self.closed.get(row).unwrap_or_default(),
            ticks: self.ticks.get(row).unwrap_or_default(),
            bytes_sent: self.bytes_sent.get(row),
            bytes_received: self.bytes_received.get(row),
            packets_sent: self.packets_sent.get(row),
            packets_received: self.packets_received.get(row),
            retransmits: self.retransmits.get(row),
            rtt_us: self.rtt_us.get(row),
            recorded_sent: self.recorded_sent.get(row),
            recorded_received: self.recorded_received.get(row),
            endpoint: self.endpoint.get(row),
            process: self.process.get(row),
            pid: self.pid.get(row),
            process_name: self.process_name.get(row),
        }
    }

    /// Every socket, in the order of the table: by first seen, then `conn_id`.
    pub fn iter(&self) -> impl Iterator<Item = Socket<'a>> + '_ {
        self.walk(0..self.len())
    }

    /// The sockets in some rows.
    pub fn walk<R: Iterator<Item = usize>>(&self, rows: R) -> Walk<'_, 'a, R> {
        Walk { sockets: self, rows }
    }

    /// The sockets with some identities.
    pub fn find(&self, wanted: &AHashSet<u64>) -> AHashMap<u64, Socket<'a>> {
        let rows = (0..self.len()).filter(|row| wanted.contains(&self.conn_id(*row)));
        rows.map(|row| (self.conn_id(row), self.get(row))).collect()
    }

    /// What the sockets in some rows have in common; a field that is unknown or differs is none.
    pub fn entities(&self, rows: &[usize]) -> Entities {
        let process = common(rows, |row| self.process.get(row)).map(|process| process as usize);
        let detail = |column: &Words<'_>| process.and_then(|row| owned(column.get(row)));
        let text = |column: &Words<'a>| owned(common(rows, |row| column.get(row)));
        let port = |column: &Numbers<'_, UInt16Type>| common(rows, |row| column.get(row));
        Entities {
            process_name: text(&self.process_name),
            pid: common(rows, |row| self.pid.get(row)),
            exe: detail(&self.processes.exe),
            cmdline: detail(&self.processes.cmdline),
            username: detail(&self.processes.username),
            container: detail(&self.processes.container),
            protocol: text(&self.protocol),
            local_addr: text(&self.local_addr),
            local_port: port(&self.local_port),
            remote_addr: text(&self.remote_addr),
            remote_port: port(&self.remote_port),
            remote_name: text(&self.remote_name),
        }
    }
}

/// The sockets in some rows of the table, one after the other.
///
/// A type of its own, so that what is done with a socket is compiled where it is looked up: see
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

/// The columns of the processes table that name a process.
struct Processes<'a> {
    exe: Words<'a>,
    cmdline: Words<'a>,
    username: Words<'a>,
    container: Words<'a>,
}

impl<'a> Processes<'a> {
    fn of(frame: &'a DataFrame) -> Result<Self> {
        Ok(Self {
            exe: Words::of(frame, "exe")?,
            cmdline: Words::of(frame, "cmdline")?,
            username: Words::of(frame, "username")?,
            container: Words::of(frame, "container")?,
        })
    }
}

/// Kinds of address (`remote_scope`) that do not leave the local networks.
const LOCAL_SCOPES: [&str; 7] =
    ["loopback", "link-local", "private", "shared-nat", "multicast", "broadcast", "unspecified"];

/// States that only a connection reaches that was established.
const ESTABLISHED: [&str; 7] =
    ["ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE_WAIT", "LAST_ACK", "CLOSING"];

impl Socket<'_> {
    /// Whether the remote is beyond the host's own and private networks.
    pub fn is_beyond_local_networks(&self) -> bool {
        self.remote_scope.is_some_and(|scope| !LOCAL_SCOPES.contains(&scope))
    }

    /// Whether a TCP state is among those seen.
    pub fn was_in(&self, state: &str) -> bool {
        self.states.split('>').any(|seen| seen == state)
    }

    /// Whether the handshake was completed, as far as the states seen tell; true for UDP that was
    /// answered.
    pub fn was_established(&self) -> bool {
        if self.protocol == "tcp" {
            ESTABLISHED.iter().any(|state| self.was_in(state))
        } else {
            self.bytes_received.or(self.packets_received).unwrap_or(0) > 0
        }
    }

    /// The port of the service: the local one if the remote opened the connection. None where the
    /// protocol has no ports.
    pub fn service_port(&self) -> Option<u16> {
        if !Protocol::read(self.protocol).has_ports() {
            None
        } else if self.direction == Some("inbound") {
            Some(self.local_port)
        } else {
            self.remote.map(|(_, port)| port)
        }
    }
}

/// Who does something, as well as it is known: the process by its name, else the address.
///
/// The name and not the pid, because a loop in a shell is a new process at every turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source<'a> {
    /// A process, by its name.
    Process(&'a str),
    /// An address, where the process is not known or not on this host.
    Address(&'a str),
}

impl<'a> Source<'a> {
    /// Who opened a connection on this side.
    pub fn of(socket: &Socket<'a>) -> Self {
        socket.process_name.map_or(Self::Address(socket.local_addr), Self::Process)
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Process(text) | Self::Address(text)) = self;
        f.write_str(text)
    }
}

/// The value that all rows have; none if it is unknown for one or differs.
fn common<T: PartialEq>(rows: &[usize], value: impl Fn(usize) -> Option<T>) -> Option<T> {
    let first = value(*rows.first()?)?;
    rows.iter().all(|row| value(*row).as_ref() == Some(&first)).then_some(first)
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Capture, Conn};
    use super::*;

    #[test]
    fn entities_are_only_what_all_have_in_common() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.5", 443).by("curl", 7).at(1.0));
        capture.add(Conn::to("203.0.113.5", 80).by("curl", 8).at(2.0));
        let tables = capture.tables();
        let sockets = Sockets::of(&tables).unwrap();
        let entities = sockets.entities(&(0..sockets.len()).collect::<Vec<_>>());
        assert_eq!(entities.process_name.as_deref(), Some("curl"));
        assert_eq!(entities.remote_addr.as_deref(), Some("203.0.113.5"));
        assert_eq!((entities.pid, entities.remote_port, entities.exe), (None, None, None));
    }
}
