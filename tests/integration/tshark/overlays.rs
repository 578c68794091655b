//! The same conversation inside of every overlay that is decoded.

use super::links::{ppp, pppoe, snap, wifi_of, with_checksum};
use super::packets::{Frames, Ip, behind, conversation, end, ethernet, ipv4, ipv6, udp};

type Wrap = fn(usize, &Ip) -> Vec<u8>;

/// Name, and how a packet lies in an Ethernet frame.
pub(super) const OVERLAYS: &[(&str, Wrap)] = &[
    ("VLAN", |_, ip| ethernet(0x8100, &tagged(5, ip))),
    ("QinQ", |_, ip| ethernet(0x88a8, &behind(&[0, 6, 0x81, 0], &tagged(5, ip)))),
    ("three VLANs", |_, ip| ethernet(0x8100, &behind(&[0, 6, 0x81, 0, 0, 7, 0x81, 0], &tagged(5, ip)))),
    ("802.2 SNAP", |_, ip| ethernet(snap(ip).len() as u16, &snap(ip))),
    ("PBB", |_, ip| ethernet(0x88e7, &behind(&[0, 0, 0, 9], &ethernet(ip.ethertype, &ip.bytes)))),
    ("FabricPath", |_, ip| {
        ethernet(0x8903, &behind(&[0, 1], &with_checksum(&ethernet(ip.ethertype, &ip.bytes))))
    }),
    ("TRILL", |_, ip| ethernet(0x22f3, &behind(&[0, 1, 0, 1, 0, 2], &ethernet(ip.ethertype, &ip.bytes)))),
    ("VN-Tag", |_, ip| {
        ethernet(0x8926, &behind(&behind(&[0, 1, 0, 2], &ip.ethertype.to_be_bytes()), &ip.bytes))
    }),
    ("HSR", |_, ip| {
        ethernet(0x892f, &behind(&behind(&[0, 60, 0, 2], &ip.ethertype.to_be_bytes()), &ip.bytes))
    }),
    ("Cisco metadata", |_, ip| {
        ethernet(0x8909, &behind(&behind(&[1, 1, 0, 1, 0, 9], &ip.ethertype.to_be_bytes()), &ip.bytes))
    }),
    ("MACsec with integrity only", |_, ip| {
        let tag = [0x20, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0, 1];
        let body = behind(&ip.ethertype.to_be_bytes(), &ip.bytes);
        ethernet(0x88e5, &behind(&behind(&tag, &body), &[0; 16]))
    }),
    ("PPPoE", |_, ip| ethernet(0x8864, &pppoe(ip))),
    ("MPLS", |_, ip| ethernet(0x8847, &behind(&[0, 1, 0, 64, 0, 2, 1, 64], &ip.bytes))),
    ("Ethernet over MPLS", |_, ip| {
        ethernet(0x8847, &behind(&[0, 2, 1, 64, 0, 0, 0, 0], &ethernet(ip.ethertype, &ip.bytes)))
    }),
    ("NSH", |_, ip| {
        let next = if ip.ethertype == 0x86dd { 2 } else { 1 };
        ethernet(0x894f, &behind(&[0x0f, 0xc2, 2, next, 0, 0, 1, 255], &ip.bytes))
    }),
    ("IP in IP, 6in4", |id, ip| over_ip(id, if ip.ethertype == 0x86dd { 41 } else { 4 }, &ip.bytes)),
    ("IP in IPv6", |_, ip| over_ipv6(if ip.ethertype == 0x86dd { 41 } else { 4 }, &ip.bytes)),
    ("GRE", |id, ip| over_ip(id, 47, &behind(&behind(&[0, 0], &ip.ethertype.to_be_bytes()), &ip.bytes))),
    ("GRE with checksum, key and number", |id, ip| {
        let fields = [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9];
        over_ip(
            id,
            47,
            &behind(&behind(&behind(&[0xb0, 0], &ip.ethertype.to_be_bytes()), &fields), &ip.bytes),
        )
    }),
    ("NVGRE", |id, ip| {
        over_ip(id, 47, &behind(&[0x20, 0, 0x65, 0x58, 0, 0, 7, 0], &ethernet(ip.ethertype, &ip.bytes)))
    }),
    ("ERSPAN II", |id, ip| {
        let header = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 0, 0, 0, 0, 0];
        over_ip(id, 47, &behind(&header, &ethernet(ip.ethertype, &ip.bytes)))
    }),
    ("ERSPAN III", |id, ip| {
        let header = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        over_ip(id, 47, &behind(&header, &ethernet(ip.ethertype, &ip.bytes)))
    }),
    ("PPP in GRE", |id, ip| over_ip(id, 47, &behind(&[0, 0, 0x88, 0x0b, 0xff, 3], &ppp(ip)))),
    ("time by Arista", |_, ip| {
        let time = [0, 1, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 9];
        ethernet(0xd28b, &behind(&behind(&time, &ip.ethertype.to_be_bytes()), &ip.bytes))
    }),
    ("CAPWAP", |id, ip| {
        over_udp(id, 5247, &behind(&[0, 0x10, 0x42, 0, 0, 0, 0, 0], &ethernet(ip.ethertype, &ip.bytes)))
    }),
    ("PPTP", |id, ip| {
        let ppp = behind(&[0xff, 3], &ppp(ip));
        let mut header = vec![0x30, 0x01, 0x88, 0x0b];
        header.extend((ppp.len() as u16).to_be_bytes());
        header.extend([0, 9, 0, 0, 0, 1]);
        over_ip(id, 47, &behind(&header, &ppp))
    }),
    ("Ethernet in IP", |id, ip| over_ip(id, 97, &behind(&[0x30, 0], &ethernet(ip.ethertype, &ip.bytes)))),
    ("MPLS in IP", |id, ip| over_ip(id, 137, &behind(&[0, 1, 1, 64], &ip.bytes))),
    ("authentication header", |id, ip| {
        let inner = if ip.ethertype == 0x86dd { 41 } else { 4 };
        over_ip(
            id,
            51,
            &behind(&[inner, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &ip.bytes),
        )
    }),
    ("VXLAN", |id, ip| vxlan(id, 4789, ip)),
    ("VXLAN on the port of Linux", |id, ip| vxlan(id, 8472, ip)),
    ("VXLAN on any port", |id, ip| vxlan(id, 14_789, ip)),
    ("VXLAN over IPv6", |_, ip| {
        over_ipv6(
            17,
            &udp(45_000, 4789, &behind(&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(ip.ethertype, &ip.bytes))),
        )
    }),
    ("VXLAN-GPE", |id, ip| {
        let next = if ip.ethertype == 0x86dd { 2 } else { 1 };
        over_udp(id, 4790, &behind(&[0x0c, 0, 0, next, 0, 0, 1, 0], &ip.bytes))
    }),
    ("Geneve with options", |id, ip| {
        let header = [2, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 1, 0, 0, 0, 0];
        over_udp(id, 6081, &behind(&header, &ethernet(ip.ethertype, &ip.bytes)))
    }),
    ("GTP-U", |id, ip| {
        let mut header = vec![0x30, 255];
        header.extend((ip.bytes.len() as u16).to_be_bytes());
        header.extend([0, 0, 0, 7]);
        over_udp(id, 2152, &behind(&header, &ip.bytes))
    }),
    ("GTP-U with an extension header", |id, ip| {
        let mut header = vec![0x34, 255];
        header.extend((8 + ip.bytes.len() as u16).to_be_bytes());
        // A session container of 5G, which is how base stations send.
        header.extend([0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0x10, 5, 0]);
        over_udp(id, 2152, &behind(&header, &ip.bytes))
    }),
    ("L2TP", |id, ip| {
        let ppp = behind(&[0xff, 3], &ppp(ip));
        let mut header = vec![0x40, 2];
        header.extend((8 + ppp.len() as u16).to_be_bytes());
        header.extend([0, 1, 0, 2]);
        over_udp(id, 1701, &behind(&header, &ppp))
    }),
    ("MPLS in UDP", |id, ip| over_udp(id, 6635, &behind(&[0, 1, 1, 64], &ip.bytes))),
    ("TZSP", |id, ip| over_udp(id, 37_008, &behind(&[1, 0, 0, 1, 1], &ethernet(ip.ethertype, &ip.bytes)))),
    ("GTP-U around VXLAN", |id, ip| {
        let vxlan = behind(&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(ip.ethertype, &ip.bytes));
        let inner =
            ipv4(id as u16 + 1000, 17, [end(0, 8, 0).v4, end(0, 9, 0).v4], &udp(46_000, 4789, &vxlan));
        let mut header = vec![0x30, 255];
        header.extend((inner.bytes.len() as u16).to_be_bytes());
        header.extend([0, 0, 0, 7]);
        over_udp(id, 2152, &behind(&header, &inner.bytes))
    }),
];

