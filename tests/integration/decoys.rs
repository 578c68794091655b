//! A folder as on a real host, with many files that are not netrec's, and its comparison before and
//! after a command.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// The state of a name: content or link target, and everything that a write would change.
pub(crate) type Listing = BTreeMap<PathBuf, String>;

/// Everything below a folder, including itself, with contents, owners, modes, times and links.
pub(crate) fn listing(folder: &Path) -> Listing {
    let mut found = Listing::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        let facts = fs::symlink_metadata(&path).unwrap();
        let what = if facts.is_symlink() {
            format!("link to {}", fs::read_link(&path).unwrap().display())
        } else if facts.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            "folder".to_owned()
        } else if facts.is_file() {
            format!("file {:x}", hash(&fs::read(&path).unwrap()))
        } else {
            "other".to_owned()
        };
        let name = path.strip_prefix(folder).unwrap().to_path_buf();
        found.insert(name, format!("{} {what}", marks(&facts)));
    }
    found
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(unix)]
fn marks(facts: &fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let time = (facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec());
    format!("{} {}:{} {:o} ×{} {time:?}", facts.ino(), facts.uid(), facts.gid(), facts.mode(), facts.nlink())
}

#[cfg(not(unix))]
fn marks(facts: &fs::Metadata) -> String {
    format!("{:?}", facts.modified().ok())
}

/// The names that differ; empty if there are none.
pub(crate) fn changes(before: &Listing, after: &Listing) -> Vec<PathBuf> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<PathBuf> =
        names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}
