//! One frame of any link type: the first two bytes say which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::wire::packet::{Decoded, LinkType, decode};

fuzz_target!(|bytes: &[u8]| {
    let Some((link, frame)) = bytes.split_first_chunk() else { return };
    let mut decoded = decode(LinkType(u32::from(u16::from_be_bytes(*link))), frame, frame.len() as u32);
    for _ in 0..64 {
        let Decoded::Packet(packet) = decoded else { return };
        assert!(packet.payload.len() <= frame.len() && packet.payload_bytes as usize <= frame.len());
        let Some(inner) = packet.inner else { return };
        decoded = inner.decode();
    }
    panic!("nesting without end");
});
