//! A report folder that is made under a temporary name and renamed when it is whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use super::manifest::{self, Entry, Hashing};
use super::{CaptureIdentity, json};
use crate::{Error, Result};

/// Temporary names to try; only leftovers of killed runs with the same pid are in the way.
const ATTEMPTS: u32 = 100;

/// A report folder that is being made; gone when dropped before it is whole.
#[derive(Debug)]
pub struct Folder {
    target: PathBuf,
    temporary: PathBuf,
    replaces: bool,
    whole: bool,
    /// Size and SHA-256 of every file, by its path; the parts are written by several threads.
    written: Mutex<BTreeMap<String, (u64, String)>>,
}

impl Folder {
    /// Makes a temporary folder beside `path`, so that an unwritable place is said before
    /// the work, and not after.
    ///
    /// With `replace`, what is at `path` must be a report of netrec's: no other folder is
    /// ever deleted.
    ///
    /// # Errors
    /// [`Error::Exists`] if `path` is there and is not to be replaced, [`Error::Io`] if no
    /// folder can be made there, or what is there is no report.
    pub fn prepare(path: &Path, replace: bool) -> Result<Self> {
        let target = absolute(path)?;
        let exists = fs::symlink_metadata(&target).is_ok();
        if exists && !replace {
            return Err(Error::Exists { path: path.to_path_buf() });
        }
        if exists {
            check_is_report(&target)?;
        }
        let temporary = make_beside(&target, "partial")?;
        Ok(Self { target, temporary, replaces: exists, whole: false, written: Mutex::default() })
    }

