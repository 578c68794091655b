//! The list of uploaded captures, in a small file beside them: `NAME.uploads.json`.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Confirmed;
use crate::capture::Digest;
use crate::s3::Url;
use crate::safe_fs::{Dir, Kind, NewFile, Replace, file_name, is_mine};
use crate::{Error, Result};

const SCHEMA: &str = "netrec/uploads.v1";

/// Maximum size of the file.
const MOST_BYTES: u64 = 64 << 20;

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    /// Always `netrec/uploads.v1`.
    schema: String,
    /// The destination: uploads to another one do not count.
    to: String,
    /// By capture name.
    confirmed: BTreeMap<String, UploadedCapture>,
}

/// An uploaded capture.
#[derive(Debug, Serialize, Deserialize)]
struct UploadedCapture {
    bytes: u64,
    sha256: String,
}

/// The uploaded captures of a series.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    content: Content,
}

impl Ledger {
    /// Loads the list that an earlier recording of the series wrote. Without it everything is
    /// uploaded again, and found to be there.
    pub(super) fn load(series: &Path, to: &Url) -> Self {
        let mut name = series.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.truncate(name.strip_suffix(".parquet").map_or(name.len(), str::len));
        let path = series.with_file_name(format!("{name}.uploads.json"));
        let known = read(&path).filter(|content| content.schema == SCHEMA && content.to == to.to_string());
        let nothing =
            || Content { schema: SCHEMA.to_owned(), to: to.to_string(), confirmed: BTreeMap::new() };
        Self { path, content: known.unwrap_or_else(nothing) }
    }

    /// Whether a capture is uploaded.
    pub(super) fn has(&self, name: &str) -> bool {
        self.content.confirmed.contains_key(name)
    }

    /// The number of uploaded captures.
    pub(super) fn len(&self) -> usize {
        self.content.confirmed.len()
    }

    /// Adds a capture, and removes those that are no longer on the disk.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written; the capture is noted for this recording in any case.
    pub(super) fn add(&mut self, confirmed: &Confirmed) -> Result<()> {
        let Confirmed { name, bytes, sha256 } = confirmed;
        let folder = Dir::of_file(&self.path).map_err(Error::io("read", &self.path))?;
        self.content.confirmed.retain(|name, _| folder.facts(name).is_ok_and(|facts| facts.is_some()));
        let entry = UploadedCapture { bytes: *bytes, sha256: Digest(*sha256).to_string() };
        self.content.confirmed.insert(name.clone(), entry);
        let text = serde_json::to_vec_pretty(&self.content).unwrap_or_default();
        let mut file = NewFile::create(&self.path, Replace::Yes)?;
        file.write_all(&text).map_err(Error::io("write", &self.path))?;
        file.commit().map(drop)
    }
}

fn read(path: &Path) -> Option<Content> {
    let (dir, name) = (Dir::of_file(path).ok()?, file_name(path).ok()?);
    let facts = dir.facts(name).ok()??;
    if facts.kind != Kind::File || !is_mine(&facts) {
        return None;
    }
    let mut text = String::new();
    dir.read_file(name).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_known_again_for_the_same_place_only() {
        let folder = tempfile::tempdir().unwrap();
        let series = folder.path().join("web.example.org.parquet");
        let to = |text: &str| text.parse::<Url>().unwrap();
        std::fs::write(folder.path().join("a.parquet"), "").unwrap();
        std::fs::write(folder.path().join("b.parquet"), "").unwrap();
        let mut ledger = Ledger::load(&series, &to("s3://x/y/"));
        for name in ["a.parquet", "b.parquet"] {
            ledger.add(&Confirmed { name: name.to_owned(), bytes: 7, sha256: [1; 32] }).unwrap();
        }
        assert!(folder.path().join("web.example.org.uploads.json").exists());
        std::fs::remove_file(folder.path().join("a.parquet")).unwrap();
        let mut again = Ledger::load(&series, &to("s3://x/y/"));
        assert!(again.has("a.parquet") && again.has("b.parquet"));
        again.add(&Confirmed { name: "b.parquet".to_owned(), bytes: 7, sha256: [1; 32] }).unwrap();
        assert!(!again.has("a.parquet"), "what is gone is forgotten");
        assert_eq!(Ledger::load(&series, &to("s3://x/other/")).len(), 0);
    }

    #[test]
    fn what_is_no_such_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let series = folder.path().join("web");
        std::fs::write(folder.path().join("web.uploads.json"), "{\"schema\":").unwrap();
        assert_eq!(Ledger::load(&series, &"s3://x/y/".parse().unwrap()).len(), 0);
    }
}
