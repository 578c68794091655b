//! `report.html`: one self-contained page.
//!
//! It is generated from the published types ([`Report`]) and the table of connections by a template
//! that escapes every value ([`escaper`]). Without script it is one long column. Its own script
//! (`script/`, plain JavaScript, one file per part of the page) turns the sections into tabs, and
//! adds a timeline of the recording and a table of the connections that sorts and filters.
//!
//! A Content-Security-Policy allows only its own style and script, by hash, and images from `data:`
//! addresses. Anything that slips through the escaping still cannot run, and nothing can be sent
//! anywhere.

mod colours;
mod connections;
mod data;
pub(super) mod embed;
pub mod escaper;
mod findings;
mod first_rows;
mod sections;
mod view;

use std::io::{self, Write};

use ahash::AHashSet;
use askama::Template;

pub(crate) use self::embed::csp_hash;

use self::data::Data;
use self::findings::{FindingView, InsightView, SuppressedView};
use self::sections::SectionView;
use self::view::{DetectorView, Fact, Severity, Source, Table, Tile, VerdictView};
use super::charts::Picture;
use super::json::v1::{Report, SourceStatus, UnusedReason, UnusedRecords};
use crate::Result;
use crate::humanize;
use crate::model::Tables;
use crate::model::frame::DataFrame;
use crate::model::records::Role;
use crate::model::tables::SocketColumns;

/// Findings with all of their evidence on the page; the others are in the JSON report.
const MOST_FINDINGS: usize = 200;
/// Findings listed by the script; a recording of a whole network can have thousands.
const MOST_LISTED: usize = 5_000;
/// Suppressed findings on the page.
const MOST_SUPPRESSED: usize = 100;
/// Hypotheses at the top of the first page, or findings if there are none.
const MOST_HEADLINES: usize = 3;
pub(crate) const STYLE: &str = include_str!("style.css");
/// The script: its parts in one scope, in order of use.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("script/format.js"),
    include_str!("script/dom.js"),
    include_str!("script/data.js"),
    include_str!("script/filter_words.js"),
    include_str!("script/filter_values.js"),
    include_str!("script/filter_pattern.js"),
    include_str!("script/filter_fields.js"),
    include_str!("script/filter_term.js"),
    include_str!("script/filter_grammar.js"),
    include_str!("script/filter.js"),
    include_str!("script/state.js"),
    include_str!("script/rows.js"),
    include_str!("script/address.js"),
    include_str!("script/copy.js"),
    include_str!("script/menu.js"),
    include_str!("script/bars.js"),
    include_str!("script/live.js"),
    include_str!("script/timeline.js"),
    include_str!("script/moment.js"),
    include_str!("script/table.js"),
    include_str!("script/findings.js"),
    include_str!("script/triage.js"),
    include_str!("script/story.js"),
    include_str!("script/tree.js"),
    include_str!("script/graph.js"),
    include_str!("script/entities.js"),
    include_str!("script/tabs.js"),
    include_str!("script/theme.js"),
    include_str!("script/main.js"),
    "})();\n",
);

/// The script that runs before the page is laid out.
const HEAD_SCRIPT: &str = include_str!("script/head.js");

/// The data that the template shows.
#[derive(Template)]
#[template(path = "report.html", config = "src/report/html/askama.toml")]
pub struct Page<'a> {
    style_hash: String,
    style: &'static str,
    chart_style_hash: String,
    chart_style: String,
    head_script_hash: String,
    head_script: &'static str,
    script_hash: String,
    script: &'static str,
    /// The script's data, as JSON without `<`.
    data: Data<'a>,
    title: String,
    lead: String,
    verdict: VerdictView,
    tiles: Vec<Tile>,
    degraded: bool,
    completeness_facts: Vec<Fact>,
    sources: Table,
    import_records: Option<Table>,
    severities: Vec<Severity>,
    nothing_found: &'static str,
    insights: Vec<InsightView>,
    findings: Vec<FindingView>,
    findings_total: String,
    findings_hidden: usize,
    suppressed: Vec<SuppressedView>,
    suppressed_title: String,
    sections: Vec<SectionView>,
    first_rows: Table,
    rows_note: String,
    geolocation: Vec<Source>,
    detectors: Vec<DetectorView>,
    capture: Vec<Fact>,
    tool_version: String,
}

