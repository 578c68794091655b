//! Named rows with events over time: a bar for a duration, a stroke for a moment.

use plotters::style::RGBColor;

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label, NameColumn, Point, text_width};
use super::palette::GRID;

/// Maximum number of characters of the texts on the right.
const TEXT_CHARS: usize = 34;
/// Maximum number of rows, and their maximum height in pixels.
pub(super) const MOST_ROWS: usize = 14;
const HIGHEST: i32 = 34;

/// A row.
pub(super) struct Lane {
    pub(super) name: String,
    /// The text on the right.
    pub(super) text: String,
    pub(super) colour: RGBColor,
    /// Start and end of each event, µs since the Unix epoch.
    pub(super) spans_us: Vec<(i64, i64)>,
}

/// Draws at most [`MOST_ROWS`] rows and the time axis.
pub(super) fn draw(canvas: &Canvas<'_>, span_us: (i64, i64), lanes: &[Lane]) -> Drawn {
    let lanes = &lanes[..lanes.len().min(MOST_ROWS)];
    let names = NameColumn::new(lanes.iter().map(|lane| lane.name.as_str()));
    let texts: Vec<String> = lanes.iter().map(|lane| canvas::fit(&lane.text, TEXT_CHARS)).collect();
    let of_texts = texts.iter().map(|text| text_width(text, 11.0)).max().unwrap_or(0) + 12;
    let plot = axis::plot(names.width);
    let plot = Area { right: plot.right - of_texts, ..plot };
    let time = Axis::time(span_us, (plot.left, plot.right));
    let pitch = ((plot.bottom - plot.top) / lanes.len().max(1) as i32).min(HIGHEST);
    for ((lane, text), index) in lanes.iter().zip(&texts).zip(0..) {
        let top = plot.top + index * pitch;
        let middle = top + pitch / 2;
        canvas.line((plot.left, middle), (plot.right, middle), GRID)?;
        let name = canvas::fit_pair(&lane.name, names.chars);
        canvas.text((plot.left - 10, middle), Label::VALUE.right(), &name)?;
        canvas.text((plot.right + 12, middle), Label::SMALL, text)?;
        let shape = comb(&bars(&lane.spans_us, &time), (top + 3, top + pitch - 4));
        canvas.shape(&shape, lane.colour)?;
    }
    let plot = Area { bottom: plot.top + lanes.len() as i32 * pitch, ..plot };
    axis::draw_bottom(canvas, &time, plot, &axis::time_unit(span_us))
}

/// All bars of a row as one shape, joined by an invisible line without height; this takes a third
/// of the bytes of separate rectangles.
fn comb(bars: &[(i32, i32)], (top, bottom): (i32, i32)) -> Vec<Point> {
    let tooth = |(left, right): &(i32, i32)| [(*left, bottom), (*left, top), (*right, top), (*right, bottom)];
    bars.iter().flat_map(tooth).collect()
}

/// Bars in pixels; touching bars are merged, so that the picture stays small.
fn bars(spans_us: &[(i64, i64)], time: &Axis) -> Vec<(i32, i32)> {
    let pixels = |(first, last): &(i64, i64)| {
        let left = time.at(*first as f64);
        (left, time.at(*last as f64).max(left + 1))
    };
    let mut all: Vec<(i32, i32)> = spans_us.iter().map(pixels).collect();
    all.sort_unstable();
    let mut bars: Vec<(i32, i32)> = Vec::new();
    for (left, right) in all {
        match bars.last_mut() {
            Some((_, end)) if left <= *end + 1 => *end = right.max(*end),
            _ => bars.push((left, right)),
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_touch_are_one_and_a_moment_is_seen() {
        let time = Axis::time((0, 1_000_000), (0, 100));
        let spans = [(500_000, 700_000), (0, 0), (700_000, 800_000), (2, 3)];
        let bars = bars(&spans, &time);
        assert_eq!(bars, [(0, 1), (50, 80)]);
        let shape = comb(&bars, (10, 20));
        assert_eq!(shape[..4], [(0, 20), (0, 10), (1, 10), (1, 20)]);
        assert_eq!(shape[4..], [(50, 20), (50, 10), (80, 10), (80, 20)]);
    }
}
