//! `manifest.json`: the SHA-256 of every file of the report, and of the capture.
//!
//! It is written last. `netrec verify DIR` checks a folder against it; other tools can do so too:
//!
//! ```sh
//! jq -r '.files[] | .sha256 + "  " + .path' manifest.json | sha256sum -c
//! ```
//!
//! It reveals accidental changes, and changes by anyone who left the manifest alone. To detect a
//! changed manifest, note its own SHA-256 elsewhere, such as in the ticket.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::CaptureIdentity;
use crate::{Error, Result, hex};

/// Name of the file.
pub const FILE: &str = "manifest.json";

/// Prefix of `schema` in every version.
pub(super) const SCHEMA_FAMILY: &str = "netrec/manifest.";

/// Maximum size of a manifest; a report's has some fifty entries.
const MAX_BYTES: u64 = 4 << 20;

/// Block size for hashing, in bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// Version 1 of the manifest. Within the version, fields are only added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `netrec/manifest.v1`.
    pub schema: String,
    /// Name and version of the program that made the report.
    pub tool_version: String,
    /// The capture that the report was made from.
    pub capture: ListedFile,
    /// Every file in the folder except this one, by path.
    pub files: Vec<ListedFile>,
}

/// A file with its size and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedFile {
    /// Path inside the folder, with `/`; for the capture, its name.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of files that were written.
    pub fn new(capture: &CaptureIdentity, files: Vec<ListedFile>) -> Self {
        let capture = ListedFile {
            path: capture.file_name.clone(),
            bytes: capture.bytes,
            sha256: capture.sha256.clone(),
        };
        Self {
            schema: format!("{SCHEMA_FAMILY}v1"),
            tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
            capture,
            files,
        }
    }

    /// Reads the manifest in a folder.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Damaged`] if it is not a manifest.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let mut text = String::new();
        let file = File::open(&path).map_err(Error::io("read", &path))?;
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(Error::io("read", &path))?;
        let damaged = |reason: String| Error::Damaged { path: path.clone(), reason };
        let manifest: Self = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        if manifest.schema.starts_with(SCHEMA_FAMILY) {
            Ok(manifest)
        } else {
            Err(damaged("it is not a netrec manifest".to_owned()))
        }
    }

    /// The differences from when the report was written, one sentence each; empty if there are none.
    ///
    /// # Errors
    /// [`Error::Io`] if a file or folder cannot be read.
    pub fn changes(&self, folder: &Path) -> Result<Vec<String>> {
        let mut changes = Vec::new();
        for entry in &self.files {
            changes.extend(entry.change(folder)?.map(|change| format!("{} {change}", entry.path)));
        }
        let known: BTreeSet<&str> = self.files.iter().map(|entry| entry.path.as_str()).collect();
        let there = files_below(folder)?;
        let added = there.iter().filter(|path| *path != FILE && !known.contains(path.as_str()));
        changes.extend(added.map(|path| format!("{path} was added")));
        Ok(changes)
    }
}

impl ListedFile {
    fn change(&self, folder: &Path) -> Result<Option<&'static str>> {
        let relative = Path::new(&self.path);
        // The manifest is untrusted too: its paths must not leave the folder.
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(Some("is outside the folder"));
        }
        let path = folder.join(relative);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some("is missing")),
            Err(error) => return Err(Error::io("read", &path)(error)),
            Ok(facts) if !facts.is_file() => return Ok(Some("is no longer a file")),
            Ok(facts) if facts.len() != self.bytes => return Ok(Some("has another size")),
            Ok(_) => {}
        }
        let mut out = Hashing::new(io::sink());
        let mut file = File::open(&path).map_err(Error::io("read", &path))?;
        io::copy(&mut file, &mut out).map_err(Error::io("read", &path))?;
        let is_same = out.finish().1.eq_ignore_ascii_case(&self.sha256);
        Ok((!is_same).then_some("was changed"))
    }
}

