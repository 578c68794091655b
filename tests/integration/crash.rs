//! What is left of a recording that is killed, truncated or damaged at any moment.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use netrec::capture::{CaptureFile, Column, Metadata, Overwrite, Row, Writer};

use crate::decoys::listing;
use crate::fixture;
use crate::runner::netrec_in;

/// Number of sockets in each tick of [`record_ticks`].
const SOCKETS: usize = 6;

/// Records ticks, and drops the writer without finishing: the disk then has what a power cut after
/// the last tick leaves. Returns the folder.
fn record_ticks(home: &Path, ticks: u32) -> PathBuf {
    let path = home.join("c.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    for (tick, rows) in (0..ticks).zip(fixture::rows(ticks, SOCKETS as u64 - 1).chunks(SOCKETS)) {
        for row in rows {
            writer.push(row).unwrap();
        }
        writer.end_tick(fixture::metadata(tick + 1)).unwrap();
    }
    home.join("c.parquet.d")
}

/// `tick`, `conn_id` and `bytes_sent` of every legible row.
fn rows_of(capture: &CaptureFile) -> Vec<(u32, u64, Option<u64>)> {
    let columns = [Column::Tick, Column::ConnId, Column::BytesSent];
    let mut rows = Vec::new();
    for group in 0..capture.row_groups() {
        let Ok(batches) = capture.row_group(group, &columns) else { continue };
        for batch in batches.map_while(Result::ok) {
            let tick = batch.column_by_name("tick").unwrap().as_primitive::<UInt32Type>();
            let id = batch.column_by_name("conn_id").unwrap().as_primitive::<UInt64Type>();
            let sent = batch.column_by_name("bytes_sent").unwrap().as_primitive::<UInt64Type>();
            rows.extend(
                (0..batch.num_rows()).map(|i| (tick.value(i), id.value(i), sent.iter().nth(i).unwrap())),
            );
        }
    }
    rows.sort_unstable();
    rows
}

/// The recorded rows, in the form of [`rows_of`].
fn expected(ticks: u32) -> Vec<(u32, u64, Option<u64>)> {
    let key = |row: &Row| (row.tick, row.conn_id, row.counters.bytes_sent);
    let mut rows: Vec<_> = fixture::rows(ticks, SOCKETS as u64 - 1).iter().map(key).collect();
    rows.sort_unstable();
    rows
}

/// Copies the folder of a recording, changes one of its files, and opens the result.
fn open_changed(folder: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> netrec::Result<CaptureFile> {
    let home = tempfile::tempdir().unwrap();
    let copy = home.path().join("c.parquet.d");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let mut bytes = fs::read(copy.join(file)).unwrap();
    change(&mut bytes);
    fs::write(copy.join(file), bytes).unwrap();
    let before = listing(home.path());
    let capture = CaptureFile::open(&home.path().join("c.parquet"));
    if let Ok(capture) = &capture {
        assert!(capture.metadata().recovered.is_some() && capture.metadata().is_degraded());
    }
    assert_eq!(listing(home.path()), before, "whoever reads writes nothing");
    capture
}

#[test]
fn every_finished_tick_is_there_and_the_user_is_told() {
    let home = tempfile::tempdir().unwrap();
    record_ticks(home.path(), 5);
    let ran = netrec_in(home.path(), &["info", "c.parquet"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("interrupted") && ran.stderr.contains("5 snapshots"), "{}", ran.stderr);
    let capture = CaptureFile::open(&home.path().join("c.parquet")).unwrap();
    assert_eq!(rows_of(&capture), expected(5));
    let metadata = capture.metadata();
    assert_eq!((metadata.ticks_taken, metadata.rows), (5, 5 * SOCKETS as u64));
    assert_eq!(metadata.host_name.as_deref(), Some("testhost"));
    assert_eq!(metadata.end_us, fixture::metadata(5).end_us);
    let ran = netrec_in(home.path(), &["analyze", "c.parquet", "-o", "r"]);
    assert_eq!(ran.code, 3);
    assert!(fs::read_to_string(home.path().join("r/report.json")).unwrap().contains("interrupted"));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "what was recorded, and the report");
}

#[test]
fn a_recording_that_was_broken_off_is_finished_when_that_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    record_ticks(home.path(), 5);
    let ran = netrec_in(home.path(), &["recover", "c.parquet"]).succeeds();
    assert!(ran.stdout.contains("c.parquet: ") && ran.stdout.contains("30 rows"), "{}", ran.stdout);
    assert!(ran.stderr.contains("5 snapshots"), "{}", ran.stderr);
    assert_eq!(rows_of(&CaptureFile::open(&home.path().join("c.parquet")).unwrap()), expected(5));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "its folder has become the capture");
    let verified = netrec_in(home.path(), &["verify", "c.parquet"]);
    assert_eq!(verified.code, 3, "it is whole, and recovered: {}{}", verified.stdout, verified.stderr);
    netrec_in(home.path(), &["recover", "c.parquet"]).fails_saying(&["nothing to recover"]);
}

