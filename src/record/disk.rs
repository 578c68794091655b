//! Free disk space: a recording ends while there is still enough to complete its file.

use std::path::Path;

use crate::safe_fs::Room;

/// Room for the end of a file, and a little for everyone else.
const SLACK_BYTES: u64 = 8 * 1024 * 1024;

/// More than a row has ever taken in a compressed row group.
const BYTES_PER_ROW: u64 = 64;

/// The fraction of the disk (one in this number) that must be free to hold files after their time.
const LEAST_FREE_SHARE: u64 = 10;

/// Bytes that must be free while `rows` rows in memory wait for the disk.
pub(super) fn needed_bytes(rows: u64) -> u64 {
    SLACK_BYTES + rows * BYTES_PER_ROW
}

/// Bytes that can still be written beside `file`; `None` if the system does not report it.
pub(super) fn free_bytes(file: &Path) -> Option<u64> {
    Some(room_beside(file)?.free)
}

/// Whether files may be held after their time: only while a tenth of the disk is free, and not if
/// the system does not report it.
pub(super) fn may_hold_more(folder: &Path) -> bool {
    Room::of(folder).is_some_and(|room| room.free >= room.all / LEAST_FREE_SHARE)
}

/// Free and total space on the disk of `file`.
fn room_beside(file: &Path) -> Option<Room> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    Room::of(folder.unwrap_or(Path::new(".")))
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
