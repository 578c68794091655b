//! Threat intelligence supplied by the investigator.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use crate::baseline::Baseline;
use crate::indicators::Indicators;
use crate::{Error, Result};

/// Indicators, rules and a baseline to compare a capture with.
#[derive(Debug, Default)]
pub struct ThreatIntel {
    /// Indicators of compromise.
    pub indicators: Indicators,
    /// Files of Sigma rules.
    pub rules: Vec<RuleFile>,
    /// The baseline of normal activity.
    pub baseline: Option<Arc<Baseline>>,
}

/// A file of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Maximum size of a rule file, in bytes.
const MAX_RULE_BYTES: u64 = 1 << 20;

/// Maximum number of rule files, and maximum folder depth.
const MAX_RULE_FILES: usize = 50_000;
const MAX_DEPTH: usize = 16;

impl ThreatIntel {
    /// Reads every `.yml` and `.yaml` file below a folder, or a single file, sorted by name.
    ///
    /// # Errors
    /// [`Error::Io`] if something cannot be read, [`Error::Config`] if there are no rules or too
    /// many.
    pub fn load_rules(&mut self, path: &Path) -> Result<()> {
        let before = self.rules.len();
        self.collect_rules(path, path, 0)?;
        if self.rules.len() > before {
            return Ok(());
        }
        Err(Error::Config { path: path.to_path_buf(), reason: "there is no .yml file in it".to_owned() })
    }

    fn collect_rules(&mut self, top: &Path, path: &Path, depth: usize) -> Result<()> {
        let facts = fs::metadata(path).map_err(Error::io("read", path))?;
        if facts.is_dir() {
            let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let mut paths: Vec<PathBuf> =
                entries.map_err(Error::io("read", path))?.iter().map(fs::DirEntry::path).collect();
            paths.sort();
            // A deeper folder contains no rules, but a link to itself.
            let paths = if depth < MAX_DEPTH { paths } else { Vec::new() };
            return paths.iter().try_for_each(|path| self.collect_rules(top, path, depth + 1));
        }
        let is_rule = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
        if !is_rule && depth > 0 {
            return Ok(());
        }
        if facts.len() > MAX_RULE_BYTES || self.rules.len() >= MAX_RULE_FILES {
            let reason =
                format!("more than {MAX_RULE_BYTES} bytes in a file, or {MAX_RULE_FILES} files of rules");
            return Err(Error::Config { path: path.to_path_buf(), reason });
        }
        let text = fs::read(path).map_err(Error::io("read", path))?;
        let name = path.strip_prefix(top).ok().filter(|name| !name.as_os_str().is_empty());
        let name =
            name.map_or_else(|| PathBuf::from(path.file_name().unwrap_or_default()), Path::to_path_buf);
        self.rules.push(RuleFile {
            name: name.display().to_string(),
            text: String::from_utf8_lossy(&text).into_owned(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_order_and_only_its_rules() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["b.yml", "a.yaml", "sub/c.yml", "notes.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let mut intel = ThreatIntel::default();
        intel.load_rules(folder.path()).unwrap();
        let names: Vec<&str> = intel.rules.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.yaml", "b.yml", "sub/c.yml"]);
        intel.load_rules(&folder.path().join("b.yml")).unwrap();
        assert_eq!(intel.rules[3].name, "b.yml");
    }

    #[test]
    fn a_folder_without_rules_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let error = ThreatIntel::default().load_rules(folder.path()).unwrap_err();
        assert!(error.to_string().contains("no .yml file"), "{error}");
    }
}
