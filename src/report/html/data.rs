//! The data of the page's script: a block of JSON that no content can terminate.

use std::fmt;
use std::io::{self, Write as _};

use ahash::AHashSet;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::connections::{Connections, Selection};
use super::view::name_of;
use crate::Result;
use crate::escape;
use crate::filter;
use crate::model::Tables;
use crate::model::frame::{DataFrame, Int64Type, UInt32Type, UInt64Type};
use crate::model::view::Numbers;
use crate::report::json::v1::{Entities, Finding, Insight, Report};

/// Bytes buffered before they are written to the page.
const BLOCK_BYTES: usize = 64 * 1024;

/// All data for the script. Moments are µs since `origin_us`.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    origin_us: i64,
    capture: CaptureData,
    slices: Slices,
    /// The fields of the filter language.
    fields: Vec<filter::FieldInfo>,
    incidents: Vec<IncidentData>,
    findings: Vec<FindingData>,
    connections: Connections<'a>,
}

/// The capture that the page is about.
#[derive(Serialize)]
struct CaptureData {
    /// Name of the file, quoted for a shell.
    file: String,
    sha256: String,
    host: Option<String>,
    holds_many_hosts: bool,
    /// Number of all findings, including those not listed here.
    findings: u64,
}

/// A hypothesis and its findings.
#[derive(Serialize)]
struct IncidentData {
    id: String,
    severity: &'static str,
    title: String,
    findings: Vec<String>,
}

/// The recording in time slices of equal length.
#[derive(Serialize)]
struct Slices {
    first: i64,
    width: i64,
    open: Vec<u64>,
    opened: Vec<u64>,
    bytes: Vec<u64>,
}

/// A finding on the timeline, and its evidence rows.
#[derive(Serialize)]
struct FindingData {
    id: String,
    severity: &'static str,
    confidence: f64,
    detector: String,
    title: String,
    section: &'static str,
    first: i64,
    last: i64,
    /// Rows of the table of connections in the page.
    rows: Vec<usize>,
    /// Total number of its connections.
    total: u64,
    /// The values that all of its connections share, by column.
    about: Vec<(&'static str, String)>,
}

impl<'a> Data<'a> {
    /// The data of a report, with its first `most_findings` findings.
    ///
    /// # Errors
    /// If a table lacks a column: a bug.
    pub(super) fn new(report: &Report, tables: &'a Tables, most_findings: usize) -> Result<Self> {
        let origin_us = tables.span_us.0;
        let findings = &report.findings[..report.findings.len().min(most_findings)];
        let capture = CaptureData {
            file: escape::html(&escape::shell_word(&report.capture.file)).into_owned(),
            sha256: report.capture.sha256.clone(),
            host: report.capture.host_name.as_deref().map(super::connections::shown),
            holds_many_hosts: tables.holds_many_hosts,
            findings: report.findings.len() as u64,
        };
        let evidence: AHashSet<u64> = findings.iter().flat_map(conn_ids).collect();
        let selection = Selection::new(tables, &evidence)?;
        Ok(Self {
            origin_us,
            capture,
            fields: filter::fields().collect(),
            incidents: report.insights.iter().map(IncidentData::from).collect(),
            slices: Slices::new(tables, origin_us)?,
            findings: findings
                .iter()
                .map(|finding| FindingData::new(finding, &selection, origin_us))
                .collect(),
            connections: Connections::new(tables, &selection, origin_us),
        })
    }
}

/// Writes the block into the page while it is generated.
impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Blocks { out: f, block: Vec::with_capacity(2 * BLOCK_BYTES) };
        let mut serializer = Serializer::with_formatter(&mut out, WithoutLessThan);
        self.serialize(&mut serializer).map_err(|_| fmt::Error)?;
        out.flush().map_err(|_| fmt::Error)
    }
}

/// Buffers JSON, which arrives in very small pieces of whole characters.
struct Blocks<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    block: Vec<u8>,
}

impl io::Write for Blocks<'_, '_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.block.extend_from_slice(piece);
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = str::from_utf8(&self.block).map_err(io::Error::other)?;
        self.out.write_str(text).map_err(io::Error::other)?;
        self.block.clear();
        Ok(())
    }
}

/// Escapes `<`: without it no text can end the block or open a comment in it.
struct WithoutLessThan;

impl Formatter for WithoutLessThan {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut parts = fragment.split('<');
        writer.write_all(parts.next().unwrap_or_default().as_bytes())?;
        parts.try_for_each(|part| {
            writer.write_all(b"\\u003c")?;
            writer.write_all(part.as_bytes())
        })
    }
}

