//! Memory of the largest processes over time.

use super::load::Load;
use super::{Chart, Subject, per_process};
use crate::Result;
use crate::humanize;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "memory", title: "Which processes used the most memory?", section: Section::Trends, draw };

fn draw(subject: &Subject<'_>) -> Result<String> {
    let load = Load {
        chart: &CHART,
        series: per_process::memory,
        unknown: "The capture has no memory use of any process.",
        unit: "resident memory",
        text: humanize::bytes,
    };
    load.draw(subject)
}
