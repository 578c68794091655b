//! Bytes sent by each process over time.

use super::{Chart, Subject, bytes_heatmap};
use crate::Result;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "sent-heatmap", title: "Who sent data, and when?", section: Section::Bandwidth, draw };

fn draw(subject: &Subject<'_>) -> Result<String> {
    bytes_heatmap::draw(subject, &CHART, "bytes_sent")
}
