//! The connections of a moment, with what they move, and what was opened or closed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Cells, Column, Theme, left, nothing, or_unknown, rate, right, table};
use crate::capture::Kind;
use crate::humanize;
use crate::replay::listing::{local_end, remote_end};
use crate::replay::state::State;
use crate::replay::view::{Change, process_name, total};

/// For 80 characters.
const NARROW: &[Column] = &[
    left(" ", 1),
    left("STATE", 11),
    left("LOCAL", 15),
    left("REMOTE", 21),
    right("SENT/s", 8),
    right("RECV/s", 8),
    left("PROCESS", 8),
];

/// From 110 characters on.
const WIDE: &[Column] = &[
    left(" ", 1),
    left("PROTO", 5),
    left("STATE", 11),
    left("LOCAL", 24),
    left("REMOTE", 32),
    right("SENT/s", 9),
    right("RECV/s", 9),
    right("BYTES", 9),
    right("PID", 7),
    left("PROCESS", 12),
];

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let is_wide = area.width >= 110;
    let columns = if is_wide { WIDE } else { NARROW };
    let lines = state.lines();
    table(buffer, area, columns, (lines.len(), state.selected), |index| {
        let line = lines.get(index)?;
        let (mark, style) = match line.change {
            Change::Stays => (" ", Style::new()),
            Change::Opened => ("+", theme.good()),
            Change::Closed => ("-", theme.bad()),
        };
        let row = &line.row;
        let state_name = match (row.kind, row.state) {
            (Kind::Closed, _) => "closed".to_owned(),
            (_, Some(state)) => state.as_str().to_owned(),
            (_, None) => row.protocol.as_str().to_owned(),
        };
        let remote = remote_end(row).map(|remote| match &row.remote_name {
            Some(name) if is_wide => format!("{name} {remote}"),
            _ => remote,
        });
        let (sent, received) = (rate(line.sent_per_s), rate(line.received_per_s));
        let process = process_name(row).unwrap_or(humanize::UNKNOWN).to_owned();
        let local = local_end(row);
        let cells = if is_wide {
            let pid = row.owner.as_deref().and_then(|owner| owner.pid).map(|pid| pid.to_string());
            let bytes = total(row).map(|bytes| humanize::bytes(bytes as f64));
            let protocol = row.protocol.as_str().to_owned();
            vec![
                mark.to_owned(),
                protocol,
                state_name,
                local,
                or_unknown(remote),
                sent,
                received,
                or_unknown(bytes),
                or_unknown(pid),
                process,
            ]
        } else {
            vec![mark.to_owned(), state_name, local, or_unknown(remote), sent, received, process]
        };
        Some(Cells { cells, style })
    });
    if lines.is_empty() {
        let why = if state.filter.is_empty() {
            "No sockets at this moment."
        } else {
            "No connection fits the filter at this moment (esc clears it)."
        };
        nothing(buffer, area, why);
    }
}
