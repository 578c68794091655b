//! Where samples come from: a recording, or the live host. The screen and its state are the same.

use std::sync::mpsc::Receiver;

use super::state::State;
use crate::Result;
use crate::capture::{Place, Row, Sample, Toward};

/// A source of samples.
pub trait Source {
    /// The sample at a place, or the next one in this direction; none if there is none.
    ///
    /// # Errors
    /// If the samples cannot be read.
    fn at(&mut self, place: Place, toward: Toward) -> Result<Option<Sample>>;

    /// The sample that shows a moment: the one that was taken then or next; behind the last one,
    /// that.
    ///
    /// # Errors
    /// As [`Source::at`].
    fn showing(&mut self, ts_us: i64) -> Result<Option<Sample>> {
        match self.at(Place::Time(ts_us), Toward::Later)? {
            None => self.at(Place::Time(ts_us), Toward::Earlier),
            sample => Ok(sample),
        }
    }

    /// Whether its samples are snapshots, between two of which there are rates.
    fn has_snapshots(&self) -> bool {
        true
    }

    /// All rows of a connection, in the order of time, when they have been found.
    fn detail(&mut self, conn_id: u64) -> Receiver<Vec<Row>>;

    /// Tells the state what has happened meanwhile; whether there was anything.
    ///
    /// # Errors
    /// If the source has nothing more to give, and why.
    fn news(&mut self, state: &mut State) -> Result<bool>;

    /// Starts or stops to record what is seen; what there is to say about it.
    fn toggle_recording(&mut self) -> String {
        "this is a recording; netrec watch records the live host".to_owned()
    }
}
