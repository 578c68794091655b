//! A folder by its path, for systems without operations relative to an open folder.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Facts, Kind, Replace, not_regular};

/// See `dir_unix.rs`.
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
}

impl Dir {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if !fs::symlink_metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path: path.to_path_buf() })
    }

    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        if !fs::metadata(parent)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path: parent.to_path_buf() })
    }

    pub(crate) fn create_dir(&self, name: &OsStr) -> io::Result<Self> {
        fs::create_dir(self.path.join(name))?;
        self.open_dir(name)
    }

    pub(crate) fn open_dir(&self, name: &OsStr) -> io::Result<Self> {
        Self::open(&self.path.join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn path_of(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path.join(name.as_ref())
    }

    pub(crate) fn create_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).open(self.path.join(name.as_ref()))
    }

    pub(crate) fn read_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.open_file(name.as_ref(), false)
    }

    pub(crate) fn write_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.open_file(name.as_ref(), true)
    }

    fn open_file(&self, name: &OsStr, writes: bool) -> io::Result<File> {
        let path = self.path.join(name);
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(not_regular());
        }
        File::options().read(true).write(writes).open(path)
    }

    pub(crate) fn facts(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Facts>> {
        match fs::symlink_metadata(self.path.join(name.as_ref())) {
            Ok(metadata) => Ok(Some(facts(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn own_facts(&self) -> io::Result<Facts> {
        fs::symlink_metadata(&self.path).map(|metadata| facts(&metadata))
    }

    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.push(entry?.file_name());
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        fs::remove_file(self.path.join(name.as_ref()))
    }

    pub(crate) fn remove_dir(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        fs::remove_dir(self.path.join(name.as_ref()))
    }

    pub(crate) fn rename(
        &self,
        name: impl AsRef<OsStr>,
        to: &Self,
        new: impl AsRef<OsStr>,
        replace: Replace,
    ) -> io::Result<()> {
        if replace == Replace::No && to.facts(new.as_ref())?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(self.path.join(name.as_ref()), to.path.join(new.as_ref()))
    }

    pub(crate) fn exchange(&self, _one: &OsStr, _other: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[allow(clippy::unused_self, reason = "the other one needs it")]
    pub(crate) fn sync(&self) {}

    pub(crate) fn as_file(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

fn facts(metadata: &fs::Metadata) -> Facts {
    let kind = match metadata.file_type() {
        kind if kind.is_symlink() => Kind::Link,
        kind if kind.is_dir() => Kind::Dir,
        kind if kind.is_file() => Kind::File,
        _ => Kind::Other,
    };
    Facts { kind, uid: 0, gid: 0, mode: 0, links: 1, bytes: metadata.len(), identity: (0, 0) }
}

/// The metadata of an open file.
///
/// # Errors
/// The system's error.
pub(crate) fn facts_of(file: &File) -> io::Result<Facts> {
    file.metadata().map(|metadata| facts(&metadata))
}
