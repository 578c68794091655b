//! The time axis: how the recording is cut into equal slices.

use crate::capture::Metadata;

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 24 * 3600 * SECOND_US;

/// A recording that says it is longer does not know what it says.
const LONGEST_SPAN_US: i64 = 366 * DAY_US;

/// Widths that read well on an axis, in µs.
const NICE_WIDTHS_US: &[i64] = &[
    SECOND_US / 10,
    SECOND_US / 5,
    SECOND_US / 2,
    SECOND_US,
    2 * SECOND_US,
    5 * SECOND_US,
    10 * SECOND_US,
    15 * SECOND_US,
    30 * SECOND_US,
    60 * SECOND_US,
    120 * SECOND_US,
    300 * SECOND_US,
    600 * SECOND_US,
    900 * SECOND_US,
    1800 * SECOND_US,
    3600 * SECOND_US,
    2 * 3600 * SECOND_US,
    3 * 3600 * SECOND_US,
    6 * 3600 * SECOND_US,
    12 * 3600 * SECOND_US,
    DAY_US,
];

/// Equal slices of time without gaps. What lies outside counts to the nearest slice, so
/// that nothing is lost and a hostile timestamp cannot allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) start_us: i64,
    pub(super) width_us: i64,
    pub(super) bins: u32,
}

impl Axis {
    /// An axis over `span_us` with at most about `most_bins` slices of a width that reads
    /// well and holds whole intervals, so that every slice sees the same number of ticks.
    ///
    /// It begins half an interval before the first row: a tick is observed a little late or
    /// early, and belongs into the middle of its slice, not on its edge.
    pub(super) fn new(span_us: (i64, i64), interval_us: i64, most_bins: u32) -> Self {
        let start_us = span_us.0.saturating_sub(interval_us / 2);
        let length_us = span_us.1.saturating_sub(start_us).saturating_add(1).max(1);
        let width_us = width(length_us, interval_us, i64::from(most_bins) + 1);
        Self { start_us, width_us, bins: (length_us - 1).div_euclid(width_us) as u32 + 1 }
    }

    /// The slice of a moment.
    pub(super) fn bin(&self, ts_us: i64) -> u32 {
        let bin = ts_us.saturating_sub(self.start_us) / self.width_us;
        bin.clamp(0, i64::from(self.bins) - 1) as u32
    }

    /// When a slice begins.
    pub(super) fn bin_start_us(&self, bin: u32) -> i64 {
        self.start_us.saturating_add(i64::from(bin).saturating_mul(self.width_us))
    }
}

fn width(length_us: i64, interval_us: i64, most_bins: i64) -> i64 {
    let least_us = (length_us / most_bins).max(1);
    let nice = NICE_WIDTHS_US.iter().find(|nice| **nice >= least_us && **nice % interval_us == 0);
    match nice {
        // An interval of 7 s fits no nice width but a far too large one.
        Some(nice) if *nice / 4 <= least_us.max(interval_us) => *nice,
        _ => {
            let intervals = least_us / interval_us + i64::from(least_us % interval_us != 0);
            intervals.saturating_mul(interval_us)
        }
    }
}

/// The longest interval in µs, of which shorter ones are parts; a second where the metadata
/// cannot be meant.
pub(super) fn interval_us(metadata: &Metadata) -> i64 {
    match i64::try_from(metadata.longest_interval_ms()) {
        Ok(ms) if (1..=DAY_US / 1000).contains(&ms) => ms * 1000,
        _ => SECOND_US,
    }
}

/// The rows' own span, widened to the recording's where the metadata makes sense: quiet time
/// at the ends is part of the recording too.
pub(super) fn span(rows_us: (i64, i64), metadata: &Metadata) -> (i64, i64) {
    let (start_us, end_us) = (metadata.start_us, metadata.end_us);
    let covers = start_us <= rows_us.1 && end_us >= rows_us.0;
    let is_sane = end_us > start_us && end_us.saturating_sub(start_us) <= LONGEST_SPAN_US;
    if covers && is_sane { (rows_us.0.min(start_us), rows_us.1.max(end_us)) } else { rows_us }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_width_reads_well_and_holds_whole_intervals() {
        let cases = [
            // (seconds, interval in ms, width in ms)
            (60, 1000, 1000),
            (600, 1000, 1000),
            (1000, 1000, 2000),
            (10_000, 1000, 30_000),
            (86_400, 1000, 300_000),
            (600, 100, 1000),
            (10, 100, 100),
            (600, 7000, 7000),
            (86_400, 7000, 147_000),
            (600, 60_000, 60_000),
        ];
        for (seconds, interval_ms, expected_ms) in cases {
            let axis = Axis::new((0, seconds * SECOND_US), interval_ms * 1000, 600);
            assert_eq!(axis.width_us, expected_ms * 1000, "{seconds} s at {interval_ms} ms");
            assert!(axis.bins <= 602, "{seconds} s at {interval_ms} ms: {}", axis.bins);
        }
    }

    #[test]
    fn a_tick_that_is_a_little_early_stays_in_its_slice() {
        let axis = Axis::new((10 * SECOND_US + 4000, 60 * SECOND_US), SECOND_US, 600);
        assert_eq!(axis.bin(15 * SECOND_US + 4000), 5);
        assert_eq!(axis.bin(15 * SECOND_US - 4000), 5);
    }

    #[test]
    fn metadata_widens_the_span_only_where_it_can_be_meant() {
        let meta = |start_us, end_us| Metadata { start_us, end_us, ..Metadata::default() };
        assert_eq!(span((100, 200), &meta(50, 300)), (50, 300));
        assert_eq!(span((100, 200), &meta(120, 130)), (100, 200));
        assert_eq!(span((100, 200), &meta(0, 0)), (100, 200), "no times");
        assert_eq!(span((100, 200), &meta(300, 50)), (100, 200), "backwards");
        assert_eq!(span((100, 200), &meta(i64::MIN, i64::MAX)), (100, 200), "absurd");
        assert_eq!(span((100, 200), &meta(201, 300)), (100, 200), "another time");
    }

    #[test]
    fn an_interval_that_cannot_be_meant_is_a_second() {
        let with = |interval_ms| interval_us(&Metadata { interval_ms, ..Metadata::default() });
        assert_eq!(with(250), 250_000);
        assert_eq!(with(0), SECOND_US);
        assert_eq!(with(u64::MAX), SECOND_US);
    }

    proptest! {
        #[test]
        fn any_span_gives_few_slices_and_any_moment_has_one(
            first: i64, last: i64, ts: i64, interval_ms in 1_i64..86_400_000, most in 1_u32..10_000
        ) {
            let axis = Axis::new((first.min(last), first.max(last)), interval_ms * 1000, most);
            prop_assert!(axis.bins >= 1 && axis.bins <= 4 * most + 2, "{axis:?}");
            prop_assert!(axis.bin(ts) < axis.bins);
            prop_assert_eq!(axis.bin(axis.bin_start_us(axis.bins - 1)), axis.bins - 1);
        }
    }
}
