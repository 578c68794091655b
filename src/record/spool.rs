//! The only thread that touches the file, behind a bounded channel.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::disk;
use super::part::Part;
use super::series::{Pruned, Rotation, Series};
use super::stop::Stop;
use crate::capture::{Finished, Kind, Metadata, Overwrite, PreviousPart, Row, SigningKey, Writer};
use crate::{Error, Result};

/// Ticks that may wait for the disk. More would only move the loss from the count of late
/// ticks into the host's memory.
const WAITING_TICKS: usize = 4;

/// More rows than most ticks have: a vector that a storm has made longer is not kept, or the
/// memory that one tick took would be held for good.
const KEPT_ROWS: usize = 32 * 1024;

/// Bytes that a row takes in a file that has no row group yet to tell.
const BYTES_PER_ROW: u64 = 8;

/// Row groups after which a recording goes on in a new file, asked for or not: what is known of
/// each stays in memory, and in the footer that every reader has to read.
const MOST_ROW_GROUPS: u64 = 2048;

/// Where the capture goes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its path; of a recording of several files, what their names begin with.
    pub path: PathBuf,
    /// Whether one that is there already may be replaced.
    pub overwrite: Overwrite,
    /// The key that signs it, if any.
    pub key: Option<SigningKey>,
    /// When it goes on in a new file.
    pub rotation: Rotation,
}

/// A file of a recording that is complete.
#[derive(Debug, Clone)]
pub struct FinishedFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size, rows and hash.
    pub finished: Finished,
    /// Earlier files of the series that its completion has made too many.
    pub pruned: Pruned,
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
    thread: JoinHandle<Result<Worker>>,
    written: Arc<Written>,
}

/// What has been written so far, for the progress line.
#[derive(Debug, Default)]
struct Written {
    rows: AtomicU64,
    bytes: AtomicU64,
    disk_is_full: AtomicBool,
    /// Files that are complete and were not told of yet.
    files: Mutex<Vec<FinishedFile>>,
}

