//! Progress on standard error, a named step for each stage of the work; silent where that is no
//! terminal.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::style::ProgressTracker;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::verbosity;
use crate::humanize;

/// How often a stage without a measure shows that it goes on.
const TURN: Duration = Duration::from_millis(250);

/// The stages of a command. The first one has a measure, and leads to the second when it is
/// complete, so that no bar stands at 100 % while something else runs.
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

    /// How far the first stage is.
    pub(super) fn show(&self, done: u64) {
        self.bar.set_position(done);
        if self.bar.length().is_some_and(|total| total > 0 && done >= total) {
            self.enter(1);
        }
    }

    /// How far the first stage is, and how far it goes.
    pub(super) fn show_of(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.show(done);
    }

    /// A later stage begins, unless it has begun.
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

/// A line of text that is replaced at each change.
pub(super) fn line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target());
    // No thread turns the wheel: each change of the text does.
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
    // The templates are constants of this file; a wrong one would only lose its looks.
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

/// Whole seconds: a tenth of one is not known beforehand.
fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// A key of a template.
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
