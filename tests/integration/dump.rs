//! `netrec dump`: rows at a moment and in a time range.

use std::path::Path;

use netrec::capture::{Kind, Row};
use serde_json::Value;

use crate::fixture;
use crate::runner::netrec_in;
use crate::scene::{Tell, listener, tcp};

/// Three snapshots of a listener and a connection by nmap, and one by curl between snapshots 1 and
/// 2.
fn capture(folder: &Path) {
    let mut rows: Vec<Row> = Vec::new();
    for tick in 0..3 {
        rows.push(listener(1, "0.0.0.0", 22, tick).owner(9, "sshd"));
        rows.push(tcp(2, tick).to("10.77.0.2", 80).bytes(u64::from(tick) * 100, 0).owner(7, "nmap"));
    }
    rows.push(tcp(3, 1).event(Kind::Opened, 100).owner(8, "curl"));
    rows.push(tcp(3, 1).event(Kind::Closed, 900).bytes(5_000_000, 1).owner(8, "curl"));
    fixture::write(&folder.join("x.parquet"), &rows, &fixture::metadata(3));
}

#[track_caller]
fn rows(arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    capture(folder.path());
    let all = [&["dump", "x.parquet", "--format", "json"], arguments].concat();
    let ran = netrec_in(folder.path(), &all).succeeds();
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["conn_id"].as_str().unwrap()).collect()
}

/// Also if a snapshot of an import has no socket, as with flows of a single packet.
#[test]
fn a_range_has_every_row_of_an_import() {
    for name in ["workday", "c2-manx-udp", "c2-quasarrat"] {
        let capture = format!("{}/sample-captures/{name}.parquet", env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let info = netrec_in(folder.path(), &["info", &capture, "--json"]).succeeds().stdout;
        let info: Value = serde_json::from_str(&info).unwrap();
        let dump = ["dump", &capture, "--between", "start", "end", "--all-rows", "--format", "ndjson"];
        let rows = netrec_in(folder.path(), &dump).succeeds().stdout;
        assert_eq!(Some(rows.lines().count() as u64), info["rows"].as_u64(), "{name}");
    }
}

#[test]
fn a_moment_has_its_snapshot_and_what_happened_before() {
    assert_eq!(ids(&rows(&["--at", "00:00:01"])), ["1", "2"]);
    assert_eq!(ids(&rows(&["--at", "2026-01-01T00:00:01.5Z"])), ["3", "3", "1", "2"]);
    assert_eq!(ids(&rows(&["--at", "end", "--filter", "kind:snapshot -state:LISTEN"])), ["2"]);
    assert_eq!(ids(&rows(&["--at", "-2s"])), ["1", "2"]);
}

#[test]
fn what_an_insight_prints_works() {
    let found = rows(&[
        "--between",
        "2026-01-01T00:00:00.000000Z",
        "2026-01-01T00:00:02.000000Z",
        "--filter",
        "process:nmap remote:10.77.0.2",
    ]);
    assert_eq!(ids(&found), ["2"]);
    assert_eq!(found[0]["bytes_sent"], 200, "the last row of the connection");
}

#[test]
fn a_stretch_of_time_has_each_connection_once_or_every_row() {
    assert_eq!(ids(&rows(&["--between", "start", "end"])), ["3", "1", "2"]);
    assert_eq!(rows(&["--between", "start", "end", "--all-rows"]).len(), 8);
    assert_eq!(ids(&rows(&["--between", "start", "end", "--filter", "bytes>1M"])), ["3"]);
    assert_eq!(ids(&rows(&["--between", "+1100ms", "+1500ms"])), ["3"]);
}

#[test]
fn a_wrong_filter_or_time_is_wrong_usage_and_pointed_at() {
    let folder = tempfile::tempdir().unwrap();
    capture(folder.path());
    let ran = netrec_in(folder.path(), &["dump", "x.parquet", "--at", "start", "--filter", "proces:curl"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("did you mean process?") && ran.stderr.contains("^^^^^^"), "{}", ran.stderr);
    let ran = netrec_in(folder.path(), &["dump", "x.parquet", "--at", "noon"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("14:02"), "{}", ran.stderr);
    assert_eq!(netrec_in(folder.path(), &["dump", "x.parquet"]).code, 2);
}

#[test]
fn databases_that_no_filter_asks_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    capture(folder.path());
    for filter in [&[][..], &["--filter", "process:nmap"]] {
        let ran = netrec_in(
            folder.path(),
            &[&["dump", "x.parquet", "--at", "end", "--geoip", "x.mmdb"], filter].concat(),
        );
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("--geoip") && ran.stderr.contains("country:"), "{}", ran.stderr);
    }
    let asked = ["dump", "x.parquet", "--at", "end", "--geoip", "x.mmdb", "--filter", "country:NL"];
    assert!(netrec_in(folder.path(), &asked).stderr.contains("x.mmdb"));
}
