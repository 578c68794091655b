//! Times outside a recording, for every command that accepts one.

use std::path::Path;

use crate::fixture;
use crate::runner::{Ran, netrec_in};

/// A capture from 2026-01-01T00:00:00Z to 00:00:05Z.
fn run(arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    fixture::write(&folder.path().join("x.parquet"), &fixture::rows(6, 2), &fixture::metadata(5));
    fixture::write(&folder.path().join("empty.parquet"), &[], &fixture::metadata(0));
    netrec_in(folder.path(), arguments)
}

/// Asserts a refusal with the available range, and nothing on standard output.
#[track_caller]
fn check_refused(arguments: &[&str], because: &str) {
    let ran = run(arguments).fails_saying(&[because]);
    assert_eq!(ran.stdout, "", "{arguments:?}");
}

#[test]
fn a_moment_outside_is_refused_with_the_range_that_there_is() {
    let range = "runs from 2026-01-01T00:00:00Z to 2026-01-01T00:00:05Z";
    for at in ["2020-01-01", "2026-01-01T00:00:06Z", "12:00", "+1h", "-1h", "@0", "@1e300", "9999-12-31"] {
        check_refused(&["dump", "x.parquet", "--at", at], range);
        check_refused(&["replay", "x.parquet", "--at", at], range);
    }
}

#[test]
fn a_time_within_is_answered_however_wide_it_was_written() {
    for at in ["2026-01-01", "00:00", "00:00:05", "+5s", "-5s", "start", "end", "2026-01-01T00:00:02.5Z"] {
        assert!(run(&["dump", "x.parquet", "--at", at]).succeeds().stdout.lines().count() > 1, "{at}");
    }
}

#[test]
fn a_range_is_answered_as_far_as_it_goes_and_the_rest_is_said() {
    let lines = |arguments: &[&str]| {
        let ran = run(&[&["dump", "x.parquet", "--all-rows", "--between"], arguments].concat());
        (ran.code, ran.stdout.lines().count() - 1, ran.stderr)
    };
    assert_eq!(lines(&["start", "end"]), (0, 18, String::new()));
    assert_eq!(lines(&["00:00", "+2s"]), (0, 9, String::new()));
    for (range, rows, because) in [
        (["2025-12-31", "+2s"], 9, "2025-12-31T00:00:00Z is before the recording"),
        (["+3s", "00:10"], 9, "2026-01-01T00:10:00Z is after the recording"),
    ] {
        let (code, found, stderr) = lines(&range);
        assert_eq!((code, found), (3, rows), "{range:?}: {stderr}");
        assert!(stderr.contains(because), "{stderr}");
    }
}

#[test]
fn a_range_that_holds_nothing_is_refused() {
    for (from, to, because) in [
        ("end", "start", "ends before it starts"),
        ("+3s", "+2s", "ends before it starts"),
        ("start", "start", "is empty"),
        ("2020-01-01", "2020-01-02", "before the recording"),
        ("2030-01-01", "2030-01-02", "after the recording"),
    ] {
        check_refused(&["dump", "x.parquet", "--between", from, to], because);
    }
}

#[test]
fn a_capture_without_rows_has_no_moment() {
    check_refused(&["dump", "empty.parquet", "--at", "start"], "has no rows");
    check_refused(&["dump", "empty.parquet", "--between", "start", "end"], "has no rows");
    check_refused(&["replay", "empty.parquet"], "has no rows");
}

#[test]
fn what_is_no_time_is_wrong_usage() {
    for text in ["noon", "25:00", "5m", "", "2026-13-01", "@x", "+"] {
        let at = format!("--at={text}");
        for command in ["dump", "replay"] {
            let ran = netrec_in(Path::new("."), &[command, "x.parquet", &at]);
            assert_eq!(ran.code, 2, "{command} {text}: {}", ran.stderr);
        }
    }
}
