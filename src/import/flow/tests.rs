use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::capture::{Kind, Row, TcpState};
use crate::wire::packet::{Flags, LinkType};

const CLIENT: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 0, 0, 1), 50_000);
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 2), 443);

#[derive(Default)]
struct Rows(Vec<Row>);

impl Sink for Rows {
    fn row(&mut self, row: &Row) {
        self.0.push(row.clone());
    }
}

/// A file that is being read: packets at times in ms, and the rows that come of them.
struct Scene {
    tracker: Tracker,
    rows: Rows,
    packets: u16,
}

impl Scene {
    fn new() -> Self {
        Self::keeping(Limits::default().flows)
    }

    fn keeping(flows: usize) -> Self {
        Self { tracker: Tracker::new(Limits { flows }), rows: Rows::default(), packets: 0 }
    }

    fn frame(&mut self, at_ms: i64, protocol: u8, ends: [(Ipv4Addr, u16); 2], rest: &[u8]) {
        let [from, to] = ends;
        let mut frame = vec![0x45, 0];
        frame.extend((24 + rest.len() as u16).to_be_bytes());
        self.packets += 1;
        frame.extend(self.packets.to_be_bytes());
        frame.extend([0, 0, 64, protocol, 0, 0]);
        frame.extend(from.0.octets());
        frame.extend(to.0.octets());
        frame.extend(from.1.to_be_bytes());
        frame.extend(to.1.to_be_bytes());
        frame.extend(rest);
        let ts_ns = 1_700_000_000_000_000_000 + at_ms * 1_000_000;
        let wire_bytes = frame.len() as u32;
        let link = LinkType::RAW;
        let frame = Frame { link, ts_ns: Some(ts_ns), data: &frame, wire_bytes, interface: 0 };
        self.tracker.take_frame(&frame, &mut self.rows);
    }

    fn tcp(
        &mut self,
        at_ms: i64,
        ends: [(Ipv4Addr, u16); 2],
        flags: u8,
        (seq, ack): (u32, u32),
        payload: &[u8],
    ) {
        let mut rest = Vec::new();
        rest.extend(seq.to_be_bytes());
        rest.extend(ack.to_be_bytes());
        rest.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        rest.extend(payload);
        self.frame(at_ms, 6, ends, &rest);
    }

    fn udp(&mut self, at_ms: i64, ends: [(Ipv4Addr, u16); 2], payload: &[u8]) {
        let mut rest = Vec::new();
        rest.extend((8 + payload.len() as u16).to_be_bytes());
        rest.extend([0, 0]);
        rest.extend(payload);
        self.frame(at_ms, 17, ends, &rest);
    }

    fn there(&mut self, at_ms: i64, flags: u8, numbers: (u32, u32), payload: &[u8]) {
        self.tcp(at_ms, [CLIENT, SERVER], flags, numbers, payload);
    }

    fn back(&mut self, at_ms: i64, flags: u8, numbers: (u32, u32), payload: &[u8]) {
        self.tcp(at_ms, [SERVER, CLIENT], flags, numbers, payload);
    }

    fn handshake(&mut self, at_ms: i64) {
        self.there(at_ms, Flags::SYN, (100, 0), &[]);
        self.back(at_ms + 20, Flags::SYN | Flags::ACK, (500, 101), &[]);
        self.there(at_ms + 30, Flags::ACK, (101, 501), &[]);
    }

    fn end(mut self) -> Vec<Row> {
        self.tracker.finish(&mut self.rows);
        self.rows.0
    }
}

