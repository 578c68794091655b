//! How much room there is on a disk.

use std::path::Path;

/// Room on a disk, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// What may still be written. What the file system keeps back for root is not counted.
    pub(crate) free: u64,
    /// All of it.
    pub(crate) all: u64,
}

impl Room {
    /// Of the disk on which a folder lies; none where the system does not say.
    #[cfg(unix)]
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt as _;

        let folder = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
        // SAFETY: an all-zero statvfs is a valid value for the call to overwrite.
        let mut facts: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: the path ends in NUL and `facts` is valid, both for the length of the call.
        let result = unsafe { libc::statvfs(folder.as_ptr(), &raw mut facts) };
        // Some virtual file systems say 0 blocks in all, which is no answer.
        if result != 0 || facts.f_blocks == 0 {
            return None;
        }
        let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize as u64);
        Some(Self { free: bytes(facts.f_bavail as u64), all: bytes(facts.f_blocks as u64) })
    }

    /// Elsewhere nobody says.
    #[cfg(not(unix))]
    pub(crate) fn of(_folder: &Path) -> Option<Self> {
        None
    }
}
