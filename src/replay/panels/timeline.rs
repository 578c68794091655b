//! The whole recording in two lines: the activity, the findings, and the current position.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::widgets::{Sparkline, Widget as _};

use crate::replay::look::{FAINT, TITLE, Theme};
use crate::replay::state::State;

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.width == 0 || area.height < 2 {
        return;
    }
    Sparkline::default()
        .data(levels(&state.activity, usize::from(area.width)))
        .max(8)
        .bar_set(theme.bars())
        .style(theme.accent())
        .render(Rect { height: 1, ..area }, buffer);
    let below = area.y + 1;
    buffer.set_string(area.x, below, "·".repeat(usize::from(area.width)), FAINT);
    // For the live host, the timeline covers less time than the findings.
    let is_on_it = |ts_us: i64| state.live.is_none() || ts_us >= state.span_us.0;
    let mut marks: Vec<_> = state.marks().iter().filter(|mark| is_on_it(mark.ts_us)).collect();
    // If several share a column, the worst is visible.
    marks.sort_by_key(|mark| mark.severity);
    for mark in marks {
        let x = area.x + column(mark.ts_us, state.span_us, area.width);
        buffer.set_string(x, below, "!", theme.severity(mark.severity as usize));
    }
    let x = area.x + column(state.sample.ts_us, state.span_us, area.width);
    buffer.set_string(x, below, "▲", TITLE.add_modifier(Modifier::REVERSED));
}

/// The moment of a column.
pub(in crate::replay) fn moment(column: u16, (first, last): (i64, i64), width: u16) -> i64 {
    let share = f64::from(column) / f64::from(width.saturating_sub(1).max(1));
    first.saturating_add((share * last.saturating_sub(first) as f64) as i64).clamp(first, last.max(first))
}

/// The column of a moment.
fn column(ts_us: i64, (first, last): (i64, i64), width: u16) -> u16 {
    let length = last.saturating_sub(first).max(1) as f64;
    let share = ((ts_us.saturating_sub(first)) as f64 / length).clamp(0.0, 1.0);
    (share * f64::from(width.saturating_sub(1))).round() as u16
}

/// The height of each column, 0 to 8: the highest of its intervals, so that no burst is lost
/// between two columns.
fn levels(activity: &[f64], width: usize) -> Vec<u64> {
    let most = activity.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return vec![0; width];
    }
    let level = |value: f64| if value > 0.0 { (value / most * 8.0).ceil().clamp(1.0, 8.0) as u64 } else { 0 };
    let stretch = |at: usize| at * activity.len() / width;
    let of_column = |at: usize| {
        let from = stretch(at).min(activity.len() - 1);
        let to = stretch(at + 1).clamp(from + 1, activity.len());
        activity[from..to].iter().copied().fold(0.0, f64::max)
    };
    (0..width).map(|at| level(of_column(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_burst_is_lost_between_columns() {
        let mut activity = vec![0.0; 1000];
        activity[501] = 80.0;
        activity[10] = 1.0;
        let levels = levels(&activity, 10);
        assert_eq!(levels, [1, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
    }

    #[test]
    fn few_stretches_fill_all_columns_and_none_is_flat() {
        assert_eq!(levels(&[1.0, 2.0], 4), [4, 4, 8, 8]);
        assert_eq!(levels(&[], 3), [0, 0, 0]);
    }

    #[test]
    fn a_moment_outside_is_at_the_end() {
        assert_eq!([0, 5, 10, 99, -9].map(|ts| column(ts, (0, 10), 11)), [0, 5, 10, 10, 0]);
        assert_eq!([0, 5, 10, 99].map(|column| moment(column, (0, 10), 11)), [0, 5, 10, 10]);
        assert_eq!(moment(0, (7, 7), 1), 7);
    }
}
