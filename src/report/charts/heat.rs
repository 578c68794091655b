//! A heat map on a logarithmic scale: names on the left, time from left to right.

use super::axis::{self, Axis};
use super::buckets::Buckets;
use super::canvas::{self, Area, Canvas, Drawn, Label, NameColumn};
use super::palette;

/// Number of colors; few, so that adjacent cells merge into one rectangle.
const LEVELS: usize = 9;
/// Maximum number of columns.
pub(super) const MOST_COLUMNS: usize = 80;
/// Maximum number of rows, and their maximum height in pixels.
pub(super) const MOST_ROWS: usize = 12;
const HIGHEST: i32 = 34;
/// Width of a field of the legend, in pixels.
const FIELD: i32 = 18;

/// A name with its values per column.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// The range of the scale: from the smallest value above zero to the largest.
struct Scale {
    smallest: f64,
    largest: f64,
}

/// Draws rows over time; cells with a value of zero stay blank.
pub(super) fn draw(canvas: &Canvas<'_>, buckets: &Buckets, rows: &[Row], text: fn(f64) -> String) -> Drawn {
    let Some(scale) = Scale::of(rows) else { return Ok(()) };
    let rows = &rows[..rows.len().min(MOST_ROWS)];
    let names = NameColumn::new(rows.iter().map(|row| row.name.as_str()));
    let plot = axis::plot(names.width);
    let pitch = ((plot.bottom - plot.top) / rows.len().max(1) as i32).min(HIGHEST);
    let time = Axis::time(buckets.span_us(), (plot.left, plot.right));
    for (row, index) in rows.iter().zip(0..) {
        let top = plot.top + index * pitch;
        let middle = top + pitch / 2;
        let name = canvas::fit_pair(&row.name, names.chars);
        canvas.text((plot.left - 10, middle), Label::VALUE.right(), &name)?;
        for (first, end, level) in runs(&row.values, &scale) {
            let left = time.at(buckets.start_us(first) as f64);
            let right = time.at(buckets.start_us(end) as f64);
            let area = Area { left, top, right, bottom: top + pitch - 2 };
            canvas.fill(area, palette::heat(level as f64 / (LEVELS - 1) as f64))?;
        }
    }
    let plot = Area { bottom: plot.top + rows.len() as i32 * pitch, ..plot };
    axis::draw_bottom(canvas, &time, plot, &axis::time_unit(buckets.span_us()))?;
    draw_legend(canvas, &scale, text)
}

/// Draws the colors from the smallest to the largest value, beside the title.
fn draw_legend(canvas: &Canvas<'_>, scale: &Scale, text: fn(f64) -> String) -> Drawn {
    let right = Canvas::inside().right;
    let left = right - 100 - LEVELS as i32 * FIELD;
    for level in 0..LEVELS {
        let x = left + level as i32 * FIELD;
        let colour = palette::heat(level as f64 / (LEVELS - 1) as f64);
        canvas.fill(Area { left: x, top: 28, right: x + FIELD, bottom: 40 }, colour)?;
    }
    canvas.text((left - 8, 34), Label::SMALL.right(), &text(scale.smallest))?;
    canvas.text((left + LEVELS as i32 * FIELD + 8, 34), Label::SMALL, &text(scale.largest))
}

impl Scale {
    fn of(rows: &[Row]) -> Option<Self> {
        let values = || rows.iter().flat_map(|row| &row.values).copied().filter(|value| *value > 0.0);
        let smallest = values().reduce(f64::min)?;
        Some(Self { smallest, largest: values().fold(smallest, f64::max) })
    }

    fn level(&self, value: f64) -> Option<usize> {
        if value <= 0.0 {
            return None;
        }
        let range = (self.largest / self.smallest).ln();
        let share = if range > 0.0 { (value / self.smallest).ln() / range } else { 1.0 };
        Some(((share * LEVELS as f64) as usize).min(LEVELS - 1))
    }
}

/// Runs of cells with the same level: first index, index after the last, level.
fn runs(values: &[f64], scale: &Scale) -> Vec<(usize, usize, usize)> {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for (column, value) in values.iter().enumerate() {
        let Some(level) = scale.level(*value) else { continue };
        match runs.last_mut() {
            Some((_, end, of_run)) if *end == column && *of_run == level => *end = column + 1,
            _ => runs.push((column, column + 1, level)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f64]) -> Vec<Row> {
        vec![Row { name: String::new(), values: values.to_vec() }]
    }

    #[test]
    fn the_smallest_is_palest_the_largest_darkest_and_nothing_is_blank() {
        let scale = Scale::of(&rows(&[0.0, 1.0, 1e9])).unwrap();
        let levels = [0.0, 1.0, 31_622.0, 1e9].map(|value| scale.level(value));
        assert_eq!(levels, [None, Some(0), Some(4), Some(8)]);
        assert!(Scale::of(&rows(&[0.0])).is_none());
    }

    #[test]
    fn neighbours_of_a_level_are_one() {
        let values = [5.0, 5.0, 0.0, 5.0, 1.0];
        let scale = Scale::of(&rows(&values)).unwrap();
        assert_eq!(runs(&values, &scale), [(0, 2, 8), (3, 4, 8), (4, 5, 0)]);
    }
}
