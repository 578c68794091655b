//! The keys and the filter language.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text;
use crate::filter;
use crate::replay::action::BINDINGS;
use crate::replay::columns::cells;
use crate::replay::look::{FAINT, TITLE, Theme};
use crate::replay::state::{Hits, State};

/// Width of one half, so that no text is cut.
const SIDE: u16 = 40;

/// Width of the names of keys.
const NAMES: u16 = 8;

/// The text about mouse, filter and trend, below the keys.
fn words() -> String {
    let fields: Vec<String> =
        filter::help().map(|(names, _)| names.split(',').next().unwrap_or_default().to_owned()).collect();
    format!(
        "Mouse: click a line, a column heading (sorts), a tab or the timeline; the wheel scrolls. Filter: \
         terms joined by and, or and ( ); port:80,443; -term excludes; * and ? are wildcards; bytes>1M; \
         process:none. Fields: {}. TREND: bytes per second over the last snapshots; each step of the bar \
         is about ten times as much.",
        fields.join(" ")
    )
}

pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Hits {
    text(buffer, area, 0, "Keys (q or esc goes back, arrows scroll)", (theme, TITLE));
    let body = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    let lines = lines(area.width);
    let first = state.cursor.min(lines.len().saturating_sub(usize::from(body.height)));
    for (at, line) in lines.iter().skip(first).take(usize::from(body.height)).enumerate() {
        let at = at as u16;
        match line {
            HelpLine::Words(words) => text(buffer, body, at, words, (theme, FAINT)),
            HelpLine::Keys(keys) => {
                for (side, (names, meaning)) in keys.iter().enumerate() {
                    let x = body.x + side as u16 * SIDE;
                    let width = SIDE.min(body.right().saturating_sub(x));
                    let place = Rect { x, width, ..body };
                    text(buffer, place, at, names, (theme, theme.accent()));
                    let meant = Rect { x: x + NAMES, width: width.saturating_sub(NAMES), ..body };
                    text(buffer, meant, at, meaning, (theme, Style::new()));
                }
            }
        }
    }
    Hits { body, first, ..Hits::default() }
}

/// Number of lines of the help at a width.
pub(in crate::replay) fn length(width: u16) -> usize {
    lines(width).len()
}

enum HelpLine {
    /// A key and its meaning in each half.
    Keys(Vec<(&'static str, &'static str)>),
    Words(String),
}

fn lines(width: u16) -> Vec<HelpLine> {
    let shown: Vec<_> = BINDINGS.iter().filter(|binding| !binding.names.is_empty()).collect();
    let sides = usize::from((width / SIDE).clamp(1, 3));
    let rows = shown.len().div_ceil(sides);
    let key = |index: usize| shown.get(index).map(|binding| (binding.names, binding.meaning));
    let row = |at: usize| HelpLine::Keys((0..sides).filter_map(|side| key(side * rows + at)).collect());
    let mut lines: Vec<HelpLine> = (0..rows).map(row).collect();
    let mut line = String::new();
    for word in words().split_whitespace() {
        if !line.is_empty() && cells(&line) + 1 + cells(word) > usize::from(width) {
            lines.push(HelpLine::Words(std::mem::take(&mut line)));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(HelpLine::Words(line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_and_no_meaning_is_cut() {
        for binding in BINDINGS {
            assert!(cells(binding.names) < usize::from(NAMES), "{}", binding.names);
            assert!(cells(binding.meaning) < usize::from(SIDE - NAMES), "{}", binding.meaning);
        }
    }
}
