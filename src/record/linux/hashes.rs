//! SHA-256 of executables: once per file, in the background, and never in the recorder's way.
//!
//! The executable of a new process is opened at once, because a moment later the process may have
//! ended and the file may be deleted. It is opened only as a reference (`O_PATH`), which asks
//! nothing of any file system, not even of one whose server hangs. Two threads read the wanted
//! files, one of them only small ones: on a busy host the other, with its low priority, may take
//! seconds for a compiler, and a program that runs for milliseconds would be reported without its
//! hash. Until it is computed, and if the file cannot be read, the hash is unknown.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::hash_queue::Queue;
use super::proc::Proc;
use crate::capture::{Digest, Owner, SourceReport, SourceStatus};

/// Maximum number of files that wait to be read, and as many again that are held in case they are wanted.
const MOST_HELD: usize = 128;

/// How long a file is held that nobody wants; a held file prevents unmounting its file system.
const HOLD: Duration = Duration::from_secs(2);

/// Maximum number of remembered files.
const MOST_FILES: usize = 8192;

/// Size up to which a file is small, in bytes: some milliseconds of work.
const SMALL_BYTES: u64 = 4 << 20;

/// Maximum size of a file that is hashed, in bytes.
const MOST_BYTES: u64 = 2 << 30;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// After each chunk the thread rests for this multiple of the time it took: at most a quarter of a
/// core.
const REST_FACTOR: u32 = 3;

/// Niceness of the thread for large files.
const NICENESS: libc::c_int = 10;

/// Maximum rest, for a chunk that took long because other processes had the CPU.
const MOST_REST: Duration = Duration::from_millis(50);

/// How many times a file is read again because it changed in the meantime. Deleting it is such a change.
const ATTEMPTS: u32 = 3;

/// The identity of a file when it was first seen; after a write it is a different one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct FileId {
    device: (u32, u32),
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds; the owner of the file can set them.
    modified: (i64, u32),
    /// The time of the last change, which nobody can set; deleting changes it too.
    changed: (i64, u32),
}

impl FileId {
    /// From the kernel's memory, without a request to a file server.
    fn new(file: &File) -> io::Result<Self> {
        // SAFETY: zeros are a valid value of this structure of numbers.
        let mut found: libc::statx = unsafe { std::mem::zeroed() };
        let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
        let target = &raw mut found;
        // SAFETY: the path ends in NUL, and the target is valid; both outlive the call.
        let result =
            unsafe { libc::statx(file.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_BASIC_STATS, target) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            device: (found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            bytes: found.stx_size,
            modified: (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
            changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
        })
    }

    fn has_same_content(&self, other: &Self) -> bool {
        let of = |id: &Self| (id.device, id.inode, id.bytes, id.modified);
        of(self) == of(other)
    }
}

/// An executable, and its hash as soon as it is computed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Executable {
    id: FileId,
    /// `None` inside if it could not be read. Reading this never waits for the writing thread.
    sha256: OnceLock<Option<String>>,
    /// Set once it was reported: a hash after the last row is in no row.
    told: OnceLock<()>,
}

impl Executable {
    /// Whether its hash is still being computed.
    pub(super) fn is_pending(&self) -> bool {
        self.sha256.get().is_none()
    }

    /// The file's inode number.
    pub(super) fn inode(&self) -> u64 {
        self.id.inode
    }
}

/// The executables seen on the host.
#[derive(Debug)]
pub(super) struct Hashes {
    proc: Proc,
    files: Mutex<Files>,
    work: Arc<Work>,
}

type Job = (Arc<Executable>, File);

#[derive(Debug, Default)]
struct Files {
    known: HashMap<FileId, Known>,
    held: usize,
}

#[derive(Debug)]
struct Known {
    executable: Arc<Executable>,
    /// The file and since when it is held; `None` after it was handed over or released.
    held: Option<(File, Instant)>,
    is_wanted: bool,
}

impl Known {
    fn is_left(&self) -> bool {
        self.is_wanted && self.executable.told.get().is_none()
    }
}

/// The jobs, the results reported so far, and whether the thread should end.
#[derive(Debug)]
struct Work {
    small: Queue<Job>,
    large: Queue<Job>,
    hashed: AtomicU64,
    unreadable: AtomicU64,
    /// Someone waits for the result: no rests.
    hurrying: AtomicBool,
    ending: AtomicBool,
}

