//! What `ss` or `netstat` printed.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::files::Files;
use netrec_fuzz::import::ss;

thread_local! {
    static FILES: RefCell<Files> = RefCell::new(Files::new(&["ss.txt"]));
}

fuzz_target!(|tables: &[u8]| {
    FILES.with_borrow_mut(|files| files.import([tables], Some(&ss::IMPORTER)));
});
