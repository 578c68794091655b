//! IP, the tunnels directly in it, and the two transports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Decoded, Flags, Inner, MOST_EXTENSIONS, Packet, Rest, TcpHeader, Transport, UdpHeader, link};

/// The two addresses of an IP packet.
#[derive(Clone, Copy)]
struct Ends {
    source: IpAddr,
    destination: IpAddr,
    /// Whether it is the first of several fragments.
    is_fragmented: bool,
}

/// Decodes IP of the version that its first bits say.
pub(super) fn by_version(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match rest.u8(0)? >> 4 {
        4 => v4(rest, layers_left),
        6 => v6(rest, layers_left),
        _ => Some(Decoded::NotIp),
    }
}

/// Decodes IP version 4.
pub(super) fn v4(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let version_and_length = rest.u8(0)?;
    let header_bytes = usize::from(version_and_length & 0x0f) * 4;
    let total_bytes = match usize::from(rest.u16(2)?) {
        // Segmentation was left to the network card, and the length to be filled in by it.
        0 => rest.wire,
        total => total,
    };
    if version_and_length >> 4 != 4 || header_bytes < 20 || total_bytes < header_bytes {
        return None;
    }
    let fragment = rest.u16(6)?;
    let protocol = rest.u8(9)?;
    let source = Ipv4Addr::from(rest.bytes::<4>(12)?);
    let destination = Ipv4Addr::from(rest.bytes::<4>(16)?);
    if fragment & 0x1fff != 0 {
        return Some(Decoded::Fragment);
    }
    let ends = Ends {
        source: IpAddr::V4(source),
        destination: IpAddr::V4(destination),
        is_fragmented: fragment & 0x2000 != 0,
    };
    payload(protocol, ends, rest.truncate(total_bytes).skip(header_bytes)?, layers_left)
}

/// Decodes IP version 6 with its extension headers.
pub(super) fn v6(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let payload_bytes = usize::from(rest.u16(4)?);
    let mut next = rest.u8(6)?;
    let source = Ipv6Addr::from(rest.bytes::<16>(8)?).to_canonical();
    let destination = Ipv6Addr::from(rest.bytes::<16>(24)?).to_canonical();
    if rest.u8(0)? >> 4 != 6 {
        return None;
    }
    let mut ends = Ends { source, destination, is_fragmented: false };
    let mut rest = rest.skip(40)?;
    // No length: a jumbogram, or segmentation that was left to the network card.
    if payload_bytes != 0 {
        rest = rest.truncate(payload_bytes);
    }
    for _ in 0..=MOST_EXTENSIONS {
        let header_bytes = match next {
            // Hop-by-hop, routing, destination options, mobility, host identity, shim.
            0 | 43 | 60 | 135 | 139 | 140 => (usize::from(rest.u8(1)?) + 1) * 8,
            // Authentication counts in words of four bytes, less two.
            51 => (usize::from(rest.u8(1)?) + 2) * 4,
            44 => {
                let fragment = rest.u16(2)?;
                if fragment & 0xfff8 != 0 {
                    return Some(Decoded::Fragment);
                }
                ends.is_fragmented = fragment & 1 != 0;
                8
            }
            _ => return payload(next, ends, rest, layers_left),
        };
        next = rest.u8(0)?;
        rest = rest.skip(header_bytes)?;
    }
    None
}

fn payload(protocol: u8, ends: Ends, rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let deeper = layers_left.checked_sub(1)?;
    match protocol {
        6 => tcp(ends, rest),
        17 => udp(ends, rest, deeper),
        // The rest of a tunnelled packet is in the next fragment, and its lengths do not fit.
        4 | 41 | 47 if ends.is_fragmented => Some(Decoded::OtherProtocol),
        4 => v4(rest, deeper),
        41 => v6(rest, deeper),
        47 => generic_routing(rest, deeper),
        _ => Some(Decoded::OtherProtocol),
    }
}