fn conn_ids(finding: &Finding) -> impl Iterator<Item = u64> + '_ {
    finding.evidence.connections.iter().filter_map(|id| id.parse().ok())
}

impl Slices {
    fn new(tables: &Tables, origin_us: i64) -> Result<Self> {
        let frame = &tables.time_bins;
        let start_us = Numbers::<Int64Type>::of(frame, "start_us")?.get(0).unwrap_or(origin_us);
        let (sent, received) = (sums(frame, "bytes_sent"), sums(frame, "bytes_received"));
        Ok(Self {
            first: start_us.saturating_sub(origin_us),
            width: tables.bin_width_us.max(1),
            open: counts(frame, "open_connections"),
            opened: counts(frame, "opened"),
            bytes: sent
                .iter()
                .zip(&received)
                .map(|(sent, received)| sent.saturating_add(*received))
                .collect(),
        })
    }
}

fn counts(frame: &DataFrame, name: &str) -> Vec<u64> {
    let Ok(numbers) = Numbers::<UInt32Type>::of(frame, name) else { return Vec::new() };
    (0..numbers.len()).map(|row| numbers.get(row).unwrap_or_default().into()).collect()
}

fn sums(frame: &DataFrame, name: &str) -> Vec<u64> {
    let Ok(numbers) = Numbers::<UInt64Type>::of(frame, name) else { return Vec::new() };
    (0..numbers.len()).map(|row| numbers.get(row).unwrap_or_default()).collect()
}

impl From<&Insight> for IncidentData {
    fn from(insight: &Insight) -> Self {
        Self {
            id: insight.id.clone(),
            severity: name_of(insight.severity),
            title: escape::html(&escape::shorten(&insight.title, 200)).into_owned(),
            findings: insight.findings.clone(),
        }
    }
}

impl FindingData {
    fn new(finding: &Finding, selection: &Selection, origin_us: i64) -> Self {
        let mut rows: Vec<usize> = conn_ids(finding).filter_map(|id| selection.index(id)).collect();
        rows.sort_unstable();
        Self {
            id: finding.id.clone(),
            severity: name_of(finding.severity),
            confidence: finding.confidence,
            detector: finding.detector.clone(),
            title: escape::html(&escape::shorten(&finding.title, 200)).into_owned(),
            section: finding.about.section.id(),
            first: finding.first_seen.us.saturating_sub(origin_us),
            last: finding.last_seen.us.saturating_sub(origin_us),
            rows,
            total: finding.evidence.connections_total,
            about: about(&finding.entities),
        }
    }
}

/// The values that all connections of a finding share; names are cut as in the table.
fn about(entities: &Entities) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.as_deref().map(super::connections::shown);
    let number = |number: Option<u16>| number.map(|number| number.to_string());
    let known = [
        ("process_name", text(&entities.process_name)),
        ("exe", text(&entities.exe)),
        ("username", text(&entities.username)),
        ("pid", entities.pid.map(|pid| pid.to_string())),
        ("protocol", text(&entities.protocol)),
        ("local_addr", text(&entities.local_addr)),
        ("local_port", number(entities.local_port)),
        ("remote_addr", text(&entities.remote_addr)),
        ("remote_port", number(entities.remote_port)),
    ];
    known.into_iter().filter_map(|(column, value)| Some((column, value?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::fixture;

    fn data() -> (String, Value) {
        let analysis = fixture::analysis();
        let report = Report::new(&analysis, &fixture::identity());
        let text = Data::new(&report, &analysis.tables, 200).unwrap().to_string();
        let value = serde_json::from_str(&text).unwrap();
        (text, value)
    }

    #[test]
    fn nothing_in_the_block_can_end_it() {
        let (text, _) = data();
        assert!(text.contains("script>alert"));
        assert!(!text.contains('<'));
        assert!(!text.chars().any(escape::is_unsafe));
    }

    #[test]
    fn a_finding_knows_its_rows_its_span_and_its_section() {
        let (_, data) = data();
        let beacon = &data["findings"][0];
        assert_eq!(beacon["rows"], serde_json::json!([0, 1, 2]));
        assert_eq!((&beacon["total"], &beacon["section"]), (&130.into(), &"behavior".into()));
        assert_eq!((&beacon["first"], &beacon["last"]), (&0.into(), &580_000_000.into()));
        assert!(beacon["about"].as_array().unwrap().contains(&serde_json::json!(["remote_port", "443"])));
    }

    #[test]
    fn the_slices_are_those_of_the_recording() {
        let (_, data) = data();
        assert_eq!(data["slices"]["open"].as_array().unwrap().len(), 600);
        assert_eq!(data["slices"]["width"], 1_000_000);
    }
}
