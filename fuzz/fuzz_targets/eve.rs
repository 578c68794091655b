//! Suricata's events.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::files::Files;
use netrec_fuzz::import::eve;

thread_local! {
    static FILES: RefCell<Files> = RefCell::new(Files::new(&["eve.json"]));
}

fuzz_target!(|events: &[u8]| {
    FILES.with_borrow_mut(|files| files.import([events], Some(&eve::IMPORTER)));
});