#[test]
fn the_owner_is_that_of_the_end_at_which_the_packet_was_captured() {
    use std::sync::Arc;

    use crate::capture::{Owner, OwnerSource};

    let owner = Arc::new(Owner { pid: Some(77), ..Owner::default() });
    let udp = [&[0xc3, 0x50, 0, 53, 0, 9, 0, 0], b"x".as_slice()].concat();
    let packet =
        [&[0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 2], udp.as_slice()].concat();
    let frame = Frame {
        link: LinkType::RAW,
        ts_ns: Some(1_700_000_000_000_000_000),
        data: &packet,
        wire_bytes: packet.len() as u32,
        interface: 0,
    };
    for (is_outgoing, is_known) in [(Some(true), true), (None, true), (Some(false), false)] {
        let mut scene = Scene::new();
        let found = FrameOwner { owner: Arc::clone(&owner), is_outgoing };
        scene.tracker.take_frame_of(&frame, Some(found), &mut scene.rows);
        let account = *scene.tracker.account();
        assert_eq!((account.owned, account.owned_by_responder), (u64::from(is_known), u64::from(!is_known)));
        let rows = scene.end();
        assert_eq!(rows[0].owner.as_ref().and_then(|owner| owner.pid), is_known.then_some(77));
        assert_eq!(rows[0].owner_source, is_known.then_some(OwnerSource::Import));
    }
}

fn kinds(rows: &[Row]) -> Vec<(Kind, Option<TcpState>)> {
    rows.iter().map(|row| (row.kind, row.state)).collect()
}

#[test]
fn a_connection_opens_changes_its_state_and_closes_with_its_final_counts() {
    let mut scene = Scene::new();
    scene.handshake(0);
    scene.there(100, Flags::ACK, (101, 501), &[7; 40]);
    scene.back(2_500, Flags::ACK, (501, 141), &[7; 300]);
    scene.there(2_600, Flags::ACK | Flags::FIN, (141, 801), &[]);
    scene.back(2_610, Flags::ACK | Flags::FIN, (801, 142), &[]);
    scene.there(2_620, Flags::ACK, (142, 802), &[]);
    let rows = scene.end();
    assert_eq!(
        kinds(&rows),
        [
            (Kind::Opened, Some(TcpState::SynSent)),
            (Kind::State, Some(TcpState::Established)),
            (Kind::Snapshot, Some(TcpState::Established)),
            (Kind::State, Some(TcpState::FinWait1)),
            (Kind::Closed, Some(TcpState::Close)),
        ]
    );
    let last = rows.last().unwrap();
    assert_eq!((last.local_addr, last.local_port), (IpAddr::V4(CLIENT.0), CLIENT.1));
    assert_eq!((last.counters.bytes_sent, last.counters.bytes_received), (Some(40), Some(300)));
    assert_eq!((last.counters.packets_sent, last.counters.packets_received), (Some(5), Some(3)));
    assert_eq!((last.counters.rtt_us, last.counters.retransmits), (Some(30_000), Some(0)));
    assert_eq!(last.mono_ns, 2_610_000_000, "the last acknowledgement is no longer part of it");
}

#[test]
fn idle_seconds_have_no_rows_and_what_is_open_at_the_end_has_one() {
    let mut scene = Scene::new();
    scene.handshake(0);
    for at_s in [10, 20, 3600] {
        scene.udp(at_s * 1000, [CLIENT, (SERVER.0, 53)], b"?");
    }
    let rows = scene.end();
    let of_tcp: Vec<_> =
        rows.iter().filter(|row| row.state.is_some()).map(|row| (row.kind, row.tick)).collect();
    assert_eq!(of_tcp, [(Kind::Opened, 0), (Kind::State, 0), (Kind::Snapshot, 1), (Kind::Snapshot, 3601)]);
}

#[test]
fn a_connection_that_was_there_before_is_not_opened_and_counts_from_zero() {
    let mut scene = Scene::new();
    scene.back(0, Flags::ACK, (900, 100), &[7; 50]);
    let rows = scene.end();
    assert_eq!(rows[0].kind, Kind::Snapshot);
    assert_eq!((rows[0].state, rows[0].counters.bytes_received), (None, Some(0)));
    let last = rows.last().unwrap();
    assert_eq!((last.local_port, last.counters.bytes_received), (CLIENT.1, Some(50)), "443 is the server");
}

