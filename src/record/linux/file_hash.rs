//! SHA-256 of a file that may change, vanish or be deleted while it is read, at a pace that leaves
//! the host its CPU.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::capture::Digest;

/// Maximum size of a file that is hashed, in bytes.
pub(super) const MOST_BYTES: u64 = 2 << 30;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// After each chunk the thread rests for this multiple of the time it took: at most a quarter of a
/// core.
const REST_FACTOR: u32 = 3;

/// Maximum rest, for a chunk that took long because other processes had the CPU.
const MOST_REST: Duration = Duration::from_millis(50);

/// How many times a file is read again because it changed in the meantime. Deleting it is such a change.
const ATTEMPTS: u32 = 3;

/// Niceness of the thread for large files.
const NICENESS: libc::c_int = 10;

/// The identity of a file when it was first seen; after a write it is a different one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    device: (u32, u32),
    pub(super) inode: u64,
    pub(super) bytes: u64,
    /// Seconds and nanoseconds; the owner of the file can set them.
    modified: (i64, u32),
    /// The time of the last change, which nobody can set; deleting changes it too.
    changed: (i64, u32),
}

impl FileId {
    /// From the kernel's memory, without a request to a file server.
    pub(super) fn new(file: &File) -> io::Result<Self> {
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

/// How fast files are read, and whether they still are.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Someone waits for the result: no rests.
    pub(super) hurrying: AtomicBool,
    /// Reading stops at the latest after the current chunk.
    pub(super) ending: AtomicBool,
}

/// The hash of the file as it was first seen. A change of its content is noticed, unless its times
/// were reset to look the same just before it was read.
pub(super) fn hash(held: &File, met: FileId, pace: &Pace) -> io::Result<String> {
    let mut before = FileId::new(held)?;
    for _ in 0..ATTEMPTS {
        if !before.has_same_content(&met) {
            break;
        }
        let sha256 = hash_once(held, before.bytes, pace)?;
        let after = FileId::new(held)?;
        if after == before {
            return Ok(sha256);
        }
        before = after;
    }
    Err(io::Error::other("the file changed while it was read"))
}

fn hash_once(held: &File, bytes: u64, pace: &Pace) -> io::Result<String> {
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
        if length == 0 || read > bytes || pace.ending.load(Ordering::Relaxed) {
            break;
        }
        // A file of one chunk is finished before its rest.
        if read < bytes && !pace.hurrying.load(Ordering::Relaxed) {
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
pub(super) fn lower_priority() {
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
