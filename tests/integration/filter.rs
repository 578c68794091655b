//! `netrec analyze --filter`: a report of some connections that says so.

use std::path::Path;

use serde_json::Value;

use crate::runner::netrec_in;

/// The report of the sample with these arguments.
fn report(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-captures/workday.parquet");
    let sample = sample.display().to_string();
    let arguments: Vec<&str> =
        [&["analyze", &sample, "-o", "report", "--format", "json"], arguments].concat();
    let ran = netrec_in(folder.path(), &arguments);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    serde_json::from_str(&std::fs::read_to_string(folder.path().join("report/report.json")).unwrap()).unwrap()
}

fn titles(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|f| f["title"].as_str().unwrap()).collect()
}

#[test]
fn only_what_fits_is_analyzed_and_the_report_says_so() {
    let (all, some) = (report(&[]), report(&["--filter", "process:nmap"]));
    let (all_titles, titles) = (titles(&all), titles(&some));
    let tells_of = |titles: &[&str], name: &str| titles.iter().any(|title| title.contains(name));
    assert!(
        ["nmap", "sysupdated", "iperf3"].iter().all(|name| tells_of(&all_titles, name)),
        "{all_titles:?}"
    );
    assert!(tells_of(&titles, "nmap") && !tells_of(&titles, "sysupdated"), "{titles:?}");
    assert!(!tells_of(&titles, "iperf3"), "{titles:?}");
    let said = some.to_string();
    assert!(said.contains("sockets were analyzed: those with a row that matches the filter process:nmap"));
    assert!(!all.to_string().contains("sockets were analyzed: those with a row that matches"));
}

#[test]
fn a_filter_that_fits_nothing_gives_a_report_of_nothing() {
    let report = report(&["--filter", "process:nobody"]);
    assert!(titles(&report).is_empty());
    assert!(report.to_string().contains("Only 0 of "));
}

#[test]
fn a_filter_that_is_none_is_refused() {
    let ran = netrec_in(Path::new("."), &["analyze", "x.parquet", "--filter", "proces:x"]);
    assert!(ran.code == 2 && ran.stderr.contains("did you mean process?"), "{}", ran.stderr);
}
