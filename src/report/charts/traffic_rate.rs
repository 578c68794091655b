//! Payload rates sent and received, over time.

use super::buckets::Buckets;
use super::mirror::{Half, MOST_BUCKETS, Mirror};
use super::palette::{RECEIVED, SENT};
use super::{Chart, Subject, canvas};
use crate::Result;
use crate::humanize;
use crate::model::frame::UInt64Type;
use crate::model::view::Numbers;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "traffic-rate", title: "How fast was data transferred?", section: Section::Statistics, draw };

/// Room for tick labels, in pixels.
const LABELS: i32 = 68;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let tables = &subject.analysis.tables;
    let Some(buckets) = Buckets::new(tables, MOST_BUCKETS)? else {
        return canvas::nothing(CHART.title, "The recording has no duration.");
    };
    let half = |name, column, colour| -> Result<Half<'_>> {
        let numbers = Numbers::<UInt64Type>::of(&tables.time_bins, column)?;
        let sums = buckets.sums(|slice| numbers.get(slice));
        let per_s = |(bucket, sum)| sum as f64 / buckets.seconds(bucket);
        Ok(Half { name, values: sums.into_iter().enumerate().map(per_s).collect(), colour })
    };
    let mirror = Mirror {
        buckets: &buckets,
        up: half("sent", "bytes_sent", SENT)?,
        down: half("received", "bytes_received", RECEIVED)?,
        unit: "bytes/s",
        tick_text: humanize::bytes_per_s,
    };
    if mirror.largest() <= 0.0 {
        return canvas::nothing(CHART.title, "No payload bytes were counted during the recording.");
    }
    let subtitle = format!(
        "payload of all connections with byte counts; mean over each {}, peak {}",
        humanize::seconds(buckets.seconds(0)),
        humanize::bytes_per_s(mirror.largest())
    );
    canvas::picture(CHART.title, &subtitle, |canvas| mirror.draw(canvas, LABELS))
}
