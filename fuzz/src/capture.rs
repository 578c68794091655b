//! What importers know of a capture: its own types, and a writer that keeps nothing.

use std::path::Path;

use crate::Result;

#[path = "../../src/capture/application.rs"]
#[allow(dead_code, reason = "nothing is read back from a capture here")]
mod application;
#[path = "../../src/capture/digest.rs"]
#[allow(dead_code, reason = "a writer chains the hashes of its row groups, and this one has none")]
mod digest;
#[path = "../../src/capture/import_stats.rs"]
mod import_stats;
mod joined {
    /// Nothing is joined here.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct Joined;

    impl Joined {
        pub fn is_incomplete(&self) -> bool {
            false
        }
    }
}
#[path = "../../src/capture/metadata.rs"]
mod metadata;
#[path = "../../src/capture/query.rs"]
#[allow(dead_code, reason = "not every importer reads DNS")]
pub mod query;
#[path = "../../src/capture/row.rs"]
mod row;
#[path = "../../src/capture/stable_id.rs"]
mod stable_id;

pub use application::Application;
pub use digest::Digest;
pub use import_stats::{Example, ImportStats, Unused, UnusedReason};
pub use metadata::{ImportSource, Metadata, SourceReport, SourceStatus};
pub use query::Query;
pub use row::{Counters, Kind, Owner, OwnerSource, Protocol, Row, TcpState};
pub(crate) use stable_id::stable_id;

/// See [`Writer::finish`].
#[derive(Debug)]
pub struct Finished {
    /// Rows that were written.
    pub rows: u64,
}

/// The same as netrec's.
#[derive(Debug, Clone, Copy)]
pub enum Overwrite {
    /// Nothing is written, so nothing is replaced.
    Allowed,
}

/// Looks at what must hold for every row of a capture, and counts them.
pub struct Writer {
    rows: u64,
}

impl Writer {
    /// Makes nothing.
    ///
    /// # Errors
    /// None.
    pub fn create_for_import(_path: &Path, _overwrite: Overwrite) -> Result<Self> {
        Ok(Self { rows: 0 })
    }

    /// Takes a row.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// If rows are not in the order of time, or one is not as rows are.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        assert!(row.owner.is_some() || row.owner_source.is_none(), "{row:?}");
        if let Some(name) = &row.remote_name {
            assert!(!name.is_empty() && name.len() <= 255, "{row:?}");
        }
        self.rows += 1;
        Ok(())
    }

    /// Has no row groups.
    ///
    /// # Errors
    /// None.
    pub fn end_row_group_if_full(&mut self, _metadata: &Metadata) -> Result<()> {
        Ok(())
    }

    /// Rows that were written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Has nothing to remove.
    pub fn abandon(self) {}

    /// Says how many rows there were.
    ///
    /// # Errors
    /// None.
    pub fn finish(self, _metadata: &Metadata) -> Result<Finished> {
        Ok(Finished { rows: self.rows })
    }
}
