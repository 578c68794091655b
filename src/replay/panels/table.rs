//! A table on the screen: the columns that fit, the visible lines, a scrollbar, and trends.

use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line as TextLine, Text};
use ratatui::widgets::{
    Cell, Row, Scrollbar, ScrollbarOrientation, ScrollbarState, Sparkline, SparklineBar, StatefulWidget as _,
    Table, Widget as _,
};

use crate::replay::columns::{Align, Choice, Column, Cut, Head, Key, Slot, Sort, cut, fit};
use crate::replay::history::History;
use crate::replay::look::{FAINT, SELECTED, TITLE, Theme};
use crate::replay::state::Hits;

/// Maximum number of lines checked for a value in an optional column.
const MOST_ASKED: usize = 20_000;

/// A line of a table.
pub(super) enum Drawn<'a, T> {
    /// A line with every column.
    Line(&'a T, Style),
    /// A name, followed by the sum columns.
    Group { label: String, sums: &'a T, conn_ids: &'a [u64] },
}

/// The content of a table, and its view.
pub(super) struct Sheet<'a, T: 'static> {
    pub(super) columns: &'static [Column<T>],
    pub(super) choice: &'a Choice,
    pub(super) sort: Sort,
    pub(super) history: &'a History,
    pub(super) theme: Theme,
    /// Total number of lines.
    pub(super) count: usize,
    /// The selected line.
    pub(super) selected: usize,
    /// The previous top line.
    pub(super) top: usize,
}

