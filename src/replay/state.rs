//! What is on the screen, and what an action makes of it. Knows no terminal and no file: what
//! has to be fetched comes out as a [`Request`], and goes in as a sample.

mod parts;
#[cfg(test)]
mod tests;
mod typing;

use std::time::Duration;

pub use self::parts::{Findings, Live, Mark, Mode, Panel, Request, Step};
use super::action::Action;
use super::listing::Form;
use super::view::{self, DestinationLine, Line, ProcessLine, SortBy};
use crate::capture::{Place, Row, Sample};
use crate::escape;
use crate::filter::Filter;
use crate::humanize;

/// Slowest and fastest playing, in seconds of the recording a second.
const SPEEDS: (f64, f64) = (0.1, 1000.0);

/// Lines that a screen goes further.
const PAGE: usize = 15;

/// Rows of a connection of the live host that its story holds at most: a day of seconds.
const MOST_ROWS_TOLD: usize = 100_000;

/// Everything that is on the screen.
#[derive(Debug)]
pub struct State {
    /// The file, as it was named.
    pub file: String,
    /// First and last moment of the time line, µs since the Unix epoch.
    pub span_us: (i64, i64),
    /// What there is to say of the live host; none for a recording.
    pub live: Option<Live>,
    /// The sample that is shown.
    pub sample: Sample,
    /// The one before, for rates.
    pub previous: Option<Sample>,
    /// What is looked at.
    pub panel: Panel,
    /// What the keyboard is for.
    pub mode: Mode,
    /// Which connections are shown.
    pub filter: Filter,
    /// By what they are sorted.
    pub sort_by: SortBy,
    /// The other way round.
    pub is_reversed: bool,
    /// The selected line.
    pub selected: usize,
    /// Whether time goes on by itself.
    pub is_playing: bool,
    /// Seconds of the recording a second.
    pub speed: f64,
    /// What there is to say, until the next key.
    pub message: Option<String>,
    /// The findings.
    pub findings: Findings,
    /// How much happened, in stretches of equal length over the recording.
    pub activity: Vec<f64>,
    /// All rows of the connection whose story is told; none while they are looked for.
    pub story: Option<Vec<Row>>,
    /// The connection whose story is told.
    pub story_of: Option<Row>,
    /// Where playing is.
    clock_us: i64,
    lines: Vec<Line>,
    processes: Vec<ProcessLine>,
    destinations: Vec<DestinationLine>,
}

impl State {
    /// The first screen.
    pub fn new(file: &str, span_us: (i64, i64), filter: Filter, speed: f64) -> Self {
        Self {
            file: file.to_owned(),
            span_us,
            live: None,
            sample: Sample::default(),
            previous: None,
            panel: Panel::Connections,
            mode: Mode::Normal,
            filter,
            sort_by: SortBy::Change,
            is_reversed: false,
            selected: 0,
            is_playing: false,
            speed: speed.clamp(SPEEDS.0, SPEEDS.1),
            message: None,
            findings: Findings::Searching,
            activity: Vec::new(),
            story: None,
            story_of: None,
            clock_us: span_us.0,
            lines: Vec::new(),
            processes: Vec::new(),
            destinations: Vec::new(),
        }
    }

    /// The first screen of the live host, whose snapshots are followed.
    pub fn live(name: &str, filter: Filter) -> Self {
        Self { live: Some(Live::default()), is_playing: true, ..Self::new(name, (0, 0), filter, 1.0) }
    }

    /// The connections that are seen, sorted.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Their processes.
    pub fn processes(&self) -> &[ProcessLine] {
        &self.processes
    }

    /// Their remote addresses.
    pub fn destinations(&self) -> &[DestinationLine] {
        &self.destinations
    }

    /// The findings, in the order of time.
    pub fn marks(&self) -> &[Mark] {
        match &self.findings {
            Findings::Found(marks) => marks,
            Findings::Searching | Findings::Failed(_) => &[],
        }
    }

    /// Takes a sample, and the one before it.
    pub fn show(&mut self, sample: Sample, previous: Option<Sample>) {
        // While it plays, the clock goes on between the samples.
        if !self.is_playing || sample.ts_us > self.clock_us {
            self.clock_us = sample.ts_us;
        }
        self.sample = sample;
        self.previous = previous;
        self.refresh();
    }

