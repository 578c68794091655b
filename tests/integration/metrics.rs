//! The metrics of a capture.

use netrec::capture::{Counters, Metadata, Row, SourceReport, SourceStatus, TcpState};
use netrec::model::metrics::{Share, Transition};

use crate::fixture;
use crate::scene::{HOST, Tell, listener, measured, tcp, udp};

fn names(shares: &[Share]) -> Vec<(&str, u64)> {
    shares.iter().map(|share| (share.name.as_str(), share.connections)).collect()
}

fn scene() -> Vec<Row> {
    vec![
        listener(1, "0.0.0.0", 443, 0).owner(10, "nginx"),
        tcp(2, 0).owner(11, "curl").bytes(0, 0).load(50.0, 1000),
        tcp(2, 1).owner(11, "curl").bytes(3_000, 500).load(70.0, 2000),
        tcp(3, 1).from(HOST, 443).to("10.0.0.9", 5000).owner(10, "nginx").bytes(10, 20).load(5.0, 9000),
        tcp(4, 1).from("127.0.0.1", 443).to("127.0.0.1", 6000).owner(10, "nginx").state(TcpState::CloseWait),
        udp(5, 1).to("8.8.8.8", 53),
    ]
}

#[test]
fn the_overview_counts_connections_by_what_they_share() {
    let (_, metrics, _) = measured(&scene(), &fixture::metadata(2));
    let overview = &metrics.overview;
    assert_eq!((overview.sockets, overview.connections, overview.listeners), (5, 4, 1));
    assert_eq!(names(&overview.by_protocol), [("tcp", 3), ("udp", 1)]);
    assert_eq!(names(&overview.by_direction), [("outbound", 2), ("inbound", 1), ("internal", 1)]);
    assert_eq!(names(&overview.by_scope), [("public", 2), ("loopback", 1), ("private", 1)]);
    assert_eq!(names(&overview.by_state), [("ESTABLISHED", 2), ("CLOSE_WAIT", 1), ("LISTEN", 1)]);
    assert_eq!(names(&overview.top_processes), [("nginx", 2), ("curl", 1), ("unknown", 1)]);
    assert_eq!(names(&overview.top_ports), [("443/tcp", 3), ("53/udp", 1)]);
    assert_eq!(overview.open_connections_max, 4);
}

#[test]
fn bandwidth_is_of_the_recording_and_says_what_was_not_counted() {
    let (_, metrics, _) = measured(&scene(), &fixture::metadata(2));
    let bandwidth = &metrics.bandwidth;
    assert_eq!((bandwidth.bytes_sent, bandwidth.bytes_received), (3_010, 520));
    assert_eq!(bandwidth.connections_not_counted, 2);
    assert_eq!(bandwidth.by_process[0].name, "curl");
    assert!((bandwidth.peak_sent_per_s - 3_010.0).abs() < 1e-9);
    assert_eq!(metrics.processes[0].name, "curl");
    assert_eq!(metrics.processes[0].cpu_percent_mean, Some(60.0));
    assert_eq!(metrics.processes[0].memory_rss_max_bytes, Some(2000));
}

#[test]
fn tcp_is_measured_over_tcp_connections_alone() {
    let counted = |retransmits, packets_sent| Counters {
        retransmits: Some(retransmits),
        packets_sent: Some(packets_sent),
        rtt_us: Some(1000 * retransmits),
        ..Counters::default()
    };
    let rows = [
        tcp(1, 0).counters(counted(2, 50)),
        tcp(1, 700).counters(counted(5, 100)),
        tcp(2, 1).counters(counted(0, 100)),
        tcp(2, 3).counters(counted(1, 100)).state(TcpState::CloseWait).owner(1, "leak"),
        udp(3, 2),
    ];
    let (_, metrics, _) = measured(&rows, &fixture::metadata(701));
    let tcp = &metrics.tcp;
    assert_eq!((tcp.short_lived, tcp.long_lived), (1, 1));
    assert_eq!(tcp.duration_s.as_ref().map(|d| (d.count, d.max)), Some((2, 700.0)));
    assert_eq!(tcp.retransmits, 4, "those of the recording");
    assert_eq!(tcp.retransmission_rate, Some(0.03));
    assert_eq!(tcp.rtt_us.as_ref().map(|d| (d.min, d.max)), Some((1000.0, 5000.0)));
    assert_eq!(names(&tcp.close_wait_by_process), [("leak", 1)]);
    let change = Transition { from: "ESTABLISHED".to_owned(), to: "CLOSE_WAIT".to_owned(), count: 1 };
    assert_eq!(tcp.transitions, [change]);
}

