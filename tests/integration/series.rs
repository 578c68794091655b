//! A recording that was split into files is the same recording.

use std::path::{Path, PathBuf};

use netrec::analyze::{self, Analysis, Config};
use netrec::capture::{self, CaptureFile, Kind, Metadata, PreviousPart, Row, SeriesPart};
use netrec::geo::Databases;
use netrec::model::tables::SocketColumns;
use proptest::prelude::*;

use crate::fixture;
use crate::runner::netrec_in;
use crate::scene::{Tell as _, listener, tcp, udp};

const BOOT: &str = "5f1c7a52-0c8f-4d7e-9d35-3b8a6f2f9f10";

/// The metadata of a recording of `ticks` seconds in this boot.
fn metadata(ticks: u32) -> Metadata {
    Metadata { boot_id: Some(BOOT.to_owned()), events_lost: Some(0), ..fixture::metadata(ticks) }
}

/// The metadata of the file with the ticks from `from` to `to`.
fn part_metadata(number: u32, from: u32, to: u32) -> Metadata {
    let previous = PreviousPart { file: name(number.saturating_sub(1)), sha256: "00".to_owned() };
    Metadata {
        start_us: fixture::START_US + i64::from(from) * 1_000_000,
        start_mono_ns: i64::from(from) * 1_000_000_000,
        ticks_taken: u64::from(to - from) + 1,
        series: Some(SeriesPart {
            name: "web".to_owned(),
            part: number,
            sequence: Some(u64::from(number)),
            previous: (number > 1).then_some(previous),
        }),
        ..metadata(to)
    }
}

fn name(number: u32) -> String {
    format!("web-20260101T0000{number:02}Z.parquet")
}

/// Splits a recording at these ticks like a recorder's rotation: the snapshot of the split is in
/// both files, later events in the second.
fn cut(folder: &Path, rows: &[Row], ticks: u32, cuts: &[u32]) -> Vec<PathBuf> {
    let mut ends: Vec<u32> = cuts.to_vec();
    ends.push(ticks);
    let mut from = 0;
    let mut paths = Vec::new();
    for (number, to) in (1..).zip(ends) {
        let is_last = to == ticks;
        let is_in = |row: &&Row| match row.kind {
            Kind::Snapshot => (from..=to).contains(&row.tick),
            // The events after the last snapshot of a file are in the next one.
            _ => row.tick >= from && (row.tick < to || is_last),
        };
        let path = folder.join(name(number));
        let part: Vec<Row> = rows.iter().filter(is_in).cloned().collect();
        fixture::write(&path, &part, &part_metadata(number, from, to));
        paths.push(path);
        from = to;
    }
    paths
}

fn open(paths: &[PathBuf]) -> CaptureFile {
    let files = paths.iter().map(|path| CaptureFile::open(path).unwrap()).collect();
    let mut sorted = capture::recordings(files);
    assert_eq!((sorted.recordings.len(), sorted.copies.len()), (1, 0));
    CaptureFile::join(sorted.recordings.remove(0)).unwrap()
}

fn analyzed(capture: &CaptureFile) -> Analysis {
    analyze::run(capture, &Config::default(), &Databases::default(), &|_| {}).unwrap()
}

