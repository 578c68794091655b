//! What is half made at this moment, and its removal when a signal ends the program.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Removes something that is half made.
type Removal = Box<dyn FnOnce() + Send>;

/// Open to whoever creates or renames; closed for good once the program is ending.
static GATE: RwLock<()> = RwLock::new(());

static PENDING: Mutex<Pending> = Mutex::new(Pending { next: 0, removals: Vec::new() });

struct Pending {
    next: u64,
    removals: Vec<(u64, Removal)>,
}

/// How often, and at what distance, it is tried to close the gate: a disk that hangs must not keep
/// the program from ending.
const ATTEMPTS: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// Something that is half made; whole, or removed by its maker, when this is dropped.
#[derive(Debug)]
pub(crate) struct HalfMade(u64);

impl HalfMade {
    /// Remembers how it is removed. To be called inside of [`step`], with what creates it.
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

/// Creates or renames: wholly, or not at all where the program is ending.
pub(crate) fn step<T>(change: impl FnOnce() -> T) -> T {
    let _open = GATE.read().unwrap_or_else(PoisonError::into_inner);
    change()
}

/// Removes all that is half made. Whoever is in [`step`] afterwards waits for the end of the program,
/// which the caller has to bring about.
pub(crate) fn remove_all() {
    for _ in 0..ATTEMPTS {
        if let Ok(closed) = GATE.try_write() {
            // Nobody opens it again.
            std::mem::forget(closed);
            break;
        }
        std::thread::sleep(PAUSE);
    }
    let removals = std::mem::take(&mut PENDING.lock().unwrap_or_else(PoisonError::into_inner).removals);
    // The newest first: what lies in a folder before the folder.
    for (_, remove) in removals.into_iter().rev() {
        remove();
    }
}
