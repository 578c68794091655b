//! Tunnels: packets inside of packets.
//!
//! A tunnel over UDP is known by its port, and VXLAN and Geneve on any port by what a frame inside
//! must look like. Every tunnel is a flow of its own; what it carries is decoded after it.

use super::ether::{BRIDGED, MPLS, NSH, ethernet, ethertype, mpls};
use super::{Decoded, Inner, LinkType, Next, Rest, ip};

/// What a datagram carries, if it is a tunnel.
pub(super) fn over_udp(
    source: u16,
    destination: u16,
    payload: Rest<'_>,
    layers_left: u32,
) -> Option<Inner<'_>> {
    let (next, rest) = match destination {
        // VXLAN by IANA's port, by that of Linux (flannel, Cilium) and by that of Cisco ACI.
        4789 => vxlan(payload)?,
        8472 | 48879 => vxlan(payload).filter(|(_, rest)| is_plausible_ethernet(*rest))?,
        4790 => vxlan_gpe(payload)?,
        6081 => geneve(payload)?,
        6080 => generic_udp_encapsulation(payload)?,
        4754 => generic_routing(payload)?,
        6635 => (Next::Ethertype(MPLS), payload),
        37008 => tazmen(payload)?,
        1701 => l2tp(payload)?,
        _ if has(source, destination, 5247) => access_point(payload)?,
        _ if has(source, destination, 2152) => gtp_user(payload)?,
        _ if has(source, destination, 3544) => teredo(payload)?,
        _ if has(source, destination, 4341) => {
            let rest = payload.skip(8)?;
            is_plausible_ip(rest).then_some((Next::Ip, rest))?
        }
        _ if source == 1701 => l2tp(payload)?,
        _ => on_any_port(payload)?,
    };
    Inner::new(next, rest, layers_left)
}

fn has(source: u16, destination: u16, port: u16) -> bool {
    source == port || destination == port
}

/// What an IP packet of another protocol than TCP and UDP carries, if it is a tunnel.
pub(super) fn over_ip(protocol: u8, rest: Rest<'_>, layers_left: u32) -> Option<Inner<'_>> {
    let (next, rest) = match protocol {
        4 | 41 => (Next::Ip, rest),
        47 => generic_routing(rest)?,
        // Ethernet within IP: version 3, reserved, and the frame.
        97 if rest.u8(0)? >> 4 == 3 => (Next::Ethernet, rest.skip(2)?),
        115 => l2tp_over_ip(rest)?,
        137 => (Next::Ethertype(MPLS), rest),
        _ => return None,
    };
    Inner::new(next, rest, layers_left)
}

type Found<'a> = Option<(Next, Rest<'a>)>;

