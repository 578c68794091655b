//! TCP sockets by their last observed state.

use super::bars::{self, Values};
use super::canvas::{self, Canvas};
use super::{Chart, Subject, palette};
use crate::Result;
use crate::humanize;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "states",
    title: "In which TCP states were connections last seen?",
    section: Section::Tcp,
    draw,
};

fn draw(subject: &Subject<'_>) -> Result<String> {
    let states = &subject.analysis.metrics.overview.by_state;
    let total: u64 = states.iter().map(|state| state.connections).sum();
    if total == 0 {
        return canvas::nothing(CHART.title, "The capture has no TCP sockets.");
    }
    let rows = bars::counted(states, total, palette::of_state);
    let subtitle =
        format!("{} TCP sockets by the state in which they were last seen", humanize::count(total));
    canvas::picture(CHART.title, &subtitle, |canvas| {
        bars::draw(canvas, Canvas::inside(), &rows, Values::AtEnd)
    })
}
