//! Standard output that cannot be written or is not read, and `-` as a file name.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixture;
use crate::runner::netrec_in;

/// A capture, another one, a report, and a file to import.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.parquet", "y.parquet"] {
        fixture::write(&folder.path().join(name), &fixture::rows(3, 2), &fixture::metadata(3));
    }
    netrec_in(folder.path(), &["analyze", "x.parquet", "-o", "report"]).succeeds();
    netrec_in(folder.path(), &["export", "x.parquet", "--format", "zeek", "-o", "conn.log"]).succeeds();
    folder
}

/// A run of every command that writes to standard output. `replay` and `watch` write to a terminal.
const RUNS: &[&str] = &[
    "--help",
    "--version",
    "help dump",
    "record --help",
    "record --check",
    "record --duration 300ms --interval 100ms -o new.parquet",
    "import conn.log -o imported.parquet",
    "analyze x.parquet",
    "analyze --each x.parquet y.parquet -o several",
    "baseline x.parquet -o learned.baseline",
    "dump x.parquet --at end",
    "dump x.parquet --between start end --format csv",
    "dump x.parquet --at end --format ndjson",
    "fleet analyze x.parquet y.parquet -o across",
    "fleet map x.parquet -o tables",
    "diff x.parquet y.parquet",
    "diff x.parquet y.parquet --json",
    "export x.parquet --format csv",
    "export x.parquet --format csv -o -",
    "export x.parquet --format ndjson -o -",
    "info x.parquet",
    "info x.parquet --json",
    "verify x.parquet",
    "verify report",
    "verify --new-key key",
    "explain",
    "explain beacon",
    "explain --config",
    "verify x.parquet --json",
    "record --check --json",
    "completions bash",
    "man",
    "man record",
    "man --output pages",
];

fn start(folder: &Path, run: &str, stdout: Stdio) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_netrec"))
        .args(run.split(' '))
        .current_dir(folder)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_an_error_of_every_command() {
    let folder = folder();
    for run in RUNS {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = start(folder.path(), run, full.into()).wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{run}: {stderr}");
        assert!(stderr.contains("cannot write to standard output"), "{run}: {stderr}");
    }
    // The work itself is done.
    for made in [
        "new.parquet",
        "imported.parquet",
        "x-report/report.html",
        "several/index.html",
        "learned.baseline",
        "key.pub",
    ] {
        assert!(folder.path().join(made).exists(), "{made}");
    }
    netrec_in(folder.path(), &["verify", "new.parquet"]).succeeds();
}

/// As started by a script or a service manager: `>&-`.
#[test]
#[cfg(target_os = "linux")]
fn a_standard_output_that_is_closed_is_an_error_of_every_command() {
    let folder = folder();
    for run in RUNS {
        let ended = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" >&-", env!("CARGO_BIN_EXE_netrec")])
            .args(run.split(' '))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{run}: {stderr}");
        assert!(stderr.contains("cannot write to standard output"), "{run}: {stderr}");
    }
    netrec_in(folder.path(), &["verify", "new.parquet"]).succeeds();
    // Nothing to write, nothing lost.
    let quiet = Command::new("sh")
        .args(["-c", "exec \"$0\" dump missing.parquet --at end >&-", env!("CARGO_BIN_EXE_netrec")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&quiet.stderr).contains("standard output"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = folder();
    for run in RUNS {
        let mut child = start(folder.path(), run, Stdio::piped());
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(matches!(ended.status.code(), Some(0 | 3)), "{run}: {:?}: {stderr}", ended.status);
        assert!(!stderr.contains("standard output") && !stderr.contains("panicked"), "{run}: {stderr}");
    }
}

#[test]
fn every_subcommand_is_tried() {
    let help = netrec_in(Path::new("."), &["--help"]).succeeds().stdout;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap().to_owned();
    for line in list.lines().filter(|line| !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        let is_tried = RUNS.iter().any(|run| run.split(' ').next() == Some(name));
        // The first two need a terminal, the third an interrupted recording, with which it is
        // tested elsewhere.
        assert!(is_tried || matches!(name, "replay" | "watch" | "recover"), "{name}");
    }
}

#[test]
fn an_export_goes_to_standard_output_and_says_so_on_the_other() {
    let folder = folder();
    let ran = netrec_in(folder.path(), &["export", "x.parquet", "--format", "csv", "-o", "-"]).succeeds();
    netrec_in(folder.path(), &["export", "x.parquet", "--format", "csv", "-o", "x.csv"]).succeeds();
    assert_eq!(ran.stdout, fs::read_to_string(folder.path().join("x.csv")).unwrap());
    assert!(ran.stderr.contains("written: 2 connections and 1 socket without"), "{}", ran.stderr);
    let old_name = netrec_in(folder.path(), &["export", "x.parquet", "--to", "csv", "-o", "-"]).succeeds();
    assert_eq!(old_name.stdout, ran.stdout);
    let ran = netrec_in(folder.path(), &["export", "x.parquet", "--format", "zeek", "-o", "-"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("two files"), "{}", ran.stderr);
}

#[test]
fn a_stream_where_a_file_is_needed_is_refused_with_a_sentence() {
    let folder = folder();
    for (run, because) in [
        ("record -d 1s -o -", "cannot go to standard output"),
        ("import conn.log -o -", "cannot go to standard output"),
        ("watch -o -", "cannot go to standard output"),
        ("analyze x.parquet -o -", "a report is a folder"),
        ("analyze -", "cannot come from standard input"),
        ("info -", "cannot come from standard input"),
        ("dump - --at end", "cannot come from standard input"),
        ("replay -", "cannot come from standard input"),
        ("verify -", "cannot come from standard input"),
        ("diff x.parquet -", "cannot come from standard input"),
        ("export - --format csv", "cannot come from standard input"),
        ("analyze x.parquet --config -", "must be a file"),
        ("analyze x.parquet --ioc -", "must be a file"),
        ("record -d 1s --sign -", "must be a file"),
        ("verify x.parquet --key -", "must be a file"),
        ("verify --new-key -", "must be a file"),
    ] {
        let ran = netrec_in(folder.path(), &run.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, 2, "{run}: {}", ran.stderr);
        assert!(ran.stderr.contains(because) && ran.stderr.contains("./-"), "{run}: {}", ran.stderr);
    }
    assert!(!folder.path().join("-").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn an_import_reads_standard_input() {
    let folder = folder();
    let log = File::open(folder.path().join("conn.log")).unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_netrec"))
        .args(["import", "-", "-o", "piped.parquet"])
        .current_dir(folder.path())
        .stdin(log)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    netrec_in(folder.path(), &["info", "piped.parquet"]).succeeds();
}
