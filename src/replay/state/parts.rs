//! The parts of the state.

use ratatui::layout::Rect;

use super::super::columns::{Choice, Sort};
use super::super::listing::Form;
use crate::capture::{Position, Row};
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
    /// Every panel, by number.
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

    /// The name of its default order.
    pub(super) fn own_order(self) -> &'static str {
        match self {
            Self::Connections => "changes first",
            Self::Processes => "process tree",
            Self::Destinations => "most connections first",
            Self::Findings => "time",
        }
    }
}

/// The view of a panel's table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableView {
    /// The sort order.
    pub sort: Sort,
    /// The chosen columns.
    pub choice: Choice,
}

/// What the keyboard controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Actions.
    Normal,
    /// A time is being typed.
    Time(String),
    /// A filter is being typed.
    Filter(String),
    /// The help is open.
    Help,
    /// The details of a connection are open.
    Detail,
    /// The column chooser is open.
    Columns,
}

/// A request to the outside of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Show the sample at a position.
    Show(Position),
    /// Show the next or previous sample.
    Step(Step),
    /// Show the last sample at or before this time, if it is another one.
    PlayTo(i64),
    /// Read all rows of a connection.
    Detail(u64),
    /// Write the visible rows.
    Export(Form),
    /// Copy a text to the clipboard.
    Copy(String),
    /// Start or stop recording the live host.
    ToggleRecording,
    /// Turn mouse reporting on or off.
    ToggleMouse,
    /// Redraw everything.
    Redraw,
    /// Return to the shell until it continues the program.
    Suspend,
    /// End the program.
    Quit,
}

/// The direction of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Step {
    Forward,
    Back,
}

/// A finding in the form for the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineMarker {
    /// Its identity for as long as the screen is open.
    pub id: String,
    /// Its first moment, µs since the Unix epoch.
    pub ts_us: i64,
    /// The severity, if it is true.
    pub severity: Severity,
    /// The confidence, 0 to 1.
    pub confidence: f64,
    /// The detector that found it.
    pub detector: &'static str,
    /// The title, one line.
    pub title: String,
    /// The explanation, a few sentences.
    pub explanation: String,
}

impl TimelineMarker {
    /// The finding in one line.
    pub fn line(&self) -> String {
        format!("{} {}: {}", self.severity, self.detector, self.title)
    }
}

/// The state of the search for findings.
#[derive(Debug, Clone, PartialEq)]
pub enum Findings {
    /// In progress.
    Searching,
    /// Finished; in time order.
    Found(Vec<TimelineMarker>),
    /// Failed, with the reason.
    Failed(String),
}

/// The open connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// The row from which it was opened.
    pub of: Row,
    /// All its rows, or why they cannot be read; `None` while they are being read.
    pub rows: Option<Result<Vec<Row>, String>>,
}

/// The state of the live host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Live {
    /// Time covered by the snapshots in memory, in seconds.
    pub memory_s: f64,
    /// The file being recorded, and its start, µs since the Unix epoch.
    pub recording: Option<(String, i64)>,
    /// What cannot be seen, and why.
    pub unseen: Vec<String>,
    /// What the detectors analyzed, and when, as text.
    pub detectors: String,
}

/// Positions of what was drawn, for the mouse and for the next drawing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// The tabs, in their order.
    pub tabs: Vec<Rect>,
    /// The column headings, with their indices in the panel.
    pub heads: Vec<(Rect, usize)>,
    /// The lines of the table.
    pub body: Rect,
    /// The top line of the table.
    pub first: usize,
    /// The timeline.
    pub timeline: Rect,
}