    /// The live host has a new snapshot, which is shown unless one has stopped to look.
    pub fn follow(&mut self, sample: Sample) {
        if !self.is_playing {
            return;
        }
        if let (Mode::Story, Some(story), Some(of)) = (&self.mode, &mut self.story, &self.story_of) {
            let rows = sample.events.iter().chain(&sample.rows).filter(|row| row.conn_id == of.conn_id);
            story.extend(rows.take(MOST_ROWS_TOLD.saturating_sub(story.len())).cloned());
        }
        let previous = std::mem::take(&mut self.sample);
        let is_before = (1..sample.ts_us).contains(&previous.ts_us);
        self.show(sample, is_before.then_some(previous));
    }

    /// Time has passed: where playing is now.
    pub fn pass(&mut self, time: Duration) -> Option<Request> {
        if !self.is_playing || self.live.is_some() {
            return None;
        }
        let by_us = time.as_secs_f64() * self.speed * 1e6;
        self.clock_us = self.clock_us.saturating_add(by_us as i64);
        if self.clock_us >= self.span_us.1 {
            self.clock_us = self.span_us.1;
            self.is_playing = false;
            self.message = Some("the end of the recording".to_owned());
        }
        Some(Request::PlayTo(self.clock_us))
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action) -> Option<Request> {
        match action {
            Action::Quit => return Some(Request::Quit),
            Action::Help => self.mode = Mode::Help,
            Action::Play if self.live.is_some() && !self.is_playing => return Some(self.catch_up()),
            Action::Play => self.is_playing = !self.is_playing,
            Action::Faster | Action::Slower if self.live.is_some() => {
                self.message = Some("the live host has only one speed".to_owned());
            }
            Action::Faster => self.speed = (self.speed * 2.0).min(SPEEDS.1),
            Action::Slower => self.speed = (self.speed / 2.0).max(SPEEDS.0),
            Action::NextTick => return Some(self.stop(Request::Step(Step::Forward))),
            Action::PreviousTick => return Some(self.stop(Request::Step(Step::Back))),
            Action::Start => return Some(self.stop(Request::Show(Place::Time(self.span_us.0)))),
            Action::End if self.live.is_some() => return Some(self.catch_up()),
            Action::End => return Some(self.stop(Request::Show(Place::Time(self.span_us.1)))),
            Action::AskTime => self.mode = Mode::Time(String::new()),
            Action::AskFilter => self.mode = Mode::Filter(self.filter.text().to_owned()),
            Action::NextFinding => return self.seek_finding(Step::Forward),
            Action::PreviousFinding => return self.seek_finding(Step::Back),
            Action::NextPanel => self.turn_to((self.panel as usize + 1) % Panel::ALL.len()),
            Action::Panel(number) => self.turn_to(number),
            Action::Sort | Action::Reverse => self.sort(action),
            Action::Down => self.select(self.selected.saturating_add(1)),
            Action::Up => self.select(self.selected.saturating_sub(1)),
            Action::PageDown => self.select(self.selected.saturating_add(PAGE)),
            Action::PageUp => self.select(self.selected.saturating_sub(PAGE)),
            Action::Open => return self.open(),
            Action::Back => self.back(),
            Action::ExportCsv => return Some(Request::Export(Form::Csv)),
            Action::ExportJson => return Some(Request::Export(Form::Ndjson)),
            Action::Command => self.message = Some(self.command()),
            Action::Record => return Some(Request::ToggleRecording),
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

    /// The rows that are exported: those of the connections that are seen.
    pub fn seen(&self) -> impl Iterator<Item = &Row> {
        self.lines.iter().map(|line| &line.row)
    }

    /// Goes to the newest snapshot of the live host, and on with those that come.
    fn catch_up(&mut self) -> Request {
        self.is_playing = true;
        Request::Show(Place::Time(i64::MAX))
    }

    fn stop(&mut self, request: Request) -> Request {
        self.is_playing = false;
        request
    }

    fn seek_finding(&mut self, step: Step) -> Option<Request> {
        // The sample that shows a finding ends after it began.
        let shown_since = self.previous.as_ref().map_or(i64::MIN, |previous| previous.ts_us);
        let here = self.sample.ts_us;
        let marks = self.marks();
        let mark = match step {
            Step::Forward => marks.iter().find(|mark| mark.ts_us > here),
            Step::Back => marks.iter().rev().find(|mark| mark.ts_us <= shown_since),
        };
        if let Some(mark) = mark {
            let (ts_us, text) = (mark.ts_us, format!("{}: {}", mark.label, mark.title));
            self.message = Some(text);
            return Some(self.stop(Request::Show(Place::Time(ts_us))));
        }
        self.message = Some(match &self.findings {
            Findings::Searching => "the detectors are still at work".to_owned(),
            Findings::Failed(why) => format!("no findings: {why}"),
            Findings::Found(_) => "no finding further in this direction".to_owned(),
        });
        None
    }

    fn turn_to(&mut self, number: usize) {
        if let Some(panel) = Panel::ALL.get(number) {
            self.panel = *panel;
            self.mode = Mode::Normal;
            self.select(0);
        }
    }

    fn sort(&mut self, action: Action) {
        if action == Action::Reverse {
            self.is_reversed = !self.is_reversed;
        } else {
            let now = SortBy::ALL.iter().position(|by| *by == self.sort_by).unwrap_or(0);
            self.sort_by = SortBy::ALL[(now + 1) % SortBy::ALL.len()];
        }
        self.message = Some(format!("sorted by {}", self.sort_by.name()));
        self.refresh();
    }

    fn select(&mut self, line: usize) {
        self.selected = line.min(self.length().saturating_sub(1));
    }

    /// Lines of what is shown.
    fn length(&self) -> usize {
        if self.mode == Mode::Story {
            return self.story.as_ref().map_or(0, Vec::len);
        }
        match self.panel {
            Panel::Connections => self.lines.len(),
            Panel::Processes => self.processes.len(),
            Panel::Destinations => self.destinations.len(),
            Panel::Findings => self.marks().len(),
        }
    }

    fn open(&mut self) -> Option<Request> {
        match self.panel {
            _ if self.mode == Mode::Story => None,
            Panel::Connections => {
                let row = self.lines.get(self.selected)?.row.clone();
                let conn_id = row.conn_id;
                (self.story, self.story_of) = (None, Some(row));
                self.mode = Mode::Story;
                self.selected = 0;
                Some(Request::Tell(conn_id))
            }
            Panel::Processes => {
                let owner = self.processes.get(self.selected)?.row.owner.clone();
                let pid = owner.and_then(|owner| owner.pid);
                self.look_at(&pid.map_or_else(|| "pid:none".to_owned(), |pid| format!("pid:{pid}")))
            }
            Panel::Destinations => {
                let addr = self.destinations.get(self.selected)?.addr;
                self.look_at(&format!("remote:{addr}"))
            }
            Panel::Findings => {
                let mark = self.marks().get(self.selected)?;
                let (ts_us, text) = (mark.ts_us, format!("{}: {}", mark.label, mark.title));
                self.message = Some(text);
                self.turn_to(0);
                Some(self.stop(Request::Show(Place::Time(ts_us))))
            }
        }
    }

    /// Shows the connections of a process or of a destination.
    fn look_at(&mut self, expression: &str) -> Option<Request> {
        if let Ok(filter) = expression.parse() {
            self.filter = self.filter.with_same_countries(filter);
            self.turn_to(0);
            self.refresh();
        }
        None
    }

    fn back(&mut self) {
        if self.mode == Mode::Story {
            self.mode = Mode::Normal;
            self.select(0);
        } else if !self.filter.is_empty() {
            self.filter = self.filter.with_same_countries(Filter::default());
            self.refresh();
        }
    }

    /// What follows from the sample, the filter and the order.
    fn refresh(&mut self) {
        // A line that was chosen stays chosen, wherever it goes; the first line is no choice.
        let chosen = self.lines.get(self.selected).filter(|_| self.selected > 0).map(|line| line.row.conn_id);
        self.lines = view::connections(&self.sample, self.previous.as_ref(), &self.filter);
        view::sort(&mut self.lines, self.sort_by, self.is_reversed);
        self.processes = view::processes(&self.lines);
        self.destinations = view::destinations(&self.lines);
        let is_list = self.panel == Panel::Connections && self.mode != Mode::Story;
        let place = chosen.filter(|_| is_list);
        let place = place.and_then(|id| self.lines.iter().position(|line| line.row.conn_id == id));
        self.select(place.unwrap_or(self.selected));
    }
}