#[test]
fn what_cannot_be_read_completely_is_copied_as_far_as_it_goes_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let folder = record_ticks(home.path(), 5);
    let journal = folder.join("journal-0");
    let mut bytes = fs::read(&journal).unwrap();
    let end = bytes.len() - 3;
    bytes[end] ^= 0x20;
    fs::write(&journal, &bytes).unwrap();
    let before = listing(&folder);
    let ran = netrec_in(home.path(), &["recover", "c.parquet"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stdout.contains("kept: c.parquet.d"), "{}", ran.stdout);
    assert!(ran.stderr.contains("bytes of journal-0 cannot be decoded"), "{}", ran.stderr);
    assert_eq!(listing(&folder), before);
    assert_eq!(rows_of(&CaptureFile::open(&home.path().join("c.parquet")).unwrap()), expected(4));
    // It is in the way of a new recording too, and stays.
    let ran = netrec_in(home.path(), &["record", "-d", "100ms", "-o", "c.parquet", "--force"]);
    ran.fails_saying(&["c.parquet.d is left as it is", "netrec recover", "-o"]);
    assert_eq!(listing(&folder), before);
}

#[test]
fn a_journal_of_which_nothing_can_be_decoded_is_kept_by_every_command() {
    let home = tempfile::tempdir().unwrap();
    let folder = record_ticks(home.path(), 5);
    let journal = folder.join("journal-0");
    let bytes: Vec<u8> = fs::read(&journal).unwrap().into_iter().map(|byte| byte ^ 0x55).collect();
    fs::write(&journal, bytes).unwrap();
    let before = listing(home.path());
    for command in ["info", "verify", "recover"] {
        for name in ["c.parquet", "c.parquet.d"] {
            let ran = netrec_in(home.path(), &[command, name]);
            assert_eq!(ran.code, 1, "{command} {name}: {}", ran.stderr);
            assert_eq!(listing(home.path()), before, "{command} {name}");
        }
    }
    netrec_in(home.path(), &["info", "c.parquet"]).fails_saying(&["can be decoded", "nothing was removed"]);
    netrec_in(home.path(), &["record", "-d", "100ms", "-o", "c.parquet"]).fails_saying(&["is left as it is"]);
    assert_eq!(listing(home.path()), before);
}

#[test]
fn a_capture_without_its_end_is_copied_as_far_as_it_is_whole() {
    let home = tempfile::tempdir().unwrap();
    let (path, rows) = row_groups(home.path());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() * 9 / 10]).unwrap();
    let before = fs::read(&path).unwrap();
    let ran = netrec_in(home.path(), &["recover", "g.parquet"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(fs::read(&path).unwrap() == before, "the damaged one is left as it is");
    let recovered = CaptureFile::open(&home.path().join("g-recovered.parquet")).unwrap();
    let kept = rows_of(&recovered).len();
    assert!(kept >= rows / 2 && kept < rows, "{kept} of {rows}");
}

#[test]
fn a_journal_that_was_cut_anywhere_gives_the_ticks_before_the_cut_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let folder = record_ticks(home.path(), 4);
    let length = fs::metadata(folder.join("journal-0")).unwrap().len() as usize;
    let mut seen = BTreeSet::new();
    for cut in (0..=length).step_by(7).chain([length]) {
        let Ok(capture) = open_changed(&folder, "journal-0", |bytes| bytes.truncate(cut)) else {
            seen.insert(0);
            continue;
        };
        let ticks = capture.metadata().ticks_taken;
        assert_eq!(rows_of(&capture), expected(ticks as u32), "cut at {cut}");
        seen.insert(ticks);
    }
    assert_eq!(seen, BTreeSet::from([0, 1, 2, 3, 4]));
}

