//! The recording loop without a file: each snapshot is passed to a callback.

use super::clock::Clock;
use super::host::{Host, Seen, Tick};
use super::schedule::{Plan, Schedule};
use super::stop::Stop;
use crate::Result;
use crate::capture::Row;

/// A snapshot that was just taken.
pub struct Observed<'a> {
    /// Its number and time.
    pub tick: Tick,
    /// Its counts.
    pub seen: Seen,
    /// Its rows, and those of the events before it; the callback may take them.
    pub rows: &'a mut Vec<Row>,
    /// The host, for the status of its sources.
    pub host: &'a dyn Host,
}

/// Takes a snapshot at each interval until the plan is complete or `stop` is requested.
///
/// # Errors
/// [`crate::Error::Record`] if the first snapshot fails. A later one that fails is left out.
pub fn observe(
    plan: &Plan,
    host: &mut dyn Host,
    (clock, stop): (&dyn Clock, &Stop),
    take: &mut dyn FnMut(Observed<'_>),
) -> Result<()> {
    let mut schedule = Schedule::new(plan, clock.now().mono_ns);
    let mut rows = Vec::new();
    let mut number = 0;
    while let Some(due_ns) = schedule.due_ns() {
        clock.wait_until(due_ns, stop);
        if stop.is_asked() {
            break;
        }
        let moment = clock.now();
        schedule.begin(moment.mono_ns);
        rows.clear();
        let tick = Tick { number, moment, interval: plan.interval };
        match host.observe(tick, &mut rows) {
            Ok(seen) => take(Observed { tick, seen, rows: &mut rows, host }),
            Err(error) if number == 0 => return Err(error),
            Err(_) => continue,
        }
        number = number.saturating_add(1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;
    use crate::capture::SourceReport;
    use crate::record::Timestamp;
    use crate::{Error, Result};

    /// A clock that jumps to the time waited for.
    #[derive(Default)]
    struct FakeClock(Cell<i64>);

    impl Clock for FakeClock {
        fn now(&self) -> Timestamp {
            Timestamp { ts_us: self.0.get() / 1000, mono_ns: self.0.get() }
        }

        fn wait_until(&self, mono_ns: i64, _stop: &Stop) {
            self.0.set(self.0.get().max(mono_ns));
        }
    }

    /// A host whose ticks succeed or fail according to the script.
    struct FakeHost(Vec<bool>);

    impl Host for FakeHost {
        fn observe(&mut self, _tick: Tick, _rows: &mut Vec<Row>) -> Result<Seen> {
            if self.0.remove(0) { Ok(Seen::default()) } else { Err(Error::Record("no answer".to_owned())) }
        }

        fn reports(&self) -> Vec<SourceReport> {
            Vec::new()
        }
    }

    /// Numbers and times (ms) of the ticks passed to the callback.
    fn run(script: &[bool]) -> Result<Vec<(u32, i64)>> {
        let plan = Plan {
            interval: Duration::from_millis(100),
            duration: Some(Duration::from_millis(100 * (script.len() as u64 - 1))),
            max_cpu_percent: None,
        };
        let mut ticks = Vec::new();
        let mut take = |seen: Observed<'_>| ticks.push((seen.tick.number, seen.tick.moment.ts_us / 1000));
        observe(&plan, &mut FakeHost(script.to_vec()), (&FakeClock::default(), &Stop::default()), &mut take)?;
        Ok(ticks)
    }

    #[test]
    fn ticks_come_on_the_grid_and_one_that_fails_is_left_out() {
        assert_eq!(run(&[true, true, false, true]).unwrap(), [(0, 0), (1, 100), (2, 300)]);
    }

    #[test]
    fn a_host_that_never_answers_is_an_error() {
        assert!(run(&[false, true]).is_err());
    }
}
