//! Rows in any order into the order of time, in bounded memory: sorted runs go to a temporary
//! file and are merged at the end.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names::NameKey;
use crate::capture::{Application, Counters, Kind, Owner, OwnerSource, Protocol, Query, Row, TcpState};
use crate::{Error, Result};

/// Rows of a run; some 60 MB.
const RUN_ROWS: usize = 256 * 1024;

/// Rows that are read back at once, of each run; they share their texts.
const CHUNK_ROWS: usize = 4096;

/// Collects rows and gives them back by time; those of one moment in the order in which they came.
pub(super) struct Sorter {
    folder: PathBuf,
    run_rows: usize,
    rows: Vec<Unnamed>,
    runs: Vec<BufReader<File>>,
}

/// A row, and what its remote's name is looked up by when it is written.
pub(super) type Unnamed = (Row, Option<NameKey>);

impl Sorter {
    /// Runs are kept in files without names in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), run_rows: RUN_ROWS, rows: Vec::new(), runs: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Io`] if a run cannot be written.
    pub(super) fn push(&mut self, row: Row, key: Option<NameKey>) -> Result<()> {
        self.rows.push((row, key));
        if self.rows.len() >= self.run_rows { self.end_run() } else { Ok(()) }
    }

    /// Hands every row to `take`.
    ///
    /// # Errors
    /// [`Error::Io`] if a run cannot be read back, and what `take` gives.
    pub(super) fn finish(mut self, mut take: impl FnMut(Unnamed) -> Result<()>) -> Result<()> {
        sort(&mut self.rows);
        let folder = std::mem::take(&mut self.folder);
        let failed = |error| Error::io("read a temporary file in", &folder)(error);
        let last = Run { chunk: self.rows.into(), file: None };
        let mut runs: Vec<Run> =
            self.runs.into_iter().map(|file| Run { chunk: VecDeque::new(), file: Some(file) }).collect();
        runs.push(last);
        let mut heads = BinaryHeap::new();
        for (index, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next_ts_us().map_err(failed)?.map(|ts_us| Reverse((ts_us, index))));
        }
        while let Some(Reverse((_, index))) = heads.pop() {
            // As long as no other run has an earlier row, this one goes on.
            let limit = heads.peek().map(|Reverse(head)| *head);
            while let Some(row) = runs[index].chunk.pop_front() {
                take(row)?;
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
        sort(&mut self.rows);
        let run = self.write_run().map_err(Error::io("write a temporary file in", &self.folder))?;
        self.runs.push(run);
        self.rows.clear();
        Ok(())
    }

    fn write_run(&self) -> io::Result<BufReader<File>> {
        let mut file = BufWriter::with_capacity(1024 * 1024, tempfile::tempfile_in(&self.folder)?);
        for rows in self.rows.chunks(CHUNK_ROWS) {
            let bytes = postcard::to_stdvec(&Chunk::new(rows)).map_err(io::Error::other)?;
            file.write_all(&(bytes.len() as u32).to_le_bytes())?;
            file.write_all(&bytes)?;
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::new(file))
    }
}

/// By time, and those of one moment in the order in which they came. Rows are large: their times
/// are sorted, and each row is moved once.
fn sort(rows: &mut [Unnamed]) {
    rows.sort_by_cached_key(|(row, _)| row.ts_us);
}

/// Rows in the order of time, of which some are in memory.
struct Run {
    chunk: VecDeque<Unnamed>,
    /// None for what never left the memory.
    file: Option<BufReader<File>>,
}

impl Run {
    /// The time of the next row; none if there is no more.
    fn next_ts_us(&mut self) -> io::Result<Option<i64>> {
        if self.chunk.is_empty() {
            self.refill()?;
        }
        Ok(self.chunk.front().map(|(row, _)| row.ts_us))
    }

    fn refill(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut length = [0; 4];
        match file.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            result => result?,
        }
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        file.read_exact(&mut bytes)?;
        let chunk: Chunk = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
        self.chunk = chunk.into_rows();
        Ok(())
    }
}

