//! Connections in trouble over time, for the charts.

use super::groups::is_reset;
use crate::Result;
use crate::capture::{Protocol, TcpState};
use crate::model::frame::{DataFrame, df};
use crate::model::sockets::{Socket, Sockets};
use crate::model::tables::Tables;

/// More slices than the pass ever makes; a table of a test or a hostile width has no more.
const MOST_SLICES: i64 = 50_000;

/// One row per slice of the recording: `start_us`, and how many connections were `half_open` and in
/// `close_wait` (to stay there) at some moment of it, and how many were `reset` in it.
pub(super) fn table(sockets: &Sockets<'_>, tables: &Tables) -> Result<DataFrame> {
    let slices = Slices::new(tables);
    let (mut half_open, mut close_wait) = (slices.blank(), slices.blank());
    let mut reset = slices.blank();
    for socket in
        sockets.iter().filter(|socket| socket.protocol == Protocol::Tcp && socket.remote().is_some())
    {
        if is_half_open(&socket) {
            slices.count(&mut half_open, socket.first_seen_us, socket.last_seen_us);
        }
        if let Some(since) = socket.state_since_us.filter(|_| socket.state == Some(TcpState::CloseWait)) {
            slices.count(&mut close_wait, since, socket.last_seen_us);
        }
        if is_reset(&socket) {
            slices.count(&mut reset, socket.last_seen_us, socket.last_seen_us);
        }
    }
    let starts: Vec<i64> = (0..slices.count as i64).map(|n| slices.first_us + n * slices.width_us).collect();
    Ok(df!(
        "start_us" => starts,
        "half_open" => sums(&half_open),
        "close_wait" => sums(&close_wait),
        "reset" => sums(&reset),
    )?)
}

fn is_half_open(socket: &Socket<'_>) -> bool {
    !socket.was_in(TcpState::Established)
        && (socket.was_in(TcpState::SynRecv) || socket.was_in(TcpState::SynSent))
}

struct Slices {
    first_us: i64,
    width_us: i64,
    count: usize,
}

impl Slices {
    fn new(tables: &Tables) -> Self {
        let (first_us, last_us) = tables.span_us;
        let length_us = last_us.saturating_sub(first_us).max(0);
        let width_us = tables.bin_width_us.max(length_us / MOST_SLICES).max(1);
        Self { first_us, width_us, count: (length_us / width_us) as usize + 1 }
    }

    /// Changes from slice to slice.
    fn blank(&self) -> Vec<i64> {
        vec![0; self.count + 1]
    }

    fn slice(&self, ts_us: i64) -> usize {
        let slice = ts_us.saturating_sub(self.first_us) / self.width_us;
        slice.clamp(0, self.count as i64 - 1) as usize
    }

    fn count(&self, changes: &mut [i64], from_us: i64, to_us: i64) {
        changes[self.slice(from_us)] += 1;
        changes[self.slice(to_us.max(from_us)) + 1] -= 1;
    }
}

fn sums(changes: &[i64]) -> Vec<u32> {
    let running = changes.iter().scan(0_i64, |sum, change| {
        *sum += change;
        Some(u32::try_from(*sum).unwrap_or(0))
    });
    running.take(changes.len() - 1).collect()
}
