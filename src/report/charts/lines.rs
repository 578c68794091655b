//! Lines over time, with a legend on their right that has room for long names.
//!
//! A line has a step per bucket rather than slopes between points: each level is a measured value.
//! Unknown values leave gaps.

use plotters::style::RGBColor;

use super::axis::{self, Axis};
use super::buckets::Buckets;
use super::canvas::{self, Area, Canvas, Drawn, Label, Point};

/// Width of the legend, in pixels.
const LEGEND: i32 = 206;
/// Height of an entry of the legend, in pixels.
const ENTRY: i32 = 36;
const NAME_CHARS: usize = 25;
const NOTE_CHARS: usize = 30;
/// Maximum number of buckets in a line.
pub(super) const MOST_BUCKETS: usize = 200;

/// A line with its entry in the legend.
pub(super) struct Line {
    pub(super) name: String,
    /// Figures as text, below the name.
    pub(super) note: String,
    pub(super) colour: RGBColor,
    /// Values per bucket; `None` if unknown.
    pub(super) values: Vec<Option<f64>>,
}

impl Line {
    /// The largest value; 0 if none is known.
    pub(super) fn largest(&self) -> f64 {
        self.values.iter().flatten().copied().fold(0.0, f64::max)
    }
}

/// The largest value of all lines.
pub(super) fn largest(lines: &[Line]) -> f64 {
    lines.iter().map(Line::largest).fold(0.0, f64::max)
}

/// The area of the lines, beside their legend.
pub(super) fn plot(labels: i32) -> Area {
    let plot = axis::plot(labels);
    Area { right: plot.right - LEGEND, ..plot }
}

/// Draws lines with their axis on the left; the first lines are on top. The time axis is drawn
/// separately, so that several plots can share it.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    plot: Area,
    buckets: &Buckets,
    lines: &[Line],
    (values, unit): (&Axis, &str),
) -> Drawn {
    axis::draw_left(canvas, values, plot, &values.unit(unit))?;
    let time = Axis::time(buckets.span_us(), (plot.left, plot.right));
    for (index, line) in lines.iter().enumerate().rev() {
        let is_second = is_second(lines, index);
        for path in paths(line, buckets, &time, values) {
            if is_second {
                canvas.dashed_path(&path, line.colour)?;
            } else {
                canvas.path(&path, line.colour)?;
            }
        }
    }
    Ok(())
}

/// Whether an earlier line has the same color: there are more names than colors.
fn is_second(lines: &[Line], index: usize) -> bool {
    lines[..index].iter().any(|line| line.colour == lines[index].colour)
}

/// Draws the time axis below the plots.
pub(super) fn draw_time(canvas: &Canvas<'_>, plot: Area, buckets: &Buckets) -> Drawn {
    let span_us = buckets.span_us();
    let time = Axis::time(span_us, (plot.left, plot.right));
    axis::draw_bottom(canvas, &time, plot, &axis::time_unit(span_us))
}

/// Draws the legend to the right of the plots, from `top` downwards.
pub(super) fn draw_legend(canvas: &Canvas<'_>, top: i32, lines: &[Line]) -> Drawn {
    let inside = Canvas::inside();
    let left = inside.right - LEGEND + 24;
    for (line, index) in lines.iter().zip(0..) {
        let y = top + index * ENTRY;
        if is_second(lines, index as usize) {
            canvas.dashed_path(&[(left, y), (left + 14, y)], line.colour)?;
        } else {
            canvas.fill(Area { left, top: y - 6, right: left + 12, bottom: y + 6 }, line.colour)?;
        }
        canvas.text((left + 20, y), Label::VALUE, &canvas::fit(&line.name, NAME_CHARS))?;
        canvas.text((left + 20, y + 15), Label::SMALL, &canvas::fit(&line.note, NOTE_CHARS))?;
    }
    Ok(())
}

/// The line as paths of steps, one path between two gaps.
fn paths(line: &Line, buckets: &Buckets, time: &Axis, values: &Axis) -> Vec<Vec<Point>> {
    let x = |bucket: usize| time.at(buckets.start_us(bucket) as f64);
    let mut paths: Vec<Vec<Point>> = Vec::new();
    let mut is_going_on = false;
    for (bucket, value) in line.values.iter().enumerate() {
        let Some(value) = value else {
            is_going_on = false;
            continue;
        };
        if !is_going_on {
            paths.push(Vec::new());
        }
        is_going_on = true;
        let y = values.at_value(*value);
        paths.last_mut().into_iter().for_each(|path| extend(path, [(x(bucket), y), (x(bucket + 1), y)]));
    }
    paths
}

/// Adds a step; adjacent steps of the same level are merged.
fn extend(path: &mut Vec<Point>, [from, to]: [Point; 2]) {
    match path.last_mut() {
        Some(last) if last.1 == from.1 => *last = to,
        _ => path.extend([from, to]),
    }
}

#[cfg(test)]
mod tests {
    use crate::model::frame::df;

    use super::*;
    use crate::humanize;
    use crate::report::charts::palette::PLAIN;

    #[test]
    fn a_gap_stays_a_gap_and_level_steps_are_one() {
        let table = df!("start_us" => [0_i64, 10, 20, 30, 40]).unwrap();
        let buckets = Buckets::of_table(&table, 10, 5).unwrap().unwrap();
        let line = Line {
            name: "a".to_owned(),
            note: String::new(),
            colour: PLAIN,
            values: vec![Some(1.0), Some(1.0), Some(0.0), None, Some(1.0)],
        };
        // A time axis is at least a second long.
        let time = Axis::time(buckets.span_us(), (0, 100_000));
        let values = Axis::from_zero(1.0, (10, 0), humanize::number);
        let expected = [vec![(0, 0), (2, 0), (2, 10), (3, 10)], vec![(4, 0), (5, 0)]];
        assert_eq!(paths(&line, &buckets, &time, &values), expected);
    }
}
