//! Sums over connections: per process, per remote address, per pair of both.

use ahash::AHashMap;
use polars::prelude::DataFrame;

use super::columns::TextColumns;
use super::endpoints::{EndpointRow, PairRow};
use super::processes::ProcessRow;
use crate::Result;
use crate::capture::Protocol;
use crate::model::records::{Connection, Count, Direction, EndpointId, ProcessId, Recorded, Role};

/// What the connections of a pair have in common. Endpoints are numbered by their address,
/// so this order is that of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pair {
    process: Option<ProcessId>,
    endpoint: EndpointId,
    port: u16,
    protocol: Protocol,
    direction: Option<Direction>,
}

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

/// The connections of each pair, in the order of [`super::Tables::pairs`].
pub(super) fn pairs(recorded: &Recorded) -> Vec<(Pair, Sums)> {
    let mut places: AHashMap<Pair, u32> = AHashMap::new();
    let mut pairs: Vec<(Pair, Sums)> = Vec::new();
    for connection in &recorded.connections {
        let Some((endpoint, port)) = connection.remote else { continue };
        let Connection { process, protocol, direction, .. } = *connection;
        let pair = Pair { process, endpoint, port, protocol, direction };
        let place = *places.entry(pair).or_insert_with(|| {
            pairs.push((pair, Sums::NOTHING));
            pairs.len() as u32 - 1
        });
        pairs[place as usize].1.add(connection);
    }
    pairs.sort_unstable_by_key(|(pair, _)| *pair);
    pairs
}

/// See [`super::Tables::pairs`].
pub(super) fn pair_table(
    recorded: &Recorded,
    texts: &TextColumns,
    pairs: &[(Pair, Sums)],
) -> Result<DataFrame> {
    PairRow::frame(pairs, texts, |(pair, sums)| {
        let process = pair.process.and_then(|id| recorded.processes.get(id.get() as usize));
        let Pair { process: id, endpoint, port, protocol, direction } = *pair;
        PairRow {
            process: id.map(ProcessId::get),
            process_name: process.and_then(|process| process.process_name),
            endpoint: endpoint.get(),
            remote_addr: recorded.endpoints[endpoint.get() as usize].addr,
            remote_port: port,
            protocol,
            direction,
            connections: sums.connections,
            bytes_sent: sums.bytes_sent,
            bytes_received: sums.bytes_received,
            duration_total_s: sums.duration_total_s,
            first_seen_us: sums.seen_us.map(|seen| seen.0),
            last_seen_us: sums.seen_us.map(|seen| seen.1),
        }
    })
}

/// See [`super::Tables::processes`].
pub(super) fn process_table(
    recorded: &Recorded,
    texts: &TextColumns,
    pairs: &[(Pair, Sums)],
) -> Result<DataFrame> {
    let list = numbered(&recorded.processes, process_sums(recorded, pairs));
    ProcessRow::frame(&list, texts, |(id, process, sums)| ProcessRow {
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
    })
}

/// See [`super::Tables::endpoints`].
pub(super) fn endpoint_table(
    recorded: &Recorded,
    texts: &TextColumns,
    pairs: &[(Pair, Sums)],
) -> Result<DataFrame> {
    let list = numbered(recorded.own_endpoints(), endpoint_sums(recorded, pairs));
    EndpointRow::frame(&list, texts, |(id, endpoint, sums)| EndpointRow {
        endpoint: *id,
        remote_addr: endpoint.addr,
        remote_scope: endpoint.scope,
        country_code: endpoint.place.country_code,
        country: endpoint.place.country,
        city: endpoint.place.city,
        asn: endpoint.place.asn,
        as_organization: endpoint.place.as_organization,
        connections: sums.connections,
        processes: sums.partners,
        bytes_sent: sums.bytes_sent,
        bytes_received: sums.bytes_received,
        first_seen_us: sums.seen_us.map(|seen| seen.0),
        last_seen_us: sums.seen_us.map(|seen| seen.1),
    })
}

fn numbered<T>(items: &[T], sums: Vec<Sums>) -> Vec<(u32, &T, Sums)> {
    items.iter().zip(sums).zip(0..).map(|((item, sums), id)| (id, item, sums)).collect()
}

/// Sums over every socket of each process.
fn process_sums(recorded: &Recorded, pairs: &[(Pair, Sums)]) -> Vec<Sums> {
    let mut sums = vec![Sums::NOTHING; recorded.processes.len()];
    for connection in &recorded.connections {
        if let Some(process) = connection.process {
            sums[process.get() as usize].add(connection);
        }
    }
    for (process, _) in acquaintances(pairs) {
        sums[process.get() as usize].partners += 1;
    }
    sums
}

/// Sums over every connection with each remote address.
fn endpoint_sums(recorded: &Recorded, pairs: &[(Pair, Sums)]) -> Vec<Sums> {
    let mut sums = vec![Sums::NOTHING; recorded.own_endpoints().len()];
    for connection in &recorded.connections {
        if let Some((endpoint, _)) = connection.remote {
            sums[endpoint.get() as usize].add(connection);
        }
    }
    for (_, endpoint) in acquaintances(pairs) {
        sums[endpoint.get() as usize].partners += 1;
    }
    sums
}

/// Every process with every remote address that it talked to, once.
fn acquaintances(pairs: &[(Pair, Sums)]) -> Vec<(ProcessId, EndpointId)> {
    let mut known: Vec<(ProcessId, EndpointId)> =
        pairs.iter().filter_map(|(pair, _)| Some((pair.process?, pair.endpoint))).collect();
    // Already sorted, as the pairs are.
    known.dedup();
    known
}
