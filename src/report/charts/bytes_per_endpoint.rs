//! The remote addresses with the most bytes, by direction.

use super::bytes_per_process::subtitle;
use super::{Chart, Subject};
use super::{bars, canvas};
use crate::Result;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "bytes-per-endpoint",
    title: "Which remote addresses exchanged the most bytes?",
    section: Section::Bandwidth,
    draw,
};

fn draw(subject: &Subject<'_>) -> Result<String> {
    let bandwidth = &subject.analysis.metrics.bandwidth;
    let rows = bars::moved(&bandwidth.by_endpoint);
    if rows.is_empty() {
        return canvas::nothing(CHART.title, "No payload bytes were counted during the recording.");
    }
    canvas::picture(CHART.title, &subtitle(bandwidth), |canvas| bars::draw_moved(canvas, &rows))
}