#[test]
fn a_flipped_byte_in_the_journal_costs_one_tick_at_most_and_no_row_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let folder = record_ticks(home.path(), 4);
    let all = expected(4);
    let length = fs::metadata(folder.join("journal-0")).unwrap().len() as usize;
    for at in (0..length).step_by(5) {
        let capture = open_changed(&folder, "journal-0", |bytes| bytes[at] ^= 0x41).unwrap();
        let rows = rows_of(&capture);
        assert!(rows.len() >= 3 * SOCKETS, "byte {at}: {} rows", rows.len());
        assert!(rows.iter().all(|row| all.contains(row)), "byte {at}: a row that was not recorded");
    }
}

/// A finished capture of three row groups, made by finishing in between.
fn row_groups(home: &Path) -> (PathBuf, usize) {
    let path = home.join("g.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    let row = &fixture::rows(1, 0)[0];
    let rows = 600_000_u32;
    for tick in 0..rows {
        writer.push(&Row { tick, conn_id: u64::from(tick), ..row.clone() }).unwrap();
    }
    writer.finish(&fixture::metadata(1)).unwrap();
    (path, rows as usize)
}

#[test]
fn a_cut_or_flipped_capture_loses_the_damaged_row_group_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    let (path, rows) = row_groups(home.path());
    let whole = fs::read(&path).unwrap();
    let groups = CaptureFile::open(&path).unwrap().row_groups();
    assert!(groups >= 3, "{groups} row groups");
    let changed = home.path().join("changed.parquet");
    for part in 1..20 {
        let mut bytes = whole.clone();
        let at = bytes.len() * part / 20;
        bytes[at] ^= 0x08;
        fs::write(&changed, &bytes).unwrap();
        let capture = CaptureFile::open(&changed).unwrap();
        let kept = rows_of(&capture);
        assert!(kept.len() >= rows - 262_144, "byte {at}: {} of {rows} rows", kept.len());
        assert!(kept.iter().all(|(tick, id, _)| u64::from(*tick) == *id), "byte {at}");
        bytes.truncate(at);
        fs::write(&changed, &bytes).unwrap();
        if let Ok(capture) = CaptureFile::open(&changed) {
            let kept = rows_of(&capture);
            assert!(kept.len().is_multiple_of(262_144), "cut at {at}: {}", kept.len());
            assert!(capture.metadata().is_degraded());
        } else {
            assert!(at < whole.len() / 2, "cut at {at}: a row group was whole");
        }
    }
}

#[test]
fn analyze_goes_on_without_a_damaged_row_group_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("c.parquet");
    fixture::write(&path, &fixture::rows(20, 5), &fixture::metadata(20));
    let mut bytes = fs::read(&path).unwrap();
    bytes[300] ^= 1;
    fs::write(&path, bytes).unwrap();
    let ran = netrec_in(home.path(), &["analyze", "c.parquet", "-o", "r"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("1 of 1 row groups") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(fs::read_to_string(home.path().join("r/report.json")).unwrap().contains("left out"));
}

#[test]
fn a_new_recording_does_not_overwrite_what_an_earlier_one_left() {
    let home = tempfile::tempdir().unwrap();
    record_ticks(home.path(), 3);
    let path = home.path().join("c.parquet");
    let writer = Writer::create(&path, Overwrite::Allowed).unwrap();
    let recovered = CaptureFile::open(&home.path().join("c-recovered.parquet")).unwrap();
    assert_eq!(rows_of(&recovered), expected(3));
    writer.finish(&Metadata::default()).unwrap();
    assert!(CaptureFile::open(&path).unwrap().metadata().recovered.is_none());
}

#[test]
fn a_recording_that_still_runs_can_be_read_and_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("c.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    for (tick, rows) in (0..3).zip(fixture::rows(3, SOCKETS as u64 - 1).chunks(SOCKETS)) {
        for row in rows {
            writer.push(row).unwrap();
        }
        writer.end_tick(fixture::metadata(tick + 1)).unwrap();
        let capture = CaptureFile::open(&path).unwrap();
        assert!(capture.metadata().recovered.as_ref().unwrap().contains("still running"));
        assert_eq!(rows_of(&capture), expected(tick + 1));
    }
    assert!(matches!(Writer::create(&path, Overwrite::Allowed), Err(netrec::Error::Busy { .. })));
    writer.finish(&fixture::metadata(3)).unwrap();
    assert_eq!(rows_of(&CaptureFile::open(&path).unwrap()), expected(3));
}

