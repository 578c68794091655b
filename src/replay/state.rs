//! The state of the screen, and the effect of actions. Independent of the terminal and of files:
//! what must be fetched is returned as a [`Request`], and comes back as a sample.

mod copy;
mod lists;
mod mouse;
mod parts;
mod seek;
#[cfg(test)]
mod tests;
mod typing;

use std::collections::BTreeSet;
use std::time::Duration;

use self::lists::Lists;
pub use self::parts::{Detail, Findings, Hits, Live, Mode, Panel, Request, Step, TableView, TimelineMarker};
use self::seek::Visited;
use super::action::Action;
use super::history::History;
use super::listing::Form;
use super::panels::{heads, help};
use super::view::{Geolocator, Grouping, Item};
use crate::capture::{Position, Row, Sample};
use crate::escape;
use crate::filter::Filter;
use crate::humanize;

/// Minimum and maximum playback speed, in recorded seconds per second.
const SPEEDS: (f64, f64) = (0.1, 1000.0);

/// Maximum number of kept rows of a live connection: a day of seconds.
const MOST_DETAIL_ROWS: usize = 100_000;

/// Everything that is on the screen.
#[derive(Debug)]
pub struct State {
    /// The file as given.
    pub file: String,
    /// First and last moment of the timeline, µs since the Unix epoch.
    pub span_us: (i64, i64),
    /// State of the live host; `None` for a recording.
    pub live: Option<Live>,
    /// The current sample.
    pub sample: Sample,
    /// The previous sample, for rates.
    pub previous: Option<Sample>,
    /// Earlier samples, for trends.
    pub history: History,
    /// Looks up where an address is.
    pub geolocator: Geolocator,
    /// Whether the header adds the local time; everything else is in UTC.
    pub has_local_time: bool,
    /// The current panel.
    pub panel: Panel,
    /// What the keyboard controls.
    pub mode: Mode,
    /// Which connections are shown.
    pub filter: Filter,
    /// What the connections are grouped by.
    pub grouping: Grouping,
    /// The selected line of the panel.
    pub selected: usize,
    /// The selected line of what is open over the panel.
    pub cursor: usize,
    /// Whether playback is running.
    pub is_playing: bool,
    /// Recorded seconds per second.
    pub speed: f64,
    /// A message, shown until the next key.
    pub message: Option<String>,
    /// The findings.
    pub findings: Findings,
    /// Detectors that failed, and why.
    pub failed_detectors: Vec<String>,
    /// The activity, in intervals of equal length over the recording.
    pub activity: Vec<f64>,
    /// The open connection.
    pub detail: Option<Detail>,
    /// Positions of what was last drawn.
    pub hits: Hits,
    tables: [TableView; Panel::ALL.len()],
    folded: BTreeSet<String>,
    visited: Option<Visited>,
    /// Time of the playback.
    clock_us: i64,
    lists: Lists,
}

impl State {
    /// The initial state.
    pub fn new(file: &str, span_us: (i64, i64), filter: Filter, speed: f64) -> Self {
        Self {
            file: file.to_owned(),
            span_us,
            live: None,
            sample: Sample::default(),
            previous: None,
            history: History::default(),
            geolocator: Geolocator::default(),
            has_local_time: false,
            panel: Panel::Connections,
            mode: Mode::Normal,
            filter,
            grouping: Grouping::None,
            selected: 0,
            cursor: 0,
            is_playing: false,
            speed: speed.clamp(SPEEDS.0, SPEEDS.1),
            message: None,
            findings: Findings::Searching,
            failed_detectors: Vec::new(),
            activity: Vec::new(),
            detail: None,
            hits: Hits::default(),
            tables: Default::default(),
            folded: BTreeSet::new(),
            visited: None,
            clock_us: span_us.0,
            lists: Lists::default(),
        }
    }

    /// The initial state for the live host, whose snapshots are followed.
    pub fn live(name: &str, filter: Filter) -> Self {
        Self { live: Some(Live::default()), is_playing: true, ..Self::new(name, (0, 0), filter, 1.0) }
    }

    /// The findings in time order.
    pub fn marks(&self) -> &[TimelineMarker] {
        match &self.findings {
            Findings::Found(marks) => marks,
            Findings::Searching | Findings::Failed(_) => &[],
        }
    }

    /// Sets the findings.
    pub fn find(&mut self, findings: Findings) {
        self.findings = findings;
        self.refresh();
    }

