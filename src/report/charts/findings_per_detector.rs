//! What each detector found, by severity; and which could not look.

use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::{self, AXIS};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::detector::{Run, Status};
use crate::model::finding::Severity;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "findings-per-detector",
    title: "Which detectors found something?",
    section: Section::Security,
    draw,
};

/// Room for names on the left and for numbers on the right, in pixels.
const NAMES: i32 = 150;
const VALUES: i32 = 60;
/// Most rows and their largest distance, in pixels.
const MOST_ROWS: usize = 20;
const WIDEST_PITCH: i32 = 30;
/// Longest text beside a detector that did not run.
const REASON_CHARS: usize = 90;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let runs = &subject.analysis.runs;
    if runs.is_empty() {
        return canvas::nothing(CHART.title, "No detector was run.");
    }
    let largest = runs.iter().map(|run| run.output.findings.len()).max().unwrap_or(0).max(1);
    let rows = runs.len().min(MOST_ROWS);
    let inside = Canvas::inside();
    let pitch = ((inside.bottom - inside.top) / rows as i32).min(WIDEST_PITCH);
    let ran = runs.iter().filter(|run| run.status == Status::Ran).count();
    let subtitle = format!("{ran} of {} detectors ran; the others say why they did not", runs.len());
    let legend: Vec<_> =
        Severity::ALL.iter().map(|severity| (severity.as_str(), palette::of_severity(*severity))).collect();
    canvas::picture(CHART.title, &subtitle, |canvas| {
        canvas.legend(inside.right, &legend)?;
        for (run, index) in runs.iter().take(rows).zip(0..) {
            let top = inside.top + index * pitch;
            draw_row(canvas, run, largest, Area { top, bottom: top + pitch, ..inside })?;
        }
        let left = inside.left + NAMES;
        canvas.line((left, inside.top), (left, inside.top + rows as i32 * pitch), AXIS)
    })
}

fn draw_row(canvas: &Canvas<'_>, run: &Run, largest: usize, row: Area) -> Drawn {
    let (left, middle) = (row.left + NAMES, i32::midpoint(row.top, row.bottom));
    canvas.text((left - 10, middle), Label::VALUE.right(), run.about.id)?;
    let unable = match &run.status {
        Status::Ran => None,
        Status::Skipped(why) => Some(format!("skipped: {why}")),
        Status::Failed(why) => Some(format!("failed: {why}")),
    };
    if let Some(text) = unable {
        return canvas.text((left + 8, middle), Label::SMALL, &canvas::fit(&text, REASON_CHARS));
    }
    let width = f64::from(row.right - VALUES - left);
    let at = |findings: usize| left + (findings as f64 / largest as f64 * width).round() as i32;
    let half = ((row.bottom - row.top) * 7 / 20).min(9);
    let mut sum = 0;
    // The worst lie at the axis, where they are compared.
    for severity in Severity::ALL.into_iter().rev() {
        let count = run.output.findings.iter().filter(|f| f.judgement.severity == severity).count();
        if count > 0 {
            let bar =
                Area { left: at(sum), top: middle - half, right: at(sum + count), bottom: middle + half };
            canvas.fill(bar, palette::of_severity(severity))?;
        }
        sum += count;
    }
    canvas.text((at(sum) + 8, middle), Label::PLAIN, &humanize::count(sum as u64))
}
