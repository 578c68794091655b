//! Whether the files of a recording are unchanged and complete.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Outcome, check_capture};
use crate::capture::{PublicKey, SeriesPart};
use crate::cli::{Done, sources, storage};
use crate::{Error, Result, escape, humanize};

/// The result for several files, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    /// Every file in the order given; those of a folder by name.
    files: Vec<Outcome>,
    /// Files that could not be checked at all, with the reason.
    failed: Vec<String>,
    /// Files whose hash matches what the file after them states.
    links_confirmed: usize,
    /// Files that another one names as its predecessor but that are not among these.
    missing: Vec<String>,
    /// Links that do not hold, one sentence each: a file was exchanged.
    broken: Vec<String>,
    /// 0, 1 or 3, as the exit code.
    exit_code: u8,
}

/// Checks every file, and that each follows its stated predecessor.
pub(super) fn run(names: &[PathBuf], key: Option<&PublicKey>, is_json: bool) -> Result<Done> {
    let mut report = Report {
        files: Vec::new(),
        failed: Vec::new(),
        links_confirmed: 0,
        missing: Vec::new(),
        broken: Vec::new(),
        exit_code: 0,
    };
    let mut parts = Vec::new();
    for source in sources::expand(names)? {
        match check_capture(&source.path, key, true) {
            Ok(outcome) => {
                let part = storage::finished_metadata(&source.path).and_then(|metadata| metadata.series);
                parts.push((name_of(&source.path), outcome.capture_sha256.clone(), part));
                report.files.push(outcome);
            }
            Err(error) => report.failed.push(error.to_string()),
        }
    }
    report.follow(&parts);
    report.exit_code = report.judge();
    if is_json {
        let json = serde_json::to_string_pretty(&report).unwrap_or_default();
        say!("{}", escape::json(&json));
    } else {
        report.tell();
    }
    match report.exit_code {
        0 => Ok(Done::Well),
        3 => Ok(Done::Degraded),
        _ => Err(report.first_fault(names)),
    }
}

impl Report {
    /// Compares each file's stated predecessor with the actual one.
    fn follow(&mut self, parts: &[(String, String, Option<SeriesPart>)]) {
        let known: BTreeMap<&str, &str> =
            parts.iter().map(|(name, sha256, _)| (name.as_str(), sha256.as_str())).collect();
        for (name, _, part) in parts {
            let Some(before) = part.as_ref().and_then(|part| part.previous.as_ref()) else { continue };
            match known.get(before.file.as_str()) {
                Some(sha256) if **sha256 == before.sha256 => self.links_confirmed += 1,
                Some(_) => {
                    let file = &before.file;
                    self.broken
                        .push(format!("{file} is not the file that preceded {name}: its hash differs"));
                }
                None => self.missing.push(before.file.clone()),
            }
        }
    }

    fn judge(&self) -> u8 {
        let is_changed = self.files.iter().any(|file| file.exit_code == 1);
        if is_changed || !self.failed.is_empty() || !self.broken.is_empty() {
            return 1;
        }
        // The oldest files of a series are removed over time, so a missing first one is no fault.
        if self.missing.len() > 1 || self.files.iter().any(|file| file.exit_code == 3) { 3 } else { 0 }
    }

    fn tell(&self) {
        for file in self.files.iter().filter(|file| file.exit_code != 0) {
            let why = match file.changes.as_slice() {
                [] => "not confirmed: no hashes, no signature by the key, or recovered".to_owned(),
                changes => changes.join("; "),
            };
            say!("{}: {}", escape::terminal(&file.path), escape::terminal(&why));
        }
        for sentence in self.failed.iter().chain(&self.broken) {
            say!("{}", escape::terminal(sentence));
        }
        for file in &self.missing {
            say!("{}: missing, although a file here follows it", escape::terminal(file));
        }
        let well = self.files.iter().filter(|file| file.exit_code == 0).count();
        let bytes: u64 = self.files.iter().filter_map(|file| file.bytes).sum();
        say!(
            "{} of {}, {}: every byte is as recorded; the preceding file's hash is confirmed in {}",
            humanize::count(well as u64),
            humanize::plural((self.files.len() + self.failed.len()) as u64, "file"),
            humanize::bytes(bytes as f64),
            humanize::count(self.links_confirmed as u64),
        );
    }

    fn first_fault(&self, names: &[PathBuf]) -> Error {
        let changed = self.files.iter().find(|file| file.exit_code == 1);
        let reason = changed
            .map(|file| format!("{}: {}", file.path, file.changes.join("; ")))
            .or_else(|| self.failed.first().cloned())
            .or_else(|| self.broken.first().cloned());
        Error::Damaged {
            path: names.first().cloned().unwrap_or_default(),
            reason: reason.unwrap_or_default(),
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
