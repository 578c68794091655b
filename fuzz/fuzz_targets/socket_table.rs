//! Tables of sockets.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::files::Files;
use netrec_fuzz::import::socket_table;

thread_local! {
    static FILES: RefCell<Files> = RefCell::new(Files::new(&["sockets.csv"]));
}

fuzz_target!(|bytes: &[u8]| {
    FILES.with_borrow_mut(|files| files.import([bytes], Some(&socket_table::IMPORTER)));
});
