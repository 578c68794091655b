//! When the next tick is due: a fixed grid, so that a slow tick does not shift the others.

use std::time::Duration;

/// The shortest interval: below it, a host with many sockets would do little but count them.
pub const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Time between two ticks.
    pub interval: Duration,
    /// How long to record; none for until the end is asked for.
    pub duration: Option<Duration>,
}

impl Plan {
    /// Ticks that belong to the plan: one at the start, one after each interval, the last one
    /// when the duration is over.
    #[must_use]
    pub fn ticks(&self) -> Option<u64> {
        let interval_ns = self.interval.as_nanos().max(1);
        self.duration.map(|duration| (duration.as_nanos() / interval_ns) as u64 + 1)
    }
}

/// The grid of ticks, and how well it is kept.
#[derive(Debug)]
pub(super) struct Schedule {
    start_ns: i64,
    interval_ns: i64,
    planned: Option<u64>,
    /// Place on the grid of the next tick.
    next: u64,
    /// Ticks that began too late or were left out.
    late: u64,
}

impl Schedule {
    pub(super) fn new(plan: &Plan, start_ns: i64) -> Self {
        let interval_ns = i64::try_from(plan.interval.as_nanos()).unwrap_or(i64::MAX).max(1);
        Self { start_ns, interval_ns, planned: plan.ticks(), next: 0, late: 0 }
    }

    /// When the next tick is due by the monotonic clock, ns; none when the plan is done.
    pub(super) fn due_ns(&self) -> Option<i64> {
        if self.planned.is_some_and(|planned| self.next >= planned) {
            return None;
        }
        let offset_ns = self.interval_ns.saturating_mul(i64::try_from(self.next).unwrap_or(i64::MAX));
        Some(self.start_ns.saturating_add(offset_ns))
    }

    /// Notes that the tick that was due begins now: late if more than half an interval has
    /// passed; places of the grid that went by altogether are left out, and counted as late too.
    pub(super) fn begin(&mut self, now_ns: i64) {
        let Some(due_ns) = self.due_ns() else { return };
        let behind_ns = now_ns.saturating_sub(due_ns).max(0);
        if behind_ns > self.interval_ns / 2 {
            self.late += 1;
        }
        let gone_by = (behind_ns / self.interval_ns) as u64;
        let left = self.planned.map_or(u64::MAX, |planned| planned - self.next - 1);
        let skipped = gone_by.min(left);
        self.late += skipped;
        self.next += 1 + skipped;
    }

    /// Notes that a tick gave nothing, because the host could not be read.
    pub(super) fn lose(&mut self) {
        self.late += 1;
    }

    pub(super) fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(interval_ms: u64, duration_ms: Option<u64>) -> Plan {
        Plan {
            interval: Duration::from_millis(interval_ms),
            duration: duration_ms.map(Duration::from_millis),
        }
    }

    /// Ticks that begin at the given moments (ms): how many places the grid moved, and how many were late.
    fn keep(begins_ms: &[i64], duration_ms: Option<u64>) -> (u64, u64) {
        let mut schedule = Schedule::new(&plan(100, duration_ms), 0);
        for begin_ms in begins_ms {
            schedule.begin(begin_ms * 1_000_000);
        }
        (schedule.next, schedule.late())
    }

    #[test]
    fn a_plan_has_a_tick_at_both_ends() {
        assert_eq!(plan(1000, Some(10_000)).ticks(), Some(11));
        assert_eq!(plan(1000, Some(10_900)).ticks(), Some(11));
        assert_eq!(plan(1000, Some(300)).ticks(), Some(1));
        assert_eq!(plan(1000, None).ticks(), None);
    }

    #[test]
    fn small_delays_do_not_add_up() {
        let mut schedule = Schedule::new(&plan(100, None), 0);
        for _ in 0..10 {
            schedule.begin(schedule.due_ns().unwrap() + 40_000_000);
        }
        assert_eq!(schedule.due_ns(), Some(1_000_000_000));
        assert_eq!(schedule.late(), 0);
    }

    #[test]
    fn more_than_half_an_interval_is_late() {
        assert_eq!(keep(&[0, 150, 200], None), (3, 0));
        assert_eq!(keep(&[0, 151, 200], None), (3, 1));
    }

    #[test]
    fn a_long_stall_leaves_ticks_out_and_counts_each() {
        // Due at 100 and begun at 370: that one is late, those at 200 and 300 are left out.
        assert_eq!(keep(&[0, 370], None), (4, 3));
    }

    #[test]
    fn a_stall_past_the_end_counts_no_more_than_was_planned() {
        assert_eq!(keep(&[0, 5000], Some(300)), (4, 3));
    }
}
