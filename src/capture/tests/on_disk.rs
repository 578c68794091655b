//! What is on disk when a writer says so: a power cut takes everything that is not.

use std::io::Write as _;
use std::os::fd::AsRawFd;

use super::*;

/// `cachestat`, which has this number on every architecture (Linux 6.5).
const CACHESTAT: libc::c_long = 451;

/// Pages of a file that are in memory only; `None` if the system does not tell.
fn unsynced_pages(path: &Path) -> Option<u64> {
    let file = fs::File::open(path).unwrap();
    // From the first byte to the end; in the order of the kernel: cached, dirty, in writeback, evicted, recently evicted.
    let (range, mut pages) = ([0_u64; 2], [0_u64; 5]);
    // SAFETY: both places have the size and the layout that the call expects.
    let code = unsafe { libc::syscall(CACHESTAT, file.as_raw_fd(), range.as_ptr(), pages.as_mut_ptr(), 0) };
    (code == 0).then_some(pages[1] + pages[2])
}

/// Whether this file system keeps written pages in memory, and the kernel tells of it.
fn is_told(folder: &Path) -> bool {
    let path = folder.join("probe");
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&[1; 10_000]).unwrap();
    let before = unsynced_pages(&path);
    file.sync_data().unwrap();
    before.is_some_and(|pages| pages > 0) && unsynced_pages(&path) == Some(0)
}

#[test]
fn a_tick_is_on_disk_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    if !is_told(folder.path()) {
        eprintln!("skipped: the kernel does not tell which pages of this file system are on disk");
        return;
    }
    let path = folder.path().join("x.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    let folders = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let own = folders.into_iter().find(|path| path.is_dir()).unwrap();
    let journal = own.join("journal-0");
    for tick in 0..3 {
        writer.push(&full(tick)).unwrap();
        writer.end_tick(Metadata { ticks_taken: u64::from(tick) + 1, ..Metadata::default() }).unwrap();
        assert_eq!(unsynced_pages(&journal), Some(0), "tick {tick}");
    }
    // A journal that somebody removed is on disk again with the next tick.
    fs::remove_dir_all(&own).unwrap();
    writer.push(&full(3)).unwrap();
    writer.end_tick(Metadata { ticks_taken: 4, ..Metadata::default() }).unwrap();
    assert_eq!(unsynced_pages(&journal), Some(0));
    writer.finish(&Metadata::default()).unwrap();
    assert_eq!(unsynced_pages(&path), Some(0));
    // So is a row group, with its record.
    let mut growing = PartialFile::create(&Dir::open(folder.path()).unwrap(), "growing").unwrap();
    let mut group = RowGroup::default();
    group.push(&full(0));
    growing.append(&mut group, &Metadata::default()).unwrap();
    assert_eq!(unsynced_pages(&folder.path().join("growing")), Some(0));
}
