//! Reads a capture: its metadata when opened, its rows as Arrow batches, one row group after another.

mod opening;
mod segment;
mod several;
mod statistics;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::RowGroupMetaData;
use sha2::{Digest as _, Sha256};

pub use self::opening::finished_metadata;
pub(crate) use self::opening::finished_metadata_of;
pub(super) use self::opening::{is_sealed, open_source, read_footer, source_of};
pub(super) use self::segment::{FileSegment, readable};
use self::statistics::GroupFacts;
use super::Row;
use super::digest::Digest;
use super::folder::Unfinished;
use super::joined::Cut;
use super::salvage::{self, Fate, Salvage};
use super::schema::Column;
use super::selection::Selection;
use super::source::Source;
use super::thrift;
use super::{Metadata, recover};
use crate::{Error, Result, guard};

/// Rows per batch: enough to amortize the call, few enough for the cache.
const BATCH_ROWS: usize = 8 * 1024;

/// An opened capture: its footer is read and checked, its rows are not read yet.
///
/// What an interrupted recording left can be opened too: it is recovered automatically, and
/// [`Metadata::recovered`] says so.
#[derive(Debug)]
pub struct CaptureFile {
    path: PathBuf,
    parts: Vec<FileSegment>,
    /// The segment of each row group, and its index in the segment.
    groups: Vec<(usize, usize)>,
    metadata: Metadata,
    /// The selected time range, µs since the Unix epoch; `None` for all.
    within_us: Option<(i64, i64)>,
    /// Row groups found damaged, with the reason.
    damaged: Mutex<BTreeMap<usize, String>>,
    /// Row groups with a verified hash.
    checked: Mutex<BTreeSet<usize>>,
    /// The selected connections; `None` for all.
    selection: Option<Selection>,
    /// The segment read last, and its footer.
    last_footer: Mutex<Option<(usize, ArrowReaderMetadata)>>,
}

