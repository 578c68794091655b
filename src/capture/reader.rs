//! Reads a capture: metadata at once, rows as Arrow batches, one row group after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use sha2::{Digest as _, Sha256};

use super::Row;
use super::digest::Digest;
use super::evidence::GroupHash;
use super::folder::Unfinished;
use super::salvage::{self, Fate, Salvage};
use super::schema::{COLUMNS, Column};
use super::sealed::{self, Footer};
use super::selection::Selection;
use super::source::Source;
use super::thrift;
use super::{FORMAT_VERSION, Metadata, recover};
use crate::safe_fs::open_regular;
use crate::{Error, Result, guard};

/// Rows per batch: enough to amortise the call, few enough for the cache.
const BATCH_ROWS: usize = 8 * 1024;

/// An opened capture: its footer is read and checked, its rows are not read yet.
///
/// What a recording that was broken off left is a capture too: it is recovered here, without
/// being asked, and [`Metadata::recovered`] says so.
#[derive(Debug)]
pub struct CaptureFile {
    path: PathBuf,
    parts: Vec<Part>,
    metadata: Metadata,
    /// Row groups that turned out to be damaged, with the reason.
    damaged: Mutex<BTreeMap<usize, String>>,
    /// Row groups whose hash has been checked.
    checked: Mutex<BTreeSet<usize>>,
    /// The connections that are looked at; none for all.
    selection: Option<Selection>,
}

/// Bytes with a footer. A finished capture is one; a recording that cannot be completed is
/// two, the rows in its row groups and those in its journal.
#[derive(Debug)]
pub(super) struct Part {
    source: Source,
    footer: ArrowReaderMetadata,
    /// The hash of each row group; empty if there are none.
    hashes: Vec<GroupHash>,
}

impl Part {
    pub(super) fn new(
        path: &Path,
        source: Source,
        footer: ParquetMetaData,
        hashes: Vec<GroupHash>,
    ) -> Result<Self> {
        let not_a_capture = |reason: String| Error::NotACapture { path: path.to_path_buf(), reason };
        let footer =
            guard::quietly(|| ArrowReaderMetadata::try_new(Arc::new(footer), ArrowReaderOptions::new()))
                .ok_or_else(|| not_a_capture("its footer cannot be read".to_owned()))?
                .map_err(|e| not_a_capture(describe(&e)))?;
        check_columns(footer.schema()).map_err(not_a_capture)?;
        Ok(Self { source, footer, hashes })
    }

    fn row_groups(&self) -> &[RowGroupMetaData] {
        self.footer.metadata().row_groups()
    }
}

