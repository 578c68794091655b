//! Groups of similar connections by bytes and duration, and the connections in no group.

use std::collections::BTreeSet;

use ahash::AHashSet;

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::{PLAIN, REST};
use super::scatter::{self, Disc, Scale};
use super::{Chart, Subject};
use crate::Result;
use crate::analyze::Analysis;
use crate::analyze::config;
use crate::analyze::detectors::clusters;
use crate::humanize;
use crate::model::frame::{DataFrame, Float64Type, UInt32Type, UInt64Type};
use crate::model::view::{Numbers, Words};
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "clusters",
    title: "Which groups of similar connections are there?",
    section: Section::Behavior,
    draw,
};

/// Room for tick labels on the left, and for the list on the right, in pixels.
const LABELS: i32 = 64;
const LIST: i32 = 320;
/// Maximum number of groups in the list, and the height of an entry, in pixels.
const MOST_LISTED: usize = 6;
const ENTRY: i32 = 47;
const LINE_CHARS: usize = 44;
const LINES: usize = 3;
/// Connections in no group are drawn once per field of this size in pixels, and at most this many of them.
const FIELD: i32 = 6;
const MOST_FIELDS: usize = 250;

/// A group with the medians of its connections; `None` where they were not counted.
struct Group<'a> {
    connections: u32,
    description: &'a str,
    bytes: Option<f64>,
    duration_s: f64,
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let analysis = subject.analysis;
    let Some(table) = analysis.detector_table(&clusters::CLUSTERS) else {
        return canvas::nothing(CHART.title, &subject.why_missing(&clusters::CLUSTERS));
    };
    let groups = groups(table)?;
    let ungrouped = ungrouped(analysis)?;
    if groups.is_empty() && ungrouped.is_empty() {
        return canvas::nothing(CHART.title, "No connections are similar.");
    }
    let plot = axis::plot(LABELS);
    let plot = Area { right: plot.right - LIST, ..plot };
    let (bytes, durations_s) = scales(&groups, &ungrouped, plot);
    let discs: Vec<Disc> = groups.iter().zip(1..).filter_map(|(group, number)| disc(group, number)).collect();
    let subtitle = format!(
        "{}, each placed at its medians and numbered by size; gray: {} in no group",
        humanize::plural(groups.len() as u64, "group"),
        humanize::plural(ungrouped.len() as u64, "connection")
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        draw_ungrouped(canvas, &ungrouped, &bytes.axis, &durations_s.axis)?;
        scatter::draw(canvas, plot, &discs, &bytes, &durations_s)?;
        draw_list(canvas, &groups, plot)
    })
}

fn scales<'a>(groups: &[Group<'_>], ungrouped: &[(f64, f64)], plot: Area) -> (Scale<'a>, Scale<'a>) {
    let of_groups = groups.iter().map(|group| (group.bytes.unwrap_or(0.0), group.duration_s));
    let (bytes, duration_s) = of_groups
        .chain(ungrouped.iter().copied())
        .fold((1.0_f64, 1.0_f64), |most, of_one| (most.0.max(of_one.0), most.1.max(of_one.1)));
    let bytes = Axis::amounts(bytes, (plot.left, plot.right), humanize::bytes);
    let times = Axis::amounts_of_time(millis(duration_s), (plot.bottom, plot.top));
    (Scale { axis: bytes, unit: "bytes sent and received" }, Scale { axis: times, unit: "time seen" })
}

/// In ms: the scale begins at 1, and connections are often shorter than a second.
fn millis(duration_s: f64) -> f64 {
    duration_s * 1e3
}

fn disc(group: &Group<'_>, number: usize) -> Option<Disc> {
    // The area grows with the number of digits, so that small groups are visible next to large ones.
    let radius = 6 + (f64::from(group.connections.max(1)).log10() * 3.0) as i32;
    Some(Disc {
        name: format!("#{number}"),
        x: group.bytes?,
        y: millis(group.duration_s),
        radius,
        colour: PLAIN,
    })
}

/// Draws one mark for all connections that share a field.
fn draw_ungrouped(canvas: &Canvas<'_>, ungrouped: &[(f64, f64)], bytes: &Axis, durations: &Axis) -> Drawn {
    let field = |(moved, duration_s): &(f64, f64)| {
        let at = (bytes.at_amount(*moved), durations.at_amount(millis(*duration_s)));
        (at.0 / FIELD * FIELD, at.1 / FIELD * FIELD)
    };
    let fields: BTreeSet<_> = ungrouped.iter().map(field).collect();
    for at in fields.into_iter().take(MOST_FIELDS) {
        canvas.disc(at, FIELD / 2, REST)?;
    }
    Ok(())
}

