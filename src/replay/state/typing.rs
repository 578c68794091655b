//! Keyboard input: a key for an action, a time, or a filter.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Mode, Request, State};
use crate::capture::Position;
use crate::filter::Filter;
use crate::replay::action::{self, Action};
use crate::replay::time::When;

/// Maximum length of a typed time or filter.
const MOST_TYPED: usize = 1000;

impl State {
    /// Handles a key.
    pub fn press(&mut self, key: KeyEvent) -> Option<Request> {
        self.message = None;
        let action = action::of_key(key);
        if let Some(Action::Interrupt | Action::Suspend | Action::Redraw) = action {
            return self.act(action?);
        }
        match &mut self.mode {
            Mode::Time(text) | Mode::Filter(text) => {
                match key.code {
                    KeyCode::Esc => self.mode = Mode::Normal,
                    KeyCode::Enter => return self.enter(),
                    KeyCode::Backspace => {
                        text.pop();
                    }
                    KeyCode::Char(c) if text.len() < MOST_TYPED && is_typed(key) => text.push(c),
                    _ => {}
                }
                None
            }
            Mode::Help => match action {
                Some(Action::Down | Action::Up | Action::PageDown | Action::PageUp) => self.act(action?),
                _ => self.act(Action::Back),
            },
            Mode::Columns => self.press_in_columns(key),
            Mode::Normal | Mode::Detail => self.act(action?),
        }
    }

    fn press_in_columns(&mut self, key: KeyEvent) -> Option<Request> {
        match (key.code, action::of_key(key)) {
            (KeyCode::Char(' ') | KeyCode::Enter, _) => self.toggle_column(self.cursor),
            (KeyCode::Char('a'), _) => self.choose_columns_automatically(),
            (_, Some(action @ (Action::Down | Action::Up | Action::PageDown | Action::PageUp))) => {
                return self.act(action);
            }
            (_, Some(Action::Quit | Action::Back | Action::Columns)) => return self.act(Action::Back),
            _ => {}
        }
        None
    }

    /// Handles pasted text.
    pub fn paste(&mut self, pasted: &str) {
        if let Mode::Time(text) | Mode::Filter(text) = &mut self.mode {
            let room = MOST_TYPED.saturating_sub(text.len());
            text.extend(pasted.chars().filter(|c| !c.is_control()).take(room));
        }
    }

    /// Jumps to a time in the recording, or shows which times it has. A step that is too long stops
    /// at the end.
    fn go_to(&mut self, when: When) -> Option<Request> {
        let here_us = Some(self.sample.ts_us);
        let at_us = match when.resolve(self.span_us, here_us) {
            Ok(at_us) => at_us,
            Err(outside) => {
                self.message = Some(outside.short());
                if !when.is_step() {
                    return None;
                }
                when.nearest(self.span_us, here_us)
            }
        };
        Some(self.stop(Request::Show(Position::Time(at_us))))
    }

    /// Completes the input.
    fn enter(&mut self) -> Option<Request> {
        match std::mem::replace(&mut self.mode, Mode::Normal) {
            Mode::Time(text) => match text.parse::<When>() {
                Ok(when) => return self.go_to(when),
                Err(why) => self.message = Some(why),
            },
            Mode::Filter(text) => match text.parse::<Filter>() {
                Ok(filter) => {
                    self.filter = self.filter.with_same_countries(filter);
                    self.selected = 0;
                    self.refresh();
                }
                Err(error) => {
                    self.message = Some(error.reason);
                    self.mode = Mode::Filter(text);
                }
            },
            _ => {}
        }
        None
    }
}

/// Whether a key is a printable character rather than a control key.
fn is_typed(key: KeyEvent) -> bool {
    !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
}