impl Hashes {
    /// Starts the threads; without them nothing is hashed, which is reported.
    pub(super) fn start(proc: Proc) -> Arc<Self> {
        let work = Arc::new(Work {
            small: Queue::new(MOST_HELD),
            large: Queue::new(MOST_HELD),
            hashed: AtomicU64::default(),
            unreadable: AtomicU64::default(),
            hurrying: AtomicBool::default(),
            ending: AtomicBool::default(),
        });
        // Nobody joins the threads: a read from a hanging file system may never return.
        let start = |run: fn(&Work)| {
            let theirs = Arc::clone(&work);
            std::thread::Builder::new().name("hashes".to_owned()).spawn(move || run(&theirs)).is_ok()
        };
        if !start(Work::run_small) {
            work.small.close();
        }
        if !start(Work::run_large) {
            work.large.close();
        }
        Arc::new(Self { proc, files: Mutex::default(), work })
    }

    /// The `/proc` in which processes are looked up.
    pub(super) fn proc(&self) -> &Proc {
        &self.proc
    }

    /// Opens the executable of a process; `None` if it is gone or not accessible.
    pub(super) fn meet(&self, pid: u32) -> Option<Arc<Executable>> {
        self.hold(self.proc.hold_exe(pid).ok()?)
    }

    /// Opens the executable of an ended process by the path and inode number that the kernel
    /// reported; `None` if the path is now another file.
    pub(super) fn meet_file(&self, path: &str, inode: u64) -> Option<Arc<Executable>> {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path).ok()?;
        let is_it = FileId::new(&file).is_ok_and(|id| id.inode == inode);
        if is_it { self.hold(file) } else { None }
    }

    fn hold(&self, file: File) -> Option<Arc<Executable>> {
        let id = FileId::new(&file).ok()?;
        let mut files = self.files();
        files.make_room(&id)?;
        let Files { known, held } = &mut *files;
        let known = known.entry(id).or_insert_with(|| Known {
            executable: Arc::new(Executable { id, sha256: OnceLock::new(), told: OnceLock::new() }),
            held: None,
            is_wanted: false,
        });
        let is_settled = known.held.is_some() || known.executable.sha256.get().is_some();
        if !is_settled && *held < MOST_HELD {
            known.held = Some((file, Instant::now()));
            *held += 1;
        }
        Some(Arc::clone(&known.executable))
    }

    /// Fills in the hash if it is known; otherwise requests it.
    pub(super) fn complete(&self, owner: &mut Arc<Owner>, executable: Option<&Executable>) {
        if owner.exe_sha256.is_none()
            && let Some(executable) = executable
            && let Some(sha256) = self.sha256(executable)
        {
            Arc::make_mut(owner).exe_sha256 = Some(sha256);
        }
    }

    /// The hash, if it is known by now; otherwise it is requested.
    pub(super) fn sha256(&self, executable: &Executable) -> Option<String> {
        if let Some(sha256) = executable.sha256.get() {
            if executable.told.set(()).is_ok() {
                let counter = if sha256.is_some() { &self.work.hashed } else { &self.work.unreadable };
                counter.fetch_add(1, Ordering::Relaxed);
            }
            return sha256.clone();
        }
        let mut files = self.files();
        let Files { known, held } = &mut *files;
        let known = known.get_mut(&executable.id)?;
        known.is_wanted = true;
        let (file, since) = known.held.take()?;
        *held -= 1;
        let job = (Arc::clone(&known.executable), file);
        if let Err((_, file)) = self.work.queue(executable.id.bytes).push(executable.id.bytes, job) {
            known.held = Some((file, since));
            *held += 1;
        }
        None
    }

    /// Closes files that nobody has wanted for a while.
    pub(super) fn let_go(&self) {
        let mut files = self.files();
        let Files { known, held } = &mut *files;
        for known in known.values_mut().filter(|known| !known.is_wanted) {
            if known.held.take_if(|(_, since)| since.elapsed() > HOLD).is_some() {
                *held -= 1;
            }
        }
    }

    /// Hashes everything wanted at full speed, and waits for it up to `most`.
    pub(super) fn hurry(&self, most: Duration) {
        self.work.hurrying.store(true, Ordering::Relaxed);
        let end = Instant::now() + most;
        self.work.small.wait_until_idle(most);
        self.work.large.wait_until_idle(end.saturating_duration_since(Instant::now()));
        self.work.hurrying.store(false, Ordering::Relaxed);
    }

    /// Stops the threads, at the latest after the current chunk.
    pub(super) fn stop(&self) {
        self.work.ending.store(true, Ordering::Relaxed);
        self.work.small.close();
        self.work.large.close();
    }

    /// How many files were hashed, and how many were not.
    pub(super) fn report(&self) -> SourceReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (hashed, unreadable) = (count(&self.work.hashed), count(&self.work.unreadable));
        let left = self.files().known.values().filter(|known| known.is_left()).count();
        let has_ended = self.work.ending.load(Ordering::Relaxed);
        let waiting =
            if has_ended { "not yet hashed when the recording ended" } else { "still to be hashed" };
        let detail = [(unreadable, "that could not be read"), (left as u64, waiting)]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("; {count} {what}"));
        let detail = format!("executables with SHA-256: {hashed}{}", detail.collect::<String>());
        let is_whole = unreadable == 0 && (left == 0 || !has_ended);
        let status = if is_whole { SourceStatus::Ran } else { SourceStatus::Partial };
        SourceReport { name: "exe-hashes".to_owned(), status, detail }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hashes {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Files {
    /// Forgets unused files if there are too many; `None` if all are in use.
    fn make_room(&mut self, id: &FileId) -> Option<()> {
        if self.known.len() >= MOST_FILES && !self.known.contains_key(id) {
            let held = &mut self.held;
            self.known.retain(|_, known| {
                let stays = Arc::strong_count(&known.executable) > 1 || known.is_left();
                *held -= usize::from(!stays && known.held.is_some());
                stays
            });
        }
        (self.known.len() < MOST_FILES || self.known.contains_key(id)).then_some(())
    }
}

impl Work {
    /// The queue for a file of this size.
    fn queue(&self, bytes: u64) -> &Queue<Job> {
        if bytes <= SMALL_BYTES { &self.small } else { &self.large }
    }

    fn run_small(&self) {
        self.run(&self.small);
    }

    fn run_large(&self) {
        ask_for_little();
        self.run(&self.large);
    }

    fn run(&self, jobs: &Queue<Job>) {
        while let Some((executable, file)) = jobs.take() {
            let sha256 = hash(&file, executable.id, self);
            if self.ending.load(Ordering::Relaxed) {
                return;
            }
            // Nobody else sets it.
            let _ = executable.sha256.set(sha256.ok());
        }
    }
}

/// The hash of the file as it was first seen. A change of its content is noticed, unless its times
/// were reset to look the same just before it was read.
fn hash(held: &File, met: FileId, work: &Work) -> io::Result<String> {
    let mut before = FileId::new(held)?;
    for _ in 0..ATTEMPTS {
        if !before.has_same_content(&met) {
            break;
        }
        let sha256 = hash_once(held, before.bytes, work)?;
        let after = FileId::new(held)?;
        if after == before {
            return Ok(sha256);
        }
        before = after;
    }
    Err(io::Error::other("the file changed while it was read"))
}

fn hash_once(held: &File, bytes: u64, work: &Work) -> io::Result<String> {
    if bytes > MOST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut file = open(held)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES.min(bytes as usize + 1)];
    let mut read = 0;
    loop {
        let begin = Instant::now();
        let length = file.read(&mut chunk)?;
        hasher.update(&chunk[..length]);
        read += length as u64;
        if length == 0 || read > bytes || work.ending.load(Ordering::Relaxed) {
            break;
        }
        // A file of one chunk is finished before its rest.
        if read < bytes && !work.hurrying.load(Ordering::Relaxed) {
            std::thread::sleep((begin.elapsed() * REST_FACTOR).min(MOST_REST));
        }
    }
    if read != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Digest::from_hash(hasher).to_string())
}

