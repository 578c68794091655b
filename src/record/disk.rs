//! Room on the disk: a recording ends while there is still enough to complete its file.

use std::path::Path;

/// What the end of a file, and a little of everyone else's, may need.
const SLACK_BYTES: u64 = 8 * 1024 * 1024;

/// More than a row has ever taken in a compressed row group.
const BYTES_PER_ROW: u64 = 64;

/// Bytes that must be free while `rows` rows wait in memory for the disk.
pub(super) fn needed_bytes(rows: u64) -> u64 {
    SLACK_BYTES + rows * BYTES_PER_ROW
}

/// Bytes that may still be written where `file` lies; none where the system does not say.
///
/// What the file system keeps back for root is not counted: it is not the recorder's to fill.
#[cfg(unix)]
pub(super) fn free_bytes(file: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt as _;

    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    // SAFETY: an all-zero statvfs is a valid value for the call to overwrite.
    let mut facts: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends in NUL and `facts` is valid, both for the length of the call.
    let result = unsafe { libc::statvfs(folder.as_ptr(), &raw mut facts) };
    // Some virtual file systems say 0 blocks in all, which is no answer.
    if result != 0 || facts.f_blocks == 0 {
        return None;
    }
    Some((facts.f_bavail as u64).saturating_mul(facts.f_frsize as u64))
}

#[cfg(not(unix))]
pub(super) fn free_bytes(_file: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_rows_need_room() {
        assert!(needed_bytes(1_000_000) >= needed_bytes(0) + 8_000_000);
    }

    #[test]
    #[cfg(unix)]
    fn a_temporary_folder_has_some_room_and_a_missing_one_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(&folder.path().join("x.parquet")).unwrap() > 0);
        assert!(free_bytes(Path::new("relative.parquet")).unwrap() > 0);
        assert_eq!(free_bytes(&folder.path().join("gone/x.parquet")), None);
    }
}
