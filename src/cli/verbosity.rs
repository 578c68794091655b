//! How much a command prints: `--quiet`, `--verbose` and `NETREC_LOG`.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgAction, Args};
use tracing::Level;

use super::{diagnosis, stdout};
use crate::{Error, Result};

/// The environment variable that sets the level of diagnostics.
const VARIABLE: &str = "NETREC_LOG";

/// Static, because the process has one terminal.
static IS_QUIET: AtomicBool = AtomicBool::new(false);
static IS_VERBOSE: AtomicBool = AtomicBool::new(false);

/// Options that every command has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Verbosity {
    /// Print errors and warnings only: no progress and no summary
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print to standard error what each stage does, how long it takes, and which sources failed;
    /// twice (-vv) for more detail
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

impl Verbosity {
    /// Applies it to the rest of the process.
    ///
    /// # Errors
    /// [`Error::Usage`] if `NETREC_LOG` is not a level.
    pub(super) fn apply(&self) -> Result<()> {
        IS_QUIET.store(self.quiet, Ordering::Relaxed);
        let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let level = match (self.verbose, variable) {
            (0, None) => return Ok(()),
            (0, Some(value)) => level(&value.to_string_lossy())?,
            (1, _) => Level::INFO,
            (_, _) => Level::DEBUG,
        };
        IS_VERBOSE.store(level >= Level::INFO, Ordering::Relaxed);
        diagnosis::start(level);
        Ok(())
    }
}

fn level(name: &str) -> Result<Level> {
    let known = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    known.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name)).ok_or_else(|| {
        let levels = "error, warn, info, debug or trace";
        Error::Usage(format!("{VARIABLE}: unknown level {name:?}; expected {levels}"))
    })
}

/// Whether progress is shown. It would interfere with the lines of `--verbose`.
pub(super) fn shows_progress() -> bool {
    !IS_QUIET.load(Ordering::Relaxed) && !IS_VERBOSE.load(Ordering::Relaxed)
}

/// Prints a summary line on standard output, which `--quiet` omits.
pub(super) fn tell(text: fmt::Arguments<'_>) {
    if !IS_QUIET.load(Ordering::Relaxed) {
        stdout::line(text);
    }
}

/// Prints a warning of the summary, which `--quiet` moves to standard error.
pub(super) fn caution(text: fmt::Arguments<'_>) {
    if IS_QUIET.load(Ordering::Relaxed) {
        super::note(text.to_string().trim());
    } else {
        stdout::line(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_known_in_any_case_and_another_is_wrong_usage() {
        assert_eq!(level("debug").unwrap(), Level::DEBUG);
        assert_eq!(level("WARN").unwrap(), Level::WARN);
        let error = level("loud").unwrap_err().to_string();
        assert_eq!(error, "NETREC_LOG: unknown level \"loud\"; expected error, warn, info, debug or trace");
    }
}
