//! Groups of similar connections: how much they move and how long they last, and what is in none.

use std::collections::BTreeSet;

use ahash::AHashSet;
use polars::prelude::{DataFrame, Float64Type, UInt32Type, UInt64Type};

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::REST;
use super::scatter::{self, Disc, Scale};
use super::{Chart, Subject};
use crate::Result;
use crate::analyze::Analysis;
use crate::analyze::detectors::clusters;
use crate::humanize;
use crate::model::view::{Numbers, Words};
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "clusters", title: "Which connections are alike?", section: Section::Behavior, draw };

/// Room for tick labels on the left, and for the list on the right, in pixels.
const LABELS: i32 = 64;
const LIST: i32 = 320;
/// Groups that have room in the list, and the height of one, in pixels.
const MOST_LISTED: usize = 8;
const ENTRY: i32 = 34;
const LINE_CHARS: usize = 44;
/// Connections in no group are drawn once per field of so many pixels, and at most so many.
const FIELD: i32 = 6;
const MOST_FIELDS: usize = 250;

/// A group, with the medians of its connections; none where they were not counted.
struct Group<'a> {
    connections: u32,
    description: &'a str,
    process: &'a str,
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
        return canvas::nothing(CHART.title, "No connections are alike.");
    }
    let plot = axis::plot(LABELS);
    let plot = Area { right: plot.right - LIST, ..plot };
    let (bytes, durations_s) = scales(&groups, &ungrouped, plot);
    let discs: Vec<Disc> =
        groups.iter().zip(1..).filter_map(|(group, number)| disc(subject, group, number)).collect();
    let subtitle = format!(
        "{}, a disc at the medians of each; grey: {} in none",
        humanize::plural(groups.len() as u64, "group"),
        humanize::plural(ungrouped.len() as u64, "connection")
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        draw_ungrouped(canvas, &ungrouped, &bytes.axis, &durations_s.axis)?;
        scatter::draw(canvas, plot, &discs, &bytes, &durations_s)?;
        draw_list(canvas, subject, &groups, plot)
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

/// The scale of amounts begins at 1, and connections are often shorter than a second.
fn millis(duration_s: f64) -> f64 {
    duration_s * 1e3
}

fn disc(subject: &Subject<'_>, group: &Group<'_>, number: usize) -> Option<Disc> {
    // The area grows with the number of digits, so that the small ones are seen beside the large.
    let radius = 6 + (f64::from(group.connections.max(1)).log10() * 3.0) as i32;
    Some(Disc {
        name: format!("#{number}"),
        x: group.bytes?,
        y: millis(group.duration_s),
        radius,
        colour: subject.colours.get(group.process),
    })
}

/// Once for all that fall together.
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

/// The largest groups in words, with the numbers of their discs.
fn draw_list(canvas: &Canvas<'_>, subject: &Subject<'_>, groups: &[Group<'_>], plot: Area) -> Drawn {
    let left = plot.right + 28;
    for ((group, number), index) in groups.iter().zip(1..).take(MOST_LISTED).zip(0..) {
        let y = plot.top + index * ENTRY;
        canvas.disc((left, y), 6, subject.colours.get(group.process))?;
        let text = format!("#{number}  {}", group.description);
        let (first, second) = in_two_lines(&canvas::fit(&text, 2 * LINE_CHARS - 4));
        canvas.text((left + 14, y), Label::SMALL, &first)?;
        canvas.text((left + 14, y + 14), Label::SMALL, &second)?;
    }
    let more = groups.len().saturating_sub(MOST_LISTED) as u64;
    if more > 0 {
        let y = plot.top + MOST_LISTED as i32 * ENTRY;
        canvas.text((left + 14, y), Label::SMALL, &format!("and {} more", humanize::count(more)))?;
    }
    Ok(())
}

/// Broken at the last space that lies within the first line.
fn in_two_lines(text: &str) -> (String, String) {
    let end = text.char_indices().nth(LINE_CHARS).map(|(at, _)| at);
    let Some(end) = end else { return (text.to_owned(), String::new()) };
    let at = text[..end].rfind(' ').unwrap_or(end);
    (text[..at].to_owned(), text[at..].trim_start().to_owned())
}

fn groups(table: &DataFrame) -> Result<Vec<Group<'_>>> {
    let connections = Numbers::<UInt32Type>::of(table, "connections")?;
    let descriptions = Words::of(table, "description")?;
    let processes = Words::of(table, "process_name")?;
    let sent = Numbers::<Float64Type>::of(table, "bytes_sent")?;
    let received = Numbers::<Float64Type>::of(table, "bytes_received")?;
    let durations_s = Numbers::<Float64Type>::of(table, "duration_s")?;
    let group = |row| Group {
        connections: connections.get(row).unwrap_or(0),
        description: descriptions.get(row).unwrap_or_default(),
        process: processes.get(row).unwrap_or("unknown"),
        bytes: sent.get(row).zip(received.get(row)).map(|(sent, received)| sent + received),
        duration_s: durations_s.get(row).unwrap_or(0.0),
    };
    Ok((0..table.height()).map(group).collect())
}

/// Bytes and seconds of every connection in no group of which both are known.
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
    fn a_description_is_broken_between_words() {
        let (first, second) =
            in_two_lines("12  214 short outbound HTTPS connections of curl, ~512 bytes out");
        assert_eq!(
            (first.as_str(), second.as_str()),
            ("12  214 short outbound HTTPS connections of", "curl, ~512 bytes out")
        );
        assert_eq!(in_two_lines("short"), ("short".to_owned(), String::new()));
        assert_eq!(in_two_lines(&"é".repeat(50)).0.chars().count(), LINE_CHARS);
    }
}
