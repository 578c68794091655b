//! The number of open connections over time.

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label, Point};
use super::palette::{INK, PLAIN};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::Tables;
use crate::model::tables::TimeBinColumns;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "open-connections",
    title: "How many connections were open?",
    section: Section::Dashboard,
    draw,
};

/// Room for tick labels left of and below the plot, in pixels.
const LEFT: i32 = 36;
const BELOW: i32 = 24;

/// A slice of the recording.
struct Slice {
    start_us: i64,
    open: u32,
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let tables = &subject.analysis.tables;
    let slices = slices(tables)?;
    let Some(fullest) = slices.iter().max_by_key(|slice| slice.open).filter(|slice| slice.open > 0) else {
        return canvas::nothing(CHART.title, "No connection was open at any snapshot.");
    };
    let span_us = (slices[0].start_us, end_us(tables, &slices));
    let inside = Canvas::inside();
    let plot =
        Area { left: inside.left + LEFT, top: inside.top + 16, bottom: inside.bottom - BELOW, ..inside };
    let time = Axis::time(span_us, (plot.left, plot.right));
    let open = Axis::counts(u64::from(fullest.open), (plot.bottom, plot.top));
    let subtitle = format!(
        "highest count at a snapshot within each {}: peak {}; shorter connections count as opened below",
        humanize::seconds(tables.bin_width_us as f64 / 1e6),
        humanize::count(u64::from(fullest.open))
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        axis::draw_left(canvas, &open, plot, "open connections")?;
        draw_slices(canvas, &slices, span_us.1, &time, &open)?;
        axis::draw_bottom(canvas, &time, plot, &axis::time_unit(span_us))?;
        mark_fullest(canvas, fullest, tables.bin_width_us, &time, &open)
    })
}

/// A step per slice with what was open then, rather than a slope between two numbers.
fn draw_slices(canvas: &Canvas<'_>, slices: &[Slice], end_us: i64, time: &Axis, open: &Axis) -> Drawn {
    let columns = columns(slices, time);
    let ends = columns.iter().skip(1).map(|(x, _)| *x).chain([time.at(end_us as f64)]);
    let step = |((x, fullest), end): (&(i32, u32), i32)| {
        let y = open.at(f64::from(*fullest));
        [(*x, y), (end, y)]
    };
    let steps: Vec<Point> = columns.iter().zip(ends).flat_map(step).collect();
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return Ok(()) };
    let base = open.at(0.0);
    let outline: Vec<Point> =
        [(first.0, base)].into_iter().chain(steps.iter().copied()).chain([(last.0, base)]).collect();
    canvas.area(&outline, PLAIN)?;
    canvas.path(&steps, PLAIN)
}

/// The maximum of the slices that share a column of pixels, so that ten thousand slices make no
/// larger a picture than a thousand, and no peak is lost.
fn columns(slices: &[Slice], time: &Axis) -> Vec<(i32, u32)> {
    let mut columns: Vec<(i32, u32)> = Vec::with_capacity(slices.len().min(canvas::SIZE.0 as usize));
    for slice in slices {
        let x = time.at(slice.start_us as f64);
        match columns.last_mut() {
            Some((last_x, fullest)) if *last_x == x => *fullest = slice.open.max(*fullest),
            _ => columns.push((x, slice.open)),
        }
    }
    columns
}

fn mark_fullest(canvas: &Canvas<'_>, fullest: &Slice, width_us: i64, time: &Axis, open: &Axis) -> Drawn {
    let middle_us = fullest.start_us.saturating_add(width_us / 2);
    let at = (time.at(middle_us as f64), open.at(f64::from(fullest.open)));
    canvas.dot(at, PLAIN)?;
    // On the right half of the page the text goes to the left, where there is room.
    let text = humanize::count(u64::from(fullest.open));
    let is_right_half = at.0 > canvas::SIZE.0 as i32 / 2;
    let (x, label) = if is_right_half { (at.0 - 9, Label::VALUE.right()) } else { (at.0 + 9, Label::VALUE) };
    canvas.text((x, at.1 - 11), label.coloured(INK), &text)
}

fn slices(tables: &Tables) -> Result<Vec<Slice>> {
    let bins = TimeBinColumns::of(&tables.time_bins)?;
    let slice = |row| Slice { start_us: bins.start_us(row), open: bins.open_connections(row) };
    Ok((0..bins.len()).map(slice).collect())
}

fn end_us(tables: &Tables, slices: &[Slice]) -> i64 {
    let last_us = slices.last().map_or(0, |slice| slice.start_us);
    last_us.saturating_add(tables.bin_width_us.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_survives_however_narrow_its_slice_is() {
        let slices: Vec<_> = (0..10_000)
            .map(|i| Slice { start_us: i * 1_000, open: if i == 4_321 { 900 } else { 3 } })
            .collect();
        let columns = columns(&slices, &Axis::time((0, 10_000_000), (0, 100)));
        assert_eq!(columns.len(), 101);
        assert_eq!(columns.iter().filter(|(_, open)| *open == 900).count(), 1);
    }
}
