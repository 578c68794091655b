//! Limits the recorder's own CPU use: above the limit, ticks become less frequent.

use std::time::Duration;

/// Minimum number of ticks, and minimum time, of a measurement, because a tick is a short burst.
const WINDOW_TICKS: u32 = 8;
const WINDOW_NS: i64 = 10_000_000_000;

/// Maximum number of times the interval is doubled.
const MOST_DOUBLINGS: u32 = 6;

/// Consecutive windows with headroom before the interval is shortened again.
const CALM_WINDOWS: u32 = 2;

/// The interval is shortened only if the CPU use would stay below this fraction of the limit.
const ROOM: f64 = 0.7;

/// Maximum number of changes in a capture; after that, the interval is no longer shortened.
const MOST_CHANGES: usize = 256;

/// Keeps the CPU use of the recorder within a share of one core.
#[derive(Debug)]
pub(super) struct Budget {
    /// Percent of one core.
    limit_percent: f64,
    asked: Duration,
    doublings: u32,
    calm: u32,
    changes: usize,
    window: Option<Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    start_ns: i64,
    cpu_ns: i64,
    ticks: u32,
}

/// The outcome of a window that changes the interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Changed {
    /// The new interval.
    pub(super) interval: Duration,
    /// CPU used in the window, percent of one core.
    pub(super) cpu_percent: f64,
}

impl Budget {
    pub(super) fn new(limit_percent: f64, asked: Duration) -> Self {
        Self { limit_percent, asked, doublings: 0, calm: 0, changes: 0, window: None }
    }

    /// Notes a finished tick and the CPU time that the recorder has used so far, in ns; returns a
    /// new interval if the last window requires one.
    pub(super) fn tick(&mut self, now_ns: i64, cpu_ns: i64) -> Option<Changed> {
        // The first tick looks up every owner, so it is not representative.
        let window = self.window.get_or_insert(Window { start_ns: now_ns, cpu_ns, ticks: 0 });
        window.ticks += u32::from(now_ns > window.start_ns);
        let elapsed_ns = now_ns - window.start_ns;
        if window.ticks < WINDOW_TICKS || elapsed_ns < WINDOW_NS {
            return None;
        }
        let cpu_percent = (cpu_ns - window.cpu_ns) as f64 / elapsed_ns as f64 * 100.0;
        self.window = Some(Window { start_ns: now_ns, cpu_ns, ticks: 0 });
        let doublings = self.doublings_for(cpu_percent);
        if doublings == self.doublings {
            return None;
        }
        (self.doublings, self.calm) = (doublings, 0);
        self.changes += 1;
        Some(Changed { interval: self.asked * (1 << doublings), cpu_percent })
    }

    /// How many times to double the interval after a window with this CPU use.
    fn doublings_for(&mut self, cpu_percent: f64) -> u32 {
        if cpu_percent > self.limit_percent {
            // Part of the use does not depend on the ticks, so this may not suffice; then the next
            // window doubles again.
            let times = (cpu_percent / self.limit_percent).log2().ceil().max(1.0);
            return self.doublings.saturating_add(times as u32).min(MOST_DOUBLINGS);
        }
        let has_room = cpu_percent * 2.0 < self.limit_percent * ROOM;
        self.calm = if has_room && self.doublings > 0 { self.calm + 1 } else { 0 };
        if self.calm >= CALM_WINDOWS && self.changes < MOST_CHANGES {
            return self.doublings - 1;
        }
        self.doublings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    /// Runs a recorder with ticks of this cost for some time, and returns every new interval.
    fn run(budget: &mut Budget, clocks: &mut (i64, i64), tick_ms: i64, seconds: i64) -> Vec<u64> {
        let mut intervals = Vec::new();
        let end_ns = clocks.0 + seconds * SECOND_NS;
        let mut interval_ns = (budget.asked * (1 << budget.doublings)).as_nanos() as i64;
        while clocks.0 < end_ns {
            clocks.0 += interval_ns;
            clocks.1 += tick_ms * 1_000_000;
            if let Some(changed) = budget.tick(clocks.0, clocks.1) {
                interval_ns = changed.interval.as_nanos() as i64;
                intervals.push(changed.interval.as_secs());
            }
        }
        intervals
    }

    fn two_percent() -> Budget {
        Budget::new(2.0, Duration::from_secs(1))
    }

    #[test]
    fn within_the_limit_nothing_changes() {
        assert_eq!(run(&mut two_percent(), &mut (0, 0), 19, 600), [0_u64; 0]);
    }

    #[test]
    fn over_the_limit_the_interval_is_made_as_long_as_it_takes_at_once() {
        // 30 ms per second is 3 %; every two seconds, 1.5 %.
        assert_eq!(run(&mut two_percent(), &mut (0, 0), 30, 600), [2]);
        assert_eq!(run(&mut two_percent(), &mut (0, 0), 150, 600), [8]);
    }

    #[test]
    fn a_cost_that_no_interval_can_pay_for_ends_at_the_longest() {
        assert_eq!(run(&mut two_percent(), &mut (0, 0), 100_000, 6000), [64]);
    }

    #[test]
    fn when_there_is_room_again_the_interval_is_shortened_step_by_step() {
        let (mut budget, mut clocks) = (two_percent(), (0, 0));
        assert_eq!(run(&mut budget, &mut clocks, 70, 100), [4]);
        assert_eq!(run(&mut budget, &mut clocks, 5, 1000), [2, 1]);
    }

    #[test]
    fn at_the_edge_it_does_not_swing() {
        let (mut budget, mut clocks) = (two_percent(), (0, 0));
        assert_eq!(run(&mut budget, &mut clocks, 21, 3600), [2], "back at 1 s it would be over again");
    }

    #[test]
    fn the_start_is_not_counted() {
        let mut budget = two_percent();
        assert_eq!(budget.tick(0, 500_000_000), None);
        assert_eq!(run(&mut budget, &mut (0, 500_000_000), 10, 100), [0_u64; 0]);
    }

    #[test]
    fn the_list_of_changes_stays_short() {
        let (mut budget, mut clocks) = (two_percent(), (0, 0));
        let changes: usize = (0..1000)
            .map(|n| run(&mut budget, &mut clocks, if n % 2 == 0 { 70 } else { 1 }, 200).len())
            .sum();
        assert!((MOST_CHANGES..MOST_CHANGES + 10).contains(&changes), "{changes}");
    }
}