/// Opens a held file, without updating its access time if permitted.
fn open(held: &File) -> io::Result<File> {
    let path = format!("/proc/self/fd/{}", held.as_raw_fd());
    let without_mark = OpenOptions::new().read(true).custom_flags(libc::O_NOATIME).open(&path);
    without_mark.or_else(|_| File::open(&path))
}

/// Lowers the priority for CPU and disk; where that is refused, nothing changes. The rests limit it
/// to a quarter of a core in any case.
fn ask_for_little() {
    /// `IOPRIO_WHO_PROCESS`, and `IOPRIO_CLASS_IDLE` shifted into position (`linux/ioprio.h`).
    const WHO_PROCESS: libc::c_int = 1;
    const IDLE: libc::c_int = 3 << 13;
    // Not `SCHED_IDLE`: a host in trouble is never idle, and the hashes of its short programs are
    // wanted. The rests limit it to a quarter of a core.
    // SAFETY: no memory is passed; 0 is the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
    // SAFETY: no memory is passed; 0 is the calling thread.
    unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, IDLE) };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::proc::tests::FakeProc;
    use super::*;

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
        assert_eq!(
            (report.status, report.detail.as_str()),
            (SourceStatus::Ran, "executables with SHA-256: 1")
        );
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
        File::create(&large).unwrap().set_len(MOST_BYTES).unwrap();
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
}
