//! Loads the tables of all hosts into memory: some 200 bytes per connection, each text once.

use std::collections::hash_map::Entry;

use ahash::AHashMap;
use arrow_array::RecordBatch;

use super::columns::Columns;
use super::conn::Conn;
use super::hosts::HostTables;
use super::names::{Name, Names};
use super::sockets::Sockets;
use crate::tables::schema::Table;

/// Number of executables at which duplicates are removed.
const MOST_UNFOLDED: usize = 1 << 20;

/// The fields of a listening socket that matter here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    pub(super) host: Name,
    pub(super) protocol: Name,
    pub(super) port: i32,
    pub(super) process: Name,
    pub(super) first_us: i64,
}

/// An executable that owned a socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Executable {
    pub(super) sha256: Name,
    pub(super) exe: Name,
    pub(super) host: Name,
    pub(super) first_us: i64,
}

/// The input of the reduction.
pub(super) struct Fleet {
    pub(super) names: Names,
    /// Sorted by host, boot and id.
    pub(super) conns: Vec<Conn>,
    pub(super) listeners: Vec<Listener>,
    /// Every executable with hash, path, host and first time seen.
    pub(super) executables: Vec<Executable>,
    /// Addresses that a single host has.
    owners: AHashMap<Name, Name>,
    /// Number of sockets of other namespaces, which are left out.
    pub(super) foreign: u64,
    /// Number of sockets of captures without a host, which are left out.
    pub(super) without_host: u64,
    /// Captures, findings and assessments.
    pub(super) hosts: HostTables,
    /// The owner of an address; `None` if several hosts have it.
    claims: AHashMap<Name, Option<Name>>,
    places: AHashMap<(Name, Name, i64), usize>,
}

impl Fleet {
    /// A fleet without hosts.
    pub(super) fn new() -> Self {
        Self {
            names: Names::new(),
            conns: Vec::new(),
            listeners: Vec::new(),
            executables: Vec::new(),
            owners: AHashMap::new(),
            foreign: 0,
            without_host: 0,
            hosts: HostTables::default(),
            claims: AHashMap::new(),
            places: AHashMap::new(),
        }
    }

    /// Adds rows of a table; tables that are not used are skipped.
    ///
    /// # Errors
    /// A sentence, if a column is missing.
    pub(super) fn add(&mut self, table: &Table, batch: &RecordBatch) -> Result<(), String> {
        match table.name {
            "connections" => self.add_connections(batch),
            "host_addresses" => self.add_addresses(batch),
            name => self.hosts.add(name, batch),
        }
    }

    /// Whether a table is needed.
    pub(super) fn is_used(table: &Table) -> bool {
        ["connections", "host_addresses"].contains(&table.name) || HostTables::is_used(table.name)
    }

    fn add_addresses(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let columns = Columns::of(batch);
        let (hosts, addrs) = (columns.text("host_id")?, columns.text("addr")?);
        for row in 0..batch.num_rows() {
            let addr = addrs.get(row).filter(|addr| !is_shared(addr));
            let (Some(host), Some(addr)) = (hosts.get(row), addr) else { continue };
            let (host, addr) = (self.names.key(host), self.names.key(addr));
            let claim = self.claims.entry(addr).or_insert(Some(host));
            if *claim != Some(host) {
                *claim = None;
            }
        }
        Ok(())
    }

    fn add_connections(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let rows = Sockets::new(batch)?;
        for row in 0..batch.num_rows() {
            if rows.is_foreign(row) {
                self.foreign += 1;
                continue;
            }
            let conn = rows.conn(row, &mut self.names);
            if conn.host == 0 {
                self.without_host += 1;
                continue;
            }
            self.add_socket(conn, rows.role(row));
        }
        // Most sockets share an executable with others of their process.
        if self.executables.len() > MOST_UNFOLDED {
            self.fold_executables();
        }
        Ok(())
    }

    fn add_socket(&mut self, conn: Conn, role: &str) {
        let Conn { host, sha256, exe, first_us, .. } = conn;
        if sha256 != 0 {
            self.executables.push(Executable { sha256, exe, host, first_us });
        }
        if role == "listener" {
            let (protocol, port, process) = (conn.protocol, conn.local.1, conn.process);
            self.listeners.push(Listener { host, protocol, port, process, first_us });
        }
        if role != "connection" || conn.remote.0 == 0 {
            return;
        }
        match self.places.entry((conn.host, conn.boot, conn.id)) {
            Entry::Occupied(at) => self.conns[*at.get()].merge(&conn, &self.names),
            Entry::Vacant(at) => {
                at.insert(self.conns.len());
                self.conns.push(conn);
            }
        }
    }

    /// Keeps each executable once per host and path, with its first time seen.
    fn fold_executables(&mut self) {
        self.executables.sort_unstable_by_key(|e| (e.sha256, e.exe, e.host, e.first_us));
        self.executables.dedup_by_key(|e| (e.sha256, e.exe, e.host));
    }

    /// Sorts everything, so that the result does not depend on the order of the input.
    pub(super) fn complete(&mut self) {
        self.places = AHashMap::new();
        let renamed = self.names.sort();
        let new = |name: &mut Name| *name = renamed[*name as usize];
        for conn in &mut self.conns {
            conn.names_mut().into_iter().for_each(new);
        }
        for listener in &mut self.listeners {
            [&mut listener.host, &mut listener.protocol, &mut listener.process].into_iter().for_each(new);
        }
        for executable in &mut self.executables {
            [&mut executable.sha256, &mut executable.exe, &mut executable.host].into_iter().for_each(new);
        }
        self.fold_executables();
        self.conns.sort_unstable_by_key(|conn| (conn.host, conn.boot, conn.id));
        let owned = self.claims.drain().filter_map(|(addr, host)| Some((addr, host?)));
        self.owners = owned.map(|(addr, host)| (renamed[addr as usize], renamed[host as usize])).collect();
        self.hosts.complete();
    }

    /// Whether the local address of a connection belongs only to its host.
    pub(super) fn owns(&self, conn: &Conn) -> bool {
        self.owners.get(&conn.local.0) == Some(&conn.host)
    }

    /// The only recorded host with the remote address.
    pub(super) fn peer(&self, conn: &Conn) -> Option<Name> {
        self.owner(conn.remote.0)
    }

    /// The only recorded host with an address.
    pub(super) fn owner(&self, addr: Name) -> Option<Name> {
        self.owners.get(&addr).copied()
    }
}

/// Addresses that every host has.
fn is_shared(addr: &str) -> bool {
    addr.starts_with("127.") || addr == "::1" || addr.starts_with("169.254.") || addr.starts_with("fe80:")
}
