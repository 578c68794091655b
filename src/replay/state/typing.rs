//! What is typed: a key for an action, a time, a filter.

use crossterm::event::{KeyCode, KeyEvent};

use super::{Mode, Request, State};
use crate::capture::Place;
use crate::filter::Filter;
use crate::replay::action::{self, Action};
use crate::replay::time::When;

impl State {
    /// A key was pressed.
    pub fn press(&mut self, key: KeyEvent) -> Option<Request> {
        self.message = None;
        match &mut self.mode {
            Mode::Time(text) | Mode::Filter(text) => {
                match key.code {
                    KeyCode::Esc => self.mode = Mode::Normal,
                    KeyCode::Enter => return self.enter(),
                    KeyCode::Backspace => {
                        text.pop();
                    }
                    KeyCode::Char(c) if action::of_key(key) != Some(Action::Quit) || c == 'q' => text.push(c),
                    KeyCode::Char(_) => return Some(Request::Quit),
                    _ => {}
                }
                None
            }
            Mode::Help => {
                self.mode = Mode::Normal;
                (action::of_key(key) == Some(Action::Quit)).then_some(Request::Quit)
            }
            Mode::Normal | Mode::Story => self.act(action::of_key(key)?),
        }
    }

    /// Text was pasted.
    pub fn paste(&mut self, pasted: &str) {
        if let Mode::Time(text) | Mode::Filter(text) = &mut self.mode {
            text.extend(pasted.chars().filter(|c| !c.is_control()).take(1000));
        }
    }

    /// Goes to a time that the recording has, or says which times it has. A step that is too long
    /// ends at the end.
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
        self.is_playing = false;
        Some(Request::Show(Place::Time(at_us)))
    }

    /// What was typed is complete.
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
