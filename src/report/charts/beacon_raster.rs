//! The most periodic pairs: a stroke for every connection.

use std::collections::BTreeMap;

use super::lanes::{self, Lane};
use super::{Chart, Subject, canvas};
use crate::Result;
use crate::analyze::detectors::beacon;
use crate::humanize;
use crate::model::frame::{DataFrame, Int64Type, UInt32Type};
use crate::model::view::{Numbers, Words};
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "beacon-raster",
    title: "When did the periodic connections start?",
    section: Section::Behavior,
    draw,
};

/// A pair of process and destination.
struct Pair<'a> {
    label: &'a str,
    starts_us: Vec<i64>,
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let Some(table) = subject.analysis.detector_table(&beacon::INTERVALS) else {
        return canvas::nothing(CHART.title, &subject.why_missing(&beacon::INTERVALS));
    };
    let lanes = lanes(subject, table)?;
    if lanes.is_empty() {
        return canvas::nothing(
            CHART.title,
            "No pair of a process and a destination had enough \
            connections.",
        );
    }
    let subtitle = "one line per connection start; the most regular pairs first, whether reported or not";
    let span_us = subject.analysis.tables.span_us;
    canvas::picture(CHART.title, subtitle, |canvas| lanes::draw(canvas, span_us, &lanes))
}

/// A row per pair, by rank.
fn lanes(subject: &Subject<'_>, table: &DataFrame) -> Result<Vec<Lane>> {
    let ranks = Numbers::<UInt32Type>::of(table, "rank")?;
    let labels = Words::of(table, "label")?;
    let starts = Numbers::<Int64Type>::of(table, "start_us")?;
    let mut pairs: BTreeMap<u32, Pair<'_>> = BTreeMap::new();
    for row in 0..table.height() {
        if let (Some(rank), Some(start_us)) = (ranks.get(row), starts.get(row)) {
            let label = labels.get(row).unwrap_or("unknown");
            pairs.entry(rank).or_insert(Pair { label, starts_us: Vec::new() }).starts_us.push(start_us);
        }
    }
    let lane = |pair: Pair<'_>| Lane {
        name: pair.label.to_owned(),
        text: humanize::plural(pair.starts_us.len() as u64, "start"),
        // Labels begin with the process, which determines the color.
        colour: subject.colours.get(pair.label.split(" →").next().unwrap_or_default()),
        spans_us: pair.starts_us.into_iter().map(|start_us| (start_us, start_us)).collect(),
    };
    Ok(pairs.into_values().map(lane).collect())
}