/// A case's conversation inside of this overlay.
pub(super) fn frames(case: u8, wrap: Wrap) -> Frames {
    let number = |index: usize| 100 * usize::from(case) + index;
    (1, conversation(case).iter().enumerate().map(|(index, ip)| wrap(number(index), ip)).collect())
}

/// Teredo carries IPv6 alone.
pub(super) fn teredo(case: u8) -> Frames {
    let packets = conversation(case).into_iter().filter(|ip| ip.ethertype == 0x86dd);
    let frame = |(id, ip): (usize, Ip)| over_udp(id, 3544, &behind(&[0, 0, 1, 2, 3, 4, 5, 6], &ip.bytes));
    (1, packets.enumerate().map(frame).collect())
}

/// IPv6 with extension headers before the transport, one of which routes to the other end.
pub(super) fn extension_headers(case: u8, routing: &[u8]) -> Frames {
    let frames = conversation(case).into_iter().filter(|ip| ip.ethertype == 0x86dd).map(|mut ip| {
        let next = ip.bytes[6];
        let headers = behind(&[43, 0, 1, 4, 0, 0, 0, 0], &behind(&[next], routing));
        ip.bytes[6] = 0;
        ip.bytes.splice(40..40, headers);
        let length = (ip.bytes.len() - 40) as u16;
        ip.bytes[4..6].copy_from_slice(&length.to_be_bytes());
        ethernet(0x86dd, &ip.bytes)
    });
    (1, frames.collect())
}