impl CaptureFile {
    /// Opens a capture and checks that it is one. If there is no such file but the folder of an
    /// unfinished recording, that is recovered; the folder may also be given itself.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::NotACapture`] for an empty file, a text file or
    /// any other Parquet file, [`Error::NewerFormat`] for a newer format.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = recover::unfinished(path)?
            && let Some(unfinished) = Unfinished::open(&folder)?
        {
            return Self::open_unfinished(&folder, &unfinished);
        }
        Self::open_finished(path)
    }

    /// Opens a finished capture named `path` whose file is already open.
    ///
    /// # Errors
    /// As [`CaptureFile::open`].
    pub fn of_file(path: &Path, file: File) -> Result<Self> {
        Self::of_source(path, source_of(path, file)?)
    }

    fn open_unfinished(path: &Path, unfinished: &Unfinished) -> Result<Self> {
        let salvage = Salvage::from(&unfinished.dir)?;
        let fate = if unfinished.is_running { Fate::Running } else { Fate::BrokenOff };
        let metadata = salvage.describe(path, fate)?;
        Ok(Self::new(path, salvage.into_parts(&unfinished.dir)?, metadata))
    }

    fn open_finished(path: &Path) -> Result<Self> {
        Self::of_source(path, open_source(path)?)
    }

    fn of_source(path: &Path, source: Source) -> Result<Self> {
        let error = match read_footer(path, &source) {
            Ok((footer, metadata)) if footer.is_intact => {
                return Ok(Self::new(path, vec![FileSegment::finished(path, source, footer)?], metadata));
            }
            Ok(_) => Error::NotACapture { path: path.to_path_buf(), reason: "its seal is broken".to_owned() },
            Err(error @ Error::NewerFormat { .. }) => return Err(error),
            Err(error) => error,
        };
        let reason = match &error {
            Error::NotACapture { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        let (part, metadata) = salvage::without_footer(path, source, &reason).ok_or(error)?;
        Ok(Self::new(path, vec![part], metadata))
    }

    pub(super) fn new(path: &Path, parts: Vec<FileSegment>, metadata: Metadata) -> Self {
        let groups = groups_of(&parts);
        Self {
            path: path.to_path_buf(),
            parts,
            groups,
            metadata,
            within_us: None,
            damaged: Mutex::default(),
            checked: Mutex::default(),
            selection: None,
            last_footer: Mutex::default(),
        }
    }

    /// Restricts the capture to the connections of which `wanted` accepts a row; `by` describes
    /// them.
    #[must_use]
    pub fn select(self, by: &str, wanted: &dyn Fn(&Row) -> bool) -> Self {
        let selection = Some(Selection::new(&self, by, wanted));
        Self { selection, ..self }
    }

    /// The selected connections; `None` for all.
    pub fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    /// Its path; a recovered capture may have another one than was requested.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The capture's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// [`CaptureFile::metadata`] with the damage found while reading rows.
    pub fn metadata_as_read(&self) -> Metadata {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((first, reason)) = damaged.first_key_value() else { return self.metadata.clone() };
        let place = self.part_of(*first).and_then(|(part, local)| Some((part.path.as_ref()?, local)));
        let first = place.map_or_else(
            || first.to_string(),
            |(path, local)| format!("{local} of {}", path.file_name().unwrap_or_default().to_string_lossy()),
        );
        let rows: u64 = damaged.keys().map(|index| self.rows_of(*index)).sum();
        let sentence = format!(
            "{} of {} row groups, with {rows} rows, are damaged and left out; row group {first}: {reason}.",
            damaged.len(),
            self.row_groups(),
        );
        let before = self.metadata.recovered.as_ref().map_or(String::new(), |before| format!("{before} "));
        Metadata { recovered: Some(before + &sentence), ..self.metadata.clone() }
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.source.bytes()).sum()
    }

    /// SHA-256 of the bytes, for a finished capture as `sha256sum` prints it.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the file cannot be read to its end.
    pub fn sha256(&self) -> Result<Digest> {
        let mut hash = Sha256::new();
        for part in &self.parts {
            salvage::hash_into(&mut hash, &part.source, 0, part.source.bytes())
                .ok_or_else(|| part.error(&self.path, "it cannot be read to the end"))?;
        }
        Ok(Digest::from_hash(hash))
    }

    /// Number of rows, from the footer.
    pub fn rows(&self) -> u64 {
        (0..self.row_groups()).map(|index| self.rows_of(index)).sum()
    }

    /// Number of row groups.
    pub fn row_groups(&self) -> usize {
        self.groups.len()
    }

    /// An error about a row's content.
    pub(super) fn damage(&self, reason: String) -> Error {
        Error::Damaged { path: self.path.clone(), reason }
    }

    /// The rows of one row group, in batches with these columns and no others, in schema order. A
    /// column that the writing version did not have is absent. Rows are sorted by `conn_id`, then
    /// `ts`. The bytes are first checked against their hash, if the file has one.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the row group was changed since it was recorded, or cannot be decoded.
    pub fn row_group(
        &self,
        index: usize,
        columns: &[Column],
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<'_>> {
        let (part, local) =
            self.part_of(index).ok_or_else(|| self.damage("there is no such row group".to_owned()))?;
        let error = |reason: &str| part.error(&self.path, reason);
        let facts = &part.groups[local];
        let cut = part.joint.cut(facts.ticks, facts.ts_us, self.within_us);
        let wanted = columns.to_vec();
        let mut columns = wanted.clone();
        if cut.is_some() {
            columns.extend(Cut::COLUMNS.iter().filter(|column| !wanted.contains(column)));
        }
        self.check(index, part, local)?;
        let footer = self.footer_of(index)?;
        self.check_pages(part, footer.metadata().row_group(local), &columns)?;
        let source = part.source.try_clone().map_err(Error::io("read", part.path(&self.path)))?;
        let names = columns.iter().map(|column| column.name());
        let mask = ProjectionMask::columns(footer.metadata().file_metadata().schema_descr(), names);
        let build = || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(source, footer)
                .with_projection(mask)
                .with_row_groups(vec![local])
                .with_batch_size(BATCH_ROWS)
                .build()
        };
        let opened = guard::ok_unless_panic(build).ok_or_else(|| error("its decoder gave up"))?;
        let mut reader = Some(opened.map_err(|e| error(&e.to_string()))?);
        Ok(std::iter::from_fn(move || {
            let next = guard::ok_unless_panic(|| reader.as_mut()?.next());
            let Some(next) = next else {
                // Its state is unknown after a panic.
                reader = None;
                return Some(Err(error("its decoder gave up")));
            };
            next.map(|batch| {
                let batch = batch.map_err(|e| error(&e.to_string()))?;
                let batch = part.joint.adapt(batch, cut, &wanted).map_err(|e| error(&e))?;
                let chosen = self.selection.as_ref().map(|selection| selection.rows_of(batch.clone()));
                chosen.unwrap_or(Ok(batch)).map_err(|e| error(&e))
            })
        }))
    }

    /// Notes that a row group could not be read, for [`CaptureFile::metadata_as_read`].
    pub fn leave_out(&self, index: usize, error: &Error) {
        let reason = match error {
            Error::Damaged { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).entry(index).or_insert(reason);
    }

    /// Checks the hash of a row group, once.
    fn check(&self, index: usize, part: &FileSegment, local: usize) -> Result<()> {
        let Some(hash) = part.hashes.get(local) else { return Ok(()) };
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.contains(&index) {
            return Ok(());
        }
        if salvage::digest(&part.source, hash.start, hash.end) != Some(hash.sha256) {
            let reason = format!("bytes {} to {} are not those recorded", hash.start, hash.end);
            return Err(part.error(&self.path, &reason));
        }
        checked.insert(index);
        Ok(())
    }

    /// Checks that no page of the columns would exhaust the decoder.
    fn check_pages(&self, part: &FileSegment, group: &RowGroupMetaData, columns: &[Column]) -> Result<()> {
        let wanted = |name: &str| columns.iter().any(|column| column.name() == name);
        let mut chunks = group.columns().iter().filter(|chunk| wanted(&chunk.column_path().string()));
        let walk = || chunks.try_for_each(|chunk| thrift::walk_pages(&part.source, chunk));
        guard::ok_unless_panic(walk)
            .flatten()
            .ok_or_else(|| part.error(&self.path, "one of its pages has an invalid header"))
    }

    fn rows_of(&self, index: usize) -> u64 {
        self.facts_of(index).map_or(0, |facts| facts.rows)
    }

    fn facts_of(&self, index: usize) -> Option<&GroupFacts> {
        let (part, local) = self.part_of(index)?;
        part.groups.get(local)
    }

    /// The footer of the segment in which a row group is. Row groups are mostly read in their order, so that each
    /// footer is read once.
    fn footer_of(&self, index: usize) -> Result<ArrowReaderMetadata> {
        let (part, _) = self.groups[index];
        let mut last = self.last_footer.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, footer)) if *known == part => Ok(footer.clone()),
            _ => {
                let footer = self.parts[part].footer(&self.path)?;
                *last = Some((part, footer.clone()));
                Ok(footer)
            }
        }
    }

    fn part_of(&self, index: usize) -> Option<(&FileSegment, usize)> {
        let (part, local) = self.groups.get(index)?;
        Some((&self.parts[*part], *local))
    }
}

/// Every row group of the segments.
fn groups_of(parts: &[FileSegment]) -> Vec<(usize, usize)> {
    let of_part = |(at, part): (usize, &FileSegment)| (0..part.groups.len()).map(move |local| (at, local));
    parts.iter().enumerate().flat_map(of_part).collect()
}
