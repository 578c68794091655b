//! The most periodic pairs: the interval from each start to the next, and how often each interval occurs.
//!
//! ```text
//! curl → 203.0.113.7 port 443               30 gaps, median 2 s
//!  4 s│                                            █
//!  2 s│▪ ▪ ▪ ▪ ▪ ▪ ▪ ▪ ▪ ▪ ▪ ▪ ▪ ▪ ▪               █
//!  0 s└──────────────────────────────       ───────┴────────
//!      10:00:10   10:00:20   10:00:30       0 s   2 s    4 s
//! ```
//!
//! A horizontal row of dots is a period, however many connections there are. Strokes at every start
//! would merge into a bar once they outnumber the pixels.

use std::collections::{BTreeMap, BTreeSet};

use plotters::style::RGBColor;

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::{AXIS, GRID};
use super::{Chart, Subject};
use crate::Result;
use crate::analyze::detectors::beacon;
use crate::humanize;
use crate::model::frame::{DataFrame, Float64Type, Int64Type, UInt32Type};
use crate::model::view::{Numbers, Words};
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "beacon-intervals",
    title: "How regular are the periodic connections?",
    section: Section::Behavior,
    draw,
};

/// Maximum number of pairs that fit below each other.
const MOST_PAIRS: usize = 4;
/// Bars of the histogram of gaps.
const BARS: usize = 30;
/// Gaps up to this many medians are shown; longer ones are placed at the border.
const MEDIANS_SHOWN: f64 = 2.0;
/// Left and right edge of the gaps over time, and left edge of the histograms, in pixels.
const TIME_LEFT: i32 = 84;
const TIME_RIGHT: i32 = 580;
const GAPS_LEFT: i32 = 640;
/// Room for a pair's name above and its scale below, in pixels.
const ABOVE: i32 = 20;
const UNDER: i32 = 26;
/// Maximum row height in pixels, so that a single pair does not fill the page.
const HIGHEST: i32 = 130;
/// Side of a gap's square, in pixels.
const DOT: i32 = 3;
const NAME_CHARS: usize = 66;

/// A pair of process and destination.
struct Pair {
    label: String,
    /// The start of a connection, and the time since the previous start.
    gaps: Vec<(i64, f64)>,
}

/// A pair with its scale.
struct Scaled<'a> {
    pair: &'a Pair,
    median_s: f64,
    /// The longest gap on the scale.
    shown_s: f64,
    colour: RGBColor,
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let Some(table) = subject.analysis.detector_table(&beacon::INTERVALS) else {
        return canvas::nothing(CHART.title, &subject.why_missing(&beacon::INTERVALS));
    };
    let pairs = pairs(table)?;
    let scaled: Vec<_> = pairs.iter().filter_map(|pair| Scaled::new(pair, subject)).collect();
    let Some(span_us) = span_us(&pairs) else {
        return canvas::nothing(
            CHART.title,
            "No pair of a process and a destination had enough \
            connections.",
        );
    };
    let inside = Canvas::inside();
    let pitch = ((inside.bottom - 22 - inside.top) / scaled.len().max(1) as i32).min(HIGHEST);
    let time = Axis::time(span_us, (TIME_LEFT, TIME_RIGHT));
    let subtitle = "the most regular pairs; left: each gap by its end time (a level row is a period); right: \
         histogram of the gaps";
    canvas::picture(CHART.title, subtitle, |canvas| {
        for (pair, index) in scaled.iter().zip(0..) {
            let top = inside.top + index * pitch;
            pair.draw(canvas, &time, Area { top, bottom: top + pitch, ..inside })?;
        }
        let last = inside.top + pitch * scaled.len() as i32 - UNDER;
        let plot = Area { left: TIME_LEFT, right: TIME_RIGHT, bottom: last, ..inside };
        axis::draw_bottom(canvas, &time, plot, &axis::time_unit(span_us))
    })
}

