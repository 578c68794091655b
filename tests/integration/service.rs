//! A recorder that runs for months, configured as in `scripts/netrec.service`: killed, restarted,
//! and never with more files than it was told to keep.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netrec::capture::CaptureFile;

use crate::record::{Running, with_small_disk};

/// Number of finished files to keep.
const KEEP: usize = 2;

/// The service's recorder, with a file per second.
fn start(folder: &Path) -> Running {
    let keep = KEEP.to_string();
    let child = Command::new(env!("CARGO_BIN_EXE_netrec"))
        .args(["record", "-i", "100ms", "--rotate", "1s", "--keep", &keep, "-o", "web"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running(Some(child))
}

/// Files in the folder with this ending.
fn ending(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().ends_with(end)).collect()
}

fn finished(folder: &Path) -> Vec<PathBuf> {
    ending(folder, ".parquet")
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_service_that_is_killed_goes_on_when_it_is_started_again_and_keeps_no_more_than_it_may() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    let mut killed = start(folder);
    let has_tick = |growing: &PathBuf| fs::metadata(growing.join("journal-0")).is_ok_and(|j| j.len() > 0);
    wait_until("a file is finished and the next has a tick", || {
        !finished(folder).is_empty() && ending(folder, ".d").iter().any(has_tick)
    });
    let mut child = killed.0.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let left = ending(folder, ".d").into_iter().find(has_tick).unwrap();
    let left = PathBuf::from(left.to_str().unwrap().trim_end_matches(".d"));

    let mut again = start(folder);
    wait_until("what was left is completed", || left.exists());
    let metadata = CaptureFile::open(&left).unwrap().metadata().clone();
    assert!(metadata.recovered.unwrap().contains("interrupted") && metadata.ticks_taken > 0);
    assert_eq!(metadata.series.unwrap().name, "web");
    wait_until("it is removed in its turn", || !left.exists());
    wait_until("a file more is finished", || finished(folder).len() == KEEP);

    let child = again.0.take().unwrap();
    // SAFETY: the child was started here and has not been waited for, so the id is its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGTERM) }, 0);
    let code = child.wait_with_output().unwrap().status.code();
    // On a busy machine ticks may be late, which is not a failure of the service.
    assert!(code == Some(0) || code == Some(3), "{code:?}");
    assert_eq!(ending(folder, ".d"), [] as [PathBuf; 0]);
    let mut files: Vec<_> = finished(folder)
        .into_iter()
        .map(|path| (CaptureFile::open(&path).unwrap().metadata().clone(), path))
        .collect();
    files.sort_by_key(|(metadata, _)| metadata.start_us);
    let [(before, first), (after, _)] = files.try_into().unwrap();
    assert_eq!((before.recovered, after.recovered), (None, None));
    assert_eq!(before.end_us, after.start_us, "they share a snapshot");
    let previous = after.series.unwrap().previous.unwrap().file;
    assert_eq!(previous, first.file_name().unwrap().to_str().unwrap());
}

/// The disk is nearly full for a while, as during a backup; then there is room again.
#[test]
fn a_full_disk_pauses_the_service_which_counts_what_is_lost_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let script = r#"
        "$NETREC" record -i 100ms --rotate 1s --keep 50 -o disk/web >said 2>told & recorder=$!
        while [ -z "$(ls disk | grep 'parquet$')" ]; do sleep 0.1; done
        head -c 15000000 /dev/zero >disk/filler
        until grep -q 'recording pauses' told; do sleep 0.1; done
        sleep 1
        rm disk/filler
        until grep -q 'there is room again' told; do sleep 0.1; done
        sleep 0.5
        kill $recorder
        wait $recorder; echo $? >code
        cp -r disk copy"#;
    if !with_small_disk(home.path(), script) {
        return;
    }
    let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
    assert_eq!(read("code").trim(), "3", "{}", read("told"));
    let copy = home.path().join("copy");
    assert_eq!(ending(&copy, ".d"), [] as [PathBuf; 0]);
    let of = |path: &PathBuf| CaptureFile::open(path).unwrap().metadata().clone();
    let mut parts: Vec<_> = finished(&copy).iter().map(of).collect();
    parts.sort_by_key(|metadata| metadata.series.as_ref().unwrap().sequence);
    let after = parts.iter().position(|metadata| !metadata.pauses.is_empty()).expect("it is in a file");
    let pause = parts[after].pauses[0];
    assert!(pause.ticks >= 5 && pause.rows >= pause.ticks && parts[after].is_degraded(), "{pause:?}");
    assert!(parts[after].sources.iter().any(|source| source.name == "disk"));
    assert_eq!((parts[after].start_us, parts[after - 1].end_us), (pause.to_us, pause.from_us));
    assert!(read("said").contains("snapshots with"), "{}", read("said"));
}

/// Between two checks of the disk, or because of a quota, writes may fail without a warning.
#[test]
fn a_write_that_fails_for_want_of_room_loses_no_tick_that_was_written() {
    let home = tempfile::tempdir().unwrap();
    let script = r#"
        "$NETREC" record -i 500ms --rotate 2s --keep 9 -o disk/web >said 2>told & recorder=$!
        while [ -z "$(ls disk/*.d/journal-0 2>/dev/null)" ]; do sleep 0.05; done
        # All of it, at once: not even the file can be completed any more.
        cat /dev/zero >disk/filler 2>/dev/null
        until grep -q 'recording pauses' told; do sleep 0.1; done
        rm disk/filler
        until grep -q 'there is room again' told; do sleep 0.1; done
        sleep 1
        kill $recorder
        wait $recorder; echo $? >code
        cp -r disk copy"#;
    if !with_small_disk(home.path(), script) {
        return;
    }
    let told = fs::read_to_string(home.path().join("told")).unwrap();
    let copy = home.path().join("copy");
    assert_eq!(ending(&copy, ".d"), [] as [PathBuf; 0], "{told}");
    let files = finished(&copy);
    assert!(files.len() >= 2, "{files:?} {told}");
    let ticks: u64 = files.iter().map(|path| CaptureFile::open(path).unwrap().metadata().ticks_taken).sum();
    assert!(ticks >= 2, "{told}");
}

#[test]
fn a_finished_capture_is_its_owners_alone_unless_the_group_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    for (arguments, mode) in [(&[][..], 0o600), (&["--group-readable"], 0o640)] {
        let path = folder.path().join(format!("{mode:o}.parquet"));
        let record = ["record", "-d", "100ms", "-i", "100ms", "-o", path.to_str().unwrap()];
        let ran = crate::runner::netrec_in(folder.path(), &[&record, arguments].concat());
        assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
    }
}