#[test]
fn a_refusal_and_a_second_try_are_two_connections() {
    let mut scene = Scene::new();
    for at_ms in [0, 500] {
        scene.there(at_ms, Flags::SYN, (100, 0), &[]);
        scene.back(at_ms + 1, Flags::RST | Flags::ACK, (0, 101), &[]);
    }
    let rows = scene.end();
    let refused = [(Kind::Opened, Some(TcpState::SynSent)), (Kind::Closed, Some(TcpState::Close))];
    assert_eq!(kinds(&rows), [refused, refused].concat());
    assert_ne!(rows[0].conn_id, rows[2].conn_id);
}

#[test]
fn a_syn_that_is_repeated_is_one_attempt_with_retransmissions() {
    let mut scene = Scene::new();
    for at_ms in [0, 1000, 3000, 7000, 15_000] {
        scene.there(at_ms, Flags::SYN, (100, 0), &[]);
    }
    let rows = scene.end();
    assert!(rows.iter().all(|row| row.conn_id == rows[0].conn_id));
    assert_eq!(rows.last().unwrap().counters.retransmits, Some(4));
}

#[test]
fn a_flood_is_bounded_counted_and_spares_what_is_established() {
    let mut scene = Scene::keeping(100);
    scene.handshake(0);
    for flood in 0..10_000_u32 {
        let from = (Ipv4Addr::from(0x0b00_0000 + flood), 1234);
        scene.tcp(100 + i64::from(flood) / 10, [from, SERVER], Flags::SYN, (flood, 0), &[]);
    }
    scene.there(2_000, Flags::ACK, (101, 501), &[7; 10]);
    let account = *scene.tracker.account();
    assert_eq!((account.flows, account.evicted_one_sided, account.evicted_open), (10_001, 9_901, 0));
    assert_eq!(account.most_kept, 100);
    let rows = scene.end();
    let opened = rows.iter().filter(|row| row.kind == Kind::Opened).count();
    assert_eq!(opened, 10_001, "each attempt is in the capture");
    let established = rows.iter().rfind(|row| row.local_addr == IpAddr::V4(CLIENT.0)).unwrap();
    assert_eq!(established.counters.bytes_sent, Some(10));
}

#[test]
fn datagrams_after_a_minute_of_silence_are_another_flow() {
    let mut scene = Scene::new();
    for at_s in [0, 30, 95] {
        scene.udp(at_s * 1000, [CLIENT, (SERVER.0, 123)], &[0; 48]);
    }
    let rows = scene.end();
    assert_eq!(rows[0].conn_id, rows[1].conn_id);
    assert_ne!(rows[0].conn_id, rows.last().unwrap().conn_id);
}

#[test]
fn packets_in_the_wrong_order_are_counted_and_keep_their_times() {
    let mut scene = Scene::new();
    scene.handshake(0);
    scene.there(2_000, Flags::ACK, (111, 501), &[7; 10]);
    scene.there(1_500, Flags::ACK, (101, 501), &[7; 10]);
    let rows = scene.end();
    let last = rows.last().unwrap();
    assert_eq!((last.counters.bytes_sent, last.counters.packets_sent), (Some(20), Some(4)));
    assert_eq!(last.mono_ns, 2_000_000_000);
}

#[test]
fn the_same_packets_give_the_same_rows() {
    let rows = || {
        let mut scene = Scene::keeping(7);
        for packet in 0..500_u32 {
            let from = (Ipv4Addr::from(0x0b00_0000 + packet * 7 % 31), 1000);
            scene.tcp(i64::from(packet) * 13, [from, SERVER], (packet % 32) as u8, (packet, packet), &[1; 9]);
        }
        scene.end()
    };
    assert_eq!(rows(), rows());
}

/// A frame of Ethernet that comes from this interface and these link addresses.
fn take_ethernet(scene: &mut Scene, at_us: i64, interface: u64, from: u8, ip: &[u8]) -> Taken {
    let data = [&[2; 11][..], &[from, 0x08, 0x00], ip].concat();
    let ts_ns = Some(1_700_000_000_000_000_000 + at_us * 1000);
    let wire_bytes = data.len() as u32;
    let frame = Frame { link: LinkType::ETHERNET, ts_ns, data: &data, wire_bytes, interface };
    scene.tracker.take_frame(&frame, &mut scene.rows)
}

