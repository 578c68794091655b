//! The most periodic pairs: when their connections began, and the gaps between.
//!
//! ```text
//! curl → 203.0.113.7:443                    30 gaps, median 2 s
//! | | | | | | | | | | | | | | | | |                █
//! ─────────────────────────────────         ───────┴────────
//! 10:00:10     10:00:20    10:00:30         0 s          4 s
//! ```

use std::collections::BTreeMap;

use plotters::style::RGBColor;
use polars::prelude::{DataFrame, DataType};

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::AXIS;
use super::{Chart, Subject};
use crate::Result;
use crate::report::{escape, format};

pub(super) const CHART: Chart =
    Chart { id: "beacon-intervals", title: "Periodic connections: starts and gaps", draw };

/// Pairs that have room below each other.
const MOST_PAIRS: usize = 4;
/// Bars of the histogram of gaps.
const BARS: usize = 30;
/// Gaps are shown up to this many medians; longer ones are in the last bar.
const MEDIANS_SHOWN: f64 = 2.0;
/// Where the starts end and the histograms begin, in pixels.
const STARTS_RIGHT: i32 = 570;
const GAPS_LEFT: i32 = 620;
/// Room for a pair's name above and its scale below, in pixels.
const ABOVE: i32 = 20;
const UNDER: i32 = 26;
/// Highest row, in pixels, so that a single pair does not fill the page.
const HIGHEST: i32 = 120;
const NAME_CHARS: usize = 66;

/// A pair of process and destination.
struct Pair {
    label: String,
    starts_us: Vec<i64>,
    /// Sorted.
    gaps_s: Vec<f64>,
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let Some(table) = subject.analysis.detector_table("beacon", "intervals") else {
        return canvas::nothing(CHART.title, "The beacon detector did not run; its section says why.");
    };
    let pairs = pairs(table)?;
    let Some(span_us) = span_us(&pairs) else {
        return canvas::nothing(CHART.title, "No pair of process and destination had enough connections.");
    };
    let inside = Canvas::inside();
    let bottom = inside.bottom - 22;
    let pitch = ((bottom - inside.top) / pairs.len() as i32).min(HIGHEST);
    let time = Axis::time(span_us, (inside.left, STARTS_RIGHT));
    let subtitle =
        "the most regular pairs; left: when connections began, right: time from one start to the next";
    canvas::picture(CHART.title, subtitle, |canvas| {
        for (pair, index) in pairs.iter().zip(0..) {
            let top = inside.top + index * pitch;
            let row = Area { top, bottom: top + pitch, ..inside };
            draw_pair(canvas, pair, subject.colours.get(pair.process()), &time, row)?;
        }
        let last = inside.top + pitch * pairs.len() as i32 - UNDER;
        let plot = Area { right: STARTS_RIGHT, bottom: last, ..inside };
        axis::draw_bottom(canvas, &time, plot, &axis::time_unit(span_us))
    })
}

impl Pair {
    /// The name before the arrow of the label, by which processes have their colours.
    fn process(&self) -> &str {
        self.label.split([' ', '→']).next().unwrap_or_default()
    }

    fn median_gap_s(&self) -> Option<f64> {
        let middle = self.gaps_s.len() / 2;
        match self.gaps_s.len() {
            0 => None,
            count if count % 2 == 1 => Some(self.gaps_s[middle]),
            _ => Some(f64::midpoint(self.gaps_s[middle - 1], self.gaps_s[middle])),
        }
    }
}

/// The pairs of the best ranks.
fn pairs(table: &DataFrame) -> Result<Vec<Pair>> {
    let ranks = table.column("rank")?.cast(&DataType::UInt32)?;
    let labels = table.column("label")?.str()?;
    let starts = table.column("start_us")?.i64()?;
    let gaps = table.column("gap_s")?.f64()?;
    let mut pairs: BTreeMap<u32, Pair> = BTreeMap::new();
    for (((rank, label), start_us), gap_s) in
        ranks.u32()?.iter().zip(labels.iter()).zip(starts.iter()).zip(gaps.iter())
    {
        let Some(rank) = rank else { continue };
        let new = || Pair { label: label.unwrap_or("unknown").to_owned(), starts_us: vec![], gaps_s: vec![] };
        let pair = pairs.entry(rank).or_insert_with(new);
        pair.starts_us.extend(start_us);
        pair.gaps_s.extend(gap_s.filter(|gap_s| gap_s.is_finite() && *gap_s >= 0.0));
    }
    let mut best: Vec<Pair> = pairs.into_values().take(MOST_PAIRS).collect();
    for pair in &mut best {
        pair.gaps_s.sort_by(f64::total_cmp);
    }
    Ok(best)
}

