//! Rows in any order into the order of time, in bounded memory: sorted runs go to a temporary
//! file and are merged at the end.

mod packed;
mod shared;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use self::shared::{Keys, Shared};
use super::names::NameKey;
use crate::capture::Row;
use crate::{Error, Result};

/// Rows of a run, and their bytes: a row has some 70, and one with a long DNS answer more.
const RUN_ROWS: usize = 256 * 1024;
const RUN_BYTES: usize = 64 * 1024 * 1024;

/// Rows that are read back at once, of each run; they share their texts.
const CHUNK_ROWS: usize = 4096;

/// Before a chunk: how many bytes its rows have, and what they share.
const HEAD_BYTES: usize = 16;

/// Collects rows and gives them back by time; those of one moment in the order in which they came.
pub(super) struct Sorter {
    folder: PathBuf,
    run_rows: usize,
    rows: Rows,
    runs: Vec<BufReader<File>>,
}

/// A row, and what its remote's name is looked up by when it is written.
pub(super) type Unnamed = (Row, Option<NameKey>);

impl Sorter {
    /// Runs are kept in files without names in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), run_rows: RUN_ROWS, rows: Rows::default(), runs: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Io`] if a run cannot be written.
    pub(super) fn push(&mut self, row: &Row, key: Option<&NameKey>) -> Result<()> {
        self.rows.push(row, key);
        let is_full = self.rows.places.len() >= self.run_rows || self.rows.bytes.len() >= RUN_BYTES;
        if is_full { self.end_run() } else { Ok(()) }
    }

    /// Hands every row to `take`.
    ///
    /// # Errors
    /// [`Error::Io`] if a run cannot be read back, and what `take` gives.
    pub(super) fn finish(mut self, mut take: impl FnMut(Unnamed) -> Result<()>) -> Result<()> {
        self.rows.sort();
        let failed = |error| Error::io("read a temporary file in", &self.folder)(error);
        let of_file = |file| Run { rest: Rest::File(file), ..Run::default() };
        let mut runs: Vec<Run> = self.runs.into_iter().map(of_file).collect();
        runs.push(Run { rest: Rest::Memory(Box::new(self.rows), 0), ..Run::default() });
        let mut heads = BinaryHeap::new();
        for (index, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next_ts_us().map_err(failed)?.map(|ts_us| Reverse((ts_us, index))));
        }
        while let Some(Reverse((_, index))) = heads.pop() {
            // As long as no other run has an earlier row, this one goes on.
            let limit = heads.peek().map(|Reverse(head)| *head);
            loop {
                take(runs[index].next().map_err(failed)?)?;
                let Some(ts_us) = runs[index].next_ts_us().map_err(failed)? else { break };
                if limit.is_some_and(|limit| (ts_us, index) > limit) {
                    heads.push(Reverse((ts_us, index)));
                    break;
                }
            }
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<()> {
        self.rows.sort();
        let run = self.write_run().map_err(Error::io("write a temporary file in", &self.folder))?;
        self.runs.push(run);
        self.rows.clear();
        Ok(())
    }

    fn write_run(&self) -> io::Result<BufReader<File>> {
        let mut file = tempfile::tempfile_in(&self.folder)?;
        let mut bytes = Vec::new();
        for places in self.rows.places.chunks(CHUNK_ROWS) {
            bytes.clear();
            bytes.extend_from_slice(&[0; HEAD_BYTES]);
            let shared = self.rows.put_chunk(places, &mut bytes);
            let of_rows = bytes.len() - HEAD_BYTES;
            let shared = shared.to_bytes()?;
            bytes.extend_from_slice(&shared);
            for (at, length) in [of_rows, shared.len()].into_iter().enumerate() {
                bytes[8 * at..][..8].copy_from_slice(&(length as u64).to_le_bytes());
            }
            file.write_all(&bytes)?;
        }
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::new(file))
    }
}

/// The rows of a run. A row is large and mostly empty: they are kept as bytes.
#[derive(Default)]
struct Rows {
    bytes: Vec<u8>,
    places: Vec<Place>,
    shared: Shared,
}

/// Where the bytes of a row are, and what it shares with others.
struct Place {
    ts_us: i64,
    from: u32,
    length: u32,
    keys: Keys,
}

impl Rows {
    fn push(&mut self, row: &Row, key: Option<&NameKey>) {
        let from = self.bytes.len();
        packed::put(row, key, &mut self.bytes);
        self.places.push(Place {
            ts_us: row.ts_us,
            from: from as u32,
            length: (self.bytes.len() - from) as u32,
            keys: self.shared.keys(row),
        });
    }

    /// By time, and those of one moment in the order in which they came.
    fn sort(&mut self) {
        self.places.sort_by_key(|place| place.ts_us);
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        self.shared = Shared::default();
    }