    /// Sets the current and the previous sample.
    pub fn show(&mut self, sample: Sample, previous: Option<Sample>) {
        // During playback, the clock keeps running between the samples.
        if !self.is_playing || sample.ts_us > self.clock_us {
            self.clock_us = sample.ts_us;
        }
        self.history.push(&sample);
        self.sample = sample;
        self.previous = previous;
        self.refresh();
    }

    /// Takes a new snapshot of the live host, which is shown unless the user has stopped.
    pub fn follow(&mut self, sample: Sample) {
        if !self.is_playing {
            return;
        }
        if let Some(Detail { of, rows: Some(Ok(detail)) }) = &mut self.detail {
            let rows = sample.events.iter().chain(&sample.rows).filter(|row| row.conn_id == of.conn_id);
            detail.extend(rows.take(MOST_DETAIL_ROWS.saturating_sub(detail.len())).cloned());
        }
        let previous = std::mem::take(&mut self.sample);
        let is_before = (1..sample.ts_us).contains(&previous.ts_us);
        self.show(sample, is_before.then_some(previous));
    }

    /// Advances playback by the time passed.
    pub fn pass(&mut self, time: Duration) -> Option<Request> {
        if !self.is_playing || self.live.is_some() {
            return None;
        }
        let by_us = time.as_secs_f64() * self.speed * 1e6;
        self.clock_us = self.clock_us.saturating_add(by_us as i64);
        if self.clock_us >= self.span_us.1 {
            self.clock_us = self.span_us.1;
            self.is_playing = false;
            self.message = Some("end of the recording".to_owned());
        }
        Some(Request::PlayTo(self.clock_us))
    }

    /// Performs the action of a key.
    pub fn act(&mut self, action: Action) -> Option<Request> {
        match action {
            Action::Quit if self.mode != Mode::Normal => self.back(),
            Action::Quit | Action::Interrupt => return Some(Request::Quit),
            Action::Help => self.open_over(Mode::Help),
            Action::Columns => self.open_over(Mode::Columns),
            Action::Play if self.live.is_some() && !self.is_playing => return Some(self.catch_up()),
            Action::Play => {
                self.visited = None;
                self.is_playing = !self.is_playing;
            }
            Action::Faster | Action::Slower if self.live.is_some() => {
                self.message = Some("playback speed does not apply to a live host".to_owned());
            }
            Action::Faster => self.speed = (self.speed * 2.0).min(SPEEDS.1),
            Action::Slower => self.speed = (self.speed / 2.0).max(SPEEDS.0),
            Action::NextTick => return Some(self.stop(Request::Step(Step::Forward))),
            Action::PreviousTick => return Some(self.stop(Request::Step(Step::Back))),
            Action::Start => return Some(self.stop(Request::Show(Position::Time(self.span_us.0)))),
            Action::End if self.live.is_some() => return Some(self.catch_up()),
            Action::End => return Some(self.stop(Request::Show(Position::Time(self.span_us.1)))),
            Action::AskTime => self.mode = Mode::Time(String::new()),
            Action::AskFilter => self.mode = Mode::Filter(self.filter.text().to_owned()),
            Action::NextFinding => return self.seek_finding(Step::Forward),
            Action::PreviousFinding => return self.seek_finding(Step::Back),
            Action::NextPanel => self.select_panel((self.panel as usize + 1) % Panel::ALL.len()),
            Action::Panel(number) => self.select_panel(number),
            Action::Sort => self.sort_by_next(),
            Action::Reverse => self.sort_by(self.table().sort.column, !self.table().sort.is_reversed),
            Action::Group => self.group_by_next(),
            Action::Down => self.select_by(1),
            Action::Up => self.select_by(-1),
            Action::PageDown => self.select_by(self.page()),
            Action::PageUp => self.select_by(-self.page()),
            Action::Open => return self.open(),
            Action::Back => self.back(),
            Action::ExportCsv => return Some(Request::Export(Form::Csv)),
            Action::ExportJson => return Some(Request::Export(Form::Ndjson)),
            Action::Command => self.message = Some(self.command()),
            Action::Copy => return self.copy_line(),
            Action::CopyCommand => return Some(Request::Copy(self.command())),
            Action::Record => return Some(Request::ToggleRecording),
            Action::Mouse => return Some(Request::ToggleMouse),
            Action::Redraw => return Some(Request::Redraw),
            Action::Suspend => return Some(Request::Suspend),
        }
        None
    }

    /// The command that shows this moment.
    pub fn command(&self) -> String {
        let recording = self.live.as_ref().map(|live| live.recording.as_ref().map(|(file, _)| file.as_str()));
        let file = match recording {
            None => escape::shell_word(&self.file),
            Some(Some(file)) => escape::shell_word(file),
            Some(None) => return format!("netrec watch{}", self.filter_option()),
        };
        let at = humanize::iso_utc(self.sample.ts_us).map(|at| format!(" --at {at}")).unwrap_or_default();
        format!("netrec replay {file}{at}{}", self.filter_option())
    }

