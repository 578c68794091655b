//! The detectors: one file each, and one line each in [`DETECTORS`].
//!
//! A detector reads the tables, never the rows, the clock or a file; it knows neither the
//! report nor the other detectors. Its documentation is part of it ([`About`]): the same
//! words stand in `netrec explain`, in the report and in the README.

pub mod beacon;
pub mod burst;
pub mod clusters;
pub mod exfiltration;
pub mod geo;
pub mod indicator;
pub mod isolation_forest;
pub mod long_connection;
pub mod port_scan;
pub mod process;
pub mod sigma;
pub mod tcp_health;
pub mod unusual_port;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use polars::prelude::DataFrame;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::config::Config;
use super::features::Matrix;
use super::finding::Finding;
use super::knowledge::Knowledge;
use super::sockets::Sockets;
use super::tables::Tables;
use crate::capture::Metadata;
use crate::{Result, guard, memory, parallel};

/// Every detector, in the order of the report. The list drives the run, the configuration
/// and the documentation.
pub const DETECTORS: &[Entry] = &[
    Entry::of::<beacon::Beacon>(),
    Entry::of::<port_scan::PortScan>(),
    Entry::of::<process::ProcessLook>(),
    Entry::of::<burst::Burst>(),
    Entry::of::<exfiltration::Exfiltration>(),
    Entry::of::<long_connection::LongConnection>(),
    Entry::of::<tcp_health::TcpHealth>(),
    Entry::of::<unusual_port::UnusualPort>(),
    Entry::of::<geo::Geo>(),
    Entry::of::<clusters::Clusters>(),
    Entry::of::<isolation_forest::IsolationForest>(),
    Entry::of::<indicator::Indicator>(),
    Entry::of::<sigma::Sigma>(),
];

/// The key in every detector's section that turns it off.
pub const ENABLED: &str = "enabled";

/// What a detector is, under the same headings for all.
#[derive(Debug)]
pub struct About {
    /// Its name in the configuration, the report and the file system (`port-scan` is in
    /// `port_scan.rs`).
    pub id: &'static str,
    /// A line.
    pub title: &'static str,
    /// What it finds.
    pub what_it_finds: &'static str,
    /// Why that matters.
    pub why_it_matters: &'static str,
    /// How it decides, with every threshold by its name in the configuration.
    pub how_it_decides: &'static str,
    /// When it is wrong.
    pub false_positives: &'static str,
    /// What a finding brings along.
    pub evidence: &'static str,
    /// Paper or project that the method comes from.
    pub source: &'static str,
}

/// What a detector is given.
pub struct Context<'a> {
    /// The tables of the capture.
    pub tables: &'a Tables,
    /// What the capture says about itself.
    pub metadata: &'a Metadata,
    /// What the investigator brought along: indicators and rules.
    pub knowledge: &'a Knowledge,
    /// Seed for everything random.
    pub seed: u64,
    /// Made when a detector asks for it, and kept as long as one needs it.
    features: Mutex<Weak<Matrix>>,
}

impl<'a> Context<'a> {
    /// What the detectors are given of a capture under a configuration.
    pub fn of(tables: &'a Tables, metadata: &'a Metadata, config: &'a Config) -> Self {
        Self {
            tables,
            metadata,
            knowledge: config.knowledge(),
            seed: config.analysis().seed,
            features: Mutex::new(Weak::new()),
        }
    }

    /// The connections as numbers; `sockets` are those of the tables.
    pub fn features(&self, sockets: &Sockets<'_>) -> Arc<Matrix> {
        // Whoever panicked while holding it left it as it was.
        let mut features = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        features.upgrade().unwrap_or_else(|| {
            let matrix = Arc::new(Matrix::of(sockets));
            *features = Arc::downgrade(&matrix);
            matrix
        })
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It ran; there may be no finding.
    Ran(Output),
    /// The capture does not have what it needs; the reason, in a sentence.
    Skipped(String),
}

/// What a run gives.
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

/// A detector, with thresholds of its own type.
pub trait Detector {
    /// Its thresholds; unknown keys are refused, every field has a default, and its doc
    /// comment, which states the unit, is what `netrec explain --config` prints.
    type Config: Serialize + DeserializeOwned + Default + JsonSchema;
    /// What it is.
    const ABOUT: About;