/// An IPv4 packet from the client to the server.
fn ipv4(id: u16, fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(CLIENT.0.octets());
    packet.extend(SERVER.0.octets());
    packet.extend(payload);
    packet
}

fn segment(seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut segment = [CLIENT.1.to_be_bytes(), SERVER.1.to_be_bytes()].concat();
    segment.extend(seq.to_be_bytes());
    segment.extend([0, 0, 0, 9, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

#[test]
fn a_packet_on_three_interfaces_is_one_packet_and_no_retransmission() {
    let mut scene = Scene::new();
    for number in 0..100_u16 {
        // The identification counts, or there is none: most packets that must not be fragmented.
        let id = if number % 2 == 0 { 0 } else { 1000 + number };
        let packet = ipv4(id, 0, 6, &segment(u32::from(number) * 10, &[7; 10]));
        let at_us = i64::from(number) * 1000;
        assert_eq!(take_ethernet(&mut scene, at_us, 1, 1, &packet), Taken::Counted);
        assert_eq!(take_ethernet(&mut scene, at_us + 3, 2, 1, &packet), Taken::Copy);
        let mut routed = packet;
        routed[8] = 63;
        assert_eq!(take_ethernet(&mut scene, at_us + 9, 2, 9, &routed), Taken::Copy);
    }
    assert_eq!(scene.tracker.account().copies, 200);
    let counters = scene.end().last().unwrap().counters;
    assert_eq!((counters.packets_sent, counters.retransmits), (Some(100), Some(0)));
    assert_eq!(counters.bytes_sent, Some(1000));
}

#[test]
fn a_retransmission_is_one_on_every_interface_together() {
    let mut scene = Scene::new();
    for (at_us, id) in [(0, 1), (250_000, 2)] {
        let packet = ipv4(id, 0, 6, &segment(100, &[7; 10]));
        take_ethernet(&mut scene, at_us, 1, 1, &packet);
        take_ethernet(&mut scene, at_us + 3, 2, 1, &packet);
    }
    let counters = scene.end().last().unwrap().counters;
    assert_eq!((counters.packets_sent, counters.retransmits), (Some(2), Some(1)));
}

#[test]
fn fragments_count_to_the_flow_of_the_first_in_any_order() {
    let datagram = [&[0xc3, 0x50, 0x01, 0xbb, 0x07, 0xd8, 0, 0][..], &[7; 2000]].concat();
    let first = ipv4(5, 0x2000, 17, &datagram[..1480]);
    let second = ipv4(5, 185, 17, &datagram[1480..]);
    for (order, expected) in [
        ([&first, &second], [Taken::Counted, Taken::Counted]),
        ([&second, &first], [Taken::AwaitsFirstFragment, Taken::Counted]),
    ] {
        let mut scene = Scene::new();
        let taken = order.map(|packet| take_ethernet(&mut scene, 0, 1, 1, packet));
        assert_eq!((taken, scene.tracker.orphan_fragments()), (expected, 0));
        let counters = scene.end().last().unwrap().counters;
        assert_eq!((counters.packets_sent, counters.bytes_sent), (Some(1), Some(2000)));
    }
}

#[test]
fn a_fragment_whose_first_part_never_came_is_an_orphan() {
    let mut scene = Scene::new();
    take_ethernet(&mut scene, 0, 1, 1, &ipv4(5, 185, 17, &[7; 100]));
    assert_eq!(scene.tracker.orphan_fragments(), 1);
    assert_eq!(scene.end(), []);
}

#[test]
fn what_is_in_a_tunnel_is_a_flow_beside_the_tunnel() {
    let inner = [&[2; 12][..], &[0x08, 0x00], &ipv4(1, 0, 6, &segment(0, b"x"))].concat();
    let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &inner].concat();
    let datagram =
        [&[0xc3, 0x50, 0x12, 0xb5][..], &(8 + vxlan.len() as u16).to_be_bytes(), &[0, 0], &vxlan].concat();
    let mut scene = Scene::new();
    assert_eq!(take_ethernet(&mut scene, 0, 1, 1, &ipv4(9, 0, 17, &datagram)), Taken::Counted);
    let account = scene.tracker.account();
    assert_eq!((account.frames, account.packets, account.flows), (1, 2, 2));
}

#[test]
fn frames_without_a_time_are_counted_as_often_as_they_are_there() {
    let mut scene = Scene::new();
    let packet = ipv4(5, 0, 6, &segment(0, b"x"));
    for interface in [0, 0, 1] {
        let wire_bytes = packet.len() as u32;
        let frame = Frame { link: LinkType::RAW, ts_ns: None, data: &packet, wire_bytes, interface };
        assert_eq!(scene.tracker.take_frame(&frame, &mut scene.rows), Taken::Counted);
    }
    assert_eq!(scene.tracker.ticks(), 0);
}

/// A DNS message: identification, flags, and a question for the AAAA record of `a.b`.
fn dns(id: u16, flags: u16, answers: &[u8]) -> Vec<u8> {
    let count = u16::from(!answers.is_empty());
    let mut message: Vec<u8> = [id, flags, 1, count, 0, 0].into_iter().flat_map(u16::to_be_bytes).collect();
    message.extend(b"\x01A\x01b\0\0\x1c\0\x01");
    message.extend(answers);
    message
}

const RESOLVER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 53), 53);

