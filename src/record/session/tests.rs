//! Tests of the loop with a clock that jumps and a host whose ticks take as long as the script says.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use super::super::series::Rotation;
use super::*;
use crate::capture::{CaptureFile, Overwrite, Protocol, Row};

/// A clock that jumps to the time waited for; the CPU is busy during a tick. A stop may be
/// requested during a wait.
#[derive(Clone, Default)]
struct FakeClock(Rc<Cell<i64>>, Rc<Cell<i64>>, Rc<Cell<Option<i64>>>);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp { ts_us: 1_700_000_000_000_000 + self.0.get() / 1000, mono_ns: self.0.get() }
    }

    fn wait_until(&self, mono_ns: i64, stop: &Stop) {
        let asked_at_ns = self.2.get().filter(|at_ns| *at_ns <= mono_ns);
        if asked_at_ns.is_some() {
            stop.ask();
        } else if stop.is_asked() {
            return;
        }
        self.0.set(self.0.get().max(asked_at_ns.unwrap_or(mono_ns)));
    }

    fn cpu_ns(&self) -> Option<i64> {
        Some(self.1.get())
    }
}

/// A host with one socket, whose ticks take as long as the script says; `None` is a failure.
struct FakeHost {
    clock: FakeClock,
    costs_ms: Vec<Option<i64>>,
    asked: usize,
    stop_after: Option<(usize, Stop)>,
}

impl Host for FakeHost {
    fn observe(&mut self, tick: Tick, rows: &mut Vec<Row>) -> Result<Seen> {
        let cost_ms = self.costs_ms.get(self.asked).copied().unwrap_or(Some(0));
        self.asked += 1;
        if let Some((_, stop)) = self.stop_after.as_ref().filter(|(after, _)| *after == self.asked) {
            stop.ask();
        }
        let cost_ms = cost_ms.ok_or_else(|| Error::Record("no answer".to_owned()))?;
        self.clock.0.set(self.clock.0.get() + cost_ms * 1_000_000);
        self.clock.1.set(self.clock.1.get() + cost_ms * 1_000_000);
        assert!(rows.is_empty(), "a vector that came back must be empty");
        let row = Row::snapshot(7, Protocol::Tcp, ("127.0.0.1".parse().unwrap(), 80));
        rows.push(Row { tick: tick.number, ts_us: tick.moment.ts_us, ..row });
        Ok(Seen { sockets: 1, processes: 0, connections: 1 })
    }

    fn reports(&self) -> Vec<SourceReport> {
        vec![SourceReport {
            name: "fake".to_owned(),
            status: SourceStatus::Ran,
            detail: "one socket".to_owned(),
        }]
    }

    /// Another one after each snapshot.
    fn addresses(&self) -> Vec<IpAddr> {
        vec![IpAddr::from([192, 0, 2, self.asked as u8])]
    }
}

/// Records with a tick every 100 ms.
fn run(
    path: &Path,
    duration_ms: Option<u64>,
    costs_ms: &[Option<i64>],
    stop_after: Option<usize>,
) -> Result<Recording> {
    let plan = Plan {
        interval: Duration::from_millis(100),
        duration: duration_ms.map(Duration::from_millis),
        max_cpu_percent: None,
    };
    run_plan(path, plan, Rotation::default(), costs_ms, stop_after)
}

fn run_plan(
    path: &Path,
    plan: Plan,
    rotation: Rotation,
    costs_ms: &[Option<i64>],
    stop_after: Option<usize>,
) -> Result<Recording> {
    let clock = FakeClock::default();
    clock.0.set(5_000_000_000);
    run_clock(path, plan, rotation, &clock, costs_ms, stop_after)
}

fn run_clock(
    path: &Path,
    plan: Plan,
    rotation: Rotation,
    clock: &FakeClock,
    costs_ms: &[Option<i64>],
    stop_after: Option<usize>,
) -> Result<Recording> {
    let stop = Stop::default();
    let mut host = FakeHost {
        clock: clock.clone(),
        costs_ms: costs_ms.to_vec(),
        asked: 0,
        stop_after: stop_after.map(|after| (after, stop.clone())),
    };
    let output = Output {
        path: path.to_path_buf(),
        overwrite: Overwrite::Never,
        key: None,
        group_may_read: false,
        upload: None,
        rotation,
    };
    let facts = HostInfo { host_name: Some("web01".to_owned()), ..HostInfo::default() };
    let mut files = Vec::new();
    let mut progress = |progress: &Progress| files.extend(progress.files.iter().cloned());
    let recording = record(&plan, &output, &mut host, (clock, &stop), &facts, &mut progress)?;
    files.extend(recording.files);
    Ok(Recording { files, ..recording })
}

