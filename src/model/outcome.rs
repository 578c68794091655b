//! The result of a detector's run.

use super::about::About;
use super::finding::Finding;
use super::sockets::{Socket, Sockets};
use super::tables::Tables;
use crate::model::frame::DataFrame;

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It ran; there may be no findings.
    Ran(Output),
    /// The capture lacks what it needs; the reason, in a sentence.
    Skipped(String),
}

impl Outcome {
    /// For detectors of connections opened during the recording: why a capture cannot show any.
    pub fn skipped_if_nothing_opened(tables: &Tables, sockets: &Sockets<'_>) -> Option<Self> {
        // A log or packets without any handshake (a scan without SYN, an existing session) still
        // have a course over time.
        let has_course = |socket: &Socket<'_>| {
            socket.opened_in_recording || socket.closed_in_recording || socket.duration_s > 0.0
        };
        if tables.ticks > 1 || sockets.iter().any(|socket| has_course(&socket)) {
            return None;
        }
        let ticks = tables.ticks;
        Some(Self::Skipped(format!(
            "Needs connections opened during the recording: at least two ticks, and this capture has \
             {ticks}."
        )))
    }
}

/// The output of a detector that ran.
#[derive(Debug, Default)]
pub struct Output {
    /// The findings, worst first.
    pub findings: Vec<Finding>,
    /// Tables behind the findings, for charts and exports, by name.
    pub tables: Vec<(&'static str, DataFrame)>,
    /// The limits of this capture, one sentence each: shortest period, smallest sample.
    pub limits: Vec<String>,
    /// The range of detectable periods, from a detector of periods.
    pub periods: Option<Periods>,
}

/// The range of periods that a capture can show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Periods {
    /// The recording is too short for any.
    TooShort,
    /// From the shortest to the longest, in seconds.
    Between(f64, f64),
}

/// A detector's run, as shown in the report.
#[derive(Debug)]
pub struct Run {
    /// The detector.
    pub about: &'static About,
    /// How the run ended.
    pub status: Status,
    /// The thresholds that it used.
    pub thresholds: toml::Table,
    /// Its output; empty unless it ran.
    pub output: Output,
}

/// How a detector's run ended. Skipped is neither failed nor without findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It ran.
    Ran,
    /// The capture lacks what it needs, or the configuration disabled it.
    Skipped(String),
    /// It failed.
    Failed(String),
}
