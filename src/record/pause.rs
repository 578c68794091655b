//! Accounts for what is lost while the disk is full, and for what is left to do afterwards.

use std::path::PathBuf;

use super::writer_thread::Written;
use crate::capture::{self, Metadata, Pause};

/// How long to wait before the next attempt if the system reports free space but refuses writes, as
/// with a quota.
const RETRY_NS: i64 = 5_000_000_000;

/// All pauses of a recording.
#[derive(Debug, Default)]
pub(super) struct PauseLog {
    pauses: Vec<Pause>,
}

impl PauseLog {
    pub(super) fn new(pauses: Vec<Pause>) -> Self {
        Self { pauses }
    }

    /// The finished pauses.
    pub(super) fn pauses(&self) -> &[Pause] {
        &self.pauses
    }

    /// Adds a finished pause.
    pub(super) fn add(&mut self, pause: Pause) {
        self.pauses.push(pause);
    }

    /// Corrects the loop's account, which counts every tick, to what was written.
    pub(super) fn amend(&self, mut whole: Metadata) -> Metadata {
        let lost: u64 = self.pauses.iter().map(|pause| pause.ticks).sum();
        whole.ticks_taken = whole.ticks_taken.saturating_sub(lost);
        whole.ticks_late += lost;
        whole.pauses.clone_from(&self.pauses);
        whole
    }
}

/// A corrected account with one more pause.
pub(super) fn with_pause(amended: &Metadata, pause: Pause) -> Metadata {
    let mut whole = amended.clone();
    whole.ticks_taken = whole.ticks_taken.saturating_sub(pause.ticks);
    whole.ticks_late += pause.ticks;
    whole.pauses.push(pause);
    whole
}

/// A pause in progress.
#[derive(Debug, Default)]
pub(super) struct Paused {
    from_us: i64,
    ticks: u64,
    rows: u64,
    /// The capture that could not be completed.
    unfinished: Option<PathBuf>,
    /// No attempt before this monotonic time, ns.
    retry_at_ns: i64,
}

impl Paused {
    /// Begins a pause after the last written tick.
    pub(super) fn from(so_far: &Metadata) -> Self {
        Self { from_us: so_far.end_us, ..Self::default() }
    }

    /// Notes that the file could not be completed, and that this many rows of the last tick are
    /// missing from it.
    pub(super) fn leave_unfinished(&mut self, path: PathBuf, rows: usize) {
        self.unfinished = Some(path);
        if rows > 0 {
            self.lose_tick(rows);
        }
    }

    pub(super) fn lose_tick(&mut self, rows: usize) {
        self.ticks += 1;
        self.lose_rows(rows);
    }

    pub(super) fn lose_rows(&mut self, rows: usize) {
        self.rows += rows as u64;
    }

    pub(super) fn is_time_to_try(&self, now_ns: i64) -> bool {
        now_ns >= self.retry_at_ns
    }

    pub(super) fn try_later(&mut self, now_ns: i64) {
        self.retry_at_ns = now_ns.saturating_add(RETRY_NS);
    }

    /// The pause, if it ends now.
    pub(super) fn until(&self, to_us: i64) -> Pause {
        Pause { from_us: self.from_us, to_us, ticks: self.ticks, rows: self.rows }
    }

    /// Tries again to complete the unfinished file, and returns it if it is complete now. On
    /// another failure it stays as it is, for `netrec recover`.
    pub(super) fn complete_unfinished(&mut self, written: &Written) -> Option<PathBuf> {
        let path = self.unfinished.take()?;
        match capture::complete_unfinished(&path) {
            Ok(true) => {
                written.tell(format!("completed: {}", path.display()));
                return Some(path);
            }
            Ok(false) => {}
            Err(error) => written.tell(format!("not completed: {error}")),
        }
        None
    }
}
