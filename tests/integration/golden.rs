//! The reviewed reports of the sample captures: every change shows in the diff.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sample captures, by name without ending.
const SAMPLES: [&str; 3] = ["workday", "c2-manx-udp", "c2-quasarrat"];

/// Surroundings of an analysis that must not affect its report.
struct Surroundings {
    time_zone: &'static str,
    language: &'static str,
    folder: tempfile::TempDir,
}

impl Surroundings {
    fn new(time_zone: &'static str, language: &'static str) -> Self {
        Self { time_zone, language, folder: tempfile::tempdir().unwrap() }
    }

    /// The folder with the report of a sample.
    fn report_of(&self, sample: &str) -> PathBuf {
        let capture = of_project(&format!("sample-captures/{sample}.parquet"));
        let output = Command::new(env!("CARGO_BIN_EXE_netrec"))
            .args([Path::new("analyze"), &capture, Path::new("-o"), Path::new(sample)])
            .env("TZ", self.time_zone)
            .env("LC_ALL", self.language)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.code().is_some_and(|code| code == 0 || code == 3), "{output:?}");
        self.folder.path().join(sample)
    }
}

fn of_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Paths inside a folder, sorted.
fn names(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_reviewed_reports_of_the_samples_have_not_changed() {
    let here = Surroundings::new("UTC", "C");
    let mut stale = Vec::new();
    for sample in SAMPLES {
        let report = here.report_of(sample);
        for name in ["report.json", "report.md"] {
            let current = fs::read_to_string(report.join(name)).unwrap();
            let path = of_project(&format!("tests/data/golden/{sample}/{name}"));
            if std::env::var_os("UPDATE").is_some() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &current).unwrap();
            }
            if fs::read_to_string(&path).unwrap_or_default() != current {
                stale.push(path);
            }
        }
    }
    assert!(stale.is_empty(), "run the tests with UPDATE=1 and review what changed in {stale:?}");
}

#[test]
fn every_sample_has_a_reviewed_report() {
    let entries = fs::read_dir(of_project("sample-captures")).unwrap();
    let captures = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = captures
        .filter(|path| path.extension().is_some_and(|ending| ending == "parquet"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut listed = SAMPLES.to_vec();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn a_report_is_the_same_to_the_byte_wherever_and_whenever_it_is_made() {
    let (here, there) = (Surroundings::new("UTC", "C"), Surroundings::new("Asia/Kathmandu", "tr_TR.UTF-8"));
    let (a, b) = (here.report_of("workday"), there.report_of("workday"));
    let names_of_a = names(&a);
    assert_eq!(names_of_a, names(&b));
    assert!(names_of_a.len() > 10);
    for name in names_of_a {
        assert!(fs::read(a.join(&name)).unwrap() == fs::read(b.join(&name)).unwrap(), "{}", name.display());
    }
}