    fn filter_option(&self) -> String {
        if self.filter.is_empty() {
            return String::new();
        }
        format!(" --filter={}", escape::shell_word(&format!("{}", self.filter)))
    }

    /// The rows to export: those of the visible connections.
    pub fn seen(&self) -> impl Iterator<Item = &Row> {
        self.lines().iter().map(|line| &line.row)
    }

    /// Jumps to the newest snapshot of the live host, and follows it again.
    fn catch_up(&mut self) -> Request {
        self.visited = None;
        self.is_playing = true;
        Request::Show(Position::Time(i64::MAX))
    }

    fn stop(&mut self, request: Request) -> Request {
        self.visited = None;
        self.is_playing = false;
        request
    }

    fn select_panel(&mut self, number: usize) {
        if let Some(panel) = Panel::ALL.get(number) {
            self.panel = *panel;
            self.mode = Mode::Normal;
            self.detail = None;
            self.hits = Hits::default();
            self.selected = 0;
        }
    }

    /// Opens something over the panel, which stays as it is.
    fn open_over(&mut self, mode: Mode) {
        self.mode = mode;
        self.cursor = 0;
        self.hits.first = 0;
    }

    fn open(&mut self) -> Option<Request> {
        match self.panel {
            _ if self.mode != Mode::Normal => None,
            Panel::Connections => self.open_connection(),
            Panel::Processes => {
                let pid = self.processes().get(self.selected)?.identity().0;
                self.look_at(&pid.map_or_else(|| "pid:none".to_owned(), |pid| format!("pid:{pid}")))
            }
            Panel::Destinations => {
                let addr = self.destinations().get(self.selected)?.addr;
                self.look_at(&format!("remote:{addr}"))
            }
            Panel::Findings => {
                let place = *self.finding_order().get(self.selected)?;
                self.visit(place)
            }
        }
    }

    /// Opens a connection, or expands or collapses a group.
    fn open_connection(&mut self) -> Option<Request> {
        match self.items().get(self.selected)?.clone() {
            Item::Group(group) => {
                if !self.folded.remove(&group.key) {
                    self.folded.insert(group.key);
                }
                self.refresh();
                None
            }
            Item::Connection(at) => {
                let row = self.lines().get(at)?.row.clone();
                let conn_id = row.conn_id;
                self.detail = Some(Detail { of: row, rows: None });
                self.open_over(Mode::Detail);
                Some(Request::Detail(conn_id))
            }
        }
    }

    /// Shows the connections of a process or of a destination.
    fn look_at(&mut self, expression: &str) -> Option<Request> {
        if let Ok(filter) = expression.parse() {
            self.filter = self.filter.with_same_countries(filter);
            self.select_panel(0);
            self.refresh();
        }
        None
    }

    fn back(&mut self) {
        if self.mode != Mode::Normal {
            self.mode = Mode::Normal;
            self.detail = None;
            self.hits.first = self.selected;
        } else if !self.filter.is_empty() {
            self.filter = self.filter.with_same_countries(Filter::default());
            self.refresh();
        }
    }

    /// Number of lines to select from.
    fn length(&self) -> usize {
        match &self.mode {
            Mode::Detail => match &self.detail {
                Some(Detail { rows: Some(Ok(rows)), .. }) => rows.len(),
                _ => 0,
            },
            Mode::Help => {
                help::length(self.hits.body.width).saturating_sub(usize::from(self.hits.body.height)) + 1
            }
            Mode::Columns => heads(self.panel).len(),
            Mode::Normal | Mode::Time(_) | Mode::Filter(_) => self.lists.length(self.panel),
        }
    }

    /// Moves the selection down by this many lines, or up.
    pub(super) fn select_by(&mut self, lines: isize) {
        let last = self.length().saturating_sub(1);
        let line = if self.is_over() { &mut self.cursor } else { &mut self.selected };
        *line = line.saturating_add_signed(lines).min(last);
    }

    /// Whether something is open over the panel.
    fn is_over(&self) -> bool {
        matches!(self.mode, Mode::Help | Mode::Detail | Mode::Columns)
    }

    /// Number of lines that a page scrolls; one line stays in view.
    fn page(&self) -> isize {
        isize::from(self.hits.body.height.try_into().unwrap_or(i16::MAX)).saturating_sub(1).max(1)
    }
}
