//! Runs the program and reports the result.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A finished run of the program.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `netrec` with these arguments in a folder.
pub(crate) fn netrec_in<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Ran {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_netrec")).args(arguments).current_dir(folder).output().unwrap();
    Ran {
        code: status.code().expect("the program was ended by a signal"),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Imports what somebody has handed over as a file into `out.parquet`.
pub(crate) fn import(folder: &Path, contents: &[u8], options: &[&str]) -> Ran {
    fs::write(folder.join("evidence"), contents).unwrap();
    netrec_in(folder, &[&["import", "evidence", "-o", "out.parquet", "--force"], options].concat())
}

/// These columns of the connections in `out.parquet`, in the order of local ports.
pub(crate) fn connections(folder: &Path, names: &[&str]) -> Vec<Vec<String>> {
    netrec_in(folder, &["export", "out.parquet", "--format", "csv", "-o", "out.csv", "--force"]);
    let mut reader = csv::Reader::from_path(folder.join("out.csv")).unwrap();
    let mut rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    rows.sort_by_key(|row| row["local_port"].clone());
    rows.iter().map(|row| names.iter().map(|name| row[*name].clone()).collect()).collect()
}

/// Every file below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

impl Ran {
    /// Asserts success.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "standard error: {}", self.stderr);
        self
    }

    /// Asserts failure with exit code 1 and one sentence that contains these words; no panic, no backtrace.
    #[track_caller]
    pub(crate) fn fails_saying(self, words: &[&str]) -> Self {
        assert_eq!(self.code, 1, "standard error: {}", self.stderr);
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "more than a sentence: {}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing in: {}", self.stderr);
        }
        self
    }
}
