//! The folder beside a capture that is being recorded: `web.parquet.d` for `web.parquet`.
//!
//! | file | content |
//! |---|---|
//! | `lock` | marks the folder as made by netrec ([`Marker`]); locked while the recorder runs |
//! | `rows.parquet` | the growing file ([`super::partial_file`]), which is renamed to become the capture |
//! | `journal-N` | the ticks that will be in row group N ([`super::journal`]) |
//!
//! Only the process that created a folder or [`Folder::hold`]s it may write to it or remove it.
//! That requires its marker and ownership, and no links are followed. Anyone may read it
//! ([`Unfinished`]).

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::journal;
use crate::safe_fs::pending::{self, HalfMade};
use crate::safe_fs::{
    Dir, Facts, Kind, Replace, User, describe_foreign, facts_of, file_name, is_own, with_ending,
};
use crate::{Error, Result};

/// Names of its files.
const LOCK: &str = "lock";
pub(super) const ROWS: &str = "rows.parquet";

/// Suffix of the folder's name.
const ENDING: &str = ".d";

/// Prefix of `schema` in every version of the marker.
const SCHEMA_FAMILY: &str = "netrec/recording.";

/// Maximum size of a marker.
const MOST_MARKER_BYTES: u64 = 16 * 1024;

/// Number of attempts to take a lock, and the time between them: a reader may hold it for a moment.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What is being written to a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// Live data, which exists nowhere else.
    #[default]
    Recording,
    /// Other files' data, which can be imported again.
    Import,
}

/// Content of the file `lock`, which marks the folder as netrec's.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    /// Always `netrec/recording.v1`.
    schema: String,
    tool_version: String,
    /// Name of the capture.
    capture: String,
    /// Missing in earlier versions.
    #[serde(default)]
    origin: Origin,
}

/// The folder of an unfinished recording, locked by this process.
#[derive(Debug)]
pub(super) struct Folder {
    parent: Arc<Dir>,
    name: OsString,
    dir: Arc<Dir>,
    /// The lock is released when the file is closed, even if the process is killed.
    lock: File,
    origin: Origin,
    /// Whether it contains a tick, so that it is not removed when the program is ended.
    has_evidence: Arc<AtomicBool>,
    _half_made: Option<HalfMade>,
}

impl Folder {
    /// Creates a folder for the capture that will be at `capture`.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process has made one at the same moment, [`Error::Io`].
    pub(super) fn create(capture: &Path, origin: Origin) -> Result<Self> {
        let name = with_ending(file_name(capture)?, ENDING);
        let parent = Arc::new(Dir::of_file(capture).map_err(Error::io("create", capture))?);
        let path = parent.path_of(&name);
        pending::step(|| Self::create_in(parent, name, (capture, origin))).map_err(|error| {
            match error.kind() {
                io::ErrorKind::AlreadyExists => Error::Busy { path: capture.to_path_buf() },
                _ => Error::io("create", path)(error),
            }
        })
    }

    fn create_in(parent: Arc<Dir>, name: OsString, (capture, origin): (&Path, Origin)) -> io::Result<Self> {
        let dir = Arc::new(parent.create_dir(&name)?);
        let has_evidence = Arc::new(AtomicBool::new(false));
        let removal = {
            let (parent, name, dir) = (Arc::clone(&parent), name.clone(), Arc::clone(&dir));
            let has_evidence = Arc::clone(&has_evidence);
            move || {
                if !has_evidence.load(Ordering::SeqCst) {
                    // An error has nowhere to go, and an empty folder does no harm.
                    let _ = remove_own(&parent, &name, &dir);
                }
            }
        };
        let half_made = Some(HalfMade::new(removal));
        match make_lock(&dir, capture, origin) {
            Ok(lock) => {
                parent.sync();
                Ok(Self { parent, name, dir, lock, origin, has_evidence, _half_made: half_made })
            }
            Err(error) => {
                let _ = remove_own(&parent, &name, &dir);
                Err(error)
            }
        }
    }

