//! The terminal, and the loop between the keyboard, the state and the source of samples.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEventKind};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
use ratatui::{DefaultTerminal, Terminal};

use super::keyboard::{Keyboard, Typed};
use super::panels::Theme;
use super::source::Source;
use super::state::{Request, State, Step};
use super::{export, screen};
use crate::capture::{Place, Row, Sample, Toward};
use crate::geo::Databases;
use crate::model::records::Scope;
use crate::model::scope::scope;
use crate::record::Stop;
use crate::{Error, Result};

/// How often the screen is looked after while nothing is pressed.
const TURN: Duration = Duration::from_millis(100);

/// Plays a source of samples on the terminal.
pub struct Player<'a> {
    source: &'a mut dyn Source,
    geo: Arc<Databases>,
    story: Option<Receiver<Vec<Row>>>,
}

impl<'a> Player<'a> {
    /// A player of a source.
    pub fn new(source: &'a mut dyn Source, geo: Arc<Databases>) -> Self {
        Self { source, geo, story: None }
    }

    /// Plays until the user, `stop` or the end of the terminal ends it; the terminal is as before
    /// when it returns, and also after a panic.
    ///
    /// # Errors
    /// [`Error::Io`] if the terminal cannot be used, and what the source says.
    pub fn run(mut self, state: &mut State, at_us: i64, stop: &Stop) -> Result<()> {
        self.fulfil(state, Request::Show(Place::Time(at_us)))?;
        let mut terminal = open().map_err(terminal_error)?;
        let outcome = self.turn(&mut terminal, state, stop);
        if terminal.show_cursor().is_err() {
            // Dropped, it would try that again, and panic where standard error has gone too.
            std::mem::forget(terminal);
        }
        // Of a terminal that has gone, nothing can be restored.
        let restored = ratatui::try_restore().map_err(terminal_error);
        match outcome {
            Ok(Typed::Gone) => Ok(()),
            Ok(_) => restored,
            Err(error) => Err(error),
        }
    }

    fn turn(&mut self, terminal: &mut DefaultTerminal, state: &mut State, stop: &Stop) -> Result<Typed> {
        let theme = Theme::of_environment();
        let keyboard = Keyboard::start().map_err(terminal_error)?;
        let mut before = Instant::now();
        let mut is_stale = true;
        while !stop.is_asked() {
            is_stale |= self.listen(state)?;
            if is_stale {
                let geo = &self.geo;
                let country = |addr| place(geo, addr);
                let drawn = terminal.draw(|frame| screen::draw(frame, state, theme, &country));
                if let Err(error) = drawn {
                    let is_gone = keyboard.wait(TURN) == Typed::Gone;
                    return if is_gone { Ok(Typed::Gone) } else { Err(terminal_error(error)) };
                }
            }
            let request = match keyboard.wait(TURN) {
                Typed::Event(event) => {
                    is_stale = true;
                    take(state, event)
                }
                Typed::Nothing => {
                    is_stale = false;
                    None
                }
                Typed::Gone => return Ok(Typed::Gone),
            };
            match request {
                Some(Request::Quit) => break,
                Some(request) => self.fulfil(state, request)?,
                None => {}
            }
            let now = Instant::now();
            if let Some(request) = state.pass(now.duration_since(before)) {
                self.fulfil(state, request)?;
                is_stale = true;
            }
            before = now;
        }
        Ok(Typed::Nothing)
    }

    /// Takes what has happened meanwhile; whether there was anything.
    fn listen(&mut self, state: &mut State) -> Result<bool> {
        let mut has_news = self.source.news(state)?;
        if let Some(rows) = self.story.as_ref().and_then(|story| story.try_recv().ok()) {
            state.story = Some(rows);
            self.story = None;
            has_news = true;
        }
        Ok(has_news)
    }

    fn fulfil(&mut self, state: &mut State, request: Request) -> Result<()> {
        match request {
            Request::Show(Place::Time(ts_us)) => {
                let sample = self.source.showing(ts_us)?;
                self.show(state, sample)?;
            }
            Request::Show(place @ Place::Tick(_)) => {
                let sample = self.source.at(place, Toward::Later)?;
                self.show(state, sample)?;
            }
            Request::Step(step) => {
                let sample = self.neighbour(state.sample.tick, step)?;
                if sample.is_none() {
                    state.message = Some("no snapshot further in this direction".to_owned());
                }
                self.show(state, sample)?;
            }
            Request::PlayTo(ts_us) => {
                let sample = self.source.at(Place::Time(ts_us), Toward::Earlier)?;
                self.show(state, sample.filter(|sample| sample.tick != state.sample.tick))?;
            }
            Request::Tell(conn_id) => self.story = Some(self.source.story(conn_id)),
            Request::Export(form) => {
                state.message = Some(match export::write(state, form) {
                    Ok(path) => format!("written: {}", path.display()),
                    Err(error) => error.to_string(),
                });
            }
            Request::ToggleRecording => state.message = Some(self.source.toggle_recording()),
            Request::Quit => {}
        }
        Ok(())
    }

    fn neighbour(&mut self, tick: u32, step: Step) -> Result<Option<Sample>> {
        let (next, toward) = match step {
            Step::Forward => (tick.checked_add(1), Toward::Later),
            Step::Back => (tick.checked_sub(1), Toward::Earlier),
        };
        next.map_or(Ok(None), |tick| self.source.at(Place::Tick(tick), toward))
    }

    fn show(&mut self, state: &mut State, sample: Option<Sample>) -> Result<()> {
        let Some(sample) = sample else { return Ok(()) };
        // Rates need the snapshot before, and a slice is no snapshot.
        let previous =
            if self.source.has_snapshots() { self.neighbour(sample.tick, Step::Back)? } else { None };
        state.show(sample, previous);
        Ok(())
    }
}

/// The terminal, in raw mode and on its other screen.
///
/// As the library does it, but for its way of giving the terminal back on a panic: that panics itself
/// when the terminal has gone, and the program aborts.
fn open() -> io::Result<DefaultTerminal> {
    static RESTORES: Once = Once::new();
    RESTORES.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = ratatui::try_restore();
            usual(panic);
        }));
    });
    enable_raw_mode()?;
    let opened = execute!(io::stdout(), EnterAlternateScreen)
        .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
    if opened.is_err() {
        let _ = ratatui::try_restore();
    }
    opened
}

/// What was typed, told to the state.
fn take(state: &mut State, event: Event) -> Option<Request> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => state.press(key),
        Event::Paste(text) => {
            state.paste(&text);
            None
        }
        _ => None,
    }
}

fn terminal_error(error: io::Error) -> Error {
    Error::io("use", "the terminal")(error)
}

/// Where an address is: its country, or why it has none.
fn place(geo: &Databases, addr: IpAddr) -> String {
    match scope(addr) {
        Scope::Public => {
            geo.lookup(addr).and_then(|place| place.country_code).unwrap_or_else(|| "–".to_owned())
        }
        other => other.as_str().to_owned(),
    }
}
