//! Free space on a disk.

use std::path::Path;

/// Space on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes that can still be written, without the file system's reserve for root.
    pub(crate) free: u64,
    /// Total size.
    pub(crate) all: u64,
}

impl Room {
    /// The space on a folder's disk; `None` if the system does not report it.
    #[cfg(unix)]
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt as _;

        let folder = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
        // SAFETY: an all-zero statvfs is a valid value for the call to overwrite.
        let mut facts: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: the path ends in NUL and `facts` is valid, both for the duration of the call.
        let result = unsafe { libc::statvfs(folder.as_ptr(), &raw mut facts) };
        // Some virtual file systems report 0 blocks in total, which means nothing.
        if result != 0 || facts.f_blocks == 0 {
            return None;
        }
        let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize as u64);
        Some(Self { free: bytes(facts.f_bavail as u64), all: bytes(facts.f_blocks as u64) })
    }

    /// Other systems do not report it.
    #[cfg(not(unix))]
    pub(crate) fn of(_folder: &Path) -> Option<Self> {
        None
    }
}
