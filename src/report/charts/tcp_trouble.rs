//! TCP problems over time: half-open, stuck in `CLOSE_WAIT`, reset.

use super::axis::Axis;
use super::buckets::Buckets;
use super::canvas::{self, Area, Canvas, Drawn};
use super::lines::{self, Line};
use super::{Chart, Subject, palette};
use crate::Result;
use crate::analyze::detectors::tcp_health;
use crate::humanize;
use crate::model::frame::{DataFrame, UInt32Type};
use crate::model::view::Numbers;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "tcp-trouble", title: "When were TCP connections unhealthy?", section: Section::Tcp, draw };

/// Kinds of problems: the column of the table, its label, and the state whose color it has.
const KINDS: [(&str, &str, &str); 3] = [
    ("half_open", "half-open", "SYN_SENT"),
    ("close_wait", "left in CLOSE_WAIT", "CLOSE_WAIT"),
    ("reset", "reset", "FIN_WAIT1"),
];
/// Room for tick labels, and between two plots, in pixels.
const LABELS: i32 = 40;
const BETWEEN: i32 = 26;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let Some(table) = subject.analysis.detector_table(&tcp_health::SLICES) else {
        return canvas::nothing(CHART.title, &subject.why_missing(&tcp_health::SLICES));
    };
    let slice_us = slice_us(table, subject.analysis.tables.bin_width_us)?;
    let Some(buckets) = Buckets::of_table(table, slice_us, lines::MOST_BUCKETS)? else {
        return canvas::nothing(CHART.title, "The recording has no duration.");
    };
    let lines = lines_of(table, &buckets)?;
    if lines::largest(&lines) <= 0.0 {
        return canvas::nothing(CHART.title, "No connection was half-open, left in CLOSE_WAIT or reset.");
    }
    let subtitle =
        format!("highest number of connections within each {}", humanize::seconds(buckets.seconds(0)));
    canvas::picture(CHART.title, &subtitle, |canvas| draw_plots(canvas, &buckets, &lines))
}

/// Draws one plot each, because the numbers differ in magnitude.
fn draw_plots(canvas: &Canvas<'_>, buckets: &Buckets, lines: &[Line]) -> Drawn {
    let whole = lines::plot(LABELS);
    let pitch = (whole.bottom - whole.top + BETWEEN) / lines.len().max(1) as i32;
    for (line, index) in lines.iter().zip(0..) {
        let top = whole.top + index * pitch;
        let plot = Area { top, bottom: top + pitch - BETWEEN, ..whole };
        let counts = Axis::counts(line.largest() as u64, (plot.bottom, plot.top));
        let line = std::slice::from_ref(line);
        let unit = if index == 0 { "connections" } else { "" };
        lines::draw(canvas, plot, buckets, line, (&counts, unit))?;
        lines::draw_legend(canvas, plot.top + 6, line)?;
    }
    lines::draw_time(canvas, whole, buckets)
}

fn lines_of(table: &DataFrame, buckets: &Buckets) -> Result<Vec<Line>> {
    let line = |(column, name, state): (&str, &str, &str)| {
        let numbers = Numbers::<UInt32Type>::of(table, column)?;
        let counts = buckets.largest(|slice| numbers.get(slice).map(u64::from));
        let most = counts.iter().copied().max().unwrap_or(0);
        Ok(Line {
            name: name.to_owned(),
            note: format!("peak {}", humanize::count(most)),
            colour: palette::of_state(state),
            values: counts.into_iter().map(|count| Some(count as f64)).collect(),
        })
    };
    KINDS.into_iter().map(line).collect()
}

/// The width of the detector's slices, which may exceed that of the recording's.
fn slice_us(table: &DataFrame, otherwise_us: i64) -> Result<i64> {
    let starts = Numbers::<crate::model::frame::Int64Type>::of(table, "start_us")?;
    let width = starts.get(0).zip(starts.get(1)).map(|(first, second)| second.saturating_sub(first));
    Ok(width.unwrap_or(otherwise_us))
}
