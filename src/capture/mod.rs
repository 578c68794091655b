//! The capture: one Parquet file, one row per socket per tick and one per event between ticks.
//!
//! The only module that knows Parquet. Recorders and importers hand [`Row`]s to a
//! [`Writer`]; the analysis reads Arrow batches through a [`CaptureFile`]. What a column
//! means is written once, in [`schema::COLUMNS`], from which `schemas/capture.v1.json`
//! is made.

pub mod metadata;
pub mod reader;
pub mod row;
mod row_group;
pub mod schema;
pub mod writer;

pub use metadata::{Metadata, SourceReport, SourceStatus};
pub use reader::CaptureFile;
pub use row::{Counters, Kind, Owner, OwnerSource, Protocol, Row, TcpState};
pub use schema::Column;
pub use writer::{Overwrite, Writer};

/// The format version that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;
