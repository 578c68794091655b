//! The activity in the last minutes, for the timeline.

use std::collections::VecDeque;

use ahash::AHashMap;

use crate::capture::{Kind, Row};
use crate::replay::view::total;

/// Maximum number of snapshots on the timeline.
const MOST_TICKS: usize = 600;

/// Bytes moved in each of the last snapshots; where none are counted, connections opened.
#[derive(Debug, Default)]
pub(super) struct Activity {
    amounts: VecDeque<(i64, Amount)>,
    /// Total bytes of each socket in the last snapshot.
    totals: AHashMap<u64, u64>,
}

/// The activity up to a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Amount {
    bytes: u64,
    opened: u64,
}

impl Activity {
    /// Adds the rows of a snapshot and of the events before it.
    pub(super) fn take(&mut self, ts_us: i64, rows: &[Row]) {
        let is_first = self.amounts.is_empty();
        let mut amount = Amount::default();
        let mut totals: AHashMap<u64, u64> = AHashMap::with_capacity(rows.len());
        for row in rows.iter().filter(|row| row.kind != Kind::Query) {
            let moved = total(row).unwrap_or(0);
            let known = totals.get(&row.conn_id).or_else(|| self.totals.get(&row.conn_id)).copied();
            amount.opened += u64::from(known.is_none() && row.remote.is_some());
            amount.bytes += moved.saturating_sub(known.unwrap_or(0));
            totals.insert(row.conn_id, moved.max(known.unwrap_or(0)));
        }
        // Bytes moved before watching began, or of sockets already reported as closed, do not count.
        for row in rows.iter().filter(|row| row.kind == Kind::Closed) {
            totals.remove(&row.conn_id);
        }
        self.totals = totals;
        if self.amounts.len() == MOST_TICKS {
            self.amounts.pop_front();
        }
        self.amounts.push_back((ts_us, if is_first { Amount::default() } else { amount }));
    }

    /// First and last moment.
    pub(super) fn span_us(&self) -> (i64, i64) {
        let ends = self.amounts.front().zip(self.amounts.back());
        ends.map_or((0, 0), |((first, _), (last, _))| (*first, *last))
    }

    /// The heights of the timeline.
    pub(super) fn levels(&self) -> Vec<f64> {
        let amounts = || self.amounts.iter().map(|(_, amount)| *amount);
        if amounts().any(|amount| amount.bytes > 0) {
            // Logarithmic, or one large transfer would flatten everything else.
            return amounts().map(|amount| (amount.bytes as f64).ln_1p()).collect();
        }
        amounts().map(|amount| amount.opened as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Counters, Protocol};

    fn row(conn_id: u64, bytes: Option<u64>) -> Row {
        Row {
            remote: Some(("192.0.2.9".parse().unwrap(), 443)),
            counters: Counters { bytes_sent: bytes, ..Counters::default() },
            ..Row::snapshot(conn_id, Protocol::Tcp, ("192.0.2.1".parse().unwrap(), 40_000))
        }
    }

    fn closed(conn_id: u64, bytes: u64) -> Row {
        Row { kind: Kind::Closed, ..row(conn_id, Some(bytes)) }
    }

    #[test]
    fn the_oldest_goes_when_the_line_is_full() {
        let mut activity = Activity::default();
        (0..700).for_each(|tick| activity.take(tick, &[]));
        assert_eq!((activity.span_us(), activity.levels().len()), ((100, 699), 600));
    }

    #[test]
    fn only_what_moved_while_we_watched_counts_and_each_byte_once() {
        let mut activity = Activity::default();
        activity.take(0, &[row(1, Some(500))]);
        activity.take(1, &[closed(2, 70), row(1, Some(800))]);
        activity.take(2, &[closed(1, 900)]);
        activity.take(3, &[]);
        let bytes: Vec<u64> = activity.levels().iter().map(|level| level.exp_m1().round() as u64).collect();
        assert_eq!(bytes, [0, 370, 100, 0]);
    }

    #[test]
    fn without_bytes_connections_count() {
        let mut activity = Activity::default();
        activity.take(0, &[row(1, None)]);
        activity.take(1, &[row(1, None), row(2, None), row(3, None)]);
        assert_eq!(activity.levels(), [0.0, 2.0]);
    }
}
