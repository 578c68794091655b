use super::record::{Fields, Parsed, Record};
use super::*;
use crate::capture::{Protocol, TcpState};
use crate::import::log::FlowRecord;
use crate::import::testing::Collected;

const WITH_FLAGS: &str = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags log-status";

fn record(fields: &Fields, line: &str) -> Record {
    match fields.parse(line) {
        Some(Parsed::Flow(record)) => record,
        other => panic!("{line}: {other:?}"),
    }
}

/// The connections of some records.
fn connections(fields: &str, lines: &[&str]) -> Vec<FlowRecord> {
    let fields = if fields.is_empty() { Fields::standard() } else { Fields::named_by(fields).unwrap() };
    let (mut flows, mut taken) = (Flows::default(), Collected::default());
    for line in lines {
        flows.take(&record(&fields, line), &mut taken).unwrap();
    }
    assert_eq!(flows.finish(&mut taken).unwrap(), 0);
    taken.connections
}

#[test]
fn columns_may_lie_between_semicolons() {
    let fields = Fields::named_by(
        "version;account_id;interface_id;srcaddr;dstaddr;srcport;dstport;protocol;bytes;start",
    )
    .unwrap();
    let record = record(&fields, "2;1;eni-1;10.0.0.5;192.0.2.10;40000;443;6;500;1700000000");
    assert_eq!((record.destination.1, record.bytes), (443, Some(500)));
}

#[test]
fn both_directions_and_the_intervals_that_follow_are_one_connection() {
    let found = connections(
        "",
        &[
            "2 123456789010 eni-1 192.0.2.10 10.0.0.5 443 40000 6 4 4000 1700000000 1700000059 ACCEPT OK",
            "2 123456789010 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK",
            "2 123456789010 eni-1 10.0.0.5 192.0.2.10 40000 443 6 7 700 1700000060 1700000119 ACCEPT OK",
        ],
    );
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(one.originator, ("10.0.0.5".parse().unwrap(), 40_000));
    assert_eq!((one.counters.bytes_sent, one.counters.bytes_received), (Some(1_200), Some(4_000)));
    assert_eq!((one.counters.packets_sent, one.counters.packets_received), (Some(12), Some(4)));
    assert_eq!((one.start_us, one.duration_us), (1_700_000_000_000_000, Some(119_000_000)));
}

#[test]
fn the_same_ports_an_hour_later_and_another_interface_are_other_connections() {
    let found = connections(
        "",
        &[
            "2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK",
            "2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700003600 1700003658 ACCEPT OK",
            "2 1 eni-2 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK",
        ],
    );
    assert_eq!(found.len(), 3);
    // What came back is not known, and not 0.
    assert!(found.iter().all(|connection| connection.counters.bytes_received.is_none()));
}

#[test]
fn flags_tell_who_opened_a_connection_and_how_it_went() {
    let states = |lines: &[&str]| {
        let found = connections(WITH_FLAGS, lines);
        found.iter().map(|c| (c.originator.1, c.course.middle, c.course.last)).collect::<Vec<_>>()
    };
    // Opened and closed within the interval: 3 is SYN and FIN, 19 is SYN-ACK and FIN.
    assert_eq!(
        states(&[
            "eni-1 192.0.2.10 10.0.0.5 9001 9000 6 4 400 1700000000 1700000010 ACCEPT 19 OK",
            "eni-1 10.0.0.5 192.0.2.10 9000 9001 6 4 400 1700000000 1700000010 ACCEPT 3 OK",
        ]),
        [(9000, Some(TcpState::Established), Some(TcpState::Close))]
    );
    // Only acknowledgements: it goes on.
    assert_eq!(
        states(&[
            "eni-1 10.0.0.5 192.0.2.10 9000 443 6 4 400 1700000000 1700000010 ACCEPT 0 OK",
            "eni-1 192.0.2.10 10.0.0.5 443 9000 6 4 400 1700000000 1700000010 ACCEPT 0 OK",
        ]),
        [(9000, None, Some(TcpState::Established))]
    );
    assert_eq!(
        states(&["eni-1 203.0.113.9 10.0.0.5 50000 22 6 1 40 1700000000 1700000000 REJECT 2 OK"]),
        [(50_000, None, Some(TcpState::SynSent))]
    );
    // A SYN after the FIN is the next connection on the same ports.
    assert_eq!(
        states(&[
            "eni-1 10.0.0.5 192.0.2.10 9000 443 6 4 400 1700000000 1700000010 ACCEPT 3 OK",
            "eni-1 10.0.0.5 192.0.2.10 9000 443 6 4 400 1700000020 1700000030 ACCEPT 3 OK",
        ])
        .len(),
        2
    );
}