#[test]
fn efficiency_leaves_out_what_was_not_counted() {
    let every = Counters {
        bytes_sent: Some(1000),
        bytes_received: Some(3000),
        packets_sent: Some(10),
        packets_received: Some(10),
        ..Counters::default()
    };
    let rows =
        [tcp(1, 0).counters(every), tcp(1, 2).counters(every), tcp(2, 0).bytes(9_999, 9_999), udp(3, 0)];
    let (_, metrics, _) = measured(&rows, &fixture::metadata(3));
    let (tcp, udp) = (&metrics.protocols[0], &metrics.protocols[1]);
    assert_eq!((tcp.connections, tcp.counted), (2, 1));
    assert_eq!((tcp.bytes_per_packet_sent, tcp.bytes_per_packet_received), (Some(100.0), Some(300.0)));
    assert_eq!(tcp.goodput_bytes_per_s, Some(2000.0));
    assert_eq!(tcp.payload_share_estimate, Some(4000.0 / (4000.0 + 20.0 * 52.0)));
    assert_eq!((udp.counted, udp.bytes_per_packet_sent, udp.payload_share_estimate), (0, None, None));
}

#[test]
fn a_recording_without_events_says_what_it_may_have_missed() {
    let rows: Vec<Row> = (0..60).map(|tick| tcp(1, tick)).chain([udp(2, 5)]).collect();
    let metadata = Metadata {
        ticks_planned: Some(120),
        ticks_late: 3,
        sources: vec![SourceReport {
            name: "proc-owners".to_owned(),
            status: SourceStatus::Partial,
            detail: "no right to see other users' processes".to_owned(),
        }],
        ..fixture::metadata(60)
    };
    let (_, _, completeness) = measured(&rows, &metadata);
    assert_eq!(completeness.shortest_lifetime_s, Some(1.0));
    let (shortest_s, longest_s) = completeness.period_range_s.unwrap();
    assert!((shortest_s - 2.0).abs() < 1e-9 && (longest_s - 59.0 / 3.0).abs() < 1e-6);
    assert_eq!((completeness.connections, completeness.connections_without_owner), (2, 2));
    for words in [
        "Connections shorter than 1 s may be missing",
        "3 of 120",
        "after 60 of 120 planned ticks",
        "2 of 2 connections have no known owner",
        "2 of 2 connections have no byte counts, 1 of them UDP",
        "proc-owners saw only part",
    ] {
        assert!(
            completeness.blind_spots.iter().any(|spot| spot.contains(words)),
            "{words:?}: {completeness:?}"
        );
    }
}

#[test]
fn events_between_ticks_leave_only_their_losses_to_say() {
    let rows: Vec<Row> = (0..60).map(|tick| tcp(1, tick).owner(1, "p").bytes(1, 1)).collect();
    let whole = Metadata { events_lost: Some(0), ..fixture::metadata(60) };
    assert_eq!(measured(&rows, &whole).2.blind_spots, Vec::<String>::new());
    let lossy = Metadata { events_lost: Some(12), ..fixture::metadata(60) };
    let completeness = measured(&rows, &lossy).2;
    assert_eq!(completeness.shortest_lifetime_s, None);
    assert_eq!(completeness.blind_spots, ["The kernel dropped 12 events before they were read."]);
}