impl Page<'_> {
    fn top_insights(&self) -> &[InsightView] {
        &self.insights[..self.insights.len().min(MOST_HEADLINES)]
    }

    /// The hypotheses after the first ones.
    fn more_insights(&self) -> &[InsightView] {
        &self.insights[self.top_insights().len()..]
    }

    /// The worst findings, if there are no hypotheses.
    fn top_findings(&self) -> &[FindingView] {
        &self.findings[..self.findings.len().min(MOST_HEADLINES)]
    }

    /// Writes the page.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write_into(out)
    }
}

/// The page of a report, with its pictures and connections.
///
/// # Errors
/// [`crate::Error::Analysis`] if a table lacks a column: a bug.
pub fn page<'a>(report: &Report, pictures: &[Picture], tables: &'a Tables) -> Result<Page<'a>> {
    let shown = &report.findings[..report.findings.len().min(MOST_FINDINGS)];
    let chart_style = colours::style(pictures.iter().map(|picture| picture.svg.as_str()));
    Ok(Page {
        style_hash: embed::csp_hash(STYLE),
        style: STYLE,
        chart_style_hash: embed::csp_hash(&chart_style),
        chart_style,
        head_script_hash: embed::csp_hash(HEAD_SCRIPT),
        head_script: HEAD_SCRIPT,
        script_hash: embed::csp_hash(SCRIPT),
        script: SCRIPT,
        data: Data::new(report, tables, MOST_LISTED)?,
        title: title(report),
        lead: lead(report),
        tiles: view::tiles(report, hosts(&tables.connections)?),
        verdict: VerdictView::from(&report.verdict),
        degraded: report.capture.completeness.degraded,
        completeness_facts: view::completeness_facts(&report.capture.completeness),
        sources: sources(report),
        import_records: import_records(report),
        severities: view::severities(&report.summary),
        nothing_found: crate::report::nothing_found(&report.detectors),
        insights: report.insights.iter().map(|insight| InsightView::new(insight, shown)).collect(),
        findings: shown.iter().map(FindingView::from).collect(),
        findings_total: humanize::count(report.findings.len() as u64),
        findings_hidden: report.findings.len().saturating_sub(MOST_FINDINGS),
        suppressed: report.suppressed.iter().take(MOST_SUPPRESSED).map(SuppressedView::from).collect(),
        suppressed_title: suppressed_title(report.suppressed.len()),
        sections: sections::all(&report.metrics, shown, pictures),
        first_rows: first_rows::of(&tables.connections),
        rows_note: rows_note(tables.connections.height()),
        geolocation: report.geolocation.iter().map(Source::from).collect(),
        detectors: report.detectors.iter().map(DetectorView::from).collect(),
        capture: view::capture_facts(&report.capture),
        tool_version: report.tool_version.clone(),
    })
}

/// The number of distinct local addresses.
fn hosts(connections: &DataFrame) -> Result<usize> {
    let sockets = SocketColumns::of(connections)?;
    let is_connection = |row: &usize| sockets.role(*row) == Role::Connection;
    let addrs: AHashSet<&str> =
        (0..sockets.len()).filter(is_connection).map(|row| sockets.local_addr(row)).collect();
    Ok(addrs.len())
}

fn suppressed_title(number: usize) -> String {
    let all = humanize::plural(number as u64, "finding");
    if number > MOST_SUPPRESSED {
        return format!("{all} suppressed by the allow-list; the first {MOST_SUPPRESSED}");
    }
    format!("{all} suppressed by the allow-list")
}

fn rows_note(sockets: usize) -> String {
    if sockets <= connections::MOST_ROWS {
        return "The same rows are in tables/connections.csv.".to_owned();
    }
    format!(
        "The capture has {} sockets. This page holds the first {}, including all evidence; \
         tables/connections.csv has all of them.",
        humanize::count(sockets as u64),
        humanize::count(connections::MOST_ROWS as u64)
    )
}

fn title(report: &Report) -> String {
    let capture = &report.capture;
    match (&capture.host_name, &capture.import) {
        (Some(host), _) => format!("Network recording of {host}"),
        (None, Some(import)) => format!("Network activity in {}", import.file),
        (None, None) => "Network recording of an unknown host".to_owned(),
    }
}

