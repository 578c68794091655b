//! Unnamed files: private, and removed with the program, however it ends.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::safe_fs::Room;
use crate::{Error, Result, humanize};

/// The fraction of the free space at the start that objects may use.
const SHARE: u64 = 2;

/// Creates an unnamed file in the folder for temporary files.
///
/// # Errors
/// [`Error::Io`].
pub fn nameless() -> Result<File> {
    let folder = folder();
    let failed = |error| Error::io("create a temporary file in", &folder)(error);
    let file = tempfile::tempfile_in(&folder).map_err(failed)?;
    // It was created with the permissions that the umask leaves.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(failed)?;
    Ok(file)
}

/// The folder for temporary files: `TMPDIR`.
pub(super) fn folder() -> PathBuf {
    std::env::temp_dir()
}

/// The space that objects may use at a time.
#[derive(Debug, Clone)]
pub struct Space(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

/// Reserved space, released when dropped.
#[derive(Debug)]
pub struct Held {
    space: Space,
    bytes: u64,
}

impl Default for Space {
    /// Half of the free space in the folder for temporary files.
    fn default() -> Self {
        Self::new(Room::of(&folder()).map_or(u64::MAX, |room| room.free / SHARE))
    }
}

impl Space {
    /// This many bytes.
    pub fn new(most: u64) -> Self {
        Self(Arc::new(Shared { most, used: Mutex::new(0), freed: Condvar::new() }))
    }

    /// Reserves this many bytes; waits until others have released theirs.
    ///
    /// # Errors
    /// [`Error::Usage`] if it exceeds the total.
    pub fn hold(&self, bytes: u64) -> Result<Held> {
        let Shared { most, used, freed } = &*self.0;
        if bytes > *most {
            return Err(Error::Usage(format!(
                "{} must be fetched at once, and objects may take half of the free space in {}, {}: set TMPDIR to \
                 a larger disk",
                humanize::bytes(bytes as f64),
                folder().display(),
                humanize::bytes(*most as f64),
            )));
        }
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        while most - *used < bytes {
            used = freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        Ok(Held { space: self.clone(), bytes })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Shared { used, freed, .. } = &*self.space.0;
        *used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_and_waited_for() {
        let space = Space::new(10);
        assert!(space.hold(11).is_err());
        let first = space.hold(7).unwrap();
        let other = space.clone();
        let waiting = std::thread::spawn(move || other.hold(5).unwrap().bytes);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.join().unwrap(), 5);
        assert_eq!(space.hold(10).unwrap().bytes, 10);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_nameless_file_is_for_its_owner_alone_and_has_no_name() {
        use std::os::unix::fs::MetadataExt as _;

        let facts = nameless().unwrap().metadata().unwrap();
        assert_eq!((facts.nlink(), facts.mode() & 0o077), (0, 0));
    }
}
