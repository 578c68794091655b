//! The panels, one file each, and what they are drawn with.
//!
//! ```text
//!  netrec replay x.parquet   2026-06-01 10:00:05.000 UTC   tick 5   paused 1x    ← header
//!  ▁▂▃▅▇█▅▃▂▁▁▁▁▁▁▁▁▁▂▃▅▂▁                                                      ← timeline
//!      ▲      !       !!
//!  1 Connections  2 Processes  3 Destinations  4 Findings
//!  (the panel)                                                                  ← one of the files
//!  ? help  space play …                                                         ← footer
//! ```

pub(super) mod connections;
pub(super) mod destinations;
pub(super) mod findings;
pub(super) mod help;
pub(super) mod processes;
pub(super) mod story;
pub(super) mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::escape;
use crate::humanize;

/// Which colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own sixteen.
    Colours,
    /// None: bold, dim and reversed only.
    Plain,
}

impl Theme {
    /// What the environment asks for: `NO_COLOR`, if it is set and not empty, means none.
    pub fn of_environment() -> Self {
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_plain { Self::Plain } else { Self::Colours }
    }

    fn colour(self, colour: Color) -> Style {
        match self {
            Self::Colours => Style::new().fg(colour),
            Self::Plain => Style::new(),
        }
    }

    fn good(self) -> Style {
        self.colour(Color::Green)
    }

    fn bad(self) -> Style {
        self.colour(Color::Red)
    }

    fn accent(self) -> Style {
        self.colour(Color::Cyan)
    }

    /// Of a severity, 0 to 4.
    fn severity(self, severity: usize) -> Style {
        let colours = [Color::Gray, Color::Cyan, Color::Yellow, Color::Red, Color::Magenta];
        self.colour(colours[severity.min(4)]).add_modifier(Modifier::BOLD)
    }
}

const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// On which side a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// A column: its title, its width, and whether it takes what is left over.
struct Column {
    title: &'static str,
    width: u16,
    align: Align,
}

const fn left(title: &'static str, width: u16) -> Column {
    Column { title, width, align: Align::Left }
}

const fn right(title: &'static str, width: u16) -> Column {
    Column { title, width, align: Align::Right }
}

/// A line of a table: its cells, and how it looks.
struct Cells {
    cells: Vec<String>,
    style: Style,
}

/// Draws a table of which `line(i)` gives a line; only what is visible is asked for. The last
/// column takes what is left of the width.
fn table(
    buffer: &mut Buffer,
    area: Rect,
    columns: &[Column],
    (count, selected): (usize, usize),
    line: impl Fn(usize) -> Option<Cells>,
) {
    let titles = columns.iter().map(|column| column.title.to_owned()).collect();
    draw_line(buffer, area, 0, columns, &Cells { cells: titles, style: TITLE });
    let height = usize::from(area.height.saturating_sub(1));
    if height == 0 {
        return;
    }
    let first = selected.saturating_sub(height / 2).min(count.saturating_sub(height));
    for (at, index) in (first..count).take(height).enumerate() {
        let Some(mut cells) = line(index) else { continue };
        if index == selected {
            cells.style = cells.style.patch(SELECTED);
        }
        draw_line(buffer, area, at as u16 + 1, columns, &cells);
    }
}

fn draw_line(buffer: &mut Buffer, area: Rect, at: u16, columns: &[Column], cells: &Cells) {
    let Some(y) = area.y.checked_add(at).filter(|y| *y < area.bottom()) else { return };
    buffer.set_style(Rect { y, height: 1, ..area }, cells.style);
    let mut x = area.x;
    for (number, (column, cell)) in columns.iter().zip(&cells.cells).enumerate() {
        let left = area.right().saturating_sub(x);
        let width = if number + 1 == columns.len() { left } else { column.width.min(left) };
        if width == 0 {
            return;
        }
        let text = escape::terminal(cell);
        let text = escape::shorten(&text, usize::from(width));
        let indent = match column.align {
            Align::Left => 0,
            Align::Right => width.saturating_sub(text.chars().count() as u16),
        };
        buffer.set_stringn(x + indent, y, text, usize::from(width - indent), cells.style);
        x = x.saturating_add(width).saturating_add(1);
    }
}

/// A line of text, made harmless.
fn text(buffer: &mut Buffer, area: Rect, at: u16, text: &str, style: Style) {
    if at < area.height {
        buffer.set_stringn(area.x, area.y + at, escape::terminal(text), usize::from(area.width), style);
    }
}

/// Text over several lines, broken at blanks; gives the number of lines.
fn paragraph(buffer: &mut Buffer, area: Rect, from: u16, content: &str, style: Style) -> u16 {
    let mut line = String::new();
    let mut at = from;
    for word in content.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > usize::from(area.width) {
            text(buffer, area, at, &line, style);
            line.clear();
            at = at.saturating_add(1);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text(buffer, area, at, &line, style);
    at.saturating_add(1)
}

/// What stands where there is nothing to show.
fn nothing(buffer: &mut Buffer, area: Rect, why: &str) {
    paragraph(buffer, area, 1, why, FAINT);
}

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
