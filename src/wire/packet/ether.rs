//! Ethernet, and what lies between it and IP: tags, labels and shims.

use super::{Decoded, Rest, ip, ppp, tunnel};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// Transparent Ethernet bridging: a whole Ethernet frame follows.
pub(super) const BRIDGED: u16 = 0x6558;
/// MPLS, the labels of one receiver.
pub(super) const MPLS: u16 = 0x8847;
/// Network service header.
pub(super) const NSH: u16 = 0x894f;

/// Decodes an Ethernet frame; none if a header was cut short.
pub(super) fn ethernet(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    ethertype(frame.u16(12)?, frame.skip(14)?, layers_left)
}

/// Decodes what an Ethernet type announces.
pub(super) fn ethertype(kind: u16, rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let layers_left = layers_left.checked_sub(1)?;
    match kind {
        IPV4 => ip::v4(rest, layers_left),
        IPV6 => ip::v6(rest, layers_left),
        // VLAN, QinQ and their older numbers: a tag, and the next type.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => ethertype(rest.u16(2)?, rest.skip(4)?, layers_left),
        MPLS | 0x8848 => mpls(rest, layers_left),
        // A length instead of a type: IEEE 802.2.
        0..=1500 => llc(rest, layers_left),
        _ => uncommon(kind, rest, layers_left),
    }
}

fn uncommon(kind: u16, rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match kind {
        BRIDGED => ethernet(rest, layers_left),
        0x8864 => ppp::pppoe_session(rest, layers_left),
        0x880b => ppp::point_to_point(rest, layers_left),
        0xd28b => arista_time(rest, layers_left),
        // Provider backbone bridging: a service tag, and the frame as it was.
        0x88e7 => ethernet(rest.skip(4)?, layers_left),
        // Cisco FabricPath: a tag, and the frame as it was.
        0x8903 => ethernet(rest.skip(2)?, layers_left),
        // TRILL: hops, nicknames and options, and the frame as it was.
        0x22f3 => {
            let options_bytes = usize::from(rest.u16(0)? >> 6 & 0x1f) * 4;
            ethernet(rest.skip(6 + options_bytes)?, layers_left)
        }
        // VN-Tag and HSR, E-Tag and Cisco metadata (a security group): a tag, and the next type.
        0x8926 | 0x892f => ethertype(rest.u16(4)?, rest.skip(6)?, layers_left),
        0x893f | 0x8909 => ethertype(rest.u16(6)?, rest.skip(8)?, layers_left),
        0x88e5 => macsec(rest, layers_left),
        NSH => tunnel::service_header(rest, layers_left),
        // Frames longer than a length can say.
        0x8870 => llc(rest, layers_left),
        _ => Some(Decoded::NotIp),
    }
}

/// The time that an Arista switch puts before the type: a subtype, a version that says how long the time
/// is, and the time.
fn arista_time(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let time_bytes = match rest.u16(2)? & 0xff {
        0x10 => 8,
        0x20 => 6,
        _ => return Some(Decoded::NotIp),
    };
    ethertype(rest.u16(4 + time_bytes)?, rest.skip(6 + time_bytes)?, layers_left)
}

/// IEEE 802.2: a SNAP header with an Ethernet type, or IP by its own number.
pub(super) fn llc(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match rest.bytes(0) {
        Some([0xaa, 0xaa, 0x03, 0, 0, 0]) => {
            ethertype(rest.u16(6)?, rest.skip(8)?, layers_left.checked_sub(1)?)
        }
        // Bridged Ethernet over ATM: padding before the frame, with or without its checksum.
        Some([0xaa, 0xaa, 0x03, 0, 0x80, 0xc2]) if matches!(rest.u16(6)?, 0x0001 | 0x0007) => {
            ethernet(rest.skip(10)?, layers_left.checked_sub(1)?)
        }
        Some([0x06, 0x06, 0x03, ..]) => ip::v4(rest.skip(3)?, layers_left),
        _ => Some(Decoded::NotIp),
    }
}

/// Passes over the labels. What follows is not said anywhere: IP, Ethernet, or Ethernet behind a
/// control word that begins with four zero bits.
pub(super) fn mpls(mut rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    for _ in 0..=layers_left {
        let is_last = rest.u8(2)? & 1 != 0;
        rest = rest.skip(4)?;
        if is_last {
            let layers_left = layers_left.checked_sub(1)?;
            return match rest.u8(0)? >> 4 {
                4 | 6 => ip::by_version(rest, layers_left),
                _ if tunnel::is_plausible_ethernet(rest) => ethernet(rest, layers_left),
                0 => ethernet(rest.skip(4)?, layers_left),
                _ => Some(Decoded::NotIp),
            };
        }
    }
    None
}

/// `MACsec`: a tag, and what was protected, in the clear if only its integrity is.
fn macsec(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let control = rest.u8(0)?;
    let (is_encrypted, is_changed) = (control & 0x08 != 0, control & 0x04 != 0);
    if is_encrypted || is_changed {
        return Some(Decoded::Encrypted);
    }
    let tag_bytes = if control & 0x20 != 0 { 14 } else { 6 };
    ethertype(rest.u16(tag_bytes)?, rest.skip(tag_bytes + 2)?, layers_left)
}
