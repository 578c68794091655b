//! What the payload of a connection says: fingerprints of TLS clients, certificates, protocols.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::wire::{app_protocol, certificate, fingerprint, tls};

fuzz_target!(|stream: &[u8]| {
    let bare = Some(Cow::Borrowed(stream));
    for body in [bare, tls::whole_client_hello(stream)].into_iter().flatten() {
        if let Some(prints) = fingerprint::of_client_hello(&body) {
            assert_eq!(prints.ja3.len(), 32);
            assert!(prints.ja4.is_ascii(), "{}", prints.ja4);
        }
    }
    let _ = certificate::shown(stream);
    for is_client in [true, false] {
        let _ = (app_protocol::of_stream(stream, is_client), app_protocol::of_datagram(stream, is_client));
    }
});
