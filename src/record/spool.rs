//! The only thread that touches the file, behind a bounded channel.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::disk;
use super::stop::Stop;
use crate::capture::{Finished, Metadata, Overwrite, Row, SigningKey, Writer};
use crate::{Error, Result};

/// Ticks that may wait for the disk. More would only move the loss from the count of late
/// ticks into the host's memory.
const WAITING_TICKS: usize = 4;

/// More rows than most ticks have: a vector that a storm has made longer is not kept, or the
/// memory that one tick took would be held for good.
const KEPT_ROWS: usize = 32 * 1024;

/// Where the capture goes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its path.
    pub path: PathBuf,
    /// Whether one that is there already may be replaced.
    pub overwrite: Overwrite,
    /// The key that signs it, if any.
    pub key: Option<SigningKey>,
}

/// What goes to the writing thread.
struct Batch {
    rows: Vec<Row>,
    /// What is known of the recording by the end of the tick; none for rows that end no tick.
    so_far: Option<Metadata>,
}

/// The writing thread, seen from the loop.
pub(super) struct Spool {
    path: PathBuf,
    full: SyncSender<Batch>,
    /// Vectors come back to be filled again: at 20,000 sockets one is 5 MB, and pages fresh from
    /// the kernel would cost more than the rows.
    empty: Receiver<Vec<Row>>,
    thread: JoinHandle<Result<Writer>>,
    written: Arc<Written>,
}

/// What has been written so far, for the progress line.
#[derive(Debug, Default)]
struct Written {
    rows: AtomicU64,
    bytes: AtomicU64,
    disk_is_full: AtomicBool,
}

impl Spool {
    /// Opens the file and starts the thread; when the disk is nearly full later, it asks for `stop`.
    pub(super) fn start(output: &Output, stop: &Stop) -> Result<Self> {
        let path = output.path.clone();
        let writer = Writer::create(&path, output.overwrite)?.signed_with(output.key.clone());
        if disk::free_bytes(&path).is_some_and(|free| free < disk::needed_bytes(0)) {
            return Err(Error::io("write", &path)(io::ErrorKind::StorageFull.into()));
        }
        let written = Arc::new(Written::default());
        let (full, incoming) = sync_channel::<Batch>(WAITING_TICKS);
        let (outgoing, empty) = sync_channel::<Vec<Row>>(WAITING_TICKS);
        let worker = Worker { path: path.clone(), writer, written: Arc::clone(&written), stop: stop.clone() };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || worker.run(&incoming, &outgoing))
            .map_err(|e| Error::Record(format!("the writing thread cannot be started: {e}")))?;
        Ok(Self { path, full, empty, thread, written })
    }

    /// An empty vector for the rows of a tick.
    pub(super) fn take_empty(&self) -> Vec<Row> {
        self.empty.try_recv().unwrap_or_default()
    }

    /// Hands over the rows of a tick, with what is known of the recording by now; waits while too
    /// many are waiting. False when the thread has ended, whose reason [`Spool::finish`] then gives.
    pub(super) fn push(&self, rows: Vec<Row>, so_far: Option<Metadata>) -> bool {
        self.full.send(Batch { rows, so_far }).is_ok()
    }

    pub(super) fn rows(&self) -> u64 {
        self.written.rows.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.written.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn disk_is_full(&self) -> bool {
        self.written.disk_is_full.load(Ordering::Relaxed)
    }

    /// Gives the file up; nothing of it stays.
    pub(super) fn abandon(self) {
        drop(self.full);
        // Waited for, so that the unfinished file is removed before the program ends.
        drop(self.thread.join());
    }

    /// Waits until every row is written, and completes the file.
    pub(super) fn finish(self, metadata: &Metadata) -> Result<Finished> {
        drop(self.full);
        let died = |_| Error::Record(format!("the thread that writes {} died", self.path.display()));
        self.thread.join().map_err(died)??.finish(metadata)
    }
}

/// The writing thread, seen from inside.
struct Worker {
    path: PathBuf,
    writer: Writer,
    written: Arc<Written>,
    stop: Stop,
}

impl Worker {
    fn run(mut self, incoming: &Receiver<Batch>, outgoing: &SyncSender<Vec<Row>>) -> Result<Writer> {
        let mut rows_on_disk = 0;
        for Batch { mut rows, so_far } in incoming {
            for row in &rows {
                self.writer.push(row)?;
            }
            rows.clear();
            rows.shrink_to(KEPT_ROWS);
            if let Err(TrySendError::Full(spare)) = outgoing.try_send(rows) {
                drop(spare);
            }
            if let Some(so_far) = so_far {
                self.writer.end_tick(&so_far)?;
            }
            if self.note_progress() {
                rows_on_disk = self.writer.rows();
            }
            self.check_room(self.writer.rows() - rows_on_disk);
        }
        Ok(self.writer)
    }

    /// Publishes what has been written; true if the file has grown since the last time.
    fn note_progress(&self) -> bool {
        self.written.rows.store(self.writer.rows(), Ordering::Relaxed);
        let bytes = self.writer.bytes_written();
        self.written.bytes.swap(bytes, Ordering::Relaxed) != bytes
    }

    /// Asks for the end while what is in memory still fits: a file cut short by a full disk has
    /// no footer, and would be lost as a whole.
    fn check_room(&self, rows_in_memory: u64) {
        let free = disk::free_bytes(&self.path);
        if free.is_some_and(|free| free < disk::needed_bytes(rows_in_memory)) {
            self.written.disk_is_full.store(true, Ordering::Relaxed);
            self.stop.ask();
        }
    }
}
