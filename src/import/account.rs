//! What the lines of logs came to, and what is said of it.

use super::Output;
use crate::capture::SourceStatus;

/// Lines that were read, and those that could not be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Connections.
    pub connections: u64,
    /// Lines that lack what names a connection, or are none of this format.
    pub unreadable: u64,
    /// Where the first of those is: file and line.
    pub first_unreadable: Option<String>,
    /// Connections of other protocols than TCP and UDP.
    pub other_protocols: u64,
    /// Bytes of connections that the sensor says it missed.
    pub missed_bytes: u64,
    /// Whether the file ended before its end.
    pub is_cut_short: bool,
}

impl Account {
    /// Notes a line that could not be read.
    pub(super) fn unreadable(&mut self, line: u64) {
        self.unreadable += 1;
        self.first_unreadable.get_or_insert_with(|| format!("line {line}"));
    }

    /// Adds what another file came to.
    pub(super) fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.unreadable += other.unreadable;
        if self.first_unreadable.is_none() {
            self.first_unreadable.clone_from(&other.first_unreadable);
        }
        self.other_protocols += other.other_protocols;
        self.missed_bytes = self.missed_bytes.saturating_add(other.missed_bytes);
    }

    /// Says all of it.
    pub(super) fn say(&self, name: &str, output: &mut Output<'_>) {
        output.source(name, SourceStatus::Ran, format!("{} connections", self.connections));
        if let (1.., Some(first)) = (self.unreadable, &self.first_unreadable) {
            let detail = format!("{} lines could not be read, the first in {first}", self.unreadable);
            output.source("unreadable-lines", SourceStatus::Partial, detail);
        }
        if self.other_protocols > 0 {
            let detail =
                format!("{} entries are neither TCP nor UDP, and are left out", self.other_protocols);
            output.source("other-protocols", SourceStatus::Partial, detail);
        }
        if self.missed_bytes > 0 {
            let detail = format!("the sensor itself missed {} bytes of these connections", self.missed_bytes);
            output.source("missed-bytes", SourceStatus::Partial, detail);
        }
    }
}
