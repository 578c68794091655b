//! Time, as packets tell it.

/// How far behind the newest packet one may lie and still be late and not a step of the clock:
/// several queues of a network card, or several files that were merged, mix packets a little.
const MOST_LATE_NS: i64 = 5_000_000_000;

/// Further forward than this, a clock was set and nobody waited: a computer without a battery
/// begins in 1970 until it has asked for the time.
const MOST_PAUSE_NS: i64 = 366 * 24 * 3600 * 1_000_000_000;

/// The latest time that is believed, some year in the 23rd century: sums stay far from the end
/// of their type.
const LATEST_NS: i64 = i64::MAX - 1;

/// Makes a clock that never goes back from the times of packets, which may.
///
/// A step back, as between two files that were joined in the wrong order, stops it for a
/// moment; a step forward is a long pause, as far as anyone can tell, unless it is one of years.
#[derive(Debug, Default)]
pub struct Clock {
    newest_ns: Option<i64>,
    mono_ns: i64,
    steps_back: u64,
    steps_forward: u64,
    late: u64,
}

/// When a packet came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PacketTime {
    /// By the clock of the computer that captured, ns since the Unix epoch.
    pub(super) wall_ns: i64,
    /// Since the first packet, ns.
    pub(super) mono_ns: i64,
}

impl Clock {
    /// The moment of the next packet in the file. One without a time comes with the one before it.
    pub(super) fn take(&mut self, ts_ns: Option<i64>) -> PacketTime {
        let Some(ts_ns) = ts_ns else {
            return PacketTime { wall_ns: self.newest_ns.unwrap_or(0), mono_ns: self.mono_ns };
        };
        let wall_ns = ts_ns.clamp(0, LATEST_NS);
        let passed_ns = wall_ns - *self.newest_ns.get_or_insert(wall_ns);
        let mut mono_ns = self.mono_ns;
        if passed_ns > MOST_PAUSE_NS {
            self.steps_forward += 1;
            self.newest_ns = Some(wall_ns);
        } else if passed_ns >= 0 {
            self.newest_ns = Some(wall_ns);
            self.mono_ns = self.mono_ns.saturating_add(passed_ns);
            mono_ns = self.mono_ns;
        } else if passed_ns >= -MOST_LATE_NS {
            self.late += 1;
            mono_ns = (mono_ns + passed_ns).max(0);
        } else {
            self.steps_back += 1;
            self.newest_ns = Some(wall_ns);
        }
        PacketTime { wall_ns, mono_ns }
    }

    /// Time since the first packet, ns.
    pub(super) fn mono_ns(&self) -> i64 {
        self.mono_ns
    }

    /// How often the clock of the file went back by more than a few seconds.
    pub fn steps_back(&self) -> u64 {
        self.steps_back
    }

    /// How often it went forward by more than a year.
    pub fn steps_forward(&self) -> u64 {
        self.steps_forward
    }

    /// Packets that lie behind later ones in the file.
    pub fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    fn mono_s(seconds: &[i64]) -> Vec<i64> {
        let mut clock = Clock::default();
        seconds.iter().map(|s| clock.take(Some(s * SECOND_NS)).mono_ns / SECOND_NS).collect()
    }

    #[test]
    fn time_passes_as_the_packets_say() {
        assert_eq!(mono_s(&[1000, 1001, 1001, 1060]), [0, 1, 1, 60]);
    }

    #[test]
    fn a_late_packet_has_its_own_time_and_does_not_turn_the_clock_back() {
        assert_eq!(mono_s(&[1000, 1010, 1008, 1011]), [0, 10, 8, 11]);
        assert_eq!(mono_s(&[1000, 998, 1001]), [0, 0, 1], "earlier than the first");
    }

    #[test]
    fn a_step_back_stops_the_clock_for_a_moment() {
        let mut clock = Clock::default();
        let times = [1000, 1010, 500, 505].map(|s| clock.take(Some(s * SECOND_NS)));
        assert_eq!(times.map(|t| t.mono_ns / SECOND_NS), [0, 10, 10, 15]);
        assert_eq!(times[3].wall_ns, 505 * SECOND_NS);
        assert_eq!((clock.steps_back(), clock.late()), (1, 0));
    }

    #[test]
    fn a_clock_that_is_set_forward_by_years_stops_for_a_moment() {
        let mut clock = Clock::default();
        let times = [0, 5, 1_700_000_000, 1_700_000_010].map(|s| clock.take(Some(s * SECOND_NS)));
        assert_eq!(times.map(|t| t.mono_ns / SECOND_NS), [0, 5, 5, 15]);
        assert_eq!((clock.steps_forward(), clock.steps_back()), (1, 0));
    }

    #[test]
    fn packets_without_a_time_do_not_move_the_clock() {
        let mut clock = Clock::default();
        let times = [None, Some(1000), None, Some(1002)].map(|s| clock.take(s.map(|s: i64| s * SECOND_NS)));
        assert_eq!(times.map(|t| t.mono_ns / SECOND_NS), [0, 0, 0, 2]);
        assert_eq!(times.map(|t| t.wall_ns / SECOND_NS), [0, 1000, 1000, 1002]);
    }

    #[test]
    fn no_time_overflows() {
        let mut clock = Clock::default();
        for ts_ns in [i64::MIN, i64::MAX, 0, i64::MAX, i64::MIN, i64::MAX] {
            let moment = clock.take(Some(ts_ns));
            assert!(moment.mono_ns >= 0 && moment.wall_ns >= 0);
        }
    }
}