/// Paths of all files below a folder, with `/`, sorted; links are listed but not followed.
fn files_below(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(&place).map_err(Error::io("read", &place))? {
            let entry = entry.map_err(Error::io("read", &place))?;
            let kind = entry.file_type().map_err(Error::io("read", entry.path()))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else {
                let path = entry.path();
                let parts = path.strip_prefix(folder).unwrap_or(&path).components();
                let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
                found.push(parts.join("/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A writer that counts and hashes the bytes passing through.
pub(super) struct Hashing<W> {
    out: W,
    bytes: u64,
    hash: Sha256,
}

impl<W: Write> Hashing<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, bytes: 0, hash: Sha256::new() }
    }

    /// Size and hexadecimal SHA-256 of what was written.
    pub(super) fn finish(self) -> (u64, String) {
        let digest: [u8; 32] = self.hash.finalize().into();
        (self.bytes, hex::encode(&digest))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.out.write(&buffer[..buffer.len().min(BLOCK_BYTES)])?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The files of a folder sorted by path, because several threads write them.
pub(super) fn entries(written: &BTreeMap<String, (u64, String)>) -> Vec<ListedFile> {
    let entry = |(path, (bytes, sha256)): (&String, &(u64, String))| ListedFile {
        path: path.clone(),
        bytes: *bytes,
        sha256: sha256.clone(),
    };
    written.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    /// A folder with two files and their manifest.
    fn folder() -> (tempfile::TempDir, Manifest) {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("tables")).unwrap();
        let mut written = BTreeMap::new();
        for (path, content) in [("report.md", "# Title\n"), ("tables/a.csv", "a,b\r\n")] {
            let mut out = Hashing::new(File::create(place.path().join(path)).unwrap());
            out.write_all(content.as_bytes()).unwrap();
            written.insert(path.to_owned(), out.finish());
        }
        let manifest = Manifest::new(&fixture::identity(), entries(&written));
        fs::write(place.path().join(FILE), serde_json::to_string(&manifest).unwrap()).unwrap();
        (place, manifest)
    }

    #[test]
    fn an_untouched_folder_has_no_changes() {
        let (place, manifest) = folder();
        assert_eq!(Manifest::read(place.path()).unwrap(), manifest);
        assert_eq!(manifest.changes(place.path()).unwrap(), Vec::<String>::new());
        // Computed with sha256sum.
        let (bytes, sha256) = (manifest.files[1].bytes, manifest.files[1].sha256.as_str());
        assert_eq!((bytes, sha256), (5, "fbf6b30113a4b6418c623a96ed6844f17ef5751b908a16abaa919d0bcd6b7784"));
    }

    #[test]
    fn what_is_changed_missing_and_added_is_named() {
        let (place, manifest) = folder();
        fs::write(place.path().join("report.md"), "# Tilte\n").unwrap();
        fs::remove_file(place.path().join("tables/a.csv")).unwrap();
        fs::write(place.path().join("tables/b.csv"), "").unwrap();
        let changes = manifest.changes(place.path()).unwrap();
        assert_eq!(changes, ["report.md was changed", "tables/a.csv is missing", "tables/b.csv was added"]);
        fs::write(place.path().join("report.md"), "longer than before").unwrap();
        assert_eq!(manifest.changes(place.path()).unwrap()[0], "report.md has another size");
    }

    #[test]
    fn a_hostile_manifest_reads_nothing_outside_of_its_folder() {
        let (place, mut manifest) = folder();
        for path in ["../secret", "/etc/passwd"] {
            path.clone_into(&mut manifest.files[0].path);
            assert!(manifest.changes(place.path()).unwrap()[0].contains("outside"), "{path}");
        }
    }

    #[test]
    fn something_else_is_no_manifest() {
        let (place, _) = folder();
        for text in [
            "{}",
            "not JSON",
            r#"{"schema":"other","tool_version":"","capture":{"path":"","bytes":0,"sha256":""},"files":[]}"#,
        ] {
            fs::write(place.path().join(FILE), text).unwrap();
            assert!(Manifest::read(place.path()).is_err(), "{text}");
        }
    }
}