    /// Locks an existing folder, to complete its content and then remove it.
    ///
    /// # Errors
    /// [`Error::Foreign`] if it cannot be proven that this user's netrec made it; [`Error::Busy`]
    /// if it is being recorded into; [`Error::Io`].
    pub(super) fn hold(path: &Path) -> Result<Self> {
        let foreign = |reason: &str| Error::Foreign { path: path.to_path_buf(), reason: reason.to_owned() };
        let failed = |error| Error::io("open", path)(error);
        let name = file_name(path)?.to_owned();
        let parent = Arc::new(Dir::of_file(path).map_err(failed)?);
        match parent.facts(&name).map_err(failed)? {
            Some(facts) if facts.kind != Kind::Dir => return Err(foreign(describe_foreign(&facts))),
            Some(facts) if !is_own(&facts) => return Err(foreign("it belongs to another user")),
            _ => {}
        }
        let dir = Arc::new(parent.open_dir(&name).map_err(failed)?);
        let is_ours = |facts: io::Result<Facts>| facts.is_ok_and(|facts| is_own(&facts));
        let no_marker = "it has no marker of netrec's";
        let lock = match dir.write_file(LOCK) {
            Ok(lock) if is_ours(dir.own_facts()) && is_ours(facts_of(&lock)) => lock,
            Ok(_) => return Err(foreign(no_marker)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(foreign(no_marker)),
            Err(error) => return Err(failed(error)),
        };
        let Some(marker) = read_marker(&lock) else { return Err(foreign(no_marker)) };
        if !try_lock(&lock) {
            return Err(Error::Busy { path: capture_of(path) });
        }
        Ok(Self {
            parent,
            name,
            dir,
            lock,
            origin: marker.origin,
            has_evidence: Arc::default(),
            _half_made: None,
        })
    }

    /// What was written to it.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// The open folder.
    pub(super) fn dir(&self) -> &Arc<Dir> {
        &self.dir
    }

    /// The user to give the finished capture to, if he may own a file beside the folder.
    pub(super) fn receiver(&self) -> Option<User> {
        User::receiver_in(&self.parent)
    }

    /// Its path.
    pub(super) fn path(&self) -> PathBuf {
        self.parent.path_of(&self.name)
    }

    /// Notes that it contains something that must not be lost.
    pub(super) fn note_evidence(&self) {
        self.has_evidence.store(true, Ordering::SeqCst);
    }

    /// Whether the files of the folder were removed by someone else, such as a cleaner of `/tmp`.
    pub(super) fn was_removed(&self) -> bool {
        facts_of(&self.lock).is_ok_and(|facts| facts.links == 0)
    }

    /// Recreates the marker, and the folder if that is gone too.
    ///
    /// # Errors
    /// [`Error::Io`] if that fails.
    pub(super) fn make_again(&mut self, capture: &Path) -> Result<()> {
        if let Ok(lock) = make_lock(&self.dir, capture, self.origin) {
            self.lock = lock;
            return Ok(());
        }
        let again = Self::create(capture, self.origin)?;
        again.has_evidence.store(self.has_evidence.load(Ordering::SeqCst), Ordering::SeqCst);
        *self = again;
        Ok(())
    }

    /// Renames the growing file to its final name beside the folder.
    ///
    /// # Errors
    /// [`Error::Exists`] if the name is taken and may not be replaced, [`Error::Io`].
    pub(super) fn publish(&self, capture: &Path, replace: Replace) -> Result<()> {
        let name = file_name(capture)?;
        let renamed = pending::step(|| self.dir.rename(ROWS, &self.parent, name, replace));
        renamed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: capture.to_path_buf() },
            _ => Error::io("create", capture)(error),
        })?;
        self.parent.sync();
        Ok(())
    }

    /// Removes the folder and everything that netrec put there. Any other file stays and keeps the
    /// folder; returns whether that is so.
    ///
    /// # Errors
    /// [`Error::Io`] if something cannot be removed.
    pub(super) fn remove(self) -> Result<bool> {
        remove_own(&self.parent, &self.name, &self.dir).map_err(Error::io("remove", self.path()))
    }
}

