//! Decoding of bytes that someone hostile may have made, by a library that may panic.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside [`quietly`], so that a panic is no news for the terminal.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `decode`, and gives none if it panics, without a word on standard error.
///
/// The values that `decode` works on are broken then, and must be given up.
pub(super) fn quietly<T>(decode: impl FnOnce() -> T) -> Option<T> {
    install_hook();
    let before = IS_GUARDED.replace(true);
    // The caller gives the values up, so nobody sees them in a state between two steps.
    let result = catch_unwind(AssertUnwindSafe(decode));
    IS_GUARDED.set(before);
    result.ok()
}

/// Makes the panic message depend on whether the thread is guarded.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                usual(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_none_and_the_next_call_works() {
        assert_eq!(
            quietly(|| {
                let list: [u8; 0] = [];
                list[std::hint::black_box(3)]
            }),
            None
        );
        assert_eq!(quietly(|| 5), Some(5));
        assert!(!IS_GUARDED.get());
    }

    #[test]
    fn a_guard_inside_a_guard_leaves_the_outer_one_standing() {
        quietly(|| {
            assert_eq!(quietly(|| 1), Some(1));
            assert!(IS_GUARDED.get());
        })
        .unwrap();
    }
}