/// The best-ranked pairs.
fn pairs(table: &DataFrame) -> Result<Vec<Pair>> {
    let ranks = Numbers::<UInt32Type>::of(table, "rank")?;
    let labels = Words::of(table, "label")?;
    let starts = Numbers::<Int64Type>::of(table, "start_us")?;
    let since_last = Numbers::<Float64Type>::of(table, "gap_s")?;
    let mut pairs: BTreeMap<u32, Pair> = BTreeMap::new();
    for row in 0..table.height() {
        // The first start of a pair has no gap before it.
        let (Some(rank), Some(start_us), Some(gap_s)) =
            (ranks.get(row), starts.get(row), since_last.get(row))
        else {
            continue;
        };
        let new = || Pair { label: labels.get(row).unwrap_or("unknown").to_owned(), gaps: Vec::new() };
        let pair = pairs.entry(rank).or_insert_with(new);
        pair.gaps.extend((gap_s.is_finite() && gap_s >= 0.0).then_some((start_us, gap_s)));
    }
    Ok(pairs.into_values().filter(|pair| !pair.gaps.is_empty()).take(MOST_PAIRS).collect())
}

fn span_us(pairs: &[Pair]) -> Option<(i64, i64)> {
    let ends = || pairs.iter().flat_map(|pair| pair.gaps.iter().map(|(start_us, _)| *start_us));
    Some((ends().min()?, ends().max()?))
}

impl Pair {
    fn sorted_gaps_s(&self) -> Vec<f64> {
        let mut gaps_s: Vec<f64> = self.gaps.iter().map(|(_, gap_s)| *gap_s).collect();
        gaps_s.sort_by(f64::total_cmp);
        gaps_s
    }

    fn median_gap_s(&self) -> Option<f64> {
        let gaps_s = self.sorted_gaps_s();
        let middle = gaps_s.len() / 2;
        match gaps_s.len() {
            0 => None,
            count if count % 2 == 1 => Some(gaps_s[middle]),
            _ => Some(f64::midpoint(gaps_s[middle - 1], gaps_s[middle])),
        }
    }
}

impl<'a> Scaled<'a> {
    fn new(pair: &'a Pair, subject: &Subject<'_>) -> Option<Self> {
        let median_s = pair.median_gap_s()?;
        // Labels begin with the process, which determines the color.
        let process = pair.label.split(" →").next().unwrap_or_default();
        // Gaps of zero, as in bursts within a tick, must not result in a scale of zero.
        let shown_s = (median_s * MEDIANS_SHOWN).max(1e-6);
        Some(Self { pair, median_s, shown_s, colour: subject.colours.get(process) })
    }

    fn draw(&self, canvas: &Canvas<'_>, time: &Axis, row: Area) -> Drawn {
        let plot = Area { top: row.top + ABOVE, bottom: row.bottom - UNDER, ..row };
        canvas.text(
            (row.left, row.top + 6),
            Label::VALUE,
            &canvas::fit_pair(&self.pair.label, NAME_CHARS),
        )?;
        let gaps = humanize::plural(self.pair.gaps.len() as u64, "gap");
        let title = format!("{gaps}, median {}", humanize::seconds(self.median_s));
        canvas.text((row.right, row.top + 6), Label::PLAIN.right(), &title)?;
        self.draw_over_time(canvas, time, Area { left: TIME_LEFT, right: TIME_RIGHT, ..plot })?;
        self.draw_histogram(canvas, Area { left: GAPS_LEFT, ..plot })
    }

    fn draw_over_time(&self, canvas: &Canvas<'_>, time: &Axis, plot: Area) -> Drawn {
        let middle = i32::midpoint(plot.top, plot.bottom);
        canvas.line((plot.left, middle), (plot.right, middle), GRID)?;
        canvas.text((plot.left - 8, middle), Label::SMALL.right(), &humanize::seconds(self.median_s))?;
        canvas.text((plot.left - 8, plot.bottom), Label::SMALL.right(), "0 s")?;
        let height = f64::from(plot.bottom - plot.top);
        let place = |(start_us, gap_s): &(i64, f64)| {
            let share = (gap_s / self.shown_s).min(1.0);
            (time.at(*start_us as f64) / DOT * DOT, plot.bottom - (share * height).round() as i32)
        };
        for (x, top, bottom) in strokes(self.pair.gaps.iter().map(place)) {
            let area =
                Area { left: x - DOT / 2, top: top - DOT / 2, right: x + DOT - 1, bottom: bottom + DOT - 1 };
            canvas.fill(area, self.colour)?;
        }
        canvas.line((plot.left, plot.bottom), (plot.right, plot.bottom), AXIS)
    }

