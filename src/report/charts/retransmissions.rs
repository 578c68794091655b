//! Retransmitted segments, over time.

use super::axis::{self, Axis};
use super::buckets::Buckets;
use super::canvas::{self, Area};
use super::mirror::MOST_BUCKETS;
use super::palette::RETRANSMITTED;
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::frame::UInt64Type;
use crate::model::metrics::Tcp;
use crate::model::view::Numbers;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "retransmissions", title: "When were segments retransmitted?", section: Section::Tcp, draw };

/// Room for tick labels, in pixels.
const LABELS: i32 = 40;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let tables = &subject.analysis.tables;
    let Some(buckets) = Buckets::new(tables, MOST_BUCKETS)? else {
        return canvas::nothing(CHART.title, "The recording has no duration.");
    };
    let numbers = Numbers::<UInt64Type>::of(&tables.time_bins, "retransmits")?;
    let counts = buckets.sums(|slice| numbers.get(slice));
    let largest = counts.iter().copied().max().unwrap_or(0);
    if largest == 0 {
        return canvas::nothing(CHART.title, "No retransmitted segment was counted.");
    }
    let plot = axis::plot(LABELS);
    let time = Axis::time(buckets.span_us(), (plot.left, plot.right));
    let axis = Axis::counts(largest, (plot.bottom, plot.top));
    canvas::picture(CHART.title, &subtitle(&subject.analysis.metrics.tcp, &buckets), |canvas| {
        axis::draw_left(canvas, &axis, plot, "segments")?;
        for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let left = time.at(buckets.start_us(bucket) as f64);
            let right = time.at(buckets.start_us(bucket + 1) as f64);
            let right = if right - left > 4 { right - 1 } else { right };
            let top = axis.at(*count as f64).min(plot.bottom - 1);
            canvas.fill(Area { left, top, right, bottom: plot.bottom }, RETRANSMITTED)?;
        }
        axis::draw_bottom(canvas, &time, plot, &axis::time_unit(buckets.span_us()))
    })
}

fn subtitle(tcp: &Tcp, buckets: &Buckets) -> String {
    let rate = tcp.retransmission_rate.map_or_else(String::new, |rate| {
        format!(
            "; {} of all segments sent over the lifetime of the connections",
            humanize::ratio_percent(rate)
        )
    });
    format!(
        "{} during the recording; each bar is {}{rate}",
        humanize::plural(tcp.retransmits, "segment"),
        humanize::seconds(buckets.seconds(0))
    )
}
