//! Mouse input: selects, sorts, switches the panel, jumps to a time and scrolls.

use ratatui::layout::{self, Rect};

use super::{Mode, Request, State};
use crate::capture::Position;
use crate::replay::panels::timeline;

/// Lines scrolled per wheel notch.
const NOTCH: isize = 3;

impl State {
    /// Handles a click at a screen position.
    pub fn click(&mut self, x: u16, y: u16) -> Option<Request> {
        self.message = None;
        let at = |area: &Rect| area.contains(layout::Position { x, y });
        if at(&self.hits.timeline) {
            let area = self.hits.timeline;
            let ts_us = timeline::moment(x - area.x, self.span_us, area.width);
            return Some(self.stop(Request::Show(Position::Time(ts_us))));
        }
        if let Some(number) = self.hits.tabs.iter().position(at) {
            self.select_panel(number);
            return None;
        }
        if let Some((_, column)) = self.hits.heads.iter().find(|(area, _)| at(area)) {
            if self.mode == Mode::Normal {
                let (column, sort) = (*column, self.table().sort);
                let again = sort.column == Some(column) && !sort.is_reversed;
                self.sort_by(Some(column), again);
            }
            return None;
        }
        if at(&self.hits.body) {
            return self.click_line(self.hits.first + usize::from(y - self.hits.body.y));
        }
        None
    }

    /// Selects a line, or opens it if it was already selected.
    fn click_line(&mut self, line: usize) -> Option<Request> {
        if line >= self.length() {
            return None;
        }
        match self.mode {
            Mode::Normal if self.selected == line => return self.open(),
            Mode::Normal => self.selected = line,
            Mode::Columns => {
                self.cursor = line;
                self.toggle_column(line);
            }
            Mode::Detail => self.cursor = line,
            Mode::Help | Mode::Time(_) | Mode::Filter(_) => {}
        }
        None
    }

    /// Handles the wheel, turned down or up.
    pub fn scroll(&mut self, is_down: bool) {
        self.select_by(if is_down { NOTCH } else { -NOTCH });
    }
}
