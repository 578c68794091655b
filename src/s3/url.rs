//! Names of objects: `s3://bucket/key`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Prefixes of a URL; Spark and Hadoop use the second.
const SCHEMES: [&str; 2] = ["s3://", "s3a://"];

/// Maximum length of a key in the protocol, in bytes.
const MOST_KEY_BYTES: usize = 1024;

/// Maximum length of a file name, in bytes.
const MOST_NAME_BYTES: usize = 255;

/// An object, or all objects with this prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url {
    bucket: String,
    key: String,
}

impl Url {
    /// Whether a name on the command line is an object's URL.
    pub fn is_url(name: &Path) -> bool {
        name.to_str().is_some_and(|text| SCHEMES.iter().any(|scheme| text.starts_with(scheme)))
    }

    /// Parses a path as an object's URL; `None` if it is a file.
    ///
    /// # Errors
    /// A sentence, if it begins like a URL but is not valid.
    pub fn of_path(name: &Path) -> Option<Result<Self, String>> {
        Self::is_url(name).then(|| name.to_str().unwrap_or_default().parse())
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key; empty for a whole bucket.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Another object in the bucket.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { bucket: self.bucket.clone(), key: key.to_owned() }
    }

    /// The prefix of all objects below this name: with a trailing slash.
    #[must_use]
    pub fn as_folder(&self) -> Self {
        let is_one = self.key.is_empty() || self.key.ends_with('/');
        self.with_key(&if is_one { self.key.clone() } else { format!("{}/", self.key) })
    }

    /// Whether it is a prefix of objects below it.
    pub fn is_folder(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }

    /// An object below this prefix.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let folder = self.as_folder();
        self.with_key(&format!("{}{name}", folder.key))
    }

    /// As a path for messages and tables; it is not a file.
    pub fn to_path(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or("expected s3://BUCKET/PREFIX/")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let is_bucket = (1..=255).contains(&bucket.len())
            && bucket.chars().all(is_name)
            && !bucket.contains("..")
            && bucket.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !is_bucket {
            return Err("its bucket is none: expected s3://BUCKET/PREFIX/".to_owned());
        }
        match fault_of(key.strip_suffix('/').unwrap_or(key)) {
            Some(fault) if !key.is_empty() => Err(format!("its key {fault}")),
            _ => Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() }),
        }
    }
}

/// Why a key is rejected: it could not be a file in a folder, or would be another one than it seems.
pub(super) fn fault_of(key: &str) -> Option<&'static str> {
    let name = key.rsplit('/').next().unwrap_or_default();
    if key.len() > MOST_KEY_BYTES || name.len() > MOST_NAME_BYTES {
        return Some("is too long");
    }
    if key.chars().any(char::is_control) {
        return Some("has control characters");
    }
    if key.starts_with('/') || key.contains('\\') {
        return Some("begins with a slash, or has a backslash");
    }
    let is_step = |part: &str| [".", ".."].contains(&part);
    if key.split('/').any(is_step) {
        return Some("leads out of its folder (. or ..)");
    }
    key.split('/').any(str::is_empty).then_some("has an empty part")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_bucket_and_a_key() {
        let url: Url = "s3://captures/web/2026/a b.parquet".parse().unwrap();
        assert_eq!((url.bucket(), url.key()), ("captures", "web/2026/a b.parquet"));
        assert_eq!(url.to_string(), "s3://captures/web/2026/a b.parquet");
        assert_eq!(url.to_path().file_name().unwrap(), "a b.parquet");
        let all: Url = "s3a://captures".parse().unwrap();
        assert_eq!((all.to_string().as_str(), all.is_folder()), ("s3://captures/", true));
        assert_eq!(all.join("a.parquet").to_string(), "s3://captures/a.parquet");
        let folder: Url = "s3://captures/web".parse().unwrap();
        assert_eq!(folder.join("x/a.parquet").key(), "web/x/a.parquet");
        assert_eq!(folder.as_folder(), folder.as_folder().as_folder());
        assert!(Url::is_url(Path::new("s3://x")) && !Url::is_url(Path::new("./s3://x")));
    }

    #[test]
    fn what_is_no_name_of_an_object_is_refused() {
        let long = format!("s3://b/{}", "k".repeat(256));
        for text in [
            "s3://",
            "s3:///key",
            "s3://../key",
            "s3://a..b/key",
            "s3://bucket@host/key",
            "s3://bucket:9000/key",
            "s3://b/../other",
            "s3://b/a/./c",
            "s3://b//etc/passwd",
            "s3://b/a//b",
            "s3://b/a\\b",
            "s3://b/a\nb",
            "s3://b/a\u{7f}",
            "s3://b//",
            long.as_str(),
        ] {
            assert!(text.parse::<Url>().is_err(), "{text:?}");
        }
        for text in ["s3://b", "s3://b/", "s3://b/a/", "s3://b/..a", "s3://b/a..b/…"] {
            assert!(text.parse::<Url>().is_ok(), "{text:?}");
        }
    }
}
