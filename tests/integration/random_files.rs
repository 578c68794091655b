//! System files that are not evidence: each is refused, with one clear sentence.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::runner::netrec_in;

/// Number of files tried.
const FILES: usize = 500;

/// Larger files take long to read and are of the same kinds.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Every readable file below a folder, without links.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), files),
            Ok(kind) if kind.is_file() && entry.metadata().is_ok_and(|it| it.len() <= MOST_BYTES) => {
                files.push(entry.path());
            }
            _ => {}
        }
    }
}

/// Picks files from these folders in a fixed arbitrary order, with at least one per kind of name.
fn choose() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["/usr/share", "/etc"] {
        list(Path::new(folder), &mut files);
    }
    files.sort_by_cached_key(|path| <[u8; 32]>::from(Sha256::digest(path.as_os_str().as_encoded_bytes())));
    let mut kinds = BTreeSet::new();
    let (mut chosen, rest): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|path| kinds.insert(path.extension().map(ToOwned::to_owned)));
    chosen.truncate(FILES / 2);
    chosen.extend(rest.into_iter().take(FILES - chosen.len()));
    chosen
}

/// Whether an importer reads such files, judging by the name: packages contain examples.
fn may_be_evidence(path: &Path) -> bool {
    let name = path.to_string_lossy();
    [".pcap", ".cap", "conn.log", "eve.json"].iter().any(|part| name.contains(part))
}

#[test]
fn random_files_of_the_system_are_refused_each_in_a_sentence() {
    let files = choose();
    if files.len() < FILES {
        eprintln!("skipped: /usr/share and /etc hold only {} files", files.len());
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for path in files.iter().filter(|path| !may_be_evidence(path)) {
        let ran =
            netrec_in(place.path(), &[Path::new("import"), path, Path::new("-o"), Path::new("out.parquet")]);
        let is_clear = ran.stderr.starts_with("netrec: cannot import ") && ran.stderr.lines().count() == 1;
        if ran.code != 1 || !is_clear || ran.stderr.contains("panicked") {
            wrong.push(format!("{}: exit {}, {}{}", path.display(), ran.code, ran.stdout, ran.stderr));
        }
        assert!(!place.path().join("out.parquet").exists(), "{}", path.display());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_importer_that_is_forced_on_a_random_file_panics_or_finds_connections() {
    let files = choose();
    let place = tempfile::tempdir().unwrap();
    for path in files.iter().filter(|path| !may_be_evidence(path)).take(40) {
        for importer in netrec::import::IMPORTERS {
            let options = ["--from", importer.id, "--at", "2026-11-24T10:00:00Z", "-o", "out.parquet"];
            let arguments: Vec<_> =
                [Path::new("import"), path].into_iter().chain(options.map(Path::new)).collect();
            let ran = netrec_in(place.path(), &arguments);
            assert_eq!(ran.code, 1, "{} as {}: {}", path.display(), importer.id, ran.stdout);
            assert!(!ran.stderr.contains("panicked"), "{}: {}", path.display(), ran.stderr);
        }
    }
}
