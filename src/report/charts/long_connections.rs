//! Which pairs were connected the longest in sum.

use polars::prelude::{DataFrame, Float64Type, UInt16Type, UInt32Type};

use super::bars::{self, Bar, Row, Values};
use super::canvas::{self, Canvas};
use super::{Chart, Subject};
use crate::Result;
use crate::analyze::detectors::long_connection;
use crate::humanize;
use crate::model::view::{Flags, Numbers, Words};
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "long-connections",
    title: "Pairs that were connected the longest",
    section: Section::Behavior,
    draw,
};

fn draw(subject: &Subject<'_>) -> Result<String> {
    let Some(table) = subject.analysis.detector_table(&long_connection::PAIRS) else {
        return canvas::nothing(CHART.title, &subject.why_missing(&long_connection::PAIRS));
    };
    let rows = rows(subject, table)?;
    if rows.is_empty() {
        return canvas::nothing(CHART.title, "No pair was connected for any time.");
    }
    let subtitle = "time seen, all connections of a pair in sum; > : the longest was already or still open";
    canvas::picture(CHART.title, subtitle, |canvas| {
        bars::draw(canvas, Canvas::inside(), &rows, Values::AtEnd)
    })
}

/// The first pairs by their sum; a duration becomes milliseconds, as bars are whole numbers.
fn rows(subject: &Subject<'_>, table: &DataFrame) -> Result<Vec<Row>> {
    let sources = Words::of(table, "source")?;
    let addrs = Words::of(table, "remote_addr")?;
    let ports = Numbers::<UInt16Type>::of(table, "remote_port")?;
    let sums_s = Numbers::<Float64Type>::of(table, "total_s")?;
    let connections = Numbers::<UInt32Type>::of(table, "connections")?;
    let open_ended = Flags::of(table, "is_open_ended")?;
    let total_s = |row: usize| sums_s.get(row).filter(|total_s| total_s.is_finite()).unwrap_or(0.0);
    let mut order: Vec<usize> = (0..table.height()).filter(|row| total_s(*row) > 0.0).collect();
    order.sort_by(|a, b| total_s(*b).total_cmp(&total_s(*a)));
    let row = |row: usize| {
        let source = sources.get(row).unwrap_or("unknown");
        let port = ports.get(row).map_or_else(String::new, |port| format!(" port {port}"));
        let at_least = if open_ended.get(row) == Some(true) { "> " } else { "" };
        let count = humanize::plural(connections.get(row).unwrap_or(0).into(), "connection");
        Row {
            name: format!("{source} → {}{port}", addrs.get(row).unwrap_or("unknown")),
            bars: vec![Bar {
                value: (total_s(row) * 1e3) as u64,
                text: format!("{at_least}{} ({count})", humanize::seconds(total_s(row))),
                colour: subject.colours.get(source),
            }],
        }
    };
    Ok(order.into_iter().take(bars::MOST_ROWS).map(row).collect())
}