impl Spool {
    /// Opens the file and starts the thread; when the disk is nearly full later, it asks for `stop`.
    pub(super) fn start(output: &Output, start_us: i64, stop: &Stop) -> Result<Self> {
        let written = Arc::new(Written::default());
        let worker = Worker::open(output, start_us, Arc::clone(&written), stop.clone())?;
        let path = worker.path.clone();
        if disk::free_bytes(&path).is_some_and(|free| free < disk::needed_bytes(0)) {
            return Err(Error::io("write", &path)(io::ErrorKind::StorageFull.into()));
        }
        let (full, incoming) = sync_channel::<Batch>(WAITING_TICKS);
        let (outgoing, empty) = sync_channel::<Vec<Row>>(WAITING_TICKS);
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

    /// The files that were completed since the last call.
    pub(super) fn finished_files(&self) -> Vec<FinishedFile> {
        std::mem::take(&mut self.written.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the file up; nothing of it stays.
    pub(super) fn abandon(self) {
        drop(self.full);
        // Waited for, so that the unfinished file is removed before the program ends.
        drop(self.thread.join());
    }

    /// Waits until every row is written, and completes the last file.
    pub(super) fn finish(self, metadata: &Metadata) -> Result<Ended> {
        drop(self.full);
        let died = |_| Error::Record(format!("the thread that writes {} died", self.path.display()));
        let mut ended = self.thread.join().map_err(died)??.finish(metadata)?;
        let untold = std::mem::take(&mut *self.written.files.lock().unwrap_or_else(PoisonError::into_inner));
        ended.files.splice(0..0, untold);
        Ok(ended)
    }
}

/// What was written when a recording is over.
#[derive(Debug)]
pub(super) struct Ended {
    /// Rows in all files; the snapshot that two share is counted once.
    pub(super) rows: u64,
    /// Size of all files.
    pub(super) bytes: u64,
    /// Files that were not told of yet, the last one among them.
    pub(super) files: Vec<FinishedFile>,
}

/// The writing thread, seen from inside.
struct Worker {
    output: Output,
    series: Series,
    part: Part,
    /// When the file that is being written ends by the clock, monotonic, ns.
    cut_at_ns: Option<i64>,
    path: PathBuf,
    writer: Writer,
    /// Rows and bytes of the files before.
    rows_before: u64,
    bytes_before: u64,
    written: Arc<Written>,
    stop: Stop,
}

impl Worker {
    fn open(output: &Output, start_us: i64, written: Arc<Written>, stop: Stop) -> Result<Self> {
        let series = Series::new(&output.path);
        let path = if output.rotation.is_wanted() {
            series.complete_unfinished();
            series.free_path(start_us)
        } else {
            output.path.clone()
        };
        let writer = Writer::create(&path, output.overwrite)?.signed_with(output.key.clone());
        Ok(Self {
            output: output.clone(),
            series,
            part: Part::first(),
            cut_at_ns: None,
            path,
            writer,
            rows_before: 0,
            bytes_before: 0,
            written,
            stop,
        })
    }

    fn run(mut self, incoming: &Receiver<Batch>, outgoing: &SyncSender<Vec<Row>>) -> Result<Self> {
        let mut rows_on_disk = 0;
        for Batch { mut rows, so_far } in incoming {
            for row in &rows {
                self.writer.push(row)?;
            }
            if let Some(so_far) = so_far {
                self.end_tick(&rows, so_far)?;
            }
            rows.clear();
            rows.shrink_to(KEPT_ROWS);
            if let Err(TrySendError::Full(spare)) = outgoing.try_send(rows) {
                drop(spare);
            }
            if self.note_progress() {
                rows_on_disk = self.writer.rows();
            }
            self.check_room(self.writer.rows().saturating_sub(rows_on_disk));
        }
        Ok(self)
    }

    fn end_tick(&mut self, rows: &[Row], so_far: Metadata) -> Result<()> {
        if self.is_due(&so_far) {
            return self.cut(rows, &so_far);
        }
        self.writer.end_tick(self.part.of(so_far, self.series_name()))
    }

    /// Whether the file ends with this tick.
    fn is_due(&mut self, so_far: &Metadata) -> bool {
        let rotation = &self.output.rotation;
        let size = self.bytes_expected();
        let mut is_due = rotation.max_bytes.is_some_and(|most| size >= most)
            || self.writer.row_groups() >= MOST_ROW_GROUPS;
        if let Some(every) = rotation.every {
            // On a grid, so that a tick that comes a little late does not shift all files after it.
            let every_ns = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX).max(1);
            let cut_at_ns = self.cut_at_ns.get_or_insert(so_far.start_mono_ns.saturating_add(every_ns));
            while *cut_at_ns <= so_far.end_mono_ns {
                *cut_at_ns = cut_at_ns.saturating_add(every_ns);
                is_due = true;
            }
        }
        is_due
    }

    /// About how large the file would be if it ended now.
    fn bytes_expected(&self) -> u64 {
        let (bytes, waiting) = (self.writer.bytes_written(), self.writer.rows_in_memory());
        let written = self.writer.rows() - waiting;
        bytes + (waiting * bytes).checked_div(written).unwrap_or(waiting * BYTES_PER_ROW)
    }

    /// Completes the file, which has the tick already, and begins the next with the same snapshot.
    fn cut(&mut self, rows: &[Row], so_far: &Metadata) -> Result<()> {
        let name = self.series.name().to_owned();
        let next_path = self.series.free_path(so_far.end_us);
        let next = Writer::create(&next_path, Overwrite::Never)?.signed_with(self.output.key.clone());
        let metadata = Metadata { ticks_planned: None, ..self.part.of(so_far.clone(), Some(&name)) };
        self.rows_before += self.writer.rows();
        let finished = std::mem::replace(&mut self.writer, next).finish(&metadata)?;
        self.bytes_before += finished.bytes;
        let path = std::mem::replace(&mut self.path, next_path);
        let previous = PreviousPart {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256: finished.sha256.map(|sha256| sha256.to_string()).unwrap_or_default(),
        };
        self.part = self.part.next(so_far, previous);
        let snapshot = rows.iter().filter(|row| row.kind == Kind::Snapshot);
        for row in snapshot.clone() {
            self.writer.push(row)?;
        }
        // Counted with the file before.
        self.rows_before -= snapshot.count() as u64;
        self.writer.end_tick(self.part.of(so_far.clone(), Some(&name)))?;
        let pruned = self.prune(so_far);
        let file = FinishedFile { path, finished, pruned };
        self.written.files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        Ok(())
    }

    /// Completes the last file.
    fn finish(self, whole: &Metadata) -> Result<Ended> {
        let metadata = self.part.of(whole.clone(), self.series_name());
        let rows = self.rows_before + self.writer.rows();
        let finished = self.writer.finish(&metadata)?;
        // Nothing is being written any more: the last file is one of those that may stay.
        let pruned = self.series.prune(&self.output.rotation, whole.host_name.as_deref(), None, whole.end_us);
        let bytes = self.bytes_before + finished.bytes;
        Ok(Ended { rows, bytes, files: vec![FinishedFile { path: self.path, finished, pruned }] })
    }

    fn prune(&self, so_far: &Metadata) -> Pruned {
        let host = so_far.host_name.as_deref();
        self.series.prune(&self.output.rotation, host, Some(&self.path), so_far.end_us)
    }

    /// The series that a file names: the only file of a recording needs none.
    fn series_name(&self) -> Option<&str> {
        (self.output.rotation.is_wanted() || self.part.is_later()).then(|| self.series.name())
    }

    /// Publishes what has been written; true if the file has grown since the last time.
    fn note_progress(&self) -> bool {
        self.written.rows.store(self.rows_before + self.writer.rows(), Ordering::Relaxed);
        let bytes = self.bytes_before + self.writer.bytes_written();
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
