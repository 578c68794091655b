//! From a capture to findings: one pass, tables, metrics, detectors.
//!
//! No I/O of its own and no clock: the same capture, configuration and databases give the
//! same [`Analysis`], to the byte.

pub mod allow;
pub mod appraisal;
pub mod attempts;
pub mod config;
pub mod detectors;
pub mod direction;
pub mod learn;
pub mod metrics;
pub mod pass;
pub mod peers;
pub mod programs;
pub mod runs;
pub mod scene;
pub mod services;
pub mod vantage;
pub mod words;

pub use config::Config;

use crate::capture::{CaptureFile, Metadata, Selection};
use crate::geo::Databases;
use crate::insight::{self, Insight};
use crate::model::Tables;
use crate::model::detector::{DetectorTable, Run, Status};
use crate::model::finding::Finding;
use crate::model::frame::DataFrame;
use crate::model::metrics::{Completeness, Metrics};
use crate::{Result, humanize, memory, parallel};

/// Everything that is known of a capture after its analysis.
#[derive(Debug)]
pub struct Analysis {
    /// What the capture says about itself.
    pub metadata: Metadata,
    /// How complete it is, and what it could not have shown.
    pub completeness: Completeness,
    /// The tables.
    pub tables: Tables,
    /// The metrics of every section of the report.
    pub metrics: Metrics,
    /// Every detector, with its status and what it found.
    pub runs: Vec<Run>,
    /// What the findings mean together, strongest first.
    pub insights: Vec<Insight>,
    /// Findings that an allow-list took out of the others.
    pub suppressed: Vec<Suppressed>,
    /// The configuration with which it was made.
    pub config: Config,
    /// Attribution of each geolocation database in use: name, date, license.
    pub geo_sources: Vec<crate::geo::SourceInfo>,
}

/// A finding that an allow-list names: not among the others, and not dropped in silence.
#[derive(Debug, Clone)]
pub struct Suppressed {
    /// The finding as it would have been.
    pub finding: Finding,
    /// The rule that took it out, as its author wrote it.
    pub rule: String,
}

impl Analysis {
    /// Every finding, worst first, then surest, then by id.
    pub fn findings(&self) -> Vec<&Finding> {
        let mut findings: Vec<_> = self.runs.iter().flat_map(|run| &run.output.findings).collect();
        findings.sort_by(|a, b| a.worst_first(b));
        findings
    }

    /// Whether a detector broke, so that what it looks for was not searched.
    pub fn has_failed_detector(&self) -> bool {
        self.runs.iter().any(|run| matches!(run.status, Status::Failed(_)))
    }

    /// Entries of the allow-lists that no finding fits, as their authors wrote them.
    pub fn idle_rules(&self) -> Vec<String> {
        let is_idle = |rule: &String| !self.suppressed.iter().any(|suppressed| suppressed.rule == *rule);
        self.config.allow().rules().filter(is_idle).collect()
    }

    /// A table that a detector gave.
    pub fn detector_table(&self, table: &DetectorTable) -> Option<&DataFrame> {
        let run = self.runs.iter().find(|run| run.about.id == table.detector)?;
        run.output.tables.iter().find(|(name, _)| *name == table.name).map(|(_, frame)| frame)
    }
}

/// Analyses a capture. `progress` is told the rows read so far.
///
/// # Errors
/// [`crate::Error::Damaged`] if rows cannot be read. A detector that fails says so in its
/// [`Run`], and is no error here.
pub fn run(
    capture: &CaptureFile,
    config: &Config,
    geo: &Databases,
    progress: &dyn Fn(u64),
) -> Result<Analysis> {
    analysis(capture, config, geo, progress, metrics::measure)
}

/// The same with empty metrics, for products of which none shows them.
///
/// # Errors
/// As [`run`].
pub fn run_without_metrics(capture: &CaptureFile, config: &Config, geo: &Databases) -> Result<Analysis> {
    analysis(capture, config, geo, &|_| {}, |_, _, _| Ok(Metrics::default()))
}

