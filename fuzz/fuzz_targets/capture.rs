//! A capture as `info`, `analyze`, `replay` and `verify` open it. The first byte says what follows:
//! the file itself, or the pieces of a recording that was broken off.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::recordings::{Unfinished, Workspace};

thread_local! {
    static PLACE: RefCell<Workspace> = RefCell::new(Workspace::new());
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, contents)) = bytes.split_first() else { return };
    PLACE.with_borrow_mut(|place| match kind % 2 {
        0 => place.open_file(contents),
        _ => place.open_unfinished(&Unfinished::from_pieces(contents)),
    });
});
