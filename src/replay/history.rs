//! The connections' totals in the last samples, for the trend in each row.

use std::collections::VecDeque;

use ahash::AHashMap;

use super::view::total;
use crate::capture::Sample;

/// Number of points in a trend.
pub(super) const POINTS: usize = 8;

/// Decades of bytes per second that a trend covers: from 1 B/s to 1 GB/s, so that a bar means the
/// same in every row.
const DECADES: f64 = 9.0;

/// Heights of a bar.
const LEVELS: f64 = 8.0;

/// The last samples, one more than a trend has points.
#[derive(Debug, Default)]
pub struct History(VecDeque<Point>);

#[derive(Debug)]
struct Point {
    ts_us: i64,
    /// Bytes in both directions of each connection that counts them.
    totals: AHashMap<u64, u64>,
}

impl History {
    /// Adds the next sample. One that is not later than the last starts a new history.
    pub(super) fn push(&mut self, sample: &Sample) {
        if self.0.back().is_some_and(|last| last.ts_us >= sample.ts_us) {
            self.0.clear();
        }
        if self.0.len() > POINTS {
            self.0.pop_front();
        }
        let rows = sample.events.iter().chain(&sample.rows);
        let totals = rows.filter_map(|row| Some((row.conn_id, total(row)?))).collect();
        self.0.push_back(Point { ts_us: sample.ts_us, totals });
    }

    /// Replaces the history with these samples, in time order.
    pub(super) fn replace<'a>(&mut self, samples: impl IntoIterator<Item = &'a Sample>) {
        self.0.clear();
        samples.into_iter().for_each(|sample| self.push(sample));
    }

    /// Total bytes per second of these connections between each two of the last samples, newest
    /// last; `None` where unknown.
    pub(super) fn rates(&self, conn_ids: &[u64]) -> [Option<f64>; POINTS] {
        let mut rates = [None; POINTS];
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        let first = POINTS.saturating_sub(self.0.len().saturating_sub(1));
        for (rate, (before, now)) in rates[first..].iter_mut().zip(pairs) {
            let seconds = (now.ts_us - before.ts_us) as f64 / 1e6;
            let moved = |conn_id: &u64| {
                let moved_before = before.totals.get(conn_id).copied().unwrap_or(0);
                Some(now.totals.get(conn_id)?.saturating_sub(moved_before))
            };
            *rate = conn_ids
                .iter()
                .filter_map(moved)
                .fold(None, |sum: Option<u64>, moved| Some(sum.unwrap_or(0).saturating_add(moved)))
                .map(|bytes| bytes as f64 / seconds);
        }
        rates
    }

    /// The same as heights from 0 to 8.
    pub(super) fn levels(&self, conn_ids: &[u64]) -> [Option<u64>; POINTS] {
        self.rates(conn_ids).map(|rate| Some(level(rate?)))
    }
}

fn level(bytes_per_s: f64) -> u64 {
    if bytes_per_s < 1.0 {
        return 0;
    }
    ((bytes_per_s + 1.0).log10() / DECADES * LEVELS).ceil().clamp(1.0, LEVELS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Counters, Protocol, Row};

    fn sample(second: i64, bytes: &[(u64, u64)]) -> Sample {
        let row = |(conn_id, bytes): &(u64, u64)| Row {
            counters: Counters { bytes_sent: Some(*bytes), ..Counters::default() },
            ..Row::snapshot(*conn_id, Protocol::Tcp, ("192.0.2.1".parse().unwrap(), 1))
        };
        Sample {
            tick: second as u32,
            ts_us: second * 1_000_000,
            rows: bytes.iter().map(row).collect(),
            events: Vec::new(),
        }
    }

    #[test]
    fn a_trend_has_the_rates_between_the_last_samples() {
        let mut history = History::default();
        history.push(&sample(1, &[(7, 100)]));
        assert_eq!(history.rates(&[7]), [None; POINTS]);
        history.push(&sample(2, &[(7, 150), (8, 30)]));
        history.push(&sample(4, &[(8, 30)]));
        assert_eq!(history.rates(&[7])[POINTS - 2..], [Some(50.0), None]);
        // A new socket has moved all its bytes since the previous sample.
        assert_eq!(history.rates(&[8])[POINTS - 2..], [Some(30.0), Some(0.0)]);
        assert_eq!(history.rates(&[7, 8])[POINTS - 2..], [Some(80.0), Some(0.0)]);
    }

    #[test]
    fn only_the_last_samples_count_and_a_step_back_begins_anew() {
        let mut history = History::default();
        (0..50).for_each(|second| history.push(&sample(second, &[(7, second as u64 * 10)])));
        assert_eq!(history.rates(&[7]), [Some(10.0); POINTS]);
        history.push(&sample(3, &[(7, 30)]));
        assert_eq!(history.rates(&[7]), [None; POINTS]);
        history.replace(&[sample(1, &[(7, 0)]), sample(2, &[(7, 5)])]);
        assert_eq!(history.rates(&[7])[POINTS - 1], Some(5.0));
    }

    #[test]
    fn a_bar_means_the_same_in_every_row() {
        let levels = [0.0, 0.9, 1.0, 1_000.0, 1e6, 1e9, 1e12].map(level);
        assert_eq!(levels, [0, 0, 1, 3, 6, 8, 8]);
    }
}
