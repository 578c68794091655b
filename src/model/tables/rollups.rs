//! Sums over connections: per process, per remote address, per pair of both.

use ahash::AHashMap;
use polars::prelude::DataFrame;

use super::columns::{Rows, TextColumns};
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
    let rows = Rows(pairs);
    let name = |id: Option<ProcessId>| id.and_then(|id| recorded.processes[id.get() as usize].process_name);
    let addr = |id: EndpointId| recorded.endpoints[id.get() as usize].addr;
    rows.frame(vec![
        rows.u32("process", |(pair, _)| pair.process.map(ProcessId::get)),
        rows.text("process_name", texts, |(pair, _)| name(pair.process)),
        rows.u32("endpoint", |(pair, _)| Some(pair.endpoint.get())),
        rows.text("remote_addr", texts, |(pair, _)| Some(addr(pair.endpoint))),
        rows.u16("remote_port", |(pair, _)| Some(pair.port)),
        rows.name("protocol", texts, |(pair, _)| Some(pair.protocol.as_str()))?,
        rows.name("direction", texts, |(pair, _)| pair.direction.map(Direction::as_str))?,
        rows.u32("connections", |(_, sums)| Some(sums.connections)),
        rows.u64("bytes_sent", |(_, sums)| Some(sums.bytes_sent)),
        rows.u64("bytes_received", |(_, sums)| Some(sums.bytes_received)),
        rows.f64("duration_total_s", |(_, sums)| Some(sums.duration_total_s)),
        rows.i64("first_seen_us", |(_, sums)| sums.seen_us.map(|seen| seen.0)),
        rows.i64("last_seen_us", |(_, sums)| sums.seen_us.map(|seen| seen.1)),
    ])
}

/// See [`super::Tables::processes`].
pub(super) fn process_table(
    recorded: &Recorded,
    texts: &TextColumns,
    pairs: &[(Pair, Sums)],
) -> Result<DataFrame> {
    let list = numbered(&recorded.processes, process_sums(recorded, pairs));
    let rows = Rows(&list);
    rows.frame(vec![
        rows.u32("process", |(id, ..)| Some(*id)),
        rows.u32("pid", |(_, p, _)| p.pid),
        rows.u32("ppid", |(_, p, _)| p.ppid),
        rows.u32("uid", |(_, p, _)| p.uid),
        rows.text("process_name", texts, |(_, p, _)| p.process_name),
        rows.text("exe", texts, |(_, p, _)| p.exe),
        rows.text("cmdline", texts, |(_, p, _)| p.cmdline),
        rows.text("username", texts, |(_, p, _)| p.username),
        rows.text("parent_name", texts, |(_, p, _)| p.parent_name),
        rows.text("container", texts, |(_, p, _)| p.container),
        rows.text("exe_sha256", texts, |(_, p, _)| p.exe_sha256),
        rows.i64("process_start_us", |(_, p, _)| p.process_start_us),
        rows.f32("cpu_percent_mean", |(_, p, _)| p.cpu_percent_mean),
        rows.f32("cpu_percent_max", |(_, p, _)| p.cpu_percent_max),
        rows.u64("memory_rss_max_bytes", |(_, p, _)| p.memory_rss_max_bytes),
        rows.u32("connections", |(.., sums)| Some(sums.connections)),
        rows.u32("listeners", |(.., sums)| Some(sums.listeners)),
        rows.u32("endpoints", |(.., sums)| Some(sums.partners)),
        rows.u64("bytes_sent", |(.., sums)| Some(sums.bytes_sent)),
        rows.u64("bytes_received", |(.., sums)| Some(sums.bytes_received)),
        rows.i64("first_seen_us", |(.., sums)| sums.seen_us.map(|seen| seen.0)),
        rows.i64("last_seen_us", |(.., sums)| sums.seen_us.map(|seen| seen.1)),
    ])
}

/// See [`super::Tables::endpoints`].
pub(super) fn endpoint_table(
    recorded: &Recorded,
    texts: &TextColumns,
    pairs: &[(Pair, Sums)],
) -> Result<DataFrame> {
    let list = numbered(&recorded.endpoints, endpoint_sums(recorded, pairs));
    let rows = Rows(&list);
    rows.frame(vec![
        rows.u32("endpoint", |(id, ..)| Some(*id)),
        rows.text("remote_addr", texts, |(_, e, _)| Some(e.addr)),
        rows.own_text("remote_scope", |(_, e, _)| Some(e.scope.as_str())),
        rows.own_text("country_code", |(_, e, _)| e.place.as_ref()?.country_code.as_deref()),
        rows.own_text("country", |(_, e, _)| e.place.as_ref()?.country.as_deref()),
        rows.own_text("city", |(_, e, _)| e.place.as_ref()?.city.as_deref()),
        rows.u32("asn", |(_, e, _)| e.place.as_ref()?.asn),
        rows.own_text("as_organization", |(_, e, _)| e.place.as_ref()?.as_organization.as_deref()),
        rows.u32("connections", |(.., sums)| Some(sums.connections)),
        rows.u32("processes", |(.., sums)| Some(sums.partners)),
        rows.u64("bytes_sent", |(.., sums)| Some(sums.bytes_sent)),
        rows.u64("bytes_received", |(.., sums)| Some(sums.bytes_received)),
        rows.i64("first_seen_us", |(.., sums)| sums.seen_us.map(|seen| seen.0)),
        rows.i64("last_seen_us", |(.., sums)| sums.seen_us.map(|seen| seen.1)),
    ])
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
    let mut sums = vec![Sums::NOTHING; recorded.endpoints.len()];
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
