//! CPU use of the busiest processes over time.

use super::load::Load;
use super::{Chart, Subject, per_process};
use crate::Result;
use crate::humanize;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "cpu", title: "Which processes used the CPU?", section: Section::Trends, draw };

fn draw(subject: &Subject<'_>) -> Result<String> {
    let load = Load {
        chart: &CHART,
        series: per_process::cpu,
        unknown: "The capture has no CPU use of any process, or all of them were idle.",
        unit: "% of one core",
        text: |percent| format!("{} %", humanize::number(percent)),
    };
    load.draw(subject)
}
