//! The layers below IP: link types of capture files, and Ethernet with what may lie in it.

use super::{Decoded, Rest, ip};

/// How the frames of a file begin: a number of the `LINKTYPE_` registry of tcpdump.org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u32);

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// IP without anything before it.
    pub const RAW: Self = Self(101);

    /// Whether frames of this type can be decoded.
    pub fn is_known(self) -> bool {
        matches!(self.0, 0 | 1 | 9 | 12 | 14 | 50 | 51 | 101 | 104 | 108 | 113 | 228 | 229 | 276)
    }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// Transparent Ethernet bridging: a whole Ethernet frame follows.
pub(super) const BRIDGED: u16 = 0x6558;

/// Decodes a frame; none if a header was cut short.
pub(super) fn decode(link: LinkType, frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match link.0 {
        1 => ethernet(frame, layers_left),
        12 | 14 | 101 | 228 | 229 => ip::by_version(frame, layers_left),
        // BSD loopback: the address family in the byte order of the host that captured. The
        // version of IP says more than the family, whose numbers differ between systems.
        0 | 108 => ip::by_version(frame.skip(4)?, layers_left),
        9 | 50 => point_to_point(frame, layers_left),
        51 => pppoe_session(frame, layers_left),
        // Cisco HDLC: address, control, Ethernet type.
        104 => ethertype(frame.u16(2)?, frame.skip(4)?, layers_left),
        // Linux cooked, version 1 and 2.
        113 => ethertype(frame.u16(14)?, frame.skip(16)?, layers_left),
        276 => ethertype(frame.u16(0)?, frame.skip(20)?, layers_left),
        _ => Some(Decoded::NotIp),
    }
}

fn ethernet(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    ethertype(frame.u16(12)?, frame.skip(14)?, layers_left)
}

/// Decodes what an Ethernet type announces.
pub(super) fn ethertype(kind: u16, rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let layers_left = layers_left.checked_sub(1)?;
    match kind {
        IPV4 => ip::v4(rest, layers_left),
        IPV6 => ip::v6(rest, layers_left),
        BRIDGED => ethernet(rest, layers_left),
        // VLAN, QinQ and their older numbers: a tag, and the next type.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => ethertype(rest.u16(2)?, rest.skip(4)?, layers_left),
        0x8847 | 0x8848 => mpls(rest, layers_left),
        0x8864 => pppoe_session(rest, layers_left),
        // Cisco FabricPath: a tag, and the frame as it was.
        0x8903 => ethernet(rest.skip(2)?, layers_left),
        // VN-Tag and E-Tag: a tag, and the next type.
        0x8926 => ethertype(rest.u16(4)?, rest.skip(6)?, layers_left),
        0x893f => ethertype(rest.u16(6)?, rest.skip(8)?, layers_left),
        // A length instead of a type: IEEE 802.2, which may hold a type behind a SNAP header.
        0..=1500 => match rest.bytes(0) {
            Some([0xaa, 0xaa, 0x03, 0, 0, 0]) => ethertype(rest.u16(6)?, rest.skip(8)?, layers_left),
            _ => Some(Decoded::NotIp),
        },
        _ => Some(Decoded::NotIp),
    }
}

/// Passes over the labels. What follows is not said anywhere: IP, or Ethernet behind a control
/// word that begins with four zero bits.
fn mpls(mut rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    for _ in 0..=layers_left {
        let is_last = rest.u8(2)? & 1 != 0;
        rest = rest.skip(4)?;
        if is_last {
            return match rest.u8(0)? >> 4 {
                0 => ethernet(rest.skip(4)?, layers_left),
                _ => ip::by_version(rest, layers_left),
            };
        }
    }
    None
}

/// `PPPoE`: six bytes of header before the protocol of PPP.
fn pppoe_session(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let claimed = usize::from(rest.u16(4)?);
    ppp_protocol(rest.skip(6)?.truncate(claimed), layers_left)
}

/// PPP, with or without the address and control bytes of HDLC.
pub(super) fn point_to_point(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match rest.bytes(0) {
        Some([0xff, 0x03]) => ppp_protocol(rest.skip(2)?, layers_left),
        _ => ppp_protocol(rest, layers_left),
    }
}

fn ppp_protocol(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    // A protocol number below 256 may be sent in one byte: its low bit is set, as no high byte's is.
    let first = rest.u8(0)?;
    let (protocol, header_bytes) = if first & 1 != 0 { (u16::from(first), 1) } else { (rest.u16(0)?, 2) };
    let rest = rest.skip(header_bytes)?;
    match protocol {
        0x0021 => ip::v4(rest, layers_left),
        0x0057 => ip::v6(rest, layers_left),
        _ => Some(Decoded::NotIp),
    }
}
