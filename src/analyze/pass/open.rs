//! How many connections were open at once, where no snapshot shows it.
//!
//! In an import of packets or of a log a connection has rows where something about it changed;
//! between its first and its last it is open all the same.

use super::axis::Axis;
use crate::model::records::TimeBin;

/// Gives every slice the number of connections at its fullest moment. `lives` are the first and
/// the last moment of each connection, µs since the Unix epoch; both count.
pub(super) fn count(bins: &mut [TimeBin], axis: Axis, lives: impl Iterator<Item = (i64, i64)>) {
    let (mut starts, mut ends): (Vec<i64>, Vec<i64>) =
        lives.map(|(start_us, end_us)| (start_us, end_us.max(start_us))).unzip();
    starts.sort_unstable();
    ends.sort_unstable();
    let (mut started, mut ended) = (0, 0);
    for (index, bin) in (0..).zip(bins) {
        // What is open from before.
        let mut most = started - ended;
        while let Some(start_us) = starts.get(started).filter(|start_us| axis.bin(**start_us) <= index) {
            started += 1;
            ended += ends[ended..].iter().take_while(|end_us| *end_us < start_us).count();
            most = most.max(started - ended);
        }
        ended += ends[ended..].iter().take_while(|end_us| axis.bin(**end_us) <= index).count();
        bin.open_connections = u32::try_from(most).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    /// The counts of slices of one second, the first of which begins at −0.5 s.
    fn counts(lives_s: &[(f64, f64)], bins: u32) -> Vec<u32> {
        let axis = Axis { start_us: -SECOND_US / 2, width_us: SECOND_US, bins };
        let mut slices = vec![TimeBin::default(); bins as usize];
        let us = |seconds: f64| (seconds * SECOND_US as f64) as i64;
        count(&mut slices, axis, lives_s.iter().map(|(start_s, end_s)| (us(*start_s), us(*end_s))));
        slices.iter().map(|slice| slice.open_connections).collect()
    }

    #[test]
    fn a_connection_is_open_from_its_first_moment_to_its_last() {
        assert_eq!(counts(&[(0.0, 3.0), (2.0, 2.0), (4.0, 9.0)], 6), [1, 1, 2, 1, 1, 1]);
    }

    #[test]
    fn those_that_follow_each_other_are_not_open_at_once() {
        assert_eq!(counts(&[(0.0, 0.1), (0.2, 0.3), (0.4, 1.0)], 3), [1, 1, 0]);
        assert_eq!(counts(&[(0.0, 0.2), (0.2, 0.3)], 1), [2], "of one moment both are open in it");
    }

    #[test]
    fn an_end_before_its_start_and_times_outside_of_all_slices_do_no_harm() {
        assert_eq!(counts(&[(2.0, 1.0), (-100.0, 0.0), (50.0, 60.0)], 3), [1, 0, 1]);
    }
}