    /// Refuses thresholds that cannot be meant.
    ///
    /// # Errors
    /// In words: which key and why.
    fn validate(config: &Self::Config) -> Result<(), String>;

    /// Looks at the tables.
    ///
    /// # Errors
    /// If a table cannot be queried. The report then says `failed`, as it does of a panic, and the
    /// other detectors run.
    fn detect(context: &Context<'_>, config: &Self::Config) -> Result<Outcome>;
}

/// A detector as the list holds it, its types erased.
pub struct Entry {
    /// What it is.
    pub about: &'static About,
    /// Its thresholds, as they are by default.
    pub default_thresholds: fn() -> toml::Table,
    /// What a threshold means, by its key.
    pub describe: fn(&str) -> Option<String>,
    /// Checks a section of the configuration.
    pub check: fn(&toml::Table) -> Result<(), String>,
    /// Runs it with its section of the configuration.
    pub run: fn(&Context<'_>, &Config) -> Result<Outcome>,
}

impl Entry {
    /// The entry of a detector.
    pub const fn of<D: Detector + 'static>() -> Self {
        Self {
            about: &D::ABOUT,
            default_thresholds: || toml::Table::try_from(D::Config::default()).unwrap_or_default(),
            describe: |key| describe::<D::Config>(key),
            check: |section| parse::<D>(section).map(|_| ()),
            run: |context, config| {
                let thresholds = match config.section(D::ABOUT.id) {
                    Some(section) => parse::<D>(section).map_err(crate::Error::Analysis)?,
                    None => Some(D::Config::default()),
                };
                match thresholds {
                    Some(thresholds) => D::detect(context, &thresholds),
                    None => Ok(Outcome::Skipped("The configuration turned it off.".to_owned())),
                }
            },
        }
    }

