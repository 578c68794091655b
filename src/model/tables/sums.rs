//! Sums over connections: per process and per remote address.

use super::columns::TextColumns;
use super::endpoints::EndpointRow;
use super::processes::ProcessRow;
use crate::Result;
use crate::model::frame::DataFrame;
use crate::model::records::{Connection, Count, EndpointId, ProcessId, Recorded, Role};

/// Sums over some sockets.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    connections: u32,
    listeners: u32,
    /// Different endpoints of a process, or different processes of an endpoint.
    partners: u32,
    bytes_sent: u64,
    bytes_received: u64,
    duration_total_s: f64,
    /// First and last row, if there is any.
    seen_us: Option<(i64, i64)>,
}

impl Sums {
    const NOTHING: Self = Self {
        connections: 0,
        listeners: 0,
        partners: 0,
        bytes_sent: 0,
        bytes_received: 0,
        duration_total_s: 0.0,
        seen_us: None,
    };

    fn add(&mut self, connection: &Connection) {
        match connection.role() {
            Role::Connection => self.connections += 1,
            Role::Listener => self.listeners += 1,
            Role::Unconnected => {}
        }
        self.bytes_sent = self.bytes_sent.saturating_add(connection.recorded_sent.map_or(0, Count::get));
        self.bytes_received =
            self.bytes_received.saturating_add(connection.recorded_received.map_or(0, Count::get));
        self.duration_total_s += connection.duration_s();
        let (first, last) = self.seen_us.unwrap_or((i64::MAX, i64::MIN));
        self.seen_us = Some((first.min(connection.first_seen_us), last.max(connection.last_seen_us)));
    }
}

/// See [`super::Tables::processes`].
pub(super) fn process_table(
    recorded: &Recorded,
    texts: &TextColumns,
    acquaintances: &[Acquaintance],
) -> Result<DataFrame> {
    let sums = process_sums(recorded, acquaintances);
    let ids: Vec<u32> = (0..sums.len() as u32).collect();
    ProcessRow::frame(&ids, texts, |id| {
        let (process, sums) = (&recorded.processes[*id as usize], &sums[*id as usize]);
        ProcessRow {
            process: *id,
            pid: process.pid,
            ppid: process.ppid,
            uid: process.uid,
            process_name: process.process_name,
            exe: process.exe,
            cmdline: process.cmdline,
            username: process.username,
            parent_name: process.parent_name,
            actor: process.actor,
            container: process.container,
            exe_sha256: process.exe_sha256,
            process_start_us: process.process_start_us,
            cpu_percent_mean: process.cpu_percent_mean,
            cpu_percent_max: process.cpu_percent_max,
            memory_rss_max_bytes: process.memory_rss_max_bytes,
            connections: sums.connections,
            listeners: sums.listeners,
            endpoints: sums.partners,
            bytes_sent: sums.bytes_sent,
            bytes_received: sums.bytes_received,
            first_seen_us: sums.seen_us.map(|seen| seen.0),
            last_seen_us: sums.seen_us.map(|seen| seen.1),
        }
    })
}

/// See [`super::Tables::endpoints`].
pub(super) fn endpoint_table(
    recorded: &Recorded,
    texts: &TextColumns,
    acquaintances: &[Acquaintance],
) -> Result<DataFrame> {
    let sums = endpoint_sums(recorded, acquaintances);
    let ids: Vec<u32> = (0..sums.len() as u32).collect();
    EndpointRow::frame(&ids, texts, |id| {
        let (endpoint, sums) = (&recorded.endpoints[*id as usize], &sums[*id as usize]);
        EndpointRow {
            endpoint: *id,
            remote_addr: endpoint.addr,
            remote_scope: endpoint.scope,
            country_code: endpoint.location.country_code,
            country: endpoint.location.country,
            city: endpoint.location.city,
            asn: endpoint.location.asn,
            as_organization: endpoint.location.as_organization,
            connections: sums.connections,
            processes: sums.partners,
            bytes_sent: sums.bytes_sent,
            bytes_received: sums.bytes_received,
            first_seen_us: sums.seen_us.map(|seen| seen.0),
            last_seen_us: sums.seen_us.map(|seen| seen.1),
        }
    })
}

/// Sums over every socket of each process.
fn process_sums(recorded: &Recorded, acquaintances: &[Acquaintance]) -> Vec<Sums> {
    let mut sums = vec![Sums::NOTHING; recorded.processes.len()];
    for connection in &recorded.connections {
        if let Some(process) = connection.process {
            sums[process.get() as usize].add(connection);
        }
    }
    for (process, _) in acquaintances {
        sums[process.get() as usize].partners += 1;
    }
    sums
}

/// Sums over every connection with each remote address.
fn endpoint_sums(recorded: &Recorded, acquaintances: &[Acquaintance]) -> Vec<Sums> {
    let mut sums = vec![Sums::NOTHING; recorded.own_endpoints().len()];
    for connection in &recorded.connections {
        if let Some((endpoint, _)) = connection.remote {
            sums[endpoint.get() as usize].add(connection);
        }
    }
    for (_, endpoint) in acquaintances {
        sums[endpoint.get() as usize].partners += 1;
    }
    sums
}

/// A process and a remote address that it talked to.
pub(super) type Acquaintance = (ProcessId, EndpointId);

/// Every process with every remote address that it talked to, once.
pub(super) fn acquaintances(recorded: &Recorded) -> Vec<Acquaintance> {
    let of = |connection: &Connection| Some((connection.process?, connection.remote?.0));
    let mut known: Vec<Acquaintance> = recorded.connections.iter().filter_map(of).collect();
    known.sort_unstable();
    known.dedup();
    known
}
