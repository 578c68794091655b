//! The folder beside a capture that is being recorded: `web.parquet.d` for `web.parquet`.
//!
//! | file | content |
//! |---|---|
//! | `lock` | empty; locked while the recorder lives |
//! | `rows.parquet` | the growing file ([`super::growing`]), which becomes the capture by being renamed |
//! | `journal-N` | the ticks that will be in row group N ([`super::journal`]) |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The folder of an unfinished recording, held by this process.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The lock is given up when the file is closed, also when the process is killed.
    _lock: File,
}

/// Whether a folder could be held.
pub(super) enum Hold {
    /// It is ours now.
    Held(Folder),
    /// A recorder is writing into it.
    Busy,
    /// The system does not let us; it can only be read.
    ReadOnly,
}

impl Folder {
    /// A new folder for the capture that will be at `capture`.
    pub(super) fn create(capture: &Path) -> Result<Self> {
        let path = path_of(capture);
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        match Self::hold(&path) {
            Hold::Held(folder) => {
                sync_parent(&path);
                Ok(folder)
            }
            Hold::Busy | Hold::ReadOnly => Err(Error::Busy { path: capture.to_path_buf() }),
        }
    }

    /// Takes hold of a folder that is there.
    pub(super) fn hold(path: &Path) -> Hold {
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("lock"));
        let Ok(lock) = lock else { return Hold::ReadOnly };
        match lock.try_lock() {
            Ok(()) => Hold::Held(Self { path: path.to_path_buf(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Hold::Busy,
            // A network file system without locks: reading does no harm, writing might.
            Err(TryLockError::Error(_)) => Hold::ReadOnly,
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the growing file is.
    pub(super) fn rows(&self) -> PathBuf {
        rows_in(&self.path)
    }

    /// Gives the growing file its name. What is at `capture` is replaced.
    pub(super) fn publish(&self, capture: &Path) -> Result<()> {
        fs::rename(self.rows(), capture).map_err(Error::io("create", capture))?;
        sync_parent(capture);
        Ok(())
    }

    /// Removes the folder with all that is in it.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.path).map_err(Error::io("remove", &self.path))?;
        sync_parent(&self.path);
        Ok(())
    }
}

/// Where the folder of a capture is.
pub(super) fn path_of(capture: &Path) -> PathBuf {
    let mut name = capture.as_os_str().to_owned();
    name.push(".d");
    PathBuf::from(name)
}

/// The capture to which a folder belongs; none if it is not such a folder.
pub(super) fn capture_of(folder: &Path) -> Option<PathBuf> {
    let is_ours = rows_in(folder).is_file() || folder.join("lock").is_file();
    (is_ours && folder.extension().is_some_and(|extension| extension == "d"))
        .then(|| folder.with_extension(""))
}

/// Where the growing file of a folder is.
pub(super) fn rows_in(folder: &Path) -> PathBuf {
    folder.join("rows.parquet")
}

/// A name beside `capture` that is free, for what was recovered when a new recording takes its place.
pub(super) fn free_name(capture: &Path) -> PathBuf {
    let stem = capture.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = |number: u32| {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        capture.with_file_name(format!("{stem}-recovered{number}.parquet"))
    };
    (1..u32::MAX).map(name).find(|path| !path.exists() && !path_of(path).exists()).unwrap_or_else(|| name(0))
}

/// Makes a rename or a removal in the folder of `path` outlive a power cut, where the system can.
pub(super) fn sync_parent(path: &Path) {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Some file systems cannot sync a folder; there is nothing better to do then.
    let _: io::Result<()> = File::open(parent).and_then(|folder| folder.sync_all());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let capture = home.path().join("c.parquet");
        let folder = Folder::create(&capture).unwrap();
        assert!(matches!(Folder::hold(folder.path()), Hold::Busy));
        let path = folder.path().to_path_buf();
        drop(folder);
        assert!(matches!(Folder::hold(&path), Hold::Held(_)));
        assert_eq!(capture_of(&path), Some(capture));
    }

    #[test]
    fn other_folders_are_not_taken_for_a_recording() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("conf.d");
        fs::create_dir(&folder).unwrap();
        assert_eq!(capture_of(&folder), None);
        assert_eq!(capture_of(&home.path().join("missing.d")), None);
    }

    #[test]
    fn a_free_name_does_not_hide_what_is_there() {
        let home = tempfile::tempdir().unwrap();
        let capture = home.path().join("c.parquet");
        assert_eq!(free_name(&capture), home.path().join("c-recovered.parquet"));
        fs::write(free_name(&capture), "").unwrap();
        assert_eq!(free_name(&capture), home.path().join("c-recovered-2.parquet"));
    }
}
