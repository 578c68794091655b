//! A row group's bytes as they stand in a Parquet file.

use std::sync::OnceLock;

use parquet::arrow::ArrowWriter;
use parquet::errors::Result;
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
    pub(in crate::capture) fn encode(&mut self) -> Result<Encoded> {
        let mut group = std::mem::take(self);
        group.sort();
        let schema = schema()?.schema_descr_ptr();
        let mut chunks = Chunks::new()?;
        let owners = group.owner_runs();
        let columns: Vec<ColumnChunkMetaData> = COLUMNS
            .iter()
            .zip(schema.columns())
            .map(|(info, description)| {
                chunks.push(info, description.clone(), &group.coded(info.column, &owners))
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

    /// Sorts by `conn_id`, then `ts`; a socket's rows of one moment keep the order in which they came.
    fn sort(&mut self) {
        // The keys lie together, because looking each of them up in its row would take longer
        // than all the comparing.
        let mut keys: Vec<(u64, i64, u32)> =
            (0..).zip(&self.rows).map(|(index, row)| (row.conn_id, row.ts_us, index)).collect();
        keys.sort_unstable();
        rearrange(&mut self.rows, keys.into_iter().map(|(_, _, index)| index).collect());
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

/// Puts at each place what `order` says, cycle by cycle: a second copy of the rows would be
/// the largest piece of memory that a recording needs.
fn rearrange<T: Copy>(items: &mut [T], mut order: Vec<u32>) {
    for start in 0..items.len() {
        let first = items[start];
        let mut to = start;
        loop {
            let from = order[to] as usize;
            order[to] = to as u32;
            if from == start {
                items[to] = first;
                break;
            }
            if from == to {
                break;
            }
            items[to] = items[from];
            to = from;
        }
    }
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

fn shifted(column: &ColumnChunkMetaData, shift: i64) -> Result<ColumnChunkMetaData> {
    column
        .clone()
        .into_builder()
        .set_data_page_offset(column.data_page_offset() + shift)
        .set_dictionary_page_offset(column.dictionary_page_offset().map(|offset| offset + shift))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_can_be_made_in_place() {
        let orders: [&[u32]; 6] = [&[], &[0], &[0, 1, 2], &[1, 0, 2], &[2, 0, 1], &[3, 2, 0, 1]];
        for order in orders {
            let mut items: Vec<u32> = (10..10 + order.len() as u32).collect();
            rearrange(&mut items, order.to_vec());
            let expected: Vec<u32> = order.iter().map(|from| from + 10).collect();
            assert_eq!(items, expected);
        }
    }
}
