//! `report.html`: one page that loads nothing and runs nothing.
//!
//! It is made of the published types ([`Report`]) by a template that escapes every value
//! ([`escaper`]). A Content-Security-Policy allows its own style, by hash, and images from
//! `data:` addresses; should anything slip through the escaping, it still cannot run.

mod embed;
pub mod escaper;
mod findings;
mod sections;
mod view;

use askama::Template;

use self::findings::FindingView;
use self::sections::SectionView;
use self::view::{DetectorView, Fact, Severity, Source, Table};
use super::charts::Picture;
use super::format;
use super::json::v1::{Report, SourceStatus};
use crate::{Error, Result};

/// Findings on the page; the rest is in the JSON report. A browser still scrolls these well.
const MOST_FINDINGS: usize = 200;
const STYLE: &str = include_str!("style.css");

/// What the template shows.
#[derive(Template)]
#[template(path = "report.html", config = "src/report/html/askama.toml")]
struct Page {
    csp_hash: String,
    style: &'static str,
    title: String,
    lead: String,
    tiles: Vec<Fact>,
    degraded: bool,
    completeness: String,
    completeness_facts: Vec<Fact>,
    blind_spots: Vec<String>,
    sources: Table,
    severities: Vec<Severity>,
    nothing_found: &'static str,
    findings: Vec<FindingView>,
    findings_hidden: usize,
    sections: Vec<SectionView>,
    geolocation: Vec<Source>,
    detectors: Vec<DetectorView>,
    capture: Vec<Fact>,
    tool_version: String,
}

/// The page of a report with its pictures.
///
/// # Errors
/// [`Error::Render`] if the template fails: a bug.
pub fn render(report: &Report, pictures: &[Picture]) -> Result<String> {
    let page = page(report, pictures);
    page.render().map_err(|e| Error::Render { what: "report.html".to_owned(), reason: e.to_string() })
}

fn page(report: &Report, pictures: &[Picture]) -> Page {
    let shown = report.findings.iter().take(MOST_FINDINGS);
    Page {
        csp_hash: embed::csp_hash(STYLE),
        style: STYLE,
        title: title(report),
        lead: lead(report),
        tiles: view::tiles(report),
        degraded: report.capture.completeness.degraded,
        completeness: completeness(report),
        completeness_facts: view::completeness_facts(&report.capture.completeness),
        blind_spots: report.capture.completeness.blind_spots.clone(),
        sources: sources(report),
        severities: view::severities(&report.summary),
        nothing_found: format::nothing_found(&report.detectors),
        findings: shown.map(FindingView::from).collect(),
        findings_hidden: report.findings.len().saturating_sub(MOST_FINDINGS),
        sections: sections::all(&report.metrics, pictures),
        geolocation: report.geolocation.iter().map(Source::from).collect(),
        detectors: report.detectors.iter().map(DetectorView::from).collect(),
        capture: view::capture_facts(&report.capture),
        tool_version: report.tool_version.clone(),
    }
}

fn title(report: &Report) -> String {
    let host = report.capture.host_name.as_deref().unwrap_or("an unknown host");
    format!("Network recording of {host}")
}

fn lead(report: &Report) -> String {
    let capture = &report.capture;
    let system: Vec<&str> =
        [&capture.os, &capture.kernel].into_iter().flatten().map(String::as_str).collect();
    let duration = capture.duration_s.map_or_else(|| format::UNKNOWN.to_owned(), format::seconds);
    let span = format!(
        "{duration}, from {} to {}",
        format::second_utc(capture.start.us),
        format::second_utc(capture.end.us)
    );
    if system.is_empty() { span } else { format!("{span} · {}", system.join(", ")) }
}

fn completeness(report: &Report) -> String {
    let completeness = &report.capture.completeness;
    let late = format::count(completeness.ticks_late);
    let taken = format::count(completeness.ticks_taken);
    if !completeness.degraded && completeness.ticks_taken == 0 {
        return "A list of connections, without snapshots.".to_owned();
    }
    if !completeness.degraded {
        return format!("The recording ran as planned: {taken} ticks, none late.");
    }
    let lost = match completeness.events_lost {
        Some(lost) if lost > 0 => format!(", and the kernel dropped {} events", format::count(lost)),
        _ => String::new(),
    };
    format!("The recording is degraded: of {taken} ticks, {late} were late or left out{lost}.")
}