/// A table as text, because two tables have different keys for the same texts.
fn text(frame: &netrec::model::frame::DataFrame) -> String {
    let mut text = Vec::new();
    netrec::model::csv::Table::of(frame).write(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn assert_same(whole: &Analysis, joined: &Analysis) {
    assert_eq!(format!("{:?}", whole.findings()), format!("{:?}", joined.findings()));
    for (a, b) in [
        (&whole.tables.connections, &joined.tables.connections),
        (&whole.tables.processes, &joined.tables.processes),
        (&whole.tables.endpoints, &joined.tables.endpoints),
        (&whole.tables.time_bins, &joined.tables.time_bins),
    ] {
        assert_eq!(text(a), text(b));
    }
    let pairs = |analysis: &Analysis| netrec::model::tables::pairs(&analysis.tables).unwrap();
    assert_eq!(text(&pairs(whole)), text(&pairs(joined)));
    assert_eq!(whole.metadata.ticks_taken, joined.metadata.ticks_taken);
}

/// Sockets that stay, that come and go between ticks, and that only some ticks see.
fn told(lives: &[(u8, u8, u8)], ticks: u32) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, (start, length, kind)) in lives.iter().enumerate() {
        let id = 100 + number as u64;
        let first = u32::from(*start) % ticks;
        let last = (first + u32::from(*length)).min(ticks);
        let port = 40_000 + number as u16;
        let row = |tick: u32| match kind % 4 {
            0 => listener(id, "0.0.0.0", 8000 + number as u16, tick),
            1 => udp(id, tick).from("10.0.0.1", port),
            _ => tcp(id, tick).from("10.0.0.1", port).owner(200 + u32::from(*kind), "curl"),
        };
        if kind % 4 == 3 {
            // Opened by an event between two ticks.
            rows.push(row(first).event(Kind::Opened, 300));
        }
        for tick in first + u32::from(kind % 4 == 3)..=last {
            let since = u64::from(tick - first + 1);
            rows.push(row(tick).bytes(since * 1000, since * 10).load(f32::from(*kind) / 2.0, 1 << 20));
        }
        if kind % 4 == 3 && last < ticks {
            rows.push(row(last).event(Kind::Closed, 400));
        }
    }
    rows.sort_by_key(|row| (row.tick, row.kind != Kind::Snapshot, row.ts_us, row.conn_id));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_recording_is_the_same_in_one_file_and_in_many(
        lives in prop::collection::vec((0_u8..60, 0_u8..60, 0_u8..8), 1..12),
        cuts in prop::collection::btree_set(1_u32..59, 1..6),
    ) {
        let (ticks, place) = (60, tempfile::tempdir().unwrap());
        let rows = told(&lives, ticks);
        let whole = place.path().join("whole.parquet");
        fixture::write(&whole, &rows, &Metadata { ticks_taken: 61, ..metadata(ticks) });
        let cuts: Vec<u32> = cuts.into_iter().collect();
        let folder = place.path().join("cut");
        std::fs::create_dir(&folder).unwrap();
        let mut paths = cut(&folder, &rows, ticks, &cuts);
        // The order in which files are given does not matter.
        paths.reverse();
        let whole = analyzed(&CaptureFile::open(&whole).unwrap());
        let joined = analyzed(&open(&paths));
        assert_same(&whole, &joined);
    }
}

#[test]
fn a_missing_file_is_a_gap_and_what_is_first_seen_after_it_was_not_opened_then() {
    let place = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..=60)
        .flat_map(|tick| {
            let late = (tick >= 25).then(|| tcp(2, tick).from("10.0.0.1", 41_000));
            [Some(tcp(1, tick).bytes(u64::from(tick) * 100, 0)), late].into_iter().flatten()
        })
        .collect();
    let mut paths = cut(place.path(), &rows, 60, &[20, 40]);
    paths.remove(1);
    let joined = analyzed(&open(&paths));
    let connections = &joined.tables.connections;
    assert_eq!(connections.height(), 2);
    // The bytes that the first one moved in the gap count; when the second was opened is unknown.
    let connections = SocketColumns::of(connections).unwrap();
    assert_eq!(connections.recorded_sent(0), Some(6000));
    assert!(!connections.opened_in_recording(1));
    let spots = joined.completeness.blind_spots.join("\n");
    assert!(spots.contains("from 2026-01-01T00:00:20Z to 00:00:40Z (20 s): files of the series"), "{spots}");
    assert!(joined.metadata.is_degraded());
}

