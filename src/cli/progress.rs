//! Progress on standard error, with a named step per stage; silent if that is not a terminal.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::style::ProgressTracker;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::verbosity;
use crate::humanize;

/// How often the spinner turns in a stage of unknown length.
const TURN: Duration = Duration::from_millis(250);

/// The stages of a command. The first one has a known length and leads to the second when complete,
/// so that no bar stays at 100 % while something else runs.
pub(super) struct Stages {
    bar: ProgressBar,
    names: &'static [&'static str],
    at: AtomicUsize,
}

impl Stages {
    /// The stages of a command whose first one reads this many rows.
    pub(super) fn of_rows(names: &'static [&'static str], total: u64) -> Self {
        Self::new(names, "{rows}", total)
    }

    /// The stages of a command whose first one reads bytes.
    pub(super) fn of_bytes(names: &'static [&'static str]) -> Self {
        Self::new(names, "{size}", 0)
    }

    fn new(names: &'static [&'static str], measure: &'static str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), target());
        let stages = Self { bar, names, at: AtomicUsize::new(0) };
        let template = format!("{} {{wide_bar}} {{percent:>3}} %  {measure}, {{left}} left", stages.title(0));
        stages.bar.set_style(style(&template));
        stages
    }

    /// Sets the progress of the first stage.
    pub(super) fn show(&self, done: u64) {
        self.bar.set_position(done);
        if self.bar.length().is_some_and(|total| total > 0 && done >= total) {
            self.enter(1);
        }
    }

    /// Sets the progress and the length of the first stage.
    pub(super) fn show_of(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.show(done);
    }

    /// Enters a later stage, unless it has begun.
    pub(super) fn enter(&self, stage: usize) {
        if stage >= self.names.len() || self.at.fetch_max(stage, Ordering::SeqCst) >= stage {
            return;
        }
        self.bar.reset_elapsed();
        self.bar.set_style(style(&format!("{{spinner}} {}, {{since}}", self.title(stage))));
        if crate::parallel::check().is_ok() {
            self.bar.enable_steady_tick(TURN);
        }
    }

    fn title(&self, stage: usize) -> String {
        let name = self.names.get(stage).copied().unwrap_or_default();
        format!("[{}/{}] {name}", stage + 1, self.names.len())
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line of text that each change replaces.
pub(super) fn line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target());
    // No thread turns the spinner; each change of the text does.
    bar.set_style(style("{spinner} {wide_msg}"));
    bar
}

fn target() -> ProgressDrawTarget {
    if verbosity::shows_progress() {
        ProgressDrawTarget::stderr_with_hz(10)
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants of this file; a wrong one would only lose its formatting.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .with_key("left", Shown(|state| humanize::duration(whole(state.eta()))))
        .with_key("since", Shown(|state| humanize::duration(whole(state.elapsed()))))
        .with_key("rows", Shown(|state| of(state, humanize::count) + " rows"))
        .with_key("size", Shown(|state| of(state, |bytes| humanize::bytes(bytes as f64))))
}

fn of(state: &ProgressState, text: fn(u64) -> String) -> String {
    format!("{} of {}", text(state.pos()), text(state.len().unwrap_or(0)))
}

/// Rounds to whole seconds: an estimate has no tenths.
fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// A key in a template.
#[derive(Clone, Copy)]
struct Shown(fn(&ProgressState) -> String);

impl ProgressTracker for Shown {
    fn clone_box(&self) -> Box<dyn ProgressTracker> {
        Box::new(*self)
    }

    fn tick(&mut self, _: &ProgressState, _: std::time::Instant) {}

    fn reset(&mut self, _: &ProgressState, _: std::time::Instant) {}

    fn write(&self, state: &ProgressState, out: &mut dyn std::fmt::Write) {
        // Writing to the bar's text does not fail.
        let _ = out.write_str(&(self.0)(state));
    }
}
