//! `index.html` and `index.json`: an overview of the reports of several captures.
//!
//! `netrec analyze A B C` writes a folder for each. The index lists them in the order given, with a
//! summary of each and the captures that could not be analyzed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use askama::Template;
use serde::Serialize;

use super::html::{STYLE, embed};
use super::json::v1::Severity;
use super::tables::name_of;
use super::{CaptureIdentity, ReportFormat, json};
use crate::analyze::Analysis;
use crate::humanize;
use crate::safe_fs::{NewFile, Replace};
use crate::{Error, Result};

/// Names of the two files.
pub const FILES: [&str; 2] = ["index.html", "index.json"];

/// Prefix of `schema` in every version.
const SCHEMA_FAMILY: &str = "netrec/index.";

/// A mark found only in pages of netrec.
const MARK: &str = r#"<meta name="generator" content="netrec">"#;

/// Version 1 of the index. Within the version, fields are only added.
#[derive(Debug, Serialize)]
pub struct Index {
    /// Always `netrec/index.v1`.
    pub schema: String,
    /// Name and version of the program that made it.
    pub tool_version: String,
    /// One entry per capture, in the order given.
    pub reports: Vec<IndexedCapture>,
}

/// One capture.
#[derive(Debug, Serialize)]
pub struct IndexedCapture {
    /// Name of the capture, without its folder.
    pub capture: String,
    /// The report's folder beside the index; null if there is none.
    pub folder: Option<String>,
    /// Path of the report's page; null if none was requested.
    pub page: Option<String>,
    /// Why there is no report.
    pub error: Option<String>,
    /// Summary of the capture.
    pub shows: Option<Shows>,
}

/// Summary of a capture, for one line.
#[derive(Debug, Serialize)]
pub struct Shows {
    /// SHA-256 of the capture, in hexadecimal.
    pub sha256: String,
    /// Name of the host; null if unknown.
    pub host_name: Option<String>,
    /// Start of the recording, ISO 8601 in UTC; null outside the calendar's range.
    pub start: Option<String>,
    /// End of the recording.
    pub end: Option<String>,
    /// Whether it lacks something that was to be recorded.
    pub degraded: bool,
    /// Sockets with a remote.
    pub connections: u64,
    /// Number of findings.
    pub findings: u64,
    /// The highest severity; null without findings.
    pub highest_severity: Option<Severity>,
    /// The strongest hypothesis, or else the worst finding; null without either.
    pub headline: Option<String>,
}

#[derive(Template)]
#[template(path = "index.html", config = "src/report/html/askama.toml")]
struct Page<'a> {
    style_hash: String,
    style: &'static str,
    title: String,
    rows: Vec<Row<'a>>,
    tool_version: &'a str,
}

/// A row of the page.
struct Row<'a> {
    capture: &'a str,
    link: Option<String>,
    error: Option<&'a str>,
    cells: [String; 7],
}

impl Index {
    /// An index of these captures.
    pub fn new(reports: Vec<IndexedCapture>) -> Self {
        Self {
            schema: format!("{SCHEMA_FAMILY}v1"),
            tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
            reports,
        }
    }

    /// Writes both files into a folder, each atomically.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Render`] if the template fails: a bug.
    pub fn write(&self, folder: &Path, replaces: bool) -> Result<()> {
        check_place(folder, replaces)?;
        let replace = if replaces { Replace::Yes } else { Replace::No };
        put(&folder.join(FILES[0]), self.page()?.as_bytes(), replace)?;
        let mut text = Vec::new();
        json::write(self, &mut text).map_err(Error::io("write", folder.join(FILES[1])))?;
        put(&folder.join(FILES[1]), &text, replace)
    }

    fn page(&self) -> Result<String> {
        let page = Page {
            style_hash: embed::csp_hash(STYLE),
            style: STYLE,
            title: format!("{} analyzed by netrec", humanize::plural(self.reports.len() as u64, "capture")),
            rows: self.reports.iter().map(Row::from).collect(),
            tool_version: &self.tool_version,
        };
        page.render().map_err(|e| Error::Render { what: FILES[0].to_owned(), reason: e.to_string() })
    }
}

impl IndexedCapture {
    /// A capture that was analyzed.
    pub fn of(
        analysis: &Analysis,
        capture: &CaptureIdentity,
        folder: String,
        parts: &[ReportFormat],
    ) -> Self {
        Self {
            capture: capture.file_name.clone(),
            page: parts.contains(&ReportFormat::Html).then(|| format!("{folder}/report.html")),
            folder: Some(folder),
            error: None,
            shows: Some(Shows::new(analysis, capture)),
        }
    }

    /// A capture that could not be analyzed.
    pub fn failed(capture: String, error: String) -> Self {
        Self { capture, folder: None, page: None, error: Some(error), shows: None }
    }

