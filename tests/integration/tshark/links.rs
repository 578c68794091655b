//! The same conversation over every supported link type.

use super::packets::{Frames, Ip, behind, conversation, ethernet};

type Wrap = fn(usize, &Ip) -> Vec<u8>;

/// Name and number of the link type, and how it wraps a packet in a frame.
pub(crate) const LINKS: &[(&str, u32, Wrap)] = &[
    ("BSD loopback, little-endian", 0, |_, ip| behind(&[if is_v6(ip) { 30 } else { 2 }, 0, 0, 0], &ip.bytes)),
    ("BSD loopback, big-endian", 0, |_, ip| behind(&[0, 0, 0, if is_v6(ip) { 30 } else { 2 }], &ip.bytes)),
    ("OpenBSD loopback", 108, |_, ip| behind(&[0, 0, 0, if is_v6(ip) { 24 } else { 2 }], &ip.bytes)),
    ("Ethernet", 1, |_, ip| ethernet(ip.ethertype, &ip.bytes)),
    ("token ring", 6, |_, ip| behind(&[0x10, 0x40, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &snap(ip))),
    ("PPP", 9, |_, ip| behind(&[0xff, 3], &ppp(ip))),
    ("FDDI", 10, |_, ip| behind(&[0x50, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &snap(ip))),
    ("raw", 101, |_, ip| ip.bytes.clone()),
    ("raw, as BSD/OS numbers it", 12, |_, ip| ip.bytes.clone()),
    ("raw IPv4", 228, |_, ip| ip.bytes.clone()),
    ("raw IPv6", 229, |_, ip| ip.bytes.clone()),
    ("PPP in HDLC", 50, |_, ip| behind(&[0xff, 3], &ppp(ip))),
    ("PPPoE", 51, |_, ip| pppoe(ip)),
    ("ATM", 100, |_, ip| snap(ip)),
    ("Cisco HDLC", 104, |_, ip| behind(&behind(&[0x0f, 0], &ip.ethertype.to_be_bytes()), &ip.bytes)),
    ("802.11", 105, |number, ip| wifi(number, ip, false)),
    ("frame relay", 107, |_, ip| behind(&[0x18, 0x41, 3, if is_v6(ip) { 0x8e } else { 0xcc }], &ip.bytes)),
    ("OpenBSD decrypted IPsec", 109, |_, ip| {
        behind(&[if is_v6(ip) { 24 } else { 2 }, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], &ip.bytes)
    }),
    ("Linux cooked", 113, |_, ip| {
        behind(&behind(&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &ip.ethertype.to_be_bytes()), &ip.bytes)
    }),
    ("Linux cooked, version 2", 276, |_, ip| {
        let rest = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        behind(&behind(&ip.ethertype.to_be_bytes(), &rest), &ip.bytes)
    }),
    ("PFLOG", 117, |_, ip| {
        let mut header = vec![61, if is_v6(ip) { 24 } else { 2 }, 0, 0];
        header.extend(b"em0");
        header.resize(64, 0);
        behind(&header, &ip.bytes)
    }),
    ("Prism", 119, |number, ip| behind(&prism(), &wifi(number, ip, false))),
    ("IP over Fibre Channel", 122, |_, ip| {
        behind(&[0x10, 0, 2, 0, 0, 0, 0, 1, 0x10, 0, 2, 0, 0, 0, 0, 2], &snap(ip))
    }),
    ("radiotap", 127, |number, ip| {
        // Clock, flags with a checksum after the frame, rate, channel.
        let header = [0, 0, 24, 0, 0x0f, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0x10, 12, 0x6c, 9, 0x80, 4, 0, 0];
        behind(&header, &behind(&wifi(number, ip, false), &[0xde, 0xad, 0xbe, 0xef]))
    }),
    ("radiotap with two words of fields, padding behind the header, and QoS", 127, |number, ip| {
        let header = [0, 0, 20, 0, 0x02, 0, 0, 0xa0, 0x20, 8, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0];
        behind(&header, &wifi(number, ip, true))
    }),
    ("AVS", 163, |number, ip| {
        let mut header = vec![0x80, 0x21, 0x10, 1, 0, 0, 0, 64];
        header.resize(64, 0);
        behind(&header, &wifi(number, ip, false))
    }),
    ("PPP by pppd", 166, |_, ip| behind(&[0, 0xff, 3], &ppp(ip))),
    ("PPP with a direction", 204, |_, ip| behind(&[1, 0xff, 3], &ppp(ip))),
    ("Juniper Ethernet", 178, |_, ip| behind(b"MGC\x01", &ethernet(ip.ethertype, &ip.bytes))),
    ("PPI", 192, |number, ip| behind(&[0, 0, 8, 0, 105, 0, 0, 0], &wifi(number, ip, false))),
    ("Solaris ipnet", 226, |_, ip| {
        let mut header = vec![1, if is_v6(ip) { 26 } else { 2 }, 0, 0];
        header.extend((ip.bytes.len() as u32).to_be_bytes());
        header.resize(24, 0);
        behind(&header, &ip.bytes)
    }),
    ("NFLOG", 239, |_, ip| nflog(ip, u16::to_le_bytes)),
    ("netANALYZER", 240, |_, ip| {
        behind(&[0, 0, 0x40, 0], &behind(&ethernet(ip.ethertype, &ip.bytes), &[0; 4]))
    }),
    ("PKTAP", 258, |_, ip| {
        let mut header = Vec::new();
        header.extend([108_u32, 1, 1].into_iter().flat_map(u32::to_le_bytes));
        header.extend(b"en0");
        header.resize(108, 0);
        behind(&header, &ethernet(ip.ethertype, &ip.bytes))
    }),
    ("802.3br", 274, |_, ip| {
        behind(
            &[0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5],
            &with_checksum(&ethernet(ip.ethertype, &ip.bytes)),
        )
    }),
    ("DSA by Broadcom", 281, |_, ip| tagged_frame(&[0x20, 0, 0, 1], ip)),
    ("DSA by Broadcom, before the frame", 282, |_, ip| {
        behind(&[0x20, 0, 0, 1], &ethernet(ip.ethertype, &ip.bytes))
    }),
    ("DSA by Marvell", 284, |_, ip| tagged_frame(&[0xc0, 0, 0, 0], ip)),
    ("DSA by Marvell with a type", 285, |_, ip| tagged_frame(&[0xda, 0xda, 0, 0, 0xc0, 0, 0, 0], ip)),
];

/// Link types that tshark 4 does not read; one interface of such a type spoils a file.
pub(super) const NOT_READ_BY_TSHARK: [u32; 5] = [166, 281, 282, 284, 285];

/// An Ethernet frame with a tag behind its addresses.
fn tagged_frame(tag: &[u8], ip: &Ip) -> Vec<u8> {
    let frame = ethernet(ip.ethertype, &ip.bytes);
    [&frame[..12], tag, &frame[12..]].concat()
}

/// A case's conversation over this link type.
pub(crate) fn frames(case: u8, link: u32, wrap: Wrap) -> Frames {
    let packets = conversation(case).into_iter().filter(|ip| match link {
        228 => !is_v6(ip),
        229 => is_v6(ip),
        _ => true,
    });
    (link, packets.enumerate().map(|(number, ip)| wrap(number, &ip)).collect())
}

/// A frame followed by Ethernet's checksum.
pub(super) fn with_checksum(frame: &[u8]) -> Vec<u8> {
    behind(frame, &crc32fast::hash(frame).to_le_bytes())
}

fn is_v6(ip: &Ip) -> bool {
    ip.ethertype == 0x86dd
}

pub(super) fn snap(ip: &Ip) -> Vec<u8> {
    behind(&behind(&[0xaa, 0xaa, 3, 0, 0, 0], &ip.ethertype.to_be_bytes()), &ip.bytes)
}

pub(super) fn ppp(ip: &Ip) -> Vec<u8> {
    behind(&[0, if is_v6(ip) { 0x57 } else { 0x21 }], &ip.bytes)
}

pub(super) fn pppoe(ip: &Ip) -> Vec<u8> {
    let ppp = ppp(ip);
    behind(&behind(&[0x11, 0, 0, 1], &(ppp.len() as u16).to_be_bytes()), &ppp)
}

/// A data frame from a station; each has its own number, or it would be a retransmission.
pub(super) fn wifi(number: usize, ip: &Ip, has_qos: bool) -> Vec<u8> {
    wifi_of(number, has_qos, &snap(ip))
}

pub(super) fn wifi_of(number: usize, has_qos: bool, body: &[u8]) -> Vec<u8> {
    let mut header = vec![if has_qos { 0x88 } else { 0x08 }, 0x01, 0, 0];
    for host in [1, 2, 3] {
        header.extend([2, 0, 0, 0, 0, host]);
    }
    header.extend(((number as u16) << 4).to_le_bytes());
    if has_qos {
        // The priority, and two bytes of padding.
        header.extend([0, 0, 0, 0]);
    }
    behind(&header, body)
}

/// Prism's header has 144 bytes: a number, its length, the device, and ten values of twelve bytes.
fn prism() -> Vec<u8> {
    let mut header = Vec::new();
    header.extend([0x44_u32, 144].into_iter().flat_map(u32::to_le_bytes));
    header.extend(b"wlan0");
    header.resize(144, 0);
    header
}

/// A prefix and the packet as fields with a length and a number.
pub(super) fn nflog(ip: &Ip, number: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mut frame = vec![if is_v6(ip) { 10 } else { 2 }, 0, 0, 5];
    frame.extend(number(4 + 3));
    frame.extend(number(10));
    frame.extend(b"in\0\0");
    frame.extend(number(4 + ip.bytes.len() as u16));
    frame.extend(number(9));
    frame.extend(&ip.bytes);
    frame.resize(frame.len().next_multiple_of(4), 0);
    frame
}
