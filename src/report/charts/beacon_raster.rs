//! The most periodic pairs: a stroke for every connection.

use std::collections::BTreeMap;

use polars::prelude::{DataFrame, DataType};

use super::lanes::{self, Lane};
use super::{Chart, Subject, canvas};
use crate::Result;
use crate::analyze::detectors::beacon;
use crate::humanize;
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
    let ranks = table.column("rank")?.cast(&DataType::UInt32)?;
    let labels = table.column("label")?.str()?.iter();
    let starts = table.column("start_us")?.i64()?.iter();
    let mut pairs: BTreeMap<u32, Pair<'_>> = BTreeMap::new();
    for ((rank, label), start_us) in ranks.u32()?.iter().zip(labels).zip(starts) {
        if let (Some(rank), Some(start_us)) = (rank, start_us) {
            let label = label.unwrap_or("unknown");
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
