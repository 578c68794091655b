//! The same conversation in every file format.

use super::packets::{Frames, conversation, ethernet};

fn frames() -> Vec<Vec<u8>> {
    conversation(0).iter().map(|ip| ethernet(ip.ethertype, &ip.bytes)).collect()
}

/// A classic file: the header's words and version, and the words and bytes before each frame.
fn classic(
    number: fn(u32) -> [u8; 4],
    version: u32,
    magic: u32,
    record: impl Fn(u32, u32) -> Vec<u32>,
) -> Vec<u8> {
    let mut file: Vec<u8> = [magic, version, 0, 0, 262_144, 1].into_iter().flat_map(number).collect();
    for (index, frame) in (0..).zip(frames()) {
        file.extend(record(index, frame.len() as u32).into_iter().flat_map(number));
        file.extend(frame);
    }
    file
}

pub(crate) fn big_endian_nanoseconds() -> Vec<u8> {
    classic(u32::to_be_bytes, 0x0002_0004, 0xa1b2_3c4d, |index, bytes| {
        vec![1_700_000_000, index * 1_000_000, bytes, bytes]
    })
}

/// Interface, protocol and packet type before each frame.
pub(crate) fn modified() -> Vec<u8> {
    classic(u32::to_le_bytes, 0x0004_0002, 0xa1b2_cd34, |index, bytes| {
        vec![1_700_000_000, index * 1_000, bytes, bytes, 2, 0x0800]
    })
}

/// The length on the wire comes first; truncated frames show it.
pub(crate) fn version_2_2() -> Vec<u8> {
    classic(u32::to_le_bytes, 0x0002_0002, 0xa1b2_c3d4, |index, bytes| {
        vec![1_700_000_000, index * 1_000, bytes, bytes]
    })
}

/// Version 2.2 with nanoseconds, and the interface's type of Ethernet.
pub(crate) fn aix() -> Vec<u8> {
    let mut file = classic(u32::to_be_bytes, 0x0002_0002, 0xa1b2_c3d4, |index, bytes| {
        vec![1_700_000_000, index * 1_000_000, bytes, bytes]
    });
    file[20..24].copy_from_slice(&6_u32.to_be_bytes());
    file
}

pub(crate) fn concatenated() -> Vec<u8> {
    [pcap(1, &frames()[..7]), pcap(1, &frames()[7..])].concat()
}

/// A classic file with a frame every 10 ms.
pub(crate) fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let timed: Vec<_> = (0..).map(|number| number * 10_000).zip(frames.iter().cloned()).collect();
    timed_pcap(link, &timed)
}

/// A classic file with frames at these times in µs.
pub(crate) fn timed_pcap(link: u32, frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, link];
    let mut file: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    for (at_us, frame) in frames {
        let bytes = frame.len() as u32;
        let fields = [1_700_000_000 + at_us / 1_000_000, at_us % 1_000_000, bytes, bytes];
        file.extend(fields.into_iter().flat_map(u32::to_le_bytes));
        file.extend(frame);
    }
    file
}

/// Cases in one file, with an interface for each.
pub(crate) fn interfaces(cases: &[Frames]) -> Vec<u8> {
    let little = u32::to_le_bytes;
    let mut file = block(little, 0x0a0d_0d0a, &[0x1a2b_3c4d, 1, u32::MAX, u32::MAX], &[]);
    for (link, _) in cases {
        file.extend(block(little, 1, &[*link, 0], &[]));
    }
    let mut time_us = 0;
    for (interface, (_, frames)) in (0..).zip(cases) {
        for frame in frames {
            let bytes = frame.len() as u32;
            time_us += 10_000;
            file.extend(block(little, 6, &[interface, 0x0006_0000, time_us, bytes, bytes], frame));
        }
    }
    file
}

/// A block of pcapng.
fn block(number: fn(u32) -> [u8; 4], kind: u32, words: &[u32], data: &[u8]) -> Vec<u8> {
    let bytes = 12 + 4 * words.len() + data.len().next_multiple_of(4);
    let mut block: Vec<u8> =
        [kind, bytes as u32].into_iter().chain(words.iter().copied()).flat_map(number).collect();
    block.extend(data);
    block.resize(bytes - 4, 0);
    block.extend(number(bytes as u32));
    block
}

fn section(number: fn(u32) -> [u8; 4], version: u32, link: u32) -> Vec<u8> {
    let header = block(number, 0x0a0d_0d0a, &[0x1a2b_3c4d, version, u32::MAX, u32::MAX], &[]);
    [header, block(number, 1, &[link, 0], &[])].concat()
}

pub(crate) fn simple_packets() -> Vec<u8> {
    let mut file = section(u32::to_le_bytes, 1, 1);
    for frame in frames() {
        file.extend(block(u32::to_le_bytes, 3, &[frame.len() as u32], &frame));
    }
    file
}

/// Between the packets are a block of names, one of secrets and an unknown one.
pub(crate) fn obsolete_packets() -> Vec<u8> {
    let big = u32::to_be_bytes;
    let mut file = section(big, 0x0001_0000, 0x0001_0000);
    for (index, frame) in (0..).zip(frames()) {
        let bytes = frame.len() as u32;
        file.extend(block(big, 2, &[0, 0x0006_0000, index * 1000, bytes, bytes], &frame));
        if index == 4 {
            file.extend(block(big, 4, &[0x0001_0006, 0x0a00_0001, 0x6100_0000, 0], &[]));
            file.extend(block(big, 10, &[0x544c_534b, 4], b"\n\n\n\n"));
            file.extend(block(big, 0x0000_0bad, &[32_473], b"anything"));
        }
    }
    file
}

/// The second section has another byte order and another link type.
pub(crate) fn two_sections() -> Vec<u8> {
    let little = u32::to_le_bytes;
    let big = u32::to_be_bytes;
    let mut file = Vec::new();
    for (index, ip) in (0..).zip(conversation(0)) {
        match index {
            0 => file.extend(section(little, 1, 1)),
            8 => file.extend(section(big, 0x0001_0000, 101 << 16)),
            _ => {}
        }
        let (number, frame) = if index < 8 {
            (little as fn(u32) -> _, ethernet(ip.ethertype, &ip.bytes))
        } else {
            (big as fn(u32) -> _, ip.bytes)
        };
        let bytes = frame.len() as u32;
        file.extend(block(number, 6, &[0, 0x0006_0000, index * 1000, bytes, bytes], &frame));
    }
    file
}
