//! Connections that wait for what later events say of their processes and of their ends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use super::event::{Connection, Course};
use crate::capture::Protocol;

/// Events of one connection are no further apart.
const MOST_GAP_US: i64 = 5_000_000;

type End = (IpAddr, u16);

/// What events of one connection have in common. Which end is the local one may not be known yet.
type Key = (String, Course, bool, Protocol, [End; 2]);

/// The connections so far, each once: the security log tells of what Sysmon logs too, of a blocked connection by
/// itself and by its packets, and of a connection again when filters change.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    connections: Vec<Connection>,
    /// Where the last connection of a key is.
    last: HashMap<Key, usize>,
}

impl Waiting {
    /// Adds a connection; false if it is there already.
    pub(super) fn add(&mut self, connection: Connection) -> bool {
        let at = self.connections.len();
        let known = match self.last.entry(key(&connection)) {
            Entry::Vacant(entry) => {
                entry.insert(at);
                None
            }
            Entry::Occupied(mut entry) => Some(entry.insert(at)),
        };
        let same = known.filter(|known| is_same(&self.connections[*known], &connection));
        let Some(known) = same else {
            self.connections.push(connection);
            return true;
        };
        self.last.insert(key(&connection), known);
        // Sysmon knows the user, and the process beyond its number.
        if connection.is_of_sysmon {
            self.connections[known] = connection;
        }
        false
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Gives all connections, and begins anew.
    pub(super) fn take(&mut self) -> Vec<Connection> {
        self.last.clear();
        std::mem::take(&mut self.connections)
    }
}

/// Whether two events with the same key are of one connection. Sysmon by itself has an event for each.
fn is_same(one: &Connection, other: &Connection) -> bool {
    !(one.is_of_sysmon && other.is_of_sysmon) && one.ts_us.abs_diff(other.ts_us) <= MOST_GAP_US.unsigned_abs()
}

fn key(connection: &Connection) -> Key {
    let Connection { source, destination, .. } = *connection;
    let ends = [source.min(destination), source.max(destination)];
    (connection.computer.clone(), connection.course, connection.is_initiator, connection.protocol, ends)
}
