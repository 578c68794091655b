//! A fleet with known ground truth: the findings of `netrec fleet`, which must equal those of the
//! SQL statements.

#[path = "../../benches/fleet/scene.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
pub(crate) mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type};
use serde_json::{Value, json};

use self::scene::{BEACON_TO, Edge, Fleet, START_US, Truth};
use crate::fixture;
use crate::runner::{files, netrec_in};

/// Number of hosts in the fleet; two of them are behind a gateway.
const HOSTS: usize = 16;

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A Python with duckdb: from `NETREC_PYTHON`, or the one used for the checks.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("NETREC_PYTHON").map(PathBuf::from);
    let of_checks = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/check/bin/python");
    [named, Some(of_checks), Some("python3".into())].into_iter().flatten().find(|python| {
        let tried = Command::new(python).args(["-c", "import duckdb"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    })
}

/// Checks that the statements in `DuckDB` give the same rows.
fn compare_with_duckdb(folder: &Path) {
    let Some(python) = python() else {
        println!("skipped: no Python with duckdb (NETREC_PYTHON names one)");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/compare-fleet.py");
    let compared = Command::new(python).arg(script).arg(folder).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&compared.stdout), String::from_utf8_lossy(&compared.stderr));
    assert!(compared.status.success(), "{out}{err}");
    assert!(out.contains("10 of 10 results are equal"), "{out}");
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn entry<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|entry| entry[key] == value);
    found.unwrap_or_else(|| panic!("no {key} {value} in {list:#}"))
}