impl CaptureFile {
    /// Opens a capture and checks that it is one. If there is no such file but the folder of an
    /// unfinished recording, that is recovered; the folder itself may be named too.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::NotACapture`] for an empty file, a text
    /// file or a foreign Parquet, [`Error::NewerFormat`] for a format of the future.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = recover::unfinished(path)?
            && let Some(unfinished) = Unfinished::open(&folder)?
        {
            return Self::open_unfinished(&folder, &unfinished);
        }
        Self::open_finished(path)
    }

    fn open_unfinished(path: &Path, unfinished: &Unfinished) -> Result<Self> {
        let salvage = Salvage::from(&unfinished.dir)?;
        let fate = if unfinished.is_running { Fate::Running } else { Fate::BrokenOff };
        let metadata = salvage.describe(path, fate)?;
        Ok(Self::of(path, salvage.into_parts(&unfinished.dir)?, metadata))
    }

    fn open_finished(path: &Path) -> Result<Self> {
        let source = open_source(path)?;
        let error = match read_footer(path, &source) {
            Ok((footer, metadata)) if footer.is_intact => {
                let part = Part::new(path, source, footer.parquet, footer.evidence.row_groups)?;
                return Ok(Self::of(path, vec![part], metadata));
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
        Ok(Self::of(path, vec![part], metadata))
    }

    pub(super) fn of(path: &Path, parts: Vec<Part>, metadata: Metadata) -> Self {
        Self {
            path: path.to_path_buf(),
            parts,
            metadata,
            damaged: Mutex::default(),
            checked: Mutex::default(),
            selection: None,
        }
    }

    /// The same capture, of which only the connections are seen of which `wanted` accepts a row;
    /// `by` says in words which those are.
    #[must_use]
    pub fn select(self, by: &str, wanted: &dyn Fn(&Row) -> bool) -> Self {
        let selection = Some(Selection::of(&self, by, wanted));
        Self { selection, ..self }
    }

    /// The connections that are looked at; none for all.
    pub fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    /// Where the file is: what was recovered may have another name than what was asked for.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the capture says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// [`CaptureFile::metadata`] with what turned out to be damaged while rows were read.
    pub fn metadata_as_read(&self) -> Metadata {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((first, reason)) = damaged.first_key_value() else { return self.metadata.clone() };
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

    /// SHA-256 of the bytes, as `sha256sum` gives it for a finished capture.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the file cannot be read to its end.
    pub fn sha256(&self) -> Result<Digest> {
        let mut hash = Sha256::new();
        for part in &self.parts {
            salvage::hash_into(&mut hash, &part.source, 0, part.source.bytes())
                .ok_or_else(|| self.error("it cannot be read to its end"))?;
        }
        Ok(Digest::from_hash(hash))
    }

    /// Rows, by the footer.
    pub fn rows(&self) -> u64 {
        (0..self.row_groups()).map(|index| self.rows_of(index)).sum()
    }

    /// Number of row groups.
    pub fn row_groups(&self) -> usize {
        self.parts.iter().map(|part| part.row_groups().len()).sum()
    }

    /// First and last moment of any row, µs since the Unix epoch, by the statistics of the file;
    /// none if it has no rows, or a row group without statistics.
    pub fn span_us(&self) -> Option<(i64, i64)> {
        let groups = self.parts.iter().flat_map(Part::row_groups).filter(|group| group.num_rows() > 0);
        let spans: Option<Vec<(i64, i64)>> = groups.map(ts_range).collect();
        spans?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// First and last time and tick of a row group and its number of rows, by the statistics of
    /// the file; none without them.
    pub(super) fn group_range(&self, row_group: usize) -> Option<GroupRange> {
        let (part, local) = self.part_of(row_group)?;
        let group = &part.row_groups()[local];
        let (ts_us, ticks) = (ts_range(group)?, tick_range(group)?);
        Some(GroupRange { rows: group.num_rows().max(0) as u64, ts_us, ticks })
    }

    /// An error about what a row says.
    pub(super) fn damage(&self, reason: String) -> Error {
        Error::Damaged { path: self.path.clone(), reason }
    }

    /// Whether no row of a row group has a value in this column, by the statistics of the file, or
    /// because the version that wrote it did not have the column.
    /// Reading such a column costs more than it tells.
    pub fn is_all_null(&self, row_group: usize, column: Column) -> bool {
        let Some((part, local)) = self.part_of(row_group) else { return false };
        let group = &part.row_groups()[local];
        let chunk = group.columns().iter().find(|c| c.column_path().string() == column.name());
        let Some(chunk) = chunk else { return true };
        let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
        nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows()))
    }

    /// The rows of one row group, in batches that have just these columns, in this order of
    /// the schema. Rows lie by `conn_id`, then `ts`. The bytes are checked against their hash
    /// first, where the file has one.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the row group is not as it was recorded, or cannot be decoded.
    pub fn row_group(
        &self,
        index: usize,
        columns: &[Column],
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<'_>> {
        let (part, local) = self.part_of(index).ok_or_else(|| self.error("there is no such row group"))?;
        self.check(index, part, local)?;
        self.check_pages(part, local, columns)?;
        let source = part.source.try_clone().map_err(Error::io("read", &self.path))?;
        let names = columns.iter().map(|column| column.name());
        let mask = ProjectionMask::columns(part.footer.metadata().file_metadata().schema_descr(), names);
        let build = || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(source, part.footer.clone())
                .with_projection(mask)
                .with_row_groups(vec![local])
                .with_batch_size(BATCH_ROWS)
                .build()
        };
        let opened = guard::quietly(build).ok_or_else(|| self.error("its decoder gave up"))?;
        let mut reader = Some(opened.map_err(|e| self.error(&e.to_string()))?);
        Ok(std::iter::from_fn(move || {
            let next = guard::quietly(|| reader.as_mut()?.next());
            let Some(next) = next else {
                // Its inner state is unknown after a panic.
                reader = None;
                return Some(Err(self.error("its decoder gave up")));
            };
            next.map(|batch| {
                let batch = batch.map_err(|e| self.error(&e.to_string()))?;
                let chosen = self.selection.as_ref().map(|selection| selection.rows_of(batch.clone()));
                chosen.unwrap_or(Ok(batch)).map_err(|e| self.error(&e))
            })
        }))
    }

    /// Notes that a row group could not be read, which [`CaptureFile::metadata_as_read`] then says.
    pub fn leave_out(&self, index: usize, error: &Error) {
        let reason = match error {
            Error::Damaged { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).entry(index).or_insert(reason);
    }

    /// Checks the hash of a row group, once.
    fn check(&self, index: usize, part: &Part, local: usize) -> Result<()> {
        let Some(hash) = part.hashes.get(local) else { return Ok(()) };
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.contains(&index) {
            return Ok(());
        }
        if salvage::digest(&part.source, hash.start, hash.end) != Some(hash.sha256) {
            return Err(self.error(&format!("bytes {} to {} are not those recorded", hash.start, hash.end)));
        }
        checked.insert(index);
        Ok(())
    }

    /// Checks that no page of the columns is a trap for the decoder.
    fn check_pages(&self, part: &Part, local: usize, columns: &[Column]) -> Result<()> {
        let wanted = |name: &str| columns.iter().any(|column| column.name() == name);
        let chunks = part.row_groups()[local].columns().iter();
        let mut chunks = chunks.filter(|chunk| wanted(&chunk.column_path().string()));
        let walk = || chunks.try_for_each(|chunk| thrift::walk_pages(&part.source, chunk));
        guard::quietly(walk).flatten().ok_or_else(|| self.error("a page of it has a header that cannot be"))
    }

    fn rows_of(&self, index: usize) -> u64 {
        self.part_of(index).map_or(0, |(part, local)| part.row_groups()[local].num_rows().max(0) as u64)
    }

    fn part_of(&self, mut index: usize) -> Option<(&Part, usize)> {
        for part in &self.parts {
            let groups = part.row_groups().len();
            if index < groups {
                return Some((part, index));
            }
            index -= groups;
        }
        None
    }

    fn error(&self, reason: &str) -> Error {
        Error::Damaged { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// What the statistics of a row group say.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupRange {
    pub(super) rows: u64,
    /// µs since the Unix epoch.
    pub(super) ts_us: (i64, i64),
    pub(super) ticks: (u32, u32),
}

fn ts_range(group: &RowGroupMetaData) -> Option<(i64, i64)> {
    match statistics(group, Column::Ts)? {
        Statistics::Int64(ts) => Some((*ts.min_opt()?, *ts.max_opt()?)),
        _ => None,
    }
}

fn tick_range(group: &RowGroupMetaData) -> Option<(u32, u32)> {
    match statistics(group, Column::Tick)? {
        // Parquet keeps unsigned numbers in signed ones of the same bits.
        Statistics::Int32(tick) => Some((tick.min_opt()?.cast_unsigned(), tick.max_opt()?.cast_unsigned())),
        _ => None,
    }
}

fn statistics(group: &RowGroupMetaData, column: Column) -> Option<&Statistics> {
    group.columns().iter().find(|chunk| chunk.column_path().string() == column.name())?.statistics()
}

/// The metadata of a finished capture whose seal holds; none for anything else. Nothing is
/// recovered, and no row is read.
pub fn finished_metadata(path: &Path) -> Option<Metadata> {
    finished_metadata_of(path, open_regular(path).ok()?)
}

/// The same of an open file; `path` is for messages.
pub(crate) fn finished_metadata_of(path: &Path, file: File) -> Option<Metadata> {
    let (footer, metadata) = read_footer(path, &Source::File(file)).ok()?;
    (footer.is_intact && footer.seal.is_some()).then_some(metadata)
}

/// Whether these are the bytes of a finished capture whose seal holds.
pub(super) fn is_sealed(path: &Path, source: &Source) -> bool {
    read_footer(path, source).is_ok_and(|(footer, _)| footer.is_intact && footer.seal.is_some())
}

pub(super) fn open_source(path: &Path) -> Result<Source> {
    let file = open_regular(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::IsADirectory => Error::NotACapture {
            path: path.to_path_buf(),
            reason: "it is a folder, and none of an unfinished recording".to_owned(),
        },
        _ => Error::io("read", path)(error),
    })?;
    let facts = file.metadata().map_err(Error::io("read", path))?;
    let not_a_capture =
        |reason: &str| Error::NotACapture { path: path.to_path_buf(), reason: reason.to_owned() };
    if facts.len() == 0 {
        return Err(not_a_capture("the file is empty"));
    }
    Ok(Source::File(file))
}

/// The footer and the metadata in it, and whether the seal holds.
pub(super) fn read_footer(path: &Path, source: &Source) -> Result<(Footer, Metadata)> {
    let not_a_capture = |reason: String| Error::NotACapture { path: path.to_path_buf(), reason };
    let footer = guard::quietly(|| sealed::read(source))
        .ok_or_else(|| not_a_capture("its footer cannot be read".to_owned()))?
        .map_err(|e| not_a_capture(describe(&e)))?;
    let metadata = read_metadata(path, &footer)?;
    Ok((footer, metadata))
}

fn read_metadata(path: &Path, footer: &Footer) -> Result<Metadata> {
    let not_a_capture = |reason: String| Error::NotACapture { path: path.to_path_buf(), reason };
    let pairs = sealed::pairs(&footer.parquet);
    let version = pairs.iter().find(|(key, _)| *key == "netrec.format_version").map(|(_, value)| value);
    let Some(version) = version else {
        return Err(not_a_capture("it is a Parquet file of another program".to_owned()));
    };
    let found: u32 = version
        .parse()
        .map_err(|_| not_a_capture(format!("its format version is not a number: {version:?}")))?;
    if found > FORMAT_VERSION {
        return Err(Error::NewerFormat { path: path.to_path_buf(), found, supported: FORMAT_VERSION });
    }
    Metadata::from_pairs(pairs).map_err(not_a_capture)
}

/// Every column must be there with its type, but for those that older versions did not write;
/// further ones do no harm.
fn check_columns(schema: &SchemaRef) -> Result<(), String> {
    for column in COLUMNS {
        let Some((_, field)) = schema.column_with_name(column.name) else {
            if column.is_later() {
                continue;
            }
            return Err(format!("it has no column {}", column.name));
        };
        let wanted = column.kind.arrow_type();
        if *field.data_type() != wanted {
            return Err(format!(
                "its column {} has the type {} instead of {wanted}",
                column.name,
                field.data_type()
            ));
        }
    }
    Ok(())
}

/// The Parquet library's message, in words for someone who named the wrong file.
fn describe(error: &ParquetError) -> String {
    let text = error.to_string();
    if text.contains("Invalid Parquet file. Corrupt footer") || text.contains("file too small") {
        "it is not a Parquet file, or its end is missing".to_owned()
    } else {
        text
    }
}
