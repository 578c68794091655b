//! Typed row-by-row access to the table of DNS queries, with the source of each.

use super::processes::Processes;
use super::sockets::Source;
use super::tables::{QueryColumns, QueryRow, Tables};
use crate::Result;

/// The DNS queries of a capture, with the names of their processes.
pub struct Queries<'a> {
    columns: QueryColumns<'a>,
    processes: Processes<'a>,
}

/// One row of the table of queries.
pub type Query<'a> = QueryRow<&'a str>;

impl<'a> Queries<'a> {
    /// The view of a capture's queries.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a column is missing or of another type: a bug.
    pub fn new(tables: &'a Tables) -> Result<Self> {
        Ok(Self { columns: QueryColumns::of(&tables.queries)?, processes: Processes::of(tables)? })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The query in a row.
    pub fn get(&self, row: usize) -> Query<'a> {
        self.columns.get(row)
    }

    /// Every query in time order, with its source: the process, or the address if that is unknown.
    pub fn iter(&self) -> impl Iterator<Item = (Source<'a>, Query<'a>)> + '_ {
        (0..self.columns.len()).map(|row| {
            let query = self.columns.get(row);
            let owner = query.process.map(|process| self.processes.get(process as usize));
            let actor = owner.and_then(|owner| owner.actor.or(owner.process_name));
            (actor.map_or(Source::Address(query.client_addr), Source::Process), query)
        })
    }
}
