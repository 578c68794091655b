//! Work that a screen cannot wait for: finding detection, and reading all rows of a connection.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::state::{Findings, TimelineMarker};
use crate::analyze::{self, Config};
use crate::capture::cursor::rows_of_connection;
use crate::capture::{CaptureFile, Cursor, Row};
use crate::geo::Databases;
use crate::model::finding::Finding;
use crate::model::frame::{DataFrame, UInt32Type, UInt64Type};
use crate::model::view::Numbers;

/// Number of activity intervals before anything has been read.
const STRETCHES: usize = 400;

/// The result of the analysis.
#[derive(Debug)]
pub struct Found {
    /// The findings, or why there are none.
    pub findings: Findings,
    /// Detectors that failed, and why.
    pub failed: Vec<String>,
    /// Bytes per interval of equal length; `None` if the analysis failed.
    pub activity: Option<Vec<f64>>,
}

/// Runs the detectors in a separate thread.
pub fn analyze(capture: Arc<CaptureFile>, geo: Arc<Databases>) -> Receiver<Found> {
    in_background(move || match analyze::find(&capture, &Config::default(), &geo) {
        Ok(found) => Found {
            findings: Findings::Found(marks(found.findings)),
            failed: found.failed,
            activity: activity(&found.time_bins),
        },
        Err(error) => {
            Found { findings: Findings::Failed(error.to_string()), failed: Vec::new(), activity: None }
        }
    })
}

/// Reads all rows of a connection in time order, in a separate thread.
pub fn detail(capture: Arc<CaptureFile>, conn_id: u64) -> Receiver<Vec<Row>> {
    in_background(move || rows_of_connection(&capture, conn_id))
}

/// Runs work in a separate thread; the channel receives the result.
pub(crate) fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    // If the thread cannot be started, the receiver finds its sender gone.
    let _ = std::thread::Builder::new().name("replay".to_owned()).spawn(move || sender.send(work()));
    receiver
}

/// Rows per second in intervals of equal length, from the footer alone.
pub fn density(cursor: &Cursor, (first, last): (i64, i64)) -> Vec<f64> {
    let mut stretches = vec![0.0; STRETCHES];
    let width = ((last - first) as f64 / STRETCHES as f64).max(1.0);
    let stretch = |ts_us: i64| (((ts_us - first) as f64 / width) as usize).min(STRETCHES - 1);
    for (from, to, rows) in cursor.density() {
        let per_us = rows as f64 / ((to - from) as f64).max(1.0);
        for value in &mut stretches[stretch(from)..=stretch(to)] {
            *value = f64::max(*value, per_us);
        }
    }
    stretches
}

fn marks(mut findings: Vec<Finding>) -> Vec<TimelineMarker> {
    findings.sort_by(Finding::worst_first);
    // Findings at the same time stay in that order.
    findings.sort_by_key(|finding| finding.evidence.span_us.0);
    findings.into_iter().map(mark).collect()
}

/// A finding in the form for the screen.
pub(crate) fn mark(finding: Finding) -> TimelineMarker {
    TimelineMarker {
        id: finding.id,
        ts_us: finding.evidence.span_us.0,
        severity: finding.judgement.severity,
        confidence: finding.judgement.confidence.get(),
        detector: finding.about.id,
        title: finding.judgement.title,
        explanation: finding.judgement.explanation,
    }
}

/// Bytes of each slice; where none are counted, connections opened.
fn activity(bins: &DataFrame) -> Option<Vec<f64>> {
    let sent = Numbers::<UInt64Type>::of(bins, "bytes_sent").ok()?;
    let received = Numbers::<UInt64Type>::of(bins, "bytes_received").ok()?;
    let opened = Numbers::<UInt32Type>::of(bins, "opened").ok()?;
    let bytes = |row| sent.get(row).unwrap_or(0).saturating_add(received.get(row).unwrap_or(0)) as f64;
    let all: Vec<f64> = (0..bins.height()).map(bytes).collect();
    if all.iter().any(|bytes| *bytes > 0.0) {
        // Logarithmic, or one large transfer would flatten everything else.
        return Some(all.into_iter().map(f64::ln_1p).collect());
    }
    Some((0..bins.height()).map(|row| f64::from(opened.get(row).unwrap_or(0))).collect())
}
