//! The panels, one file each, and their drawing helpers.
//!
//! ```text
//!  netrec replay x.parquet   2026-06-01 10:00:05.000 UTC   tick 5   paused 1x    ← header
//!  ▁▂▃▅▇█▅▃▂▁▁▁▁▁▁▁▁▁▂▃▅▂▁                                                      ← timeline
//!      ▲      !       !!
//!  1 Connections  2 Processes  3 Destinations  4 Findings
//!  (the panel)                                                                  ← one of the files
//!  ? help  space play …                                                         ← footer
//! ```

pub(super) mod chooser;
pub(super) mod connections;
pub(super) mod destinations;
pub(super) mod detail;
pub(super) mod findings;
pub(super) mod help;
mod owner;
pub(super) mod processes;
mod table;
pub(super) mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use self::table::Sheet;
use super::columns::{Column, Head, cells};
use super::look::{FAINT, Theme};
use super::state::{Panel, State};
use crate::humanize;

/// The column descriptions of a panel.
pub(super) fn heads(panel: Panel) -> Vec<&'static Head> {
    fn of<T>(columns: &'static [Column<T>]) -> Vec<&'static Head> {
        columns.iter().map(|column| &column.head).collect()
    }
    match panel {
        Panel::Connections => of(connections::COLUMNS),
        Panel::Processes => of(processes::COLUMNS),
        Panel::Destinations => of(destinations::COLUMNS),
        Panel::Findings => of(findings::COLUMNS),
    }
}

/// The table of the current panel.
fn sheet<'a, T>(state: &'a State, theme: Theme, columns: &'static [Column<T>], count: usize) -> Sheet<'a, T> {
    let view = state.table();
    Sheet {
        columns,
        choice: &view.choice,
        sort: view.sort,
        history: &state.history,
        theme,
        count,
        selected: state.selected,
        top: state.hits.first,
    }
}

/// Draws a line of text, escaped.
fn text(buffer: &mut Buffer, area: Rect, at: u16, text: &str, (theme, style): (Theme, Style)) {
    if at < area.height {
        buffer.set_stringn(area.x, area.y + at, theme.text(text), usize::from(area.width), style);
    }
}

/// Draws text over several lines, wrapped at blanks; returns the number of lines.
fn paragraph(buffer: &mut Buffer, area: Rect, from: u16, content: &str, look: (Theme, Style)) -> u16 {
    let mut line = String::new();
    let mut at = from;
    for word in content.split_whitespace() {
        if !line.is_empty() && cells(&line) + 1 + cells(word) > usize::from(area.width) {
            text(buffer, area, at, &line, look);
            line.clear();
            at = at.saturating_add(1);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text(buffer, area, at, &line, look);
    at.saturating_add(1)
}

/// Draws the text of an empty panel.
fn nothing(buffer: &mut Buffer, area: Rect, theme: Theme, why: &str) {
    let below = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    paragraph(buffer, below, 0, why, (theme, FAINT));
}

/// Formats bytes per second.
fn rate(value: Option<f64>) -> String {
    match value {
        None => humanize::UNKNOWN.to_owned(),
        Some(value) if value < 0.5 => "0".to_owned(),
        Some(value) => humanize::bytes(value),
    }
}

fn or_unknown(value: Option<String>) -> String {
    value.unwrap_or_else(|| humanize::UNKNOWN.to_owned())
}

fn known(value: Option<&str>) -> String {
    value.unwrap_or(humanize::UNKNOWN).to_owned()
}

fn number(value: Option<u32>) -> String {
    or_unknown(value.map(|value| value.to_string()))
}
