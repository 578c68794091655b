//! The report folder: complete, valid, reproducible, safe.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use netrec::capture::{Counters, Owner, OwnerSource, Protocol, Row, TcpState};
use serde_json::Value;

use crate::fixture::{self, START_US};
use crate::runner::{Ran, files, netrec_in};

/// A hostile process name.
const HOSTILE_NAME: &str = "=<script>alert(1)</script>\u{1b}]0;x\u{7}\u{202e}`|";

/// A process with a hostile name that connects every 20 s, beside the ordinary web server.
fn beacon_rows(ticks: u32) -> Vec<Row> {
    let owner = Arc::new(Owner {
        pid: Some(4242),
        process_name: Some(HOSTILE_NAME.to_owned()),
        cmdline: Some(HOSTILE_NAME.to_owned()),
        process_start_us: Some(START_US - 1),
        ..Owner::default()
    });
    let mut rows = fixture::rows(ticks, 3);
    for tick in (1..ticks).step_by(20) {
        let local = ("10.0.0.1".parse().unwrap(), 50_000 + tick as u16);
        let mut row = Row::snapshot(1_000_000 + u64::from(tick), Protocol::Tcp, local);
        row.tick = tick;
        row.ts_us = START_US + i64::from(tick) * 1_000_000;
        row.mono_ns = i64::from(tick) * 1_000_000_000;
        row.remote = Some(("203.0.113.7".parse().unwrap(), 443));
        row.state = Some(TcpState::Established);
        row.owner = Some(Arc::clone(&owner));
        row.owner_source = Some(OwnerSource::Inode);
        row.counters = Counters { bytes_sent: Some(100), bytes_received: Some(300), ..Counters::default() };
        rows.push(row);
    }
    rows
}

/// A folder with a capture of ten minutes.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fixture::write(&place.path().join("c.parquet"), &beacon_rows(600), &fixture::metadata(600));
    place
}

fn analyze(place: &Path, output: &str, more: &[&str]) -> Ran {
    netrec_in(place, &[&["analyze", "c.parquet", "-o", output], more].concat())
}

#[test]
fn the_folder_has_every_part_and_its_json_follows_the_published_schema() {
    let place = place();
    analyze(place.path(), "r", &[]).succeeds();
    let report = place.path().join("r");
    let names: Vec<_> =
        files(&report).iter().map(|path| path.strip_prefix(&report).unwrap().display().to_string()).collect();
    for name in [
        "report.html",
        "report.json",
        "report.md",
        "findings.ndjson",
        "indicators.stix.json",
        "manifest.json",
        "tables/connections.csv",
        "tables/findings.csv",
        "tables/listeners.csv",
        "tables/processes.csv",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} is missing in {names:?}");
    }
    let read = |path: &Path| serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap();
    let schema = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/report.v1.schema.json"));
    let json = read(&report.join("report.json"));
    let errors: Vec<_> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&json).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    for chart in json["charts"].as_array().unwrap() {
        assert!(
            names.iter().any(|name| *name == chart["svg"]) && names.iter().any(|name| *name == chart["png"])
        );
    }
}

#[test]
fn the_same_capture_gives_the_same_bytes() {
    let place = place();
    analyze(place.path(), "a", &[]).succeeds();
    analyze(place.path(), "b", &[]).succeeds();
    let (a, b) = (files(&place.path().join("a")), files(&place.path().join("b")));
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{}", a.display());
    }
}

#[test]
fn a_hostile_name_is_harmless_in_every_part_and_lost_in_none() {
    let place = place();
    let ran = analyze(place.path(), "r", &[]).succeeds();
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains('\u{202e}'));
    for path in files(&place.path().join("r")) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for raw in ['\u{1b}', '\u{7}', '\u{202e}'] {
            assert!(!text.contains(raw), "{raw:?} in {}", path.display());
        }
    }
    let read = |name: &str| fs::read_to_string(place.path().join("r").join(name)).unwrap();
    // The page's own: the head script, its data and its program.
    assert_eq!(read("report.html").matches("<script").count(), 3);
    assert!(read("tables/connections.csv").contains("'=<script>"));
    let json: Value = serde_json::from_str(&read("report.json")).unwrap();
    let processes = json["metrics"]["overview"]["top_processes"].as_array().unwrap();
    assert!(processes.iter().any(|process| process["name"] == HOSTILE_NAME));
}

