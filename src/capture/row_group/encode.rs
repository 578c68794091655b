//! A row group's bytes as they stand in a Parquet file.

use std::sync::OnceLock;

use parquet::arrow::ArrowWriter;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, FileMetaData, RowGroupMetaData};
use parquet::file::properties::WriterProperties;

use super::RowGroup;
use super::chunk::Chunks;
use crate::capture::schema::{COLUMNS, arrow_schema};

/// A row group that is ready to be put into a file, at any place.
pub(in crate::capture) struct Encoded {
    /// The column chunks, one after the other.
    pub(in crate::capture) bytes: Vec<u8>,
    /// What a footer says of it if it begins at the first byte.
    description: RowGroupMetaData,
}

impl RowGroup {
    /// The rows, in the order of the capture, as Parquet; the group is empty afterwards.
    ///
    /// One column after the other, so that memory holds the rows and one column, not all.
    ///
    /// The columns are those of `schema`, which an older version of netrec may have begun the file
    /// with.
    pub(in crate::capture) fn encode(&mut self, schema: &FileMetaData) -> Result<Encoded> {
        let mut group = std::mem::take(self);
        group.rows.sort();
        let schema = schema.schema_descr_ptr();
        let mut chunks = Chunks::new()?;
        let lists = group.lists();
        let columns: Vec<ColumnChunkMetaData> = schema
            .columns()
            .iter()
            .map(|description| {
                let info = COLUMNS.iter().find(|info| info.name == description.name());
                let info = info.ok_or_else(|| unknown_column(description.name()))?;
                let column = group.coded(info.column, &lists);
                chunks.push(info.kind, description.clone(), &column, group.len())
            })
            .collect::<Result<_>>()?;
        let total_bytes = columns.iter().map(ColumnChunkMetaData::uncompressed_size).sum();
        let description = RowGroupMetaData::builder(schema)
            .set_num_rows(group.len() as i64)
            .set_total_byte_size(total_bytes)
            .set_column_metadata(columns)
            .build()?;
        // The place of the rows and texts is kept for the next ones: pages fresh from the system
        // cost more than the rows.
        group.rows.clear();
        group.texts.clear();
        (self.rows, self.texts) = (group.rows, group.texts);
        Ok(Encoded { bytes: chunks.into_bytes()?, description })
    }
}

/// The schema, as the footer of a capture has to state it.
pub(in crate::capture) fn schema() -> Result<&'static FileMetaData> {
    static SCHEMA: OnceLock<FileMetaData> = OnceLock::new();
    if let Some(schema) = SCHEMA.get() {
        return Ok(schema);
    }
    // The library says it best, so an empty file is made of it once.
    let properties = WriterProperties::builder()
        .set_created_by(concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let empty = ArrowWriter::try_new(Vec::new(), arrow_schema(), Some(properties))?.finish()?;
    Ok(SCHEMA.get_or_init(|| empty.file_metadata().clone()))
}

impl Encoded {
    /// The description of the row group for a footer, if its bytes begin at `start`.
    pub(in crate::capture) fn placed_at(&self, start: u64, ordinal: usize) -> Result<RowGroupMetaData> {
        let columns = self.description.columns().iter().map(|column| shifted(column, start as i64));
        self.description
            .clone()
            .into_builder()
            .set_column_metadata(columns.collect::<Result<_>>()?)
            .set_file_offset(start as i64)
            .set_ordinal(ordinal as i32)
            .build()
    }
}

fn unknown_column(name: &str) -> ParquetError {
    ParquetError::General(format!("the file has a column {name}, which this version does not know"))
}

fn shifted(column: &ColumnChunkMetaData, shift: i64) -> Result<ColumnChunkMetaData> {
    column
        .clone()
        .into_builder()
        .set_data_page_offset(column.data_page_offset() + shift)
        .set_dictionary_page_offset(column.dictionary_page_offset().map(|offset| offset + shift))
        .build()
}
