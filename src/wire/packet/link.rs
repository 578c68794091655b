//! Link types of capture files.

use std::fmt;

use super::ether::{ethernet, ethertype, llc, mpls};
use super::{Decoded, Rest, ip, link_names, ppp, pseudo, wifi};

/// How the frames of a file begin: a number of the `LINKTYPE_` registry of tcpdump.org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u32);

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// IP without anything before it.
    pub const RAW: Self = Self(101);
    /// 802.11 without anything before it.
    pub(super) const WIFI: Self = Self(105);
    /// Linux "cooked" capture of several interfaces, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Linux "cooked" capture, version 2, which names the interface.
    pub const LINUX_SLL2: Self = Self(276);

    /// Its name in the registry, without `LINKTYPE_`; none for a number that is not known here.
    pub fn name(self) -> Option<&'static str> {
        link_names::find(self.0).map(|(name, _)| name)
    }

    /// What tells copies of a packet apart that were captured in different places: addresses and tags
    /// of Ethernet, the interface and the direction of a cooked capture. Empty for link types whose
    /// headers change from frame to frame.
    pub fn place(self, frame: &[u8]) -> &[u8] {
        const ETHERTYPE_AT: usize = 12;
        let bytes = match self {
            Self::ETHERNET => match frame.get(ETHERTYPE_AT..ETHERTYPE_AT + 2) {
                Some([0x81, 0x00] | [0x88, 0xa8]) => 0..18,
                _ => 0..12,
            },
            Self::LINUX_SLL => 0..14,
            Self::LINUX_SLL2 => 4..20,
            _ => 0..0,
        };
        frame.get(bytes).unwrap_or_default()
    }

    /// Whether it is known to carry no IP, such as USB or Bluetooth.
    pub fn is_other_bus(self) -> bool {
        link_names::find(self.0).is_some_and(|(_, is_other_bus)| is_other_bus)
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Decodes a frame; none if a header was cut short.
pub(super) fn decode(link: LinkType, frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match link.0 {
        1 => ethernet(frame, layers_left),
        12 | 14 | 101 | 228 | 229 => ip::by_version(frame, layers_left),
        // BSD loopback: the address family in the byte order of the host that captured. The
        // version of IP says more than the family, whose numbers differ between systems.
        0 | 108 => ip::by_version(frame.skip(4)?, layers_left),
        113 => ethertype(frame.u16(14)?, frame.skip(16)?, layers_left),
        276 => ethertype(frame.u16(0)?, frame.skip(20)?, layers_left),
        _ => uncommon(link, frame, layers_left),
    }
}

fn uncommon(link: LinkType, frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match link.0 {
        6 => token_ring(frame, layers_left),
        // A direction and a compressed header, then IP.
        8 => ip::by_version(frame.skip(16)?, layers_left),
        9 | 50 => ppp::point_to_point(frame, layers_left),
        // FDDI: frame control and two addresses, as Ethernet without its type.
        10 => llc(frame.skip(13)?, layers_left),
        51 => ppp::pppoe_session(frame, layers_left),
        100 => llc(frame, layers_left),
        // Cisco HDLC: address, control, Ethernet type.
        104 => ethertype(frame.u16(2)?, frame.skip(4)?, layers_left),
        105 => wifi::decode(frame, 0, layers_left),
        107 => frame_relay(frame, layers_left),
        // OpenBSD's decrypted IPsec: family, security parameter index, flags.
        109 => ip::by_version(frame.skip(12)?, layers_left),
        117 => pseudo::pflog(frame, layers_left),
        119 => pseudo::prism(frame, layers_left),
        // Fibre Channel: two addresses of eight bytes.
        122 => llc(frame.skip(16)?, layers_left),
        127 => wifi::radiotap(frame, layers_left),
        // FireWire: two addresses of eight bytes, Ethernet type. Linux' DSA on the port of a switch, as on
        // most home routers: a tag behind the addresses, or with a type and two bytes of its own (285), or
        // before them (282).
        138 | 281 | 284 => ethertype(frame.u16(16)?, frame.skip(18)?, layers_left),
        163 => pseudo::avs(frame, layers_left),
        // pppd writes the direction in the place of the address byte, others before everything.
        166 if frame.bytes(1) != Some([0xff, 0x03]) => ppp::protocol(frame.skip(2)?, layers_left),
        166 => ppp::protocol(frame.skip(3)?, layers_left),
        204 => ppp::point_to_point(frame.skip(1)?, layers_left),
        178 => pseudo::juniper_ethernet(frame, layers_left),
        192 => pseudo::ppi(frame, layers_left),
        219 => mpls(frame, layers_left),
        // Solaris: zone, interface and sizes before IP.
        226 => ip::by_version(frame.skip(24)?, layers_left),
        239 => pseudo::nflog(frame, layers_left),
        240 | 282 => ethernet(frame.skip(4)?, layers_left),
        // IP over InfiniBand: Ethernet type, reserved.
        242 => ethertype(frame.u16(40)?, frame.skip(44)?, layers_left),
        // Apple's tcpdump writes 149, one of the numbers for private use.
        149 | 258 => pseudo::pktap(frame, layers_left),
        // 802.3br: the preamble with the kind of fragment.
        274 => ethernet(frame.skip(8)?, layers_left),
        285 => ethertype(frame.u16(20)?, frame.skip(22)?, layers_left),
        _ => Some(Decoded::UnknownLink(link)),
    }
}

/// Token ring: two control bytes, two addresses, and a route if the source address says so.
fn token_ring(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let has_route = frame.u8(8)? & 0x80 != 0;
    let route_bytes = if has_route { usize::from(frame.u8(14)? & 0x1f) } else { 0 };
    llc(frame.skip(14 + route_bytes)?, layers_left)
}

/// Frame relay as RFC 2427 uses it: address, control, and a network layer protocol identifier.
fn frame_relay(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    match frame.bytes(2)? {
        [0x03, 0xcc] => ip::v4(frame.skip(4)?, layers_left),
        [0x03, 0x8e] => ip::v6(frame.skip(4)?, layers_left),
        // Padding, and a SNAP header without its first three bytes.
        [0x03, 0x00] if frame.bytes(4)? == [0x80, 0, 0, 0] => {
            ethertype(frame.u16(8)?, frame.skip(10)?, layers_left)
        }
        // Cisco's own form has an Ethernet type in its place.
        kind => ethertype(u16::from_be_bytes(kind), frame.skip(4)?, layers_left),
    }
}