impl<T> Sheet<'_, T> {
    /// Draws the table; `line(i)` is called only for visible lines. Returns the positions of what
    /// was drawn.
    pub(super) fn draw<'l>(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        line: impl Fn(usize) -> Option<Drawn<'l, T>>,
    ) -> Hits
    where
        T: 'l,
    {
        let height = area.height.saturating_sub(1);
        let has_bar = self.count > usize::from(height) && area.width > 2 && height > 1;
        let inner = Rect { width: area.width - if has_bar { 2 } else { 0 }, ..area };
        let first = self.first(usize::from(height));
        let heads: Vec<&Head> = self.columns.iter().map(|column| &column.head).collect();
        let slots = fit(&heads, &self.useful(&line), inner.width);
        let shown: Vec<Drawn<'_, T>> =
            (first..self.count).take(usize::from(height)).map_while(line).collect();
        let rows = shown.iter().map(|drawn| self.row(drawn, &slots));
        let widths = slots.iter().map(|slot| Constraint::Length(slot.width));
        let table = Table::new(rows, widths).header(self.header(&slots)).column_spacing(1);
        ratatui::widgets::Widget::render(table, inner, buffer);
        let places = places(inner, &slots);
        for (at, drawn) in shown.iter().enumerate() {
            let y = inner.y + 1 + at as u16;
            let is_selected = first + at == self.selected;
            // In reverse video, the color of a blank would be a block.
            let style = if is_selected { Style::new() } else { self.theme.accent() };
            self.draw_trends(drawn, (&slots, &places), (y, style), buffer);
            if is_selected {
                buffer.set_style(Rect { y, height: 1, ..inner }, SELECTED);
            }
        }
        if has_bar {
            self.draw_bar(Rect { y: area.y + 1, height, ..area }, first, buffer);
        }
        let body = Rect { y: inner.y.saturating_add(1), height, ..inner };
        Hits { heads: places, body, first, ..Hits::default() }
    }

    /// The user's choice, without optional columns in which no line has a value.
    fn useful<'l>(&self, line: &impl Fn(usize) -> Option<Drawn<'l, T>>) -> Choice
    where
        T: 'l,
    {
        let mut choice = self.choice.clone();
        let optional = self.columns.iter().enumerate().filter(|(_, column)| column.head.is_optional);
        for (at, column) in optional.filter(|(at, _)| self.choice.of(*at).is_none()) {
            let is_known = |index: usize| match line(index) {
                Some(Drawn::Line(line, _)) => (column.key)(line) != Key::Unknown,
                _ => false,
            };
            if !(0..self.count.min(MOST_ASKED)).any(is_known) {
                choice.set(at, false);
            }
        }
        choice
    }

    /// The top line: unchanged, unless the selected line would be out of view.
    fn first(&self, height: usize) -> usize {
        let last_possible = self.count.saturating_sub(height);
        let lowest = (self.selected + 1).saturating_sub(height);
        self.top.min(self.selected).max(lowest).min(last_possible)
    }

    fn header(&self, slots: &[Slot]) -> Row<'static> {
        let cells = slots.iter().map(|slot| {
            let head = &self.columns[slot.column].head;
            let is_sorted = self.sort.column == Some(slot.column);
            let mark = match is_sorted {
                true if self.sort.is_reversed => "▲",
                true => "▼",
                false => "",
            };
            cell(&self.theme.text(&format!("{}{mark}", head.title)), head, *slot, self.theme)
        });
        Row::new(cells.collect::<Vec<_>>()).style(TITLE)
    }

    fn row(&self, drawn: &Drawn<'_, T>, slots: &[Slot]) -> Row<'static> {
        let column = |slot: &Slot| &self.columns[slot.column];
        let value = |slot: &Slot, line: &T| {
            cell(&self.theme.text(&(column(slot).text)(line)), &column(slot).head, *slot, self.theme)
        };
        match drawn {
            Drawn::Line(line, style) => {
                Row::new(slots.iter().map(|slot| value(slot, line)).collect::<Vec<_>>()).style(*style)
            }
            Drawn::Group { label, sums, .. } => {
                let before = slots.iter().take_while(|slot| !column(slot).head.is_sum).count();
                let width: u16 = slots[..before].iter().map(|slot| slot.width + 1).sum();
                let label = cut(
                    &self.theme.text(label),
                    usize::from(width.saturating_sub(1)),
                    Cut::Middle,
                    self.theme,
                );
                let label = (before > 0).then(|| Cell::new(label).column_span(before as u16));
                let sums = slots[before..]
                    .iter()
                    .map(|slot| if column(slot).head.is_sum { value(slot, sums) } else { Cell::default() });
                Row::new(label.into_iter().chain(sums).collect::<Vec<_>>()).style(TITLE)
            }
        }
    }

    fn draw_trends(
        &self,
        drawn: &Drawn<'_, T>,
        (slots, places): (&[Slot], &[(Rect, usize)]),
        (y, style): (u16, Style),
        buffer: &mut Buffer,
    ) {
        for (slot, (place, _)) in slots.iter().zip(places) {
            let Some(trend) = self.columns[slot.column].trend else { continue };
            let conn_ids = match drawn {
                Drawn::Line(line, _) => trend(line),
                Drawn::Group { conn_ids, .. } => conn_ids,
            };
            let levels = self.history.levels(conn_ids);
            let bars: Vec<SparklineBar> = levels.into_iter().map(SparklineBar::from).collect();
            let line = Sparkline::default()
                .data(bars)
                .max(8)
                .bar_set(self.theme.bars())
                .absent_value_symbol(" ")
                .style(style);
            line.render(Rect { y, height: 1, ..*place }, buffer);
        }
    }

    fn draw_bar(&self, area: Rect, first: usize, buffer: &mut Buffer) {
        // The library counts positions of the top line, not lines.
        let places = (self.count + 1).saturating_sub(usize::from(area.height)).max(1);
        let mut state =
            ScrollbarState::new(places).position(first).viewport_content_length(usize::from(area.height));
        Scrollbar::new(ScrollbarOrientation::VerticalRight)
            .symbols(self.theme.scrollbar())
            .begin_symbol(None)
            .end_symbol(None)
            .track_style(FAINT)
            .render(area, buffer, &mut state);
    }
}

fn cell(text: &str, head: &Head, slot: Slot, theme: Theme) -> Cell<'static> {
    let text = TextLine::from(cut(text, usize::from(slot.width), head.cut, theme));
    let alignment = match head.align {
        Align::Left => Alignment::Left,
        Align::Right => Alignment::Right,
    };
    Cell::new(Text::from(text).alignment(alignment))
}

/// The areas of the columns, with their indices in the panel.
fn places(area: Rect, slots: &[Slot]) -> Vec<(Rect, usize)> {
    let mut x = area.x;
    let place = |slot: &Slot| {
        let place = Rect { x, width: slot.width, height: area.height.min(1), ..area };
        x = x.saturating_add(slot.width).saturating_add(1);
        (place, slot.column)
    };
    slots.iter().map(place).collect()
}
