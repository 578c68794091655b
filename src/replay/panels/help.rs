//! The keys and the filter language.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{FAINT, TITLE, Theme, text};
use crate::filter;
use crate::replay::action::BINDINGS;

pub(in crate::replay) fn draw(theme: Theme, area: Rect, buffer: &mut Buffer) {
    let half = area.width / 2;
    let sides = [Rect { width: half, ..area }, Rect { x: area.x + half, width: area.width - half, ..area }];
    let rows = usize::from(area.height.saturating_sub(1)).max(1);
    text(buffer, area, 0, "Keys (any key goes back)", TITLE);
    let shown: Vec<_> = BINDINGS.iter().filter(|binding| !binding.names.is_empty()).collect();
    for (index, binding) in shown.iter().enumerate() {
        let side = sides[(index / rows).min(1)];
        let at = (index % rows) as u16 + 1;
        text(buffer, side, at, binding.names, theme.accent());
        let meaning = Rect { x: side.x + 8, width: side.width.saturating_sub(8), ..side };
        text(buffer, meaning, at, binding.meaning, Style::new());
    }
    let used = (shown.len().saturating_sub(rows)) as u16 + 2;
    let fields: Vec<String> =
        filter::help().map(|(names, _)| names.split(',').next().unwrap_or_default().to_owned()).collect();
    let below =
        Rect { y: area.y + used.min(area.height), height: area.height.saturating_sub(used), ..sides[1] };
    super::paragraph(
        buffer,
        below,
        0,
        &format!(
            "Filter: words joined by and, or, ( ); port:80,443; -word must not hold; * ? wildcards; bytes>1M; process:none. \
             Fields: {}",
            fields.join(" ")
        ),
        FAINT,
    );
}
