//! Room on the disk: a recording ends while there is still enough to complete its file.

use std::path::Path;

use crate::safe_fs::Room;

/// What the end of a file, and a little of everyone else's, may need.
const SLACK_BYTES: u64 = 8 * 1024 * 1024;

/// More than a row has ever taken in a compressed row group.
const BYTES_PER_ROW: u64 = 64;

/// One part in so many of a disk stays free of files that are held beyond their time.
const LEAST_FREE_SHARE: u64 = 10;

/// Bytes that must be free while `rows` rows wait in memory for the disk.
pub(super) fn needed_bytes(rows: u64) -> u64 {
    SLACK_BYTES + rows * BYTES_PER_ROW
}

/// Bytes that may still be written where `file` lies; none where the system does not say.
pub(super) fn free_bytes(file: &Path) -> Option<u64> {
    Some(room_beside(file)?.free)
}

/// Whether files may be held beyond their time: while a tenth of the disk is free. Where the system does not
/// say, they may not.
pub(super) fn may_hold_more(folder: &Path) -> bool {
    Room::of(folder).is_some_and(|room| room.free >= room.all / LEAST_FREE_SHARE)
}

/// The room on the disk on which `file` lies.
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
