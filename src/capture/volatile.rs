//! A capture of rows in memory that is never written to disk.

use std::path::Path;

use super::reader::{CaptureFile, FileSegment};
use super::row_group::RowGroup;
use super::salvage::in_memory;
use super::writer::ROW_GROUP_ROWS;
use super::{FORMAT_VERSION, Metadata, Row};
use crate::Result;

impl CaptureFile {
    /// A capture of these ticks, each with the rows of its snapshot and of the events before it. It
    /// reads like a file; `name` is used in its messages.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] if the rows cannot be encoded.
    pub fn from_ticks(
        name: &str,
        metadata: &Metadata,
        ticks: impl IntoIterator<Item = Vec<Row>>,
    ) -> Result<Self> {
        let path = Path::new(name);
        let (mut parts, mut rows): (Vec<FileSegment>, u64) = (Vec::new(), 0);
        let mut group = RowGroup::default();
        for tick in ticks {
            rows += tick.len() as u64;
            for row in &tick {
                group.push(row);
            }
            if group.len() >= ROW_GROUP_ROWS {
                parts.push(in_memory(path, &mut std::mem::take(&mut group))?);
            }
        }
        if group.len() > 0 {
            parts.push(in_memory(path, &mut group)?);
        }
        let metadata = Metadata { format_version: FORMAT_VERSION, rows, ..metadata.clone() };
        Ok(Self::new(path, parts, metadata))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::{Cursor, Position, Protocol, Toward};

    #[test]
    fn rows_in_memory_read_as_those_of_a_file() {
        let tick = |number: u32| -> Vec<Row> {
            let row = |conn_id| Row {
                tick: number,
                ts_us: i64::from(number) * 1_000_000,
                ..Row::snapshot(conn_id, Protocol::Tcp, ("192.0.2.1".parse().unwrap(), 80))
            };
            (0..100_000).map(row).collect()
        };
        let capture = CaptureFile::from_ticks("memory", &Metadata::default(), (0..4).map(tick)).unwrap();
        assert_eq!((capture.rows(), capture.row_groups(), capture.metadata().rows), (400_000, 2, 400_000));
        let mut cursor = Cursor::new(Arc::new(capture)).unwrap();
        let sample = cursor.at(Position::Tick(3), Toward::Later).unwrap().unwrap();
        assert_eq!((sample.ts_us, sample.rows.len()), (3_000_000, 100_000));
        assert_eq!(CaptureFile::from_ticks("memory", &Metadata::default(), []).unwrap().rows(), 0);
    }
}
