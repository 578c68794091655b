//! PPP and what carries it.

use super::{Decoded, Rest, ip};

/// `PPPoE`: six bytes of header before the protocol of PPP.
pub(super) fn pppoe_session(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    // Any other code belongs to the search for a server.
    if rest.u8(1)? != 0 {
        return Some(Decoded::NotIp);
    }
    let claimed = usize::from(rest.u16(4)?);
    protocol(rest.skip(6)?.truncate(claimed), layers_left)
}

/// PPP, with or without the address and control bytes of HDLC.
pub(super) fn point_to_point(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match rest.bytes(0) {
        Some([0xff, 0x03]) => protocol(rest.skip(2)?, layers_left),
        // Cisco HDLC on the same link types.
        Some([0x0f | 0x8f, 0x00]) => super::ether::ethertype(rest.u16(2)?, rest.skip(4)?, layers_left),
        _ => protocol(rest, layers_left),
    }
}

/// What the number of a PPP protocol announces.
pub(super) fn protocol(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    // A protocol number below 256 may be sent in one byte: its low bit is set, as no high byte's is.
    let first = rest.u8(0)?;
    let (number, header_bytes) = if first & 1 != 0 { (u16::from(first), 1) } else { (rest.u16(0)?, 2) };
    let rest = rest.skip(header_bytes)?;
    match number {
        0x0021 => ip::v4(rest, layers_left),
        0x0057 => ip::v6(rest, layers_left),
        0x0281 | 0x0283 => super::ether::mpls(rest, layers_left),
        // Encryption and compression of whole packets.
        0x0053 | 0x0055 | 0x00fb | 0x00fd => Some(Decoded::Encrypted),
        _ => Some(Decoded::NotIp),
    }
}