    /// Host, start, connections, findings, highest severity, headline, completeness.
    fn cells(&self) -> [String; 7] {
        let Some(shows) = &self.shows else {
            return std::array::from_fn(|_| humanize::UNKNOWN.to_owned());
        };
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| humanize::UNKNOWN.to_owned());
        [
            known(&shows.host_name),
            known(&shows.start),
            humanize::count(shows.connections),
            humanize::count(shows.findings),
            shows.highest_severity.map_or("none", name_of).to_owned(),
            shows.headline.clone().unwrap_or_else(|| "nothing found".to_owned()),
            if shows.degraded { "degraded" } else { "complete" }.to_owned(),
        ]
    }
}

impl Shows {
    fn new(analysis: &Analysis, capture: &CaptureIdentity) -> Self {
        let findings = analysis.findings();
        let worst = findings.first().map(|finding| &finding.judgement);
        let headline = analysis.insights.first().map(|insight| insight.title.clone());
        Self {
            sha256: capture.sha256.clone(),
            host_name: analysis.metadata.host_name.clone(),
            start: humanize::iso_utc(analysis.metadata.start_us),
            end: humanize::iso_utc(analysis.metadata.end_us),
            degraded: analysis.metadata.is_degraded(),
            connections: analysis.metrics.overview.connections,
            findings: findings.len() as u64,
            highest_severity: worst.map(|judgement| judgement.severity.into()),
            headline: headline.or_else(|| worst.map(|judgement| judgement.title.clone())),
        }
    }
}

impl<'a> From<&'a IndexedCapture> for Row<'a> {
    fn from(entry: &'a IndexedCapture) -> Self {
        Self {
            capture: &entry.capture,
            link: entry.page.as_deref().map(relative_link),
            error: entry.error.as_deref(),
            cells: entry.cells(),
        }
    }
}

/// A path as a link that stays inside the folder, whatever the path starts with.
fn relative_link(path: &str) -> String {
    let mut link = "./".to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            link.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(link, "%{byte:02X}");
        }
    }
    link
}

/// Writes under a hidden name first, so that no reader sees half a file.
fn put(path: &Path, content: &[u8], replace: Replace) -> Result<()> {
    let mut file = NewFile::create(path, replace)?;
    file.write_all(content).map_err(Error::io("write", path))?;
    file.commit().map(drop)
}

/// Refuses a folder that has an index: any index, or with `replaces` one that netrec did not write.
///
/// # Errors
/// [`Error::Exists`], [`Error::Foreign`].
pub fn check_place(folder: &Path, replaces: bool) -> Result<()> {
    let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
    let Some(path) = FILES.map(|name| folder.join(name)).into_iter().find(is_there) else { return Ok(()) };
    if !replaces {
        return Err(Error::Exists { path });
    }
    let text = std::fs::read(folder.join(FILES[1])).unwrap_or_default();
    let schema = serde_json::from_slice::<serde_json::Value>(&text).ok();
    let is_ours = schema.is_some_and(|index| {
        index["schema"].as_str().is_some_and(|schema| schema.starts_with(SCHEMA_FAMILY))
    });
    let page = std::fs::read_to_string(folder.join(FILES[0])).unwrap_or_default();
    if is_ours && (page.is_empty() || page.contains(MARK)) {
        return Ok(());
    }
    Err(Error::Foreign { path, reason: "it is not an index by netrec".to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::fixture;

    fn index() -> Index {
        let gone = "the file <b>c.parquet</b> is damaged".to_owned();
        Index::new(vec![
            IndexedCapture::of(
                &fixture::analysis(),
                &fixture::identity(),
                "web 01-report".to_owned(),
                &ReportFormat::ALL,
            ),
            IndexedCapture::failed("c.parquet".to_owned(), gone),
        ])
    }

    #[test]
    fn every_capture_has_its_line_and_a_failed_one_says_why() {
        let place = tempfile::tempdir().unwrap();
        index().write(place.path(), false).unwrap();
        let read = |name: &str| fs::read_to_string(place.path().join(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&read("index.json")).unwrap();
        assert_eq!(json["reports"][0]["shows"]["highest_severity"], "high");
        assert!(json["reports"][1]["error"].as_str().unwrap().contains("damaged"));
        let page = read("index.html");
        assert!(
            page.contains("href=\"./web%2001-report/report.html\"") && page.contains("&#60;b&#62;c.parquet")
        );
        assert!(!page.contains("<script") && page.contains("default-src 'none'"));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[test]
    fn only_an_index_by_netrec_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let write = |replaces| index().write(place.path(), replaces);
        write(false).unwrap();
        assert!(matches!(write(false), Err(Error::Exists { .. })));
        write(true).unwrap();
        for name in FILES {
            let path = place.path().join(name);
            let ours = fs::read(&path).unwrap();
            fs::write(&path, "<p>mine").unwrap();
            assert!(matches!(write(true), Err(Error::Foreign { .. })), "{name}");
            assert_eq!(fs::read(&path).unwrap(), b"<p>mine");
            fs::write(&path, ours).unwrap();
        }
    }

    #[test]
    fn a_link_cannot_lead_anywhere_else() {
        assert_eq!(relative_link("javascript:x/report.html"), "./javascript%3Ax/report.html");
        assert_eq!(relative_link("a\"b"), "./a%22b");
    }
}