    /// Writes one file, its folder made if needed; gives the path that it will have.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        self.put_with(name, |out| out.write_all(content))
    }

    /// Writes one file piece by piece; gives the path that it will have.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<PathBuf> {
        let path = self.temporary.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        }
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        let mut out = BufWriter::new(Hashing::new(file));
        write(&mut out).map_err(Error::io("write", &path))?;
        let out = out.into_inner().map_err(|error| Error::io("write", &path)(error.into_error()))?;
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), out.finish());
        Ok(self.target.join(name))
    }

    /// Every file that was written so far, by path.
    pub fn entries(&self) -> Vec<Entry> {
        manifest::entries(&self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the manifest of all that was written; gives the path that it will have.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put_manifest(&self, capture: &CaptureIdentity) -> Result<PathBuf> {
        let manifest = manifest::Manifest::of(capture, self.entries());
        self.put_with(manifest::FILE, |out| json::write(&manifest, out))
    }

    /// Gives the folder its name. A report that was there is moved aside first and deleted
    /// last, so that there is one at every moment but the one between two renames; if the
    /// second fails, the old one comes back.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be renamed.
    pub fn finish(mut self) -> Result<()> {
        if !self.replaces {
            fs::rename(&self.temporary, &self.target).map_err(Error::io("create", &self.target))?;
            self.whole = true;
            return Ok(());
        }
        let aside = make_beside(&self.target, "replaced")?;
        // A rename onto an empty folder takes its place.
        fs::rename(&self.target, &aside).map_err(Error::io("move", &self.target))?;
        if let Err(error) = fs::rename(&self.temporary, &self.target) {
            fs::rename(&aside, &self.target).map_err(Error::io("move back", &aside))?;
            return Err(Error::io("replace", &self.target)(error));
        }
        self.whole = true;
        fs::remove_dir_all(&aside).map_err(Error::io("delete the replaced report", &aside))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.whole {
            // Whatever stopped the report is already on its way to the user.
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// With all of its folders, so that `.` and `report/` have a name and a parent.
fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(Error::io("create", path))?;
    if absolute.file_name().is_some() {
        return Ok(absolute);
    }
    let reason = "a name for the folder is needed: name one with -o";
    Err(Error::io("create", path)(io::Error::other(reason)))
}

/// Refuses to replace what netrec did not write.
fn check_is_report(path: &Path) -> Result<()> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let is_link = fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink());
    let is_ours = |(name, family): (&str, &str)| {
        let file = File::open(path.join(name)).ok();
        let head = file.and_then(|file| serde_json::from_reader::<_, Head>(io::BufReader::new(file)).ok());
        head.is_some_and(|head| head.schema.starts_with(family))
    };
    // Reports had no manifest once, and have a report.json only if it was asked for.
    let marks = [(manifest::FILE, manifest::SCHEMA_FAMILY), ("report.json", json::SCHEMA_FAMILY)];
    if !is_link && marks.into_iter().any(is_ours) {
        return Ok(());
    }
    let reason = "it is not a report of netrec (no manifest.json or report.json of netrec's in it), and is left as it \
                  is even with --force: name another folder with -o";
    Err(Error::io("replace", path)(io::Error::other(reason)))
}

/// Makes a new hidden folder beside `target`. `create_dir` refuses what is already there, so
/// that nobody can put a link in its place.
fn make_beside(target: &Path, purpose: &str) -> Result<PathBuf> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    for attempt in 0..ATTEMPTS {
        let path = target.with_file_name(format!(".{name}.{}-{attempt}.{purpose}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("create", target)(error)),
        }
    }
    Err(Error::io("create", target)(io::ErrorKind::AlreadyExists.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn report_at(path: &Path, text: &str) {
        fs::create_dir(path).unwrap();
        fs::write(path.join("report.json"), format!(r#"{{"schema": "netrec/report.v1", "x": "{text}"}}"#))
            .unwrap();
    }

    #[test]
    fn there_is_a_whole_folder_or_none() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("report");
        let folder = Folder::prepare(&target, false).unwrap();
        folder.put("charts/a.svg", b"<svg/>").unwrap();
        assert!(!target.exists());
        drop(folder);
        assert_eq!(names(place.path()), Vec::<String>::new());

        let folder = Folder::prepare(&target, false).unwrap();
        let path = folder.put("charts/a.svg", b"<svg/>").unwrap();
        folder.finish().unwrap();
        assert_eq!(fs::read(path).unwrap(), b"<svg/>");
        assert_eq!(names(place.path()), ["report"]);
    }

    #[test]
    fn what_is_there_is_replaced_only_when_asked() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("report");
        report_at(&target, "old");
        assert!(matches!(Folder::prepare(&target, false), Err(Error::Exists { .. })));

        let folder = Folder::prepare(&target, true).unwrap();
        drop(folder);
        assert_eq!(names(&target), ["report.json"]);

        let folder = Folder::prepare(&target, true).unwrap();
        folder.put("new", b"").unwrap();
        folder.finish().unwrap();
        assert_eq!(names(&target), ["new"]);
        assert_eq!(names(place.path()), ["report"]);
    }

    #[test]
    fn a_folder_of_others_is_never_replaced() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("thesis");
        fs::create_dir(&target).unwrap();
        for content in [None, Some("{}"), Some(r#"{"schema": "other/report.v1"}"#), Some("not JSON")] {
            if let Some(content) = content {
                fs::write(target.join("report.json"), content).unwrap();
            }
            let error = Folder::prepare(&target, true).unwrap_err().to_string();
            assert!(error.contains("not a report of netrec"), "{error}");
        }
        assert_eq!(names(place.path()), ["thesis"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_a_report_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        report_at(&place.path().join("real"), "x");
        std::os::unix::fs::symlink("real", place.path().join("link")).unwrap();
        assert!(Folder::prepare(&place.path().join("link"), true).is_err());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_said_at_once() {
        let place = tempfile::tempdir().unwrap();
        let error = Folder::prepare(&place.path().join("missing/report"), false).unwrap_err();
        assert!(error.to_string().contains("no such file or folder"), "{error}");
        assert!(Folder::prepare(Path::new("/"), false).is_err());
    }
}