#[test]
#[cfg(unix)]
fn a_folder_by_an_earlier_version_is_read_and_copied_and_never_removed() {
    let home = tempfile::tempdir().unwrap();
    let folder = record_ticks(home.path(), 3);
    // Its lock file had no marker.
    fs::write(folder.join("lock"), "").unwrap();
    let before = listing(&folder);
    let capture = CaptureFile::open(&home.path().join("c.parquet")).unwrap();
    assert_eq!(rows_of(&capture), expected(3));
    netrec_in(home.path(), &["record", "-d", "100ms", "-o", "c.parquet"]).fails_saying(&["no marker"]);
    let ran = netrec_in(home.path(), &["recover", "c.parquet"]).succeeds();
    assert!(ran.stdout.contains("kept: c.parquet.d (it has no marker of netrec's)"), "{}", ran.stdout);
    assert_eq!(rows_of(&CaptureFile::open(&home.path().join("c.parquet")).unwrap()), expected(3));
    assert_eq!(listing(&folder), before);
}

/// The real recorder, killed at many moments: no tick that was on disk is lost.
#[test]
#[cfg(target_os = "linux")]
fn a_killed_recording_keeps_every_tick_that_was_finished() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    for round in 0..12_u64 {
        let home = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let mut recorder = Command::new(env!("CARGO_BIN_EXE_netrec"))
            .args(["record", "-d", "60s", "-i", "100ms", "-o", "k.parquet"])
            .current_dir(home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journal = home.path().join("k.parquet.d/journal-0");
        while fs::metadata(&journal).map_or(0, |facts| facts.len()) == 0 {
            assert!(start.elapsed() < Duration::from_secs(30), "no tick within 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
        // Different moments within a tick, starting with the first.
        std::thread::sleep(Duration::from_millis(round * 53));
        let before = CaptureFile::open(&home.path().join("k.parquet")).unwrap().metadata().ticks_taken;
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        let capture = CaptureFile::open(&home.path().join("k.parquet")).unwrap();
        let metadata = capture.metadata();
        assert!(
            metadata.ticks_taken >= before && before > 0,
            "{before} ticks, then {}",
            metadata.ticks_taken
        );
        assert_eq!(rows_of(&capture).len() as u64, metadata.rows);
        assert!(metadata.recovered.as_ref().unwrap().contains("interrupted"));
        netrec_in(home.path(), &["recover", "k.parquet"]).succeeds();
        assert!(!home.path().join("k.parquet.d").exists());
        assert_eq!(rows_of(&CaptureFile::open(&home.path().join("k.parquet")).unwrap()), rows_of(&capture));
    }
}

/// `cargo test --release --test integration what_a_tick_costs -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[cfg(target_os = "linux")]
fn what_a_tick_costs() {
    let cpu_ms = || {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
    };
    let home = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&home.path().join("c.parquet"), Overwrite::Never).unwrap();
    let mut costs_ms = Vec::new();
    for (tick, rows) in (0..13).zip(fixture::rows(13, 9_999).chunks(10_000)) {
        let start = cpu_ms();
        for row in rows {
            writer.push(row).unwrap();
        }
        writer.end_tick(fixture::metadata(tick + 1)).unwrap();
        costs_ms.push(cpu_ms() - start);
    }
    let journal = fs::metadata(home.path().join("c.parquet.d/journal-0")).unwrap().len();
    costs_ms.sort_by(f64::total_cmp);
    println!(
        "10,000 rows a tick: {:.1} ms of CPU (median), {} B of journal a row",
        costs_ms[6],
        journal / 130_000
    );
}
