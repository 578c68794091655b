//! Other tools' evidence into a capture, so that one analysis serves all of it.
//!
//! One importer is one file (or folder) here and one line in [`IMPORTERS`]. An importer is
//! recognised by what a file contains, never by its name, and hands rows in any order to an
//! [`Output`], which puts them in the order of time. What a file does not say stays unknown:
//! the originator of a connection is written as `local_*`, the responder as `remote_*`.
//!
//! Everything in these files is hostile: no parser allocates from a length that a file claims,
//! and a line or a record that cannot be read is counted and said, not guessed.

mod address;
mod applications;
mod begin;
mod collect;
pub mod conntrack;
mod decompress;
pub mod ecs;
mod envelope;
pub mod eve;
mod file_report;
pub mod flow;
mod input;
mod known;
pub mod lines;
pub mod local_nets;
pub mod log;
pub mod lsof;
pub mod names;
mod number;
mod output;
mod owners;
pub mod pcap;
pub mod procnet;
mod question;
mod records;
mod snapshot;
pub mod socket_table;
mod sorter;
pub mod ss;
pub mod sysmon;
mod tcp_flags;
#[cfg(test)]
mod testing;
mod text;
mod timestamp;
pub mod vpc_flow;
pub mod zeek;

use std::path::{Path, PathBuf};

use ipnet::IpNet;

pub use self::begin::Begin;
pub use self::file_report::FileReport;
pub use self::input::{Input, Reader, STANDARD_INPUT};
pub use self::output::Output;
use crate::capture::{Finished, ImportStats, Metadata, Overwrite};
use crate::{Error, Result};

/// A foreign format that can be read.
#[derive(Debug)]
pub struct Importer {
    /// Short fixed name: what `--from` takes and the capture's metadata says.
    pub id: &'static str,
    /// What it reads, in words that go on after "is" and "understood are".
    pub title: &'static str,
    /// A sentence for a file in which nothing could be used: where connections come from, and how to
    /// get them.
    pub needs: &'static str,
    /// Whether a file that begins so is one of these.
    pub recognises: fn(&Begin) -> bool,
    /// Reads the files, all of this format, and hands over what they say.
    pub import: fn(&[Input], &mut Output<'_>) -> Result<()>,
}

/// Every importer; the first that recognises a file reads it.
pub const IMPORTERS: &[&Importer] = &[
    &pcap::IMPORTER,
    &ecs::IMPORTER,
    &zeek::IMPORTER,
    &eve::IMPORTER,
    &ss::IMPORTER,
    &lsof::IMPORTER,
    &procnet::IMPORTER,
    &conntrack::IMPORTER,
    &sysmon::IMPORTER,
    &vpc_flow::IMPORTER,
    &socket_table::IMPORTER,
];

impl Importer {
    /// The importer with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        IMPORTERS.iter().find(|importer| importer.id == id).copied()
    }
}

/// What to import, and how.
#[derive(Debug)]
pub struct Plan {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// The importer to use whatever the files look like.
    pub from: Option<&'static Importer>,
    /// Networks that count as inside, where the files do not say it themselves; empty for the
    /// private ones.
    pub inside: Vec<IpNet>,
    /// When the first snapshot was taken, µs since the Unix epoch, for files that do not say it.
    pub taken_at_us: Option<i64>,
}

/// What an import came to.
#[derive(Debug)]
pub struct Imported {
    /// The capture.
    pub finished: Finished,
    /// What it says about itself.
    pub metadata: Metadata,
}

/// Imports files into a capture. `progress` is told the bytes read so far and of how many.
///
/// # Errors
/// [`Error::Import`] for a file of no known format, or of several formats together;
/// [`Error::Io`] if something cannot be read or written; [`Error::Exists`] as
/// [`crate::capture::Writer::create`] says.
pub fn import(plan: &Plan, to: &Path, overwrite: Overwrite, progress: &dyn Fn(u64, u64)) -> Result<Imported> {
    let mut files = ImportStats::default();
    let inputs = collect::collect(&plan.paths, plan.from, &mut files)?;
    let importer = common_importer(&inputs, plan.from)?;
    for input in &inputs {
        tracing::info!(bytes = input.bytes, "found {} ({})", input.path.display(), importer.id);
    }
    let mut output = Output::create(to, overwrite, importer.id, plan, progress)?;
    output.expect_bytes(inputs.iter().map(|input| input.bytes).sum());
    output.stats().add(files, "");
    let result = tracing::info_span!("reading", files = inputs.len())
        .in_scope(|| (importer.import)(&inputs, &mut output))
        .and_then(|()| {
            let damage = output.metadata().recovered.clone();
            file_report::check(output.stats(), &inputs, importer, plan.from.is_some(), damage.as_deref())
        });
    if let Err(error) = result {
        output.abandon();
        return Err(error);
    }
    let (finished, metadata) = tracing::info_span!("writing the capture").in_scope(|| output.finish())?;
    tracing::info!(
        rows = metadata.rows,
        "{}",
        metadata.import_stats.as_ref().map(ImportStats::summary).unwrap_or_default()
    );
    Ok(Imported { finished, metadata })
}

/// The one importer that all files are for.
fn common_importer(inputs: &[Input], from: Option<&'static Importer>) -> Result<&'static Importer> {
    let Some(first) = inputs.first() else {
        return Err(Error::Import { path: PathBuf::new(), reason: "there is no file in it".to_owned() });
    };
    let importer = from.or(first.importer).ok_or_else(|| first.refusal())?;
    for input in inputs {
        let other = from.or(input.importer).ok_or_else(|| input.refusal())?;
        if other.id != importer.id {
            let reason = format!(
                "it is {}, and {} is {}: import one format at a time, in a folder with --from {} or --from {}",
                other.title,
                first.path.display(),
                importer.title,
                importer.id,
                other.id
            );
            return Err(Error::Import { path: input.path.clone(), reason });
        }
    }
    Ok(importer)
}

/// `1 file`, `2 files`.
fn plural(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
