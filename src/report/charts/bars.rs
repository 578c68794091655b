//! Horizontal bars with the name on the left and the value at the end, so that no axis is needed.

use plotters::style::RGBColor;

use std::collections::BTreeMap;

use super::canvas::{self, Area, Canvas, Drawn, Label, NameColumn};
use super::palette::{AXIS, RECEIVED, SENT};
use crate::Result;
use crate::humanize;
use crate::model::Tables;
use crate::model::frame::UInt64Type;
use crate::model::metrics::Share;
use crate::model::view::{Numbers, Words};

/// Maximum number of rows in a chart: ten and the rest.
pub(super) const MOST_ROWS: usize = 11;
/// Maximum distance between two rows, in pixels.
const WIDEST_PITCH: i32 = 44;
/// Maximum thickness of a bar, in pixels.
const THICKEST: i32 = 22;
/// Room for values, in pixels.
const VALUES: i32 = 160;
/// Room for the headings of the values, in pixels.
const HEADINGS: i32 = 14;

/// A name with its bars.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
}

/// Where the values of the bars are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// At the end of the bar, for rows with one bar.
    AtEnd,
    /// In columns on the right, one for each bar of a row, because the bars may be too thin for text.
    InColumns,
}

/// One bar of a row.
pub(super) struct Bar {
    pub(super) value: u64,
    pub(super) text: String,
    pub(super) colour: RGBColor,
}

/// Rows of connections, each with its share of the total.
pub(super) fn counted(shares: &[Share], total: u64, colour: impl Fn(&str) -> RGBColor) -> Vec<Row> {
    let row = |share: &Share| Row {
        name: share.name.clone(),
        bars: vec![Bar {
            value: share.connections,
            text: format!(
                "{}  ({})",
                humanize::count(share.connections),
                humanize::percent(share.connections, total)
            ),
            colour: colour(&share.name),
        }],
    };
    shares.iter().map(row).collect()
}

/// The first shares that fit, and the others summed up as one.
pub(super) fn first(shares: &[Share]) -> Vec<Share> {
    let (first, rest) = shares.split_at(shares.len().min(MOST_ROWS - 1));
    let sum = |of: fn(&Share) -> u64| rest.iter().map(of).fold(0, u64::saturating_add);
    let other = Share {
        name: "other".to_owned(),
        connections: sum(|share| share.connections),
        bytes_sent: sum(|share| share.bytes_sent),
        bytes_received: sum(|share| share.bytes_received),
    };
    first.iter().cloned().chain((!rest.is_empty()).then_some(other)).collect()
}

/// The amount of each local address, largest first: what a capture of a network has in place of processes.
pub(super) fn hosts(tables: &Tables, amount: impl Fn(&Share) -> u64) -> Result<Vec<Share>> {
    let frame = &tables.connections;
    let (addrs, roles) = (Words::of(frame, "local_addr")?, Words::of(frame, "role")?);
    let sent = Numbers::<UInt64Type>::of(frame, "recorded_sent")?;
    let received = Numbers::<UInt64Type>::of(frame, "recorded_received")?;
    let mut hosts: BTreeMap<&str, Share> = BTreeMap::new();
    for row in (0..frame.height()).filter(|row| roles.get(*row) == Some("connection")) {
        let name = addrs.get(row).unwrap_or("unknown");
        let share = hosts.entry(name).or_insert_with(|| Share { name: name.to_owned(), ..Share::default() });
        share.connections += 1;
        share.bytes_sent = share.bytes_sent.saturating_add(sent.get(row).unwrap_or(0));
        share.bytes_received = share.bytes_received.saturating_add(received.get(row).unwrap_or(0));
    }
    let mut hosts: Vec<Share> = hosts.into_values().collect();
    hosts.sort_by(|a, b| amount(b).cmp(&amount(a)).then_with(|| a.name.cmp(&b.name)));
    Ok(hosts)
}

/// Rows of bytes in both directions, for [`Values::InColumns`]; rows without bytes are left out.
pub(super) fn moved(shares: &[Share]) -> Vec<Row> {
    let bar = |value: u64, colour| Bar { value, text: humanize::bytes(value as f64), colour };
    let row = |share: &Share| Row {
        name: share.name.clone(),
        bars: vec![bar(share.bytes_sent, SENT), bar(share.bytes_received, RECEIVED)],
    };
    shares.iter().filter(|share| share.bytes_sent > 0 || share.bytes_received > 0).map(row).collect()
}

