//! Some sockets of a capture, such as those that a finding is about.

use std::iter::Copied;
use std::slice;

use super::finding::{Entities, Evidence, Measurement};
use super::ids::SourceId;
use super::sockets::{Socket, Sockets, Walk};

/// Some sockets of a capture, read only when accessed: a finding may be about all of them.
#[derive(Clone, Copy)]
pub struct SocketSubset<'m, 'a> {
    sockets: &'m Sockets<'a>,
    rows: &'m [usize],
}

impl<'a> Sockets<'a> {
    /// The sockets in some rows of the table.
    pub fn subset<'m>(&'m self, rows: &'m [usize]) -> SocketSubset<'m, 'a> {
        SocketSubset { sockets: self, rows }
    }
}

impl<'m, 'a> SocketSubset<'m, 'a> {
    /// Number of sockets.
    pub fn len(self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.rows.is_empty()
    }

    /// Each socket, in row order.
    pub fn iter(self) -> Walk<'m, 'a, Copied<slice::Iter<'m, usize>>> {
        self.sockets.walk(self.rows.iter().copied())
    }

    /// The first of them.
    pub fn first(self) -> Option<Socket<'a>> {
        self.iter().next()
    }

    /// The source of the first of them.
    pub fn source_id(self) -> Option<SourceId> {
        self.rows.first().map(|row| self.sockets.source_id(*row))
    }

    /// The values they share; a field that is unknown or differs is `None`.
    pub fn entities(self) -> Entities {
        self.sockets.entities(self.rows)
    }

    /// Evidence from all of them, in row order, which is time order.
    ///
    /// # Panics
    /// See [`Evidence::new`].
    pub fn evidence(self, measurements: Vec<Measurement>) -> Evidence {
        let first = self.iter().map(|socket| socket.first_seen_us).min().unwrap_or_default();
        let last = self.iter().map(|socket| socket.last_seen_us).max().unwrap_or_default();
        self.evidence_within(measurements, (first, last))
    }

    /// Like [`SocketSubset::evidence`], with the given first and last moment in µs since the Unix epoch.
    ///
    /// # Panics
    /// See [`Evidence::new`].
    pub fn evidence_within(self, measurements: Vec<Measurement>, span_us: (i64, i64)) -> Evidence {
        Evidence::new(measurements, self.iter().map(|socket| socket.conn_id), span_us)
    }
}
