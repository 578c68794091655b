//! The baseline file: JSON, replaced as a whole.

use std::io::{Read as _, Write as _};
use std::path::Path;

use super::{Baseline, SCHEMA};
use crate::safe_fs::{NewFile, Replace, open_regular};
use crate::{Error, Result};

/// Maximum size of the file.
const MOST_BYTES: u64 = 1 << 30;

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Config`] if it is not a baseline or from a
    /// later version.
    pub fn load(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::Config { path: path.to_path_buf(), reason };
        let mut text = Vec::new();
        let file = open_regular(path).map_err(Error::io("read", path))?;
        file.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(Error::io("read", path))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(wrong(format!("it is larger than {MOST_BYTES} bytes, so it is not a baseline")));
        }
        let value: serde_json::Value =
            serde_json::from_slice(&text).map_err(|e| wrong(format!("it is not a netrec baseline: {e}")))?;
        match value.get("schema").and_then(serde_json::Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(wrong(format!("its schema is {other:?}, but this version reads {SCHEMA}")));
            }
            None => return Err(wrong("it is not a netrec baseline: it names no schema".to_owned())),
        }
        serde_json::from_value(value).map_err(|e| wrong(format!("it is not a netrec baseline: {e}")))
    }

    /// Writes it atomically.
    ///
    /// # Errors
    /// [`Error::Exists`] if the file exists and may not be replaced, [`Error::Foreign`] if it is
    /// not a baseline, [`Error::Io`].
    pub fn save(&self, path: &Path, may_replace: bool) -> Result<()> {
        if may_replace && path.symlink_metadata().is_ok() && Self::load(path).is_err() {
            let reason = "it is not a netrec baseline".to_owned();
            return Err(Error::Foreign { path: path.to_path_buf(), reason });
        }
        let replace = if may_replace { Replace::Yes } else { Replace::No };
        let mut file = NewFile::create(path, replace)?;
        let write = |file: &mut NewFile| {
            let text = serde_json::to_vec(self).map_err(std::io::Error::other)?;
            file.write_all(&text)?;
            file.write_all(b"\n")
        };
        write(&mut file).map_err(Error::io("write", path))?;
        file.commit().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Kind, Seen};

    #[test]
    fn what_is_saved_is_read_again_and_anything_else_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("web.baseline");
        let mut baseline = Baseline::default();
        let host = baseline.host("web01", "abc", (0, 1_000_000));
        baseline.add(Kind::Listener, "tcp 22 sshd", &Seen { span_us: (0, 5), host, sent: 3 });
        baseline.save(&path, false).unwrap();
        assert_eq!(Baseline::load(&path).unwrap(), baseline);
        assert!(baseline.save(&path, false).is_err());
        baseline.save(&path, true).unwrap();
        for text in [
            "",
            "[]",
            "{}",
            r#"{"schema":"netrec/baseline.v9"}"#,
            r#"{"schema":"netrec/baseline.v1","facts":3}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Baseline::load(&path).unwrap_err().to_string();
            assert!(error.contains("schema") || error.contains("not a netrec baseline"), "{error}");
        }
    }
}
