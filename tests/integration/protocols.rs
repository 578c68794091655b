//! Protocols other than TCP and UDP, and DNS queries: in the file, in the analysis, and in exports.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use netrec::capture::{CaptureFile, Kind, Protocol, Query, Row};
use serde_json::Value;

use crate::fixture;
use crate::hostile::rewrite;
use crate::runner::netrec_in;
use crate::scene::{HOST, Tell, listener, pass_over, tcp, udp};

/// A ping socket that has sent 4 kB to a public address.
fn ping(conn_id: u64, tick: u32) -> Row {
    let row = Row { protocol: Protocol::Icmp, ..udp(conn_id, tick) };
    row.from(HOST, 0).to("203.0.113.7", 0).bytes(4000 * u64::from(tick + 1), 0).owner(12, "ping")
}

/// A sniffer: a packet socket for every frame.
fn sniffer(conn_id: u64, tick: u32) -> Row {
    let row =
        Row { protocol: Protocol::Packet, protocol_number: Some(3), remote: None, ..udp(conn_id, tick) };
    row.from("0.0.0.0", 0).owner(13, "dhclient")
}

fn question(conn_id: u64, tick: u32, after_ms: i64) -> Row {
    let query = Query {
        name: "www.example.org".to_owned(),
        query_type: Some("A".to_owned()),
        response_code: Some("NOERROR".to_owned()),
        answers: Query::join(["192.0.2.1", "192.0.2.2"]),
    };
    let client = (HOST.parse().unwrap(), 40_000);
    let server = ("10.0.0.53".parse().unwrap(), 53);
    let row = Row::query(conn_id, Protocol::Udp, client, server, Arc::new(query));
    row.at(tick).event(Kind::Query, after_ms).owner(14, "curl")
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for tick in 0..3 {
        rows.push(listener(1, "0.0.0.0", 22, tick).owner(9, "sshd"));
        rows.push(tcp(2, tick).bytes(100 * u64::from(tick + 1), 7).owner(8, "curl"));
        rows.push(ping(3, tick));
        rows.push(sniffer(4, tick));
        rows.push(udp(5, tick).to("10.0.0.53", 53).owner(14, "curl"));
    }
    rows
}

/// The same rows, each followed by a query, of the same connection or of one without rows.
fn rows_with_questions() -> Vec<Row> {
    let mut all = Vec::new();
    for row in rows() {
        let (conn_id, tick) = (row.conn_id, row.tick);
        all.push(row);
        all.extend([1, 2, 900].map(|after_ms| question(conn_id, tick, after_ms)));
        all.push(question(77, tick, 5));
    }
    all
}

fn capture(folder: &Path, rows: &[Row]) {
    fixture::write(&folder.join("x.parquet"), rows, &fixture::metadata(3));
}

fn dumped(folder: &Path, filter: &str) -> Vec<Value> {
    let arguments =
        ["dump", "x.parquet", "--between", "start", "end", "--format", "json", "--filter", filter];
    let ran = netrec_in(folder, &arguments).succeeds();
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn questions_change_nothing_about_the_connections_between_which_they_lie() {
    let (without, with) = (pass_over(&rows(), 3), pass_over(&rows_with_questions(), 3));
    assert_eq!(with.connections.len(), 5);
    assert_eq!(format!("{:?}", with.connections), format!("{:?}", without.connections));
    assert_eq!(format!("{:?}", with.ticks), format!("{:?}", without.ticks));
    assert_eq!((without.rows, with.rows), (15, 75));
}

#[test]
fn every_question_is_found_by_its_name_type_and_process() {
    let folder = tempfile::tempdir().unwrap();
    capture(folder.path(), &rows_with_questions());
    let found = dumped(folder.path(), "query:*.example.org query_type:A rcode:NOERROR process:curl");
    assert_eq!(found.len(), 60, "each of them, and not the last one of each connection");
    assert_eq!(
        (&found[0]["query_name"], &found[0]["remote_addr"]),
        (&"www.example.org".into(), &"10.0.0.53".into())
    );
    assert_eq!(found[0]["answers"], "192.0.2.1 192.0.2.2");
    assert_eq!(dumped(folder.path(), "-kind:query").len(), 5, "the connections beside them");
    let table = netrec_in(folder.path(), &["dump", "x.parquet", "--at", "+1s"]).succeeds().stdout;
    assert!(table.contains("A www.example.org NOERROR 192.0.2.1 192.0.2.2"), "{table}");
}

#[test]
fn what_has_no_ports_has_none_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    capture(folder.path(), &rows());
    let [socket] = dumped(folder.path(), "proto:icmp").try_into().unwrap();
    assert_eq!((&socket["local_port"], &socket["remote_port"]), (&Value::Null, &Value::Null));
    assert_eq!((&socket["remote_addr"], &socket["bytes_sent"]), (&"203.0.113.7".into(), &12_000.into()));
    let [socket] = dumped(folder.path(), "proto:packet").try_into().unwrap();
    assert_eq!((&socket["protocol_number"], &socket["local_port"]), (&3.into(), &Value::Null));

    for (format, expected) in [
        ("ndjson", r#""protocol":"icmp""#),
        ("csv", ",icmp,"),
        ("zeek", "\t10.0.0.1\t-\t203.0.113.7\t-\ticmp\t"),
    ] {
        let to = format!("out.{format}");
        netrec_in(folder.path(), &["export", "x.parquet", "--to", format, "-o", &to]).succeeds();
        let text = fs::read_to_string(folder.path().join(&to)).unwrap();
        let line = text.lines().find(|line| line.contains("203.0.113.7")).unwrap();
        assert!(line.contains(expected), "{format}: {line}");
        assert!(!line.contains("_port\":0"), "{format}: {line}");
    }
    netrec_in(folder.path(), &["analyze", "x.parquet", "-o", "r"]).succeeds();
    let report = fs::read_to_string(folder.path().join("r/report.json")).unwrap();
    assert!(report.contains("icmp"), "the protocol is in the report");
}

#[test]
fn protocols_and_kinds_of_the_future_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    capture(folder.path(), &rows_with_questions());
    rewrite(&path, |text| match text {
        b"icmp" => b"homa".to_vec(),
        b"query" => b"certificate".to_vec(),
        other => other.to_vec(),
    });
    let [socket] = dumped(folder.path(), "proto:other").try_into().unwrap();
    assert_eq!((&socket["remote_addr"], &socket["remote_port"]), (&"203.0.113.7".into(), &Value::Null));
    assert_eq!(dumped(folder.path(), "").len(), 5);
    netrec_in(folder.path(), &["analyze", "x.parquet", "-o", "r"]).succeeds();
    let capture = CaptureFile::open(&path).unwrap();
    assert_eq!(capture.metadata_as_read().recovered, None);
}
