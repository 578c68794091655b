//! How much happened in the last minutes, for the time line.

use std::collections::VecDeque;

/// Snapshots that the time line covers.
const MOST_TICKS: usize = 600;

/// Bytes moved at each of the last snapshots; where none are counted, connections opened.
#[derive(Debug, Default)]
pub(super) struct Activity(VecDeque<(i64, Amount)>);

/// What happened up to a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) opened: u64,
}

impl Activity {
    /// Adds what happened up to a snapshot.
    pub(super) fn add(&mut self, ts_us: i64, amount: Amount) {
        if self.0.len() == MOST_TICKS {
            self.0.pop_front();
        }
        self.0.push_back((ts_us, amount));
    }

    /// First and last moment.
    pub(super) fn span_us(&self) -> (i64, i64) {
        let ends = self.0.front().zip(self.0.back());
        ends.map_or((0, 0), |((first, _), (last, _))| (*first, *last))
    }

    /// The heights of the time line.
    pub(super) fn levels(&self) -> Vec<f64> {
        let amounts = || self.0.iter().map(|(_, amount)| *amount);
        if amounts().any(|amount| amount.bytes > 0) {
            // A logarithm, or one large transfer would flatten everything else.
            return amounts().map(|amount| (amount.bytes as f64).ln_1p()).collect();
        }
        amounts().map(|amount| amount.opened as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_when_the_line_is_full() {
        let mut activity = Activity::default();
        (0..700).for_each(|tick| activity.add(tick, Amount { bytes: 0, opened: 1 }));
        assert_eq!((activity.span_us(), activity.levels().len()), ((100, 699), 600));
    }

    #[test]
    fn bytes_count_where_there_are_any() {
        let mut activity = Activity::default();
        activity.add(0, Amount { bytes: 0, opened: 5 });
        assert_eq!(activity.levels(), [5.0]);
        activity.add(1, Amount { bytes: 1000, opened: 0 });
        assert_eq!(activity.levels(), [0.0, 1000_f64.ln_1p()]);
    }
}
