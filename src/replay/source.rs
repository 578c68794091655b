//! The source of samples: a recording, or the live host. The screen and its state are the same for both.

use std::sync::mpsc::Receiver;

use super::state::State;
use crate::Result;
use crate::capture::{Position, Row, Sample, Toward};

/// A source of samples.
pub trait Source {
    /// The sample at a position, or the next one in this direction, if any.
    ///
    /// # Errors
    /// If the samples cannot be read.
    fn at(&mut self, position: Position, toward: Toward) -> Result<Option<Sample>>;

    /// The sample that shows a moment: the one taken then or next; after the last one, the last.
    ///
    /// # Errors
    /// As [`Source::at`].
    fn showing(&mut self, ts_us: i64) -> Result<Option<Sample>> {
        match self.at(Position::Time(ts_us), Toward::Later)? {
            None => self.at(Position::Time(ts_us), Toward::Earlier),
            sample => Ok(sample),
        }
    }

    /// Whether its samples are snapshots, between which rates can be computed.
    fn has_snapshots(&self) -> bool {
        true
    }

    /// Receives all rows of a connection in time order, when they have been found.
    fn detail(&mut self, conn_id: u64) -> Receiver<Vec<Row>>;

    /// Updates the state with what has happened since the last call; returns whether anything did.
    ///
    /// # Errors
    /// If the source has ended, and why.
    fn news(&mut self, state: &mut State) -> Result<bool>;

    /// Starts or stops recording the live host; returns a message.
    fn toggle_recording(&mut self) -> String {
        "this is a recording; netrec watch records the live host".to_owned()
    }
}
