//! Queue of files to hash, smallest first. A program that runs for milliseconds is small, and its
//! last row is written soon; behind a 200 MB browser it would be reported without its hash.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The jobs of one thread.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    most: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: BinaryHeap<QueuedItem<T>>,
    /// Number of jobs so far: of two files of the same size, the earlier one comes first.
    count: u64,
    is_busy: bool,
    is_closed: bool,
}

#[derive(Debug)]
struct QueuedItem<T> {
    rank: Reverse<(u64, u64)>,
    job: T,
}

impl<T> Queue<T> {
    /// An empty queue for at most `most` jobs.
    pub(super) fn new(most: usize) -> Self {
        let state = State { waiting: BinaryHeap::new(), count: 0, is_busy: false, is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), most }
    }

    /// Adds a job for a file of this size; returns it if the queue is full or closed.
    pub(super) fn push(&self, bytes: u64, job: T) -> Result<(), T> {
        let mut state = self.state();
        if state.is_closed || state.waiting.len() >= self.most {
            return Err(job);
        }
        state.count += 1;
        let rank = Reverse((bytes, state.count));
        state.waiting.push(QueuedItem { rank, job });
        self.changed.notify_all();
        Ok(())
    }

    /// Waits for the next job; `None` when the queue is closed. Marks the previous job as done.
    pub(super) fn take(&self) -> Option<T> {
        let mut state = self.state();
        state.is_busy = false;
        self.changed.notify_all();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(entry) = state.waiting.pop() {
                state.is_busy = true;
                return Some(entry.job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until nothing is left to do, up to `most`.
    pub(super) fn wait_until_idle(&self, most: Duration) {
        let end = Instant::now() + most;
        let mut state = self.state();
        while !state.is_closed && (state.is_busy || !state.waiting.is_empty()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Closes the queue: no job can be added or taken any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> PartialEq for QueuedItem<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<T> Eq for QueuedItem<T> {}

impl<T> PartialOrd for QueuedItem<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for QueuedItem<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_comes_first_and_of_two_the_earlier() {
        let queue = Queue::new(4);
        for (bytes, job) in [(200, "browser"), (3, "shell"), (1, "implant"), (3, "other shell")] {
            queue.push(bytes, job).unwrap();
        }
        assert_eq!(queue.push(1, "too many"), Err("too many"));
        let taken: Vec<_> = (0..4).map_while(|_| queue.take()).collect();
        assert_eq!(taken, ["implant", "shell", "other shell", "browser"]);
        queue.close();
        assert_eq!((queue.take(), queue.push(1, "late")), (None, Err("late")));
    }

    #[test]
    fn whoever_waits_is_woken_when_the_last_job_is_done_or_the_time_is_over() {
        let queue = Queue::new(4);
        queue.wait_until_idle(Duration::from_mins(1));
        queue.push(1, ()).unwrap();
        queue.wait_until_idle(Duration::from_millis(1));
        queue.take().unwrap();
        std::thread::scope(|scope| {
            // Asks for the next job, which marks this one as done.
            scope.spawn(|| queue.take());
            queue.wait_until_idle(Duration::from_mins(1));
            queue.close();
        });
    }
}
