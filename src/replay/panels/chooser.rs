//! The column chooser of a panel.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{heads, text};
use crate::replay::look::{FAINT, SELECTED, TITLE, Theme};
use crate::replay::state::{Hits, State};

/// Width of a mark and a title.
const TITLE_WIDTH: u16 = 16;

/// `shown` are the columns that fit.
pub(in crate::replay) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Hits {
    let title = format!("Columns of {} (space shows or hides, a automatic, esc back)", state.panel.name());
    text(buffer, area, 0, &title, (theme, TITLE));
    let heads = heads(state.panel);
    let height = usize::from(area.height.saturating_sub(1));
    let first = (state.cursor + 1).saturating_sub(height);
    for (line, (column, head)) in heads.iter().enumerate().skip(first).take(height).enumerate() {
        let at = line as u16 + 1;
        let is_shown = state.shows(column);
        let mark = match (state.table().choice.of(column), is_shown) {
            (Some(false), _) => "[ ]",
            (_, true) => "[x]",
            (_, false) => "[-]",
        };
        let name = if head.title.trim().is_empty() { "+ -" } else { head.title };
        text(buffer, area, at, &format!("{mark} {name}"), (theme, Style::new()));
        let about = Rect {
            x: area.x + TITLE_WIDTH.min(area.width),
            width: area.width.saturating_sub(TITLE_WIDTH),
            ..area
        };
        let room = match mark {
            "[-]" => ", no room at this width",
            _ if head.is_optional => ", where any is known",
            _ => "",
        };
        text(buffer, about, at, &format!("{}{room}", head.about), (theme, FAINT));
        if column == state.cursor && at < area.height {
            buffer.set_style(Rect { y: area.y + at, height: 1, ..area }, SELECTED);
        }
    }
    let body = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    Hits { body, first, ..Hits::default() }
}
