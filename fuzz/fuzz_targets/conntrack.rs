//! Tables and events of conntrack.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::files::Files;
use netrec_fuzz::import::conntrack;

thread_local! {
    static FILES: RefCell<Files> = RefCell::new(Files::new(&["conntrack.txt"]));
}

fuzz_target!(|bytes: &[u8]| {
    FILES.with_borrow_mut(|files| files.import([bytes], Some(&conntrack::IMPORTER)));
});
