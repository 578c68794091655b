//! What a run of a detector gives.

use polars::prelude::DataFrame;

use super::about::About;
use super::finding::Finding;
use super::sockets::{Socket, Sockets};
use super::tables::Tables;

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It ran; there may be no finding.
    Ran(Output),
    /// The capture does not have what it needs; the reason, in a sentence.
    Skipped(String),
}

impl Outcome {
    /// For detectors of what was opened during the recording: why a capture cannot show it.
    pub fn skipped_if_nothing_opened(tables: &Tables, sockets: &Sockets<'_>) -> Option<Self> {
        // A log or packets without any handshake (a scan without SYN, a session that was there before) still show a course.
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

/// What a detector that ran has found.
#[derive(Debug, Default)]
pub struct Output {
    /// What it found, worst first.
    pub findings: Vec<Finding>,
    /// Tables behind the findings, for charts and exports, by name.
    pub tables: Vec<(&'static str, DataFrame)>,
    /// What this capture allowed it to see, in sentences: shortest period, smallest sample.
    pub limits: Vec<String>,
    /// The periods that it could have found, from a detector that looks for periods.
    pub periods: Option<Periods>,
}

/// The periods that a capture can show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Periods {
    /// The recording is too short for any.
    TooShort,
    /// From the shortest to the longest, in seconds.
    Between(f64, f64),
}

/// A detector's run as the report shows it.
#[derive(Debug)]
pub struct Run {
    /// What it is.
    pub about: &'static About,
    /// How it ended.
    pub status: Status,
    /// The thresholds with which it ran.
    pub thresholds: toml::Table,
    /// What it gave; empty unless it ran.
    pub output: Output,
}

/// How a detector's run ended. "Could not run" is neither "failed" nor "found nothing".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It ran.
    Ran,
    /// The capture does not have what it needs, or the configuration turned it off.
    Skipped(String),
    /// It broke.
    Failed(String),
}
