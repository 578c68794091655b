//! Restricts a capture to some connections.

use std::sync::Arc;

use ahash::AHashSet;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;

use super::cursor::each_row;
use super::{CaptureFile, Column, Kind, Row, TcpState};
use crate::Result;

/// The selected connections.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Description of the selection.
    pub by: String,
    /// Number of selected connections.
    pub connections: usize,
    /// Number of all connections.
    pub of: usize,
    /// Ids of the selected connections, and of the listening sockets on their ports.
    ids: Arc<AHashSet<u64>>,
}

impl Selection {
    /// Selects every connection of which `wanted` accepts any row, and the listening sockets on
    /// their local ports, which are needed to tell who connected to whom. Reads every row; damage
    /// is skipped and noted in the capture.
    pub(super) fn new(capture: &CaptureFile, by: &str, wanted: &dyn Fn(&Row) -> bool) -> Self {
        let (mut all, mut ids, mut ports) = (AHashSet::new(), AHashSet::new(), AHashSet::new());
        let mut listeners = Vec::new();
        each_row(capture, &mut |row| {
            if row.kind != Kind::Query {
                all.insert(row.conn_id);
            }
            let waits = row.state == Some(TcpState::Listen) || row.remote.is_none();
            if waits && row.protocol.has_ports() {
                let listener = (row.conn_id, (row.protocol, row.local_port));
                // A socket's rows are adjacent.
                if listeners.last() != Some(&listener) {
                    listeners.push(listener);
                }
            }
            if wanted(row) {
                ids.insert(row.conn_id);
                ports.insert((row.protocol, row.local_port));
            }
        });
        let connections = ids.intersection(&all).count();
        ids.extend(listeners.into_iter().filter(|(_, port)| ports.contains(port)).map(|(id, _)| id));
        Self { by: by.to_owned(), connections, of: all.len(), ids: Arc::new(ids) }
    }

    /// The rows of a batch that belong to these connections; all rows if the batch has no ids.
    pub(super) fn rows_of(&self, batch: RecordBatch) -> Result<RecordBatch, String> {
        let column = batch.column_by_name(Column::ConnId.name());
        let Some(ids) = column.and_then(|column| column.as_primitive_opt::<UInt64Type>()) else {
            return Ok(batch);
        };
        let is_chosen: BooleanArray = ids.values().iter().map(|id| Some(self.ids.contains(id))).collect();
        filter_record_batch(&batch, &is_chosen).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Metadata, Overwrite, Protocol, Writer};

    fn row(conn_id: u64, local_port: u16, remote: Option<&str>) -> Row {
        Row {
            remote: remote.map(|addr| (addr.parse().unwrap(), 5000)),
            state: Some(if remote.is_some() { TcpState::Established } else { TcpState::Listen }),
            ..Row::snapshot(conn_id, Protocol::Tcp, ("10.0.0.1".parse().unwrap(), local_port))
        }
    }

    #[test]
    fn connections_that_fit_stay_whole_with_the_listeners_by_which_they_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
        for tick in 0..2 {
            for row in [
                row(1, 80, None),
                row(2, 443, None),
                row(3, 80, Some("192.0.2.1")),
                row(4, 443, Some("192.0.2.2")),
            ] {
                writer.push(&Row { tick, ts_us: i64::from(tick), ..row }).unwrap();
            }
        }
        writer.finish(&Metadata::default()).unwrap();
        let wanted = |row: &Row| row.conn_id == 3 && row.tick == 1;
        let capture = CaptureFile::open(&path).unwrap().select("this", &wanted);
        let selection = capture.selection().unwrap();
        assert_eq!((selection.connections, selection.of, selection.by.as_str()), (1, 4, "this"));
        let mut seen = Vec::new();
        each_row(&capture, &mut |row| seen.push((row.conn_id, row.tick)));
        assert_eq!(seen, [(1, 0), (1, 1), (3, 0), (3, 1)]);
    }
}
