//! Tests of `hashes`: files that change, vanish or are too many.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::capture::Digest;
use crate::record::linux::proc::tests::FakeProc;

/// `printf hello | sha256sum`
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A fake host with one process, 10, whose executable is a file with this content.
struct Scene {
    fake: FakeProc,
    folder: tempfile::TempDir,
    hashes: Arc<Hashes>,
}

impl Scene {
    fn new(content: &[u8]) -> Self {
        let (fake, folder) = (FakeProc::new(), tempfile::tempdir().unwrap());
        fake.start(10, "web", 500);
        fs::write(folder.path().join("web"), content).unwrap();
        fake.set_exe(10, &folder.path().join("web"));
        let hashes = Hashes::start(fake.proc());
        Self { fake, folder, hashes }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("web")
    }

    /// Waits for the thread; `None` if the file could not be read.
    fn hash(&self, executable: &Executable) -> Option<String> {
        let begin = Instant::now();
        self.hashes.sha256(executable);
        while executable.sha256.get().is_none() {
            assert!(begin.elapsed() < Duration::from_mins(1), "{}", self.hashes.report().detail);
            std::thread::sleep(Duration::from_millis(1));
        }
        self.hashes.sha256(executable)
    }
}

#[test]
fn a_file_is_hashed_once_and_the_owner_completed() {
    let scene = Scene::new(b"hello");
    let first = scene.hashes.meet(10).unwrap();
    assert_eq!(scene.hash(&first).as_deref(), Some(HELLO));
    let again = scene.hashes.meet(10).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let mut owner = Arc::new(Owner::default());
    scene.hashes.complete(&mut owner, Some(&again));
    assert_eq!(owner.exe_sha256.as_deref(), Some(HELLO));
    let report = scene.hashes.report();
    assert_eq!((report.status, report.detail.as_str()), (SourceStatus::Ran, "executables with SHA-256: 1"));
}

#[test]
fn a_file_that_was_deleted_after_it_was_met_is_hashed_all_the_same() {
    let scene = Scene::new(b"hello");
    let executable = scene.hashes.meet(10).unwrap();
    fs::remove_file(scene.file()).unwrap();
    scene.fake.end(10);
    assert_eq!(scene.hash(&executable).as_deref(), Some(HELLO));
}

#[test]
fn a_file_that_is_written_again_is_another_one() {
    let scene = Scene::new(b"hello");
    let before = scene.hashes.meet(10).unwrap();
    assert_eq!(scene.hash(&before).as_deref(), Some(HELLO));
    fs::write(scene.file(), b"worse").unwrap();
    let after = scene.hashes.meet(10).unwrap();
    assert!(scene.hash(&after).is_some_and(|sha256| sha256 != HELLO));
    assert_eq!(scene.hash(&before).as_deref(), Some(HELLO));
}

#[test]
fn what_was_written_over_before_it_was_read_has_no_hash() {
    let scene = Scene::new(b"hello");
    let executable = scene.hashes.meet(10).unwrap();
    fs::write(scene.file(), b"something else").unwrap();
    assert_eq!(scene.hash(&executable), None);
    let report = scene.hashes.report();
    assert_eq!(report.status, SourceStatus::Partial);
    assert!(report.detail.contains("1 that could not be read"), "{}", report.detail);
}

#[test]
fn a_small_file_does_not_wait_for_a_large_one_that_is_being_read() {
    let scene = Scene::new(b"hello");
    let large = scene.folder.path().join("compiler");
    File::create(&large).unwrap().set_len(file_hash::MOST_BYTES).unwrap();
    scene.fake.start(11, "compiler", 500);
    scene.fake.set_exe(11, &large);
    let (large, small) = (scene.hashes.meet(11).unwrap(), scene.hashes.meet(10).unwrap());
    scene.hashes.sha256(&large);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(scene.hash(&small).as_deref(), Some(HELLO));
    assert!(large.is_pending());
    scene.hashes.stop();
}

#[test]
fn what_nobody_wants_is_let_go() {
    let scene = Scene::new(b"hello");
    scene.hashes.meet(10).unwrap();
    scene.hashes.let_go();
    assert_eq!(scene.hashes.files().held, 1, "not so soon");
    for known in scene.hashes.files().known.values_mut() {
        known.held.as_mut().unwrap().1 -= 2 * HOLD;
    }
    scene.hashes.let_go();
    assert_eq!(scene.hashes.files().held, 0);
    let again = scene.hashes.meet(10).unwrap();
    assert_eq!(scene.hash(&again).as_deref(), Some(HELLO));
}

#[test]
fn what_is_left_at_the_end_is_said() {
    let scene = Scene::new(b"hello");
    scene.hashes.stop();
    let executable = scene.hashes.meet(10).unwrap();
    assert_eq!(scene.hashes.sha256(&executable), None);
    let report = scene.hashes.report();
    assert_eq!(report.status, SourceStatus::Partial);
    assert!(report.detail.contains("1 not yet hashed"), "{}", report.detail);
}

#[test]
fn a_hash_that_came_after_the_last_row_is_said_to_be_missing() {
    let scene = Scene::new(b"hello");
    let executable = scene.hashes.meet(10).unwrap();
    assert_eq!(scene.hashes.sha256(&executable), None);
    while executable.sha256.get().is_none() {
        std::thread::yield_now();
    }
    scene.hashes.stop();
    let report = scene.hashes.report();
    assert_eq!(report.detail, "executables with SHA-256: 0; 1 not yet hashed when the recording ended");
    assert_eq!(report.status, SourceStatus::Partial);
}

#[test]
fn no_more_files_are_held_than_may_be() {
    let scene = Scene::new(b"hello");
    for pid in 100..100 + MOST_HELD as u32 + 10 {
        let path = scene.folder.path().join(pid.to_string());
        fs::write(&path, "x").unwrap();
        scene.fake.start(pid, "web", 500);
        scene.fake.set_exe(pid, &path);
        scene.hashes.meet(pid).unwrap();
    }
    assert_eq!(scene.hashes.files().held, MOST_HELD);
    assert!(scene.hashes.meet(9).is_none(), "there is no such process");
}

#[test]
fn a_running_program_is_read_by_its_link() {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let hashes = Hashes::start(Proc::new("/proc"));
    let executable = hashes.meet(child.id()).unwrap();
    let content = fs::read(format!("/proc/{}/exe", child.id())).unwrap();
    let scene = Scene { fake: FakeProc::new(), folder: tempfile::tempdir().unwrap(), hashes };
    let hash = scene.hash(&executable);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(hash, Some(Digest::new(&content).to_string()));
}
