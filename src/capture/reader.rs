//! Reads a capture: its metadata when opened, its rows as Arrow batches, one row group after another.

mod opening;
mod several;
mod statistics;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use sha2::{Digest as _, Sha256};

pub use self::opening::finished_metadata;
pub(crate) use self::opening::finished_metadata_of;
use self::opening::{check_columns, describe};
pub(super) use self::opening::{is_sealed, open_source, read_footer, source_of};
use self::statistics::{tick_range, ts_range};
use super::Row;
use super::digest::Digest;
use super::evidence::GroupHash;
use super::folder::Unfinished;
use super::joined::{Cut, Joint};
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
}

/// A footer by which the rows of a capture can be read; else the reason why they cannot.
pub(super) fn readable(footer: ParquetMetaData) -> Result<ArrowReaderMetadata, String> {
    let read = || ArrowReaderMetadata::try_new(Arc::new(footer), ArrowReaderOptions::new());
    let footer =
        guard::ok_unless_panic(read).ok_or("its footer cannot be read")?.map_err(|e| describe(&e))?;
    check_columns(footer.schema())?;
    Ok(footer)
}

/// Bytes with a footer. A finished capture has one segment; an unfinished recording has two, the
/// rows in its row groups and those in its journal.
#[derive(Debug)]
pub(super) struct FileSegment {
    source: Source,
    footer: ArrowReaderMetadata,
    /// The hash of each row group; empty if there are none.
    hashes: Vec<GroupHash>,
    /// How its rows are joined with those of other files.
    joint: Joint,
    /// Its path; `None` if it is the capture's own.
    path: Option<PathBuf>,
}

impl FileSegment {
    pub(super) fn new(
        path: &Path,
        source: Source,
        footer: ParquetMetaData,
        hashes: Vec<GroupHash>,
    ) -> Result<Self> {
        let not_a_capture = |reason| Error::NotACapture { path: path.to_path_buf(), reason };
        let footer = readable(footer).map_err(not_a_capture)?;
        Ok(Self { source, footer, hashes, joint: Joint::default(), path: None })
    }

    fn row_groups(&self) -> &[RowGroupMetaData] {
        self.footer.metadata().row_groups()
    }

    /// Its path; `capture` is the path of the whole.
    fn path<'a>(&'a self, capture: &'a Path) -> &'a Path {
        self.path.as_deref().unwrap_or(capture)
    }

    fn error(&self, capture: &Path, reason: &str) -> Error {
        Error::Damaged { path: self.path(capture).to_path_buf(), reason: reason.to_owned() }
    }
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
                let part = FileSegment::new(path, source, footer.parquet, footer.evidence.row_groups)?;
                return Ok(Self::new(path, vec![part], metadata));
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

    /// Whether no row of a row group has a value in this column, according to the file's statistics
    /// or because the writing version did not have the column. Reading such a column would be a
    /// waste.
    pub fn is_all_null(&self, row_group: usize, column: Column) -> bool {
        let Some((part, local)) = self.part_of(row_group) else { return false };
        let group = &part.row_groups()[local];
        let chunk = group.columns().iter().find(|c| c.column_path().string() == column.name());
        let Some(chunk) = chunk else { return true };
        let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
        nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows()))
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
        let group = &part.row_groups()[local];
        let cut = part.joint.cut(tick_range(group), ts_range(group), self.within_us);
        let wanted = columns.to_vec();
        let mut columns = wanted.clone();
        if cut.is_some() {
            columns.extend(Cut::COLUMNS.iter().filter(|column| !wanted.contains(column)));
        }
        self.check(index, part, local)?;
        self.check_pages(part, local, &columns)?;
        let source = part.source.try_clone().map_err(Error::io("read", part.path(&self.path)))?;
        let names = columns.iter().map(|column| column.name());
        let mask = ProjectionMask::columns(part.footer.metadata().file_metadata().schema_descr(), names);
        let build = || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(source, part.footer.clone())
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
    fn check_pages(&self, part: &FileSegment, local: usize, columns: &[Column]) -> Result<()> {
        let wanted = |name: &str| columns.iter().any(|column| column.name() == name);
        let chunks = part.row_groups()[local].columns().iter();
        let mut chunks = chunks.filter(|chunk| wanted(&chunk.column_path().string()));
        let walk = || chunks.try_for_each(|chunk| thrift::walk_pages(&part.source, chunk));
        guard::ok_unless_panic(walk)
            .flatten()
            .ok_or_else(|| part.error(&self.path, "one of its pages has an invalid header"))
    }

    fn rows_of(&self, index: usize) -> u64 {
        self.part_of(index).map_or(0, |(part, local)| part.row_groups()[local].num_rows().max(0) as u64)
    }

    fn part_of(&self, index: usize) -> Option<(&FileSegment, usize)> {
        let (part, local) = self.groups.get(index)?;
        Some((&self.parts[*part], *local))
    }
}

/// Every row group of the segments.
fn groups_of(parts: &[FileSegment]) -> Vec<(usize, usize)> {
    let of_part =
        |(at, part): (usize, &FileSegment)| (0..part.row_groups().len()).map(move |local| (at, local));
    parts.iter().enumerate().flat_map(of_part).collect()
}
