//! The configuration of an analysis: `netrec.toml`, every number checked before anything runs.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use super::allow::{self, AllowList};
use super::detectors::{self, DETECTORS};
use crate::capture::Metadata;
use crate::model::Tables;
use crate::model::detector::{self, Context, ENABLED};
use crate::model::threat_intel::ThreatIntel;
use crate::{Error, Result};

/// Settings of an analysis. The defaults are meant to be right for most.
#[derive(Debug, Clone, Default)]
pub struct Config {
    sections: toml::Table,
    analysis: Analysis,
    allow: AllowList,
    intel: Arc<ThreatIntel>,
}

/// The `[analysis]` section: what is not a detector's.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
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
    /// Analyze the sockets of other network namespaces too, of which a recorder in a container sees only
    /// addresses; the same as --all-namespaces.
    pub all_namespaces: bool,
}

impl Default for Analysis {
    fn default() -> Self {
        Self { seed: 1, short_lived_s: 5.0, long_lived_s: 600.0, time_bins: 600, all_namespaces: false }
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
        let allow =
            sections.remove(allow::SECTION).map_or_else(|| Ok(AllowList::default()), AllowList::parse)?;
        for (name, section) in &sections {
            let entry = detectors::find(name).ok_or_else(|| unknown_section(name))?;
            let table = section.as_table().ok_or_else(|| format!("{name} must be a section"))?;
            (entry.check)(table).map_err(|reason| format!("[{name}]: {reason}"))?;
        }
        Ok(Self { sections, analysis, allow, intel: Arc::default() })
    }

    /// The `[analysis]` section.
    pub fn analysis(&self) -> &Analysis {
        &self.analysis
    }

    /// The same configuration, with which sockets of other network namespaces are analyzed too.
    #[must_use]
    pub fn with_all_namespaces(self) -> Self {
        Self { analysis: Analysis { all_namespaces: true, ..self.analysis }, ..self }
    }

    /// The findings that need not be looked at, and why.
    pub fn allow(&self) -> &AllowList {
        &self.allow
    }

    /// Adds the entries of another allow-list.
    pub fn allow_also(&mut self, list: AllowList) {
        self.allow.extend(list);
    }

    /// What the investigator brought along: indicators and rules.
    pub fn intel(&self) -> &ThreatIntel {
        &self.intel
    }

    /// The same configuration with indicators and rules.
    #[must_use]
    pub fn with_intel(self, intel: ThreatIntel) -> Self {
        Self { intel: Arc::new(intel), ..self }
    }

    /// What the detectors are given of a capture under this configuration.
    pub fn context<'a>(&'a self, tables: &'a Tables, metadata: &'a Metadata) -> Context<'a> {
        Context::new(tables, metadata, &self.intel, self.analysis.seed)
    }

    /// A detector's section, as far as the file has one.
    pub fn section(&self, id: &str) -> Option<&toml::Table> {
        self.sections.get(id)?.as_table()
    }
}

/// Every setting with its default and its meaning, as a configuration file.
pub fn documented_defaults() -> String {
    let mut lines = vec![
        "# Every setting of netrec analyze with its default.".to_owned(),
        "# Keep only what you change; anything left out keeps its default.".to_owned(),
    ];
    let analysis = toml::Table::try_from(Analysis::default()).unwrap_or_default();
    lines.extend(section_lines("analysis", &analysis, detector::describe::<Analysis>));
    for entry in DETECTORS {
        let mut section = (entry.default_thresholds)();
        section.insert(ENABLED.to_owned(), true.into());
        let describe = |key: &str| match key {
            ENABLED => Some("Whether the detector runs.".to_owned()),
            key => (entry.describe)(key),
        };
        lines.extend(section_lines(entry.about.id, &section, describe));
    }
    lines.extend([String::new(), allow::EXAMPLE.to_owned()]);
    lines.join("\n") + "\n"
}

fn section_lines(name: &str, keys: &toml::Table, describe: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut lines = vec![String::new(), format!("[{name}]")];
    for (key, value) in keys {
        let meaning = describe(key).unwrap_or_default();
        lines.extend(wrap(&meaning, 98).into_iter().map(|line| format!("# {line}")));
        lines.push(format!("{key} = {value}"));
    }
    lines
}

/// Breaks a paragraph into lines of at most `width` characters, where words allow it.
pub fn wrap(paragraph: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn unknown_section(name: &str) -> String {
    let known: Vec<&str> = DETECTORS.iter().map(|entry| entry.about.id).collect();
    format!("unknown section [{name}]; expected analysis, allow, {}", known.join(", "))
}

fn check_analysis(analysis: &Analysis) -> Result<(), String> {
    if !(analysis.short_lived_s > 0.0 && analysis.long_lived_s >= analysis.short_lived_s) {
        return Err("[analysis]: short_lived_s must be greater than 0 and at most long_lived_s".to_owned());
    }
    if !(10..=10_000).contains(&analysis.time_bins) {
        return Err("[analysis]: time_bins must be between 10 and 10000".to_owned());
    }
    Ok(())
}