    /// The entry of a detector by its id.
    pub fn find(id: &str) -> Option<&'static Self> {
        DETECTORS.iter().find(|entry| entry.about.id == id)
    }
}

/// For detectors of what was opened during the recording: why a capture cannot show it.
fn nothing_could_open(tables: &Tables, sockets: &Sockets<'_>) -> Option<Outcome> {
    if tables.ticks > 1 || sockets.iter().any(|socket| socket.opened_in_recording) {
        return None;
    }
    let ticks = tables.ticks;
    Some(Outcome::Skipped(format!(
        "Needs connections that were opened during the recording: at least two ticks, and this capture has {ticks}."
    )))
}

/// What a field of a configuration means: its doc comment, as one paragraph.
pub fn describe<T: JsonSchema>(key: &str) -> Option<String> {
    let schema = schemars::schema_for!(T);
    let text = schema.get("properties")?.get(key)?.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The thresholds of a section; none if it turns the detector off.
fn parse<D: Detector>(section: &toml::Table) -> Result<Option<D::Config>, String> {
    let mut section = section.clone();
    let enabled = match section.remove(ENABLED) {
        None => true,
        Some(value) => value.as_bool().ok_or_else(|| format!("{ENABLED} must be true or false"))?,
    };
    let config = section.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
    D::validate(&config)?;
    Ok(enabled.then_some(config))
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

/// Runs every detector, on all cores; one that fails or panics does not take the others down.
pub fn run_all(context: &Context<'_>, config: &Config) -> Vec<Run> {
    run_each(DETECTORS, context, config)
}

fn run_each(detectors: &[Entry], context: &Context<'_>, config: &Config) -> Vec<Run> {
    parallel::map(detectors, |entry| run_one(entry, context, config))
}

/// As [`run_all`], one after the other, without the tables.
pub fn run_in_turn(context: &Context<'_>, config: &Config) -> Vec<Run> {
    let without_tables = |entry| {
        let mut run = run_one(entry, context, config);
        run.output.tables.clear();
        memory::give_back();
        run
    };
    DETECTORS.iter().map(without_tables).collect()
}

fn run_one(entry: &Entry, context: &Context<'_>, config: &Config) -> Run {
    let thresholds = config.section(entry.about.id).cloned().unwrap_or_default();
    let mut effective = (entry.default_thresholds)();
    effective.extend(thresholds);
    let (status, output) = match guard::catch_panic(|| (entry.run)(context, config)) {
        Ok(Ok(Outcome::Ran(output))) => (Status::Ran, output),
        Ok(Ok(Outcome::Skipped(reason))) => (Status::Skipped(reason), Output::default()),
        Ok(Err(error)) => (Status::Failed(error.to_string()), Output::default()),
        Err(panic) => (Status::Failed(format!("This is a bug in netrec: {panic}")), Output::default()),
    };
    Run { about: entry.about, status, thresholds: effective, output }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::testing::{Capture, Conn};
    use super::*;

    fn sections(about: &About) -> [&'static str; 7] {
        [
            about.title,
            about.what_it_finds,
            about.why_it_matters,
            about.how_it_decides,
            about.false_positives,
            about.evidence,
            about.source,
        ]
    }

    #[test]
    fn every_detector_explains_itself_under_every_heading() {
        for entry in DETECTORS {
            for text in sections(entry.about) {
                assert!(text.len() >= 10 && !text.contains("  "), "{}: {text:?}", entry.about.id);
            }
        }
    }

    #[test]
    fn every_threshold_is_documented_and_named_where_the_decision_is_explained() {
        for entry in DETECTORS {
            for key in (entry.default_thresholds)().keys() {
                assert!((entry.describe)(key).is_some(), "{}: {key} has no text", entry.about.id);
                let named = entry.about.how_it_decides.contains(&format!("`{key}`"));
                assert!(named, "{}: {key} is not in how_it_decides", entry.about.id);
            }
        }
    }

    #[test]
    fn an_id_is_the_name_of_a_file() {
        for entry in DETECTORS {
            let file = format!("src/analyze/detectors/{}.rs", entry.about.id.replace('-', "_"));
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).is_file(), "{file}");
        }
    }

    #[test]
    fn an_empty_capture_gives_no_finding_and_no_failure() {
        let tables = Capture::new(0).tables();
        let (metadata, config) = (Metadata::default(), Config::default());
        for run in run_all(&Context::of(&tables, &metadata, &config), &config) {
            assert!(!matches!(run.status, Status::Failed(_)), "{}: {:?}", run.about.id, run.status);
            assert!(run.output.findings.is_empty());
        }
    }

    /// A detector with a bug, which holds a lock that others need when it panics.
    struct Broken;

    impl Detector for Broken {
        type Config = beacon::Thresholds;
        const ABOUT: About = About { id: "broken", ..beacon::Beacon::ABOUT };

        fn validate(_: &Self::Config) -> Result<(), String> {
            Ok(())
        }

        fn detect(context: &Context<'_>, _: &Self::Config) -> Result<Outcome> {
            let _features = context.features.lock();
            panic!("index out of bounds");
        }
    }

    #[test]
    fn a_detector_that_panics_has_failed_and_the_others_run() {
        let mut capture = Capture::new(60);
        for second in 0..20 {
            capture.add(Conn::to("203.0.113.5", 443).at(f64::from(second)));
        }
        let (tables, metadata, config) = (capture.tables(), Metadata::default(), Config::default());
        let context = Context::of(&tables, &metadata, &config);
        // The forest asks for the features, whose lock the panic has poisoned.
        let detectors = [Entry::of::<Broken>(), Entry::of::<isolation_forest::IsolationForest>()];
        let once = [run_one(&detectors[0], &context, &config), run_one(&detectors[1], &context, &config)];
        let at_once = run_each(&detectors, &context, &config);
        for runs in [&once[..], &at_once] {
            let Status::Failed(why) = &runs[0].status else { panic!("{:?}", runs[0].status) };
            assert!(why.contains("index out of bounds (src/analyze/detectors/mod.rs:"), "{why}");
            assert!(runs[0].output.findings.is_empty());
            assert_eq!(runs[1].status, Status::Ran);
        }
    }

    #[test]
    fn a_detector_that_is_turned_off_says_so_and_the_others_run() {
        let config = Config::parse("[beacon]\nenabled = false\n").unwrap();
        let tables = Capture::new(60).tables();
        let runs = run_all(&Context::of(&tables, &Metadata::default(), &config), &config);
        let status = |id: &str| &runs.iter().find(|run| run.about.id == id).unwrap().status;
        assert!(matches!(status("beacon"), Status::Skipped(why) if why.contains("turned it off")));
        assert_eq!(*status("port-scan"), Status::Ran);
    }
}
