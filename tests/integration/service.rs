//! A recorder that runs for months, as `scripts/netrec.service` runs it: killed, started again, and
//! never more files than it was told to keep.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netrec::capture::CaptureFile;

use crate::record::Running;

/// Finished files that stay.
const KEEP: usize = 2;

/// The recorder of the service, with a file a second.
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

/// What lies in the folder and ends so.
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
    assert!(metadata.recovered.unwrap().contains("broken off") && metadata.ticks_taken > 0);
    assert_eq!(metadata.series.unwrap().name, "web");
    wait_until("it is removed in its turn", || !left.exists());
    wait_until("a file more is finished", || finished(folder).len() == KEEP);

    let child = again.0.take().unwrap();
    // SAFETY: the child was started here and has not been waited for, so the id is its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGTERM) }, 0);
    let code = child.wait_with_output().unwrap().status.code();
    // On a busy machine ticks may be late, which is no failure of the service.
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
