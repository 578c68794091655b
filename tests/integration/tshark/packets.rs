//! Packets and files of packets, byte by byte.

use std::net::{Ipv4Addr, Ipv6Addr};

/// One end of a conversation.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
    pub(crate) port: u16,
}

pub(crate) fn end(case: u8, host: u8, port: u16) -> End {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, u16::from(case), 0, 0, 0, u16::from(host));
    End { v4: Ipv4Addr::new(10, 0, case, host), v6, port }
}

/// An IP packet, and the Ethernet type that announces it.
#[derive(Clone)]
pub(crate) struct Ip {
    pub(crate) ethertype: u16,
    pub(crate) bytes: Vec<u8>,
}

/// `header` and what comes behind it.
pub(crate) fn behind(header: &[u8], rest: &[u8]) -> Vec<u8> {
    [header, rest].concat()
}

pub(crate) fn sum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub(crate) fn ipv4_with(
    id: u16,
    fragment: u16,
    protocol: u8,
    ends: [Ipv4Addr; 2],
    payload: &[u8],
) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend((20 + payload.len() as u16).to_be_bytes());
    header.extend(id.to_be_bytes());
    header.extend(fragment.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(ends.into_iter().flat_map(|addr| addr.octets()));
    let checksum = sum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    behind(&header, payload)
}

pub(crate) fn ipv4(id: u16, protocol: u8, ends: [Ipv4Addr; 2], payload: &[u8]) -> Ip {
    Ip { ethertype: 0x0800, bytes: ipv4_with(id, 0, protocol, ends, payload) }
}

pub(crate) fn ipv6(next: u8, ends: [Ipv6Addr; 2], payload: &[u8]) -> Ip {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((payload.len() as u16).to_be_bytes());
    header.extend([next, 64]);
    header.extend(ends.into_iter().flat_map(|addr| addr.octets()));
    Ip { ethertype: 0x86dd, bytes: behind(&header, payload) }
}

pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    let fields = [source, destination, 8 + payload.len() as u16, 0];
    header.extend(fields.into_iter().flat_map(u16::to_be_bytes));
    behind(&header, payload)
}

/// A segment.
pub(crate) fn tcp(ports: [u16; 2], seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(ports.into_iter().flat_map(u16::to_be_bytes));
    header.extend(seq.to_be_bytes());
    header.extend(ack.to_be_bytes());
    header.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    behind(&header, payload)
}

/// A TCP connection of 5 and 3 packets and an exchange of 2 and 1 datagrams, over both versions of IP,
/// between ends of this case's own.
pub(crate) fn conversation(case: u8) -> Vec<Ip> {
    let (client, server) = (end(case, 1, 40_000 + u16::from(case)), end(case, 2, 8081));
    let datagram_port = 41_000 + u16::from(case);
    let there = [client.port, server.port];
    let back = [server.port, client.port];
    let segments: [(bool, Vec<u8>); 8] = [
        (true, tcp(there, 100, 0, 0x02, &[])),
        (false, tcp(back, 500, 101, 0x12, &[])),
        (true, tcp(there, 101, 501, 0x10, &[])),
        (true, tcp(there, 101, 501, 0x18, &[b'q'; 37])),
        (false, tcp(back, 501, 138, 0x18, &[b'a'; 211])),
        (true, tcp(there, 138, 712, 0x11, &[])),
        (false, tcp(back, 712, 139, 0x11, &[])),
        (true, tcp(there, 139, 713, 0x10, &[])),
    ];
    let datagrams = [
        (true, udp(datagram_port, 9001, &[b'd'; 50])),
        (false, udp(9001, datagram_port, &[b'e'; 61])),
        (true, udp(datagram_port, 9001, &[b'f'; 72])),
    ];
    let mut packets = Vec::new();
    let all = segments.iter().map(|s| (6, s)).chain(datagrams.iter().map(|d| (17, d)));
    for (id, (protocol, (is_there, payload))) in (1..).zip(all) {
        let (from, to) = if *is_there { (client, server) } else { (server, client) };
        packets.push(ipv4(id, protocol, [from.v4, to.v4], payload));
        packets.push(ipv6(protocol, [from.v6, to.v6], payload));
    }
    packets
}

pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    behind(&behind(&addresses, &ethertype.to_be_bytes()), payload)
}

/// Frames of a link type.
pub(crate) type Frames = (u32, Vec<Vec<u8>>);
