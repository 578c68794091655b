//! Runs work on all cores; the result does not depend on their number.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

/// Maps items on all cores; the results are in the order of the items.
///
/// An idle thread takes the next item, so that a few slow ones do not delay the others.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    map_with(items, work, threads)
}

/// The same on this many threads, for work that waits more than it computes.
pub(crate) fn map_with<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    threads: usize,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let lane = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        // The running threads take all items: fewer threads only cost time.
        let start = |_| Builder::new().spawn_scoped(scope, lane).ok();
        let threads: Vec<_> = (1..threads).map_while(start).collect();
        let mut done = lane();
        for thread in threads {
            done.extend(joined(thread));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does two things at once, the first in a separate thread.
pub(crate) fn both<A: Send, B>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let a = spawn(scope, a);
        let b = b();
        (a.join(), b)
    })
}

/// Work in another thread, or its finished result.
pub(crate) enum Job<'scope, T> {
    Running(ScopedJoinHandle<'scope, T>),
    Done(T),
}

impl<T> Job<'_, T> {
    /// Waits for the result.
    pub(crate) fn join(self) -> T {
        match self {
            Self::Running(thread) => joined(thread),
            Self::Done(made) => made,
        }
    }
}

/// Starts work in a separate thread; if none is available, does it at once.
pub(crate) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Job<'scope, T> {
    // A thread that cannot be started drops its work; this keeps it accessible.
    let work = Arc::new(Mutex::new(Some(work)));
    let take = |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let theirs = Arc::clone(&work);
    #[expect(clippy::expect_used, reason = "nobody but a thread that was started takes it")]
    let run = move || take(&theirs).expect("the work is there")();
    match (Builder::new().spawn_scoped(scope, run), work) {
        (Ok(thread), _) => Job::Running(thread),
        #[expect(clippy::expect_used, reason = "a thread that was not started has not taken it")]
        (Err(_), work) => Job::Done(take(&work).expect("the work is there")()),
    }
}

/// The result of a thread; a panic in it is a bug, and is resumed here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Checks that as many threads are available as the analysis's libraries start at once, because
/// they abort if there are none.
///
/// # Errors
/// The system's error.
pub(crate) fn check() -> io::Result<()> {
    let threads = 2 + thread::available_parallelism().map_or(1, NonZero::get);
    let gate = Mutex::new(());
    thread::scope(|scope| {
        // All at the same time: none ends before the last one has started.
        let _closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = || drop(gate.lock());
        (0..threads).try_for_each(|_| Builder::new().spawn_scoped(scope, wait).map(drop))
    })
}

/// Changes items on all cores, each of which gets a contiguous part.
pub(crate) fn change<T: Send>(items: &mut [T], work: impl Fn(&mut T) + Sync) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let part = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        for part in items.chunks_mut(part) {
            spawn(scope, || part.iter_mut().for_each(&work));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_changed_once() {
        for count in [0, 1, 2, 3, 1_000] {
            let mut items: Vec<usize> = (0..count).collect();
            change(&mut items, |item| *item += 1);
            assert_eq!(items, (1..=count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn results_are_in_the_order_of_the_items_whatever_the_number_of_threads() {
        let items: Vec<u64> = (0..1_000).collect();
        let squares: Vec<u64> = items.iter().map(|n| n * n).collect();
        for threads in [0, 1, 2, 7] {
            assert_eq!(map_with(&items, |n| n * n, threads), squares, "{threads} threads");
        }
        assert!(map(&[], |n: &u64| *n).is_empty());
    }

    #[test]
    fn there_are_threads_to_be_had() {
        check().unwrap();
    }

    #[test]
    #[should_panic(expected = "the first")]
    fn of_two_things_no_panic_is_lost_either() {
        assert_eq!(both(|| 1, || 2), (1, 2));
        both(|| panic!("the first"), || ());
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_is_not_lost() {
        map(&[1, 2, 3], |n| assert!(*n != 3, "the third"));
    }
}
