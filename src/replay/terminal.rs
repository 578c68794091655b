//! The main loop, which connects the keyboard, the state, the source of samples and the terminal.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};

use super::display::Display;
use super::history::POINTS;
use super::keyboard::{Keyboard, Typed};
use super::look::Theme;
use super::source::Source;
use super::state::{Request, State, Step};
use super::{export, screen};
use crate::capture::{Position, Row, Sample, Toward};
use crate::record::Stop;
use crate::{Error, Result};

/// How often the screen is checked while no key is pressed.
const TURN: Duration = Duration::from_millis(100);

/// Plays a source of samples on the terminal.
pub struct Player<'a> {
    source: &'a mut dyn Source,
    detail: Option<Receiver<Vec<Row>>>,
}

/// Why the loop ended.
enum End {
    /// The user or `stop` ended it.
    Asked,
    /// The terminal is gone.
    Gone,
}

impl<'a> Player<'a> {
    /// A player of a source.
    pub fn new(source: &'a mut dyn Source) -> Self {
        Self { source, detail: None }
    }

    /// Runs until the user, `stop` or the loss of the terminal ends it. The terminal is restored on
    /// return, and also after a panic.
    ///
    /// # Errors
    /// [`Error::Io`] if the terminal cannot be used, and the errors of the source.
    pub fn run(mut self, state: &mut State, at_us: i64, stop: &Stop) -> Result<()> {
        self.fulfil(state, &Request::Show(Position::Time(at_us)))?;
        let mut display = Display::open().map_err(terminal_error)?;
        let outcome = self.turn(&mut display, state, stop);
        // On a terminal that is gone, nothing can be restored.
        let restored = display.close();
        match outcome {
            Ok(End::Gone) => Ok(()),
            Ok(End::Asked) => {
                restored.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(terminal_error(error)) })
            }
            Err(error) => Err(error),
        }
    }

    fn turn(&mut self, display: &mut Display, state: &mut State, stop: &Stop) -> Result<End> {
        let theme = Theme::from_environment();
        let keyboard = Keyboard::start().map_err(terminal_error)?;
        let mut before = Instant::now();
        let mut is_stale = true;
        while !stop.is_asked() {
            is_stale |= self.listen(state)?;
            let drawn = look_after(display, state, theme, is_stale);
            if let Err(error) = drawn {
                return if is_gone(&error) { Ok(End::Gone) } else { Err(terminal_error(error)) };
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
                Typed::Gone => return Ok(End::Gone),
            };
            match request {
                Some(Request::Quit) => break,
                Some(request) => {
                    let done = on_display(display, state, &request);
                    match done {
                        Ok(true) => {}
                        Ok(false) => self.fulfil(state, &request)?,
                        Err(error) if is_gone(&error) => return Ok(End::Gone),
                        Err(error) => return Err(terminal_error(error)),
                    }
                }
                None => {}
            }
            let now = Instant::now();
            if let Some(request) = state.pass(now.duration_since(before)) {
                self.fulfil(state, &request)?;
                is_stale = true;
            }
            before = now;
        }
        Ok(End::Asked)
    }

    /// Takes what is new; returns whether there was anything.
    fn listen(&mut self, state: &mut State) -> Result<bool> {
        let mut has_news = self.source.news(state)?;
        let rows = match self.detail.as_ref().map(Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => return Ok(has_news),
            Some(Ok(rows)) => Ok(rows),
            Some(Err(TryRecvError::Disconnected)) => {
                Err("The rows cannot be read: the background thread could not be started or has died."
                    .to_owned())
            }
        };
        self.detail = None;
        if let Some(detail) = &mut state.detail {
            detail.rows = Some(rows);
            has_news = true;
        }
        Ok(has_news)
    }

    fn fulfil(&mut self, state: &mut State, request: &Request) -> Result<()> {
        match *request {
            Request::Show(Position::Time(ts_us)) => {
                let sample = self.source.showing(ts_us)?;
                self.show(state, sample)?;
            }
            Request::Show(position @ Position::Tick(_)) => {
                let sample = self.source.at(position, Toward::Later)?;
                self.show(state, sample)?;
            }
            Request::Step(step) => {
                let sample = self.neighbour(state.sample.tick, step)?;
                if sample.is_none() {
                    let end = if step == Step::Forward { "last" } else { "first" };
                    state.message = Some(format!("this is the {end} snapshot"));
                }
                self.show(state, sample)?;
            }
            Request::PlayTo(ts_us) => {
                let sample = self.source.at(Position::Time(ts_us), Toward::Earlier)?;
                self.show(state, sample.filter(|sample| sample.tick != state.sample.tick))?;
            }
            Request::Detail(conn_id) => self.detail = Some(self.source.detail(conn_id)),
            Request::Export(form) => {
                state.message = Some(match export::write(state, form) {
                    Ok(path) => format!("written: {}", path.display()),
                    Err(error) => error.to_string(),
                });
            }
            Request::ToggleRecording => state.message = Some(self.source.toggle_recording()),
            Request::Copy(_) | Request::ToggleMouse | Request::Redraw | Request::Suspend | Request::Quit => {}
        }
        Ok(())
    }

    fn neighbour(&mut self, tick: u32, step: Step) -> Result<Option<Sample>> {
        let (next, toward) = match step {
            Step::Forward => (tick.checked_add(1), Toward::Later),
            Step::Back => (tick.checked_sub(1), Toward::Earlier),
        };
        next.map_or(Ok(None), |tick| self.source.at(Position::Tick(tick), toward))
    }

    fn show(&mut self, state: &mut State, sample: Option<Sample>) -> Result<()> {
        let Some(sample) = sample else { return Ok(()) };
        // Rates require the previous snapshot, and a slice is no snapshot.
        if !self.source.has_snapshots() {
            state.show(sample, None);
            state.history.replace([]);
            return Ok(());
        }
        let previous = self.neighbour(sample.tick, Step::Back)?;
        let follows = previous.as_ref().is_some_and(|previous| previous.tick == state.sample.tick);
        // Fast playback shows only some of the snapshots, and the trend is made of those.
        if !follows && !state.is_playing {
            let before = self.before(previous.clone())?;
            state.history.replace(&before);
        }
        state.show(sample, previous);
        Ok(())
    }

    /// The snapshots up to this one that a trend requires, in time order.
    fn before(&mut self, last: Option<Sample>) -> Result<Vec<Sample>> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut next = last;
        while let Some(sample) = next.take().filter(|_| samples.len() < POINTS) {
            next = self.neighbour(sample.tick, Step::Back)?;
            samples.push(sample);
        }
        samples.reverse();
        Ok(samples)
    }
}

