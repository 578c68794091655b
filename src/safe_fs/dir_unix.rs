//! An open folder; no link below it is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::{Facts, Kind, Replace, not_regular};

/// Readable and writable only by the owner.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const DIR_MODE: Mode = Mode::RWXU;

/// An open folder, which stays the same even if it is renamed.
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
    handle: OwnedFd,
}

impl Dir {
    /// Opens a folder; a link in its place is an error.
    ///
    /// # Errors
    /// The system's error: `ENOTDIR` for a link or a file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_at(CWD, path, path.to_path_buf(), OFlags::NOFOLLOW)
    }

    /// Opens the folder that contains, or will contain, a file. It may be reached through links,
    /// because the user gave the path.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        Self::open_at(CWD, parent, parent.to_path_buf(), OFlags::empty())
    }

    fn open_at(at: impl std::os::fd::AsFd, name: &Path, path: PathBuf, flags: OFlags) -> io::Result<Self> {
        let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(at, name, flags, Mode::empty())?;
        Ok(Self { path, handle })
    }

    /// Creates a folder in this one.
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken, or any other error of the system.
    pub(crate) fn create_dir(&self, name: &OsStr) -> io::Result<Self> {
        rustix::fs::mkdirat(&self.handle, name, DIR_MODE)?;
        self.open_dir(name)
    }

    /// Opens a folder in this one.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn open_dir(&self, name: &OsStr) -> io::Result<Self> {
        Self::open_at(&self.handle, Path::new(name), self.path_of(name), OFlags::NOFOLLOW)
    }

    /// The path of the folder when it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in it, for messages.
    pub(crate) fn path_of(&self, name: impl AsRef<OsStr>) -> PathBuf {
        if self.path == Path::new(".") { PathBuf::from(name.as_ref()) } else { self.path.join(name.as_ref()) }
    }

    /// Creates a file that only its owner can read.
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken, or any other error of the system.
    pub(crate) fn create_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.handle, name.as_ref(), flags, FILE_MODE)?))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// The system's error; also for a link, and for anything but a regular file.
    pub(crate) fn read_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.open_file(name.as_ref(), OFlags::RDONLY)
    }

    /// Opens a file for reading and writing, without changing it.
    ///
    /// # Errors
    /// See [`Dir::read_file`].
    pub(crate) fn write_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.open_file(name.as_ref(), OFlags::RDWR)
    }

    fn open_file(&self, name: &OsStr, access: OFlags) -> io::Result<File> {
        // Without NONBLOCK, opening a pipe would wait for its other end.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.handle, name, flags, Mode::empty()).map_err(|error| {
            if error == Errno::LOOP { io::Error::other("it is a symbolic link") } else { error.into() }
        })?;
        let file = File::from(file);
        if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
    }

    /// The metadata of a name in this folder; `None` if it does not exist.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn facts(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Facts>> {
        match rustix::fs::statat(&self.handle, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(facts(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The metadata of the folder itself.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn own_facts(&self) -> io::Result<Facts> {
        Ok(facts(&rustix::fs::fstat(&self.handle)?))
    }

    /// The names in it, sorted.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes a file or a link, but not the target of a link.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name.as_ref(), AtFlags::empty())?)
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// The system's error: `DirectoryNotEmpty` if it has content.
    pub(crate) fn remove_dir(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name.as_ref(), AtFlags::REMOVEDIR)?)
    }

    /// Renames, possibly to another folder.
    ///
    /// # Errors
    /// `AlreadyExists` if the new name is taken and may not be replaced, or any other error of the
    /// system.
    pub(crate) fn rename(
        &self,
        name: impl AsRef<OsStr>,
        to: &Self,
        new: impl AsRef<OsStr>,
        replace: Replace,
    ) -> io::Result<()> {
        let (name, new) = (name.as_ref(), new.as_ref());
        if replace == Replace::Yes {
            return Ok(rustix::fs::renameat(&self.handle, name, &to.handle, new)?);
        }
        match self.rename_with(name, to, new, Flag::NoReplace) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.rename_where_free(name, to, new),
            outcome => Ok(outcome?),
        }
    }

    /// For systems that cannot rename without replacing: a hard link can only be created where no
    /// file exists. A folder has no hard links, but a rename replaces only an empty folder anyway.
    fn rename_where_free(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        let is_dir = self.facts(name)?.is_some_and(|facts| facts.kind == Kind::Dir);
        if is_dir {
            if to.facts(new)?.is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            return Ok(rustix::fs::renameat(&self.handle, name, &to.handle, new)?);
        }
        match rustix::fs::linkat(&self.handle, name, &to.handle, new, AtFlags::empty()) {
            Ok(()) => self.remove_file(name),
            // On a file system without hard links, another user cannot cause a race either.
            Err(Errno::PERM | Errno::NOTSUP | Errno::MLINK) if to.facts(new)?.is_none() => {
                Ok(rustix::fs::renameat(&self.handle, name, &to.handle, new)?)
            }
            Err(Errno::PERM | Errno::NOTSUP | Errno::MLINK) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Swaps two names in this folder atomically. Not every file system supports it.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn exchange(&self, one: &OsStr, other: &OsStr) -> io::Result<()> {
        Ok(self.rename_with(one, self, other, Flag::Exchange)?)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_with(&self, name: &OsStr, to: &Self, new: &OsStr, flag: Flag) -> Result<(), Errno> {
        let flags = match flag {
            Flag::NoReplace => RenameFlags::NOREPLACE,
            Flag::Exchange => RenameFlags::EXCHANGE,
        };
        rustix::fs::renameat_with(&self.handle, name, &to.handle, new, flags)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_with(&self, _name: &OsStr, _to: &Self, _new: &OsStr, _flag: Flag) -> Result<(), Errno> {
        Err(Errno::NOSYS)
    }

    /// Makes everything created, renamed and removed here survive a power cut, if the system supports it.
    pub(crate) fn sync(&self) {
        // Some file systems cannot sync a folder; there is no alternative then.
        let _ = rustix::fs::fsync(&self.handle);
    }

    /// The folder as a file, for changing its owner.
    ///
    /// # Errors
    /// If there are no more file handles.
    pub(crate) fn as_file(&self) -> io::Result<File> {
        Ok(File::from(self.handle.try_clone()?))
    }
}

/// How a rename treats an existing new name.
#[derive(Clone, Copy)]
enum Flag {
    NoReplace,
    Exchange,
}

#[allow(clippy::unnecessary_cast, reason = "the types of these fields differ between systems")]
fn facts(stat: &Stat) -> Facts {
    let kind = match FileType::from_raw_mode(stat.st_mode as rustix::fs::RawMode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Dir,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    };
    Facts {
        kind,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode as u32,
        links: stat.st_nlink as u64,
        bytes: stat.st_size as u64,
        identity: (stat.st_dev as u64, stat.st_ino as u64),
    }
}

/// The metadata of an open file.
///
/// # Errors
/// The system's error.
pub(crate) fn facts_of(file: &File) -> io::Result<Facts> {
    Ok(facts(&rustix::fs::fstat(file)?))
}
