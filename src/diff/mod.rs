//! What is new between two captures of a host.
//!
//! It compares facts, not rows: who listens, which programs run from where and which processes
//! started them, their destinations and volumes. Pids, and ports that the system picks at random,
//! are left out. Reasons to doubt the comparison come before its results.

mod cautions;
mod executables;
mod facts;
mod recognise;
#[cfg(test)]
mod tests;
pub mod text;
pub mod v1;
mod volumes;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use self::facts::Facts;
use self::recognise::change;
use self::v1::{Capture, Diff};
use crate::Result;
use crate::capture::Metadata;
use crate::model::Tables;

/// Identifies the format of the JSON document.
pub const SCHEMA: &str = "netrec/diff.v1";

/// URL of its schema.
const SCHEMA_URL: &str = "https://github.com/netrec/netrec/blob/main/schemas/diff.v1.schema.json";

/// A capture to compare.
pub struct Side<'a> {
    /// Name of its file.
    pub file: &'a str,
    /// Its metadata.
    pub metadata: &'a Metadata,
    /// Its tables.
    pub tables: &'a Tables,
}

/// Compares two captures.
///
/// # Errors
/// [`crate::Error::Analysis`] if a table lacks a column: a bug.
pub fn compare(before: &Side<'_>, after: &Side<'_>) -> Result<Diff> {
    let (old, new) = (Facts::new(before)?, Facts::new(after)?);
    Ok(Diff {
        schema: SCHEMA.to_owned(),
        before: Capture::of(before),
        after: Capture::of(after),
        cautions: cautions::cautions((before.metadata, &old), (after.metadata, &new)),
        listeners: change(&old.listeners, &new.listeners),
        programs: change(&old.programs, &new.programs),
        parents: change(&old.parents, &new.parents),
        destinations: change(&old.destinations, &new.destinations),
        changed_executables: executables::changed(&old.hashes, &new.hashes),
        moved_programs: executables::moved(&old.programs, &new.programs),
        shifted_volumes: volumes::shifted(
            (&old.volumes, before.tables.span_s()),
            (&new.volumes, after.tables.span_s()),
        ),
    })
}

/// The JSON schema of a comparison, as in `schemas/diff.v1.schema.json`.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Diff>();
    schema.insert("$id".to_owned(), SCHEMA_URL.into());
    schema.insert("title".to_owned(), "netrec diff, version 1".into());
    schema.to_value()
}

impl Diff {
    /// Whether the later capture has anything new or changed. Anything that is gone does not count:
    /// it may only have been inactive.
    pub fn has_news(&self) -> bool {
        let new = self.listeners.new.len()
            + self.programs.new.len()
            + self.parents.new.len()
            + self.destinations.new.len();
        let other = self.changed_executables.len() + self.moved_programs.len() + self.shifted_volumes.len();
        new + other > 0
    }
}

impl Capture {
    fn of(side: &Side<'_>) -> Self {
        let duration_s = side.metadata.duration_s();
        Self {
            file: side.file.to_owned(),
            host_name: side.metadata.host_name.clone(),
            start_us: side.metadata.start_us,
            duration_s: duration_s.is_finite().then_some(duration_s),
        }
    }
}
