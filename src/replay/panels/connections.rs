//! The connections at a moment with their rates, and those opened or closed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::owner::{command, container, pid, user};
use super::table::Drawn;
use super::{known, nothing, number, or_unknown, rate, sheet};
use crate::capture::Kind;
use crate::humanize;
use crate::replay::columns::{Column, Cut, Key, left, right};
use crate::replay::listing::{local_end, remote_end};
use crate::replay::look::Theme;
use crate::replay::state::{Hits, State};
use crate::replay::view::{Change, Item, Line, process_name, total};

/// At 80 characters the seven of the highest rank fit.
pub(in crate::replay) const COLUMNS: &[Column<Line>] = &[
    left(
        (" ", "+ opened, - closed since the last snapshot"),
        (1, 1),
        0,
        |line: &Line| mark(line).to_owned(),
        |line: &Line| Key::Text((line.change == Change::Stays).to_string()),
    ),
    left(
        ("PROTO", "transport protocol"),
        (5, 5),
        11,
        |line: &Line| line.row.protocol.as_str().to_owned(),
        |line: &Line| Key::text(Some(line.row.protocol.as_str())),
    ),
    left(("STATE", "TCP state"), (11, 11), 2, state_name, |line: &Line| Key::Text(state_name(line))),
    left(
        ("LOCAL", "local address and port"),
        (8, 21),
        6,
        |line: &Line| local_end(&line.row),
        |line: &Line| Key::end(line.row.local_addr, line.row.local_port),
    )
    .cut(Cut::Port),
    left(
        ("REMOTE", "remote address and port"),
        (21, 21),
        1,
        |line: &Line| or_unknown(remote_end(&line.row)),
        |line: &Line| line.row.remote.map_or(Key::Unknown, |(addr, port)| Key::end(addr, port)),
    )
    .cut(Cut::Middle)
    .stretches(),
    left(
        ("NAME", "host name used to reach the remote"),
        (16, 24),
        9,
        |line: &Line| line.row.remote_name.as_deref().unwrap_or_default().to_owned(),
        |line: &Line| Key::text(line.row.remote_name.as_deref()),
    )
    .optional()
    .cut(Cut::Middle)
    .stretches(),
    right(
        ("SENT/s", "bytes sent a second"),
        8,
        4,
        |line: &Line| rate(line.sent_per_s),
        |line: &Line| Key::number(line.sent_per_s),
    )
    .sum(),
    right(
        ("RECV/s", "bytes received a second"),
        8,
        5,
        |line: &Line| rate(line.received_per_s),
        |line: &Line| Key::number(line.received_per_s),
    )
    .sum(),
    left(
        ("TREND", "bytes a second, 1 B to 1 GB, last snapshots"),
        (8, 8),
        8,
        |_| String::new(),
        |line: &Line| Key::sum(line.sent_per_s, line.received_per_s),
    )
    .trend(|line| std::slice::from_ref(&line.row.conn_id))
    .sum(),
    right(("BYTES", "bytes both ways since it was opened"), 8, 10, bytes, |line: &Line| {
        Key::number(total(&line.row).map(|bytes| bytes as f64))
    })
    .sum(),
    right(("RTT", "smoothed round-trip time"), 8, 13, rtt, |line: &Line| {
        Key::number(line.row.counters.rtt_us.map(f64::from))
    }),
    right(
        ("RETR", "retransmitted segments"),
        5,
        14,
        |line: &Line| number(line.row.counters.retransmits),
        |line: &Line| Key::number(line.row.counters.retransmits.map(f64::from)),
    ),
    right(
        ("PID", "process id"),
        7,
        7,
        |line: &Line| number(pid(&line.row)),
        |line: &Line| Key::number(pid(&line.row).map(f64::from)),
    ),
    left(
        ("USER", "owner of the process"),
        (8, 8),
        12,
        |line: &Line| or_unknown(user(&line.row)),
        |line: &Line| Key::text(user(&line.row).as_deref()),
    ),
    left(
        ("PROCESS", "process name"),
        (15, 15),
        3,
        |line: &Line| known(process_name(&line.row)),
        |line: &Line| Key::text(process_name(&line.row)),
    ),
    left(
        ("CONTAINER", "container"),
        (12, 12),
        15,
        |line: &Line| known(container(&line.row)),
        |line: &Line| Key::text(container(&line.row)),
    )
    .optional(),
    left(
        ("COMMAND", "command line"),
        (20, 40),
        16,
        |line: &Line| or_unknown(command(&line.row)),
        |line: &Line| Key::text(command(&line.row).as_deref()),
    )
    .stretches(),
];

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Hits {
    let (lines, items) = (state.lines(), state.items());
    let hits = sheet(state, theme, COLUMNS, items.len()).draw(area, buffer, |index| {
        Some(match items.get(index)? {
            Item::Connection(at) => {
                let line = lines.get(*at)?;
                let style = match line.change {
                    Change::Stays => Style::new(),
                    Change::Opened => theme.good(),
                    Change::Closed => theme.bad(),
                };
                Drawn::Line(line, style)
            }
            Item::Group(group) => {
                Drawn::Group { label: group.label(), sums: &group.sums, conn_ids: &group.conn_ids }
            }
        })
    });
    if lines.is_empty() {
        let why = if state.filter.is_empty() {
            "No sockets at this moment."
        } else {
            "No connection matches the filter at this moment (esc clears it)."
        };
        nothing(buffer, area, theme, why);
    }
    hits
}

fn mark(line: &Line) -> &'static str {
    match line.change {
        Change::Stays => " ",
        Change::Opened => "+",
        Change::Closed => "-",
    }
}

fn state_name(line: &Line) -> String {
    match (line.row.kind, line.row.state) {
        (Kind::Closed, _) => "closed".to_owned(),
        (_, Some(state)) => state.as_str().to_owned(),
        (_, None) => line.row.protocol.as_str().to_owned(),
    }
}

fn bytes(line: &Line) -> String {
    or_unknown(total(&line.row).map(|bytes| humanize::bytes(bytes as f64)))
}

fn rtt(line: &Line) -> String {
    or_unknown(line.row.counters.rtt_us.map(|rtt| humanize::seconds(f64::from(rtt) / 1e6)))
}