    fn draw_histogram(&self, canvas: &Canvas<'_>, plot: Area) -> Drawn {
        let bars = histogram(&self.pair.sorted_gaps_s(), self.shown_s);
        let largest = bars.iter().copied().max().unwrap_or(0).max(1);
        let edge = |index: usize| plot.left + index as i32 * (plot.right - plot.left) / BARS as i32;
        for (index, count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
            let height = (*count as f64 / largest as f64 * f64::from(plot.bottom - plot.top)).round() as i32;
            let top = plot.bottom - height.max(1);
            canvas.fill(
                Area { left: edge(index), top, right: edge(index + 1) - 1, bottom: plot.bottom },
                self.colour,
            )?;
        }
        canvas.line((plot.left, plot.bottom), (plot.right, plot.bottom), AXIS)?;
        let below = plot.bottom + 11;
        canvas.text((plot.left, below), Label::SMALL, "0 s")?;
        let middle = i32::midpoint(plot.left, plot.right);
        canvas.text((middle, below), Label::SMALL.centre(), &humanize::seconds(self.median_s))?;
        let longest = format!("≥ {}", humanize::seconds(self.shown_s));
        canvas.text((plot.right, below), Label::SMALL.right(), &longest)
    }
}

/// Merges touching dots of a column into one stroke from top to bottom, so that the size of the
/// picture does not grow with the number of gaps.
fn strokes(dots: impl Iterator<Item = canvas::Point>) -> Vec<(i32, i32, i32)> {
    let sorted: BTreeSet<_> = dots.collect();
    let mut strokes: Vec<(i32, i32, i32)> = Vec::new();
    for (x, y) in sorted {
        match strokes.last_mut() {
            Some((column, _, bottom)) if *column == x && y <= *bottom + DOT => *bottom = y,
            _ => strokes.push((x, y, y)),
        }
    }
    strokes
}

fn histogram(gaps_s: &[f64], shown_s: f64) -> [u64; BARS] {
    let mut bars = [0; BARS];
    for gap_s in gaps_s {
        // Half a bar is added so that the median is in the middle of a bar.
        let index = (gap_s / shown_s * (BARS - 1) as f64 + 0.5) as usize;
        bars[index.min(BARS - 1)] += 1;
    }
    bars
}

#[cfg(test)]
mod tests {
    use crate::model::frame::df;

    use super::*;

    #[test]
    fn the_best_pairs_are_drawn_whatever_the_order_of_rows() {
        let table = df!(
            "rank" => [6_u32, 1, 2, 3, 4, 5, 1, 7],
            "label" => ["f", "a", "b", "c", "d", "e", "a", "without a gap"],
            "start_us" => [0_i64, 10, 1, 2, 3, 4, 5, 6],
            "gap_s" => [Some(1.0), Some(5.0), Some(f64::NAN), Some(1.0), Some(1.0), Some(1.0), Some(4.0), None],
        )
        .unwrap();
        let pairs = pairs(&table).unwrap();
        let labels: Vec<_> = pairs.iter().map(|pair| pair.label.as_str()).collect();
        assert_eq!(labels, ["a", "c", "d", "e"]);
        assert_eq!(pairs[0].median_gap_s(), Some(4.5));
        assert_eq!(span_us(&pairs), Some((2, 10)));
    }

    #[test]
    fn dots_that_touch_are_one_stroke() {
        let dots = [(3, 10), (3, 12), (6, 11), (3, 40), (3, 10)];
        assert_eq!(strokes(dots.into_iter()), [(3, 10, 12), (3, 40, 40), (6, 11, 11)]);
    }

    #[test]
    fn long_gaps_are_in_the_last_bar_and_the_median_in_the_middle() {
        let bars = histogram(&[0.0, 60.0, 60.0, 1e12], 120.0);
        assert_eq!((bars[0], bars[BARS / 2], bars[BARS - 1]), (1, 2, 1));
    }
}