/// A flag that says that there is a network identifier, and an Ethernet frame.
fn vxlan(payload: Rest<'_>) -> Found<'_> {
    (payload.u8(0)? & 0x08 != 0).then_some((Next::Ethernet, payload.skip(8)?))
}

/// The generic protocol extension of VXLAN: a number says what follows.
fn vxlan_gpe(payload: Rest<'_>) -> Found<'_> {
    let rest = payload.skip(8)?;
    match (payload.u8(0)? & 0x04 != 0, payload.u8(3)?) {
        (false, _) | (true, 3) => Some((Next::Ethernet, rest)),
        (true, 1 | 2) => Some((Next::Ip, rest)),
        (true, 4) => Some((Next::Ethertype(NSH), rest)),
        (true, 5) => Some((Next::Ethertype(MPLS), rest)),
        (true, _) => None,
    }
}

/// Version 0: options, and what the type says.
fn geneve(payload: Rest<'_>) -> Found<'_> {
    let first = payload.u8(0)?;
    let options_bytes = usize::from(first & 0x3f) * 4;
    (first >> 6 == 0).then_some((Next::Ethertype(payload.u16(2)?), payload.skip(8 + options_bytes)?))
}

/// Linux' generic UDP encapsulation: IP at once (version 1), or behind a header that names its protocol.
fn generic_udp_encapsulation(payload: Rest<'_>) -> Found<'_> {
    let first = payload.u8(0)?;
    if first >> 6 == 1 {
        return is_plausible_ip(payload).then_some((Next::Ip, payload));
    }
    let is_control = first & 0x20 != 0;
    let rest = payload.skip(4 + usize::from(first & 0x1f) * 4)?;
    match payload.u8(1)? {
        _ if first >> 6 != 0 || is_control => None,
        4 | 41 => Some((Next::Ip, rest)),
        47 => generic_routing(rest),
        _ => None,
    }
}

/// `TaZmen` Sniffer Protocol, in which Mikrotik routers and Aruba access points mirror frames.
fn tazmen(payload: Rest<'_>) -> Found<'_> {
    let (version, kind, protocol) = (payload.u8(0)?, payload.u8(1)?, payload.u16(2)?);
    if version != 1 || kind > 1 {
        return None;
    }
    let mut rest = payload.skip(4)?;
    for _ in 0..64 {
        rest = match rest.u8(0)? {
            1 => {
                let rest = rest.skip(1)?;
                return match protocol {
                    1 => Some((Next::Ethernet, rest)),
                    18 => Some((Next::Link(LinkType::WIFI), rest)),
                    _ => None,
                };
            }
            0 => rest.skip(1)?,
            _ => rest.skip(2 + usize::from(rest.u8(1)?))?,
        };
    }
    None
}

/// Data of L2TP version 2: optional fields, and PPP.
fn l2tp(payload: Rest<'_>) -> Found<'_> {
    let flags = payload.u16(0)?;
    let is_control = flags & 0x8000 != 0;
    if is_control || flags & 0x000f != 2 {
        return None;
    }
    let field = |bit: u16, bytes: usize| if flags & bit != 0 { bytes } else { 0 };
    // Length, tunnel and session, sequence numbers, offset.
    let offset_at = 2 + field(0x4000, 2) + 4 + field(0x0800, 4);
    let offset_bytes = if flags & 0x0200 != 0 { 2 + usize::from(payload.u16(offset_at)?) } else { 0 };
    Some((Next::Ppp, payload.skip(2 + field(0x4000, 2) + 4 + field(0x0800, 4) + offset_bytes)?))
}

/// Data of L2TP version 3 directly over IP: a session, a cookie and a sublayer whose lengths were
/// agreed on before, and an Ethernet frame, which must look like one.
fn l2tp_over_ip(rest: Rest<'_>) -> Found<'_> {
    let is_control = rest.u32(0)? == 0;
    let candidates = [4, 8, 12, 16].into_iter().filter(|_| !is_control);
    let mut frames = candidates.filter_map(|bytes| rest.skip(bytes));
    frames.find(|frame| is_plausible_ethernet(*frame)).map(|frame| (Next::Ethernet, frame))
}

/// Data of CAPWAP, by which access points hand frames to their controller: a header with its length, and
/// an Ethernet frame, or one as it was in the air (RFC 5415).
fn access_point(payload: Rest<'_>) -> Found<'_> {
    const IS_NATIVE: u32 = 0x100;
    const IS_FRAGMENT: u32 = 0x80;
    const IS_KEEP_ALIVE: u32 = 0x08;
    const BINDING_WIFI: u32 = 1;
    let word = payload.u32(0)?;
    let (version_and_kind, header_words, binding) = (word >> 24, word >> 19 & 0x1f, word >> 9 & 0x1f);
    // Kind 1 is encrypted.
    if version_and_kind != 0 || word & (IS_FRAGMENT | IS_KEEP_ALIVE) != 0 {
        return None;
    }
    let rest = payload.skip((header_words as usize * 4).max(8))?;
    if word & IS_NATIVE == 0 {
        return is_plausible_ethernet(rest).then_some((Next::Ethernet, rest));
    }
    (binding == BINDING_WIFI).then_some((Next::Link(LinkType::WIFI), rest))
}

/// User data of GTP version 1: optional fields, extension headers, and IP.
fn gtp_user(payload: Rest<'_>) -> Found<'_> {
    const USER_DATA: u8 = 255;
    let flags = payload.u8(0)?;
    if flags >> 5 != 1 || flags & 0x10 == 0 || payload.u8(1)? != USER_DATA {
        return None;
    }
    let mut rest = payload.skip(8)?;
    if flags & 0x07 != 0 {
        let mut next = rest.u8(3)?;
        rest = rest.skip(4)?;
        for _ in 0..16 {
            if flags & 0x04 == 0 || next == 0 {
                break;
            }
            // Its first byte is the length in words of four bytes, its last the next kind.
            let bytes = usize::from(rest.u8(0)?) * 4;
            next = rest.u8(bytes.checked_sub(1)?)?;
            rest = rest.skip(bytes)?;
        }
    }
    is_plausible_ip(rest).then_some((Next::Ip, rest))
}

/// Teredo: perhaps an authentication and an origin, then IP version 6.
fn teredo(payload: Rest<'_>) -> Found<'_> {
    let mut rest = payload;
    if rest.u16(0)? == 1 {
        rest = rest.skip(13 + usize::from(rest.u8(2)?) + usize::from(rest.u8(3)?))?;
    }
    if rest.u16(0)? == 0 {
        rest = rest.skip(8)?;
    }
    (rest.u8(0)? >> 4 == 6 && is_plausible_ip(rest)).then_some((Next::Ip, rest))
}

/// VXLAN and Geneve on a port of someone's choice: all that is fixed in their headers is right, and
/// a frame follows that looks like one.
fn on_any_port(payload: Rest<'_>) -> Found<'_> {
    let [first, flags, kind @ .., _, _, _, last] = payload.bytes::<8>(0)?;
    if last != 0 {
        return None;
    }
    let kind = u16::from_be_bytes(kind);
    if (first, flags, kind) == (0x08, 0, 0) {
        return vxlan(payload).filter(|(_, rest)| is_plausible_ethernet(*rest));
    }
    if first < 0x40 && flags.trailing_zeros() >= 6 && kind == BRIDGED {
        let (_, rest) = geneve(payload)?;
        return is_plausible_ethernet(rest).then_some((Next::Ethernet, rest));
    }
    None
}

/// Whether an Ethernet frame with a common type begins here, whose IP header is sound.
pub(super) fn is_plausible_ethernet(mut frame: Rest<'_>) -> bool {
    for _ in 0..3 {
        let (Some(kind), Some(rest)) = (frame.u16(12), frame.skip(14)) else { return false };
        match kind {
            0x0800 | 0x86dd => return is_plausible_ip(rest),
            0x0806 => return rest.bytes(0) == Some([0, 1, 8, 0, 6, 4]),
            0x8100 | 0x88a8 => {
                let Some(tagged) = frame.skip(4) else { return false };
                frame = tagged;
            }
            _ => return false,
        }
    }
    false
}

/// Whether the header of an IP packet is sound: its length fits, and so does its checksum.
fn is_plausible_ip(rest: Rest<'_>) -> bool {
    match rest.u8(0).map(|first| first >> 4) {
        Some(4) => is_plausible_v4(rest).unwrap_or(false),
        Some(6) => rest.u16(4).is_some_and(|payload| 40 + usize::from(payload) <= rest.wire),
        _ => false,
    }
}

fn is_plausible_v4(rest: Rest<'_>) -> Option<bool> {
    let header_bytes = usize::from(rest.u8(0)? & 0x0f) * 4;
    let header = rest.data.get(..header_bytes)?;
    let total_bytes = usize::from(rest.u16(2)?);
    let words = header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let is_sum_right = (sum & 0xffff) + (sum >> 16) == 0xffff;
    Some(header_bytes >= 20 && total_bytes >= header_bytes && total_bytes <= rest.wire && is_sum_right)
}

/// Generic routing encapsulation: a mirrored port (ERSPAN), a tunnel, or PPTP.
fn generic_routing(rest: Rest<'_>) -> Found<'_> {
    let flags = rest.u16(0)?;
    let protocol = rest.u16(2)?;
    let has = |bit: u16| usize::from(flags & bit != 0) * 4;
    let (has_sequence, version) = (flags & 0x1000 != 0, flags & 7);
    // Checksum, key, sequence number; version 1 adds an acknowledgement.
    let acknowledgement_bytes = if version == 1 { has(0x0080) } else { 0 };
    let header_bytes = 4 + has(0x8000) + has(0x2000) + has(0x1000) + acknowledgement_bytes;
    let rest = rest.skip(header_bytes)?;
    match (version, protocol) {
        (1, 0x880b) if !rest.data.is_empty() => Some((Next::Ppp, rest)),
        // ERSPAN: type I has no header of its own and no sequence number, type II has eight bytes.
        (0, 0x88be) if !has_sequence => Some((Next::Ethernet, rest)),
        (0, 0x88be) => Some((Next::Ethernet, rest.skip(8)?)),
        (0, 0x22eb) => {
            let optional_bytes = usize::from(rest.u8(11)? & 1) * 8;
            Some((Next::Ethernet, rest.skip(12 + optional_bytes)?))
        }
        // Access points by Aruba send frames as they were in the air.
        (0, 0x8200..=0x8210 | 0x9000) => Some((Next::Link(LinkType::WIFI), rest)),
        // Redirection to a web cache, with or without a header of its own.
        (0, 0x883e) if rest.u8(0)? >> 4 == 4 => Some((Next::Ip, rest)),
        (0, 0x883e) => Some((Next::Ip, rest.skip(4)?)),
        (0, kind) => Some((Next::Ethertype(kind), rest)),
        _ => None,
    }
}

/// A network service header: its length, and what follows it.
pub(super) fn service_header(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let layers_left = layers_left.checked_sub(1)?;
    let header_bytes = usize::from(rest.u8(1)? & 0x3f) * 4;
    let next = rest.u8(3)?;
    let rest = rest.skip(header_bytes.max(8))?;
    match next {
        1 | 2 => ip::by_version(rest, layers_left),
        3 => ethernet(rest, layers_left),
        4 => ethertype(NSH, rest, layers_left),
        5 => mpls(rest, layers_left),
        _ => Some(Decoded::NotIp),
    }
}
