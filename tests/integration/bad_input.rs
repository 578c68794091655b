//! Invalid input: one sentence, exit code 1, nothing half-written.

use std::fs;
use std::path::Path;

use crate::fixture;
use crate::runner::netrec_in;

/// Runs `analyze` and `info` on a file, expects both to fail with these words, and expects no files
/// to be left behind.
#[track_caller]
fn both_refuse(folder: &Path, file: &str, words: &[&str]) {
    let before = names(folder);
    netrec_in(folder, &["analyze", file]).fails_saying(words);
    netrec_in(folder, &["info", file]).fails_saying(words);
    assert_eq!(names(folder), before, "something was left behind");
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn missing_empty_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("empty.parquet"), "").unwrap();
    fs::write(folder.join("text.parquet"), "a text that is long enough to have a footer\n").unwrap();
    fs::write(folder.join("short"), "PAR1").unwrap();
    fs::create_dir(folder.join("dir")).unwrap();

    both_refuse(folder, "missing.parquet", &["missing.parquet", "no such file"]);
    both_refuse(folder, "empty.parquet", &["empty.parquet", "the file is empty"]);
    both_refuse(folder, "text.parquet", &["text.parquet", "not a Parquet file"]);
    both_refuse(folder, "short", &["short", "not a Parquet file"]);
    both_refuse(folder, "dir", &["dir", "it contains no capture"]);
}

#[test]
fn a_capture_of_a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    fixture::write(&path, &fixture::rows(2, 1), &fixture::metadata(2));
    let mut bytes = fs::read(&path).unwrap();
    let key = b"netrec.format_version";
    let at = bytes.windows(key.len()).rposition(|w| w == key).unwrap() + key.len();
    let digit = bytes[at..].iter().position(|b| *b == b'1').unwrap() + at;
    bytes[digit] = b'9';
    fs::write(&path, bytes).unwrap();
    both_refuse(folder.path(), "c.parquet", &["format version 9", "reads up to version 1", "newer netrec"]);
}

#[test]
fn a_foreign_parquet_is_refused() {
    use arrow_array::{ArrayRef, Int32Array, RecordBatch};
    let folder = tempfile::tempdir().unwrap();
    let column: ArrayRef = std::sync::Arc::new(Int32Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
    let file = fs::File::create(folder.path().join("other.parquet")).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    both_refuse(folder.path(), "other.parquet", &["other.parquet", "another program"]);
}

#[test]
fn a_hostile_file_name_cannot_write_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let ran = netrec_in(folder.path(), &["info", "\u{1b}[2Jx"]).fails_saying(&["\\u{1b}[2Jx"]);
    assert!(!ran.stderr.contains('\u{1b}'));
}

#[test]
fn an_unwritable_output_folder_is_said_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    fixture::write(&path, &fixture::rows(2, 1), &fixture::metadata(2));
    fs::write(folder.path().join("file"), "").unwrap();
    netrec_in(folder.path(), &["analyze", "c.parquet", "-o", "file/report"]).fails_saying(&["file/report"]);
    netrec_in(folder.path(), &["analyze", "c.parquet", "-o", "no/such/folder"]).fails_saying(&["no/such"]);
    assert_eq!(names(folder.path()), ["c.parquet", "file"]);
}

#[test]
fn broken_configuration_and_databases_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    fixture::write(&path, &fixture::rows(2, 1), &fixture::metadata(2));
    fs::write(folder.path().join("bad.toml"), "[beacon]\nno_such_key = 1\n").unwrap();
    fs::write(folder.path().join("bad.mmdb"), "this is no database").unwrap();
    let analyze =
        |option: &str, file: &str| netrec_in(folder.path(), &["analyze", "c.parquet", option, file]);
    analyze("--config", "bad.toml").fails_saying(&["bad.toml", "no_such_key"]);
    analyze("--config", "none.toml").fails_saying(&["none.toml", "no such file"]);
    analyze("--geoip", "bad.mmdb").fails_saying(&["bad.mmdb", "geolocation database"]);
    analyze("--geoip", "none.mmdb").fails_saying(&["none.mmdb", "no such file"]);
    assert_eq!(names(folder.path()), ["bad.mmdb", "bad.toml", "c.parquet"]);
}

#[test]
fn captures_without_rows_or_with_one_tick_still_give_a_report() {
    for ticks in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        fixture::write(&path, &fixture::rows(ticks, 2), &fixture::metadata(ticks));
        netrec_in(folder.path(), &["analyze", "c.parquet", "-o", "r"]).succeeds();
        netrec_in(folder.path(), &["info", "c.parquet"]).succeeds();
        let report = fs::read_to_string(folder.path().join("r/report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let detectors = report["detectors"].as_array().unwrap();
        assert!(!detectors.is_empty());
        for detector in detectors {
            // A single tick shows states, but nothing that takes time.
            let may_run = ticks == 1 && detector["status"] == "ran";
            assert!(may_run || detector["status"] == "skipped", "{ticks} ticks: {detector}");
            assert!(may_run || detector["reason"].as_str().unwrap().len() > 10);
        }
    }
}

#[test]
fn wrong_usage_has_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(netrec_in(folder.path(), &["analyze"]).code, 2);
    assert_eq!(netrec_in(folder.path(), &["no-such-command"]).code, 2);
    assert_eq!(netrec_in(folder.path(), &["record", "--duration", "soon"]).code, 2);
}