/// Rows with their texts and owners once.
#[derive(Default, Serialize, Deserialize)]
struct Chunk {
    names: Vec<String>,
    owners: Vec<Owner>,
    applications: Vec<Application>,
    rows: Vec<Stored>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    ts_us: i64,
    mono_ns: i64,
    tick: u32,
    kind: Kind,
    conn_id: u64,
    protocol: Protocol,
    protocol_number: Option<u16>,
    local: (IpAddr, u16),
    remote: Option<(IpAddr, u16)>,
    remote_name: Option<u32>,
    name_key: Option<NameKey>,
    netns: Option<u64>,
    states: (Option<TcpState>, Option<TcpState>),
    counters: Counters,
    owner: Option<u32>,
    owner_source: Option<OwnerSource>,
    cpu_percent: Option<f32>,
    memory_rss_bytes: Option<u64>,
    query: Option<Query>,
    application: Option<u32>,
}

impl Chunk {
    fn new(rows: &[Unnamed]) -> Self {
        let mut chunk = Self::default();
        let mut names: HashMap<&str, u32> = HashMap::new();
        let mut owners: HashMap<*const Owner, u32> = HashMap::new();
        let mut applications: HashMap<*const Application, u32> = HashMap::new();
        for (row, name_key) in rows {
            let remote_name = row.remote_name.as_deref().map(|name| {
                *names.entry(name).or_insert_with(|| {
                    chunk.names.push(name.to_owned());
                    chunk.names.len() as u32 - 1
                })
            });
            let owner = row.owner.as_ref().map(|owner| {
                *owners.entry(Arc::as_ptr(owner)).or_insert_with(|| {
                    chunk.owners.push(owner.as_ref().clone());
                    chunk.owners.len() as u32 - 1
                })
            });
            let application = row.application.as_ref().map(|application| {
                *applications.entry(Arc::as_ptr(application)).or_insert_with(|| {
                    chunk.applications.push(application.as_ref().clone());
                    chunk.applications.len() as u32 - 1
                })
            });
            chunk.rows.push(Stored {
                ts_us: row.ts_us,
                mono_ns: row.mono_ns,
                tick: row.tick,
                kind: row.kind,
                conn_id: row.conn_id,
                protocol: row.protocol,
                protocol_number: row.protocol_number,
                local: (row.local_addr, row.local_port),
                remote: row.remote,
                remote_name,
                name_key: *name_key,
                netns: row.netns,
                states: (row.state, row.prev_state),
                counters: row.counters,
                owner,
                owner_source: row.owner_source,
                cpu_percent: row.cpu_percent,
                memory_rss_bytes: row.memory_rss_bytes,
                query: row.query.as_deref().cloned(),
                application,
            });
        }
        chunk
    }

    fn into_rows(self) -> VecDeque<Unnamed> {
        let names: Vec<Arc<str>> = self.names.into_iter().map(Arc::from).collect();
        let owners: Vec<Arc<Owner>> = self.owners.into_iter().map(Arc::new).collect();
        let applications: Vec<Arc<Application>> = self.applications.into_iter().map(Arc::new).collect();
        let row = |stored: Stored| Row {
            ts_us: stored.ts_us,
            mono_ns: stored.mono_ns,
            tick: stored.tick,
            kind: stored.kind,
            remote: stored.remote,
            remote_name: stored.remote_name.and_then(|key| names.get(key as usize).cloned()),
            netns: stored.netns,
            state: stored.states.0,
            prev_state: stored.states.1,
            counters: stored.counters,
            owner: stored.owner.and_then(|key| owners.get(key as usize).cloned()),
            owner_source: stored.owner_source,
            cpu_percent: stored.cpu_percent,
            memory_rss_bytes: stored.memory_rss_bytes,
            protocol_number: stored.protocol_number,
            query: stored.query.map(Arc::new),
            application: stored.application.and_then(|key| applications.get(key as usize).cloned()),
            ..Row::snapshot(stored.conn_id, stored.protocol, stored.local)
        };
        self.rows
            .into_iter()
            .map(|stored| {
                let key = stored.name_key;
                (row(stored), key)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
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
                sorter.push(row.clone(), *key).unwrap();
            }
            expected.sort_by_key(|(row, _)| row.ts_us);
            let mut sorted = Vec::new();
            sorter.finish(|row| { sorted.push(row); Ok(()) }).unwrap();
            prop_assert_eq!(sorted, expected);
        }
    }
}
