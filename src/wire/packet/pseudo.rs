//! Headers that capturing systems put before a frame or a packet.

use super::{Decoded, LinkType, Rest, ether, ip, link, wifi};

/// OpenBSD's packet filter: a header of the length that its first byte says, padded, and IP.
pub(super) fn pflog(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let header_bytes = usize::from(frame.u8(0)?).next_multiple_of(4);
    ip::by_version(frame.skip(header_bytes)?, layers_left)
}

/// Netfilter's log: fields in the byte order of the host, one of which is the packet.
pub(super) fn nflog(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    const PAYLOAD: u16 = 9;
    const MOST_FIELDS: usize = 64;
    // A family, a version and a group come first. No field has a number above 255, so that the
    // first one shows the byte order.
    let is_little = frame.u8(7)? == 0;
    let number = |rest: Rest<'_>, at| if is_little { rest.u16_le(at) } else { rest.u16(at) };
    let mut rest = frame.skip(4)?;
    for _ in 0..MOST_FIELDS {
        if rest.data.is_empty() {
            return Some(Decoded::NotIp);
        }
        let bytes = usize::from(number(rest, 0)?);
        if bytes < 4 {
            return None;
        }
        if number(rest, 2)? == PAYLOAD {
            return ip::by_version(rest.skip(4)?.truncate(bytes - 4), layers_left);
        }
        rest = rest.skip(bytes.next_multiple_of(4))?;
    }
    None
}

/// Prism's radio header, or AVS's on the same link type.
pub(super) fn prism(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    if frame.u32(0)? & 0xffff_f000 == 0x8021_1000 {
        return avs(frame, layers_left);
    }
    // In the byte order of the host, and never as long as it would be in the other one.
    let (little, big) = (frame.u32_le(4)?, frame.u32(4)?);
    wifi::decode(frame.skip(little.min(big) as usize)?, 0, layers_left)
}

/// AVS's radio header: a version and its length.
pub(super) fn avs(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    wifi::decode(frame.skip(frame.u32(4)? as usize)?, 0, layers_left)
}

/// Per-packet information: its length, and the link type of what follows.
pub(super) fn ppi(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let (header_bytes, kind) = (usize::from(frame.u16_le(2)?), frame.u32_le(4)?);
    link::decode(LinkType(kind), frame.skip(header_bytes.max(8))?, layers_left.checked_sub(1)?)
}

/// Apple's packets of all interfaces: a header with its length, the link type of what follows, and
/// the process.
pub(super) fn pktap(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    const PACKET: u32 = 1;
    let (header_bytes, record, kind) = (frame.u32_le(0)? as usize, frame.u32_le(4)?, frame.u32_le(8)?);
    if record != PACKET {
        return Some(Decoded::NotIp);
    }
    link::decode(LinkType(kind), frame.skip(header_bytes.max(12))?, layers_left.checked_sub(1)?)
}

/// Juniper's header before Ethernet: a magic number, flags, and perhaps extensions.
pub(super) fn juniper_ethernet(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    const NO_LINK_HEADER: u8 = 0x02;
    const EXTENSIONS: u8 = 0x80;
    let [b'M', b'G', b'C', flags] = frame.bytes(0)? else { return None };
    let extension_bytes = if flags & EXTENSIONS != 0 { 2 + usize::from(frame.u16(4)?) } else { 0 };
    let rest = frame.skip(4 + extension_bytes)?;
    if flags & NO_LINK_HEADER != 0 {
        // A number of the protocol, in its place.
        return ip::by_version(rest.skip(4)?, layers_left);
    }
    ether::ethernet(rest, layers_left)
}
