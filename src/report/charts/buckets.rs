//! Merges the slices of a recording into buckets, so that a chart over time stays small however
//! long the recording is.

use crate::Result;
use crate::model::Tables;
use crate::model::frame::{DataFrame, Int64Type};
use crate::model::view::Numbers;

/// Adjacent slices of the recording, merged.
#[derive(Debug, Clone)]
pub(super) struct Buckets {
    start_us: i64,
    slice_us: i64,
    slices: usize,
    /// Slices per bucket; the last bucket may have fewer.
    per_bucket: usize,
}

impl Buckets {
    /// At most `most` buckets over the slices of the recording; `None` without slices.
    ///
    /// # Errors
    /// If the table lacks a column: a bug.
    pub(super) fn new(tables: &Tables, most: usize) -> Result<Option<Self>> {
        Self::of_table(&tables.time_bins, tables.bin_width_us, most)
    }

    /// The same over another table with a row per slice and a `start_us`.
    ///
    /// # Errors
    /// If the table lacks a column: a bug.
    pub(super) fn of_table(table: &DataFrame, slice_us: i64, most: usize) -> Result<Option<Self>> {
        let starts = Numbers::<Int64Type>::of(table, "start_us")?;
        let slices = starts.len();
        let per_bucket = slices.div_ceil(most.max(1)).max(1);
        Ok(starts.get(0).map(|start_us| Self { start_us, slice_us: slice_us.max(1), slices, per_bucket }))
    }

    /// The number of buckets.
    pub(super) fn len(&self) -> usize {
        self.slices.div_ceil(self.per_bucket)
    }

    /// The bucket of a slice; `None` if there is no such slice.
    pub(super) fn of_slice(&self, slice: usize) -> Option<usize> {
        (slice < self.slices).then_some(slice / self.per_bucket)
    }

    /// Start of a bucket; for the index after the last bucket, the end of the last one.
    pub(super) fn start_us(&self, bucket: usize) -> i64 {
        let slices = bucket.saturating_mul(self.per_bucket).min(self.slices) as i64;
        self.start_us.saturating_add(slices.saturating_mul(self.slice_us))
    }

    /// Duration of a bucket in seconds.
    pub(super) fn seconds(&self, bucket: usize) -> f64 {
        self.start_us(bucket + 1).saturating_sub(self.start_us(bucket)).max(1) as f64 / 1e6
    }

    /// Start of the first bucket and end of the last one, µs since the Unix epoch.
    pub(super) fn span_us(&self) -> (i64, i64) {
        (self.start_us(0), self.start_us(self.len()))
    }

    /// The sum of a value over the slices of each bucket.
    pub(super) fn sums(&self, value: impl Fn(usize) -> Option<u64>) -> Vec<u64> {
        self.fold(value, u64::saturating_add)
    }

    /// The largest value among the slices of each bucket.
    pub(super) fn largest(&self, value: impl Fn(usize) -> Option<u64>) -> Vec<u64> {
        self.fold(value, u64::max)
    }

    fn fold(&self, value: impl Fn(usize) -> Option<u64>, join: fn(u64, u64) -> u64) -> Vec<u64> {
        let mut buckets = vec![0_u64; self.len()];
        for slice in 0..self.slices {
            let bucket = &mut buckets[slice / self.per_bucket];
            *bucket = join(*bucket, value(slice).unwrap_or(0));
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use crate::model::frame::df;

    use super::*;

    fn buckets(slices: i64, most: usize) -> Buckets {
        let table = df!("start_us" => (0..slices).map(|n| n * 2_000_000).collect::<Vec<_>>()).unwrap();
        Buckets::of_table(&table, 2_000_000, most).unwrap().unwrap()
    }

    #[test]
    fn there_are_never_more_buckets_than_asked_for_and_nothing_is_lost() {
        for (slices, most) in [(1, 240), (240, 240), (241, 240), (10_000, 240), (7, 3)] {
            let buckets = buckets(slices, most);
            assert!(buckets.len() <= most, "{slices} {most}");
            assert_eq!(
                buckets.sums(|slice| Some(slice as u64)).iter().sum::<u64>() as i64,
                slices * (slices - 1) / 2
            );
            assert_eq!(buckets.span_us(), (0, slices * 2_000_000));
        }
    }

    #[test]
    fn a_rest_at_the_end_is_shorter() {
        let buckets = buckets(7, 3);
        assert_eq!((0..3).map(|bucket| buckets.seconds(bucket)).collect::<Vec<_>>(), [6.0, 6.0, 2.0]);
        assert_eq!((buckets.of_slice(6), buckets.of_slice(7)), (Some(2), None));
        assert_eq!(buckets.largest(|slice| Some(slice as u64)), [2, 5, 6]);
    }

    #[test]
    fn without_a_slice_there_is_no_bucket() {
        let table = df!("start_us" => Vec::<i64>::new()).unwrap();
        assert!(Buckets::of_table(&table, 1, 10).unwrap().is_none());
    }
}
