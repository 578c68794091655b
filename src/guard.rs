//! Contains panics: a bug in a library that decodes hostile bytes, or in one of many detectors,
//! costs only that piece of work and not the whole run.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside a guard, so that a panic is not printed to the terminal.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
    /// Source location of this thread's last panic inside a guard.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `decode`, and returns `None` if it panics, without printing anything.
///
/// The values that `decode` was working on are then inconsistent and must be dropped.
pub(crate) fn ok_unless_panic<T>(decode: impl FnOnce() -> T) -> Option<T> {
    catch_panic(decode).ok()
}

/// Runs `work`; if it panics, the error is the panic's message with its source location if known.
///
/// Values that `work` was changing are then inconsistent and must not be used again.
///
/// # Errors
/// If it panics.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let before = IS_GUARDED.replace(true);
    LOCATION.take();
    // The caller drops what `work` was changing, so nobody sees it inconsistent.
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(before);
    result.map_err(|panic| {
        let message = message(panic.as_ref());
        match LOCATION.take() {
            Some(location) => format!("{message} ({location})"),
            None => message.to_owned(),
        }
    })
}

/// The text of a panic; nearly all have one.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// Makes the panic message depend on whether the thread is guarded. Returns whether a panic of this
/// thread would be contained.
pub(crate) fn is_guarded() -> bool {
    IS_GUARDED.get()
}

fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if IS_GUARDED.get() {
                LOCATION.set(panic.location().map(ToString::to_string));
            } else {
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
            ok_unless_panic(|| {
                let list: [u8; 0] = [];
                list[std::hint::black_box(3)]
            }),
            None
        );
        assert_eq!(ok_unless_panic(|| 5), Some(5));
        assert!(!IS_GUARDED.get());
    }

    #[test]
    fn the_error_of_a_panic_says_what_and_where() {
        let error = catch_panic::<()>(|| panic!("row {} is out of order", 7)).unwrap_err();
        assert!(error.starts_with("row 7 is out of order (src/guard.rs:"), "{error}");
        assert_eq!(
            catch_panic::<()>(|| std::panic::panic_any(5)).unwrap_err().split(' ').next(),
            Some("without")
        );
    }

    #[test]
    fn a_guard_inside_a_guard_leaves_the_outer_one_standing() {
        ok_unless_panic(|| {
            assert_eq!(ok_unless_panic(|| 1), Some(1));
            assert!(IS_GUARDED.get());
        })
        .unwrap();
    }
}
