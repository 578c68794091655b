//! A recording as a source of samples, with its detectors in the background.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::background::{self, Found};
use super::source::Source;
use super::state::{Findings, State};
use crate::Result;
use crate::capture::{Cursor, Position, Row, Sample, Toward};
use crate::geo::Databases;

/// A capture.
pub struct Recorded {
    cursor: Cursor,
    found: Receiver<Found>,
}

impl Recorded {
    /// Opens a capture, and starts its detectors.
    pub fn new(cursor: Cursor, geo: &Arc<Databases>) -> Self {
        let found = background::analyze(Arc::clone(cursor.capture()), Arc::clone(geo));
        Self { cursor, found }
    }
}

impl Source for Recorded {
    fn at(&mut self, position: Position, toward: Toward) -> Result<Option<Sample>> {
        self.cursor.at(position, toward)
    }

    fn has_snapshots(&self) -> bool {
        self.cursor.slice_us().is_none()
    }

    fn detail(&mut self, conn_id: u64) -> Receiver<Vec<Row>> {
        background::detail(Arc::clone(self.cursor.capture()), conn_id)
    }

    fn news(&mut self, state: &mut State) -> Result<bool> {
        match self.found.try_recv() {
            Ok(found) => {
                state.failed_detectors = found.failed;
                state.find(found.findings);
                if let Some(activity) = found.activity {
                    state.activity = activity;
                }
                Ok(true)
            }
            Err(TryRecvError::Disconnected) if state.findings == Findings::Searching => {
                let why = "the background thread could not be started or has died";
                state.find(Findings::Failed(why.to_owned()));
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }
}
