//! A DNS message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::wire::dns;

fuzz_target!(|message: &[u8]| {
    for answer in dns::answers(message) {
        assert!(answer.name.bytes().all(|byte| byte.is_ascii_graphic()), "{answer:?}");
    }
});
