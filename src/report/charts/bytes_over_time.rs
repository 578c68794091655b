//! Throughput of the busiest processes as lines: sent above, received below.

use super::axis::Axis;
use super::buckets::Buckets;
use super::canvas::{self, Area};
use super::lines::{self, Line};
use super::per_process::{self, Series};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "bytes-over-time",
    title: "When did the busiest processes transfer data?",
    section: Section::Bandwidth,
    draw,
};

/// Processes with a line.
const MOST_LINES: usize = 3;
/// Room for tick labels, and between the two plots, in pixels.
const LABELS: i32 = 68;
const BETWEEN: i32 = 40;
/// Height of a legend's heading, in pixels.
const HEADING: i32 = 4;

fn draw(subject: &Subject<'_>) -> Result<String> {
    if let Some(why) = subject.why_no_process() {
        return canvas::nothing(CHART.title, why);
    }
    let tables = &subject.analysis.tables;
    let Some(buckets) = Buckets::new(tables, lines::MOST_BUCKETS)? else {
        return canvas::nothing(CHART.title, "The recording has no duration.");
    };
    let lines_of = |column| -> Result<Vec<Line>> {
        let mut series = per_process::bytes(tables, &buckets, column, MOST_LINES)?;
        series.truncate(MOST_LINES);
        Ok(series.iter().map(|series| line(subject, &buckets, series)).collect())
    };
    let (sent, received) = (lines_of("bytes_sent")?, lines_of("bytes_received")?);
    if sent.is_empty() && received.is_empty() {
        return canvas::nothing(CHART.title, "No payload bytes were counted during the recording.");
    }
    let plot = lines::plot(LABELS);
    let middle = i32::midpoint(plot.top, plot.bottom);
    let upper = Area { bottom: middle - BETWEEN / 2, ..plot };
    let lower = Area { top: middle + BETWEEN / 2, ..plot };
    let subtitle = format!(
        "payload per second, mean over each {}; the {MOST_LINES} busiest in each direction",
        humanize::seconds(buckets.seconds(0))
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        for (lines, plot, unit) in [(&sent, upper, "sent, bytes/s"), (&received, lower, "received, bytes/s")]
        {
            let values: Vec<f64> =
                lines.iter().flat_map(|line| line.values.iter().flatten().copied()).collect();
            let rate = Axis::for_values(&values, (plot.bottom, plot.top), humanize::bytes_per_s);
            lines::draw(canvas, plot, &buckets, lines, (&rate, unit))?;
            lines::draw_legend(canvas, plot.top + HEADING, lines)?;
        }
        lines::draw_time(canvas, plot, &buckets)
    })
}

fn line(subject: &Subject<'_>, buckets: &Buckets, series: &Series) -> Line {
    let per_s = |(bucket, cell): (usize, &per_process::Cell)| Some(cell.sum / buckets.seconds(bucket));
    Line {
        name: series.name.clone(),
        note: format!("{} in all", humanize::bytes(series.total())),
        colour: subject.colours.get(&series.name),
        values: series.cells.iter().enumerate().map(per_s).collect(),
    }
}
