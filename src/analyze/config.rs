//! The configuration of an analysis: `netrec.toml`, every number checked before anything runs.

use std::path::Path;

use super::detectors::DETECTORS;
use crate::{Error, Result};

/// Settings of an analysis. The defaults are meant to be right for most.
#[derive(Debug, Clone, Default)]
pub struct Config {
    sections: toml::Table,
    analysis: Analysis,
}

/// The `[analysis]` section: what is not a detector's.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Analysis {
    /// Seed for everything random.
    pub seed: u64,
    /// Connections that lived less than this are short-lived, in seconds.
    pub short_lived_s: f64,
    /// Connections that lived at least this are long-lived, in seconds.
    pub long_lived_s: f64,
    /// Most slices into which the recording is cut.
    pub time_bins: u32,
}

impl Default for Analysis {
    fn default() -> Self {
        Self { seed: 1, short_lived_s: 5.0, long_lived_s: 600.0, time_bins: 600 }
    }
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Config`] naming the key that is wrong.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(&text).map_err(|reason| Error::Config { path: path.to_path_buf(), reason })
    }

    /// Checks the text of a configuration: every section and key is known, every value makes
    /// sense.
    ///
    /// # Errors
    /// In words: which section and key, and what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut sections: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
        let analysis = match sections.remove("analysis") {
            Some(section) => {
                section.try_into().map_err(|e: toml::de::Error| format!("[analysis]: {}", e.message()))?
            }
            None => Analysis::default(),
        };
        check_analysis(&analysis)?;
        for (name, section) in &sections {
            let entry = DETECTORS
                .iter()
                .find(|entry| entry.about.id == name)
                .ok_or_else(|| format!("[{name}] is no detector and no section"))?;
            let table = section.as_table().ok_or_else(|| format!("{name} must be a section"))?;
            (entry.check)(table).map_err(|reason| format!("[{name}]: {reason}"))?;
        }
        Ok(Self { sections, analysis })
    }

    /// The `[analysis]` section.
    pub fn analysis(&self) -> &Analysis {
        &self.analysis
    }

    /// A detector's section, as far as the file has one.
    pub fn section(&self, id: &str) -> Option<&toml::Table> {
        self.sections.get(id)?.as_table()
    }
}

fn check_analysis(analysis: &Analysis) -> Result<(), String> {
    if !(analysis.short_lived_s > 0.0 && analysis.long_lived_s >= analysis.short_lived_s) {
        return Err("[analysis]: short_lived_s must be above 0 and at most long_lived_s".to_owned());
    }
    if !(10..=10_000).contains(&analysis.time_bins) {
        return Err("[analysis]: time_bins must lie between 10 and 10000".to_owned());
    }
    Ok(())
}