/// Ten minutes with a tick per second, in files of two minutes.
fn run_rotated(folder: &Path, rotation: Rotation) -> Recording {
    let plan = Plan {
        interval: Duration::from_secs(1),
        duration: Some(Duration::from_mins(10)),
        max_cpu_percent: None,
    };
    let rotation = Rotation { every: Some(Duration::from_mins(2)), ..rotation };
    run_plan(&folder.join("web.parquet"), plan, rotation, &[], None).unwrap()
}

#[test]
fn every_file_of_several_is_whole_and_shares_one_tick_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let recording = run_rotated(folder.path(), Rotation::default());
    assert_eq!((recording.metadata.ticks_taken, recording.metadata.rows), (601, 601));
    assert_eq!(recording.files.len(), 6);
    let mut before: Option<(Metadata, String)> = None;
    for file in &recording.files {
        let capture = CaptureFile::open(&file.path).unwrap();
        let metadata = capture.metadata().clone();
        assert!(metadata.recovered.is_none() && !metadata.is_degraded());
        assert_eq!((metadata.ticks_taken, capture.rows()), (metadata.rows, metadata.rows));
        let part = metadata.series.clone().unwrap();
        if let Some((earlier, sha256)) = &before {
            assert_eq!((metadata.start_us, metadata.start_mono_ns), (earlier.end_us, earlier.end_mono_ns));
            assert_eq!(part.part, earlier.series.as_ref().unwrap().part + 1);
            assert_eq!(part.previous.unwrap().sha256, *sha256);
        }
        assert_eq!(capture.sha256().unwrap(), file.finished.sha256.unwrap());
        before = Some((metadata, file.finished.sha256.unwrap().to_string()));
    }
    // 121 ticks each, and in the last file the tick that ended the fifth.
    let ticks: Vec<u64> = recording.files.iter().map(|file| file.finished.rows).collect();
    assert_eq!(ticks, [121, 121, 121, 121, 121, 1]);
}

#[test]
fn files_that_are_too_many_are_removed_and_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("web.parquet"), "mine").unwrap();
    let recording = run_rotated(folder.path(), Rotation { keep: Some(2), ..Rotation::default() });
    let removed: usize = recording.files.iter().map(|file| file.pruned.removed.len()).sum();
    assert_eq!(removed, 4);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "two captures and what was there");
}

/// As with NTP, or a virtual machine that wakes up.
#[test]
fn a_clock_that_is_set_back_removes_the_oldest_files_and_no_newer_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.parquet");
    let rotation = Rotation { every: Some(Duration::from_secs(1)), keep: Some(3), ..Rotation::default() };
    let plan = |seconds| Plan {
        interval: Duration::from_millis(100),
        duration: Some(Duration::from_secs(seconds)),
        max_cpu_percent: None,
    };
    let first = FakeClock::default();
    first.0.set(7200 * 1_000_000_000);
    let before = run_clock(&path, plan(5), rotation, &first, &[], None).unwrap();
    // A service that is restarted, two hours earlier by its clock.
    let second = FakeClock::default();
    let after = run_clock(&path, plan(2), rotation, &second, &[], None).unwrap();
    let left = |recording: &Recording| recording.files.iter().filter(|file| file.path.exists()).count();
    assert_eq!((left(&before), left(&after)), (0, 3));
    let sequence = |file: &FinishedFile| {
        CaptureFile::open(&file.path).unwrap().metadata().series.clone().unwrap().sequence
    };
    let numbers: Vec<_> = after.files.iter().map(sequence).collect();
    let begin = before.files.len() as u64 + 1;
    assert_eq!(numbers, [Some(begin), Some(begin + 1), Some(begin + 2)]);
}

#[test]
fn a_recording_that_needs_too_much_cpu_takes_ticks_less_often_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let plan = Plan {
        interval: Duration::from_secs(1),
        duration: Some(Duration::from_mins(10)),
        max_cpu_percent: Some(2.0),
    };
    let costs_ms = vec![Some(30); 1000];
    let metadata = run_plan(&path, plan, Rotation::default(), &costs_ms, None).unwrap().metadata;
    let [change] = metadata.interval_changes[..] else { panic!("{:?}", metadata.interval_changes) };
    assert_eq!(
        (change.interval_ms, metadata.interval_ms, metadata.longest_interval_ms()),
        (2000, 1000, 2000)
    );
    assert!((change.cpu_percent - 3.0).abs() < 0.1, "{}", change.cpu_percent);
    assert_eq!((metadata.ticks_planned, metadata.ticks_late), (Some(metadata.ticks_taken), 0));
    assert!((300..320).contains(&metadata.ticks_taken), "{} ticks", metadata.ticks_taken);
    assert_eq!(CaptureFile::open(&path).unwrap().metadata().interval_changes, [change]);
}

