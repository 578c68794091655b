//! Runs the detectors over the tables of a capture.

use tracing::field::Empty;

use super::config::Config;
use super::detectors::DETECTORS;
use crate::model::detector::{Context, Outcome, Output, RegisteredDetector, Run, Status};
use crate::{guard, memory, parallel};

/// Runs every detector, on all cores; one that fails or panics does not affect the others.
pub fn run_all(context: &Context<'_>, config: &Config) -> Vec<Run> {
    run_each(DETECTORS, context, config)
}

fn run_each(detectors: &[RegisteredDetector], context: &Context<'_>, config: &Config) -> Vec<Run> {
    parallel::map(detectors, |entry| {
        let run = run_one(entry, context, config);
        memory::give_back_much();
        run
    })
}

/// Like [`run_all`], one after another, without the tables.
pub fn run_in_turn(context: &Context<'_>, config: &Config) -> Vec<Run> {
    let without_tables = |entry| {
        let mut run = run_one(entry, context, config);
        run.output.tables.clear();
        memory::give_back();
        run
    };
    DETECTORS.iter().map(without_tables).collect()
}

fn run_one(entry: &RegisteredDetector, context: &Context<'_>, config: &Config) -> Run {
    let stage = tracing::info_span!("detector", id = entry.about.id, status = Empty, findings = Empty);
    let thresholds = config.section(entry.about.id).cloned().unwrap_or_default();
    let mut effective = (entry.default_thresholds)();
    effective.extend(thresholds);
    let (status, output) = match guard::catch_panic(|| (entry.run)(context, config.section(entry.about.id))) {
        Ok(Ok(Outcome::Ran(output))) => (Status::Ran, output),
        Ok(Ok(Outcome::Skipped(reason))) => (Status::Skipped(reason), Output::default()),
        Ok(Err(error)) => (Status::Failed(error.to_string()), Output::default()),
        Err(panic) => (Status::Failed(format!("This is a bug in netrec: {panic}")), Output::default()),
    };
    stage.record("findings", output.findings.len());
    match &status {
        Status::Ran => stage.record("status", "ran"),
        Status::Skipped(reason) => stage.record("status", format!("skipped ({reason})").as_str()),
        Status::Failed(reason) => {
            tracing::error!("detector {} failed: {reason}", entry.about.id);
            stage.record("status", "failed")
        }
    };
    Run { about: entry.about, status, thresholds: effective, output }
}

#[cfg(test)]
mod tests {
    use super::super::detectors::beacon::{Beacon, Thresholds};
    use super::super::detectors::isolation_forest::IsolationForest;
    use super::super::detectors::port_scan::PortScan;
    use super::*;
    use crate::Result;
    use crate::capture::Metadata;
    use crate::model::detector::{About, Detector};
    use crate::model::testing::{Capture, Conn};

    #[test]
    fn an_empty_capture_gives_no_finding_and_no_failure() {
        let tables = Capture::new(0).tables();
        let (metadata, config) = (Metadata::default(), Config::default());
        for run in run_all(&config.context(&tables, &metadata), &config) {
            assert!(!matches!(run.status, Status::Failed(_)), "{}: {:?}", run.about.id, run.status);
            assert!(run.output.findings.is_empty());
        }
    }

    /// A detector with a bug.
    struct Broken;

    impl Detector for Broken {
        type Config = Thresholds;
        const ABOUT: About = About { id: "broken", ..Beacon::ABOUT };

        fn validate(_: &Self::Config) -> Result<(), String> {
            Ok(())
        }

        fn detect(_: &Context<'_>, _: &Self::Config) -> Result<Outcome> {
            panic!("index out of bounds");
        }
    }

    #[test]
    fn a_detector_that_panics_has_failed_and_the_others_run() {
        let mut capture = Capture::new(60);
        for second in 0..60 {
            capture.add(Conn::to("203.0.113.5", 443).at(f64::from(second)));
        }
        let (tables, metadata, config) = (capture.tables(), Metadata::default(), Config::default());
        let context = config.context(&tables, &metadata);
        let detectors = [RegisteredDetector::of::<Broken>(), RegisteredDetector::of::<IsolationForest>()];
        let once = [run_one(&detectors[0], &context, &config), run_one(&detectors[1], &context, &config)];
        let at_once = run_each(&detectors, &context, &config);
        for runs in [&once[..], &at_once] {
            let Status::Failed(why) = &runs[0].status else { panic!("{:?}", runs[0].status) };
            assert!(why.contains("index out of bounds (src/analyze/runs.rs:"), "{why}");
            assert!(runs[0].output.findings.is_empty());
            assert_eq!(runs[1].status, Status::Ran);
        }
    }

    #[test]
    fn a_run_has_the_thresholds_with_which_it_ran() {
        let config = Config::parse("[port-scan]\nports = 20\n").unwrap();
        let tables = Capture::new(60).tables();
        let runs = run_all(&config.context(&tables, &Metadata::default()), &config);
        let run = runs.iter().find(|run| run.about.id == "port-scan").unwrap();
        let mut defaults = toml::Table::try_from(<PortScan as Detector>::Config::default()).unwrap();
        assert_ne!(run.thresholds, defaults);
        defaults.insert("ports".to_owned(), 20.into());
        assert_eq!(run.thresholds, defaults);
    }

    #[test]
    fn a_detector_that_is_turned_off_says_so_and_the_others_run() {
        let config = Config::parse("[beacon]\nenabled = false\n").unwrap();
        let tables = Capture::new(60).tables();
        let runs = run_all(&config.context(&tables, &Metadata::default()), &config);
        let status = |id: &str| &runs.iter().find(|run| run.about.id == id).unwrap().status;
        assert!(matches!(status("beacon"), Status::Skipped(why) if why.contains("urned off")));
        assert_eq!(*status("port-scan"), Status::Ran);
    }
}