/// Removes the files of a recording, and then the folder, unless it was replaced by another one.
/// Returns whether something else keeps it.
fn remove_own(parent: &Dir, name: &OsStr, dir: &Dir) -> io::Result<bool> {
    let owner = dir.own_facts()?;
    let is_ours = |name: &OsStr| {
        let facts = dir.facts(name).ok().flatten();
        facts.is_some_and(|facts| facts.kind == Kind::File && facts.links == 1 && facts.uid == owner.uid)
    };
    let (last, files): (Vec<OsString>, Vec<OsString>) =
        dir.names()?.into_iter().filter(|name| is_file_of_recording(name)).partition(|name| name == LOCK);
    // The marker last: a partly removed folder is still recognized as netrec's.
    for name in files.iter().chain(&last).filter(|name| is_ours(name)) {
        dir.remove_file(name)?;
    }
    let is_same = parent.facts(name)?.is_some_and(|facts| facts.identity == owner.identity);
    if is_same {
        match parent.remove_dir(name) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => return Ok(true),
            removed => removed?,
        }
        parent.sync();
    }
    Ok(false)
}

fn is_file_of_recording(name: &OsStr) -> bool {
    name == LOCK || name == ROWS || journal::number_of(name).is_some()
}

fn make_lock(dir: &Dir, capture: &Path, origin: Origin) -> io::Result<File> {
    let mut lock = dir.create_file(LOCK)?;
    // A network file system without locks has nobody waiting for one.
    let _ = lock.try_lock();
    let marker = Marker {
        schema: format!("{SCHEMA_FAMILY}v1"),
        tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
        capture: capture.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        origin,
    };
    let mut text = serde_json::to_string(&marker)?;
    text.push('\n');
    lock.write_all(text.as_bytes())?;
    lock.sync_all()?;
    dir.sync();
    Ok(lock)
}

fn read_marker(lock: &File) -> Option<Marker> {
    let mut text = String::new();
    lock.take(MOST_MARKER_BYTES).read_to_string(&mut text).ok()?;
    let marker: Marker = serde_json::from_str(&text).ok()?;
    marker.schema.starts_with(SCHEMA_FAMILY).then_some(marker)
}

/// What was written to a folder, according to its marker.
pub(super) fn origin_of(dir: &Dir) -> Origin {
    let marker = dir.read_file(LOCK).ok().and_then(|lock| read_marker(&lock));
    marker.map_or(Origin::Recording, |marker| marker.origin)
}

fn try_lock(lock: &File) -> bool {
    for _ in 0..LOCK_ATTEMPTS {
        match lock.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            // A network file system without locks: someone might be writing.
            Err(TryLockError::Error(_)) => return false,
        }
    }
    false
}

/// The folder of an unfinished recording, open for reading.
pub(super) struct Unfinished {
    /// The folder.
    pub(super) dir: Dir,
    /// Whether a recorder is currently writing to it.
    pub(super) is_running: bool,
}

impl Unfinished {
    /// Opens the folder at `path`; `None` if there is none, or it belongs to no recording.
    ///
    /// # Errors
    /// [`Error::Io`] if it exists but cannot be read.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let ends_right = path.as_os_str().as_encoded_bytes().ends_with(ENDING.as_bytes());
        let is_dir = std::fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir());
        if !ends_right || !is_dir {
            return Ok(None);
        }
        let dir = Dir::open(path).map_err(Error::io("read", path))?;
        let names = dir.names().map_err(Error::io("read", path))?;
        if !names.iter().any(|name| is_file_of_recording(name)) {
            return Ok(None);
        }
        // A reader takes a shared lock, and only for a moment.
        let is_locked = |lock: File| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock));
        let is_running = dir.read_file(LOCK).is_ok_and(is_locked);
        Ok(Some(Self { dir, is_running }))
    }
}

