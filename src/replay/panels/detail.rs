//! Details of one connection: its owner, and each of its rows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::table::{Drawn, Sheet};
use super::{known, nothing, number, or_unknown, paragraph};
use crate::capture::{Kind, Row, TcpState};
use crate::humanize;
use crate::replay::columns::{Choice, Column, Key, Sort, left, right};
use crate::replay::listing::{local_end, remote_end};
use crate::replay::look::{TITLE, Theme};
use crate::replay::state::{Detail, Hits, State};

/// Rows are always in time order.
const COLUMNS: &[Column<Row>] = &[
    left(("TIME (UTC)", "when"), (15, 15), 0, time, |_| Key::Unknown),
    left(("EVENT", "what happened"), (8, 8), 1, |row| row.kind.as_str().to_owned(), |_| Key::Unknown),
    left(("STATE", "TCP state"), (11, 11), 2, |row| known(row.state.map(TcpState::as_str)), |_| Key::Unknown),
    right(("SENT", "bytes sent"), 9, 3, |row| bytes(row.counters.bytes_sent), |_| Key::Unknown),
    right(("RECEIVED", "bytes received"), 9, 4, |row| bytes(row.counters.bytes_received), |_| Key::Unknown),
    right(("RETR", "retransmitted segments"), 5, 5, |row| number(row.counters.retransmits), |_| Key::Unknown),
    right(("RTT", "round-trip time"), 8, 6, rtt, |_| Key::Unknown),
];

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Hits {
    let Some(Detail { of, rows }) = &state.detail else { return Hits::default() };
    let mut at = paragraph(buffer, area, 0, &headline(of), (theme, TITLE));
    for line in facts(of).into_iter().chain(payload(of)) {
        at = paragraph(buffer, area, at, &line, (theme, Style::new()));
    }
    let top = at.saturating_add(1).min(area.height);
    let below = Rect { y: area.y + top, height: area.height - top, ..area };
    let rows = match rows {
        Some(Ok(rows)) => rows,
        Some(Err(why)) => {
            nothing(buffer, below, theme, why);
            return Hits::default();
        }
        None => {
            nothing(buffer, below, theme, "Reading the recording…");
            return Hits::default();
        }
    };
    let sheet = Sheet {
        columns: COLUMNS,
        choice: &Choice::default(),
        sort: Sort::default(),
        history: &state.history,
        theme,
        count: rows.len(),
        selected: state.cursor,
        top: state.hits.first,
    };
    sheet.draw(below, buffer, |index| {
        let row = rows.get(index)?;
        let style = match row.kind {
            Kind::Opened => theme.good(),
            Kind::Closed => theme.bad(),
            Kind::State | Kind::Query => theme.accent(),
            Kind::Snapshot => Style::new(),
        };
        Some(Drawn::Line(row, style))
    })
}

fn time(row: &Row) -> String {
    or_unknown(humanize::utc(row.ts_us).map(|time| time.format("%H:%M:%S%.6f").to_string()))
}

fn bytes(value: Option<u64>) -> String {
    or_unknown(value.map(|value| humanize::bytes(value as f64)))
}

fn rtt(row: &Row) -> String {
    or_unknown(row.counters.rtt_us.map(|rtt| humanize::seconds(f64::from(rtt) / 1e6)))
}

/// Protocol, ends and id of a connection.
pub(in crate::replay) fn headline(row: &Row) -> String {
    let name = row.remote_name.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
    let remote = remote_end(row).map_or_else(String::new, |remote| format!(" → {remote}{name}"));
    let local = local_end(row);
    format!("{} {local}{remote}, connection {}", row.protocol.as_str(), row.conn_id)
}

/// What the payload says, in one line; none if nothing is known.
fn payload(row: &Row) -> Option<String> {
    let application = row.application.as_deref()?;
    let named = |name: &str, text: &Option<String>| text.as_ref().map(|text| format!("{name} {text}"));
    let facts = [
        application.protocol.as_deref().map(str::to_owned),
        named("client JA4", &application.ja4),
        named("JA3", &application.ja3),
        named("certificate", &application.tls_subject),
        named("issued by", &application.tls_issuer),
    ];
    Some(format!("payload: {}", facts.into_iter().flatten().collect::<Vec<_>>().join(", ")))
}

fn facts(row: &Row) -> Vec<String> {
    let Some(owner) = row.owner.as_deref() else {
        return vec!["process: unknown".to_owned()];
    };
    let how = row.owner_source.map_or(String::new(), |source| format!(", known by {}", source.as_str()));
    let text = |text: &Option<String>| known(text.as_deref());
    let mut lines = vec![format!(
        "process: {} (pid {}), user {}{how}; parent {} ({})",
        text(&owner.process_name),
        number(owner.pid),
        or_unknown(owner.username.clone().or_else(|| owner.uid.map(|uid| uid.to_string()))),
        text(&owner.parent_name),
        number(owner.ppid),
    )];
    lines.push(format!(
        "exe: {}   started {}",
        text(&owner.exe),
        or_unknown(owner.process_start_us.map(humanize::second_utc))
    ));
    lines.extend(owner.exe_sha256.as_ref().map(|hash| format!("sha256: {hash}")));
    lines.extend(super::owner::command(row).map(|command| format!("cmdline: {command}")));
    lines.extend(owner.container.as_ref().map(|container| format!("container: {container}")));
    lines
}
