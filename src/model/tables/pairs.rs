//! The table of pairs of a process and a remote address: made when it is asked for, as only a report
//! with CSV has it.

use arrow_array::UInt32Array;

use super::{SocketColumns, Tables};
use crate::Result;
use crate::capture::Protocol;
use crate::model::frame::{Column, DataFrame};
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
    let first = UInt32Array::from_iter_values(sums.iter().map(|sums| sums.row));
    let names = ["process", "process_name", "endpoint", "remote_addr", "protocol", "direction"];
    let mut frame = tables.connections.select(&names)?.take(&first)?;
    frame.insert(4, Column::of("remote_port", sums.iter().map(|sums| sums.pair.port)))?;
    frame.push(Column::of("connections", sums.iter().map(|sums| sums.connections)))?;
    frame.push(Column::of("bytes_sent", sums.iter().map(|sums| sums.bytes_sent)))?;
    frame.push(Column::of("bytes_received", sums.iter().map(|sums| sums.bytes_received)))?;
    frame.push(Column::of("duration_total_s", sums.iter().map(|sums| sums.duration_total_s)))?;
    frame.push(Column::of("first_seen_us", sums.iter().map(|sums| sums.seen_us.0)))?;
    frame.push(Column::of("last_seen_us", sums.iter().map(|sums| sums.seen_us.1)))?;
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
