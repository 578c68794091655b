//! The processes of a moment, as a tree.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Cells, Column, Theme, left, nothing, or_unknown, rate, right, table};
use crate::humanize;
use crate::replay::state::State;
use crate::replay::view::process_name;

const COLUMNS: &[Column] = &[
    right("PID", 7),
    left("PROCESS", 22),
    right("SOCKETS", 7),
    right("SENT/s", 8),
    right("RECV/s", 8),
    right("CPU", 6),
    right("MEMORY", 8),
    left("EXE", 10),
];

pub(in crate::replay) fn draw(state: &State, _theme: Theme, area: Rect, buffer: &mut Buffer) {
    let processes = state.processes();
    table(buffer, area, COLUMNS, (processes.len(), state.selected), |index| {
        let process = processes.get(index)?;
        let owner = process.row.owner.as_deref();
        let name = process_name(&process.row).unwrap_or("(unknown owner)");
        let branch = if process.depth > 0 {
            format!("{}└ ", "  ".repeat(process.depth.min(8) - 1))
        } else {
            String::new()
        };
        let cells = vec![
            or_unknown(owner.and_then(|owner| owner.pid).map(|pid| pid.to_string())),
            format!("{branch}{name}"),
            process.sockets.to_string(),
            rate(process.sent_per_s),
            rate(process.received_per_s),
            or_unknown(process.row.cpu_percent.map(|cpu| format!("{cpu:.1}%"))),
            or_unknown(process.row.memory_rss_bytes.map(|bytes| humanize::bytes(bytes as f64))),
            or_unknown(owner.and_then(|owner| owner.exe.clone())),
        ];
        Some(Cells { cells, style: Style::new() })
    });
    if processes.is_empty() {
        nothing(buffer, area, "No process has a socket at this moment, or none fits the filter.");
    }
}
