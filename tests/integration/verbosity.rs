//! `--quiet`, `--verbose`, `NETREC_LOG` and `--local-time`.

use std::path::Path;
use std::process::{Command, Output};

use crate::runner::netrec_in;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-captures/workday.parquet");

fn with_variables(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netrec"));
    command.args(arguments).current_dir(folder).env_remove("NETREC_LOG");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn quiet_prints_nothing_but_what_was_asked_for() {
    let work = tempfile::tempdir().unwrap();
    for arguments in [
        &["analyze", SAMPLE, "-o", "report", "-q"][..],
        &["--quiet", "verify", SAMPLE],
        &["export", SAMPLE, "--format", "csv", "-o", "rows.csv", "-q"],
        &["man", "--output", "man", "-q"],
    ] {
        let ran = netrec_in(work.path(), arguments).succeeds();
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "{arguments:?}");
    }
    for arguments in [
        &["info", SAMPLE, "-q"][..],
        &["verify", SAMPLE, "--json", "-q"],
        &["dump", SAMPLE, "--at", "start", "-q"],
        &["explain", "-q"],
    ] {
        assert!(!netrec_in(work.path(), arguments).succeeds().stdout.is_empty(), "{arguments:?}");
    }
    // What fails is said.
    netrec_in(work.path(), &["analyze", "nothing.parquet", "-q"]).fails_saying(&["nothing.parquet"]);
}

#[test]
fn verbose_says_what_each_stage_does_and_how_long_it_takes() {
    let work = tempfile::tempdir().unwrap();
    let ran = netrec_in(work.path(), &["-v", "analyze", SAMPLE, "-o", "report"]).succeeds();
    for stage in [
        "reading the rows rows=",
        "building the tables:",
        "detector id=port-scan findings=1 status=ran:",
        "detector id=geo findings=0 status=skipped (",
        "writing the files:",
        "analyzing capture=",
    ] {
        assert!(ran.stderr.contains(stage), "{stage}: {}", ran.stderr);
    }
    assert!(ran.stderr.lines().all(|line| line.starts_with("netrec: [")), "{}", ran.stderr);

    let pcap = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/public-captures/manx-tcp.pcap.zst");
    let ran = netrec_in(work.path(), &["import", pcap, "-o", "c.parquet", "--verbose"]);
    assert!(ran.stderr.contains("manx-tcp.pcap.zst (pcap)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("writing the capture:"), "{}", ran.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn verbose_names_every_source_of_a_recording_and_twice_each_snapshot() {
    let work = tempfile::tempdir().unwrap();
    let ran = netrec_in(work.path(), &["record", "-d", "300ms", "-i", "100ms", "-o", "c.parquet", "-vv"]);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    assert!(ran.stderr.contains("source sock_diag"), "{}", ran.stderr);
    assert!(ran.stderr.contains("snapshot number=1 sockets="), "{}", ran.stderr);
    assert!(ran.stderr.contains("completing the file:"), "{}", ran.stderr);
}

#[test]
fn the_variable_sets_the_level_and_a_wrong_one_is_wrong_usage() {
    let work = tempfile::tempdir().unwrap();
    let analyze = ["analyze", SAMPLE, "-o", "report", "--force"];
    let run = |value: &str| with_variables(work.path(), &[("NETREC_LOG", value)], &analyze);
    assert!(stderr(&run("info")).contains("building the tables"));
    assert_eq!(stderr(&run("error")), "");
    assert_eq!(stderr(&run("")), "");
    let wrong = run("loud");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("expected error, warn, info"), "{}", stderr(&wrong));
}

#[test]
fn times_are_shown_in_the_local_zone_if_asked_and_never_in_data() {
    let work = tempfile::tempdir().unwrap();
    let text = |arguments: &[&str]| {
        let output = with_variables(work.path(), &[("TZ", "Asia/Kolkata")], arguments);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(text(&["info", SAMPLE]).contains("2026-11-22T21:57:54Z"));
    assert!(text(&["info", SAMPLE, "--local-time"]).contains("2026-11-23T03:27:54+05:30"));
    let table = text(&["dump", SAMPLE, "--at", "start", "--local-time"]);
    assert!(table.lines().nth(1).unwrap().starts_with("2026-11-23T03:27:54."), "{table}");
    let csv = ["dump", SAMPLE, "--at", "start", "--format", "csv", "--local-time"];
    assert_eq!(with_variables(work.path(), &[], &csv).status.code(), Some(2));
    // A time with an offset is understood.
    let there = text(&["dump", SAMPLE, "--at", "2026-11-23T03:28:12+05:30"]);
    assert!(there.contains("2026-11-22T21:58:12"), "{there}");
}
