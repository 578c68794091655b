//! The findings of each detector by severity, and the detectors that were skipped.

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
/// Maximum distance of rows, in pixels.
const WIDEST_PITCH: i32 = 30;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let runs = &subject.analysis.runs;
    if runs.is_empty() {
        return canvas::nothing(CHART.title, "No detector was run.");
    }
    let found: Vec<&Run> = runs.iter().filter(|run| !run.output.findings.is_empty()).collect();
    if found.is_empty() {
        return canvas::nothing(CHART.title, &format!("None: {}", others(runs)));
    }
    let largest = found.iter().map(|run| run.output.findings.len()).max().unwrap_or(0).max(1);
    let inside = Canvas::inside();
    let pitch = ((inside.bottom - inside.top) / found.len() as i32).min(WIDEST_PITCH);
    let subtitle =
        format!("{} of {}; {}", found.len(), humanize::plural(runs.len() as u64, "detector"), others(runs));
    let legend: Vec<_> =
        Severity::ALL.iter().map(|severity| (severity.as_str(), palette::of_severity(*severity))).collect();
    canvas::picture(CHART.title, &subtitle, |canvas| {
        canvas.legend(inside.right, &legend)?;
        for (run, index) in found.iter().zip(0..) {
            let top = inside.top + index * pitch;
            draw_row(canvas, run, largest, Area { top, bottom: top + pitch, ..inside })?;
        }
        let left = inside.left + NAMES;
        canvas.line((left, inside.top), (left, inside.top + found.len() as i32 * pitch), AXIS)
    })
}

/// The detectors without findings: `12 ran without findings, skipped: geo, sigma`.
fn others(runs: &[Run]) -> String {
    let ids = |is: fn(&Status) -> bool| {
        runs.iter().filter(|run| is(&run.status)).map(|run| run.about.id).collect::<Vec<_>>().join(", ")
    };
    let quiet = runs.iter().filter(|run| run.status == Status::Ran && run.output.findings.is_empty()).count();
    let mut said = vec![format!("{quiet} ran without findings")];
    let of = [
        ("skipped", ids(|status| matches!(status, Status::Skipped(_)))),
        ("failed", ids(|status| matches!(status, Status::Failed(_)))),
    ];
    said.extend(
        of.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(what, ids)| format!("{what}: {ids}")),
    );
    said.join(", ")
}

fn draw_row(canvas: &Canvas<'_>, run: &Run, largest: usize, row: Area) -> Drawn {
    let (left, middle) = (row.left + NAMES, i32::midpoint(row.top, row.bottom));
    canvas.text((left - 10, middle), Label::VALUE.right(), run.about.id)?;
    let width = f64::from(row.right - VALUES - left);
    let at = |findings: usize| left + (findings as f64 / largest as f64 * width).round() as i32;
    let half = ((row.bottom - row.top) * 7 / 20).min(9);
    let mut sum = 0;
    // The worst severities start at the axis, where they can be compared.
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
