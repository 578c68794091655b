//! Bytes received by each process over time.

use super::{Chart, Subject, bytes_heatmap};
use crate::Result;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "received-heatmap",
    title: "Who received data, and when?",
    section: Section::Bandwidth,
    draw,
};

fn draw(subject: &Subject<'_>) -> Result<String> {
    bytes_heatmap::draw(subject, &CHART, "bytes_received")
}
