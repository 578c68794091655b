//! What became of the records of one file, and what is said when next to nothing was used.

use std::path::PathBuf;

use super::{Importer, Input};
use crate::capture::{ImportStats, Unused};
use crate::{Error, Result};

/// What reading one file came to; [`super::Output::account`] takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileReport {
    /// Every record, counted once.
    pub stats: ImportStats,
    /// Bytes of connections that the sensor says it missed.
    pub missed_bytes: u64,
    /// Whether the file ended in the middle of a record.
    pub is_cut_short: bool,
}

impl FileReport {
    /// An account of records called so, in the singular: `line`, `event`.
    pub fn new(unit: &str) -> Self {
        Self { stats: ImportStats::new(unit), ..Self::default() }
    }
}

/// Fails where nothing was used, or next to nothing and the format was only guessed. `damage` says in
/// sentences where the files broke off.
///
/// # Errors
/// [`Error::Import`] with what was there, and what there would have to be.
pub(super) fn check(
    stats: &ImportStats,
    inputs: &[Input],
    importer: &Importer,
    is_format_named: bool,
    damage: Option<&str>,
) -> Result<()> {
    let is_enough = stats.used > 0 && (is_format_named || !stats.is_next_to_nothing());
    if is_enough {
        return Ok(());
    }
    let path = inputs.first().map_or_else(PathBuf::new, |input| input.path.clone());
    let what = match inputs {
        [_] => format!("it is {}", importer.title),
        _ => format!("it and {} more are {}", super::plural(inputs.len() as u64 - 1, "file"), importer.title),
    };
    let kinds: Vec<String> = stats.unused.iter().take(3).map(Unused::describe_counted).collect();
    let reason = match (stats.read, stats.used) {
        (0, _) => format!("{what}, but there is no {} in it. {}", stats.unit, importer.needs),
        (_, 0) => format!(
            "{what}, but 0 of {} could be used: {}. {}",
            super::plural(stats.read, &stats.unit),
            kinds.join("; "),
            importer.needs
        ),
        _ => format!(
            "it looks like {}, but only {} of {} could be used: {}. If it is, import it with --from {}",
            importer.title,
            stats.used,
            super::plural(stats.read, &stats.unit),
            kinds.join("; "),
            importer.id
        ),
    };
    let reason = match damage {
        Some(damage) => format!("{reason} {damage}"),
        None => reason,
    };
    Err(Error::Import { path, reason })
}