fn lead(report: &Report) -> String {
    let capture = &report.capture;
    let system: Vec<&str> =
        [&capture.os, &capture.kernel].into_iter().flatten().map(String::as_str).collect();
    let duration = capture.duration_s.map_or_else(|| humanize::UNKNOWN.to_owned(), humanize::seconds);
    let span = format!("{duration}, from {}", humanize::span_utc((capture.start.us, capture.end.us)));
    if system.is_empty() { span } else { format!("{span} · {}", system.join(", ")) }
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
    Table::of_text("Recording sources", &["source", "status", "detail"], rows)
}

/// Records of an import that were not used; `None` for a recording.
fn import_records(report: &Report) -> Option<Table> {
    let records = report.capture.import.as_ref()?.records.as_ref()?;
    let of = |unused: &UnusedRecords, unit: &str| {
        let reason = match unused.reason {
            UnusedReason::Unreadable => "unreadable",
            UnusedReason::Unsupported => "not supported",
            UnusedReason::Duplicate => "duplicate",
            UnusedReason::NoConnection => "not a connection",
        };
        let example = [&unused.example, &unused.example_text];
        let example: Vec<&str> = example.into_iter().flatten().map(String::as_str).collect();
        vec![humanize::plural(unused.count, unit), reason.to_owned(), unused.kind.clone(), example.join(": ")]
    };
    let used = vec![humanize::plural(records.used, &records.unit), "used".to_owned()];
    let rows = std::iter::once([used, vec![String::new(); 2]].concat())
        .chain(records.unused.iter().map(|unused| of(unused, &records.unit)))
        .chain(records.files.iter().map(|unused| of(unused, "file")));
    let title = format!("Imported records: {} read", humanize::plural(records.read, &records.unit));
    Some(Table::of_text(&title, &["count", "use", "kind", "first example"], rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape;
    use crate::report::{charts, fixture};

    fn rendered(analysis: &crate::analyze::Analysis) -> String {
        let report = Report::new(analysis, &fixture::identity());
        text_of(&page(&report, &charts::draw_all(analysis).unwrap(), &analysis.tables).unwrap())
    }

    fn text_of(page: &Page<'_>) -> String {
        let mut text = Vec::new();
        page.write(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn hostile_names_are_text() {
        let html = rendered(&fixture::analysis());
        let scripts: Vec<_> = html.split("<script").skip(1).map(|rest| &rest[..6]).collect();
        assert_eq!(scripts, [">// Wi", " type=", ">(() ="], "the page's own three and no other");
        assert!(!html.chars().any(|c| escape::is_unsafe(c) && c != '\n'));
        assert!(html.contains(r"&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;\u{1b}]0;owned\u{7}"));
    }

    #[test]
    fn nothing_is_loaded_and_nothing_can_run() {
        let html = rendered(&fixture::analysis());
        for rule in ["default-src 'none'", "style-src 'sha256-", "script-src 'sha256-", "connect-src 'none'"]
        {
            assert!(html.contains(rule), "{rule}");
        }
        for tag in ["<link", "<iframe", "<object", "<base", "<form", "@import", "url(", " style=", " onload="]
        {
            assert!(!html.replace(SCRIPT, "").contains(tag), "{tag}");
        }
        for call in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttp"]
        {
            assert!(!SCRIPT.contains(call), "{call}");
        }
        assert!(!html.contains(" src=\""));
        let drawn = charts::draw_all(&fixture::analysis()).unwrap();
        let drawn = drawn.iter().filter(|picture| charts::why_nothing(&picture.svg).is_none()).count();
        assert_eq!(html.matches("<svg ").count(), drawn);
    }

    #[test]
    fn the_style_and_the_script_in_the_page_are_those_that_are_allowed() {
        let html = rendered(&fixture::empty());
        for (begin, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let content = html.split(begin).nth(1).unwrap().split(end).next().unwrap();
            assert!(html.contains(&embed::csp_hash(content)), "the template changed {begin}");
        }
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
            "means that the capture lacks the data that the detector needs",
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
        let mut report = Report::new(&analysis, &fixture::identity());
        report.findings = vec![report.findings[0].clone(); 5_000];
        let html = text_of(&page(&report, &[], &analysis.tables).unwrap());
        assert!(html.contains("4800 more findings"));
        assert!(html.len() < 4_000_000, "{}", html.len());
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

    /// Not a test: writes a page for inspection.
    #[test]
    #[ignore = "for the eye: NETREC_PAGE=/tmp/page.html cargo test -- --ignored look_at_page"]
    fn look_at_page() {
        std::fs::write(std::env::var_os("NETREC_PAGE").unwrap(), rendered(&fixture::analysis())).unwrap();
    }
}