/// The folder of a capture.
pub(super) fn path_of(capture: &Path) -> PathBuf {
    with_ending(capture.as_os_str(), ENDING).into()
}

/// The capture of a folder.
pub(super) fn capture_of(folder: &Path) -> PathBuf {
    folder.with_extension("")
}

/// An unused name beside `capture`, for what was recovered when a new recording takes its place.
pub(super) fn free_name(capture: &Path) -> PathBuf {
    let stem = capture.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = |number: u32| {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        capture.with_file_name(format!("{stem}-recovered{number}.parquet"))
    };
    let is_free = |path: &PathBuf| is_free(path) && is_free(&path_of(path));
    (1..u32::MAX).map(name).find(is_free).unwrap_or_else(|| name(0))
}

/// Whether the name is unused, even by a dangling link.
pub(super) fn is_free(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let capture = home.path().join("c.parquet");
        let folder = Folder::create(&capture, Origin::Recording).unwrap();
        let path = folder.path();
        assert!(matches!(Folder::hold(&path), Err(Error::Busy { path }) if path == capture));
        assert!(Unfinished::open(&path).unwrap().unwrap().is_running);
        folder.note_evidence();
        drop(folder);
        assert!(!Unfinished::open(&path).unwrap().unwrap().is_running);
        Folder::hold(&path).unwrap().remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_netrec_did_not_make_is_neither_held_nor_taken_for_a_recording() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("conf.d")).unwrap();
        fs::write(at("conf.d/notes.txt"), "mine").unwrap();
        assert!(Unfinished::open(&at("conf.d")).unwrap().is_none());
        assert!(Unfinished::open(&at("missing.d")).unwrap().is_none());
        // Another program's lock, one from a netrec without markers, another schema.
        for content in ["", "12345\n", "{}", r#"{"schema": "other.v1", "tool_version": "", "capture": ""}"#] {
            fs::write(at("conf.d/lock"), content).unwrap();
            let held = Folder::hold(&at("conf.d"));
            assert!(matches!(held, Err(Error::Foreign { .. })), "{content}");
        }
        fs::write(at("file.d"), "").unwrap();
        assert!(matches!(Folder::hold(&at("file.d")), Err(Error::Foreign { .. })));
    }

    #[test]
    #[cfg(unix)]
    fn links_are_not_followed() {
        use std::os::unix::fs::symlink;
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let folder = Folder::create(&at("c.parquet"), Origin::Recording).unwrap();
        folder.note_evidence();
        drop(folder);
        symlink("c.parquet.d", at("link.d")).unwrap();
        assert!(Unfinished::open(&at("link.d")).unwrap().is_none());
        assert!(matches!(Folder::hold(&at("link.d")), Err(Error::Foreign { .. })));
        fs::rename(at("c.parquet.d/lock"), at("real-lock")).unwrap();
        symlink("../real-lock", at("c.parquet.d/lock")).unwrap();
        assert!(Folder::hold(&at("c.parquet.d")).is_err());
        fs::remove_file(at("c.parquet.d/lock")).unwrap();
        fs::hard_link(at("real-lock"), at("c.parquet.d/lock")).unwrap();
        assert!(matches!(Folder::hold(&at("c.parquet.d")), Err(Error::Foreign { .. })));
    }

    #[test]
    fn what_else_is_in_a_folder_stays_and_keeps_it() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::create(&home.path().join("c.parquet"), Origin::Recording).unwrap();
        let path = folder.path();
        fs::write(path.join("notes.txt"), "mine").unwrap();
        fs::create_dir(path.join("journal-7")).unwrap();
        assert!(folder.remove().unwrap(), "it is kept");
        assert_eq!(fs::read(path.join("notes.txt")).unwrap(), b"mine");
        assert!(path.join("journal-7").is_dir() && !path.join("lock").exists());
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