    /// Appends some rows, each with its keys after it; gives back what they share.
    fn put_chunk(&self, places: &[Place], out: &mut Vec<u8>) -> Shared {
        let mut shared = Shared::default();
        for Place { from, length, keys, .. } in places {
            let from = *from as usize;
            out.extend_from_slice(&self.bytes[from..from + *length as usize]);
            for key in shared.keys_of(&self.shared, *keys) {
                packed::put_number(key.into(), out);
            }
        }
        shared
    }
}

/// Rows in the order of time, of which some are in memory.
#[derive(Default)]
struct Run {
    chunk: Vec<u8>,
    /// Where in it the next row is.
    at: usize,
    shared: Shared,
    rest: Rest,
}

/// The rows that are in no chunk yet.
#[derive(Default)]
enum Rest {
    #[default]
    None,
    File(BufReader<File>),
    /// What never left the memory, from a place on.
    Memory(Box<Rows>, usize),
}

impl Run {
    /// The time of the next row; none if there is no more.
    fn next_ts_us(&mut self) -> io::Result<Option<i64>> {
        if self.at == self.chunk.len() {
            self.refill()?;
        }
        Ok(packed::ts_us(&self.chunk[self.at..]))
    }

    /// The row of which the time was asked for.
    fn next(&mut self) -> io::Result<Unnamed> {
        let mut bytes = &self.chunk[self.at..];
        let row = packed::take(&mut bytes).zip(packed::take_keys(&mut bytes));
        self.at = self.chunk.len() - bytes.len();
        let ((mut row, key), keys) = row.ok_or(io::ErrorKind::InvalidData)?;
        self.shared.give(&mut row, keys);
        Ok((row, key))
    }

    fn refill(&mut self) -> io::Result<()> {
        self.chunk.clear();
        self.at = 0;
        match &mut self.rest {
            Rest::None => {}
            Rest::Memory(rows, from) => {
                let places = &rows.places[*from..];
                let places = &places[..places.len().min(CHUNK_ROWS)];
                self.shared = rows.put_chunk(places, &mut self.chunk);
                *from += places.len();
            }
            Rest::File(file) => match read_lengths(file) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.rest = Rest::None,
                lengths => {
                    let [of_rows, of_shared] = lengths?;
                    self.chunk.resize(of_rows, 0);
                    file.read_exact(&mut self.chunk)?;
                    let mut shared = vec![0; of_shared];
                    file.read_exact(&mut shared)?;
                    self.shared = Shared::of_bytes(&shared)?;
                }
            },
        }
        Ok(())
    }
}

fn read_lengths(file: &mut impl Read) -> io::Result<[usize; 2]> {
    let mut head = [[0; 8]; 2];
    file.read_exact(head.as_flattened_mut())?;
    Ok(head.map(|bytes| u64::from_le_bytes(bytes) as usize))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::capture::{Application, Owner, Protocol, Query, TcpState};
    use crate::import::names::Names;

    fn row(ts_us: i64, conn_id: u64) -> Row {
        let mut row = Row::snapshot(conn_id, Protocol::Tcp, ("10.0.0.1".parse().unwrap(), 443));
        row.ts_us = ts_us;
        row.remote = Some(("2001:db8::1".parse().unwrap(), 5));
        row.remote_name = conn_id.is_multiple_of(3).then(|| format!("name-{}", conn_id % 7).into());
        row.owner = conn_id
            .is_multiple_of(2)
            .then(|| Arc::new(Owner { pid: Some(conn_id as u32), ..Owner::default() }));
        row.application = conn_id.is_multiple_of(5).then(|| Application::plain("tls"));
        row.counters.bytes_sent = Some(conn_id);
        row.state = Some(TcpState::Established);
        row.prev_state = Some(TcpState::SynSent);
        row.mono_ns = ts_us * 1000 + ts_us % 2;
        row.cpu_percent = (ts_us % 3 == 0).then_some(0.5);
        row.query = conn_id.is_multiple_of(4).then(|| {
            let answers = (ts_us > 9).then(|| "192.0.2.1".repeat(ts_us as usize));
            Arc::new(Query {
                name: "a.example".to_owned(),
                query_type: Some("A".to_owned()),
                response_code: None,
                answers,
            })
        });
        row
    }

    proptest! {
        #[test]
        fn rows_come_back_whole_and_in_the_order_of_time(
            times in proptest::collection::vec(-50_i64..50, 0..300), run_rows in 1_usize..40
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter { run_rows, ..Sorter::new(folder.path()) };
            let names = Names::default();
            let key = |ts| (ts > 0).then(|| names.key(b"C1", ts, ts + 1));
            let mut expected: Vec<Unnamed> = times.iter().zip(0..).map(|(ts, id)| (row(*ts, id), key(*ts))).collect();
            for (row, key) in &expected {
                sorter.push(row, key.as_ref()).unwrap();
            }
            expected.sort_by_key(|(row, _)| row.ts_us);
            let mut sorted = Vec::new();
            sorter.finish(|row| { sorted.push(row); Ok(()) }).unwrap();
            prop_assert_eq!(sorted, expected);
        }
    }
}
