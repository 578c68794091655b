//! Recordings made in a container, which hear of the TCP connections of other network namespaces too.

use std::fs;
use std::path::Path;

use netrec::capture::{Kind, Metadata, Row, TcpState};
use serde_json::Value;

use crate::fixture;
use crate::runner::netrec_in;
use crate::scene::{Tell as _, listener, tcp};

/// The container's own network namespace, and another.
const OWN: u64 = 7;
const OTHER: u64 = 8;

/// What the container does: a web server, and a client with a connection of 10 bytes a tick.
fn own_rows() -> Vec<Row> {
    let in_own = |row: Row| Row { netns: Some(OWN), ..row };
    let opened = |conn_id| tcp(conn_id, 3).owner(100, "curl").state(TcpState::SynSent);
    let mut rows = vec![in_own(opened(2).event(Kind::Opened, 100))];
    for tick in 0..20 {
        rows.push(in_own(listener(1, "0.0.0.0", 80, tick).owner(1, "nginx")));
        if tick > 3 {
            rows.push(in_own(tcp(2, tick).owner(100, "curl").bytes(u64::from(tick) * 10, 3)));
        }
    }
    // Over between two snapshots, and of no known owner; its address is the container's.
    for (kind, state, after_ms) in
        [(Kind::Opened, TcpState::SynRecv, 10), (Kind::Closed, TcpState::Close, 20)]
    {
        rows.push(
            tcp(3, 9).from("10.0.0.1", 80).to("203.0.113.9", 50_000).state(state).event(kind, after_ms),
        );
    }
    rows
}

/// What it hears of other containers: events, most without a namespace.
fn foreign_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for number in 0..6_u16 {
        let netns = (number % 2 == 0).then_some(OTHER);
        let told = |kind, before, state, after_ms| {
            let row = tcp(100 + u64::from(number), 5).from("172.17.0.9", 5_000 + number).to("172.17.0.8", 22);
            let row = row.after_state(before).state(state).bytes(900, 900);
            Row { netns, ..row.event(kind, after_ms) }
        };
        rows.push(told(Kind::Opened, TcpState::Close, TcpState::SynSent, 1));
        rows.push(told(Kind::State, TcpState::SynSent, TcpState::Established, 2));
        rows.push(told(Kind::Closed, TcpState::Established, TcpState::Close, 300));
    }
    rows
}

fn write(path: &Path, mut rows: Vec<Row>) {
    rows.sort_by_key(|row| row.ts_us);
    let metadata = Metadata { events_lost: Some(0), ..fixture::metadata(20) };
    fixture::write(path, &rows, &metadata);
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Takes out what says that sockets were left out.
fn without_left_out(mut report: Value) -> Value {
    report["summary"]["foreign_sockets"] = 0.into();
    report["metrics"]["overview"]["foreign_sockets"] = 0.into();
    for key in ["file", "bytes", "sha256", "rows"] {
        report["capture"][key] = Value::Null;
    }
    let is_said = |gap: &Value| gap.as_str().is_some_and(|gap| gap.contains("other network namespaces"));
    for place in ["/verdict/visibility_gaps", "/capture/completeness/blind_spots"] {
        if let Some(gaps) = report.pointer_mut(place).and_then(Value::as_array_mut) {
            gaps.retain(|gap| !is_said(gap));
        }
    }
    report
}

#[test]
fn the_report_of_a_container_is_that_of_its_own_sockets_and_says_what_it_left_out() {
    let place = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| netrec_in(place.path(), arguments).succeeds();
    write(&place.path().join("own.parquet"), own_rows());
    write(&place.path().join("all.parquet"), own_rows().into_iter().chain(foreign_rows()).collect());
    run(&["analyze", "own.parquet", "-o", "own"]);
    let said = run(&["analyze", "all.parquet", "-o", "all"]).stdout;
    let (own, all) =
        (json(&place.path().join("own/report.json")), json(&place.path().join("all/report.json")));
    assert_eq!(all["summary"]["connections"], 2, "{}", all["summary"]);
    assert_eq!(
        (&all["summary"]["foreign_sockets"], &own["summary"]["foreign_sockets"]),
        (&6.into(), &0.into())
    );
    assert_eq!(without_left_out(all), without_left_out(own));

    // Every form of the report says so.
    assert!(said.contains("Left out: 6 sockets of other network namespaces"), "{said}");
    let text = |name: &str| fs::read_to_string(place.path().join("all").join(name)).unwrap();
    for name in ["report.json", "report.md", "report.html"] {
        assert!(text(name).contains("6 sockets of other network namespaces"), "{name}");
    }
    // The pictures are of the own sockets too.
    for name in
        ["open-connections", "opened-connections", "states", "transitions", "top-endpoints", "durations"]
    {
        let of = |report: &str| fs::read(place.path().join(format!("{report}/charts/{name}.svg"))).unwrap();
        assert!(of("all") == of("own"), "{name}");
    }
    // They are there for whoever wants to see them.
    let csv = text("tables/connections.csv");
    let own_column = csv.lines().next().unwrap().split(',').position(|name| name == "is_own").unwrap();
    let owns: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').nth(own_column).unwrap()).collect();
    assert_eq!(owns.iter().filter(|own| **own == "false").count(), 6, "{csv}");
    assert_eq!(owns.iter().filter(|own| **own == "true").count(), 3, "{csv}");
    assert!(
        !text("tables/endpoints.csv").contains("172.17.0.8") && !text("tables/pairs.csv").contains("172.17")
    );
}

#[test]
fn all_namespaces_are_analyzed_where_it_is_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| netrec_in(place.path(), arguments).succeeds();
    write(&place.path().join("all.parquet"), own_rows().into_iter().chain(foreign_rows()).collect());
    run(&["analyze", "all.parquet", "-o", "all", "--all-namespaces"]);
    let report = json(&place.path().join("all/report.json"));
    assert_eq!(
        (&report["summary"]["connections"], &report["summary"]["foreign_sockets"]),
        (&8.into(), &0.into())
    );
    let gaps = report["verdict"]["visibility_gaps"].to_string();
    assert!(gaps.contains("6 of 8 connections belong to other network namespaces"), "{gaps}");
    // An export is the whole capture, and says whose each socket is.
    run(&["export", "all.parquet", "--format", "ndjson", "-o", "all.ndjson"]);
    let lines = fs::read_to_string(place.path().join("all.ndjson")).unwrap();
    assert_eq!(lines.lines().filter(|line| line.contains("\"is_own\":false")).count(), 6, "{lines}");
    assert_eq!(lines.lines().count(), 9);
}

#[test]
fn a_namespace_that_the_recorder_listed_is_the_hosts_though_no_owner_is_known_in_it() {
    let place = tempfile::tempdir().unwrap();
    let mut rows = own_rows();
    // A namespace without processes, such as of `ip netns`: what hides its process is not left out.
    rows.extend((0..20).map(|tick| {
        let row = tcp(50, tick).from("172.17.0.9", 5_000).to("203.0.113.77", 4444);
        Row { netns: Some(OTHER), ..row }
    }));
    write(&place.path().join("c.parquet"), rows);
    netrec_in(place.path(), &["analyze", "c.parquet", "-o", "r", "--format", "json"]).succeeds();
    let summary = &json(&place.path().join("r/report.json"))["summary"];
    assert_eq!((&summary["connections"], &summary["foreign_sockets"]), (&3.into(), &0.into()));
}
