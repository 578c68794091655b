//! The remote addresses with the most connections.

use super::bars::{self, Values};
use super::canvas::{self, Canvas};
use super::{Chart, Subject, palette};
use crate::Result;
use crate::humanize;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "top-endpoints",
    title: "Which remote addresses have the most connections?",
    section: Section::Dashboard,
    draw,
};

fn draw(subject: &Subject<'_>) -> Result<String> {
    let overview = &subject.analysis.metrics.overview;
    let total: u64 = overview.top_endpoints.iter().map(|share| share.connections).sum();
    if total == 0 {
        return canvas::nothing(CHART.title, "The capture has no connections.");
    }
    let rows = bars::counted(&overview.top_endpoints, total, palette::of_anything);
    let subtitle = format!(
        "{} connections to {}",
        humanize::count(total),
        if overview.endpoints == 1 {
            "1 address".to_owned()
        } else {
            format!("{} addresses", humanize::count(overview.endpoints))
        }
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        bars::draw(canvas, Canvas::inside(), &rows, Values::AtEnd)
    })
}