fn sources(report: &Report) -> Table {
    let rows = report.capture.completeness.sources.iter().map(|source| {
        let status = match source.status {
            SourceStatus::Ran => "ran",
            SourceStatus::Partial => "partial",
            SourceStatus::Missing => "missing",
        };
        vec![source.name.clone(), status.to_owned(), source.detail.clone()]
    });
    Table::of_text(
        "Sources of the recording",
        &["source", "status", "what it gave, or what is missing"],
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{charts, escape, fixture};

    fn rendered(analysis: &crate::analyze::Analysis) -> String {
        let report = Report::of(analysis, &fixture::identity());
        render(&report, &charts::draw_all(analysis).unwrap()).unwrap()
    }

    #[test]
    fn hostile_names_are_text() {
        let html = rendered(&fixture::analysis());
        assert!(!html.contains("<script"));
        assert!(!html.chars().any(|c| escape::is_unsafe(c) && c != '\n'));
        assert!(html.contains(r"&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;\u{1b}]0;owned\u{7}"));
    }

    #[test]
    fn nothing_is_loaded_and_nothing_can_run() {
        let html = rendered(&fixture::analysis());
        assert!(html.contains("default-src 'none'") && html.contains("style-src 'sha256-"));
        for tag in ["<link", "<iframe", "<object", "<base", "<form", "@import", "url(", " style=", " onload="]
        {
            assert!(!html.contains(tag), "{tag}");
        }
        let sources: Vec<_> = html.split(" src=\"").skip(1).collect();
        assert_eq!(sources.len(), charts::CHARTS.len());
        assert!(sources.iter().all(|source| source.starts_with("data:image/svg+xml;base64,")));
    }

    #[test]
    fn the_style_in_the_page_is_the_one_that_is_allowed() {
        let html = rendered(&fixture::empty());
        let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        assert!(html.contains(&embed::csp_hash(style)), "the template changed the style");
    }

    #[test]
    fn links_lead_to_what_is_there() {
        let html = rendered(&fixture::analysis());
        for target in html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(html.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }

    #[test]
    fn limits_and_evidence_are_on_the_page() {
        let html = rendered(&fixture::analysis());
        for text in [
            "The recording is degraded",
            "12 of 412 connections have no known owner.",
            "netrec replay web-01.parquet --at 2026-06-01T10:00:00.000000Z",
            "is neither “failed” nor “found nothing”",
            "4 connections are fewer than the 50 that it needs",
            "https://db-ip.com",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ] {
            assert!(html.contains(text), "{text}");
        }
    }

    #[test]
    fn thousands_of_findings_do_not_make_a_page_that_nobody_can_open() {
        let analysis = fixture::analysis();
        let mut report = Report::of(&analysis, &fixture::identity());
        report.findings = vec![report.findings[0].clone(); 5_000];
        let html = render(&report, &[]).unwrap();
        assert!(html.contains("4800 more findings"));
        assert!(html.len() < 2_000_000, "{}", html.len());
    }

    #[test]
    fn nothing_found_is_not_nothing_looked_for() {
        let mut analysis = fixture::empty();
        assert!(rendered(&analysis).contains("No detector could run"));
        analysis.runs = fixture::analysis().runs;
        for run in &mut analysis.runs {
            run.output.findings.clear();
        }
        assert!(rendered(&analysis).contains("No detector that ran found anything"));
    }

    #[test]
    fn only_web_links_are_links() {
        let mut analysis = fixture::empty();
        analysis.geo_sources = fixture::analysis().geo_sources;
        analysis.geo_sources[0].url = Some("javascript:alert(1)".to_owned());
        assert!(!rendered(&analysis).contains("javascript:"));
    }

    /// Not a test: leaves a page to be looked at.
    #[test]
    #[ignore = "for the eye: NETREC_PAGE=/tmp/page.html cargo test -- --ignored look_at_page"]
    fn look_at_page() {
        std::fs::write(std::env::var_os("NETREC_PAGE").unwrap(), rendered(&fixture::analysis())).unwrap();
    }
}
