//! Which processes had the most connections.

use super::bars::{self, Values};
use super::canvas::{self, Canvas};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "top-processes", title: "Connections per process", section: Section::Dashboard, draw };

fn draw(subject: &Subject<'_>) -> Result<String> {
    let overview = &subject.analysis.metrics.overview;
    let total: u64 = overview.top_processes.iter().map(|share| share.connections).sum();
    if total == 0 {
        return canvas::nothing(CHART.title, "The capture has no connections.");
    }
    let rows = bars::counted(&overview.top_processes, total, |name| subject.colours.get(name));
    let subtitle = format!(
        "{} connections of {} processes, by process name",
        humanize::count(total),
        humanize::count(overview.processes)
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        bars::draw(canvas, Canvas::inside(), &rows, Values::AtEnd)
    })
}
