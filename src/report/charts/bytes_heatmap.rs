//! What `sent_heatmap` and `received_heatmap` share.

use super::heat::{self, Row};
use super::{Chart, Subject, canvas};
use super::{buckets::Buckets, per_process};
use crate::Result;
use crate::humanize;

/// Draws how much each process moved over time, in the direction that `column` holds.
pub(super) fn draw(subject: &Subject<'_>, chart: &Chart, column: &str) -> Result<String> {
    if let Some(why) = subject.why_no_process() {
        return canvas::nothing(chart.title, why);
    }
    let tables = &subject.analysis.tables;
    let Some(buckets) = Buckets::new(tables, heat::MOST_COLUMNS)? else {
        return canvas::nothing(chart.title, "The recording has no duration.");
    };
    // Two rows are reserved for the other processes and for unknown ones.
    let series = per_process::bytes(tables, &buckets, column, heat::MOST_ROWS - 2)?;
    if series.is_empty() {
        return canvas::nothing(chart.title, "No payload bytes were counted in this direction.");
    }
    let rows: Vec<Row> = series
        .into_iter()
        .map(|series| {
            let per_s = |(bucket, cell): (usize, &per_process::Cell)| cell.sum / buckets.seconds(bucket);
            Row { values: series.cells.iter().enumerate().map(per_s).collect(), name: series.name }
        })
        .collect();
    let subtitle = format!(
        "payload per second, mean over each {}; logarithmic colors, blank: nothing",
        humanize::seconds(buckets.seconds(0))
    );
    canvas::picture(chart.title, &subtitle, |canvas| {
        heat::draw(canvas, &buckets, &rows, humanize::bytes_per_s)
    })
}