fn analysis(
    capture: &CaptureFile,
    config: &Config,
    geo: &Databases,
    progress: &dyn Fn(u64),
    measure: fn(&Tables, &Metadata, &config::Analysis) -> Result<Metrics>,
) -> Result<Analysis> {
    let recorded = {
        let _stage = tracing::info_span!("reading the rows", rows = capture.rows()).entered();
        pass::run(capture, config.analysis(), geo, progress)?
    };
    // What is damaged is known only now that the rows have been read.
    let metadata = capture.metadata_as_read();
    let baseline = config.intel().baseline.clone();
    let tables =
        tracing::info_span!("building the tables").in_scope(|| Tables::build(recorded, &metadata))?;
    let tables = Tables { baseline, ..tables };
    memory::give_back();
    let context = config.context(&tables, &metadata);
    let (metrics, mut runs) = parallel::both(
        || {
            let _stage = tracing::info_span!("measuring").entered();
            measure(&tables, &metadata, config.analysis())
        },
        || runs::run_all(&context, config),
    );
    let suppressed = config.allow().apply(&mut runs, &tables)?;
    let mut completeness = metrics::completeness(&tables, &metadata, &runs)?;
    completeness.blind_spots.extend(geo.notes().iter().cloned());
    // First, as they are those that the reader chose.
    let chosen = capture.window_us().map(window).into_iter().chain(capture.selection().map(left_out));
    completeness.blind_spots.splice(0..0, chosen);
    let mut analysis = Analysis {
        metadata,
        completeness,
        tables,
        metrics: metrics?,
        runs,
        insights: Vec::new(),
        suppressed,
        config: config.clone(),
        geo_sources: geo.sources(),
    };
    analysis.insights =
        insight::join(&analysis.findings(), &analysis.tables, &analysis.completeness, &analysis.metadata)?;
    Ok(analysis)
}

/// What the detectors find, without the tables and metrics of a report.
#[derive(Debug)]
pub struct Detections {
    /// Every finding that no allow-list names.
    pub findings: Vec<Finding>,
    /// Detectors that failed, and why.
    pub failed: Vec<String>,
    /// Detectors that ran.
    pub ran: usize,
    /// The activity over time.
    pub time_bins: DataFrame,
}

/// Only what the detectors find, and the activity over time: one detector after the other, none of
/// which leaves more than its findings, so that it takes little memory beside what else goes on.
///
/// # Errors
/// As [`run`].
pub fn find(capture: &CaptureFile, config: &Config, geo: &Databases) -> Result<Detections> {
    let recorded = pass::run(capture, config.analysis(), geo, &|_| {})?;
    let metadata = capture.metadata_as_read();
    let baseline = config.intel().baseline.clone();
    let tables = Tables { baseline, ..Tables::build(recorded, &metadata)? };
    memory::give_back();
    let mut runs = runs::run_in_turn(&config.context(&tables, &metadata), config);
    config.allow().apply(&mut runs, &tables)?;
    let failure = |run: &Run| match &run.status {
        Status::Failed(why) => Some(format!("{}: {why}", run.about.id)),
        Status::Ran | Status::Skipped(_) => None,
    };
    Ok(Detections {
        failed: runs.iter().filter_map(failure).collect(),
        ran: runs.iter().filter(|run| run.status == Status::Ran).count(),
        findings: runs.into_iter().flat_map(|run| run.output.findings).collect(),
        time_bins: tables.time_bins,
    })
}

/// What an analysis of some connections cannot say.
fn left_out(selection: &Selection) -> String {
    format!(
        "Only {} of {} sockets were analyzed: those with a row that matches the filter {}, and the \
         listening sockets on their ports. The findings and the baseline of this host cover nothing else.",
        selection.connections, selection.of, selection.by,
    )
}

/// What an analysis of some time cannot say.
fn window((from_us, to_us): (i64, i64)) -> String {
    let end = |us: i64| humanize::iso_utc(us).unwrap_or_else(|| us.to_string());
    format!(
        "Only the time from {} to {} was analyzed; connections that were already open then are \
         indistinguishable from new ones.",
        end(from_us),
        end(to_us),
    )
}