#[test]
fn a_beacon_is_found_with_its_evidence() {
    let place = place();
    analyze(place.path(), "r", &[]).succeeds();
    let json: Value =
        serde_json::from_str(&fs::read_to_string(place.path().join("r/report.json")).unwrap()).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let beacon =
        findings.iter().find(|finding| finding["detector"] == "beacon").expect("no beacon was found");
    assert_eq!(beacon["entities"]["remote_addr"], "203.0.113.7");
    assert_eq!(beacon["evidence"]["connections_total"], 30);
    let command = beacon["evidence"]["command"].as_str().unwrap();
    assert!(command.starts_with("netrec replay c.parquet --at 2026-01-01T00:00:01"), "{command}");
}

#[test]
fn a_report_is_replaced_only_when_asked_and_nothing_else_ever() {
    let place = place();
    analyze(place.path(), "r", &[]).succeeds();
    analyze(place.path(), "r", &[]).fails_saying(&["exists already", "--force"]);
    analyze(place.path(), "r", &["--force"]).succeeds();

    fs::create_dir(place.path().join("home")).unwrap();
    fs::write(place.path().join("home/thesis.txt"), "years of work").unwrap();
    analyze(place.path(), "home", &["--force"]).fails_saying(&["not a netrec report"]);
    assert_eq!(files(&place.path().join("home")).len(), 1);

    let mut names: Vec<_> =
        fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["c.parquet", "home", "r"]);
}

#[test]
fn a_capture_without_rows_gives_a_report_that_says_so() {
    let place = tempfile::tempdir().unwrap();
    fixture::write(&place.path().join("c.parquet"), &[], &fixture::metadata(0));
    analyze(place.path(), "r", &[]).succeeds();
    let html = fs::read_to_string(place.path().join("r/report.html")).unwrap();
    assert!(html.contains("No detector could run"), "nothing found is not the same as nothing looked for");
}

#[test]
fn a_report_is_checked_against_its_manifest() {
    let place = place();
    analyze(place.path(), "r", &[]).succeeds();
    let ran = netrec_in(place.path(), &["verify", "r"]).succeeds();
    assert!(ran.stdout.contains("every byte is as written"), "{}", ran.stdout);
    let manifest = fs::read_to_string(place.path().join("r/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let verified = netrec_in(place.path(), &["verify", "c.parquet"]).stdout;
    assert!(verified.contains(manifest["capture"]["sha256"].as_str().unwrap()), "{verified}");

    let path = place.path().join("r/report.md");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("# ", "#_", 1)).unwrap();
    fs::write(place.path().join("r/note.txt"), "").unwrap();
    netrec_in(place.path(), &["verify", "r"]).fails_saying(&["report.md", "note.txt was added"]);
}

#[test]
fn the_parts_can_be_picked() {
    let place = place();
    analyze(place.path(), "r", &["--format", "json,csv"]).succeeds();
    let names: Vec<_> = fs::read_dir(place.path().join("r"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(analyze(place.path(), "s", &["--format", "pdf"]).code, 2);
}

#[test]
fn several_captures_have_a_folder_each_and_an_index() {
    let place = place();
    fs::copy(place.path().join("c.parquet"), place.path().join("d.parquet")).unwrap();
    let all = ["analyze", "--each", "c.parquet", "d.parquet", "-o", "all"];
    netrec_in(place.path(), &all).succeeds();
    let read = |name: &str| fs::read_to_string(place.path().join("all").join(name)).unwrap();
    let index: Value = serde_json::from_str(&read("index.json")).unwrap();
    let reports = index["reports"].as_array().unwrap();
    assert_eq!(reports.len(), 2);
    for (report, name) in reports.iter().zip(["c-report", "d-report"]) {
        assert_eq!(report["folder"], name);
        assert!(read("index.html").contains(&format!("href=\"./{name}/report.html\"")));
        netrec_in(place.path(), &["verify", &format!("all/{name}")]).succeeds();
    }
    netrec_in(place.path(), &all).fails_saying(&["exists already"]);

    fs::write(place.path().join("d.parquet"), "no capture any more, but long enough").unwrap();
    let ran = netrec_in(place.path(), &[&all[..], &["--force"]].concat());
    assert_eq!(ran.code, 1);
    assert!(read("index.html").contains("not analyzed"), "{}", ran.stderr);
}