/// Redraws what is outdated, and handles suspension by the shell.
fn look_after(display: &mut Display, state: &mut State, theme: Theme, is_stale: bool) -> io::Result<()> {
    if display.is_asked_to_suspend() {
        display.suspend()?;
    }
    let came_back = display.come_back()?;
    if !(is_stale || came_back) {
        return Ok(());
    }
    let mut hits = state.hits.clone();
    display.draw(|frame| hits = screen::draw(frame, state, theme))?;
    state.hits = hits;
    Ok(())
}

/// Handles requests to the terminal; false for any other.
fn on_display(display: &mut Display, state: &mut State, request: &Request) -> io::Result<bool> {
    match request {
        Request::Copy(text) => {
            Display::copy(text)?;
            state.message =
                Some(format!("sent to the clipboard (OSC 52), if the terminal allows it: {text}"));
        }
        Request::ToggleMouse => {
            let has_mouse = display.toggle_mouse()?;
            let told = if has_mouse { "mouse on" } else { "mouse off: the terminal selects text again" };
            state.message = Some(told.to_owned());
        }
        Request::Redraw => display.redraw()?,
        Request::Suspend => {
            if !display.suspend()? {
                state.message = Some("not suspended: no shell could resume it".to_owned());
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Passes keyboard and mouse input to the state.
fn take(state: &mut State, event: Event) -> Option<Request> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => state.press(key),
        Event::Paste(text) => {
            state.paste(&text);
            None
        }
        Event::Mouse(MouseEvent { kind, column, row, .. }) => match kind {
            MouseEventKind::Down(MouseButton::Left) => state.click(column, row),
            MouseEventKind::ScrollDown => {
                state.scroll(true);
                None
            }
            MouseEventKind::ScrollUp => {
                state.scroll(false);
                None
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether an error means that the terminal is gone: its other end was closed, or the connection
/// has ended.
fn is_gone(error: &io::Error) -> bool {
    #[cfg(unix)]
    if matches!(error.raw_os_error(), Some(libc::EIO | libc::ENXIO | libc::EBADF)) {
        return true;
    }
    error.kind() == io::ErrorKind::BrokenPipe
}

fn terminal_error(error: io::Error) -> Error {
    Error::io("use", "the terminal")(error)
}
