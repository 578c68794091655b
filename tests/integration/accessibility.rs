//! Checks the page with axe-core's rules, light and dark, wide and narrow, in every view.
//!
//! axe-core is not part of netrec: the test reads it from a file, and is skipped with a message if
//! there is none.

use std::path::{Path, PathBuf};

use netrec::report::Section;

use crate::browser::{Opened, open, sample_report};
use crate::runner::netrec_in;

/// Where `.ci/run` puts the script, relative to the project, and the variable that overrides it.
const PLACE: &str = "target/axe/axe_playwright_python/axe.min.js";
const VARIABLE: &str = "NETREC_AXE";

/// The script of axe-core; `None`, with a message, if it is missing.
fn axe() -> Option<String> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join(PLACE);
    let path = std::env::var_os(VARIABLE).map_or(default, PathBuf::from);
    let script = std::fs::read_to_string(&path).ok();
    if script.is_none() {
        println!("skipped: no axe-core at {} ({VARIABLE} names another place)", path.display());
    }
    script
}

/// Violations in the current view, each with its rule, its impact and the first elements.
fn violations(page: &Opened) -> Vec<String> {
    let script = "axe.run(document, { resultTypes: ['violations'] }).then((result) => JSON.stringify(result.violations
        .map((found) => `${found.id} (${found.impact}): ${found.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(' ')}`)))";
    let found = page.tab.evaluate(script, true).unwrap().value.unwrap_or_default();
    serde_json::from_str(found.as_str().expect("axe-core gives a text")).unwrap()
}

#[track_caller]
fn check(report: &Path, views: &[(u32, &str)], axe: &str) {
    let Some(page) = open(report) else { return };
    page.tab.evaluate(&format!("{axe};0"), false).unwrap();
    for (width, scheme) in views {
        page.resize(*width, 900, false);
        page.text(&format!("document.documentElement.dataset.theme = '{scheme}'"));
        for section in Section::ALL.map(Section::id).into_iter().chain(["entities"]) {
            page.click(&format!("#tab-{section}"));
            page.text("document.querySelectorAll('details').forEach((part) => { part.open = true; }); ''");
            let found = violations(&page);
            assert!(found.is_empty(), "{section}, {width} px, {scheme}: {found:#?}");
        }
    }
    page.type_filter("port:");
    assert_eq!(violations(&page), Vec::<String>::new(), "with an error of the filter");
    page.is_quiet();
}

#[test]
fn a_recording_has_no_finding_in_any_view() {
    let Some(axe) = axe() else { return };
    let place = tempfile::tempdir().unwrap();
    check(&sample_report(place.path()), &[(1440, "light"), (1440, "dark"), (390, "light")], &axe);
}

#[test]
fn an_import_has_no_finding_in_any_view() {
    let Some(axe) = axe() else { return };
    let place = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-captures/c2-quasarrat.parquet");
    netrec_in(place.path(), &["analyze", sample.to_str().unwrap(), "-o", "r"]).succeeds();
    // Sizes and colors are those of a recording.
    check(&place.path().join("r/report.html"), &[(1440, "light")], &axe);
}

/// Checks that the rules do find something.
#[test]
fn a_page_with_a_fault_is_found() {
    let Some(axe) = axe() else { return };
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("report.html");
    std::fs::write(&file, "<!doctype html><html lang=en><title>t</title><main><button></button></main>")
        .unwrap();
    let Some(page) = open(&file) else { return };
    page.tab.evaluate(&format!("{axe};0"), false).unwrap();
    assert!(violations(&page).iter().any(|found| found.starts_with("button-name")));
}