#[test]
fn a_restart_of_the_host_makes_other_sockets_of_the_same_numbers() {
    let place = tempfile::tempdir().unwrap();
    let rows = |after_us: i64| -> Vec<Row> {
        (0..30).map(|tick| tcp(7, tick)).map(|row| Row { ts_us: row.ts_us + after_us, ..row }).collect()
    };
    let write = |name: &str, boot: &str, after_us: i64| {
        let path = place.path().join(name);
        let metadata = Metadata {
            boot_id: Some(boot.to_owned()),
            start_us: fixture::START_US + after_us,
            end_us: fixture::START_US + after_us + 30_000_000,
            ..metadata(30)
        };
        fixture::write(&path, &rows(after_us), &metadata);
        path
    };
    let paths = [write("a.parquet", "one", 0), write("b.parquet", "two", 3_600_000_000)];
    let joined = open(&paths);
    let analysis = analyzed(&joined);
    assert_eq!(analysis.tables.connections.height(), 2);
    let connections = SocketColumns::of(&analysis.tables.connections).unwrap();
    assert_eq!((connections.conn_id(0), connections.conn_id(1)), (7, 7 | 1 << 48));
    let spots = analysis.completeness.blind_spots.join("\n");
    assert!(spots.contains("the host was restarted"), "{spots}");
    assert!(!analysis.metadata.is_degraded(), "a restart is no fault of the recording");
}

