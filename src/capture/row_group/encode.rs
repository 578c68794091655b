//! A row group's bytes as they stand in a Parquet file.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, FileMetaData, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::RowGroup;
use crate::capture::schema::{COLUMNS, arrow_schema};

/// zstd level; higher ones cost much time for little.
const ZSTD_LEVEL: i32 = 3;

/// Where a row group would begin in a file of its own: after Parquet's magic.
const OWN_START: i64 = 4;

/// A row group that is ready to be put into a file, at any place.
pub(in crate::capture) struct Encoded {
    /// The column chunks, one after the other.
    pub(in crate::capture) bytes: Vec<u8>,
    /// The schema, as the footer of the file has to state it.
    pub(in crate::capture) file: FileMetaData,
    description: RowGroupMetaData,
}

impl RowGroup {
    /// The rows, in the order of the capture, as Parquet; the group is empty afterwards.
    ///
    /// One column after the other, so that memory holds the rows and one column, not all.
    pub(in crate::capture) fn encode(&mut self) -> Result<Encoded> {
        let mut group = std::mem::take(self);
        group.sort();
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(&group.texts.list));
        let schema = arrow_schema();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties()?))?;
        let (mut file, factory) = writer.into_serialized_writer()?;
        let mut row_group = file.next_row_group()?;
        let columns = factory.create_column_writers(0)?;
        for ((info, field), mut column) in COLUMNS.iter().zip(schema.fields()).zip(columns) {
            let array = group.column(info.column, &texts)?;
            write_column(&mut column, field, &array)?;
            column.close()?.append_to_row_group(&mut row_group)?;
        }
        let description = row_group.close()?.as_ref().clone();
        file.flush()?;
        let mut bytes = std::mem::take(file.inner_mut());
        bytes.drain(..OWN_START as usize);
        let file = file.finish()?.file_metadata().clone();
        Ok(Encoded { bytes, file, description })
    }

    /// Sorts by `conn_id`, then `ts`; a socket's rows of one moment keep the order in which they came.
    fn sort(&mut self) {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_unstable_by_key(|index| {
            let row = &self.rows[*index as usize];
            (row.conn_id, row.ts_us, *index)
        });
        rearrange(&mut self.rows, order);
    }
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
        let shift = start as i64 - OWN_START;
        let columns = self.description.columns().iter().map(|column| shifted(column, shift));
        self.description
            .clone()
            .into_builder()
            .set_column_metadata(columns.collect::<Result<_>>()?)
            .set_file_offset(start as i64)
            .set_ordinal(ordinal as i32)
            .build()
    }
}

fn write_column(
    column: &mut ArrowColumnWriter,
    field: &arrow::datatypes::Field,
    array: &ArrayRef,
) -> Result<()> {
    for leaf in compute_leaves(field, array)? {
        column.write(&leaf)?;
    }
    Ok(())
}

fn shifted(column: &ColumnChunkMetaData, shift: i64) -> Result<ColumnChunkMetaData> {
    column
        .clone()
        .into_builder()
        .set_data_page_offset(column.data_page_offset() + shift)
        .set_dictionary_page_offset(column.dictionary_page_offset().map(|offset| offset + shift))
        .build()
}

fn properties() -> Result<WriterProperties> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // What lies between row groups and footer would belong to neither.
        .set_offset_index_disabled(true)
        .set_created_by(concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned())
        .build())
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
