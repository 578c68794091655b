//! The beginning of a TLS client's stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::wire::tls::{self, Hello};

fuzz_target!(|stream: &[u8]| {
    if let Hello::Names(name) = tls::client_hello(stream) {
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic()), "{name:?}");
    }
});