/// Two packets in each frame.
pub(super) fn aggregate(case: u8) -> Frames {
    let packets = conversation(case);
    let frames: Vec<Vec<u8>> = packets
        .chunks(2)
        .enumerate()
        .map(|(number, pair)| {
            let mut body = Vec::new();
            for ip in pair {
                let llc = snap(ip);
                body.resize(body.len().next_multiple_of(4), 0);
                body.extend(ethernet(llc.len() as u16, &llc));
            }
            let mut frame = wifi_of(number, true, &body);
            // The padding that the function adds is not there; the bit for several frames is.
            frame[24] = 0x80;
            frame.drain(26..28);
            frame
        })
        .collect();
    (105, frames)
}

fn tagged(vlan: u8, ip: &Ip) -> Vec<u8> {
    behind(&behind(&[0, vlan], &ip.ethertype.to_be_bytes()), &ip.bytes)
}

fn over_ip(id: usize, protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(id as u16 + 500, protocol, [end(0, 101, 0).v4, end(0, 102, 0).v4], payload).bytes)
}

fn over_ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x86dd, &ipv6(protocol, [end(0, 101, 0).v6, end(0, 102, 0).v6], payload).bytes)
}

fn over_udp(id: usize, port: u16, payload: &[u8]) -> Vec<u8> {
    over_ip(id, 17, &udp(45_000, port, payload))
}

fn vxlan(id: usize, port: u16, ip: &Ip) -> Vec<u8> {
    over_udp(id, port, &behind(&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(ip.ethertype, &ip.bytes)))
}
