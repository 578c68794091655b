//! Writes a capture: rows in, row groups sorted and compressed, a whole file or none.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use tempfile::TempPath;

use super::row_group::RowGroup;
use super::{Metadata, Row, schema};
use crate::{Error, Result};

/// Rows per row group: about 30 MB while they are collected, and long enough runs of each
/// connection for the compression to work (measured in `benches/`).
const ROW_GROUP_ROWS: usize = 256 * 1024;

/// zstd level; higher ones cost much time for little.
const ZSTD_LEVEL: i32 = 3;

/// Whether a capture that is there already may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and the writer refuses.
    Never,
    /// It is replaced when the new one is whole.
    Allowed,
}

/// Writes one capture under a temporary name; [`Writer::finish`] gives it its own.
///
/// A writer that is dropped unfinished removes what it wrote, so nothing half-written is
/// left behind as if it were whole.
pub struct Writer {
    path: PathBuf,
    partial: TempPath,
    parquet: ArrowWriter<BufWriter<File>>,
    group: RowGroup,
    rows: u64,
}

impl Writer {
    /// Opens a temporary file beside `path`, in which the capture grows.
    ///
    /// # Errors
    /// [`Error::Exists`] if `path` is there and `overwrite` does not allow it to be replaced;
    /// [`Error::Io`] if the file cannot be created.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<Self> {
        if overwrite == Overwrite::Never && path.exists() {
            return Err(Error::Exists { path: path.to_path_buf() });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let (file, partial) = tempfile::Builder::new()
            .prefix(".netrec-")
            .suffix(".partial")
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(Error::io("create", path))?
            .into_parts();
        let parquet = ArrowWriter::try_new(BufWriter::new(file), schema::arrow_schema(), Some(properties()?))
            .map_err(|e| parquet_error(path, e))?;
        Ok(Self { path: path.to_path_buf(), partial, parquet, group: RowGroup::default(), rows: 0 })
    }

    /// Adds a row; writes a row group when enough have come together.
    ///
    /// # Errors
    /// [`Error::Io`] if a row group cannot be written, on a full disk for example.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        self.group.push(row);
        self.rows += 1;
        if self.group.len() >= ROW_GROUP_ROWS {
            self.flush_group()?;
        }
        Ok(())
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes on disk so far; what is still collected in memory is not counted.
    pub fn bytes_written(&self) -> u64 {
        self.parquet.bytes_written() as u64
    }

    /// Writes what is left and the metadata, syncs, and gives the file its name.
    ///
    /// `metadata.rows` and `metadata.format_version` are filled in here.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be completed or renamed.
    pub fn finish(mut self, metadata: &Metadata) -> Result<u64> {
        self.flush_group()?;
        let metadata =
            Metadata { rows: self.rows, format_version: super::FORMAT_VERSION, ..metadata.clone() };
        for (key, value) in metadata.to_pairs() {
            self.parquet.append_key_value_metadata(KeyValue::new(key, value));
        }
        let buffered = self.parquet.into_inner().map_err(|e| parquet_error(&self.path, e))?;
        let file = buffered.into_inner().map_err(|e| Error::io("write", &self.path)(e.into_error()))?;
        file.sync_all().map_err(Error::io("write", &self.path))?;
        let bytes = file.metadata().map_err(Error::io("read", &self.path))?.len();
        self.partial.persist(&self.path).map_err(|e| Error::io("create", &self.path)(e.error))?;
        Ok(bytes)
    }

    fn flush_group(&mut self) -> Result<()> {
        if self.group.len() == 0 {
            return Ok(());
        }
        let batch = self.group.take_batch().map_err(|e| parquet_error(&self.path, e.into()))?;
        self.parquet
            .write(&batch)
            .and_then(|()| self.parquet.flush())
            .map_err(|e| parquet_error(&self.path, e))
    }
}

fn properties() -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|e| Error::Analysis(e.to_string()))?;
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned())
        .build())
}

/// A Parquet error of writing: nearly always the file system's, which is then named as such.
fn parquet_error(path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => *io,
            Err(other) => std::io::Error::other(other.to_string()),
        },
        other => std::io::Error::other(other.to_string()),
    };
    Error::Io { action: "write", path: path.to_path_buf(), source }
}
