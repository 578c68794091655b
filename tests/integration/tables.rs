//! Tables for other engines, and baselines.

use std::fs;
use std::path::Path;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use netrec::capture::{Kind, Metadata, Row};
use netrec::tables::schema::{self, TABLES};
use serde_json::Value;

use crate::fixture;
use crate::runner::netrec_in;
use crate::scene::{Tell as _, listener, tcp};

/// Set this to rewrite the published schema instead of comparing it.
const UPDATE: &str = "UPDATE";

#[test]
fn the_published_tables_are_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/fleet.v1.json");
    let code = serde_json::to_string_pretty(&schema::published()).unwrap() + "\n";
    if std::env::var_os(UPDATE).is_some() {
        fs::write(path, &code).unwrap();
    }
    assert!(fs::read_to_string(path).unwrap() == code, "run the tests once with {UPDATE}=1");
}

fn capture(path: &Path) {
    let mut rows: Vec<Row> = Vec::new();
    for tick in 0..20 {
        let own = tcp(1 << 63 | 5, tick).owner(100, "curl").bytes(u64::from(tick) * 10, 3);
        rows.push(Row { netns: Some(7), ..own });
        rows.push(Row { netns: Some(7), ..listener(2, "0.0.0.0", 22, tick).owner(1, "sshd") });
        // What a recorder in a container sees of another container: only an address.
        rows.push(tcp(3, tick).from("172.17.0.9", 5000).to("172.17.0.8", 80));
    }
    let metadata = Metadata {
        machine_id: Some("ab".repeat(16)),
        boot_id: Some("boot".to_owned()),
        ..fixture::metadata(20)
    };
    fixture::write(path, &rows, &metadata);
}

#[test]
fn every_table_has_the_columns_of_the_schema_and_numbers_with_a_sign() {
    let place = tempfile::tempdir().unwrap();
    capture(&place.path().join("c.parquet"));
    netrec_in(place.path(), &["analyze", "c.parquet", "--format", "json,tables"]).succeeds();
    let report = place.path().join("c-report");
    for table in TABLES {
        let path = report.join(format!("tables/{}.parquet", table.name));
        let mut rows = 0;
        // Reading compares the columns.
        netrec::tables::read(table, &path, &mut |batch| rows += batch.num_rows()).unwrap();
        let expected = match table.name {
            "connections" => 3,
            "host_addresses" | "processes" => 2,
            // A remote address of another namespace is none of this host's.
            "captures" | "listeners" | "endpoints" => 1,
            _ => rows,
        };
        assert_eq!(rows, expected, "{}", table.name);
    }
    let path = report.join("tables/connections.parquet");
    netrec::tables::read(&schema::CONNECTIONS, &path, &mut |batch| {
        let column = |name: &str| batch.column_by_name(name).unwrap().clone();
        let ids: Vec<i64> = column("conn_id").as_primitive::<Int64Type>().values().to_vec();
        // Those of other namespaces come last.
        assert_eq!(ids, [2, i64::MIN + 5, 3]);
        let own = column("is_own").as_boolean().clone();
        assert_eq!((own.value(0), own.value(1), own.value(2)), (true, true, false));
        assert!(column("host_id").as_string::<i32>().iter().all(|id| id == Some(&"ab".repeat(16))));
        assert!(column("bytes_sent").is_null(2));
    })
    .unwrap();
    let text: Value = serde_json::from_str(&fs::read_to_string(report.join("report.json")).unwrap()).unwrap();
    let capture_id = text["capture"]["sha256"].as_str().unwrap().to_owned();
    netrec::tables::read(&schema::CAPTURES, &report.join("tables/captures.parquet"), &mut |batch| {
        let ids = batch.column_by_name("capture_id").unwrap().clone();
        assert_eq!(ids.as_string::<i32>().value(0), capture_id);
    })
    .unwrap();
    netrec_in(place.path(), &["verify", "c-report"]).succeeds();
}

/// A day on which one program contacts one destination every ten minutes.
fn day(path: &Path, day: i64, to: &str) {
    let mut rows: Vec<Row> = Vec::new();
    for n in 0..100_u32 {
        let after_us = day * 86_400_000_000 + i64::from(n) * 600_000_000;
        for (kind, more_us) in [(Kind::Opened, 0), (Kind::Closed, 500_000)] {
            let row = tcp(u64::from(n) + 1, 0).from("10.0.0.1", 40_000 + n as u16).to(to, 9999);
            let row = row.owner(100, "poller").bytes(300, 100);
            let (ts_us, mono_ns) = (row.ts_us + after_us + more_us, (after_us + more_us) * 1000);
            rows.push(Row { kind, ts_us, mono_ns, ..row });
        }
    }
    let start_us = fixture::START_US + day * 86_400_000_000;
    let metadata = Metadata {
        start_us,
        end_us: start_us + 86_000_000_000,
        start_mono_ns: day * 86_400_000_000_000,
        end_mono_ns: day * 86_400_000_000_000 + 86_000_000_000_000,
        events_lost: Some(0),
        ..fixture::metadata(0)
    };
    fixture::write(path, &rows, &metadata);
}

