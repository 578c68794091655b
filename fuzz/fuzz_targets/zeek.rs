//! A Zeek `conn.log`, and after a zero byte each the logs that name its remotes.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::files::Files;
use netrec_fuzz::import::zeek;

thread_local! {
    static FILES: RefCell<Files> = RefCell::new(Files::new(&["conn.log", "ssl.log", "http.log", "dns.log"]));
}

fuzz_target!(|logs: &[u8]| {
    FILES.with_borrow_mut(|files| files.import(logs.split(|byte| *byte == 0), Some(&zeek::IMPORTER)));
});
