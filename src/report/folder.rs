//! A report folder, written under a hidden name and renamed when complete.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::manifest::{self, Hashing, ListedFile, Manifest};
use super::{CaptureIdentity, json};
use crate::safe_fs::pending::{self, HalfMade};
use crate::safe_fs::{Dir, Kind, Replace, User, describe_foreign, is_mine, make_hidden_dir};
use crate::{Error, Result};

/// A report folder in progress; removed if dropped before it is complete.
#[derive(Debug)]
pub struct Folder {
    /// The path as given.
    path: PathBuf,
    target: PathBuf,
    hidden: Arc<HiddenFolder>,
    replaces: bool,
    whole: bool,
    /// Size and SHA-256 of every file by path; several threads write the parts.
    written: Mutex<BTreeMap<String, (u64, String)>>,
    _half_made: HalfMade,
}

/// A folder under a hidden name, and everything that this program has put there.
#[derive(Debug)]
struct HiddenFolder {
    parent: Arc<Dir>,
    hidden: OsString,
    made: Mutex<Made>,
}

/// What is under the hidden name: the new report, and after the swap the earlier one.
#[derive(Debug)]
struct Made {
    dir: Arc<Dir>,
    /// Paths of files, with `/`.
    files: BTreeSet<String>,
    /// Subfolders by name; a report has one level of them.
    folders: BTreeMap<String, Arc<Dir>>,
}

impl Folder {
    /// Creates a hidden folder beside `path`, so that an unwritable location is reported before the
    /// work is done.
    ///
    /// With `replace`, `path` must be an unchanged report of netrec and nothing else: no other
    /// folder is ever removed.
    ///
    /// # Errors
    /// [`Error::Exists`] if `path` exists and is not to be replaced, [`Error::Foreign`] if it is
    /// not an unchanged report, [`Error::Io`] if no folder can be created there.
    pub fn prepare(path: &Path, replace: bool) -> Result<Self> {
        let target = absolute(path)?;
        let failed = |error| Error::io("create", path)(error);
        let parent = Arc::new(Dir::of_file(&target).map_err(failed)?);
        let name = target.file_name().unwrap_or_default();
        let exists = parent.facts(name).map_err(failed)?.is_some();
        if exists && !replace {
            return Err(Error::Exists { path: path.to_path_buf() });
        }
        if exists {
            check_is_report(path, &target, &parent, name)?;
        }
        let (hidden, half_made) = pending::step(|| {
            let hidden = Arc::new(HiddenFolder::make(parent)?);
            let to_remove = Arc::clone(&hidden);
            Ok((hidden, HalfMade::new(move || to_remove.remove())))
        })
        .map_err(failed)?;
        Ok(Self {
            path: path.to_path_buf(),
            target,
            hidden,
            replaces: exists,
            whole: false,
            written: Mutex::default(),
            _half_made: half_made,
        })
    }

