use proptest::prelude::*;

use super::*;

const TCP_SYN: &[u8] = &[0xc3, 0x50, 0x01, 0xbb, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0];

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    let mut bytes = Vec::new();
    for field in [source, destination, length, 0] {
        bytes.extend(field.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

fn ipv4_fragment(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len()) as u16;
    let mut bytes = vec![0x45, 0];
    bytes.extend(total.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(fragment.to_be_bytes());
    bytes.extend([64, protocol, 0, 0, 10, 0, 0, 1, 192, 0, 2, 2]);
    let words = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, 0, payload)
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend([next, 64]);
    for last in [1, 2] {
        bytes.extend("2001:db8::".parse::<std::net::Ipv6Addr>().unwrap().octets());
        let end = bytes.len();
        bytes[end - 1] = last;
    }
    bytes.extend(payload);
    bytes
}

/// Bytes before `payload`.
fn behind(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    behind(&[&[2; 12][..], &kind.to_be_bytes()].concat(), payload)
}

fn packet(link: u32, frame: &[u8]) -> Packet<'_> {
    match decode(LinkType(link), frame, frame.len() as u32) {
        Decoded::Packet(packet) => packet,
        other => panic!("{other:?} of {frame:02x?}"),
    }
}

fn is_the_syn(packet: &Packet<'_>) -> bool {
    let header = TcpHeader { seq: 7, ack: 0, flags: Flags(Flags::SYN) };
    packet.source == ("10.0.0.1".parse().unwrap(), 50_000)
        && packet.destination == ("192.0.2.2".parse().unwrap(), 443)
        && packet.transport == Transport::Tcp(header)
}

#[test]
fn every_link_type_and_tag_leads_to_the_packet() {
    let ip = ipv4(6, TCP_SYN);
    let tagged = behind(&[0, 5, 0x08, 0], &ip);
    let cases = [
        ("Ethernet", 1, ethernet(0x0800, &ip)),
        ("VLAN", 1, ethernet(0x8100, &tagged)),
        ("QinQ", 1, ethernet(0x88a8, &behind(&[0, 6, 0x81, 0], &tagged))),
        ("MPLS", 1, ethernet(0x8847, &behind(&[0, 1, 0, 64, 0, 2, 1, 64], &ip))),
        (
            "MPLS with Ethernet",
            1,
            ethernet(0x8847, &behind(&[0, 2, 1, 64, 0, 0, 0, 0], &ethernet(0x0800, &ip))),
        ),
        ("PPPoE", 1, ethernet(0x8864, &behind(&[0x11, 0, 0, 1, 0, 42, 0, 0x21], &ip))),
        ("FabricPath", 1, ethernet(0x8903, &behind(&[0, 1], &ethernet(0x0800, &ip)))),
        ("VN-Tag", 1, ethernet(0x8926, &behind(&[0, 1, 0, 2, 0x08, 0], &ip))),
        ("SNAP", 1, ethernet(48, &behind(&[0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0], &ip))),
        ("BSD loopback", 0, behind(&[2, 0, 0, 0], &ip)),
        ("OpenBSD loopback", 108, behind(&[0, 0, 0, 2], &ip)),
        ("PPP", 9, behind(&[0xff, 3, 0, 0x21], &ip)),
        ("short PPP", 9, behind(&[0x21], &ip)),
        ("Cisco HDLC", 104, behind(&[0x0f, 0, 0x08, 0], &ip)),
        ("raw", 101, ip.clone()),
        ("cooked", 113, behind(&[&[0; 14][..], &[0x08, 0]].concat(), &ip)),
        ("cooked, version 2", 276, behind(&[&[0x08, 0][..], &[0; 18]].concat(), &ip)),
    ];
    for (name, link, frame) in cases {
        assert!(is_the_syn(&packet(link, &frame)), "{name}");
    }
}

