//! What a reader gives to an import, kept for the tests of the readers.

use super::log::{FlowRecord, Sink};
use super::names::Names;
use super::question::Question;
use crate::Result;

/// Everything that a reader gave.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) connections: Vec<FlowRecord>,
    pub(super) questions: Vec<Question>,
    pub(super) names: Names,
}

impl Sink for Collected {
    fn connection(&mut self, connection: &FlowRecord) -> Result<()> {
        self.connections.push(connection.clone());
        Ok(())
    }

    fn query(&mut self, question: Question) -> Result<()> {
        self.questions.push(question);
        Ok(())
    }

    fn names(&mut self) -> &mut Names {
        &mut self.names
    }
}

impl Collected {
    /// The names of all connections, `-` where there is none.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |connection: &FlowRecord| {
            let key = self.names.key(&connection.uid, connection.start_us, connection.end_us());
            let name = self.names.find(&key, connection.originator, connection.responder);
            name.map_or_else(|| "-".to_owned(), |name| name.to_string())
        };
        self.connections.iter().map(name).collect()
    }
}
