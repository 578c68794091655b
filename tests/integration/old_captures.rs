//! The promise of the capture format: captures of earlier versions stay readable.
//!
//! `tests/data/old-captures` contains small captures as written at the time, never rewritten.
//! `facts.tsv` contains what a version of that time reported about them. To add one, run the
//! ignored test with `UPDATE=1`, rename its file, and add a line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::StringArray;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use netrec::capture::{CaptureFile, Column, Kind, Query, Row};

use crate::fixture;
use crate::runner::netrec_in;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/old-captures")
}

/// Name, rows, connections, bytes sent, DNS queries.
fn facts() -> Vec<(String, [u64; 4])> {
    let table = fs::read_to_string(folder().join("facts.tsv")).unwrap();
    let lines = table.lines().skip(1).map(|line| {
        let mut cells = line.split('\t');
        let name = cells.next().unwrap().to_owned();
        let numbers: Vec<u64> = cells.map(|cell| cell.parse().unwrap()).collect();
        (name, numbers.try_into().unwrap())
    });
    lines.collect()
}

#[test]
fn every_capture_that_was_kept_is_listed() {
    let captures = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut captures: Vec<String> = captures.map(|name| name.into_string().unwrap()).collect();
    captures.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "parquet"));
    captures.sort();
    assert_eq!(captures, facts().into_iter().map(|(name, _)| name).collect::<Vec<_>>());
    assert!(captures.len() >= 2);
}

#[test]
fn captures_of_earlier_versions_are_read_as_they_were_then() {
    for (name, [rows, connections, sent, queries]) in facts() {
        let work = tempfile::tempdir().unwrap();
        let path = folder().join(&name);
        let path = path.to_str().unwrap();
        let info = netrec_in(work.path(), &["info", path, "--json"]).stdout;
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        assert_eq!((&info["format_version"], &info["rows"]), (&1.into(), &rows.into()), "{name}");
        assert_eq!(netrec_in(work.path(), &["verify", path]).code, 0, "{name}");

        let ran = netrec_in(work.path(), &["analyze", path, "-o", "report", "--format", "json"]);
        assert!([0, 3].contains(&ran.code), "{name}: {}", ran.stderr);
        let report = fs::read_to_string(work.path().join("report/report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let overview = &report["metrics"]["overview"];
        assert_eq!(overview["connections"], connections, "{name}");
        let protocols = overview["by_protocol"].as_array().unwrap();
        let total: u64 = protocols.iter().filter_map(|protocol| protocol["bytes_sent"].as_u64()).sum();
        assert_eq!(total, sent, "{name}");

        let kinds = kinds(Path::new(path));
        assert_eq!(kinds.len() as u64, rows, "{name}");
        let found = kinds.iter().filter(|kind| *kind == Kind::Query.as_str()).count();
        assert_eq!(found as u64, queries, "{name}");
    }
}

/// The kind of every row.
fn kinds(path: &Path) -> Vec<String> {
    let capture = CaptureFile::open(path).unwrap();
    let mut kinds = Vec::new();
    for group in 0..capture.row_groups() {
        for batch in capture.row_group(group, &[Column::Kind]).unwrap() {
            let batch = batch.unwrap();
            let column = batch.column(0).as_dictionary::<Int32Type>();
            let words = column.downcast_dict::<StringArray>().unwrap();
            kinds.extend(words.into_iter().map(|kind| kind.unwrap().to_owned()));
        }
    }
    kinds
}

/// Writes a capture to keep, with rows of every kind.
#[test]
#[ignore = "writes a file to keep, for a new version of the format or of its columns"]
fn write_a_capture_to_keep() {
    let mut rows = fixture::rows(5, 4);
    let last = rows.last().unwrap().clone();
    let of = |kind: Kind, change: fn(&mut Row)| {
        let mut row = last.clone();
        row.kind = kind;
        change(&mut row);
        row
    };
    rows.push(of(Kind::Closed, |row| row.ts_us += 1000));
    rows.push(of(Kind::Query, |row| {
        row.ts_us += 2000;
        row.state = None;
        row.counters = netrec::capture::Counters::default();
        row.query = Some(Arc::new(Query {
            name: "www.example.com".to_owned(),
            query_type: Some("A".to_owned()),
            response_code: Some("NOERROR".to_owned()),
            answers: Some("192.0.2.7".to_owned()),
        }));
    }));
    assert!(std::env::var_os("UPDATE").is_some(), "set UPDATE=1 to write it");
    fixture::write(&folder().join("new.parquet"), &rows, &fixture::metadata(5));
}
