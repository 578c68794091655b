//! The map step: analyzes recordings and writes their tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;

use super::batch::{Batch, Source};
use super::captures::Captures;
use crate::analyze::{self, Analysis, Config};
use crate::capture::{self, CaptureFile, Digest, JoinedFile};
use crate::geo::Databases;
use crate::tables::schema::{self, TABLES, Table};
use crate::tables::{Identity, Recording, Writer, not_analyzed};
use crate::{Error, Result, guard, parallel};

/// What every recording is analyzed with.
pub struct Inputs<'a> {
    /// Thresholds, allow-lists, indicators, baseline.
    pub config: &'a Config,
    /// The geolocation databases.
    pub geo: &'a Databases,
    /// The source of the captures.
    pub captures: &'a dyn Captures,
    /// Called with the number of finished captures.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// Receives the rows of a table as they are made.
pub type Take<'a> = dyn Fn(&'static Table, &RecordBatch) -> Result<()> + Sync + 'a;

/// Receives a table as a Parquet file of this name.
pub type Put<'a> = dyn Fn(&str, &[u8]) -> Result<()> + Sync + 'a;

/// The counts of the map step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Captures that were analyzed.
    pub analyzed: u64,
    /// How many of them are degraded.
    pub degraded: u64,
    /// Captures that could not be read.
    pub failed: u64,
    /// Captures with the same content as another one of the same host.
    pub copies: u64,
}

impl Outcome {
    fn and(self, other: Self) -> Self {
        Self {
            analyzed: self.analyzed + other.analyzed,
            degraded: self.degraded + other.degraded,
            failed: self.failed + other.failed,
            copies: self.copies + other.copies,
        }
    }
}

/// Analyzes batches on all cores. `put` receives their tables as `TABLE-BATCH.parquet`, and `take`
/// their rows.
///
/// A capture that cannot be read becomes a row with its error in the table of captures.
///
/// # Errors
/// The errors of `put` and `take`.
pub fn map(batches: &[Batch], inputs: &Inputs<'_>, put: &Put<'_>, take: &Take<'_>) -> Result<Outcome> {
    let done = AtomicU64::new(0);
    let outcomes = parallel::map(batches, |batch| {
        let outcome =
            Mapper { inputs, take, tables: BTreeMap::new(), outcome: Outcome::default() }.run(batch, put);
        let count = batch.sources.len() as u64;
        (inputs.progress)(done.fetch_add(count, Ordering::Relaxed) + count);
        outcome
    });
    outcomes.into_iter().try_fold(Outcome::default(), |all, outcome| Ok(all.and(outcome?)))
}

/// Makes the tables of one batch.
struct Mapper<'a> {
    inputs: &'a Inputs<'a>,
    take: &'a Take<'a>,
    /// The Parquet files, by the name of the table.
    tables: BTreeMap<&'static str, Writer<Vec<u8>>>,
    outcome: Outcome,
}

