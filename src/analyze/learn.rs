//! What a baseline learns from the tables of a recording.

use crate::Result;
use crate::baseline::{Baseline, Kind, Seen};
use crate::capture::Metadata;
use crate::model::Tables;
use crate::model::processes::Processes;
use crate::model::records::{Direction, Role};
use crate::model::sockets::{Socket, Sockets};

/// Adds a recording, in the order of time. Connections that others opened to a listener say who came,
/// and are not learned; nor are sockets of other network namespaces.
///
/// # Errors
/// [`crate::Error::Analysis`] if a table lacks a column: a bug.
pub fn learn(baseline: &mut Baseline, tables: &Tables, metadata: &Metadata, capture_id: &str) -> Result<()> {
    let name = metadata.machine_id.as_ref().or(metadata.host_name.as_ref());
    let span_us = (metadata.start_us.min(tables.span_us.0), metadata.end_us.max(tables.span_us.1));
    let host = baseline.host(name.map_or("unknown", String::as_str), capture_id, span_us);
    let sockets = Sockets::new(tables)?;
    let keys = Keys::of(tables)?;
    for socket in sockets.iter() {
        let seen = Seen {
            span_us: (socket.first_seen_us, socket.last_seen_us),
            host,
            sent: socket.recorded_sent.unwrap_or(0),
        };
        if socket.role == Role::Listener {
            baseline.add(Kind::Listener, &listener(&socket), &seen);
        }
        if let Some(executable) = keys.executable(&socket) {
            baseline.add(Kind::Executable, &executable, &seen);
        }
        if socket.direction != Some(Direction::Outbound) {
            continue;
        }
        if let Some((destination, contact)) = destination(&socket) {
            baseline.add(Kind::Destination, &destination, &seen);
            baseline.add(Kind::Contact, &contact, &seen);
        }
        if let Some(name) = socket.remote_name {
            baseline.add(Kind::Name, name, &seen);
        }
    }
    Ok(())
}

/// What a socket's program and executable are called in a baseline.
pub struct Keys<'a> {
    processes: Processes<'a>,
}

impl<'a> Keys<'a> {
    /// Of the processes of a recording.
    ///
    /// # Errors
    /// See [`learn`].
    pub fn of(tables: &'a Tables) -> Result<Self> {
        Ok(Self { processes: Processes::of(tables)? })
    }

    fn executable(&self, socket: &Socket<'_>) -> Option<String> {
        executable(
            self.processes.exe_sha256(socket.process? as usize),
            self.processes.get(socket.process? as usize).exe,
        )
    }
}

/// An executable by its hash, or by its path if that is unknown.
pub fn executable(sha256: Option<&str>, exe: Option<&str>) -> Option<String> {
    sha256.or(exe).map(str::to_owned)
}

/// Protocol, port and program of a listener.
pub fn listener(socket: &Socket<'_>) -> String {
    format!("{} {} {}", socket.protocol.as_str(), socket.local_port(), program(socket))
}

/// Where a connection goes, and which program goes there: by name where it has one, as addresses behind a
/// name change.
pub fn destination(socket: &Socket<'_>) -> Option<(String, String)> {
    let (addr, port) = socket.remote()?;
    let place = socket.remote_name.unwrap_or(addr);
    Some((
        format!("{addr} {port} {}", socket.protocol.as_str()),
        format!("{} > {place} {port}", program(socket)),
    ))
}

fn program<'a>(socket: &Socket<'a>) -> &'a str {
    socket.process_name.unwrap_or("unknown")
}
