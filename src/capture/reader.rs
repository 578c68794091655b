//! Reads a capture: metadata at once, rows as Arrow batches, one row group after the other.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;

use super::schema::{COLUMNS, Column};
use super::{FORMAT_VERSION, Metadata};
use crate::{Error, Result};

/// Rows per batch: enough to amortise the call, few enough for the cache.
const BATCH_ROWS: usize = 32 * 1024;

/// An opened capture: its footer is read and checked, its rows are not read yet.
#[derive(Debug)]
pub struct CaptureFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    footer: ArrowReaderMetadata,
    metadata: Metadata,
}

impl CaptureFile {
    /// Opens a capture and checks that it is one.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::NotACapture`] for an empty file, a text
    /// file or a foreign Parquet, [`Error::NewerFormat`] for a format of the future.
    pub fn open(path: &Path) -> Result<Self> {
        let not_a_capture = |reason: String| Error::NotACapture { path: path.to_path_buf(), reason };
        let file = File::open(path).map_err(Error::io("read", path))?;
        let facts = file.metadata().map_err(Error::io("read", path))?;
        if facts.is_dir() {
            return Err(not_a_capture("it is a folder".to_owned()));
        }
        if facts.len() == 0 {
            return Err(not_a_capture("the file is empty".to_owned()));
        }
        let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(|e| not_a_capture(describe(&e)))?;
        let metadata = read_metadata(path, &footer)?;
        check_columns(footer.schema()).map_err(not_a_capture)?;
        Ok(Self { path: path.to_path_buf(), file, bytes: facts.len(), footer, metadata })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the capture says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Size of the file in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Rows, by the footer.
    pub fn rows(&self) -> u64 {
        self.footer.metadata().file_metadata().num_rows().max(0) as u64
    }

    /// Number of row groups.
    pub fn row_groups(&self) -> usize {
        self.footer.metadata().num_row_groups()
    }

    /// First and last moment of any row, µs since the Unix epoch, by the statistics of the file;
    /// none if it has no rows, or a row group without statistics.
    pub fn span_us(&self) -> Option<(i64, i64)> {
        let groups = self.footer.metadata().row_groups().iter().filter(|group| group.num_rows() > 0);
        let spans: Option<Vec<(i64, i64)>> = groups
            .map(|group| {
                let ts = group.columns().iter().find(|c| c.column_path().string() == Column::Ts.name())?;
                match ts.statistics()? {
                    Statistics::Int64(ts) => Some((*ts.min_opt()?, *ts.max_opt()?)),
                    _ => None,
                }
            })
            .collect();
        spans?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Whether no row of a row group has a value in this column, by the statistics of the file.
    /// Reading such a column costs more than it tells.
    pub fn is_all_null(&self, row_group: usize, column: Column) -> bool {
        let group = self.footer.metadata().row_group(row_group);
        let chunk = group.columns().iter().find(|c| c.column_path().string() == column.name());
        let nulls = chunk.and_then(|chunk| chunk.statistics()?.null_count_opt());
        nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows()))
    }

    /// The rows of one row group, in batches that have just these columns, in this order of
    /// the schema. Rows lie by `conn_id`, then `ts`.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the row group cannot be decoded.
    pub fn row_group(
        &self,
        index: usize,
        columns: &[Column],
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<'_>> {
        let file = self.file.try_clone().map_err(Error::io("read", &self.path))?;
        let names = columns.iter().map(|column| column.name());
        let mask = ProjectionMask::columns(self.footer.metadata().file_metadata().schema_descr(), names);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.footer.clone())
            .with_projection(mask)
            .with_row_groups(vec![index])
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| self.damaged(&e.to_string()))?;
        Ok(reader.map(|batch| batch.map_err(|e| self.damaged(&e.to_string()))))
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::Damaged { path: self.path.clone(), reason: reason.to_owned() }
    }
}

fn read_metadata(path: &Path, footer: &ArrowReaderMetadata) -> Result<Metadata> {
    let not_a_capture = |reason: String| Error::NotACapture { path: path.to_path_buf(), reason };
    let pairs: Vec<(&str, &str)> = footer
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
        .collect();
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

/// Every column must be there with its type; further ones do no harm.
fn check_columns(schema: &SchemaRef) -> Result<(), String> {
    for column in COLUMNS {
        let Some((_, field)) = schema.column_with_name(column.name) else {
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