impl Mapper<'_> {
    fn run(mut self, batch: &Batch, put: &Put<'_>) -> Result<Outcome> {
        let names: Names =
            batch.sources.iter().map(|source| (source.path.clone(), source.name.clone())).collect();
        self.sources(&batch.sources, &names)?;
        let name = batch.name();
        for (table, writer) in self.tables {
            let path = format!("{table}-{name}.parquet");
            let bytes = writer.into_inner().map_err(Error::io("write", &path))?;
            put(&path, &bytes)?;
        }
        Ok(self.outcome)
    }

    fn sources(&mut self, sources: &[Source], names: &Names) -> Result<()> {
        let opened = self.inputs.captures.open(sources)?;
        let mut files = Vec::new();
        for (source, file) in sources.iter().zip(opened.files) {
            match file {
                Ok(file) => files.push(file),
                Err(error) => self.leave_out(&source.name, &error)?,
            }
        }
        let sorted = capture::recordings(files);
        for copy in &sorted.copies {
            let reason = "it has the same content as another capture of this host";
            self.push(&schema::CAPTURES, &not_analyzed(name_of(copy.path(), names), "copy", reason)?)?;
            self.outcome.copies += 1;
        }
        sorted.recordings.into_iter().try_for_each(|files| self.recording(files, names))?;
        drop(opened.held);
        Ok(())
    }

    /// Analyzes the files of a recording. Unreadable parts were left out when the files were
    /// opened, so a failure affects all of them.
    fn recording(&mut self, files: Vec<CaptureFile>, names: &Names) -> Result<()> {
        let paths: Vec<PathBuf> = files.iter().map(|file| file.path().to_path_buf()).collect();
        let Some(capture) = CaptureFile::join(files) else { return Ok(()) };
        match self.analyzed(&capture, names) {
            Ok((analysis, identity)) => {
                let count = paths.len() as u64;
                self.outcome.analyzed += count;
                self.outcome.degraded += if analysis.metadata.is_degraded() { count } else { 0 };
                self.write(&analysis, &identity)
            }
            Err(error) => paths.iter().try_for_each(|path| self.leave_out(name_of(path, names), &error)),
        }
    }

    fn analyzed(&self, capture: &CaptureFile, names: &Names) -> Result<(Analysis, Identity)> {
        let run = || analyze::run_without_metrics(capture, self.inputs.config, self.inputs.geo);
        let analysis = contained(capture.path(), run)?;
        let identity = identity(capture, &analysis, names)?;
        Ok((analysis, identity))
    }

    /// Adds a row for a capture that cannot be read.
    fn leave_out(&mut self, name: &str, error: &Error) -> Result<()> {
        self.outcome.failed += 1;
        self.push(&schema::CAPTURES, &not_analyzed(name, "error", &error.to_string())?)
    }

    fn write(&mut self, analysis: &Analysis, identity: &Identity) -> Result<()> {
        let recording = Recording::new(analysis, identity);
        TABLES.iter().try_for_each(|table| recording.each(table, &mut |rows| self.push(table, rows)))
    }

    fn push(&mut self, table: &'static Table, rows: &RecordBatch) -> Result<()> {
        let failed = || Error::io("write", table.name);
        let writer = match self.tables.entry(table.name) {
            std::collections::btree_map::Entry::Occupied(writer) => writer.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(Writer::new(table, Vec::new()).map_err(failed())?)
            }
        };
        writer.push(rows).map_err(failed())?;
        (self.take)(table, rows)
    }
}

/// The name of each capture in the tables, by path.
type Names = BTreeMap<PathBuf, String>;

/// The name of a capture in the tables; an unfinished recording is found under its future name.
fn name_of<'a>(path: &'a Path, names: &'a Names) -> &'a str {
    names.get(path).map_or_else(|| path.to_str().unwrap_or("a name that is no text"), String::as_str)
}

/// Contains a panic, so that it affects only one capture.
fn contained<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let panicked = |reason| Error::Damaged { path: path.to_path_buf(), reason };
    guard::catch_panic(work).map_err(panicked)?
}

fn identity(capture: &CaptureFile, analysis: &Analysis, names: &Names) -> Result<Identity> {
    let Some(joined) = &capture.metadata().joined else {
        let (name, sha256) = (name_of(capture.path(), names).to_owned(), capture.sha256()?.to_string());
        let identity = Identity::of(&analysis.metadata, name, sha256, Vec::new());
        return Ok(Identity { bytes: Some(capture.bytes()), ..identity });
    };
    let hashes: Vec<String> = capture.sha256_of_files()?.iter().map(ToString::to_string).collect();
    let lines = hashes.iter().zip(joined.files.iter().map(JoinedFile::name));
    let lines: Vec<String> = lines.map(|(hash, name)| format!("{hash}  {name}\n")).collect();
    let file_names: Vec<String> =
        joined.files.iter().map(|file| name_of(&file.path, names).to_owned()).collect();
    let folder = file_names.first().and_then(|name| Path::new(name).parent()).unwrap_or(Path::new(""));
    let name = folder.join(&joined.pattern).display().to_string();
    let sha256 = Digest::new(lines.concat().as_bytes()).to_string();
    Ok(Identity { file_names, ..Identity::of(&analysis.metadata, name, sha256, hashes) })
}
