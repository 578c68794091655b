//! The processes with the most connections.

use super::bars::{self, Values};
use super::canvas::{self, Canvas};
use super::{Chart, Subject, palette};
use crate::Result;
use crate::humanize;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "top-processes", title: "Who has the most connections?", section: Section::Dashboard, draw };

fn draw(subject: &Subject<'_>) -> Result<String> {
    let overview = &subject.analysis.metrics.overview;
    let total: u64 = overview.top_processes.iter().map(|share| share.connections).sum();
    if total == 0 {
        return canvas::nothing(CHART.title, "The capture has no connections.");
    }
    if overview.processes == 0 {
        return by_host(subject);
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

/// By local address where no process is known, as in a capture of a network.
fn by_host(subject: &Subject<'_>) -> Result<String> {
    let shares = bars::hosts(&subject.analysis.tables, |share| share.connections)?;
    let total: u64 = shares.iter().map(|share| share.connections).sum();
    let rows = bars::counted(&bars::first(&shares), total, palette::of_anything);
    let subtitle = format!(
        "{} of {}, by local address; no process is known",
        humanize::plural(total, "connection"),
        humanize::plural(shares.len() as u64, "host")
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        bars::draw(canvas, Canvas::inside(), &rows, Values::AtEnd)
    })
}
