//! Progress on standard error; silent where that is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over a known number of rows, drawn at most ten times a second.
pub(super) fn rows(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style("{msg} {wide_bar} {percent:>3} %  {human_pos} of {human_len} rows, {eta} left"));
    bar
}

/// A bar over the bytes of files.
pub(super) fn bytes() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style("importing {wide_bar} {percent:>3} %  {bytes} of {total_bytes}, {eta} left"));
    bar
}

/// A line of text that is replaced at each change.
pub(super) fn line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style("{spinner} {wide_msg}"));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants of this file; a wrong one would only lose its looks.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
