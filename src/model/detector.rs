//! The contract of a detector: what it is given, what it must do, and how a list holds it.
//!
//! A detector reads the tables, never the rows, the clock or a file; it knows neither the report
//! nor the other detectors.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::features::Matrix;
use super::orientation::Orientation;
use super::peers::Peers;
use super::sockets::Sockets;
use super::surroundings::Surroundings;
use super::tables::Tables;
use super::threat_intel::ThreatIntel;
use crate::Result;
use crate::capture::Metadata;

pub use super::about::{About, DetectorTable, Method, Signal};
pub use super::outcome::{Outcome, Output, Periods, Run, Status};

/// The key in every detector's section that turns it off.
pub const ENABLED: &str = "enabled";

/// What a detector is given.
pub struct Context<'a> {
    /// The tables of the capture.
    pub tables: &'a Tables,
    /// What the capture says about itself.
    pub metadata: &'a Metadata,
    /// What the investigator brought along: indicators and rules.
    pub intel: &'a ThreatIntel,
    /// Seed for everything random.
    pub seed: u64,
    /// Made when a detector asks for it, and kept as long as one needs it.
    features: Mutex<Weak<Matrix>>,
    /// Made when a detector asks for it, and kept, as most of them do.
    surroundings: OnceLock<Surroundings<'a>>,
    /// The same.
    orientation: OnceLock<Orientation<'a>>,
    /// The same.
    peers: OnceLock<Peers>,
}

impl<'a> Context<'a> {
    /// What the detectors are given of a capture.
    pub fn new(tables: &'a Tables, metadata: &'a Metadata, intel: &'a ThreatIntel, seed: u64) -> Self {
        Self {
            tables,
            metadata,
            intel,
            seed,
            features: Mutex::new(Weak::new()),
            surroundings: OnceLock::new(),
            orientation: OnceLock::new(),
            peers: OnceLock::new(),
        }
    }

    /// What is normal among the connections; `sockets` are those of the tables.
    pub fn surroundings(&self, sockets: &Sockets<'a>) -> &Surroundings<'a> {
        self.surroundings.get_or_init(|| Surroundings::of(sockets, self.metadata))
    }

    /// Which end opened each connection; `sockets` are those of the tables.
    pub fn orientation(&self, sockets: &Sockets<'a>) -> &Orientation<'a> {
        self.orientation.get_or_init(|| Orientation::new(sockets))
    }

    /// The connections by client and service; `sockets` are those of the tables.
    pub fn peers(&self, sockets: &Sockets<'a>) -> &Peers {
        self.peers.get_or_init(|| Peers::new(sockets, self.orientation(sockets)))
    }

    /// The connections as numbers; `sockets` are those of the tables.
    pub fn features(&self, sockets: &Sockets<'_>) -> Arc<Matrix> {
        // Whoever panicked while holding it left it as it was.
        let mut features = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        features.upgrade().unwrap_or_else(|| {
            let matrix = Arc::new(Matrix::new(sockets));
            *features = Arc::downgrade(&matrix);
            matrix
        })
    }
}

/// Refuses thresholds, each with its key, that are not finite numbers above 0.
///
/// # Errors
/// In words, about the first of them.
pub fn positive(thresholds: &[(&str, f64)]) -> Result<(), String> {
    match thresholds.iter().find(|(_, value)| !(*value > 0.0 && value.is_finite())) {
        Some((key, _)) => Err(format!("{key} must be greater than 0")),
        None => Ok(()),
    }
}

/// Refuses thresholds that are negative, endless or no number, with the name of the first.
///
/// # Errors
/// A sentence.
pub fn not_negative(thresholds: &[(&str, f64)]) -> Result<(), String> {
    match thresholds.iter().find(|(_, value)| !(*value >= 0.0 && value.is_finite())) {
        Some((key, _)) => Err(format!("{key} must be 0 or more")),
        None => Ok(()),
    }
}

/// Refuses thresholds outside of 0 to 1, with the name of the first.
///
/// # Errors
/// A sentence.
pub fn shares(thresholds: &[(&str, f64)]) -> Result<(), String> {
    match thresholds.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
        Some((key, _)) => Err(format!("{key} must be between 0 and 1")),
        None => Ok(()),
    }
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
pub struct RegisteredDetector {
    /// What it is.
    pub about: &'static About,
    /// Its thresholds, as they are by default.
    pub default_thresholds: fn() -> toml::Table,
    /// What a threshold means, by its key.
    pub describe: fn(&str) -> Option<String>,
    /// Checks a section of the configuration.
    pub check: fn(&toml::Table) -> Result<(), String>,
    /// Runs it with its section of the configuration, if there is one.
    pub run: fn(&Context<'_>, Option<&toml::Table>) -> Result<Outcome>,
}

impl RegisteredDetector {
    /// The entry of a detector.
    pub const fn of<D: Detector + 'static>() -> Self {
        Self {
            about: &D::ABOUT,
            default_thresholds: || toml::Table::try_from(D::Config::default()).unwrap_or_default(),
            describe: |key| describe::<D::Config>(key),
            check: |section| parse::<D>(section).map(|_| ()),
            run: |context, section| {
                let thresholds = match section {
                    Some(section) => parse::<D>(section).map_err(crate::Error::Analysis)?,
                    None => Some(D::Config::default()),
                };
                match thresholds {
                    Some(thresholds) => D::detect(context, &thresholds),
                    None => Ok(Outcome::Skipped("Turned off in the configuration.".to_owned())),
                }
            },
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard;
    use crate::model::testing::{Capture, Conn};

    #[test]
    fn the_features_are_there_for_others_after_a_panic_of_one_that_asked_for_them() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.5", 443));
        let (tables, metadata, intel) = (capture.tables(), Metadata::default(), ThreatIntel::default());
        let context = Context::new(&tables, &metadata, &intel, 1);
        let broke = guard::catch_panic::<()>(|| {
            let _held = context.features.lock();
            panic!("while it holds the lock")
        });
        assert!(broke.is_err() && context.features.is_poisoned());
        assert_eq!(context.features(&Sockets::new(&tables).unwrap()).rows, [0]);
    }
}
