//! SHA-256 of executables: once per file, in the background, and never in the recorder's way.
//!
//! The executable of a new process is opened at once, because a moment later the process may have
//! ended and the file may be deleted. It is opened only as a reference (`O_PATH`), which asks
//! nothing of any file system, not even of one whose server hangs. Two threads read the wanted
//! files, one of them only small ones: on a busy host the other, with its low priority, may take
//! seconds for a compiler, and a program that runs for milliseconds would be reported without its
//! hash. Until it is computed, and if the file cannot be read, the hash is unknown.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::file_hash::{self, FileId, Pace};
use super::hash_queue::Queue;
use super::proc::Proc;
use crate::capture::{Owner, SourceReport, SourceStatus};

/// Maximum number of files that wait to be read, and as many again that are held in case they are wanted.
const MOST_HELD: usize = 128;

/// How long a file is held that nobody wants; a held file prevents unmounting its file system.
const HOLD: Duration = Duration::from_secs(2);

/// Maximum number of remembered files.
const MOST_FILES: usize = 8192;

/// Size up to which a file is small, in bytes: some milliseconds of work.
const SMALL_BYTES: u64 = 4 << 20;

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
    known: HashMap<FileId, HashedFile>,
    held: usize,
}

#[derive(Debug)]
struct HashedFile {
    executable: Arc<Executable>,
    /// The file and since when it is held; `None` after it was handed over or released.
    held: Option<(File, Instant)>,
    is_wanted: bool,
}

impl HashedFile {
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
    pace: Pace,
}

impl Hashes {
    /// Starts the threads; without them nothing is hashed, which is reported.
    pub(super) fn start(proc: Proc) -> Arc<Self> {
        let work = Arc::new(Work {
            small: Queue::new(MOST_HELD),
            large: Queue::new(MOST_HELD),
            hashed: AtomicU64::default(),
            unreadable: AtomicU64::default(),
            pace: Pace::default(),
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
        let known = known.entry(id).or_insert_with(|| HashedFile {
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
        self.work.pace.hurrying.store(true, Ordering::Relaxed);
        let end = Instant::now() + most;
        self.work.small.wait_until_idle(most);
        self.work.large.wait_until_idle(end.saturating_duration_since(Instant::now()));
        self.work.pace.hurrying.store(false, Ordering::Relaxed);
    }

    /// Stops the threads, at the latest after the current chunk.
    pub(super) fn stop(&self) {
        self.work.pace.ending.store(true, Ordering::Relaxed);
        self.work.small.close();
        self.work.large.close();
    }

    /// How many files were hashed, and how many were not.
    pub(super) fn report(&self) -> SourceReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (hashed, unreadable) = (count(&self.work.hashed), count(&self.work.unreadable));
        let left = self.files().known.values().filter(|known| known.is_left()).count();
        let has_ended = self.work.pace.ending.load(Ordering::Relaxed);
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
        file_hash::lower_priority();
        self.run(&self.large);
    }

    fn run(&self, jobs: &Queue<Job>) {
        while let Some((executable, file)) = jobs.take() {
            let sha256 = file_hash::hash(&file, executable.id, &self.pace);
            if self.pace.ending.load(Ordering::Relaxed) {
                return;
            }
            // Nobody else sets it.
            let _ = executable.sha256.set(sha256.ok());
        }
    }
}