/// Name, type, response code and answers of each question in the capture, and the time to its answer.
fn questions(rows: &[Row]) -> Vec<(String, Option<u32>)> {
    let queries = rows.iter().filter(|row| row.kind == Kind::Query);
    let text = |row: &Row| {
        let query = row.query.as_ref().unwrap();
        let parts = [&query.query_type, &query.response_code, &query.answers];
        let parts: Vec<&str> = parts.into_iter().map(|part| part.as_deref().unwrap_or("-")).collect();
        (format!("{} {}", query.name, parts.join(" ")), row.counters.rtt_us)
    };
    queries.map(text).collect()
}

#[test]
fn a_dns_question_is_a_row_with_its_answer_or_without_one() {
    let mut scene = Scene::new();
    let address =
        [&[0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16][..], &[0x20, 1, 0x0d, 0xb8], &[0; 11], &[1]].concat();
    scene.udp(0, [CLIENT, RESOLVER], &dns(1, 0x0100, &[]));
    scene.udp(20, [RESOLVER, CLIENT], &dns(1, 0x8180, &address));
    scene.udp(100, [CLIENT, RESOLVER], &dns(2, 0x0100, &[]));
    scene.udp(150, [RESOLVER, CLIENT], &dns(2, 0x8183, &[]));
    // Asked twice, and never answered; and an answer to what was asked before.
    scene.udp(200, [CLIENT, RESOLVER], &dns(3, 0x0100, &[]));
    scene.udp(5_200, [CLIENT, RESOLVER], &dns(3, 0x0100, &[]));
    scene.udp(5_300, [RESOLVER, CLIENT], &dns(4, 0x8180, &address));
    let rows = scene.end();
    let found = questions(&rows);
    let found: Vec<_> = found.iter().map(|(text, rtt_us)| (text.as_str(), *rtt_us)).collect();
    assert_eq!(
        found,
        [
            ("a.b AAAA NOERROR 2001:db8::1", Some(20_000)),
            ("a.b AAAA NXDOMAIN -", Some(50_000)),
            ("a.b AAAA NOERROR 2001:db8::1", None),
            ("a.b AAAA - -", None),
        ]
    );
    let flow = rows.iter().find(|row| row.kind == Kind::Opened).unwrap().conn_id;
    assert!(rows.iter().all(|row| row.conn_id == flow), "the questions are the flow's");
}