#[test]
fn hosts_and_recorders_at_the_same_time_are_kept_apart_and_copies_read_once() {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, host: &str, shift: u32| {
        let path = place.path().join(name);
        let rows: Vec<Row> = (shift..shift + 30).map(|tick| tcp(7, tick)).collect();
        let start_us = fixture::START_US + i64::from(shift) * 1_000_000;
        let metadata = Metadata {
            host_name: Some(host.to_owned()),
            start_us,
            start_mono_ns: i64::from(shift) * 1_000_000_000,
            ..metadata(shift + 30)
        };
        fixture::write(&path, &rows, &metadata);
        path
    };
    let paths = [
        write("a.parquet", "one", 0),
        write("b.parquet", "two", 40),
        write("c.parquet", "one", 40),
        write("d.parquet", "one", 50),
    ];
    std::fs::copy(&paths[0], place.path().join("e.parquet")).unwrap();
    let ran = netrec_in(place.path(), &["analyze", ".", "-o", "out", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("e.parquet is a copy of another file here"), "{}", ran.stderr);
    let index = std::fs::read_to_string(place.path().join("out/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let names: Vec<_> =
        index["reports"].as_array().unwrap().iter().map(|r| r["capture"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["*.parquet", "d.parquet", "b.parquet"],
        "one until 70 s, one at the same time, the other host"
    );
}

#[test]
fn every_command_takes_the_files_of_a_recording() {
    let place = tempfile::tempdir().unwrap();
    let rows = told(&[(0, 60, 2), (5, 40, 3), (20, 10, 2), (0, 60, 0)], 60);
    cut(place.path(), &rows, 60, &[20, 40]);
    let run = |arguments: &[&str]| netrec_in(place.path(), arguments);
    let info = run(&["info", "web-*.parquet"]);
    assert!(info.stdout.contains("web-*.parquet: 3 files of 1 boot, no gap between them"), "{}", info.stdout);
    // The snapshot at each split is there once, with the sockets open then.
    for (at, sockets) in [("+10s", 3), ("+20s", 4), ("+40s", 3), ("+59s", 2)] {
        let dump = run(&["dump", ".", "--at", at, "--format", "ndjson", "--filter", "kind:snapshot"]);
        assert_eq!(dump.stdout.lines().count(), sockets, "{at}: {}{}", dump.stdout, dump.stderr);
    }
    let export = run(&["export", ".", "--format", "ndjson", "-o", "-"]);
    assert_eq!(export.stdout.lines().count(), 4, "{}", export.stderr);
    let late = run(&["export", ".", "--format", "ndjson", "-o", "-", "--since", "+45s"]);
    assert_eq!(late.stdout.lines().count(), 3, "{}", late.stderr);
    let analyzed = run(&["analyze", ".", "--format", "json"]);
    assert_eq!(analyzed.code, 0, "{}", analyzed.stderr);
    let report = std::fs::read_to_string(place.path().join("web-report/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["capture"]["file"], "web-*.parquet");
    assert_eq!(report["capture"]["series"]["files"].as_array().unwrap().len(), 3);
    assert!(run(&["diff", "web-*01Z.parquet", "web-*0[23]Z.parquet"]).code == 0);
    // The hash of the previous file is invented here.
    let verified = run(&["verify", "."]);
    assert_eq!(verified.code, 1);
    assert!(verified.stdout.contains("is not the file that preceded"), "{}", verified.stdout);
    assert_eq!(run(&["analyze", ".", "--each", "-o", "each", "--format", "json"]).code, 0);
    assert!(place.path().join("each/web-20260101T000002Z-report/report.json").exists());
}

/// A fortnight in hourly files with a tick per minute: a listener, and a connection every six hours.
fn fortnight(folder: &Path) -> Vec<PathBuf> {
    const HOURS: u32 = 14 * 24;
    let at = |row: Row, minute: u32| Row {
        tick: minute,
        ts_us: fixture::START_US + i64::from(minute) * 60_000_000,
        mono_ns: i64::from(minute) * 60_000_000_000,
        ..row
    };
    let mut paths = Vec::new();
    for hour in 0..HOURS {
        let mut rows: Vec<Row> = Vec::new();
        for minute in hour * 60..=(hour + 1) * 60 {
            rows.push(at(listener(1, "0.0.0.0", 22, 0), minute));
        }
        if hour % 6 == 3 {
            let beacon = |kind, after_s: i64| {
                let row = tcp(1000 + u64::from(hour), 0).from("10.0.0.1", 42_000).owner(77, "updater");
                let row = at(row.bytes(400, 900), hour * 60 + 12);
                // A clock that is a few seconds off, sometimes early and sometimes late.
                let jitter_s = i64::from(hour * 7919 % 11) - 5;
                let after_us = (30 + after_s + jitter_s) * 1_000_000;
                Row { kind, ts_us: row.ts_us + after_us, mono_ns: row.mono_ns + after_us * 1000, ..row }
            };
            rows.push(beacon(Kind::Opened, 0));
            rows.push(beacon(Kind::Closed, 2));
        }
        let start_us = fixture::START_US + i64::from(hour) * 3_600_000_000;
        let metadata = Metadata {
            interval_ms: 60_000,
            start_us,
            end_us: start_us + 3_600_000_000,
            start_mono_ns: i64::from(hour) * 3_600_000_000_000,
            end_mono_ns: i64::from(hour + 1) * 3_600_000_000_000,
            ticks_taken: 61,
            series: Some(SeriesPart {
                name: "netrec-web".to_owned(),
                part: hour + 1,
                sequence: Some(u64::from(hour) + 1),
                previous: None,
            }),
            ..metadata(0)
        };
        let path = folder.join(format!("netrec-web-{hour:04}.parquet"));
        fixture::write(&path, &rows, &metadata);
        paths.push(path);
    }
    paths
}

#[test]
fn a_beacon_of_every_six_hours_shows_in_a_fortnight_of_hourly_files() {
    let place = tempfile::tempdir().unwrap();
    let paths = fortnight(place.path());
    let analysis = analyzed(&open(&paths));
    let beacons: Vec<_> = analysis.findings().into_iter().filter(|f| f.about.id == "beacon").collect();
    assert_eq!(beacons.len(), 1, "{:?}", analysis.findings());
    let title = &beacons[0].judgement.title;
    assert!(title.contains("6 h"), "{title}");
    assert_eq!(analysis.metadata.ticks_taken, 14 * 24 * 60 + 1);
    let alone = analyzed(&open(&paths[..1]));
    assert!(alone.findings().is_empty(), "an hour does not show it");
    // Only two hours of it are read.
    let all = open(&paths);
    let groups = all.row_groups();
    let start_us = fixture::START_US + 100 * 3_600_000_000;
    let some = all.within((start_us, start_us + 7_200_000_000));
    assert!(some.row_groups() <= 4 && groups >= 336, "{} of {groups}", some.row_groups());
    assert!((analyzed(&some).metadata.duration_s() - 7200.0).abs() < 1e-6);
}
