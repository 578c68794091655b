//! Unfinished files, and their removal when a signal ends the program.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Removes something unfinished.
type Removal = Box<dyn FnOnce() + Send>;

/// Open for threads that create or rename; closed for good once the program is ending.
static GATE: RwLock<()> = RwLock::new(());

static PENDING: Mutex<Pending> = Mutex::new(Pending { next: 0, removals: Vec::new() });

struct Pending {
    next: u64,
    removals: Vec<(u64, Removal)>,
}

/// Number of attempts to close the gate, and the time between them: a disk that hangs must not keep
/// the program from ending.
const ATTEMPTS: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// Something unfinished; when this is dropped, it is complete or its creator has removed it.
#[derive(Debug)]
pub(crate) struct HalfMade(u64);

impl HalfMade {
    /// Registers how to remove it. To be called inside [`step`], together with the creation.
    pub(crate) fn new(removal: impl FnOnce() + Send + 'static) -> Self {
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        pending.next += 1;
        let number = pending.next;
        pending.removals.push((number, Box::new(removal)));
        Self(number)
    }
}

impl Drop for HalfMade {
    fn drop(&mut self) {
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        pending.removals.retain(|(number, _)| *number != self.0);
    }
}

/// Runs a creation or a rename completely, or not at all if the program is ending.
pub(crate) fn step<T>(change: impl FnOnce() -> T) -> T {
    let _open = GATE.read().unwrap_or_else(PoisonError::into_inner);
    change()
}

/// Removes everything unfinished. Later calls of [`step`] block until the program ends, which the
/// caller must ensure.
pub(crate) fn remove_all() {
    for _ in 0..ATTEMPTS {
        if let Ok(closed) = GATE.try_write() {
            // Never opened again.
            std::mem::forget(closed);
            break;
        }
        std::thread::sleep(PAUSE);
    }
    let removals = std::mem::take(&mut PENDING.lock().unwrap_or_else(PoisonError::into_inner).removals);
    // Newest first: the content of a folder before the folder.
    for (_, remove) in removals.into_iter().rev() {
        remove();
    }
}