/// The largest groups as text, with the numbers of their discs.
fn draw_list(canvas: &Canvas<'_>, groups: &[Group<'_>], plot: Area) -> Drawn {
    let left = plot.right + 28;
    for ((group, number), index) in groups.iter().zip(1..).take(MOST_LISTED).zip(0..) {
        let y = plot.top + index * ENTRY;
        canvas.text((left, y), Label::VALUE, &format!("#{number}"))?;
        for (line, row) in in_lines(group.description).iter().zip(0..) {
            canvas.text((left + 26, y + row * 14), Label::SMALL, line)?;
        }
    }
    let more = groups.len().saturating_sub(MOST_LISTED) as u64;
    if more > 0 {
        let y = plot.top + MOST_LISTED as i32 * ENTRY;
        canvas.text((left + 26, y), Label::SMALL, &format!("and {} more", humanize::count(more)))?;
    }
    Ok(())
}

/// Breaks a text at spaces into at most [`LINES`] lines.
fn in_lines(text: &str) -> Vec<String> {
    let lines = config::wrap(&canvas::fit(text, LINES * LINE_CHARS), LINE_CHARS);
    lines.into_iter().take(LINES).map(|line| canvas::fit(&line, LINE_CHARS)).collect()
}

fn groups(table: &DataFrame) -> Result<Vec<Group<'_>>> {
    let connections = Numbers::<UInt32Type>::of(table, "connections")?;
    let descriptions = Words::of(table, "description")?;
    let sent = Numbers::<Float64Type>::of(table, "bytes_sent")?;
    let received = Numbers::<Float64Type>::of(table, "bytes_received")?;
    let durations_s = Numbers::<Float64Type>::of(table, "duration_s")?;
    let group = |row| Group {
        connections: connections.get(row).unwrap_or(0),
        description: descriptions.get(row).unwrap_or_default(),
        bytes: sent.get(row).zip(received.get(row)).map(|(sent, received)| sent + received),
        duration_s: durations_s.get(row).unwrap_or(0.0),
    };
    Ok((0..table.height()).map(group).collect())
}

/// Bytes and seconds of every connection in no group, if both are known.
fn ungrouped(analysis: &Analysis) -> Result<Vec<(f64, f64)>> {
    let Some(table) = analysis.detector_table(&clusters::ASSIGNMENTS) else { return Ok(Vec::new()) };
    let ids = Numbers::<UInt64Type>::of(table, "conn_id")?;
    let clusters = Numbers::<UInt32Type>::of(table, "cluster")?;
    let alone: AHashSet<u64> =
        (0..ids.len()).filter(|row| clusters.get(*row).is_none()).filter_map(|row| ids.get(row)).collect();
    let frame = &analysis.tables.connections;
    let ids = Numbers::<UInt64Type>::of(frame, "conn_id")?;
    let sent = Numbers::<UInt64Type>::of(frame, "bytes_sent")?;
    let received = Numbers::<UInt64Type>::of(frame, "bytes_received")?;
    let durations_s = Numbers::<Float64Type>::of(frame, "duration_s")?;
    let is_alone = |row: &usize| ids.get(*row).is_some_and(|id| alone.contains(&id));
    let point = |row| {
        let bytes = sent.get(row)? as f64 + received.get(row)? as f64;
        Some((bytes, durations_s.get(row)?))
    };
    Ok((0..ids.len()).filter(is_alone).filter_map(point).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_broken_between_words_and_no_line_is_too_long() {
        let lines = in_lines(
            "214 short outbound HTTPS connections of curl with 10.0.0.1, ~512 bytes out, ~20.2 kB in",
        );
        assert_eq!(
            lines,
            ["214 short outbound HTTPS connections of curl", "with 10.0.0.1, ~512 bytes out, ~20.2 kB in"]
        );
        assert_eq!(in_lines("short"), ["short"]);
        let long = in_lines(&"é".repeat(500));
        assert!(long.iter().all(|line| line.chars().count() <= LINE_CHARS) && long.len() <= LINES);
    }
}