fn tcp(ends: Ends, rest: Rest<'_>) -> Option<Decoded<'_>> {
    let (source_port, destination_port) = (rest.u16(0)?, rest.u16(2)?);
    let header = TcpHeader { seq: rest.u32(4)?, ack: rest.u32(8)?, flags: Flags(rest.u8(13)?) };
    let header_bytes = usize::from(rest.u8(12)? >> 4) * 4;
    let payload_bytes = rest.wire.checked_sub(header_bytes)?;
    if header_bytes < 20 {
        return None;
    }
    Some(Decoded::Packet(Packet {
        source: (ends.source, source_port),
        destination: (ends.destination, destination_port),
        transport: Transport::Tcp(header),
        // Options that were not captured leave no payload, but its length is known.
        payload: rest.data.get(header_bytes..).unwrap_or_default(),
        payload_bytes: payload_bytes as u32,
        inner: None,
    }))
}

fn udp(ends: Ends, rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let (source_port, destination_port) = (rest.u16(0)?, rest.u16(2)?);
    let claimed = usize::from(rest.u16(4)?);
    // The length is that of the whole datagram: more than is here if it is fragmented.
    let datagram = match claimed {
        0 => rest,
        1..8 => return None,
        _ => rest.truncate(claimed),
    };
    let payload = datagram.skip(8)?;
    let is_whole = !ends.is_fragmented && payload.data.len() == payload.wire;
    Some(Decoded::Packet(Packet {
        source: (ends.source, source_port),
        destination: (ends.destination, destination_port),
        transport: Transport::Udp(UdpHeader {
            claimed_bytes: if claimed == 0 { payload.wire } else { claimed - 8 } as u32,
            is_fragmented: ends.is_fragmented,
        }),
        payload: payload.data,
        payload_bytes: payload.wire as u32,
        inner: if is_whole { tunnelled(destination_port, payload, layers_left) } else { None },
    }))
}

/// The frame inside of a datagram, for the tunnels that are known by their port.
fn tunnelled(port: u16, payload: Rest<'_>, layers_left: u32) -> Option<Inner<'_>> {
    match port {
        // VXLAN: a flag that says that there is a network identifier, and an Ethernet frame.
        4789 if payload.u8(0)? & 0x08 != 0 => {
            Some(Inner { rest: payload.skip(8)?, ethertype: link::BRIDGED, layers_left })
        }
        // Geneve, version 0: options, and what the type says.
        6081 if payload.u8(0)? >> 6 == 0 => {
            let options_bytes = usize::from(payload.u8(0)? & 0x3f) * 4;
            Some(Inner { rest: payload.skip(8 + options_bytes)?, ethertype: payload.u16(2)?, layers_left })
        }
        _ => None,
    }
}

/// Generic routing encapsulation: a mirrored port (ERSPAN), a tunnel, or PPTP.
fn generic_routing(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let flags = rest.u16(0)?;
    let protocol = rest.u16(2)?;
    let has = |bit: u16| usize::from(flags & bit != 0) * 4;
    let (has_sequence, version) = (flags & 0x1000 != 0, flags & 7);
    // Checksum, key, sequence number; version 1 adds an acknowledgement.
    let acknowledgement_bytes = if version == 1 { has(0x0080) } else { 0 };
    let header_bytes = 4 + has(0x8000) + has(0x2000) + has(0x1000) + acknowledgement_bytes;
    let rest = rest.skip(header_bytes)?;
    match (version, protocol) {
        (1, 0x880b) if !rest.data.is_empty() => link::point_to_point(rest, layers_left),
        // ERSPAN: type I has no header of its own and no sequence number, type II has eight bytes.
        (0, 0x88be) if !has_sequence => link::ethertype(link::BRIDGED, rest, layers_left),
        (0, 0x88be) => link::ethertype(link::BRIDGED, rest.skip(8)?, layers_left),
        (0, 0x22eb) => {
            let optional_bytes = usize::from(rest.u8(11)? & 1) * 8;
            link::ethertype(link::BRIDGED, rest.skip(12 + optional_bytes)?, layers_left)
        }
        (0, kind) => link::ethertype(kind, rest, layers_left),
        _ => Some(Decoded::OtherProtocol),
    }
}
