//! User-supplied inputs of an analysis: allow-lists, indicators, rules, and a severity level.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fixture;
use crate::runner::{Ran, netrec_in};

/// A minute of a web server, together with the tests' inputs.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fixture::write(&place.path().join("c.parquet"), &fixture::rows(60, 3), &fixture::metadata(60));
    let write = |name: &str, text: &str| fs::write(place.path().join(name), text).unwrap();
    write("all.txt", "0.0.0.0/0,every address\n");
    write("allow.toml", "[[allow]]\nreason = \"a test\"\ndetector = \"indicator\"\n");
    write("idle.toml", "[[allow]]\nreason = \"gone\"\nprocess = \"nobody\"\n");
    fs::create_dir(place.path().join("rules")).unwrap();
    write(
        "rules/any.yml",
        "title: Any port\nlogsource:\n  category: network_connection\ndetection:\n  selection:\n    \
         DestinationPort|gte: 1\n  condition: selection\nlevel: high\n",
    );
    place
}

fn analyze(place: &Path, more: &[&str]) -> Ran {
    netrec_in(place, &[&["analyze", "c.parquet", "-o", "r", "--force"], more].concat())
}

fn report(place: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(place.join("r/report.json")).unwrap()).unwrap()
}

fn found_by(report: &Value, detector: &str) -> usize {
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["detector"] == detector).count()
}

#[test]
fn indicators_and_rules_are_looked_for() {
    let place = place();
    analyze(place.path(), &["--ioc", "all.txt", "--sigma", "rules"]).succeeds();
    let report = report(place.path());
    assert!(found_by(&report, "indicator") > 0 && found_by(&report, "sigma") > 0, "{report:#}");
    assert!(!report["insights"].as_array().unwrap().is_empty());
}

#[test]
fn what_is_allowed_is_suppressed_and_listed_and_an_idle_entry_is_said() {
    let place = place();
    let options = ["--ioc", "all.txt", "--allow", "allow.toml", "--allow", "idle.toml"];
    let ran = analyze(place.path(), &options).succeeds();
    assert!(ran.stdout.contains("suppressed by the allow-list"), "{}", ran.stdout);
    let report = report(place.path());
    assert_eq!(found_by(&report, "indicator"), 0);
    assert!(!report["suppressed"].as_array().unwrap().is_empty());
    assert_eq!(report["idle_allow_rules"], serde_json::json!(["gone (process = nobody)"]));
    let text = fs::read_to_string(place.path().join("r/report.md")).unwrap();
    assert!(text.contains("Allow-list: suppressed") && text.contains("matched nothing"), "{text}");
}

#[test]
fn a_level_that_is_reached_is_exit_code_10_unless_it_is_allowed() {
    let place = place();
    let code = |more: &[&str]| analyze(place.path(), more).code;
    assert_eq!(code(&["--ioc", "all.txt", "--fail-on", "low"]), 10);
    assert_eq!(code(&["--ioc", "all.txt", "--fail-on", "critical"]), 0);
    assert_eq!(code(&["--ioc", "all.txt", "--fail-on", "low", "--allow", "allow.toml"]), 0);
    assert_eq!(code(&["--fail-on", "dreadful"]), 2);
}

#[test]
fn broken_lists_are_refused_by_name() {
    let place = place();
    fs::write(place.path().join("words.txt"), "nothing to look for\n").unwrap();
    analyze(place.path(), &["--ioc", "words.txt"]).fails_saying(&["words.txt", "nothing to look for"]);
    analyze(place.path(), &["--allow", "words.txt"]).fails_saying(&["words.txt", "[[allow]]"]);
    analyze(place.path(), &["--sigma", "missing"]).fails_saying(&["missing", "no such file"]);
}
