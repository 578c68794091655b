//! The processes at a moment, as a tree.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::owner::{command, container, exe, pid, user};
use super::table::Drawn;
use super::{known, nothing, number, or_unknown, rate, sheet};
use crate::humanize;
use crate::replay::columns::{Column, Cut, Key, left, right};
use crate::replay::look::Theme;
use crate::replay::state::{Hits, State};
use crate::replay::view::{ProcessLine, process_name};

pub(in crate::replay) const COLUMNS: &[Column<ProcessLine>] = &[
    right(
        ("PID", "process id"),
        7,
        1,
        |line: &ProcessLine| number(pid(&line.row)),
        |line: &ProcessLine| Key::number(pid(&line.row).map(f64::from)),
    ),
    left(("PROCESS", "process name, below its parent"), (17, 24), 0, name, |line: &ProcessLine| {
        Key::text(process_name(&line.row))
    }),
    right(
        ("SOCKETS", "open sockets"),
        8,
        4,
        |line: &ProcessLine| humanize::count(line.sockets as u64),
        |line: &ProcessLine| Key::Number(line.sockets as f64),
    ),
    right(
        ("SENT/s", "bytes sent a second"),
        8,
        2,
        |line: &ProcessLine| rate(line.sent_per_s),
        |line: &ProcessLine| Key::number(line.sent_per_s),
    )
    .sum(),
    right(
        ("RECV/s", "bytes received a second"),
        8,
        3,
        |line: &ProcessLine| rate(line.received_per_s),
        |line: &ProcessLine| Key::number(line.received_per_s),
    )
    .sum(),
    left(
        ("TREND", "bytes a second, 1 B to 1 GB, last snapshots"),
        (8, 8),
        7,
        |_| String::new(),
        |line: &ProcessLine| Key::sum(line.sent_per_s, line.received_per_s),
    )
    .trend(|line| &line.conn_ids)
    .sum(),
    right(("CPU", "CPU of one core"), 6, 5, cpu, |line: &ProcessLine| {
        Key::number(line.row.cpu_percent.map(f64::from))
    }),
    right(("MEMORY", "resident memory"), 8, 6, memory, |line: &ProcessLine| {
        Key::number(line.row.memory_rss_bytes.map(|bytes| bytes as f64))
    }),
    left(
        ("USER", "owner of the process"),
        (8, 10),
        8,
        |line: &ProcessLine| or_unknown(user(&line.row)),
        |line: &ProcessLine| Key::text(user(&line.row).as_deref()),
    ),
    left(
        ("EXECUTABLE", "path of the executable"),
        (16, 32),
        9,
        |line: &ProcessLine| known(exe(&line.row)),
        |line: &ProcessLine| Key::text(exe(&line.row)),
    )
    .cut(Cut::Middle)
    .stretches(),
    left(
        ("CONTAINER", "container"),
        (12, 12),
        10,
        |line: &ProcessLine| known(container(&line.row)),
        |line: &ProcessLine| Key::text(container(&line.row)),
    )
    .optional(),
    left(
        ("COMMAND", "command line"),
        (20, 40),
        11,
        |line: &ProcessLine| or_unknown(command(&line.row)),
        |line: &ProcessLine| Key::text(command(&line.row).as_deref()),
    )
    .stretches(),
];

/// Maximum indentation of the tree; a deeper one would push the name out of view.
const MOST_INDENTED: usize = 4;

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Hits {
    let processes = state.processes();
    let hits = sheet(state, theme, COLUMNS, processes.len())
        .draw(area, buffer, |index| Some(Drawn::Line(processes.get(index)?, Style::new())));
    if processes.is_empty() {
        nothing(buffer, area, theme, "No process has a socket at this moment, or none matches the filter.");
    }
    hits
}

fn name(line: &ProcessLine) -> String {
    let name = process_name(&line.row).unwrap_or("(unknown process)");
    if line.depth == 0 {
        return name.to_owned();
    }
    format!("{}└ {name}", " ".repeat(line.depth.min(MOST_INDENTED) - 1))
}

fn cpu(line: &ProcessLine) -> String {
    or_unknown(line.row.cpu_percent.map(|cpu| format!("{cpu:.1}%")))
}

fn memory(line: &ProcessLine) -> String {
    or_unknown(line.row.memory_rss_bytes.map(|bytes| humanize::bytes(bytes as f64)))
}
