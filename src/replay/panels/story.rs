//! All that is known of one connection: whose it is, and each of its rows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Cells, Column, TITLE, Theme, left, nothing, or_unknown, paragraph, right, table};
use crate::capture::{Kind, Row};
use crate::humanize;
use crate::replay::listing::{local_end, remote_end};
use crate::replay::state::State;

const COLUMNS: &[Column] = &[
    left("TIME (UTC)", 15),
    left("WHAT", 8),
    left("STATE", 11),
    right("SENT", 9),
    right("RECEIVED", 9),
    right("RETR", 5),
    right("RTT", 8),
];

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(row) = &state.story_of else { return };
    let mut at = paragraph(buffer, area, 0, &headline(row), TITLE);
    for line in facts(row) {
        at = paragraph(buffer, area, at, &line, Style::new());
    }
    let top = at.saturating_add(1).min(area.height);
    let below = Rect { y: area.y + top, height: area.height - top, ..area };
    let Some(rows) = &state.story else {
        return nothing(buffer, below, "Looking through the recording …");
    };
    table(buffer, below, COLUMNS, (rows.len(), state.selected), |index| {
        let row = rows.get(index)?;
        let style = match row.kind {
            Kind::Opened => theme.good(),
            Kind::Closed => theme.bad(),
            Kind::State | Kind::Query => theme.accent(),
            Kind::Snapshot => Style::new(),
        };
        let bytes = |value: Option<u64>| or_unknown(value.map(|value| humanize::bytes(value as f64)));
        let time = humanize::moment(row.ts_us).map(|time| time.format("%H:%M:%S%.6f").to_string());
        let cells = vec![
            or_unknown(time),
            row.kind.as_str().to_owned(),
            or_unknown(row.state.map(|state| state.as_str().to_owned())),
            bytes(row.counters.bytes_sent),
            bytes(row.counters.bytes_received),
            or_unknown(row.counters.retransmits.map(|number| number.to_string())),
            or_unknown(row.counters.rtt_us.map(|rtt| humanize::seconds(f64::from(rtt) / 1e6))),
        ];
        Some(Cells { cells, style })
    });
}

fn headline(row: &Row) -> String {
    let name = row.remote_name.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
    let remote = remote_end(row).map_or_else(String::new, |remote| format!(" → {remote}{name}"));
    let local = local_end(row);
    format!("{} {local}{remote}, connection {}", row.protocol.as_str(), row.conn_id)
}

fn facts(row: &Row) -> Vec<String> {
    let Some(owner) = row.owner.as_deref() else {
        return vec!["owner: not known".to_owned()];
    };
    let how = row.owner_source.map_or(String::new(), |source| format!(", known by {}", source.as_str()));
    let pid = or_unknown(owner.pid.map(|pid| pid.to_string()));
    let text = |text: &Option<String>| or_unknown(text.clone());
    let mut lines = vec![format!(
        "process: {} (pid {pid}), user {}{how}; parent {} ({})",
        text(&owner.process_name),
        or_unknown(owner.username.clone().or_else(|| owner.uid.map(|uid| uid.to_string()))),
        text(&owner.parent_name),
        or_unknown(owner.ppid.map(|pid| pid.to_string())),
    )];
    lines.push(format!(
        "exe: {}   started {}",
        text(&owner.exe),
        or_unknown(owner.process_start_us.map(humanize::second_utc))
    ));
    lines.extend(owner.exe_sha256.as_ref().map(|hash| format!("sha256: {hash}")));
    lines.extend(
        owner
            .cmdline
            .as_ref()
            .map(|cmdline| format!("cmdline: {}", cmdline.chars().take(400).collect::<String>())),
    );
    lines.extend(owner.container.as_ref().map(|container| format!("container: {container}")));
    lines
}