#[test]
fn a_planned_recording_ends_on_its_grid_and_describes_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let recording = run(&path, Some(1000), &[], None).unwrap();
    let metadata = &recording.metadata;
    assert_eq!((metadata.ticks_planned, metadata.ticks_taken, metadata.ticks_late), (Some(11), 11, 0));
    assert_eq!(metadata.end_mono_ns - metadata.start_mono_ns, 1_000_000_000);
    assert_eq!(metadata.end_us - metadata.start_us, 1_000_000);
    assert_eq!((metadata.interval_ms, metadata.events_lost), (100, None));
    assert_eq!((recording.ending, recording.connections), (StopReason::Planned, 1));
    let read = CaptureFile::open(&path).unwrap();
    assert_eq!((read.rows(), read.bytes()), (11, recording.bytes));
    assert_eq!(read.metadata().host_name.as_deref(), Some("web01"));
    assert_eq!(read.metadata().sources.len(), 1);
    assert!(!read.metadata().is_degraded());
}

#[test]
fn an_address_that_the_host_gets_during_the_recording_is_one_of_its_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let recording = run(&folder.path().join("x.parquet"), Some(14_950), &[], None).unwrap();
    assert_eq!(recording.metadata.ticks_taken, 150);
    let addresses = recording.metadata.host_addresses;
    assert_eq!(
        addresses,
        ["192.0.2.0", "192.0.2.60", "192.0.2.120", "192.0.2.150"],
        "read every 60 snapshots"
    );
}

#[test]
fn ticks_that_take_too_long_make_the_next_ones_late_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    // The second tick takes 370 ms: the third, due at 200, begins at 470; 300 and 400 are skipped.
    let recording = run(&folder.path().join("c.parquet"), Some(1000), &[Some(0), Some(370)], None).unwrap();
    assert_eq!((recording.metadata.ticks_taken, recording.metadata.ticks_late), (9, 3));
    assert!(recording.metadata.is_degraded());
}

#[test]
fn a_snapshot_that_fails_is_counted_and_said_and_does_not_end_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let recording = run(&path, Some(500), &[Some(0), None, None, Some(0)], None).unwrap();
    assert_eq!((recording.metadata.ticks_taken, recording.metadata.ticks_late), (4, 2));
    let report = recording.metadata.sources.iter().find(|source| source.name == "snapshots").unwrap();
    assert!(report.detail.starts_with("2 snapshots") && report.detail.contains("no answer"));
}

#[test]
fn a_host_that_does_not_answer_at_all_is_an_error_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(&folder.path().join("c.parquet"), Some(500), &[None], None).unwrap_err();
    assert!(error.to_string().contains("no answer"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn whoever_ends_a_recording_between_two_snapshots_gets_a_last_one() {
    let plan = |interval_ms| Plan {
        interval: Duration::from_millis(interval_ms),
        duration: None,
        max_cpu_percent: None,
    };
    // (interval, stop requested after, snapshots)
    for (interval_ms, asked_ms, ticks) in
        [(5000, 3000, 2), (5000, 12_345, 4), (5000, 10_050, 3), (5000, 0, 0)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        let clock = FakeClock::default();
        clock.0.set(7_000_000_000);
        clock.2.set(Some(clock.0.get() + asked_ms * 1_000_000));
        let recording = run_clock(&path, plan(interval_ms), Rotation::default(), &clock, &[], None);
        let metadata = recording.unwrap().metadata;
        assert_eq!((metadata.ticks_taken, metadata.ticks_late), (ticks, 0), "ended after {asked_ms} ms");
        assert_eq!(metadata.end_mono_ns - metadata.start_mono_ns, asked_ms * 1_000_000);
    }
}

#[test]
fn asking_for_the_end_completes_the_file_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let recording = run(&path, None, &[], Some(4)).unwrap();
    assert_eq!((recording.ending, recording.metadata.ticks_planned), (StopReason::Asked, None));
    assert_eq!((recording.metadata.ticks_taken, recording.metadata.ticks_late), (4, 0));
    assert_eq!(CaptureFile::open(&path).unwrap().rows(), 4);
}

#[test]
fn more_ticks_than_may_wait_are_all_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    run(&path, Some(100_000), &[], None).unwrap();
    assert_eq!(CaptureFile::open(&path).unwrap().rows(), 1001);
}
