//! IP version 4, and the transports over both versions.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    Decoded, Flags, IpHeader, LaterFragment, Packet, Rest, TcpHeader, Transport, UdpHeader, ipv6, tunnel,
};

/// The authentication header of `IPsec`, behind which another protocol follows.
pub(super) const AUTHENTICATION: u8 = 51;

/// Headers of authentication that are passed over.
const MOST_AUTHENTICATIONS: usize = 4;

/// The two ends of an IP packet, and what else matters of its header.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) id: u32,
    pub(super) hop_limit: u8,
    /// Whether it is the first of several fragments.
    pub(super) is_fragmented: bool,
}

/// Decodes IP of the version that its first bits say.
pub(super) fn by_version(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match rest.u8(0)? >> 4 {
        4 => v4(rest, layers_left),
        6 => ipv6::decode(rest, layers_left),
        _ => Some(Decoded::NotIp),
    }
}

pub(super) use super::ipv6::decode as v6;

/// Decodes IP version 4.
pub(super) fn v4(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let [version_and_length, _, _, _, id @ .., f0, f1] = rest.bytes::<8>(0)?;
    let header_bytes = usize::from(version_and_length & 0x0f) * 4;
    let total_bytes = match usize::from(rest.u16(2)?) {
        // Segmentation was left to the network card, and the length to be filled in by it.
        0 => rest.wire,
        total => total,
    };
    if version_and_length >> 4 != 4 || header_bytes < 20 || total_bytes < header_bytes {
        return None;
    }
    let fragment = u16::from_be_bytes([f0, f1]);
    let (hop_limit, protocol) = (rest.u8(8)?, rest.u8(9)?);
    let ends = Ends {
        source: IpAddr::V4(Ipv4Addr::from(rest.bytes::<4>(12)?)),
        destination: IpAddr::V4(Ipv4Addr::from(rest.bytes::<4>(16)?)),
        id: u32::from(u16::from_be_bytes(id)),
        hop_limit,
        is_fragmented: fragment & 0x2000 != 0,
    };
    let offset = u32::from(fragment & 0x1fff) * 8;
    if offset != 0 {
        let bytes = rest.wire.min(total_bytes).saturating_sub(header_bytes);
        return Some(later_fragment(ends, protocol, offset, bytes));
    }
    let (mut protocol, mut rest) = (protocol, rest.truncate(total_bytes).skip(header_bytes)?);
    for _ in 0..MOST_AUTHENTICATIONS {
        if protocol != AUTHENTICATION {
            break;
        }
        protocol = rest.u8(0)?;
        rest = rest.skip(authentication_bytes(rest)?)?;
    }
    transport(protocol, ends, rest, layers_left)
}

/// The length of an authentication header: in words of four bytes, less two.
pub(super) fn authentication_bytes(rest: Rest<'_>) -> Option<usize> {
    Some((usize::from(rest.u8(1)?) + 2) * 4)
}

pub(super) fn later_fragment<'a>(ends: Ends, protocol: u8, offset: u32, bytes: usize) -> Decoded<'a> {
    Decoded::LaterFragment(LaterFragment {
        source: ends.source,
        destination: ends.destination,
        protocol,
        id: ends.id,
        offset,
        bytes: bytes as u32,
        is_last: !ends.is_fragmented,
    })
}

/// Decodes what follows the IP headers.
pub(super) fn transport(protocol: u8, ends: Ends, rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match protocol {
        6 => tcp(ends, rest),
        17 => udp(ends, rest, layers_left),
        _ => other(protocol, ends, rest, layers_left),
    }
}

fn header(ends: Ends, rest: Rest<'_>) -> IpHeader<'_> {
    IpHeader { id: ends.id, hop_limit: ends.hop_limit, is_fragmented: ends.is_fragmented, body: rest.data }
}

fn tcp(ends: Ends, rest: Rest<'_>) -> Option<Decoded<'_>> {
    let (source_port, destination_port) = (rest.u16(0)?, rest.u16(2)?);
    let header_of_tcp = TcpHeader { seq: rest.u32(4)?, ack: rest.u32(8)?, flags: Flags(rest.u8(13)?) };
    let header_bytes = usize::from(rest.u8(12)? >> 4) * 4;
    let payload_bytes = rest.wire.checked_sub(header_bytes)?;
    if header_bytes < 20 {
        return None;
    }
    Some(Decoded::Packet(Packet {
        source: (ends.source, source_port),
        destination: (ends.destination, destination_port),
        transport: Transport::Tcp(header_of_tcp),
        // Options that were not captured leave no payload, but its length is known.
        payload: rest.data.get(header_bytes..).unwrap_or_default(),
        payload_bytes: payload_bytes as u32,
        ip: header(ends, rest),
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
    let claimed_bytes = if claimed == 0 { payload.wire } else { claimed - 8 };
    // What is carried in a tunnel has its true length, even where the end is in another fragment.
    let carried = Rest { data: payload.data, wire: payload.wire.max(claimed_bytes) };
    Some(Decoded::Packet(Packet {
        source: (ends.source, source_port),
        destination: (ends.destination, destination_port),
        transport: Transport::Udp(UdpHeader {
            claimed_bytes: claimed_bytes as u32,
            is_fragmented: ends.is_fragmented,
        }),
        payload: payload.data,
        payload_bytes: payload.wire as u32,
        ip: header(ends, rest),
        inner: tunnel::over_udp(source_port, destination_port, carried, layers_left),
    }))
}

/// A protocol of which no more is known than its number, and perhaps that it is a tunnel, or that
/// it has ports where UDP has them.
fn other(protocol: u8, ends: Ends, rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let has_ports = matches!(protocol, 33 | 132 | 136);
    let ports = if has_ports { (rest.u16(0)?, rest.u16(2)?) } else { (0, 0) };
    // The rest of the packet that is carried is in the next fragment.
    let carried =
        if ends.is_fragmented { Rest { wire: usize::from(u16::MAX).max(rest.wire), ..rest } } else { rest };
    Some(Decoded::Packet(Packet {
        source: (ends.source, ports.0),
        destination: (ends.destination, ports.1),
        transport: Transport::Other(protocol),
        payload: rest.data,
        payload_bytes: rest.wire as u32,
        ip: header(ends, rest),
        inner: tunnel::over_ip(protocol, carried, layers_left),
    }))
}
