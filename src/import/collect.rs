//! The files to import: those that are named, and those in the folders that are named.
//!
//! A named file must be one that can be read. Of a folder everything is taken that is recognised,
//! and everything else is counted, so that nothing is left out without a word.

use std::collections::BTreeSet;
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use super::{Importer, Input, STANDARD_INPUT};
use crate::capture::{ImportStats, Unused, UnusedReason};
use crate::{Error, Result};

/// How deep folders are searched, and how many files are taken from them.
const MOST_DEPTH: usize = 16;
const MOST_FILES: usize = 100_000;

/// The files that are named and those in the folders that are named, in the order of their
/// paths, each once; `stats` is told of the others.
pub(super) fn collect(
    paths: &[PathBuf],
    from: Option<&'static Importer>,
    stats: &mut ImportStats,
) -> Result<Vec<Input>> {
    let mut collector = Collector { from, stats, inputs: Vec::new(), seen: BTreeSet::new() };
    for path in paths {
        let is_standard_input = path == Path::new(STANDARD_INPUT);
        let is_folder = !is_standard_input && fs::metadata(path).map_err(Error::io("read", path))?.is_dir();
        if is_folder { collector.take_folder(path)? } else { collector.take_named(path)? }
    }
    Ok(collector.inputs)
}

struct Collector<'s> {
    from: Option<&'static Importer>,
    stats: &'s mut ImportStats,
    inputs: Vec<Input>,
    /// Where the files really are.
    seen: BTreeSet<PathBuf>,
}

impl Collector<'_> {
    fn take_named(&mut self, path: &Path) -> Result<()> {
        if self.is_new(path) {
            self.inputs.push(Input::open(path)?);
        }
        Ok(())
    }

    fn take_folder(&mut self, folder: &Path) -> Result<()> {
        let mut found = Found::default();
        list(folder, 0, &mut found, self.stats).map_err(Error::io("read", folder))?;
        // A folder may be reached by a link before its own place in the order.
        found.files.sort();
        let before = self.inputs.len();
        let mut others = 0;
        for path in found.files {
            if !self.is_new(&path) {
                self.skip(UnusedReason::Duplicate, "another path to the same file", &path);
                continue;
            }
            let Ok(input) = Input::open(&path) else {
                self.skip(UnusedReason::Unreadable, "it cannot be read", &path);
                continue;
            };
            let is_wanted = match (input.importer, self.from) {
                (Some(found), Some(from)) => found.id == from.id,
                (found, _) => found.is_some(),
            };
            if is_wanted {
                self.inputs.push(input);
                continue;
            }
            others += 1;
            let kind = match input.importer {
                Some(other) => format!("it is {}", other.title),
                None => format!("it {}", input.begin.looks_like()),
            };
            let is_empty = input.bytes == 0;
            let reason = if is_empty { UnusedReason::NoConnection } else { UnusedReason::Unsupported };
            self.skip(reason, &kind, &path);
        }
        if self.inputs.len() == before {
            let kinds: Vec<String> = self.stats.files.iter().take(3).map(Unused::describe_counted).collect();
            let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join("; ")) };
            let reason = format!("none of the {others} files in this folder can be imported{kinds}");
            return Err(Error::Import { path: folder.to_path_buf(), reason });
        }
        Ok(())
    }

    /// Whether this is the first path to a file. What has no path of its own, as a pipe, is new.
    fn is_new(&mut self, path: &Path) -> bool {
        match path.canonicalize() {
            Ok(real) if real.is_file() => self.seen.insert(real),
            _ => true,
        }
    }

    fn skip(&mut self, reason: UnusedReason, kind: &str, path: &Path) {
        self.stats.skip_file(reason, kind, || path.display().to_string());
    }
}

/// What is in a folder.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    /// Folders that were searched, by where they really are, so that a circle of links ends.
    folders: BTreeSet<PathBuf>,
}

fn list(folder: &Path, depth: usize, found: &mut Found, stats: &mut ImportStats) -> std::io::Result<()> {
    if !found.folders.insert(folder.canonicalize()?) {
        return Ok(());
    }
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    for path in paths {
        let mut skip = |reason, kind| stats.skip_file(reason, kind, || path.display().to_string());
        // Links are followed.
        let Ok(kind) = fs::metadata(&path).map(|metadata| metadata.file_type()) else {
            skip(UnusedReason::Unreadable, "a link to nothing, or a file that cannot be read");
            continue;
        };
        if kind.is_dir() {
            if depth >= MOST_DEPTH {
                skip(UnusedReason::Unsupported, "a folder that is nested too deeply");
            } else if list(&path, depth + 1, found, stats).is_err() {
                stats.skip_file(UnusedReason::Unreadable, "a folder that cannot be read", || {
                    path.display().to_string()
                });
            }
        } else if let Some(kind) = special(kind) {
            skip(UnusedReason::Unsupported, kind);
        } else if found.files.len() < MOST_FILES {
            found.files.push(path);
        } else {
            skip(UnusedReason::Unsupported, "one of too many files");
        }
    }
    Ok(())
}

/// What would block or never end when it is read; it has to be named to be read.
fn special(kind: FileType) -> Option<&'static str> {
    (!kind.is_file()).then_some("a pipe, socket or device: name it to read it")
}
