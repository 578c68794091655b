//! A DNS message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::wire::{dns, dns_message};

fuzz_target!(|message: &[u8]| {
    for answer in dns::answers(message) {
        assert!(answer.name.bytes().all(|byte| byte.is_ascii_graphic()), "{answer:?}");
    }
    if let Some(message) = dns_message::read(message) {
        let answers = message.answers.iter().flatten();
        for text in message.questions.iter().map(|question| &question.name).chain(answers) {
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{text:?}");
        }
    }
});
