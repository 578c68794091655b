//! The capture: one Parquet file, one row per socket per tick and one per event between ticks.
//!
//! The only module that knows Parquet. Recorders and importers hand [`Row`]s to a
//! [`Writer`]; the analysis reads Arrow batches through a [`CaptureFile`]. What a column
//! means is written once, in [`schema::COLUMNS`], from which `schemas/capture.v1.json`
//! is made.
//!
//! A recording survives any interruption: each tick is in a [`journal`] before the next begins, and
//! each row group has a record after it ([`partial_file`]). Both can be read as they are
//! ([`salvage`]), and [`recover()`] turns them into a capture. A finished capture reveals every
//! change: see [`evidence`] and [`verify()`].

mod application;
pub mod cursor;
mod digest;
mod evidence;
mod folder;
mod footer;
mod frame;
mod import_stats;
mod joined;
mod journal;
mod keys;
pub mod metadata;
mod packed;
mod partial_file;
pub mod query;
pub mod reader;
mod recover;
pub mod row;
mod row_group;
mod salvage;
pub mod schema;
mod sealed;
mod selection;
mod source;
mod stable_id;
#[cfg(test)]
mod tests;
mod thrift;
mod verify;
mod volatile;
pub mod writer;

pub use application::Application;
pub use cursor::{Cursor, Position, Sample, Toward};
pub use digest::Digest;
pub use evidence::{Evidence, GroupHash};
pub use import_stats::{Example, ImportStats, Unused, UnusedReason};
pub use joined::{Gap, GapReason, Joined, JoinedFile, Recordings, recordings};
pub use keys::{PublicKey, SigningKey};
pub use metadata::{
    ImportSource, IntervalChange, Metadata, Pause, PreviousPart, SeriesPart, SourceReport, SourceStatus,
};
pub use packed::PackedTick;
pub use partial_file::Finished;
pub use query::Query;
pub(crate) use reader::finished_metadata_of;
pub use reader::{CaptureFile, finished_metadata};
pub use recover::{Aside, Recovered, complete_unfinished, recover, set_aside};
pub use row::{Counters, Kind, Owner, OwnerSource, Protocol, Row, TcpState};
pub(crate) use row::{DELETED, without_deleted};
pub use schema::Column;
pub use selection::Selection;
pub(crate) use stable_id::stable_id;
pub use verify::{Signature, Verdict, verify, verify_file};
pub use writer::{Overwrite, Writer};

/// The format version that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;
