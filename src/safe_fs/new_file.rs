//! A file that gets its name when it is complete.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pending::{self, HalfMade};
use super::{Dir, Kind, Replace, User, describe_foreign, file_name, is_mine};
use crate::{Error, Result};

/// Number of hidden names to try; only leftovers of killed runs with the same pid can be in the way.
const ATTEMPTS: u32 = 100;

/// A file that grows under a hidden name beside its final one; removed if dropped before it is complete.
#[derive(Debug)]
pub(crate) struct NewFile {
    dir: Arc<Dir>,
    hidden: OsString,
    name: OsString,
    path: PathBuf,
    replace: Replace,
    file: File,
    is_whole: bool,
    _half_made: HalfMade,
}

impl NewFile {
    /// Begins a file, so that an unwritable location is reported before the work is done.
    ///
    /// # Errors
    /// [`Error::Exists`] if `path` exists and is not to be replaced, [`Error::Foreign`] if it may
    /// not be replaced, [`Error::Io`] if no file can be created there.
    pub(crate) fn create(path: &Path, replace: Replace) -> Result<Self> {
        let name = file_name(path)?.to_owned();
        let dir = Arc::new(Dir::of_file(path).map_err(Error::io("create", path))?);
        check_replaceable(&dir, &name, path, replace)?;
        let (hidden, file, half_made) = pending::step(|| {
            let (hidden, file) = free_hidden(|hidden| dir.create_file(hidden))?;
            let (of_removal, to_remove) = (Arc::clone(&dir), hidden.clone());
            let half_made = HalfMade::new(move || {
                let _ = of_removal.remove_file(&to_remove);
            });
            Ok((hidden, file, half_made))
        })
        .map_err(Error::io("create", path))?;
        let path = path.to_path_buf();
        Ok(Self { dir, hidden, name, path, replace, file, is_whole: false, _half_made: half_made })
    }

    /// Another handle of the file.
    ///
    /// # Errors
    /// If there are no more file handles.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Makes it world-readable, as for a manual page.
    ///
    /// # Errors
    /// The system's error.
    #[cfg(unix)]
    pub(crate) fn let_all_read(&self) -> io::Result<()> {
        self.file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
    }

    /// Other systems have no file modes.
    #[cfg(not(unix))]
    pub(crate) fn let_all_read(&self) -> io::Result<()> {
        Ok(())
    }

    /// Renames the file to its final name, and gives it to the user behind sudo, if there is one
    /// who may own it here; returns that user.
    ///
    /// # Errors
    /// See [`NewFile::create`], if something was created there in the meantime.
    pub(crate) fn commit(mut self) -> Result<Option<User>> {
        self.file.sync_all().map_err(Error::io("write", &self.path))?;
        let receiver = User::receiver_in(&self.dir);
        if let Some(user) = receiver {
            user.receive(&self.file).map_err(Error::io("give to the user behind sudo", &self.path))?;
        }
        check_replaceable(&self.dir, &self.name, &self.path, self.replace)?;
        pending::step(|| {
            let renamed = self.dir.rename(&self.hidden, &self.dir, &self.name, self.replace);
            self.is_whole = renamed.is_ok();
            renamed
        })
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: self.path.clone() },
            _ => Error::io("create", &self.path)(error),
        })?;
        self.dir.sync();
        Ok(receiver)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_whole {
            // The error that stopped the work is already on its way to the user.
            let _ = self.dir.remove_file(&self.hidden);
        }
    }
}

/// Refuses an existing name if it may not be replaced, or is not a file of this user.
///
/// # Errors
/// [`Error::Exists`], [`Error::Foreign`], [`Error::Io`].
pub(crate) fn check_replaceable(dir: &Dir, name: &OsStr, path: &Path, replace: Replace) -> Result<()> {
    let Some(facts) = dir.facts(name).map_err(Error::io("create", path))? else { return Ok(()) };
    if facts.kind == Kind::File && is_mine(&facts) {
        return match replace {
            Replace::Yes => Ok(()),
            Replace::No => Err(Error::Exists { path: path.to_path_buf() }),
        };
    }
    if facts.kind == Kind::File && replace == Replace::No {
        return Err(Error::Exists { path: path.to_path_buf() });
    }
    Err(Error::Foreign { path: path.to_path_buf(), reason: describe_foreign(&facts).to_owned() })
}

/// Creates a folder under a hidden name in `dir`.
///
/// # Errors
/// The system's error.
pub(crate) fn make_hidden_dir(dir: &Dir) -> io::Result<(OsString, Dir)> {
    free_hidden(|hidden| dir.create_dir(hidden))
}

/// Creates something under the first unused hidden name. That name does not depend on the final
/// one, which may have the maximum length.
fn free_hidden<T>(create: impl Fn(&OsStr) -> io::Result<T>) -> io::Result<(OsString, T)> {
    for attempt in 0..ATTEMPTS {
        let name = OsString::from(format!(".netrec-{}-{attempt}.partial", std::process::id()));
        match create(&name) {
            Ok(made) => return Ok((name, made)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(place: &Path) -> Vec<String> {
        let names = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn there_is_a_whole_file_or_none() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out.csv");
        let mut file = NewFile::create(&path, Replace::No).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(names(place.path()), [""; 0]);
        let mut file = NewFile::create(&path, Replace::No).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        file.commit().unwrap();
        assert_eq!(names(place.path()), ["out.csv"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert!(matches!(NewFile::create(&path, Replace::No), Err(Error::Exists { .. })));
        NewFile::create(&path, Replace::Yes).unwrap().commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn what_came_there_meanwhile_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out.csv");
        let file = NewFile::create(&path, Replace::No).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(matches!(file.commit(), Err(Error::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert_eq!(names(place.path()), ["out.csv"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_file_is_for_its_owner_alone_and_a_link_or_a_second_name_is_not_replaced() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        NewFile::create(&at("plain"), Replace::No).unwrap().commit().unwrap();
        assert_eq!(fs::metadata(at("plain")).unwrap().permissions().mode() & 0o777, 0o600);
        symlink("plain", at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        fs::hard_link(at("plain"), at("second")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for name in ["link", "dangling", "second", "folder"] {
            for replace in [Replace::Yes, Replace::No] {
                let refused = NewFile::create(&at(name), replace);
                assert!(matches!(refused, Err(Error::Foreign { .. } | Error::Exists { .. })), "{name}");
            }
        }
        assert_eq!(names(place.path()), ["dangling", "folder", "link", "plain", "second"]);
    }
}
