//! What a state is made of.

use ratatui::layout::Rect;

use super::super::columns::{Choice, Sort};
use super::super::listing::Form;
use crate::capture::{Place, Row};
use crate::model::finding::Severity;

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the panels")]
pub enum Panel {
    Connections,
    Processes,
    Destinations,
    Findings,
}

impl Panel {
    /// Every panel, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Connections, Self::Processes, Self::Destinations, Self::Findings];

    /// Its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connections => "Connections",
            Self::Processes => "Processes",
            Self::Destinations => "Destinations",
            Self::Findings => "Findings",
        }
    }

    /// Its order when no column was chosen.
    pub(super) fn own_order(self) -> &'static str {
        match self {
            Self::Connections => "changes first",
            Self::Processes => "process tree",
            Self::Destinations => "most connections first",
            Self::Findings => "time",
        }
    }
}

/// How the table of a panel is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableView {
    /// By what it is sorted.
    pub sort: Sort,
    /// Which columns the user wants.
    pub choice: Choice,
}

/// What the keyboard is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Actions.
    Normal,
    /// A time is being typed.
    Time(String),
    /// A filter is being typed.
    Filter(String),
    /// The help is shown.
    Help,
    /// Everything about one connection is shown.
    Detail,
    /// Columns are chosen.
    Columns,
}

/// What has to be done outside of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Show the sample at a place.
    Show(Place),
    /// Show the one after or before.
    Step(Step),
    /// Show the last one at or before this time, if it is another one.
    PlayTo(i64),
    /// Find all rows of a connection.
    Detail(u64),
    /// Write the rows that are seen.
    Export(Form),
    /// Give a text to the clipboard.
    Copy(String),
    /// Start or stop to record the live host.
    ToggleRecording,
    /// Take the mouse, or leave it to the terminal.
    ToggleMouse,
    /// Draw everything anew.
    Redraw,
    /// Give the terminal back to the shell until it says to go on.
    Suspend,
    /// End.
    Quit,
}

/// A direction in which to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Step {
    Forward,
    Back,
}

/// A finding as the screen needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineMarker {
    /// What identifies it for as long as the screen is open.
    pub id: String,
    /// When it begins, µs since the Unix epoch.
    pub ts_us: i64,
    /// How bad, if it is true.
    pub severity: Severity,
    /// That it is true, 0 to 1.
    pub confidence: f64,
    /// The detector that found it.
    pub detector: &'static str,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub explanation: String,
}

impl TimelineMarker {
    /// In one line.
    pub fn line(&self) -> String {
        format!("{} {}: {}", self.severity, self.detector, self.title)
    }
}

/// How far the search for findings is.
#[derive(Debug, Clone, PartialEq)]
pub enum Findings {
    /// It runs.
    Searching,
    /// It is done; in the order of time.
    Found(Vec<TimelineMarker>),
    /// It failed, and why.
    Failed(String),
}

/// The connection that is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// The row from which it was opened.
    pub of: Row,
    /// All its rows, or why they cannot be had; none while they are looked for.
    pub rows: Option<Result<Vec<Row>, String>>,
}

/// What there is to say of the live host, where that is looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Live {
    /// Time that the snapshots in memory cover, in seconds.
    pub memory_s: f64,
    /// The file that is being recorded, and since when, µs since the Unix epoch.
    pub recording: Option<(String, i64)>,
    /// What cannot be seen, and why.
    pub unseen: Vec<String>,
    /// What the detectors looked at, and when, in words.
    pub detectors: String,
}

/// Where what was drawn, for the mouse and for the next drawing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// The tabs, in their order.
    pub tabs: Vec<Rect>,
    /// The column headings, with their places among the columns of the panel.
    pub heads: Vec<(Rect, usize)>,
    /// The lines of the table.
    pub body: Rect,
    /// The line at the top of it.
    pub first: usize,
    /// The time line.
    pub timeline: Rect,
}
