//! The findings over time: each a bar from its first to its last moment, by severity.

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label, text_width};
use super::palette::{self, GRID};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::finding::{Finding, Severity};
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "findings-timeline",
    title: "When did the findings occur?",
    section: Section::Security,
    draw,
};

/// Room for the names of the severities, in pixels.
const LABELS: i32 = 104;
/// Height of a line of bars, and of a bar, in pixels.
const LINE: i32 = 14;
const BAR: i32 = 8;
/// Maximum height of a severity's lane, in pixels.
const HIGHEST: i32 = 104;
/// Space between a bar and its text, and between that and the next bar, in pixels.
const GAP: i32 = 6;
const TEXT_SIZE: f64 = 11.0;
/// Maximum number of findings drawn per severity; the page and the tables have all.
const MOST_DRAWN: usize = 150;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let findings = subject.analysis.findings();
    if findings.is_empty() {
        return canvas::nothing(CHART.title, "No detector that ran found anything.");
    }
    let plot = axis::plot(LABELS);
    let span_us = span_us(subject, &findings);
    let time = Axis::time(span_us, (plot.left, plot.right));
    let of = |severity: Severity| -> Vec<&Finding> {
        findings.iter().copied().filter(|finding| finding.judgement.severity == severity).collect()
    };
    let lanes: Vec<(Severity, Vec<&Finding>)> = Severity::ALL
        .into_iter()
        .rev()
        .map(|severity| (severity, of(severity)))
        .filter(|(_, findings)| !findings.is_empty())
        .collect();
    let pitch = ((plot.bottom - plot.top) / lanes.len().max(1) as i32).min(HIGHEST);
    let plot = Area { bottom: plot.top + pitch * lanes.len() as i32, ..plot };
    let subtitle = format!(
        "{}, from the first to the last moment of their evidence",
        humanize::plural(findings.len() as u64, "finding")
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        for ((severity, findings), index) in lanes.iter().zip(0..) {
            let top = plot.top + index * pitch;
            draw_lane(canvas, *severity, findings, &time, Area { top, bottom: top + pitch, ..plot })?;
        }
        axis::draw_bottom(canvas, &time, plot, &axis::time_unit(span_us))
    })
}

/// The time range of the recording, extended to findings outside it, which a hostile capture may have.
fn span_us(subject: &Subject<'_>, findings: &[&Finding]) -> (i64, i64) {
    let spans = || findings.iter().map(|finding| finding.evidence.span_us);
    let recording = subject.analysis.tables.span_us;
    let first = spans().map(|(first, _)| first).fold(recording.0, i64::min);
    let last = spans().map(|(_, last)| last).fold(recording.1, i64::max);
    (first, last)
}

fn draw_lane(
    canvas: &Canvas<'_>,
    severity: Severity,
    findings: &[&Finding],
    time: &Axis,
    lane: Area,
) -> Drawn {
    canvas.line((lane.left, lane.top), (lane.right, lane.top), GRID)?;
    let middle = i32::midpoint(lane.top, lane.bottom);
    let label = Label::VALUE.right();
    canvas.text((lane.left - 12, middle - 7), label, severity.as_str())?;
    canvas.text(
        (lane.left - 12, middle + 8),
        Label::SMALL.right(),
        &humanize::count(findings.len() as u64),
    )?;
    let lines = ((lane.bottom - lane.top - 4) / LINE).max(1) as usize;
    let mut bars: Vec<Bar<'_>> = findings.iter().take(MOST_DRAWN).map(|f| Bar::new(f, time)).collect();
    bars.sort_by_key(|bar| (bar.left, bar.right));
    let mut ends = vec![i32::MIN; lines];
    for bar in bars {
        let (row, label) = bar.layout(&mut ends, lane.right);
        let top = lane.top + 4 + row as i32 * LINE;
        let area = Area { left: bar.left, top, right: bar.right, bottom: top + BAR };
        canvas.fill(area, palette::of_severity(severity))?;
        match label {
            LabelPosition::Beside => {
                canvas.text((bar.right + GAP, top + BAR / 2), Label::SMALL, bar.detector)?;
            }
            LabelPosition::Inside => {
                let left = bar.left + 3 * GAP;
                let right = left + bar.text_width() + GAP;
                canvas.fill(Area { left, top: top - 2, right, bottom: top + BAR + 2 }, palette::PAPER)?;
                canvas.text((left + GAP / 2, top + BAR / 2), Label::SMALL, bar.detector)?;
            }
            LabelPosition::Nowhere => {}
        }
    }
    Ok(())
}

/// A finding on the page.
struct Bar<'a> {
    left: i32,
    right: i32,
    detector: &'a str,
}

impl<'a> Bar<'a> {
    fn new(finding: &'a Finding, time: &Axis) -> Self {
        let (first_us, last_us) = finding.evidence.span_us;
        let left = time.at(first_us as f64);
        // A single moment is drawn wide enough to be visible.
        Self { left, right: time.at(last_us as f64).max(left + 4), detector: finding.about.id }
    }

    fn text_width(&self) -> i32 {
        text_width(self.detector, TEXT_SIZE)
    }

    /// The line in which the bar fits, and where its text is drawn; if nothing is free, it overlaps
    /// others in the last line.
    fn layout(&self, ends: &mut [i32], right: i32) -> (usize, LabelPosition) {
        let free = |ends: &[i32]| ends.iter().position(|end| *end < self.left);
        let Some(line) = free(ends) else { return (ends.len() - 1, LabelPosition::Nowhere) };
        let end_of_text = self.right + GAP + self.text_width();
        let label = if end_of_text <= right {
            LabelPosition::Beside
        } else if self.right - self.left >= self.text_width() + 8 * GAP {
            LabelPosition::Inside
        } else {
            LabelPosition::Nowhere
        };
        ends[line] = if label == LabelPosition::Beside { end_of_text + GAP } else { self.right + GAP };
        (line, label)
    }
}

/// Where the text of a bar is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LabelPosition {
    Beside,
    /// In a gap of the bar.
    Inside,
    Nowhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(left: i32, right: i32) -> Bar<'static> {
        Bar { left, right, detector: "beacon" }
    }

    #[test]
    fn bars_that_meet_lie_in_lines_of_their_own_as_long_as_there_are_some() {
        let mut ends = [i32::MIN; 2];
        assert_eq!(bar(0, 100).layout(&mut ends, 900), (0, LabelPosition::Beside));
        assert_eq!(bar(50, 60).layout(&mut ends, 900), (1, LabelPosition::Beside));
        assert_eq!(bar(55, 60).layout(&mut ends, 900), (1, LabelPosition::Nowhere));
        assert_eq!(bar(300, 895).layout(&mut ends, 900), (0, LabelPosition::Inside));
        assert_eq!(bar(880, 895).layout(&mut ends, 900), (1, LabelPosition::Nowhere));
    }
}
