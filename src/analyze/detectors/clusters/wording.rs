//! Groups in words that a person understands.

use std::hash::Hash;

use ahash::AHashMap;

use crate::Result;
use crate::analyze::{services, words};
use crate::capture::Protocol;
use crate::model::frame::{DataFrame, df};
use crate::model::records::Direction;
use crate::model::sockets::Sockets;
use crate::model::stats;

/// Share of a group that must have something in common for it to be said of the group.
const MOST: f64 = 0.8;

/// Below this a connection is short, in seconds.
const SHORT_S: f64 = 5.0;

/// From this on a connection is long, in seconds.
const LONG_S: f64 = 600.0;

/// What a group has in common.
#[derive(Debug, Default)]
struct Group<'a> {
    connections: usize,
    process_name: Option<&'a str>,
    protocol: Option<Protocol>,
    port: Option<u16>,
    direction: Option<Direction>,
    remote_addr: Option<&'a str>,
    sent: Option<f64>,
    received: Option<f64>,
    duration_s: Option<f64>,
}

/// One row per group, largest first: `cluster` u32, `connections` u32, `description`,
/// `process_name`, `protocol`, `port` u16, `direction`, `remote_addr` (null unless most of the
/// group have it in common), and medians: `bytes_sent`, `bytes_received`, `duration_s` f64.
pub(super) fn table(
    sockets: &Sockets<'_>,
    rows: &[u32],
    of_rows: &[Option<u32>],
    clusters: u32,
) -> Result<DataFrame> {
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); clusters as usize];
    for (row, cluster) in rows.iter().zip(of_rows) {
        if let Some(cluster) = cluster {
            members[*cluster as usize].push(*row);
        }
    }
    let groups: Vec<Group<'_>> = members.iter().map(|rows| Group::new(sockets, rows)).collect();
    let column = |field: fn(&Group<'_>) -> Option<f64>| groups.iter().map(field).collect::<Vec<_>>();
    Ok(df!(
        "cluster" => (0..clusters).collect::<Vec<_>>(),
        "connections" => groups.iter().map(|group| group.connections as u32).collect::<Vec<_>>(),
        "description" => groups.iter().map(Group::description).collect::<Vec<_>>(),
        "process_name" => groups.iter().map(|group| group.process_name).collect::<Vec<_>>(),
        "protocol" => groups.iter().map(|group| group.protocol.map(Protocol::as_str)).collect::<Vec<_>>(),
        "port" => groups.iter().map(|group| group.port).collect::<Vec<_>>(),
        "direction" => groups.iter().map(|group| group.direction.map(Direction::as_str)).collect::<Vec<_>>(),
        "remote_addr" => groups.iter().map(|group| group.remote_addr).collect::<Vec<_>>(),
        "bytes_sent" => column(|group| group.sent),
        "bytes_received" => column(|group| group.received),
        "duration_s" => column(|group| group.duration_s),
    )?)
}

impl<'a> Group<'a> {
    fn new(sockets: &Sockets<'a>, rows: &[u32]) -> Self {
        Self {
            connections: rows.len(),
            process_name: common(rows, |row| sockets.get(row).process_name),
            protocol: common(rows, |row| Some(sockets.get(row).protocol)),
            port: common(rows, |row| sockets.get(row).service_port()),
            direction: common(rows, |row| sockets.get(row).direction),
            remote_addr: common(rows, |row| sockets.get(row).remote_addr),
            sent: median(rows, |row| sockets.get(row).bytes_sent.map(|bytes| bytes as f64)),
            received: median(rows, |row| sockets.get(row).bytes_received.map(|bytes| bytes as f64)),
            duration_s: median(rows, |row| Some(sockets.get(row).duration_s)),
        }
    }

    /// `214 short outbound HTTPS connections of curl, ~512 B out, ~3 kB in`.
    fn description(&self) -> String {
        let mut parts = vec![words::number(self.connections)];
        match self.duration_s {
            Some(seconds) if seconds < SHORT_S => parts.push("short".to_owned()),
            Some(seconds) if seconds >= LONG_S => parts.push("long".to_owned()),
            _ => {}
        }
        parts.extend(self.direction.map(|direction| direction.as_str().to_owned()));
        parts.extend(self.service());
        parts.push(if self.connections == 1 { "connection" } else { "connections" }.to_owned());
        if let Some(name) = self.process_name {
            parts.push(format!("of {name}"));
        }
        if let Some(addr) = self.remote_addr {
            parts.push(format!("with {addr}"));
        }
        let amounts = [(self.sent, "out"), (self.received, "in")];
        let amounts: Vec<String> = amounts
            .into_iter()
            .filter_map(|(bytes, way)| Some(format!(", ~{} {way}", words::bytes(bytes?))))
            .collect();
        format!("{}{}", parts.join(" "), amounts.concat())
    }

    /// The service by its usual name, else the protocol and port.
    fn service(&self) -> Option<String> {
        let protocol = self.protocol?;
        Some(match self.port {
            Some(port) => services::name(protocol, port)
                .map_or_else(|| format!("{} port {port}", protocol.as_str().to_uppercase()), str::to_owned),
            None => protocol.as_str().to_uppercase(),
        })
    }
}

/// The median of what is known of some rows.
fn median(rows: &[u32], value: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    stats::median(&stats::sorted(rows.iter().filter_map(|row| value(*row as usize))))
}

/// What most rows have in common; none if there is no such value, or it is not known of most.
fn common<T: Hash + Eq + Copy>(rows: &[u32], value: impl Fn(usize) -> Option<T>) -> Option<T> {
    let mut counts: AHashMap<Option<T>, usize> = AHashMap::new();
    for row in rows {
        *counts.entry(value(*row as usize)).or_default() += 1;
    }
    // No two values can be that frequent, so that the order of the counts does not matter.
    let (value, _) = counts.into_iter().find(|(_, count)| *count as f64 >= MOST * rows.len() as f64)?;
    value
}
