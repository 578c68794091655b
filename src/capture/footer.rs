//! The footer of a file while row groups are still being added.
//!
//! In memory, the library's description of a row group is several times larger than in the footer,
//! and its writer copies all of them. So the encoded descriptions are kept instead, and inserted
//! into a footer without row groups:
//!
//! ```text
//! version, schema, rows │ row group │ row group │ … │ pairs and the rest │ length │ PAR1
//! ```

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};

use super::row_group::{put_number, zigzag};

/// Length of the footer and magic, at the end of a Parquet file.
pub(super) const END_BYTES: usize = 8;

/// Thrift compact protocol: the header of a list field, as the footer has it.
const LIST: u8 = 0x19;

/// The type of a list of structs; the number of elements, if below 15, is in the upper half.
const STRUCTS: u8 = 0x0C;

/// The encoded description of one row group.
pub(super) struct Description {
    rows: i64,
    words: Vec<u8>,
    /// A complete footer for this row group alone.
    pub(super) footer: Vec<u8>,
}

impl Description {
    /// Describes a row group at its position in the file.
    ///
    /// # Errors
    /// If the library writes footers in an unexpected form.
    pub(super) fn new(schema: &FileMetaData, row_group: RowGroupMetaData) -> Result<Self> {
        let rows = row_group.num_rows();
        let footer = written(schema, vec![row_group])?;
        let frame = Frame::new(schema)?;
        let words = footer
            .strip_prefix(frame.begin(rows, 1).as_slice())
            .and_then(|rest| rest[..rest.len().checked_sub(END_BYTES)?].strip_suffix(frame.after.as_slice()))
            .ok_or_else(unexpected)?
            .to_vec();
        Ok(Self { rows, words, footer })
    }
}

/// The encoded descriptions of the row groups so far.
#[derive(Default)]
pub(super) struct Descriptions {
    count: usize,
    rows: i64,
    words: Vec<u8>,
}

impl Descriptions {
    /// Number of row groups.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a row group.
    pub(super) fn push(&mut self, description: &Description) {
        self.count += 1;
        self.rows = self.rows.saturating_add(description.rows);
        self.words.extend_from_slice(&description.words);
    }

    /// The footer for all of them, up to the end of the file.
    ///
    /// # Errors
    /// See [`Description::new`].
    pub(super) fn footer(&self, schema: &FileMetaData) -> Result<Vec<u8>> {
        let frame = Frame::new(schema)?;
        let mut footer = frame.begin(self.rows, self.count);
        footer.extend_from_slice(&self.words);
        footer.extend_from_slice(&frame.after);
        let length = u32::try_from(footer.len()).map_err(|_| unexpected())?;
        footer.extend_from_slice(&length.to_le_bytes());
        footer.extend_from_slice(b"PAR1");
        Ok(footer)
    }
}

/// A footer without row groups, split where they belong.
struct Frame {
    /// Up to the number of rows.
    before: Vec<u8>,
    /// From the end of the row groups to the length.
    after: Vec<u8>,
}

impl Frame {
    fn new(schema: &FileMetaData) -> Result<Self> {
        let (none, one) = (written(schema, Vec::new())?, written(schema, vec![row_of(schema)?])?);
        // The number of rows is the first difference, right before the row groups.
        let at = none.iter().zip(&one).take_while(|(none, one)| none == one).count();
        match none[at..none.len() - END_BYTES].split_first_chunk() {
            Some(([0, LIST, STRUCTS], after)) => {
                Ok(Self { before: none[..at].to_vec(), after: after.to_vec() })
            }
            _ => Err(unexpected()),
        }
    }

    /// Everything before the first row group.
    fn begin(&self, rows: i64, count: usize) -> Vec<u8> {
        let mut begin = self.before.clone();
        put_number(zigzag(rows), &mut begin);
        begin.push(LIST);
        if count < 15 {
            begin.push((count as u8) << 4 | STRUCTS);
        } else {
            begin.push(0xF0 | STRUCTS);
            put_number(count as u64, &mut begin);
        }
        begin
    }
}

/// A row group of one row without any further description.
fn row_of(schema: &FileMetaData) -> Result<RowGroupMetaData> {
    let columns = schema.schema_descr().columns().iter();
    let columns = columns.map(|column| ColumnChunkMetaData::builder(column.clone()).build());
    RowGroupMetaData::builder(schema.schema_descr_ptr())
        .set_num_rows(1)
        .set_column_metadata(columns.collect::<Result<_>>()?)
        .build()
}

fn written(schema: &FileMetaData, row_groups: Vec<RowGroupMetaData>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ParquetMetaDataWriter::new(&mut bytes, &of(schema, row_groups)).finish()?;
    Ok(bytes)
}

/// The metadata for these row groups; readers also take the number of rows from it.
pub(super) fn of(schema: &FileMetaData, row_groups: Vec<RowGroupMetaData>) -> ParquetMetaData {
    let file = FileMetaData::new(
        schema.version(),
        row_groups.iter().map(RowGroupMetaData::num_rows).fold(0, i64::saturating_add),
        schema.created_by().map(str::to_owned),
        schema.key_value_metadata().cloned(),
        schema.schema_descr_ptr(),
        schema.column_orders().cloned(),
    );
    ParquetMetaData::new(file, row_groups)
}

fn unexpected() -> ParquetError {
    ParquetError::General("the library writes footers in an unknown way".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::row_group::{self, RowGroup};
    use crate::capture::{Protocol, Row};

    /// Row groups of different lengths, as in a file.
    fn row_groups(count: u64) -> Vec<RowGroupMetaData> {
        let group = |number| {
            let mut group = RowGroup::default();
            for conn_id in 0..=number % 70 {
                group.push(&Row::snapshot(conn_id, Protocol::Tcp, ([10, 0, 0, 1].into(), 443)));
            }
            group
                .encode(row_group::schema().unwrap())
                .unwrap()
                .placed_at(number * 5000, number as usize)
                .unwrap()
        };
        (0..count).map(group).collect()
    }

    #[test]
    fn it_is_the_footer_that_the_library_writes() {
        let schema = row_group::schema().unwrap();
        for count in [0, 1, 14, 15, 16, 200] {
            let row_groups = row_groups(count);
            let mut descriptions = Descriptions::default();
            for row_group in &row_groups {
                let description = Description::new(schema, row_group.clone()).unwrap();
                assert_eq!(description.footer, written(schema, vec![row_group.clone()]).unwrap());
                descriptions.push(&description);
            }
            assert_eq!(descriptions.len() as u64, count);
            assert!(descriptions.footer(schema).unwrap() == written(schema, row_groups).unwrap(), "{count}");
        }
    }

    #[test]
    fn a_row_group_takes_few_bytes() {
        let mut descriptions = Descriptions::default();
        for row_group in row_groups(10) {
            descriptions.push(&Description::new(row_group::schema().unwrap(), row_group).unwrap());
        }
        assert!(descriptions.words.len() < 10 * 8000, "{} bytes", descriptions.words.len());
    }
}