    /// Writes a file, creating its folder if needed; returns its final path.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        self.put_with(name, |out| out.write_all(content))
    }

    /// Writes a file in a streaming way; returns its final path.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) -> Result<PathBuf> {
        let path = self.target.join(name);
        let file = pending::step(|| self.hidden.create_file(name)).map_err(Error::io("create", &path))?;
        let mut out = BufWriter::new(Hashing::new(file));
        write(&mut out).map_err(Error::io("write", &path))?;
        let out = out.into_inner().map_err(|error| Error::io("write", &path)(error.into_error()))?;
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), out.finish());
        Ok(path)
    }

    /// A temporary folder that is never renamed: its files are read back from it.
    ///
    /// # Errors
    /// [`Error::Io`] if no temporary folder can be created.
    pub fn without_name() -> Result<Self> {
        let name = format!("netrec-{}", std::process::id());
        Self::prepare(&std::env::temp_dir().join(name), false)
    }

    /// Opens a file that was written here.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(&self, name: &str) -> Result<File> {
        self.hidden.open_file(name).map_err(Error::io("read", self.target.join(name)))
    }

    /// Every file written so far, by path.
    pub fn entries(&self) -> Vec<ListedFile> {
        manifest::entries(&self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the manifest of all files written; returns its final path.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put_manifest(&self, capture: &CaptureIdentity) -> Result<PathBuf> {
        let manifest = Manifest::new(capture, self.entries());
        self.put_with(manifest::FILE, |out| json::write(&manifest, out))
    }

    /// Renames the folder to its final name. An earlier report is swapped out and then removed, so
    /// that a report exists at every moment.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be renamed; [`Error::Exists`] and [`Error::Foreign`] as in
    /// [`Folder::prepare`], if something was created there in the meantime.
    pub fn finish(mut self) -> Result<()> {
        let HiddenFolder { parent, hidden, .. } = self.hidden.as_ref();
        let name = self.target.file_name().unwrap_or_default();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: self.path.clone() },
            _ => Error::io("create", &self.path)(error),
        };
        self.hidden.give_away().map_err(Error::io("give to the user behind sudo", &self.path))?;
        if !self.replaces {
            pending::step(|| parent.rename(hidden, parent, name, Replace::No)).map_err(failed)?;
            self.whole = true;
            return Ok(());
        }
        let files = check_is_report(&self.path, &self.target, parent, name)?;
        let old =
            Made { dir: Arc::new(parent.open_dir(name).map_err(failed)?), files, folders: BTreeMap::new() };
        pending::step(|| self.hidden.swap(name, old)).map_err(failed)?;
        self.whole = true;
        let left = self.hidden.lock().remove(parent, hidden);
        left.map_err(Error::io("remove the replaced report, which is now", parent.path_of(hidden)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.whole {
            // The error that stopped the report is already on its way to the user.
            self.hidden.remove();
        }
    }
}

impl HiddenFolder {
    fn make(parent: Arc<Dir>) -> io::Result<Self> {
        let (hidden, dir) = make_hidden_dir(&parent)?;
        let made = Made { dir: Arc::new(dir), files: BTreeSet::new(), folders: BTreeMap::new() };
        Ok(Self { parent, hidden, made: Mutex::new(made) })
    }

    fn lock(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create_file(&self, path: &str) -> io::Result<File> {
        let mut made = self.lock();
        made.files.insert(path.to_owned());
        let Some((folder, name)) = path.split_once('/') else { return made.dir.create_file(path) };
        if let Some(dir) = made.folders.get(folder) {
            return dir.create_file(name);
        }
        let dir = Arc::new(made.dir.create_dir(OsStr::new(folder))?);
        made.folders.insert(folder.to_owned(), Arc::clone(&dir));
        dir.create_file(name)
    }

    fn open_file(&self, path: &str) -> io::Result<File> {
        let made = self.lock();
        let Some((folder, name)) = path.split_once('/') else { return made.dir.read_file(path) };
        made.folders.get(folder).ok_or(io::ErrorKind::NotFound)?.read_file(name)
    }

    /// Removes everything that was created.
    fn remove(&self) {
        // An error has nowhere to go; the hidden name shows that it is incomplete.
        let _ = self.lock().remove(&self.parent, &self.hidden);
    }

    /// Gives everything created to the user behind sudo, if permitted: the folder last, so that
    /// nobody can replace a file before that.
    fn give_away(&self) -> io::Result<()> {
        let Some(user) = User::receiver_in(&self.parent) else { return Ok(()) };
        let made = self.lock();
        for path in &made.files {
            match path.split_once('/').and_then(|(folder, name)| Some((made.folders.get(folder)?, name))) {
                Some((dir, name)) => user.receive(&dir.read_file(name)?)?,
                None => user.receive(&made.dir.read_file(path)?)?,
            }
        }
        for dir in made.folders.values().chain([&made.dir]) {
            user.receive(&dir.as_file()?)?;
        }
        Ok(())
    }

    /// Swaps the new report and the `old` one.
    fn swap(&self, name: &OsStr, old: Made) -> io::Result<()> {
        let mut made = self.lock();
        self.parent.exchange(&self.hidden, name).or_else(|_| self.swap_in_steps(name))?;
        *made = old;
        Ok(())
    }

    /// For file systems that cannot swap two names: moves the old report aside, and back if the new
    /// one cannot be moved.
    fn swap_in_steps(&self, name: &OsStr) -> io::Result<()> {
        let (aside, _) = make_hidden_dir(&self.parent)?;
        // A rename onto an empty folder replaces it.
        self.parent.rename(name, &self.parent, &aside, Replace::Yes)?;
        let moved = self.parent.rename(&self.hidden, &self.parent, name, Replace::No);
        let back = if moved.is_ok() { &self.hidden } else { &name.to_owned() };
        self.parent.rename(&aside, &self.parent, back, Replace::No)?;
        moved
    }
}

impl Made {
    /// Removes the files, their folders, and the main folder; anything else stays, and so does the
    /// folder that holds it.
    fn remove(&self, parent: &Dir, hidden: &OsStr) -> io::Result<()> {
        let dir = &self.dir;
        let gone = |removed: io::Result<()>| match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        let folders: BTreeSet<&str> =
            self.files.iter().filter_map(|path| Some(path.split_once('/')?.0)).collect();
        for path in self.files.iter().filter(|path| !path.contains('/')) {
            gone(dir.remove_file(path))?;
        }
        for folder in folders {
            let Ok(below) = dir.open_dir(OsStr::new(folder)) else { continue };
            let inside = self.files.iter().filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'));
            inside.into_iter().try_for_each(|name| gone(below.remove_file(name)))?;
            gone(dir.remove_dir(folder))?;
        }
        gone(parent.remove_dir(hidden))
    }
}

/// The absolute path, so that `.` and `report/` have a name and a parent.
fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(Error::io("create", path))?;
    if absolute.file_name().is_some() {
        return Ok(absolute);
    }
    let reason = "the folder needs a name: give one with -o";
    Err(Error::io("create", path)(io::Error::other(reason)))
}

/// The paths of all files of a report that is unchanged since it was written.
///
/// # Errors
/// [`Error::Foreign`] for anything else.
fn check_is_report(path: &Path, target: &Path, parent: &Dir, name: &OsStr) -> Result<BTreeSet<String>> {
    let foreign = |reason: String| Error::Foreign { path: path.to_path_buf(), reason };
    let facts = parent.facts(name).map_err(Error::io("replace", path))?;
    match facts {
        Some(facts) if facts.kind != Kind::Dir => {
            let what = if facts.kind == Kind::File { "it is a file" } else { describe_foreign(&facts) };
            return Err(foreign(what.to_owned()));
        }
        Some(facts) if !is_mine(&facts) => {
            return Err(foreign(describe_foreign(&facts).to_owned()));
        }
        _ => {}
    }
    let no_report = || foreign("it is not a netrec report (it has no netrec manifest.json)".to_owned());
    let manifest = Manifest::read(target).map_err(|_| no_report())?;
    let changes = manifest.changes(target)?;
    if !changes.is_empty() {
        return Err(foreign(format!("it was changed after netrec wrote it ({})", changes.join("; "))));
    }
    let files = manifest.files.into_iter().map(|entry| entry.path);
    Ok(files.chain([manifest::FILE.to_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::fixture;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn report_at(path: &Path, text: &str) {
        let folder = Folder::prepare(path, false).unwrap();
        folder.put("report.json", text.as_bytes()).unwrap();
        folder.put("charts/a.svg", b"<svg/>").unwrap();
        folder.put_manifest(&fixture::identity()).unwrap();
        folder.finish().unwrap();
    }

    #[test]
    fn there_is_a_whole_folder_or_none() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("report");
        let folder = Folder::prepare(&target, false).unwrap();
        folder.put("charts/a.svg", b"<svg/>").unwrap();
        assert!(!target.exists());
        drop(folder);
        assert_eq!(names(parent.path()), Vec::<String>::new());

        let folder = Folder::prepare(&target, false).unwrap();
        let path = folder.put("charts/a.svg", b"<svg/>").unwrap();
        folder.finish().unwrap();
        assert_eq!(fs::read(path).unwrap(), b"<svg/>");
        assert_eq!(names(parent.path()), ["report"]);
    }

    #[test]
    fn what_is_there_is_replaced_only_when_asked() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("report");
        report_at(&target, "old");
        assert!(matches!(Folder::prepare(&target, false), Err(Error::Exists { .. })));

        let folder = Folder::prepare(&target, true).unwrap();
        drop(folder);
        assert_eq!(names(&target), ["charts", "manifest.json", "report.json"]);

        let folder = Folder::prepare(&target, true).unwrap();
        folder.put("new", b"").unwrap();
        folder.finish().unwrap();
        assert_eq!(names(&target), ["new"]);
        assert_eq!(names(parent.path()), ["report"]);
    }

    #[test]
    fn a_report_to_which_somebody_added_is_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("report");
        report_at(&target, "old");
        fs::write(target.join("notes.txt"), "mine").unwrap();
        let error = Folder::prepare(&target, true).unwrap_err().to_string();
        assert!(error.contains("notes.txt was added"), "{error}");
        fs::remove_file(target.join("notes.txt")).unwrap();
        let folder = Folder::prepare(&target, true).unwrap();
        fs::write(target.join("charts/notes.txt"), "mine").unwrap();
        assert!(matches!(folder.finish(), Err(Error::Foreign { .. })), "added meanwhile");
        assert_eq!(names(parent.path()), ["report"]);
        assert_eq!(fs::read(target.join("charts/notes.txt")).unwrap(), b"mine");
    }

    #[test]
    fn where_two_folders_cannot_change_places_it_is_done_in_steps() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("report");
        report_at(&target, "old");
        let folder = Folder::prepare(&target, true).unwrap();
        folder.put("new", b"").unwrap();
        folder.hidden.swap_in_steps(OsStr::new("report")).unwrap();
        assert_eq!(names(&target), ["new"]);
        assert_eq!(names(parent.path()).len(), 2, "the old one has the hidden name");
    }

    #[test]
    #[cfg(unix)]
    fn a_report_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("report");
        report_at(&target, "x");
        let mode = |path: &str| fs::metadata(target.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(""), mode("charts")], [0o700; 2]);
        assert_eq!([mode("report.json"), mode("charts/a.svg"), mode("manifest.json")], [0o600; 3]);
    }

    #[test]
    fn a_folder_of_others_is_never_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("thesis");
        fs::create_dir(&target).unwrap();
        for content in [None, Some("{}"), Some(r#"{"schema": "other/report.v1"}"#), Some("not JSON")] {
            if let Some(content) = content {
                fs::write(target.join("report.json"), content).unwrap();
            }
            let error = Folder::prepare(&target, true).unwrap_err().to_string();
            assert!(error.contains("not a netrec report"), "{error}");
        }
        assert_eq!(names(parent.path()), ["thesis"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_a_report_is_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        report_at(&parent.path().join("real"), "x");
        std::os::unix::fs::symlink("real", parent.path().join("link")).unwrap();
        assert!(Folder::prepare(&parent.path().join("link"), true).is_err());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_said_at_once() {
        let parent = tempfile::tempdir().unwrap();
        let error = Folder::prepare(&parent.path().join("missing/report"), false).unwrap_err();
        assert!(error.to_string().contains("no such file or folder"), "{error}");
        assert!(Folder::prepare(Path::new("/"), false).is_err());
    }
}