#[test]
fn a_baseline_makes_what_is_usual_less_severe_and_what_is_new_more() {
    let place = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| netrec_in(place.path(), arguments);
    fs::create_dir(place.path().join("days")).unwrap();
    for number in 0..5 {
        day(&place.path().join(format!("days/d{number}.parquet")), number, "203.0.113.5");
    }
    let first = run(&["baseline", "days", "-o", "web.baseline"]);
    assert!(
        first.stdout.contains("5 files learned, 0 known before; 5 days of 1 host"),
        "{}{}",
        first.stdout,
        first.stderr
    );
    day(&place.path().join("days/d5.parquet"), 5, "203.0.113.5");
    let more = run(&["baseline", "days", "-o", "web.baseline", "--update"]);
    assert!(more.stdout.contains("1 file learned, 5 known before; 6 days"), "{}{}", more.stdout, more.stderr);
    assert_eq!(run(&["baseline", "days", "-o", "web.baseline"]).code, 1, "it is there already");
    let severity = |file: &str, with: bool| {
        let mut arguments = vec!["analyze", file, "--format", "json", "--force", "-o", "r"];
        if with {
            arguments.extend(["--baseline", "web.baseline"]);
        }
        run(&arguments).succeeds();
        let report: Value =
            serde_json::from_str(&fs::read_to_string(place.path().join("r/report.json")).unwrap()).unwrap();
        let beacon =
            report["findings"].as_array().unwrap().iter().find(|f| f["detector"] == "beacon").cloned();
        let beacon = beacon.unwrap_or_else(|| panic!("{report:#}"));
        let rank = ["info", "low", "medium", "high", "critical"];
        let rank = rank.iter().position(|name| beacon["severity"] == *name).unwrap();
        (rank, beacon["explanation"].as_str().unwrap().to_owned())
    };
    day(&place.path().join("usual.parquet"), 6, "203.0.113.5");
    day(&place.path().join("new.parquet"), 6, "203.0.113.77");
    let (before, _) = severity("usual.parquet", false);
    let (usual, says) = severity("usual.parquet", true);
    assert!(usual < before && says.contains("6 of the 6 days of the baseline"), "{before} {usual}: {says}");
    let (new, says) = severity("new.parquet", true);
    assert!(new >= before && says.contains("nothing contacted 203.0.113.77"), "{before} {new}: {says}");
}

#[test]
fn a_baseline_and_a_report_say_which_sockets_are_of_other_namespaces() {
    let place = tempfile::tempdir().unwrap();
    capture(&place.path().join("c.parquet"));
    let learned = netrec_in(place.path(), &["baseline", "c.parquet", "-o", "b.baseline"]);
    assert!(learned.stdout.contains("1 socket of other network namespaces left out"), "{}", learned.stdout);
    let baseline = fs::read_to_string(place.path().join("b.baseline")).unwrap();
    assert!(!baseline.contains("172.17.0.8"), "{baseline}");
    netrec_in(place.path(), &["analyze", "c.parquet", "--format", "md"]).succeeds();
    let report = fs::read_to_string(place.path().join("c-report/report.md")).unwrap();
    assert!(report.contains("Left out: 1 socket of other network namespaces"), "{report}");
}

#[test]
fn connections_become_ocsf_events_in_parquet() {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let place = tempfile::tempdir().unwrap();
    let mut rows: Vec<Row> = Vec::new();
    for tick in 0..20 {
        rows.push(listener(1, "0.0.0.0", 22, tick).owner(1, "sshd"));
        let inbound = tcp(2, tick).from("10.0.0.1", 22).to("10.0.0.9", 51_000);
        rows.push(inbound.owner(1, "sshd").bytes(700, 30));
        if tick < 10 {
            rows.push(tcp(3, tick).to("203.0.113.5", 443).owner(100, "curl").bytes(5, 900));
        }
    }
    fixture::write(&place.path().join("c.parquet"), &rows, &fixture::metadata(20));
    let export = |more: &[&str]| {
        let arguments = [&["export", "c.parquet", "--to", "ocsf-parquet"], more].concat();
        netrec_in(place.path(), &arguments)
    };
    let ran = export(&[]).succeeds();
    assert!(
        ran.stdout.contains("2 connections; 1 socket without a remote address left out"),
        "{}",
        ran.stdout
    );
    export(&["--force"]).succeeds();
    let path = place.path().join("c.ocsf.parquet");
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.num_rows(), 2);
    let long = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone();
    assert_eq!(
        long("type_uid").values().to_vec(),
        [400_102, 400_106],
        "closed first, as it is sorted by time"
    );
    assert_eq!(long("time").value(0), fixture::START_US / 1000 + 9000);
    let inside = |name: &str, field: &str| {
        batch.column_by_name(name).unwrap().as_struct().column_by_name(field).unwrap().clone()
    };
    let bytes = |field: &str| inside("traffic", field).as_primitive::<Int64Type>().values().to_vec();
    // The source of the accepted connection is the remote end.
    assert_eq!((bytes("bytes_out"), bytes("bytes_in")), (vec![5, 30], vec![900, 700]));
    let ip = |name: &str| inside(name, "ip").as_string::<i32>().value(1).to_owned();
    assert_eq!((ip("src_endpoint"), ip("dst_endpoint")), ("10.0.0.9".to_owned(), "10.0.0.1".to_owned()));
    let actor = inside("actor", "process");
    let name = actor.as_struct().column_by_name("name").unwrap().as_string::<i32>().clone();
    assert_eq!(name.iter().flatten().collect::<Vec<_>>(), ["curl", "sshd"]);
    fs::write(&path, [b"PAR1".as_slice(), &[0; 100]].concat()).unwrap();
    export(&["--force"]).fails_saying(&["it does not begin as what netrec exports"]);
}
