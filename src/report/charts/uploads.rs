//! Bytes sent to each address against bytes received from it.

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::{AXIS, PLAIN, THRESHOLD};
use super::scatter::{self, Disc, Scale};
use super::{Chart, Subject};
use crate::Result;
use crate::analyze::detectors::exfiltration;
use crate::humanize;
use crate::model::frame::{DataFrame, UInt64Type};
use crate::model::view::{Flags, Numbers, Words};
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "uploads", title: "Who sent more than they received?", section: Section::Bandwidth, draw };

/// Room for tick labels, in pixels.
const LABELS: i32 = 60;
const RADIUS: i32 = 6;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let Some(table) = subject.analysis.detector_table(&exfiltration::UPLOADS) else {
        return canvas::nothing(CHART.title, &subject.why_missing(&exfiltration::UPLOADS));
    };
    let discs = discs(table)?;
    if discs.is_empty() {
        return canvas::nothing(CHART.title, "Nothing was sent outside the local networks.");
    }
    let plot = axis::plot(LABELS);
    let largest = discs.iter().map(|disc| disc.x.max(disc.y)).fold(0.0, f64::max);
    // Both axes share one range, so that equal amounts are on the diagonal.
    let x =
        Scale { axis: Axis::amounts(largest, (plot.left, plot.right), humanize::bytes), unit: "received" };
    let y = Scale { axis: Axis::amounts(largest, (plot.bottom, plot.top), humanize::bytes), unit: "sent" };
    let subtitle = "one dot per process and address; above the line, more was sent than received";
    canvas::picture(CHART.title, subtitle, |canvas| {
        canvas.legend(plot.right, &[("other", PLAIN), ("reported by exfiltration", THRESHOLD)])?;
        draw_diagonal(canvas, plot)?;
        scatter::draw(canvas, plot, &discs, &x, &y)
    })
}

fn draw_diagonal(canvas: &Canvas<'_>, plot: Area) -> Drawn {
    canvas.dashed((plot.left, plot.bottom), (plot.right, plot.top), AXIS)?;
    canvas.text((plot.right, plot.top - 8), Label::SMALL.right(), "sent = received")
}

/// Addresses with findings first, then by bytes sent.
fn discs(table: &DataFrame) -> Result<Vec<Disc>> {
    let (sources, addrs) = (Words::of(table, "source")?, Words::of(table, "remote_addr")?);
    let sent = Numbers::<UInt64Type>::of(table, "sent")?;
    let received = Numbers::<UInt64Type>::of(table, "received")?;
    let found = Flags::of(table, "found")?;
    let mut rows: Vec<usize> = (0..table.height()).collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(found.get(*row)), std::cmp::Reverse(sent.get(*row)), *row));
    let disc = |row: usize| Disc {
        name: format!("{} → {}", sources.get(row).unwrap_or("unknown"), addrs.get(row).unwrap_or("unknown")),
        x: received.get(row).unwrap_or(0) as f64,
        y: sent.get(row).unwrap_or(0) as f64,
        radius: RADIUS,
        colour: if found.get(row) == Some(true) { THRESHOLD } else { PLAIN },
    };
    Ok(rows.into_iter().take(scatter::MOST_DISCS).map(disc).collect())
}
