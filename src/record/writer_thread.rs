//! The only thread that writes the file, behind a bounded channel.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::disk;
use super::series::{Pruned, Rotation};
use super::upload::Upload;
use super::worker::Worker;
use crate::capture::{Finished, Metadata, Overwrite, Pause, Row, SigningKey};
use crate::{Error, Result};

/// Ticks that may wait for the disk. More would only move the loss from the count of late
/// ticks into the host's memory.
const WAITING_TICKS: usize = 4;

/// Where and how the capture is written.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its path; for a recording of several files, the prefix of their names.
    pub path: PathBuf,
    /// Whether an existing file may be replaced.
    pub overwrite: Overwrite,
    /// The key to sign it with, if any.
    pub key: Option<SigningKey>,
    /// Whether the group of this process may read finished captures.
    pub group_may_read: bool,
    /// When to start a new file.
    pub rotation: Rotation,
    /// Uploads every finished file to object storage.
    pub upload: Option<Upload>,
}

/// A complete file of a recording.
#[derive(Debug, Clone)]
pub struct FinishedFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size, rows and hash.
    pub finished: Finished,
    /// Earlier files of the series that were removed in turn.
    pub pruned: Pruned,
}

/// A message to the writing thread.
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    /// The recording's account at the end of the tick; `None` for rows that end no tick.
    pub(super) so_far: Option<Metadata>,
}

/// The loop's handle of the writing thread.
pub(super) struct WriterThread {
    path: PathBuf,
    full: SyncSender<Batch>,
    /// Vectors are returned for reuse: at 20,000 sockets one has 5 MB, and fresh pages from the
    /// kernel would cost more than the rows.
    empty: Receiver<Vec<Row>>,
    thread: JoinHandle<Result<Worker>>,
    written: Arc<Written>,
    upload: Option<Upload>,
}

/// What has been written so far, for the progress line.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) rows: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Whether the disk is full at the moment.
    pub(super) disk_is_full: AtomicBool,
    /// Complete files and messages that were not reported yet.
    untold: Mutex<(Vec<FinishedFile>, Vec<String>)>,
}

impl Written {
    pub(super) fn tell_file(&self, file: FinishedFile) {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).0.push(file);
    }

    pub(super) fn tell(&self, note: String) {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).1.push(note);
    }
}

impl WriterThread {
    /// Opens the file and starts the thread. If the disk fills up later, the file is completed, and
    /// the recording continues in another one as soon as there is room.
    pub(super) fn start(output: &Output, start: &Metadata) -> Result<Self> {
        let written = Arc::new(Written::default());
        let mut worker = Worker::open(output, start, Arc::clone(&written))?;
        let path = worker.path().to_path_buf();
        if !worker.has_room(start, 0) {
            return Err(Error::io("write", &path)(io::ErrorKind::StorageFull.into()));
        }
        let (full, incoming) = sync_channel::<Batch>(WAITING_TICKS);
        let (outgoing, empty) = sync_channel::<Vec<Row>>(WAITING_TICKS);
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || worker.run(&incoming, &outgoing))
            .map_err(|e| Error::Record(format!("the writing thread cannot be started: {e}")))?;
        Ok(Self { path, full, empty, thread, written, upload: output.upload.clone() })
    }

    /// An empty vector for the rows of a tick.
    pub(super) fn take_empty(&self) -> Vec<Row> {
        self.empty.try_recv().unwrap_or_default()
    }

    /// Sends the rows of a tick with the recording's account so far; waits while too many are
    /// queued. False if the thread has ended; [`WriterThread::finish`] then returns the reason.
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

    /// The files completed and the messages added since the last call.
    pub(super) fn untold(&self) -> (Vec<FinishedFile>, Vec<String>) {
        let untold = &self.written.untold;
        let (files, mut notes) = std::mem::take(&mut *untold.lock().unwrap_or_else(PoisonError::into_inner));
        notes.extend(self.upload.as_ref().map(Upload::notes).unwrap_or_default());
        (files, notes)
    }

    /// Discards the file; nothing of it is left.
    pub(super) fn abandon(self) {
        drop(self.full);
        // Joined, so that the unfinished file is removed before the program ends.
        drop(self.thread.join());
    }

    /// Waits until every row is written, and completes the last file.
    pub(super) fn finish(self, metadata: &Metadata) -> Result<Ended> {
        drop(self.full);
        let died = |_| Error::Record(format!("the thread that writes {} died", self.path.display()));
        let mut ended = self.thread.join().map_err(died)??.finish(metadata)?;
        (ended.files, ended.notes) =
            std::mem::take(&mut *self.written.untold.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(ended)
    }
}

/// What a finished recording has written.
#[derive(Debug)]
pub(super) struct Ended {
    /// Rows in all files; a snapshot shared by two files is counted once.
    pub(super) rows: u64,
    /// Size of all files.
    pub(super) bytes: u64,
    /// Periods without free disk space.
    pub(super) pauses: Vec<Pause>,
    /// Files that were not reported yet, including the last one.
    pub(super) files: Vec<FinishedFile>,
    /// Messages that were not reported yet.
    pub(super) notes: Vec<String>,
}

/// Whether the error means that the disk is full.
pub(super) fn is_full(error: &Error) -> bool {
    let Error::Io { source, .. } = error else { return false };
    matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Bytes missing for this many rows in memory, beside a file; `None` if there is room.
pub(super) fn missing_bytes(path: &std::path::Path, rows: u64) -> Option<u64> {
    let (free, needed) = (disk::free_bytes(path)?, disk::needed_bytes(rows));
    needed.checked_sub(free).filter(|missing| *missing > 0)
}