#[test]
fn what_a_security_group_dropped_is_an_attempt_without_flags_too() {
    let found = connections(
        "",
        &["2 1 eni-1 203.0.113.9 10.0.0.5 50000 3389 6 1 40 1700000000 1700000000 REJECT OK"],
    );
    assert_eq!(found[0].course.last, Some(TcpState::SynSent));
    assert_eq!(found[0].originator.0, "203.0.113.9".parse::<std::net::IpAddr>().unwrap());
}

#[test]
fn the_ends_of_the_packet_are_those_behind_a_gateway() {
    let found = connections(
        "srcaddr dstaddr srcport dstport protocol start pkt-srcaddr pkt-dstaddr",
        &["10.0.0.220 203.0.113.5 39812 443 6 1700000000 10.0.1.5 203.0.113.5"],
    );
    assert_eq!(found[0].originator.0, "10.0.1.5".parse::<std::net::IpAddr>().unwrap());
}

#[test]
fn a_line_is_what_its_fields_say_and_nothing_else_is_a_record() {
    let fields = Fields::standard();
    let of = |line: &str| fields.parse(line);
    assert_eq!(of("2 1 eni-1 - - - - - - - 1700000000 1700000060 - NODATA"), Some(Parsed::NoData));
    assert_eq!(of("2 1 eni-1 - - - - - - - 1700000000 1700000060 - SKIPDATA"), Some(Parsed::Skipped));
    assert!(matches!(
        of("2 1 eni-1 - 10.0.0.5 1 2 6 1 40 1700000000 1700000000 ACCEPT OK"),
        Some(Parsed::Unusable(_))
    ));
    for line in [
        "",
        "2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT",
        "2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT WHAT",
        "2 1 eni-1 10.0.0 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK",
        "2 1 eni-1 10.0.0.5 192.0.2.10 70000 443 6 5 500 1700000000 1700000058 ACCEPT OK",
        "2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 300 5 500 1700000000 1700000058 ACCEPT OK",
        "2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 -5 1700000000 1700000058 ACCEPT OK",
        "2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 99999999999999999999 1 ACCEPT OK",
    ] {
        assert_eq!(of(line), None, "{line}");
    }
    let ping =
        record(&fields, "2 1 eni-1 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK");
    assert_eq!((ping.protocol, ping.source.1, ping.bytes), (Protocol::Icmp, 0, Some(336)));
    for prefix in [
        "2023-11-14T22:13:20.000000+00:00 eni-1-all ",
        "eni-1-all ",
        "2023-11-14 22:13:20.000,",
        "2023-11-14T22:13:20 ",
    ] {
        let line = format!(
            "{prefix}2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK"
        );
        assert_eq!(record(&fields, &line).destination.1, 443, "{line}");
    }
    let delivered = "2026-11-14T22:13:20.000Z 2 1 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK";
    assert_eq!(record(&fields, delivered).destination.1, 443);
}

#[test]
fn fields_are_named_by_a_line_of_their_names_alone() {
    assert!(Fields::named_by(WITH_FLAGS).is_some());
    assert!(Fields::named_by("pkt-srcaddr pkt-dstaddr protocol start").is_some());
    assert!(Fields::named_by("version account-id interface-id").is_none());
    assert!(Fields::named_by("StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State").is_none());
    assert!(Fields::named_by(&"srcaddr dstaddr ".repeat(40)).is_none());
}

#[test]
fn exports_as_csv_and_json_are_the_same_records() {
    let words = "2 123456789010 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK";
    let wanted = record(&Fields::standard(), words);
    let fields = "version,account_id,interface_id,srcaddr,dstaddr,srcport,dstport,protocol,packets,bytes,start,end,action,log_status";
    let fields = Fields::named_by(fields).unwrap();
    assert_eq!(record(&fields, &words.replace(' ', ",")), wanted);
    let quoted: Vec<String> = words.split(' ').map(|word| format!("\"{word}\"")).collect();
    assert_eq!(record(&fields, &quoted.join(",")), wanted);
    let object = r#"{"version":2,"interface-id":"eni-1","srcaddr":"10.0.0.5","dstaddr":"192.0.2.10","srcport":40000,"dstport":443,"protocol":6,"packets":5,"bytes":500,"start":1700000000,"end":1700000058,"action":"ACCEPT","log-status":"OK"}"#;
    assert_eq!(record(&Fields::standard(), object), wanted);
    assert_eq!(record(&Fields::standard(), &object.replace('-', "_").replace("eni_", "eni-")), wanted);
    let nothing = r#"{"srcaddr":"-","dstaddr":"-","protocol":"-","log_status":"NODATA"}"#;
    assert_eq!(Fields::standard().parse(nothing), Some(Parsed::NoData));
    assert_eq!(Fields::standard().parse(r#"{"srcaddr":["#), None);
    assert_eq!(Fields::standard().parse(r#"{"message":"hello"}"#), None);
}