#[test]
fn what_happened_in_a_fleet_is_found_and_the_statements_find_the_same() {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::new(HOSTS, 3);
    let captures = place.path().join("captures");
    fleet.write(&captures);
    fs::write(captures.join("h0000/broken.parquet"), "no capture").unwrap();
    let ran = netrec_in(place.path(), &["fleet", "analyze", "captures", "-o", "out"]);
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    let out = place.path().join("out");
    let found = read_json(&out.join("fleet.json"));
    assert_eq!(found["captures"]["analyzed"], 2 * HOSTS);
    assert_eq!(found["captures"]["failed"][0]["capture"], "captures/h0000/broken.parquet");
    assert_eq!((&found["hosts_total"], &found["captures"]["failed_total"]), (&json!(HOSTS), &json!(1)));
    edges_are_all_and_none_wrong(&out, &fleet.truth);
    clocks_are_within_ten_milliseconds(&out, &fleet.truth);
    report_tells(&found, &fleet.truth);
    assert!(ran.stdout.contains("spread     /usr/bin/worm on 4 hosts, first on h0010"), "{}", ran.stdout);

    // The same again, byte for byte, with the steps run separately.
    netrec_in(place.path(), &["fleet", "analyze", "captures", "-o", "again"]);
    for half in ["h000*", "h001*"] {
        let pattern = format!("captures/{half}/*.parquet");
        let ran = netrec_in(place.path(), &["fleet", "map", &pattern, "-o", "tables"]);
        assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    }
    let ran = netrec_in(place.path(), &["fleet", "reduce", "tables", "-o", "apart"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let same = |folder: &str, path: &Path| {
        let name = path.strip_prefix(&out).unwrap();
        let other = place.path().join(folder).join(name);
        assert!(fs::read(path).unwrap() == fs::read(&other).unwrap(), "{folder}/{} differs", name.display());
    };
    let all = files(&out);
    for path in &all {
        same("again", path);
    }
    let is_of_results = |path: &&PathBuf| path.to_string_lossy().contains("/results/");
    for path in all.iter().filter(is_of_results) {
        same("apart", path);
    }
    same("apart", &out.join("fleet.json"));
    netrec_in(place.path(), &["verify", "out"]).succeeds();
    compare_with_duckdb(&out);
}

fn edges_are_all_and_none_wrong(out: &Path, truth: &Truth) {
    let mut expected: BTreeSet<&Edge> = truth.edges.iter().collect();
    let edges = read_edges(&out.join("results/edges.parquet"));
    for (edge, bytes_agree) in &edges {
        let is_same = |true_edge: &&&Edge| {
            (&true_edge.source, &true_edge.target, true_edge.port, true_edge.kind)
                == (&edge.source, &edge.target, edge.port, edge.kind)
                // The clock of a host behind the gateway cannot be compared with others.
                && (true_edge.start_us - edge.start_us).abs() < if edge.kind == "snat" { 50_000 } else { 10_000 }
        };
        let found = *expected.iter().find(is_same).unwrap_or_else(|| panic!("no such edge: {edge:?}"));
        expected.remove(found);
        assert_eq!(*bytes_agree, Some(true), "{edge:?}");
    }
    assert!(expected.is_empty(), "not found: {expected:?}");
    assert!(["exact", "dnat", "snat"].iter().all(|kind| edges.iter().any(|(edge, _)| edge.kind == *kind)));
}

fn read_edges(path: &Path) -> Vec<(Edge, Option<bool>)> {
    let table = netrec::fleet::RESULTS.iter().find(|table| table.name == "edges").unwrap();
    let mut edges = Vec::new();
    netrec::tables::read(table, path, &mut |batch| {
        let column = |name: &str| batch.column_by_name(name).unwrap().clone();
        let text = |name: &str, row: usize| column(name).as_string::<i32>().value(row).to_owned();
        // The id of a generated host is its name after zeros.
        let host = |name: &str, row: usize| text(name, row).trim_start_matches('0').to_owned();
        let kind = |row: usize| ["exact", "dnat", "snat"].into_iter().find(|kind| text("kind", row) == *kind);
        let agree = column("bytes_agree").as_boolean().clone();
        for row in 0..batch.num_rows() {
            let edge = Edge {
                source: host("source_host", row),
                target: host("target_host", row),
                port: column("target_port").as_primitive::<Int32Type>().value(row) as u16,
                kind: kind(row).unwrap(),
                start_us: column("start_us").as_primitive::<Int64Type>().value(row) - START_US,
            };
            edges.push((edge, agree.is_valid(row).then(|| agree.value(row))));
        }
    })
    .unwrap();
    edges
}

fn clocks_are_within_ten_milliseconds(out: &Path, truth: &Truth) {
    let table = netrec::fleet::RESULTS.iter().find(|table| table.name == "host_clocks").unwrap();
    let mut found = Vec::new();
    netrec::tables::read(table, &out.join("results/host_clocks.parquet"), &mut |batch| {
        let hosts = batch.column_by_name("host_id").unwrap().as_string::<i32>().clone();
        let ahead = batch.column_by_name("ahead_us").unwrap().as_primitive::<Int64Type>().clone();
        let row = |row| (hosts.value(row).trim_start_matches('0').to_owned(), ahead.value(row));
        found.extend((0..batch.num_rows()).map(row));
    })
    .unwrap();
    // Hosts behind the gateway have no peer that sees their address.
    assert_eq!(found.len(), HOSTS - HOSTS / 8);
    for (host, ahead_us) in found {
        let (_, true_us) = truth.ahead_us.iter().find(|(name, _)| *name == host).unwrap();
        assert!((ahead_us - true_us).abs() < 10_000, "{host}: {ahead_us}, not {true_us}");
    }
}

fn report_tells(found: &Value, truth: &Truth) {
    let spread = &found["spreads"][0];
    let came: Vec<(String, Option<String>)> = spread["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| (host["host"].as_str().unwrap().to_owned(), host["from"].as_str().map(str::to_owned)))
        .collect();
    assert_eq!(came, truth.worm, "patient zero first, and from whom the others have it");
    assert_eq!(found["totals"]["spreads"], 1);
    assert_eq!(texts(&found["chains"][0]["hosts"]), truth.chain);
    let beacon = entry(&found["beacons"], "place", BEACON_TO);
    assert_eq!(
        (texts(&beacon["hosts"]), &beacon["programs"]),
        (truth.beacon.iter().map(String::as_str).collect(), &json!(2))
    );
    assert!((beacon["period_s"].as_f64().unwrap() - 45.0).abs() < 2.0, "{beacon}");
    let scan = entry(&found["scans"], "target", &truth.scan_target);
    assert_eq!((&scan["hosts_total"], &scan["ports"]), (&json!(truth.scan_sources), &json!(24)));
    assert_eq!(scan["target_host"], "h0013");
    let rare = entry(&found["rare_executables"], "what", "/usr/bin/one-off");
    assert_eq!(rare["host"], truth.rare.as_str());
    assert!(
        rare["command"].as_str().unwrap().starts_with("netrec replay captures/h0009/h0009-0.parquet --at ")
    );
    let clock = entry(&found["clocks"], "host", "h0004");
    assert!((clock["ahead_s"].as_f64().unwrap() + 300.0).abs() < 0.01, "{clock}");
    // What could not be matched is listed with the reason; sockets of another namespace are left out.
    let coverage = &found["coverage"];
    assert_eq!(coverage["unmatched"]["not-seen-by-peer"], truth.refused, "{coverage}");
    assert_eq!(coverage["unmatched"]["same-host"], 6 * HOSTS, "a bridge and its container; {coverage}");
    assert_eq!(coverage["foreign_sockets"], truth.foreign, "{coverage}");
    let involved = texts(&entry(&found["hosts"], "host", "h0011")["involved_in"]);
    assert_eq!(involved, ["spread"]);
}

#[test]
fn too_many_bad_captures_keep_from_any_conclusion() {
    let place = tempfile::tempdir().unwrap();
    fixture::write(&place.path().join("a.parquet"), &fixture::rows(5, 1), &fixture::metadata(5));
    fs::write(place.path().join("b.parquet"), "no capture").unwrap();
    let ran = netrec_in(place.path(), &["fleet", "analyze", ".", "-o", "out"]);
    ran.fails_saying(&["1 of 2 captures could not be read", "--max-failed"]);
    assert!(!place.path().join("out").exists());
    let ran = netrec_in(place.path(), &["fleet", "analyze", ".", "-o", "out", "--max-failed", "50"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let page = fs::read_to_string(place.path().join("out/fleet.html")).unwrap();
    assert!(page.contains("b.parquet") && page.contains("1 capture could not be read"));
}

/// A capture with an intact end, so that the damage shows only when its rows are read.
#[test]
fn of_a_series_with_a_damaged_capture_the_rest_is_analyzed_and_a_copy_counted_once() {
    let place = tempfile::tempdir().unwrap();
    Fleet::new(HOSTS, 40).write(place.path());
    let damaged = place.path().join("h0001/h0001-1.parquet");
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle - 200..middle + 200].fill(0xa5);
    fs::write(&damaged, &bytes).unwrap();
    let copy = place.path().join("h0001/h0001-0-again.parquet");
    fs::copy(place.path().join("h0001/h0001-0.parquet"), copy).unwrap();
    let ran = netrec_in(place.path(), &["fleet", "analyze", "h0001", "-o", "out"]);
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    let report = read_json(&place.path().join("out/fleet.json"));
    let counts =
        ["analyzed", "degraded", "failed_total", "copies"].map(|name| report["captures"][name].clone());
    assert_eq!(counts, [2, 1, 0, 1].map(Value::from), "{report:#}");
    assert_eq!(report["hosts"][0]["degraded"], true);
}

#[test]
fn a_batch_that_is_mapped_again_leaves_the_same_files_and_replaces_no_others() {
    let place = tempfile::tempdir().unwrap();
    fixture::write(&place.path().join("a.parquet"), &fixture::rows(5, 1), &fixture::metadata(5));
    fs::write(place.path().join("list"), "a.parquet\ts3://bucket/a.parquet\n\nmissing.parquet\n").unwrap();
    let map = || netrec_in(place.path(), &["fleet", "map", "--list", "list", "-o", "tables"]);
    assert_eq!(map().code, 3, "one is missing");
    let tables = place.path().join("tables");
    let state =
        || files(&tables).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>();
    let first = state();
    assert_eq!(first.len(), netrec::tables::schema::TABLES.len());
    assert_eq!(map().code, 3);
    assert!(state() == first);
    // The names of the captures, sorted and joined by a line feed, as documented.
    let batch = netrec::capture::Digest::new(b"missing.parquet\ns3://bucket/a.parquet").to_string();
    let captures = tables.join(format!("captures-{}.parquet", &batch[..16]));
    let mut paths = Vec::new();
    netrec::tables::read(&netrec::tables::schema::CAPTURES, &captures, &mut |rows| {
        let path = rows.column_by_name("path").unwrap().as_string::<i32>().clone();
        paths.extend((0..rows.num_rows()).map(|row| path.value(row).to_owned()));
    })
    .unwrap();
    paths.sort();
    assert_eq!(paths, ["missing.parquet", "s3://bucket/a.parquet"]);
    fs::write(&captures, "mine").unwrap();
    map().fails_saying(&["it is not a table by netrec"]);
    assert_eq!(fs::read(&captures).unwrap(), b"mine");
}

#[test]
fn hostile_names_are_harmless_on_the_page_and_in_the_terminal() {
    let place = tempfile::tempdir().unwrap();
    let hostile = "<script>alert(1)</script>\u{1b}[2J\u{202e}";
    let metadata = netrec::capture::Metadata { host_name: Some(hostile.to_owned()), ..fixture::metadata(5) };
    fixture::write(&place.path().join("a.parquet"), &fixture::rows(5, 1), &metadata);
    let ran = netrec_in(place.path(), &["fleet", "analyze", "a.parquet", "-o", "out"]);
    let page = fs::read_to_string(place.path().join("out/fleet.html")).unwrap();
    assert!(page.contains("&#60;script&#62;alert(1)") && !page.contains("<script"), "{page}");
    assert!(page.contains("default-src 'none'"));
    let json = fs::read_to_string(place.path().join("out/fleet.json")).unwrap();
    for text in [&page, &json, &ran.stdout, &ran.stderr] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}

#[test]
fn the_report_follows_its_published_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/fleet-report.v1.schema.json");
    let code = serde_json::to_string_pretty(&netrec::fleet::report::schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &code).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == code, "run the tests once with UPDATE=1");
    let place = tempfile::tempdir().unwrap();
    Fleet::new(HOSTS, 1).write(&place.path().join("captures"));
    netrec_in(place.path(), &["fleet", "analyze", "captures", "-o", "out"]);
    let validator = jsonschema::validator_for(&read_json(&path)).unwrap();
    let report = read_json(&place.path().join("out/fleet.json"));
    let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}