#[test]
fn dns_over_tcp_has_a_length_before_each_message() {
    let mut scene = Scene::new();
    let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes(), message].concat();
    let two = [framed(&dns(1, 0x0100, &[])), framed(&dns(2, 0x0100, &[]))].concat();
    scene.tcp(0, [CLIENT, RESOLVER], Flags::ACK, (1, 1), &two);
    scene.tcp(30, [RESOLVER, CLIENT], Flags::ACK, (1, 99), &framed(&dns(2, 0x8185, &[])));
    let found = questions(&scene.end());
    assert_eq!(found, [("a.b AAAA REFUSED -".to_owned(), Some(30_000)), ("a.b AAAA - -".to_owned(), None)]);
}

#[test]
fn a_connection_that_both_sides_open_at_once_is_one_of_whoever_was_first() {
    let mut scene = Scene::new();
    scene.there(0, Flags::SYN, (100, 0), &[]);
    scene.back(1, Flags::SYN, (500, 0), &[]);
    // The first one is sent again.
    scene.back(5, Flags::SYN, (500, 0), &[]);
    scene.there(10, Flags::SYN | Flags::ACK, (100, 501), &[]);
    scene.back(11, Flags::SYN | Flags::ACK, (500, 101), &[]);
    scene.there(20, Flags::ACK, (101, 501), b"hello");
    scene.back(30, Flags::ACK, (501, 106), b"hi");
    let rows = scene.end();
    let last = rows.last().unwrap();
    assert!(rows.iter().all(|row| row.conn_id == last.conn_id), "{rows:?}");
    assert_eq!((last.local_addr, last.local_port), (IpAddr::V4(CLIENT.0), CLIENT.1));
    assert_eq!(last.state, Some(TcpState::Established));
    assert_eq!((last.counters.bytes_sent, last.counters.bytes_received), (Some(5), Some(2)));
    assert_eq!(last.counters.retransmits, Some(0));
}

/// The application protocol in the last row of each flow, in the order of its first row.
fn protocols(rows: &[Row]) -> Vec<String> {
    let mut ids: Vec<u64> = Vec::new();
    for row in rows.iter().filter(|row| row.kind != Kind::Query) {
        if !ids.contains(&row.conn_id) {
            ids.push(row.conn_id);
        }
    }
    let last = |id: &u64| rows.iter().rev().find(|row| row.conn_id == *id && row.kind != Kind::Query);
    let protocol = |row: &Row| row.application.as_ref()?.protocol.as_deref().map(str::to_owned);
    ids.iter().map(|id| last(id).and_then(protocol).unwrap_or_else(|| "-".to_owned())).collect()
}

#[test]
fn the_payload_says_what_is_spoken() {
    let mut scene = Scene::new();
    scene.there(0, Flags::SYN, (100, 0), b"");
    scene.back(5, Flags::SYN | Flags::ACK, (900, 101), b"");
    scene.there(10, Flags::ACK, (101, 901), b"SSH-2.0-x\r\n");
    scene.udp(20, [CLIENT, RESOLVER], &dns(1, 0x0100, &[]));
    scene.udp(30, [CLIENT, (Ipv4Addr::new(192, 0, 2, 9), 4500)], b"\x9e\x01\x02\x03");
    assert_eq!(protocols(&scene.end()), ["ssh", "dns", "unknown"]);
}

#[test]
fn a_payload_of_which_the_beginning_is_missing_is_not_called_unknown() {
    let mut scene = Scene::new();
    // Under way already.
    scene.there(0, Flags::ACK, (100, 900), b"\x9e\x01\x02\x03");
    scene.back(5, Flags::ACK, (900, 104), b"\x9e\x01\x02\x03");
    let other = (Ipv4Addr::new(10, 0, 0, 3), 50_000);
    // The first segment is missing.
    scene.tcp(10, [other, SERVER], Flags::SYN, (100, 0), b"");
    scene.tcp(12, [SERVER, other], Flags::SYN | Flags::ACK, (500, 101), b"");
    scene.tcp(14, [other, SERVER], Flags::ACK, (201, 501), b"\x9e\x01\x02\x03");
    assert_eq!(protocols(&scene.end()), ["-", "-"]);
}
