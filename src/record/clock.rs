//! The clock behind a trait, so that tests can provide their own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::stop::Stop;

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timestamp {
    /// Wall clock, µs since the Unix epoch, UTC.
    pub ts_us: i64,
    /// Monotonic clock, ns.
    pub mono_ns: i64,
}

/// The recorder's source of time, and its way to wait.
pub trait Clock {
    /// The current moment on both clocks.
    fn now(&self) -> Timestamp;

    /// Waits until the monotonic clock reads `mono_ns`, or until `stop` is requested.
    fn wait_until(&self, mono_ns: i64, stop: &Stop);

    /// CPU time that this process has used so far, ns; `None` if the system does not report it.
    fn cpu_ns(&self) -> Option<i64> {
        None
    }
}

/// The clocks of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp { ts_us: wall_us(), mono_ns: monotonic_ns() }
    }

    fn wait_until(&self, mono_ns: i64, stop: &Stop) {
        let left_ns = mono_ns.saturating_sub(monotonic_ns());
        if let Ok(left_ns) = u64::try_from(left_ns) {
            stop.wait(Duration::from_nanos(left_ns));
        }
    }

    #[cfg(unix)]
    fn cpu_ns(&self) -> Option<i64> {
        Some(read_clock(libc::CLOCK_PROCESS_CPUTIME_ID))
    }
}

fn wall_us() -> i64 {
    // A clock before 1970 was never set; 0 marks it.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// `CLOCK_MONOTONIC`, which also stamps the kernel's events.
#[cfg(unix)]
fn monotonic_ns() -> i64 {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// On systems without such a clock: time since the first call.
#[cfg(not(unix))]
fn monotonic_ns() -> i64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as i64
}

/// CPU time that this thread has used so far, ns.
#[cfg(target_os = "linux")]
pub(super) fn thread_cpu_ns() -> i64 {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Boot time of the host, µs since the Unix epoch: the origin of process start times.
#[cfg(target_os = "linux")]
pub(super) fn boot_us() -> i64 {
    wall_us() - read_clock(libc::CLOCK_BOOTTIME) / 1000
}

/// How long the host has been suspended since boot, ns, which its monotonic clock leaves out.
#[cfg(target_os = "linux")]
pub(super) fn suspended_ns() -> u64 {
    u64::try_from(read_clock(libc::CLOCK_BOOTTIME) - read_clock(libc::CLOCK_MONOTONIC)).unwrap_or(0)
}

/// A clock of the system, ns.
#[cfg(unix)]
pub(super) fn read_clock(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for one timespec for the duration of the call.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_run_forward_and_waiting_waits() {
        let clock = SystemClock;
        let before = clock.now();
        clock.wait_until(before.mono_ns + 5_000_000, &Stop::default());
        let after = clock.now();
        assert!(after.mono_ns - before.mono_ns >= 5_000_000);
        assert!(after.ts_us > before.ts_us);
    }

    #[test]
    #[cfg(unix)]
    fn cpu_time_grows_with_work_and_not_with_waiting() {
        let clock = SystemClock;
        let before = clock.cpu_ns().unwrap();
        let sum = (0..5_000_000_u64)
            .fold(0_u64, |sum, n| sum.wrapping_mul(31).wrapping_add(std::hint::black_box(n)));
        assert!(clock.cpu_ns().unwrap() > before, "{sum}");
    }

    #[test]
    fn a_deadline_that_has_passed_is_not_waited_for() {
        let clock = SystemClock;
        let before = clock.now();
        clock.wait_until(before.mono_ns - 1, &Stop::default());
        assert!(clock.now().mono_ns - before.mono_ns < 1_000_000_000);
    }
}
