//! The table of pairs of a process and a remote address: made when it is asked for, as only a report
//! with CSV has it.

use polars::prelude::{
    DataFrame, Float64Chunked, IdxCa, Int64Chunked, IntoColumn, NewChunkedArray, UInt16Chunked,
    UInt32Chunked, UInt64Chunked,
};

use super::{SocketColumns, Tables};
use crate::Result;
use crate::capture::Protocol;
use crate::model::index::Index;
use crate::model::records::Direction;

/// What the connections of a pair have in common. Processes and endpoints are numbered by their tables,
/// so this order is that of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Pair {
    process: Option<u32>,
    endpoint: u32,
    port: u16,
    protocol: Protocol,
    direction: Option<Direction>,
}

/// Sums over the connections of a pair.
struct Sums {
    pair: Pair,
    /// Its first connection.
    row: u32,
    connections: u32,
    bytes_sent: u64,
    bytes_received: u64,
    duration_total_s: f64,
    seen_us: (i64, i64),
}

/// One row per process, remote address and port, protocol and direction, in that order: `process` and `endpoint`
/// are rows of their tables; bytes are payload bytes during the recording, where counted; `duration_total_s` is the
/// sum of the connections' durations; `first_seen_us` and `last_seen_us` are µs since the Unix epoch.
///
/// # Errors
/// [`crate::Error::Analysis`] if the table of connections lacks a column: a bug.
pub fn pairs(tables: &Tables) -> Result<DataFrame> {
    let sums = sums(&SocketColumns::of(&tables.connections)?);
    let first = IdxCa::from_iter_values("row".into(), sums.iter().map(|sums| sums.row));
    let names = ["process", "process_name", "endpoint", "remote_addr", "protocol", "direction"];
    let mut frame = tables.connections.select(names)?.take(&first)?;
    let ports = UInt16Chunked::from_iter_values("remote_port".into(), sums.iter().map(|sums| sums.pair.port));
    frame.insert_column(4, ports.into_column())?;
    let u32s = |name: &str, of: fn(&Sums) -> u32| {
        UInt32Chunked::from_iter_values(name.into(), sums.iter().map(of)).into_column()
    };
    let u64s = |name: &str, of: fn(&Sums) -> u64| {
        UInt64Chunked::from_iter_values(name.into(), sums.iter().map(of)).into_column()
    };
    let i64s = |name: &str, of: fn(&Sums) -> i64| {
        Int64Chunked::from_iter_values(name.into(), sums.iter().map(of)).into_column()
    };
    let durations = sums.iter().map(|sums| sums.duration_total_s);
    frame.hstack_mut(&[
        u32s("connections", |sums| sums.connections),
        u64s("bytes_sent", |sums| sums.bytes_sent),
        u64s("bytes_received", |sums| sums.bytes_received),
        Float64Chunked::from_iter_values("duration_total_s".into(), durations).into_column(),
        i64s("first_seen_us", |sums| sums.seen_us.0),
        i64s("last_seen_us", |sums| sums.seen_us.1),
    ])?;
    Ok(frame)
}

/// The pairs in their order.
fn sums(sockets: &SocketColumns<'_>) -> Vec<Sums> {
    let mut index = Index::default();
    let mut pairs: Vec<Sums> = Vec::new();
    for row in 0..sockets.len() {
        let Some(endpoint) = sockets.endpoint(row) else { continue };
        let pair = Pair {
            process: sockets.process(row),
            endpoint,
            port: sockets.remote_port(row).unwrap_or_default(),
            protocol: sockets.protocol(row),
            direction: sockets.direction(row),
        };
        let place = index.find(&pair, |at| pairs[at].pair == pair).unwrap_or_else(|| {
            pairs.push(Sums {
                pair,
                row: row as u32,
                connections: 0,
                bytes_sent: 0,
                bytes_received: 0,
                duration_total_s: 0.0,
                seen_us: (i64::MAX, i64::MIN),
            });
            index.insert(&pair, pairs.len() - 1, |at| pairs[at].pair);
            pairs.len() - 1
        });
        let sums = &mut pairs[place];
        sums.connections += 1;
        sums.bytes_sent = sums.bytes_sent.saturating_add(sockets.recorded_sent(row).unwrap_or(0));
        sums.bytes_received = sums.bytes_received.saturating_add(sockets.recorded_received(row).unwrap_or(0));
        sums.duration_total_s += sockets.duration_s(row);
        let (first_us, last_us) = (sockets.first_seen_us(row), sockets.last_seen_us(row));
        sums.seen_us = (sums.seen_us.0.min(first_us), sums.seen_us.1.max(last_us));
    }
    pairs.sort_unstable_by_key(|sums| sums.pair);
    pairs
}
