//! What a state is made of.

use super::super::listing::Form;
use crate::capture::Place;

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
    /// The whole story of a connection is shown.
    Story,
}

/// What has to be done outside of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Show the sample at a place.
    Show(Place),
    /// Show the one after or before.
    Step(Step),
    /// Show the last one at or before this time, if it is another one.
    PlayTo(i64),
    /// Find all rows of a connection.
    Tell(u64),
    /// Write the rows that are seen.
    Export(Form),
    /// Start or stop to record the live host.
    ToggleRecording,
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
pub struct Mark {
    /// When it begins, µs since the Unix epoch.
    pub ts_us: i64,
    /// How bad, 0 for info to 4 for critical.
    pub severity: usize,
    /// The severity and the detector in words.
    pub label: String,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub explanation: String,
}

/// How far the search for findings is.
#[derive(Debug, Clone, PartialEq)]
pub enum Findings {
    /// It runs.
    Searching,
    /// It is done; in the order of time.
    Found(Vec<Mark>),
    /// It failed, and why.
    Failed(String),
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
}