fn span_us(pairs: &[Pair]) -> Option<(i64, i64)> {
    let starts = || pairs.iter().flat_map(|pair| pair.starts_us.iter().copied());
    Some((starts().min()?, starts().max()?))
}

fn draw_pair(canvas: &Canvas<'_>, pair: &Pair, colour: RGBColor, time: &Axis, row: Area) -> Drawn {
    let plot = Area { top: row.top + ABOVE, bottom: row.bottom - UNDER, ..row };
    canvas.text((row.left, row.top + 8), Label::VALUE, &escape::shorten(&pair.label, NAME_CHARS))?;
    let mut columns: Vec<i32> = pair.starts_us.iter().map(|start_us| time.at(*start_us as f64)).collect();
    columns.sort_unstable();
    // Starts that share a pixel are one stroke: ten thousand would not look different.
    columns.dedup();
    for x in columns {
        canvas.fill(Area { left: x, top: plot.top, right: x + 2, bottom: plot.bottom - 2 }, colour)?;
    }
    canvas.line((row.left, plot.bottom), (STARTS_RIGHT, plot.bottom), AXIS)?;
    draw_gaps(canvas, pair, colour, Area { left: GAPS_LEFT, ..plot })
}

fn draw_gaps(canvas: &Canvas<'_>, pair: &Pair, colour: RGBColor, plot: Area) -> Drawn {
    let Some(median_s) = pair.median_gap_s() else { return Ok(()) };
    let title =
        format!("{} gaps, median {}", format::count(pair.gaps_s.len() as u64), format::seconds(median_s));
    canvas.text((plot.right, plot.top - ABOVE + 8), Label::PLAIN.right(), &title)?;
    let shown_s = (median_s * MEDIANS_SHOWN).max(1e-6);
    let bars = histogram(&pair.gaps_s, shown_s);
    let largest = bars.iter().copied().max().unwrap_or(0).max(1);
    let edge = |index: usize| plot.left + index as i32 * (plot.right - plot.left) / BARS as i32;
    for (index, count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (*count as f64 / largest as f64 * f64::from(plot.bottom - plot.top)).round() as i32;
        let top = plot.bottom - height.max(1);
        canvas
            .fill(Area { left: edge(index), top, right: edge(index + 1) - 1, bottom: plot.bottom }, colour)?;
    }
    canvas.line((plot.left, plot.bottom), (plot.right, plot.bottom), AXIS)?;
    canvas.text((plot.left, plot.bottom + 11), Label::SMALL, "0 s")?;
    let middle = i32::midpoint(plot.left, plot.right);
    canvas.text((middle, plot.bottom + 11), Label::SMALL.centre(), &format::seconds(median_s))?;
    canvas.text(
        (plot.right, plot.bottom + 11),
        Label::SMALL.right(),
        &format!("≥ {}", format::seconds(shown_s)),
    )
}

fn histogram(gaps_s: &[f64], shown_s: f64) -> [u64; BARS] {
    let mut bars = [0; BARS];
    for gap_s in gaps_s {
        // Half a bar is added so that the median lies in the middle of one.
        let index = (gap_s / shown_s * (BARS - 1) as f64 + 0.5) as usize;
        bars[index.min(BARS - 1)] += 1;
    }
    bars
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    #[test]
    fn the_best_pairs_are_drawn_whatever_the_order_of_rows() {
        let table = df!(
            "rank" => [6_u32, 1, 2, 3, 4, 5, 1],
            "label" => ["f", "a", "b", "c", "d", "e", "a"],
            "start_us" => [0_i64, 10, 0, 0, 0, 0, 5],
            "gap_s" => [None, Some(5.0), Some(f64::NAN), None, None, None, Some(4.0)],
        )
        .unwrap();
        let pairs = pairs(&table).unwrap();
        let labels: Vec<_> = pairs.iter().map(|pair| pair.label.as_str()).collect();
        assert_eq!(labels, ["a", "b", "c", "d"]);
        assert_eq!(pairs[0].median_gap_s(), Some(4.5));
        assert_eq!(pairs[1].median_gap_s(), None);
        assert_eq!(span_us(&pairs), Some((0, 10)));
    }

    #[test]
    fn long_gaps_are_in_the_last_bar() {
        let bars = histogram(&[0.0, 60.0, 60.0, 1e12], 120.0);
        assert_eq!((bars[0], bars[BARS / 2], bars[BARS - 1]), (1, 2, 1));
    }
}
