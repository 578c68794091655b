//! When ticks are due: on a fixed grid, so that a slow tick does not shift later ones.

use std::time::Duration;

/// Minimum interval: below it, a host with many sockets would do little but count them.
pub const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// What to record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Time between two ticks.
    pub interval: Duration,
    /// How long to record; `None` until a stop is requested.
    pub duration: Option<Duration>,
    /// CPU limit of the recorder, percent of one core: above it, the interval is lengthened. `None`
    /// for no limit.
    pub max_cpu_percent: Option<f64>,
}

/// The grid of ticks, and how well it is kept.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Start of the grid; each change of the interval begins a new grid.
    start_ns: i64,
    interval_ns: i64,
    /// End of the recording; `None` for never.
    end_ns: Option<i64>,
    /// Positions on earlier grids.
    before: u64,
    /// Positions on this grid; `None` for no limit.
    planned: Option<u64>,
    /// Grid position of the next tick.
    next: u64,
    /// Ticks that began too late or were skipped.
    late: u64,
}

impl Schedule {
    pub(super) fn new(plan: &Plan, start_ns: i64) -> Self {
        let duration_ns =
            plan.duration.map(|duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX));
        let end_ns = duration_ns.map(|duration_ns| start_ns.saturating_add(duration_ns));
        let mut schedule =
            Self { start_ns, interval_ns: 1, end_ns, before: 0, planned: None, next: 0, late: 0 };
        schedule.lay_grid(start_ns, plan.interval);
        schedule
    }

    /// Changes the interval. The next tick is due one new interval after the last one.
    pub(super) fn change_interval(&mut self, interval: Duration) {
        let last_ns = self.place_ns(self.next.saturating_sub(1));
        self.before += self.next;
        self.lay_grid(last_ns, interval);
        // The first position of the new grid is the last one of the old.
        self.next = 1;
        self.before = self.before.saturating_sub(1);
    }

    /// Number of planned ticks: one at the start, one after each interval, and the last one at the
    /// very end of the duration, whatever the interval; `None` for no limit.
    pub(super) fn planned(&self) -> Option<u64> {
        Some(self.before + self.planned?)
    }

    fn lay_grid(&mut self, start_ns: i64, interval: Duration) {
        self.start_ns = start_ns;
        self.interval_ns = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1);
        self.next = 0;
        self.planned = self.end_ns.map(|end_ns| self.places_until(end_ns));
    }

    /// Grid positions until the end of the recording, both ends included. A remainder too short for
    /// a snapshot of its own is added to the last whole interval.
    fn places_until(&self, end_ns: i64) -> u64 {
        let left_ns = end_ns.saturating_sub(self.start_ns).max(0);
        let (whole, rest_ns) = (left_ns / self.interval_ns, left_ns % self.interval_ns);
        let is_worth_one = rest_ns >= MIN_INTERVAL.as_nanos() as i64 || (whole == 0 && rest_ns > 0);
        whole as u64 + 1 + u64::from(is_worth_one)
    }

    /// When a position is due; the last one at the end of the recording.
    fn place_ns(&self, place: u64) -> i64 {
        if let (Some(planned), Some(end_ns)) = (self.planned, self.end_ns)
            && place > 0
            && place + 1 == planned
        {
            return end_ns;
        }
        let offset_ns = self.interval_ns.saturating_mul(i64::try_from(place).unwrap_or(i64::MAX));
        self.start_ns.saturating_add(offset_ns)
    }

    /// When the next tick is due on the monotonic clock, ns; `None` when the plan is complete.
    pub(super) fn due_ns(&self) -> Option<i64> {
        if self.planned.is_some_and(|planned| self.next >= planned) {
            return None;
        }
        Some(self.place_ns(self.next))
    }

    /// Notes that the due tick begins now: late after more than half an interval. Skipped positions
    /// count as late too.
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

    /// Notes that a tick failed because the host could not be read.
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
            max_cpu_percent: None,
        }
    }

    /// For ticks that begin at the given times (ms): how many positions the grid advanced, and how
    /// many ticks were late.
    fn keep(begins_ms: &[i64], duration_ms: Option<u64>) -> (u64, u64) {
        let mut schedule = Schedule::new(&plan(100, duration_ms), 0);
        for begin_ms in begins_ms {
            schedule.begin(begin_ms * 1_000_000);
        }
        (schedule.next, schedule.late())
    }

    #[test]
    fn a_plan_has_a_tick_at_both_ends() {
        let ticks = |interval_ms, duration_ms| Schedule::new(&plan(interval_ms, duration_ms), 7).planned();
        assert_eq!(ticks(1000, Some(10_000)), Some(11));
        assert_eq!(ticks(1000, Some(10_900)), Some(12));
        assert_eq!(ticks(1000, Some(10_050)), Some(11));
        assert_eq!(ticks(1000, Some(300)), Some(2));
        assert_eq!(ticks(1000, Some(1)), Some(2));
        assert_eq!(ticks(1000, None), None);
    }

    /// When the ticks of a plan are due, in ms, if each begins in time.
    fn due_ms(interval_ms: u64, duration_ms: u64) -> Vec<i64> {
        let mut schedule = Schedule::new(&plan(interval_ms, Some(duration_ms)), 0);
        let mut due = Vec::new();
        while let Some(due_ns) = schedule.due_ns() {
            due.push(due_ns / 1_000_000);
            schedule.begin(due_ns);
        }
        assert_eq!((schedule.planned(), schedule.late()), (Some(due.len() as u64), 0));
        due
    }

    #[test]
    fn the_last_tick_is_at_the_end_whatever_the_interval() {
        assert_eq!(due_ms(5000, 3000), [0, 3000]);
        assert_eq!(due_ms(5000, 8000), [0, 5000, 8000]);
        assert_eq!(due_ms(5000, 10_000), [0, 5000, 10_000]);
        // No two snapshots are taken right after each other.
        assert_eq!(due_ms(5000, 10_050), [0, 5000, 10_050]);
        assert_eq!(due_ms(5000, 50), [0, 50]);
    }

    #[test]
    fn an_interval_that_grows_past_the_end_leaves_a_tick_there() {
        let mut schedule = Schedule::new(&plan(100, Some(1000)), 0);
        schedule.begin(0);
        schedule.begin(100_000_000);
        schedule.change_interval(Duration::from_mins(1));
        assert_eq!((schedule.due_ns(), schedule.planned()), (Some(1_000_000_000), Some(3)));
        schedule.begin(1_000_000_000);
        assert_eq!((schedule.due_ns(), schedule.late()), (None, 0));
    }

    #[test]
    fn another_interval_goes_on_from_the_last_tick_and_ends_in_time() {
        let mut schedule = Schedule::new(&plan(100, Some(1000)), 0);
        for _ in 0..4 {
            schedule.begin(schedule.due_ns().unwrap());
        }
        assert_eq!(schedule.planned(), Some(11));
        // The fourth tick was at 300: 500, 700, 900 and the end remain.
        schedule.change_interval(Duration::from_millis(200));
        assert_eq!((schedule.due_ns(), schedule.planned()), (Some(500_000_000), Some(8)));
        schedule.begin(500_000_000);
        schedule.change_interval(Duration::from_millis(100));
        let mut due_ms = Vec::new();
        while let Some(due_ns) = schedule.due_ns() {
            due_ms.push(due_ns / 1_000_000);
            schedule.begin(due_ns);
        }
        assert_eq!(due_ms, [600, 700, 800, 900, 1000]);
        assert_eq!((schedule.planned(), schedule.late()), (Some(10), 0));
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
        // Due at 100 and begun at 370: that one is late, those at 200 and 300 are skipped.
        assert_eq!(keep(&[0, 370], None), (4, 3));
    }

    #[test]
    fn a_stall_past_the_end_counts_no_more_than_was_planned() {
        assert_eq!(keep(&[0, 5000], Some(300)), (4, 3));
    }
}
