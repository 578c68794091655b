//! How anomalous the connections are, and the score above which they are reported.

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label, text_width};
use super::palette::{PLAIN, THRESHOLD};
use super::{Chart, Subject};
use crate::Result;
use crate::analyze::detectors::isolation_forest;
use crate::humanize;
use crate::model::frame::Float64Type;
use crate::model::view::Numbers;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "anomaly-scores",
    title: "How unusual are the connections?",
    section: Section::Anomalies,
    draw,
};

/// Bars of the histogram, from score 0 to 1.
const BARS: usize = 50;
/// Room for tick labels, in pixels.
const LABELS: i32 = 44;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let Some(table) = subject.analysis.detector_table(&isolation_forest::SCORES) else {
        return canvas::nothing(CHART.title, &subject.why_missing(&isolation_forest::SCORES));
    };
    let scores = Numbers::<Float64Type>::of(table, "score")?;
    let scores: Vec<f64> = (0..scores.len()).filter_map(|row| scores.get(row)).collect();
    if scores.is_empty() {
        return canvas::nothing(CHART.title, "No connection has an anomaly score.");
    }
    let threshold = threshold(subject);
    let bars = histogram(&scores);
    let plot = axis::plot(LABELS);
    let largest = bars.iter().copied().max().unwrap_or(0);
    let counts = Axis::amounts(largest as f64, (plot.bottom, plot.top), humanize::short_count);
    let score_axis = Axis::from_zero(1.0, (plot.left, plot.right), humanize::number);
    let subtitle = format!(
        "{}; the higher the score, the more unusual the connection; logarithmic counts",
        humanize::plural(scores.len() as u64, "connection")
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        axis::draw_left(canvas, &counts, plot, "connections")?;
        draw_bars(canvas, &bars, &counts, threshold, plot)?;
        axis::draw_bottom(canvas, &score_axis, plot, "anomaly score, 0 to 1")?;
        let above = |threshold| scores.iter().filter(|score| **score >= threshold).count() as u64;
        threshold.map_or(Ok(()), |threshold| {
            draw_threshold(canvas, threshold, above(threshold), score_axis.at(threshold), plot)
        })
    })
}

/// The score at which the detector starts to report.
fn threshold(subject: &Subject<'_>) -> Option<f64> {
    let run = subject.analysis.runs.iter().find(|run| run.about.id == isolation_forest::SCORES.detector)?;
    run.thresholds.get("min_score")?.as_float().filter(|score| (0.0..=1.0).contains(score))
}

fn draw_bars(
    canvas: &Canvas<'_>,
    bars: &[u64; BARS],
    counts: &Axis,
    threshold: Option<f64>,
    plot: Area,
) -> Drawn {
    let edge = |index: usize| plot.left + index as i32 * (plot.right - plot.left) / BARS as i32;
    for (index, count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
        let is_above = threshold.is_some_and(|threshold| (index as f64 + 0.5) / BARS as f64 >= threshold);
        let top = counts.at_amount(*count as f64).min(plot.bottom - 1);
        let area = Area { left: edge(index), top, right: edge(index + 1) - 2, bottom: plot.bottom };
        canvas.fill(area, if is_above { THRESHOLD } else { PLAIN })?;
    }
    Ok(())
}

fn draw_threshold(canvas: &Canvas<'_>, threshold: f64, above: u64, x: i32, plot: Area) -> Drawn {
    canvas.dashed((x, plot.top - 14), (x, plot.bottom), THRESHOLD)?;
    let text = format!("{} at or above {}", humanize::count(above), humanize::number(threshold));
    let label = Label::SMALL.coloured(THRESHOLD);
    let fits = x + 6 + text_width(&text, 11.0) < plot.right;
    let (x, label) = if fits { (x + 6, label) } else { (x - 6, label.right()) };
    canvas.text((x, plot.top - 10), label, &text)
}

fn histogram(scores: &[f64]) -> [u64; BARS] {
    let mut bars = [0; BARS];
    for score in scores.iter().filter(|score| score.is_finite()) {
        bars[((score.max(0.0) * BARS as f64) as usize).min(BARS - 1)] += 1;
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_is_in_one_bar() {
        let bars = histogram(&[0.0, 0.41, 0.41, 1.0, 7.0, f64::NAN]);
        assert_eq!((bars[0], bars[20], bars[BARS - 1]), (1, 2, 2));
        assert_eq!(bars.iter().sum::<u64>(), 5);
    }
}
