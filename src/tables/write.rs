//! Writes and reads tables as Parquet files.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::schema::{Table, VERSION};
use crate::safe_fs::open_regular;
use crate::{Error, Result, guard};

/// Metadata key of the table's name.
pub(crate) const TABLE_KEY: &str = "netrec.table";

/// Rows per row group.
const GROUP_ROWS: usize = 256 * 1024;

/// Writes a table as one Parquet file. The same batches give the same bytes.
pub struct Writer<W: Write + Send>(ArrowWriter<W>);

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(table: &Table, out: W) -> io::Result<Self> {
        let writer = ArrowWriter::try_new(out, table.arrow_schema(), Some(properties(table.name)?));
        Ok(Self(writer.map_err(io::Error::other)?))
    }

    /// Adds rows.
    ///
    /// # Errors
    /// If writing fails.
    pub fn push(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.0.write(batch).map_err(io::Error::other)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(self) -> io::Result<()> {
        self.0.close().map(drop).map_err(io::Error::other)
    }
}

impl<W: Write + Send> Writer<W> {
    /// Completes the file, and returns the underlying writer.
    ///
    /// # Errors
    /// If writing fails.
    pub fn into_inner(self) -> io::Result<W> {
        self.0.into_inner().map_err(io::Error::other)
    }
}

/// A Parquet file of batches with this schema. The inner error is that of a batch.
pub(super) fn parquet(
    schema: &SchemaRef,
    name: &str,
    batches: impl Iterator<Item = Result<RecordBatch>>,
) -> io::Result<Result<Vec<u8>>> {
    let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties(name)?));
    let mut writer = writer.map_err(io::Error::other)?;
    for batch in batches {
        match batch {
            Ok(batch) => writer.write(&batch).map_err(io::Error::other)?,
            Err(error) => return Ok(Err(error)),
        }
    }
    writer.into_inner().map(Ok).map_err(io::Error::other)
}

/// Whether a file is a table that [`Writer`] wrote, of any version.
pub fn is_table(path: &Path) -> bool {
    let has_name = |file| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).ok()?;
        let pairs = builder.metadata().file_metadata().key_value_metadata()?;
        Some(pairs.iter().any(|pair| pair.key == TABLE_KEY))
    };
    let opened = open_regular(path).ok();
    opened.is_some_and(|file| guard::ok_unless_panic(|| has_name(file)).flatten() == Some(true))
}

fn properties(name: &str) -> io::Result<WriterProperties> {
    let level = ZstdLevel::try_new(3).map_err(io::Error::other)?;
    let pair = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![pair("netrec.schema", VERSION), pair(TABLE_KEY, name)]))
        .build())
}

/// Passes the batches of a table's file to `take`; the file must have the table's columns.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Damaged`] if it is not such a table.
pub fn read(table: &Table, path: &Path, take: &mut dyn FnMut(RecordBatch)) -> Result<()> {
    read_file(table, path, open_regular(path).map_err(Error::io("read", path))?, take)
}

/// The same for an open file named `path`.
///
/// # Errors
/// [`Error::Damaged`] if it is not such a table.
pub fn read_file(table: &Table, path: &Path, file: File, take: &mut dyn FnMut(RecordBatch)) -> Result<()> {
    let damaged = |reason: String| Error::Damaged { path: path.to_path_buf(), reason };
    let gave_up = || damaged("its decoder gave up".to_owned());
    let open = || ParquetRecordBatchReaderBuilder::try_new(file)?.build();
    let opened = guard::ok_unless_panic(open).ok_or_else(gave_up)?;
    let mut reader = opened.map_err(|e| damaged(e.to_string()))?;
    let schema = RecordBatchReader::schema(&reader);
    let wanted = table.arrow_schema();
    let has = |at: usize| schema.fields().get(at).map(|field| (field.name(), field.data_type()));
    let fits =
        |(at, field): (usize, &Arc<arrow_schema::Field>)| has(at) == Some((field.name(), field.data_type()));
    if !wanted.fields().iter().enumerate().all(fits) {
        return Err(damaged(format!("it has not the columns of the table {}", table.name)));
    }
    loop {
        match guard::ok_unless_panic(|| reader.next()) {
            None => return Err(gave_up()),
            Some(None) => return Ok(()),
            Some(Some(batch)) => take(batch.map_err(|e| damaged(e.to_string()))?),
        }
    }
}
