//! Stops a recording from outside: by signals, or from another thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// A request to stop the recording, shared between threads.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicBool,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Stop {
    /// Requests the stop, and wakes a thread that waits for the next tick.
    pub fn ask(&self) {
        let guard = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.asked.store(true, Ordering::SeqCst);
        drop(guard);
        self.0.woken.notify_all();
    }

    /// Whether a stop was requested.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Waits for `time`, or until a stop is requested.
    pub fn wait(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut guard = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_asked() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            guard = self.0.woken.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ctrl-C, SIGTERM and SIGHUP request a stop; a second Ctrl-C or SIGTERM ends the program at
    /// once.
    ///
    /// A second SIGHUP does not: a closing terminal sends one from the shell and one from the
    /// kernel, and a recording must survive both. If SIGHUP was ignored it stays so, so that `nohup
    /// netrec record` outlives its terminal.
    ///
    /// # Errors
    /// [`Error::Record`] if the handlers cannot be installed.
    pub fn on_signals(&self) -> Result<()> {
        install(self).map_err(|e| Error::Record(format!("the signal handlers cannot be installed: {e}")))
    }
}

#[cfg(unix)]
fn install(stop: &Stop) -> std::io::Result<()> {
    let stop = stop.clone();
    let mut seen = std::collections::BTreeSet::new();
    crate::signals::listen(move |signal| {
        if seen.insert(signal) || signal == signal_hook::consts::SIGHUP {
            stop.ask();
        } else {
            crate::safe_fs::pending::remove_all();
            signal_hook::low_level::exit(128 + signal);
        }
    })
}

/// Other systems only have a flag to poll.
#[cfg(not(unix))]
fn install(stop: &Stop) -> std::io::Result<()> {
    const LOOK_EVERY: Duration = Duration::from_millis(50);
    let seen = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&seen))?;
        signal_hook::flag::register(signal, Arc::clone(&seen))?;
    }
    let stop = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while !seen.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK_EVERY);
        }
        stop.ask();
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_wakes_a_waiter_at_once() {
        let stop = Stop::default();
        let other = stop.clone();
        let asker = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            other.ask();
        });
        let begin = Instant::now();
        stop.wait(Duration::from_mins(1));
        assert!(begin.elapsed() < Duration::from_secs(30));
        assert!(stop.is_asked());
        asker.join().unwrap();
    }

    #[test]
    fn without_being_asked_the_whole_time_is_waited() {
        let begin = Instant::now();
        Stop::default().wait(Duration::from_millis(20));
        assert!(begin.elapsed() >= Duration::from_millis(20));
    }
}
