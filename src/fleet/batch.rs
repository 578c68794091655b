//! Groups captures into batches, and names the files of their tables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::captures::Captures;
use crate::capture::{Digest, Metadata};
use crate::parallel;

/// Number of batches, unless they would exceed [`MOST_CAPTURES`].
const BATCHES: usize = 64;

/// Maximum number of captures in a batch, unless a host has more.
const MOST_CAPTURES: usize = 64;

/// Number of captures whose metadata is read concurrently.
const READERS: usize = 8;

/// Number of a hash's hexadecimal digits in a file name.
const NAME_DIGITS: usize = 16;

/// A capture, and its name in the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// The name by which others can find it: its path, or where it was copied from.
    pub name: String,
}

/// Captures whose tables are written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The captures; all captures of a host that form one recording are in the same batch.
    pub sources: Vec<Source>,
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        let name = path.display().to_string();
        Self { path, name }
    }
}

impl Batch {
    /// The name of its files: the first 16 hexadecimal digits of the SHA-256 of the captures'
    /// names, sorted and joined by line feeds. The same captures give the same names on any
    /// machine.
    pub fn name(&self) -> String {
        let mut names: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
        names.sort_unstable();
        Digest::new(names.join("\n").as_bytes()).to_string().chars().take(NAME_DIGITS).collect()
    }
}

/// Groups captures into batches independently of the machine, with the captures of a host in the
/// same one. Only metadata is read.
pub fn batches(sources: Vec<Source>, captures: &dyn Captures) -> Vec<Batch> {
    let size = sources.len().div_ceil(BATCHES).clamp(1, MOST_CAPTURES);
    let mut batches: Vec<Batch> = Vec::new();
    for group in by_host(sources, captures) {
        match batches.last_mut() {
            Some(last) if last.sources.len() + group.len() <= size => last.sources.extend(group),
            _ => batches.push(Batch { sources: group }),
        }
    }
    batches
}

/// The captures of each host, by id or name; those of an unknown host separately.
fn by_host(sources: Vec<Source>, captures: &dyn Captures) -> Vec<Vec<Source>> {
    // More than there are cores, because requests to a storage mostly wait.
    let known: Vec<Option<Metadata>> =
        parallel::map_with(&sources, |source| captures.metadata(source), READERS.min(sources.len()));
    let mut machines: BTreeMap<&str, &str> = BTreeMap::new();
    for metadata in known.iter().flatten() {
        if let (Some(name), Some(id)) = (&metadata.host_name, &metadata.machine_id) {
            machines.insert(name, id);
        }
    }
    let mut groups: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for (source, metadata) in sources.into_iter().zip(&known) {
        let key = metadata.as_ref().filter(|metadata| metadata.import.is_none()).and_then(|metadata| {
            let by_name = || {
                let name = metadata.host_name.as_deref()?;
                Some(machines.get(name).copied().unwrap_or(name))
            };
            metadata.machine_id.as_deref().or_else(by_name)
        });
        let key = key.map_or_else(|| format!("\u{0}{}", source.name), str::to_owned);
        groups.entry(key).or_default().push(source);
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::LocalFiles;

    fn batch(names: &[&str]) -> Batch {
        Batch { sources: names.iter().map(|name| PathBuf::from(name).into()).collect() }
    }

    #[test]
    fn the_same_captures_have_the_same_files_in_whatever_order_they_come() {
        let name = batch(&["a.parquet", "b.parquet"]).name();
        // printf 'a.parquet\nb.parquet' | sha256sum
        assert_eq!(name.len(), NAME_DIGITS);
        assert_eq!(name, batch(&["b.parquet", "a.parquet"]).name());
        assert_ne!(name, batch(&["a.parquet"]).name());
    }

    #[test]
    fn captures_of_which_nothing_is_known_are_spread_over_batches() {
        let sources: Vec<Source> =
            (0..200).map(|n| PathBuf::from(format!("missing-{n:03}")).into()).collect();
        let batches = batches(sources.clone(), &LocalFiles);
        assert!(batches.len() >= 50 && batches.iter().all(|batch| batch.sources.len() <= 4));
        let mut all: Vec<Source> = batches.into_iter().flat_map(|batch| batch.sources).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(all, sources, "each is there once");
    }
}