#[test]
fn a_tunnel_is_a_packet_with_another_one_inside() {
    let ip = ipv4(6, TCP_SYN);
    let frame = ethernet(0x0800, &ip);
    let vxlan = behind(&[8, 0, 0, 0, 0, 0, 7, 0], &frame);
    let geneve = behind(&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 4], &frame);
    let erspan = behind(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 0, 0, 0, 0, 0], &frame);
    let cases = [
        ("IP in IP", ipv4(4, &ip)),
        ("GRE", ipv4(47, &behind(&[0x20, 0, 0x08, 0, 0, 0, 0, 9], &ip))),
        ("ERSPAN I", ipv4(47, &behind(&[0, 0, 0x88, 0xbe], &frame))),
        ("ERSPAN II", ipv4(47, &erspan)),
        ("VXLAN", ipv4(17, &udp(40_000, 4789, &vxlan))),
        ("VXLAN of Linux", ipv4(17, &udp(40_000, 8472, &vxlan))),
        ("VXLAN on any port", ipv4(17, &udp(40_000, 9999, &vxlan))),
        ("Geneve", ipv4(17, &udp(40_000, 6081, &geneve))),
        ("Geneve on any port", ipv4(17, &udp(40_000, 9999, &geneve))),
        ("GTP", ipv4(17, &udp(2152, 2152, &behind(&[0x30, 255, 0, 40, 0, 0, 0, 1], &ip)))),
        ("LISP", ipv4(17, &udp(40_000, 4341, &behind(&[0; 8], &ip)))),
        ("GUE", ipv4(17, &udp(40_000, 6080, &behind(&[0, 4, 0, 0], &ip)))),
        ("GUE without a header", ipv4(17, &udp(40_000, 6080, &ip))),
        ("L2TP 3", ipv4(115, &behind(&[0, 0, 0, 9, 1, 2, 3, 4], &frame))),
        ("a fragment's first part", ipv4_fragment(47, 0x2000, &behind(&[0, 0, 0x08, 0], &ip))),
    ];
    for (name, frame) in cases {
        let outer = packet(101, &frame);
        let Some(Decoded::Packet(inner)) = outer.inner.map(Inner::decode) else { panic!("{name} {outer:?}") };
        assert!(is_the_syn(&inner), "{name}");
    }
}

#[test]
fn what_only_resembles_a_tunnel_is_none() {
    let ip = ipv4(6, TCP_SYN);
    let vxlan = behind(&[8, 0, 0, 0, 0, 0, 7, 0], &ethernet(0x0800, &ip));
    let mut wrong_checksum = vxlan.clone();
    wrong_checksum[8 + 14 + 10] ^= 1;
    let mut too_long = vxlan.clone();
    too_long.truncate(vxlan.len() - 1);
    let mut reserved = vxlan.clone();
    reserved[3] = 1;
    for (name, payload) in
        [("checksum", wrong_checksum), ("length", too_long), ("reserved", reserved), ("short", vec![8, 0, 0])]
    {
        let frame = ipv4(17, &udp(40_000, 9999, &payload));
        assert_eq!(packet(101, &frame).inner, None, "{name}");
    }
    let gtp_prime = ipv4(17, &udp(2152, 2152, &behind(&[0x20, 255, 0, 40, 0, 0, 0, 1], &ip)));
    assert_eq!(packet(101, &gtp_prime).inner, None);
}

#[test]
fn a_routing_header_says_where_a_packet_goes_in_the_end() {
    let last: std::net::Ipv6Addr = "2001:db8::99".parse().unwrap();
    let routing =
        |kind, left| behind(&[17, 2, kind, left, 0, 0, 0, 0], &behind(&last.octets(), &udp(1, 2, b"x")));
    for (kind, left, expected) in [
        (0, 1, "2001:db8::99"),
        (2, 1, "2001:db8::99"),
        (4, 1, "2001:db8::99"),
        (0, 0, "2001:db8::2"),
        (3, 1, "2001:db8::2"),
    ] {
        let frame = ipv6(43, &routing(kind, left));
        assert_eq!(packet(101, &frame).destination.0, expected.parse::<IpAddr>().unwrap(), "{kind} {left}");
    }
}

#[test]
fn an_encrypted_frame_and_one_of_another_link_type_are_said_to_be_that() {
    let mut wifi = vec![0x08, 0x41];
    wifi.resize(24, 0);
    wifi.extend([1, 2, 3, 0x20, 5, 6, 7, 8, 9, 9, 9, 9]);
    let check = |link, frame: &[u8], expected| {
        assert_eq!(decode(LinkType(link), frame, frame.len() as u32), expected);
    };
    check(105, &wifi, Decoded::Encrypted);
    check(105, &[0x80, 0, 0, 0], Decoded::NotIp);
    check(1, &ethernet(0x88e5, &[0x2c, 0, 0, 0, 0, 1]), Decoded::Encrypted);
    check(189, &[0; 64], Decoded::UnknownLink(LinkType(189)));
    check(192, &[0, 0, 8, 0, 189, 0, 0, 0, 1, 2], Decoded::UnknownLink(LinkType(189)));
    assert_eq!(LinkType(189).to_string(), "189 (USB_LINUX)");
}

#[test]
fn extension_headers_of_version_6_are_passed_over() {
    let datagram = udp(546, 547, b"hello");
    let behind_options = ipv6(0, &behind(&[43, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0], &datagram));
    let packet = packet(101, &behind_options);
    assert_eq!((packet.source.1, packet.payload, packet.payload_bytes), (546, b"hello".as_slice(), 5));
}