/// Draws rows of [`moved`] with their headings and the legend.
pub(super) fn draw_moved(canvas: &Canvas<'_>, rows: &[Row]) -> Drawn {
    let inside = Canvas::inside();
    let area = Area { top: inside.top + HEADINGS, ..inside };
    canvas.legend(inside.right, &[("sent", SENT), ("received", RECEIVED)])?;
    for (column, name) in value_columns(area).into_iter().zip(["sent", "received"]) {
        canvas.text((column, inside.top + 2), Label::SMALL.right(), name)?;
    }
    draw(canvas, area, rows, Values::InColumns)
}

/// Draws at most [`MOST_ROWS`] rows from the top of `area`, with bars in proportion.
pub(super) fn draw(canvas: &Canvas<'_>, area: Area, rows: &[Row], values: Values) -> Drawn {
    let rows = &rows[..rows.len().min(MOST_ROWS)];
    let largest = rows.iter().flat_map(|row| &row.bars).map(|bar| bar.value).max().unwrap_or(0).max(1);
    let pitch = ((area.bottom - area.top) / rows.len().max(1) as i32).min(WIDEST_PITCH);
    let names = NameColumn::new(rows.iter().map(|row| row.name.as_str()));
    let left = area.left + names.width;
    for (index, row) in rows.iter().enumerate() {
        let top = area.top + index as i32 * pitch;
        let room = Area { left, top, right: area.right - VALUES, bottom: top + pitch };
        let name = canvas::fit_pair(&row.name, names.chars);
        canvas.text((left - 10, i32::midpoint(top, top + pitch)), Label::VALUE.right(), &name)?;
        draw_row(canvas, row, largest, room, values)?;
    }
    canvas.line((left, area.top), (left, area.top + rows.len() as i32 * pitch), AXIS)
}

/// The right edges of a row's value columns, from left to right.
fn value_columns(area: Area) -> [i32; 2] {
    [area.right - VALUES / 2, area.right]
}

fn draw_row(canvas: &Canvas<'_>, row: &Row, largest: u64, area: Area, values: Values) -> Drawn {
    let middle = i32::midpoint(area.top, area.bottom);
    let bars = row.bars.len().max(1) as i32;
    let thickness = ((area.bottom - area.top) * 7 / 10 / bars).min(THICKEST);
    let columns = value_columns(Area { right: area.right + VALUES, ..area });
    for ((bar, index), column) in row.bars.iter().zip(0..).zip(columns) {
        let top = middle - thickness * bars / 2 + index * thickness;
        let width = (bar.value as f64 / largest as f64 * f64::from(area.right - area.left)).round() as i32;
        // Bars of one row touch the axis but not each other.
        let bottom = top + thickness - (bars - 1).min(1);
        if bar.value > 0 {
            canvas.fill(Area { left: area.left, top, right: area.left + width, bottom }, bar.colour)?;
        }
        match values {
            Values::AtEnd => canvas.text((area.left + width + 8, middle), Label::PLAIN, &bar.text)?,
            Values::InColumns => canvas.text((column, middle), Label::PLAIN.right(), &bar.text)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::charts::canvas::picture;
    use crate::report::charts::palette::PLAIN;

    fn rows(values: &[u64]) -> Vec<Row> {
        let row = |value: &u64| Row {
            name: format!("name {value}"),
            bars: vec![Bar { value: *value, text: format!("value {value}"), colour: PLAIN }],
        };
        values.iter().map(row).collect()
    }

    fn widths(values: &[u64]) -> Vec<i32> {
        let svg =
            picture("t", "", |canvas| draw(canvas, Canvas::inside(), &rows(values), Values::AtEnd)).unwrap();
        let width = |line: &str| line.split("width=\"").nth(1)?.split('"').next()?.parse().ok();
        svg.lines().filter(|line| line.starts_with("<rect")).skip(1).filter_map(width).collect()
    }

    #[test]
    fn bars_are_in_proportion_and_the_longest_fills_the_room() {
        let widths = widths(&[100, 50]);
        assert!(widths[0] > 550 && widths[0] == 2 * widths[1], "{widths:?}");
    }

    #[test]
    fn little_is_seen_and_nothing_is_not() {
        let widths = widths(&[u64::MAX, 1, 0]);
        assert!(widths.len() == 2 && widths[1] == 1, "{widths:?}");
    }

    #[test]
    fn what_has_no_room_is_summed_and_nothing_is_lost() {
        let shares: Vec<Share> = (1..=50).map(|n| Share { connections: n, ..Share::default() }).collect();
        let first = first(&shares);
        assert_eq!((first.len(), first[MOST_ROWS - 1].name.as_str()), (MOST_ROWS, "other"));
        assert_eq!(first.iter().map(|share| share.connections).sum::<u64>(), 50 * 51 / 2);
        assert_eq!(super::first(&shares[..3]).len(), 3);
    }

    #[test]
    fn more_rows_than_room_are_left_out() {
        assert_eq!(widths(&[1; 50]).len(), MOST_ROWS);
    }
}
