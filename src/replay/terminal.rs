//! The terminal, and the loop between the keyboard, the state and the recording.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};

use super::background::{self, Found};
use super::listing::{self, Form};
use super::panels::Theme;
use super::screen;
use super::state::{Findings, Request, State, Step};
use crate::analyze::model::Scope;
use crate::analyze::scope::scope;
use crate::capture::{Cursor, Place, Row, Sample, Toward};
use crate::geo::Databases;
use crate::record::Stop;
use crate::{Error, Result};

/// How often the screen is looked after while nothing is pressed.
const TURN: Duration = Duration::from_millis(100);

/// A player of a recording.
pub struct Player {
    cursor: Cursor,
    geo: Arc<Databases>,
    found: Receiver<Found>,
    story: Option<Receiver<Vec<Row>>>,
}

impl Player {
    /// A player of a capture, whose detectors run in the background.
    pub fn new(cursor: Cursor, geo: Databases) -> Self {
        let geo = Arc::new(geo);
        let found = background::analyze(Arc::clone(cursor.capture()), Arc::clone(&geo));
        Self { cursor, geo, found, story: None }
    }

    /// Plays until the user or `stop` ends it; the terminal is as before when it returns, and
    /// also after a panic.
    ///
    /// # Errors
    /// [`Error::Io`] if the terminal cannot be used, [`Error::Damaged`] if the capture holds
    /// what no netrec writes.
    pub fn run(mut self, state: &mut State, at_us: i64, stop: &Stop) -> Result<()> {
        let io = |error| Error::io("use", "the terminal")(error);
        let theme = Theme::of_environment();
        self.fulfil(state, Request::Show(Place::Time(at_us)))?;
        state.activity = background::density(&self.cursor, state.span_us);
        let mut terminal = ratatui::try_init().map_err(io)?;
        let outcome = self.turn(&mut terminal, state, theme, stop);
        ratatui::try_restore().map_err(io)?;
        outcome
    }

    fn turn(
        &mut self,
        terminal: &mut ratatui::DefaultTerminal,
        state: &mut State,
        theme: Theme,
        stop: &Stop,
    ) -> Result<()> {
        let io = |error| Error::io("use", "the terminal")(error);
        let mut before = Instant::now();
        let mut is_stale = true;
        while !stop.is_asked() {
            is_stale |= self.listen(state);
            if is_stale {
                let geo = &self.geo;
                let country = |addr| place(geo, addr);
                terminal.draw(|frame| screen::draw(frame, state, theme, &country)).map_err(io)?;
            }
            is_stale = event::poll(TURN).map_err(io)?;
            if is_stale {
                let request = match event::read().map_err(io)? {
                    Event::Key(key) if key.kind != KeyEventKind::Release => state.press(key),
                    Event::Paste(text) => {
                        state.paste(&text);
                        None
                    }
                    _ => None,
                };
                match request {
                    Some(Request::Quit) => return Ok(()),
                    Some(request) => self.fulfil(state, request)?,
                    None => {}
                }
            }
            let now = Instant::now();
            if let Some(request) = state.pass(now.duration_since(before)) {
                self.fulfil(state, request)?;
                is_stale = true;
            }
            before = now;
        }
        Ok(())
    }

    /// Takes what the background has found; whether there was anything.
    fn listen(&mut self, state: &mut State) -> bool {
        let mut has_news = false;
        match self.found.try_recv() {
            Ok(found) => {
                state.findings = found.findings;
                if let Some(activity) = found.activity {
                    state.activity = activity;
                }
                has_news = true;
            }
            Err(TryRecvError::Disconnected) if state.findings == Findings::Searching => {
                state.findings = Findings::Failed("the detectors gave up".to_owned());
                has_news = true;
            }
            Err(_) => {}
        }
        if let Some(rows) = self.story.as_ref().and_then(|story| story.try_recv().ok()) {
            state.story = Some(rows);
            self.story = None;
            has_news = true;
        }
        has_news
    }

    fn fulfil(&mut self, state: &mut State, request: Request) -> Result<()> {
        match request {
            Request::Show(Place::Time(ts_us)) => {
                let sample = self.cursor.showing(ts_us)?;
                self.show(state, sample)?;
            }
            Request::Show(place @ Place::Tick(_)) => {
                let sample = self.cursor.at(place, Toward::Later)?;
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
                let sample = self.cursor.at(Place::Time(ts_us), Toward::Earlier)?;
                self.show(state, sample.filter(|sample| sample.tick != state.sample.tick))?;
            }
            Request::Tell(conn_id) => {
                self.story = Some(background::story(Arc::clone(self.cursor.capture()), conn_id));
            }
            Request::Export(form) => {
                state.message = Some(match export(state, form) {
                    Ok(path) => format!("written: {}", path.display()),
                    Err(error) => error.to_string(),
                });
            }
            Request::Quit => {}
        }
        Ok(())
    }

    fn neighbour(&mut self, tick: u32, step: Step) -> Result<Option<Sample>> {
        let (next, toward) = match step {
            Step::Forward => (tick.checked_add(1), Toward::Later),
            Step::Back => (tick.checked_sub(1), Toward::Earlier),
        };
        next.map_or(Ok(None), |tick| self.cursor.at(Place::Tick(tick), toward))
    }

    fn show(&mut self, state: &mut State, sample: Option<Sample>) -> Result<()> {
        let Some(sample) = sample else { return Ok(()) };
        // Rates need the snapshot before, and a slice is no snapshot.
        let previous = match self.cursor.slice_us() {
            None => self.neighbour(sample.tick, Step::Back)?,
            Some(_) => None,
        };
        state.show(sample, previous);
        Ok(())
    }
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

/// Writes what is seen into a new file in this folder.
fn export(state: &State, form: Form) -> Result<PathBuf> {
    let stem =
        std::path::Path::new(&state.file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let time = crate::report::format::moment(state.sample.ts_us);
    let time = time.map(|time| time.format("-%Y%m%dT%H%M%S%.6fZ").to_string()).unwrap_or_default();
    let ending = if form == Form::Json { "ndjson" } else { "csv" };
    let path = PathBuf::from(format!("{stem}{time}.{ending}"));
    let file = File::create_new(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
        _ => Error::io("create", &path)(error),
    })?;
    let mut out = BufWriter::new(file);
    listing::write(&mut out, form, state.seen())
        .and_then(|()| out.flush())
        .map_err(Error::io("write", &path))?;
    Ok(path)
}

/// A channel whose sender lives in a thread of its own.
pub(super) fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    // Without a thread nothing is ever sent, and the receiver finds its sender gone.
    let _ = std::thread::Builder::new().name("replay".to_owned()).spawn(move || sender.send(work()));
    receiver
}