#[test]
fn only_the_first_fragment_says_whose_it_is_and_counts_what_it_holds() {
    let datagram = udp(53, 5000, &[0; 1000]);
    let first = ipv4_fragment(17, 0x2000, &datagram[..408]);
    let header = UdpHeader { claimed_bytes: 1000, is_fragmented: true };
    assert_eq!(
        (packet(101, &first).payload_bytes, packet(101, &first).transport),
        (400, Transport::Udp(header))
    );
    let later = ipv4_fragment(17, 51, &datagram[408..]);
    let Decoded::LaterFragment(later) = decode(LinkType::RAW, &later, later.len() as u32) else { panic!() };
    assert_eq!((later.id, later.offset, later.bytes, later.is_last), (1, 408, 600, true));
}

#[test]
fn padding_is_no_payload_and_what_was_not_captured_is() {
    let mut padded = ethernet(0x0800, &ipv4(6, TCP_SYN));
    padded.extend([0; 6]);
    assert_eq!(packet(1, &padded).payload_bytes, 0);
    let whole = ipv4(17, &udp(1, 2, &[7; 500]));
    let Decoded::Packet(cut) = decode(LinkType::RAW, &whole[..60], 528) else { panic!() };
    assert_eq!((cut.payload.len(), cut.payload_bytes), (32, 500));
}

#[test]
fn a_length_that_was_left_to_the_network_card_is_the_frames_own() {
    let mut frame = ipv4(6, &behind(TCP_SYN, &[1; 3000]));
    frame[2..4].copy_from_slice(&[0, 0]);
    assert_eq!(packet(101, &frame).payload_bytes, 3000);
}

#[test]
fn what_is_no_tcp_or_udp_is_told_apart() {
    let cases = [
        (Decoded::NotIp, ethernet(0x0806, &[0; 28])),
        (Decoded::Malformed, ethernet(0x0800, &ipv4(6, &TCP_SYN[..10]))),
        (Decoded::Malformed, ethernet(0x0800, &[0x41; 40])),
        (Decoded::Malformed, vec![0; 10]),
    ];
    for (expected, frame) in cases {
        assert_eq!(decode(LinkType::ETHERNET, &frame, frame.len() as u32), expected);
    }
}

#[test]
fn a_host_sees_what_comes_out_of_a_tunnel_by_itself() {
    let syn = ipv4(6, TCP_SYN);
    assert!(matches!(decode_ip(&syn, 40), Decoded::Packet(_)));
    let tunnel = ipv4(4, &syn);
    let Decoded::Packet(tunnel) = decode_ip(&tunnel, 60) else { panic!() };
    assert_eq!((tunnel.transport, tunnel.inner), (Transport::Other(4), None));
    let options = behind(&[17, 0, 0, 0, 0, 0, 0, 0], &udp(546, 547, b"hello"));
    let after_three =
        ipv6(0, &behind(&[60, 0, 0, 0, 0, 0, 0, 0], &behind(&[60, 0, 0, 0, 0, 0, 0, 0], &options)));
    assert!(matches!(decode_ip(&after_three, 200), Decoded::Packet(_)));
}

#[test]
fn nesting_ends() {
    let mut frame = ipv4(6, TCP_SYN);
    for _ in 0..40 {
        frame = ipv4(4, &frame);
    }
    let mut layers = 0;
    let mut decoded = decode(LinkType::RAW, &frame, frame.len() as u32);
    while let Decoded::Packet(packet) = decoded {
        layers += 1;
        let Some(inner) = packet.inner else { break };
        decoded = inner.decode();
    }
    assert!(layers <= MOST_LAYERS + 1, "{layers}");
}

proptest! {
    #[test]
    fn no_frame_is_too_strange(link in 0_u32..300, frame: Vec<u8>, wire: u32) {
        if let Decoded::Packet(packet) = decode(LinkType(link), &frame, wire) {
            prop_assert!(packet.payload.len() <= frame.len());
            prop_assert!(packet.payload_bytes as usize <= frame.len().max(wire as usize));
        }
    }

    #[test]
    fn a_flipped_byte_in_a_real_frame_does_no_harm(at in 0_usize..66, value: u8, cut in 0_usize..=66) {
        let mut frame = ethernet(0x8100, &behind(&[0, 5, 0x08, 0], &ipv4(47, &behind(&[0, 0, 0x08, 0], &ipv4(6, TCP_SYN)))));
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
        frame.truncate(cut);
        decode(LinkType::ETHERNET, &frame, 66);
    }
}
