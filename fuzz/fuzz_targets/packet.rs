//! One frame of any link type: the first two bytes say which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::wire::packet::{Decoded, LinkType, decode};

fuzz_target!(|bytes: &[u8]| {
    let Some((link, frame)) = bytes.split_first_chunk() else { return };
    let decoded = decode(LinkType(u32::from(u16::from_be_bytes(*link))), frame, frame.len() as u32);
    let mut packets = 0;
    check(decoded, frame.len(), 0, &mut packets);
    // A frame in an aggregate takes 16 bytes and a tunnel adds at least one packet for its header.
    assert!(packets <= 32 * (frame.len() + 1), "{packets} packets in {} bytes", frame.len());
});

fn check(decoded: Decoded<'_>, most_bytes: usize, depth: usize, packets: &mut usize) {
    assert!(depth < 64, "nesting without end");
    match decoded {
        Decoded::Packet(packet) => {
            *packets += 1;
            assert!(packet.payload.len() <= most_bytes && packet.ip.body.len() <= most_bytes);
            if let Some(inner) = packet.inner {
                check(inner.decode(), most_bytes, depth + 1, packets);
            }
        }
        Decoded::Aggregate(frames) => {
            frames.decode().for_each(|frame| check(frame, most_bytes, depth + 1, packets));
        }
        _ => {}
    }
}
