//! The remote addresses of a moment, and who talks with them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Cells, Column, Theme, left, nothing, rate, right, table};
use crate::replay::state::State;

const COLUMNS: &[Column] = &[
    left("ADDRESS", 25),
    left("WHERE", 10),
    right("CONNS", 5),
    right("SENT/s", 8),
    right("RECV/s", 8),
    left("PROCESSES", 20),
];

/// `country` says where an address is.
pub(in crate::replay) fn draw(
    state: &State,
    _theme: Theme,
    country: &dyn Fn(std::net::IpAddr) -> String,
    area: Rect,
    buffer: &mut Buffer,
) {
    let destinations = state.destinations();
    table(buffer, area, COLUMNS, (destinations.len(), state.selected), |index| {
        let line = destinations.get(index)?;
        let name = line.name.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        let cells = vec![
            format!("{}{name}", line.addr),
            country(line.addr),
            line.connections.to_string(),
            rate(line.sent_per_s),
            rate(line.received_per_s),
            line.processes.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        ];
        Some(Cells { cells, style: Style::new() })
    });
    if destinations.is_empty() {
        nothing(buffer, area, "No remote address at this moment, or none fits the filter.");
    }
}
