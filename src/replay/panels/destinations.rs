//! The remote addresses at a moment, with the processes connected to them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::table::Drawn;
use super::{nothing, rate, sheet};
use crate::humanize;
use crate::replay::columns::{Column, Cut, Key, left, right};
use crate::replay::look::Theme;
use crate::replay::state::{Hits, State};
use crate::replay::view::DestinationLine;

pub(in crate::replay) const COLUMNS: &[Column<DestinationLine>] = &[
    left(
        ("ADDRESS", "remote address"),
        (15, 15),
        0,
        |line: &DestinationLine| line.addr.to_string(),
        |line: &DestinationLine| Key::end(line.addr, 0),
    )
    .cut(Cut::Middle)
    .stretches(),
    left(
        ("NAME", "host name used to reach it"),
        (16, 28),
        6,
        |line: &DestinationLine| line.name.clone().unwrap_or_default(),
        |line: &DestinationLine| Key::text(line.name.as_deref()),
    )
    .optional()
    .cut(Cut::Middle)
    .stretches(),
    left(
        ("WHERE", "country, or kind of address"),
        (8, 13),
        4,
        |line: &DestinationLine| line.place.clone(),
        |line: &DestinationLine| Key::text(Some(&line.place)),
    ),
    right(
        ("CONNS", "connections"),
        7,
        3,
        |line: &DestinationLine| humanize::count(line.conn_ids.len() as u64),
        |line: &DestinationLine| Key::Number(line.conn_ids.len() as f64),
    ),
    right(
        ("SENT/s", "bytes sent a second"),
        8,
        1,
        |line: &DestinationLine| rate(line.sent_per_s),
        |line: &DestinationLine| Key::number(line.sent_per_s),
    )
    .sum(),
    right(
        ("RECV/s", "bytes received a second"),
        8,
        2,
        |line: &DestinationLine| rate(line.received_per_s),
        |line: &DestinationLine| Key::number(line.received_per_s),
    )
    .sum(),
    left(
        ("TREND", "bytes a second, 1 B to 1 GB, last snapshots"),
        (8, 8),
        7,
        |_| String::new(),
        |line: &DestinationLine| Key::sum(line.sent_per_s, line.received_per_s),
    )
    .trend(|line| &line.conn_ids)
    .sum(),
    left(("PROCESSES", "processes connected to it"), (15, 30), 5, processes, |line: &DestinationLine| {
        Key::Text(processes(line))
    })
    .stretches(),
];

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Hits {
    let destinations = state.destinations();
    let hits = sheet(state, theme, COLUMNS, destinations.len())
        .draw(area, buffer, |index| Some(Drawn::Line(destinations.get(index)?, Style::new())));
    if destinations.is_empty() {
        nothing(buffer, area, theme, "No remote address at this moment, or none matches the filter.");
    }
    hits
}

fn processes(line: &DestinationLine) -> String {
    line.processes.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
