//! The writing thread: writes one file after another, and pauses while the disk is full.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};

use super::pause::{PauseLog, Paused, with_pause};
use super::segment::{Segment, describe, ends_without_room};
use super::series::{Kept, Series};
use super::upload::Upload;
use super::writer_thread::{Batch, Ended, FinishedFile, Output, Written, is_full, missing_bytes};
use crate::Result;
use crate::capture::{Finished, Kind, Metadata, Overwrite, PreviousPart, Row, Writer};

/// More rows than most ticks have: a vector that a storm has made longer is not reused, so that its
/// memory is not held for good.
const KEPT_ROWS: usize = 32 * 1024;

/// Estimated bytes per row in a file without a row group yet.
const BYTES_PER_ROW: u64 = 8;

/// Row groups after which a recording starts a new file, whether requested or not: the metadata of
/// each stays in memory, and in the footer that every reader must read.
const MOST_ROW_GROUPS: u64 = 2048;

/// Number of rows for which there must be room before a paused recording resumes: with less, it
/// would pause again at once.
const ROWS_TO_RESUME: u64 = 128 * 1024;

/// The state of the writing thread.
pub(super) struct Worker {
    output: Output,
    series: Series,
    part: Segment,
    /// Monotonic time at which the current file ends, ns.
    cut_at_ns: Option<i64>,
    path: PathBuf,
    state: State,
    /// Periods without free disk space.
    account: PauseLog,
    /// Rows and bytes of earlier files.
    rows_before: u64,
    bytes_before: u64,
    /// The last finished file.
    previous: Option<PreviousPart>,
    /// Rows of the file at the last row group.
    rows_on_disk: u64,
    /// [`MOST_ROW_GROUPS`], except in tests.
    most_row_groups: u64,
    written: Arc<Written>,
}

/// How rows are handled.
enum State {
    /// They are written.
    Writing(Box<Writer>),
    /// They are lost, because the disk is full.
    Paused(Paused),
}

impl Worker {
    pub(super) fn open(output: &Output, start: &Metadata, written: Arc<Written>) -> Result<Self> {
        let series = Series::new(&output.path);
        let (path, sequence) = if output.rotation.is_wanted() {
            series.complete_unfinished().into_iter().for_each(|note| written.tell(note));
            (series.free_path(start.start_us), series.next_sequence(start.host_name.as_deref()))
        } else {
            (output.path.clone(), 1)
        };
        if let Some(upload) = output.upload.as_ref().filter(|_| output.rotation.is_wanted()) {
            // Uploads what an earlier recording left.
            series.finished(start.host_name.as_deref()).iter().for_each(|path| upload.add(path));
        }
        let mut worker = Self {
            output: output.clone(),
            series,
            part: Segment::first(sequence),
            cut_at_ns: None,
            path: path.clone(),
            state: State::Paused(Paused::default()),
            account: PauseLog::default(),
            rows_before: 0,
            bytes_before: 0,
            previous: None,
            rows_on_disk: 0,
            most_row_groups: MOST_ROW_GROUPS,
            written,
        };
        worker.state = State::Writing(Box::new(worker.create(&path, output.overwrite)?));
        Ok(worker)
    }

    fn create(&self, path: &Path, overwrite: Overwrite) -> Result<Writer> {
        let writer = Writer::create(path, overwrite)?;
        Ok(writer.signed_with(self.output.key.clone()).readable_by_group(self.output.group_may_read))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn run(mut self, incoming: &Receiver<Batch>, outgoing: &SyncSender<Vec<Row>>) -> Result<Self> {
        for Batch { mut rows, so_far } in incoming {
            let so_far = so_far.map(|so_far| self.account.amend(so_far));
            self.take(&rows, so_far.as_ref())?;
            rows.clear();
            rows.shrink_to(KEPT_ROWS);
            if let Err(TrySendError::Full(spare)) = outgoing.try_send(rows) {
                drop(spare);
            }
            if self.note_progress() {
                self.rows_on_disk = self.rows_in_file();
            }
            if let Some(so_far) = &so_far {
                self.check_room(so_far);
            }
        }
        Ok(self)
    }

    /// Writes a tick, or counts it as lost if the disk is full.
    fn take(&mut self, rows: &[Row], so_far: Option<&Metadata>) -> Result<()> {
        match (&mut self.state, so_far) {
            (State::Paused(paused), None) => {
                paused.lose_rows(rows.len());
                Ok(())
            }
            (State::Paused(_), Some(so_far)) => self.resume(rows, so_far),
            (State::Writing(writer), _) => {
                let written = rows.iter().try_for_each(|row| writer.push(row));
                let written =
                    written.and_then(|()| so_far.map_or(Ok(()), |so_far| self.end_tick(rows, so_far)));
                match (written, so_far) {
                    (Err(error), Some(so_far)) if is_full(&error) => {
                        self.pause(rows.len(), so_far);
                        Ok(())
                    }
                    (written, _) => written,
                }
            }
        }
    }

    fn end_tick(&mut self, rows: &[Row], so_far: &Metadata) -> Result<()> {
        if self.is_due(so_far) {
            return self.cut(rows, so_far);
        }
        let metadata = self.part.of(so_far.clone(), self.series_name());
        let State::Writing(writer) = &mut self.state else { return Ok(()) };
        writer.end_tick(metadata)
    }

    /// Whether the file ends with this tick.
    fn is_due(&mut self, so_far: &Metadata) -> bool {
        let State::Writing(writer) = &self.state else { return false };
        let rotation = &self.output.rotation;
        let mut is_due = rotation.max_bytes.is_some_and(|most| bytes_expected(writer) >= most)
            || writer.row_groups() >= self.most_row_groups;
        if let Some(every) = rotation.every {
            // On a grid, so that a late tick does not shift all later files.
            let every_ns = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX).max(1);
            let cut_at_ns = self.cut_at_ns.get_or_insert(so_far.start_mono_ns.saturating_add(every_ns));
            while *cut_at_ns <= so_far.end_mono_ns {
                *cut_at_ns = cut_at_ns.saturating_add(every_ns);
                is_due = true;
            }
        }
        is_due
    }

    /// Completes the file, which already has the tick, and begins the next with the same snapshot.
    fn cut(&mut self, rows: &[Row], so_far: &Metadata) -> Result<()> {
        self.end_file(rows.len(), so_far)?;
        let path = self.series.free_path(so_far.end_us);
        self.state = State::Writing(Box::new(self.create(&path, Overwrite::Never)?));
        self.path = path;
        self.begin_file(rows.iter().filter(|row| row.kind == Kind::Snapshot), so_far, 0)?;
        // Already counted in the previous file.
        self.rows_before -= self.rows_in_file();
        Ok(())
    }

    /// Completes the current file, if there is one. On failure, `rows` of the last tick are missing
    /// from it.
    fn end_file(&mut self, rows: usize, so_far: &Metadata) -> Result<()> {
        if matches!(self.state, State::Paused(_)) {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.state, State::Paused(Paused::from(so_far)));
        let State::Writing(writer) = before else { return Ok(()) };
        let path = self.path.clone();
        match self.finish_file(*writer, &path, so_far) {
            Ok(finished) => {
                self.hand_over(&path);
                let kept = Kept { growing: None, ..self.kept(so_far) };
                let pruned = self.series.prune(&kept);
                self.written.tell_file(FinishedFile { path, finished, pruned });
                Ok(())
            }
            Err(error) => {
                if let State::Paused(paused) = &mut self.state {
                    paused.leave_unfinished(path, rows);
                }
                Err(error)
            }
        }
    }

    fn finish_file(&mut self, writer: Writer, path: &Path, so_far: &Metadata) -> Result<Finished> {
        let name = self.series.name().to_owned();
        let mut metadata = Metadata { ticks_planned: None, ..self.part.of(so_far.clone(), Some(&name)) };
        metadata.sources.extend(self.output.upload.as_ref().map(Upload::report));
        let rows = writer.rows();
        let finished = writer.finish(&metadata)?;
        self.rows_before += rows;
        self.bytes_before += finished.bytes;
        self.previous = Some(PreviousPart {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256: finished.sha256.map(|sha256| sha256.to_string()).unwrap_or_default(),
        });
        Ok(finished)
    }

    /// Begins a file with its first tick; it reports the last `pauses` pauses.
    fn begin_file<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a Row>,
        so_far: &Metadata,
        pauses: usize,
    ) -> Result<()> {
        let told = so_far.pauses.len().saturating_sub(pauses);
        self.part = self.part.next(so_far, self.previous.clone(), told);
        let metadata = self.part.of(so_far.clone(), Some(self.series.name()));
        let State::Writing(writer) = &mut self.state else { return Ok(()) };
        for row in rows {
            writer.push(row)?;
        }
        writer.end_tick(metadata)
    }

    /// Completes the file while there is still room for that, and drops later rows until there is
    /// room again. `rows` of the tick may be lost.
    fn pause(&mut self, rows: usize, so_far: &Metadata) {
        let mut told = so_far.clone();
        told.sources.push(ends_without_room());
        // What cannot be completed now is completed when there is room.
        let _ = self.end_file(rows, &told);
        self.written.disk_is_full.store(true, Ordering::Relaxed);
        self.written.tell("the disk is full: recording pauses until there is space".to_owned());
    }

    /// Begins a new file with this tick if there is room again; else the tick is lost.
    fn resume(&mut self, rows: &[Row], so_far: &Metadata) -> Result<()> {
        let is_time = |paused: &Paused| paused.is_time_to_try(so_far.end_mono_ns);
        let may_try = matches!(&self.state, State::Paused(paused) if is_time(paused));
        let has_room = may_try && self.has_room(so_far, ROWS_TO_RESUME);
        let State::Paused(paused) = &mut self.state else { return Ok(()) };
        if !has_room {
            paused.lose_tick(rows.len());
            return Ok(());
        }
        if let Some(completed) = paused.complete_unfinished(&self.written)
            && let Some(upload) = &self.output.upload
        {
            upload.add(&completed);
        }
        let path = self.series.free_path(so_far.end_us);
        let goes_on_in = path.display().to_string();
        let pause = paused.until(so_far.end_us);
        let amended = with_pause(so_far, pause);
        let resumed = self.create(&path, Overwrite::Never).and_then(|writer| {
            let paused = std::mem::replace(&mut self.state, State::Writing(Box::new(writer)));
            let before = (self.part.clone(), std::mem::replace(&mut self.path, path));
            let begun = self.begin_file(rows.iter(), &amended, 1);
            if begun.is_err() {
                // Its folder is removed with the writer, because it has no tick yet.
                self.state = paused;
                (self.part, self.path) = before;
            }
            begun
        });
        match resumed {
            Ok(()) => {
                self.account.add(pause);
                self.written.disk_is_full.store(false, Ordering::Relaxed);
                let (ticks, lost) = (pause.ticks, pause.rows);
                self.written.tell(format!(
                    "there is space again: recording resumes in {goes_on_in}; {ticks} snapshots with \
                     {lost} rows are lost"
                ));
                Ok(())
            }
            Err(error) if is_full(&error) => {
                if let State::Paused(paused) = &mut self.state {
                    paused.try_later(so_far.end_mono_ns);
                    paused.lose_tick(rows.len());
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Completes the last file.
    pub(super) fn finish(self, whole: &Metadata) -> Result<Ended> {
        let mut account = self.account;
        let mut whole = account.amend(whole.clone());
        let (mut rows, mut bytes) = (self.rows_before, self.bytes_before);
        let name = (self.output.rotation.is_wanted() || self.part.is_later()).then(|| self.series.name());
        let mut last = None;
        match self.state {
            State::Writing(writer) => {
                rows += writer.rows();
                let mut metadata = self.part.of(whole.clone(), name);
                metadata.sources.extend(self.output.upload.as_ref().map(Upload::report));
                let finished = writer.finish(&metadata)?;
                if let Some(upload) = self.output.upload.as_ref() {
                    upload.add(&self.path);
                }
                bytes += finished.bytes;
                last = Some(finished);
            }
            State::Paused(mut paused) => {
                let completed = paused.complete_unfinished(&self.written);
                if let (Some(completed), Some(upload)) = (completed, &self.output.upload) {
                    upload.add(&completed);
                }
                let pause = paused.until(whole.end_us);
                whole = with_pause(&whole, pause);
                account.add(pause);
                if let Some(report) = describe(&[pause]) {
                    self.written.tell(format!("to its end {}", report.detail));
                }
            }
        }
        // Nothing is being written any more: the last file counts as one of the kept ones.
        let upload = self.output.upload.as_ref();
        let kept = Kept { rotation: &self.output.rotation, growing: None, so_far: &whole, upload };
        let pruned = self.series.prune(&kept);
        if let Some(finished) = last {
            self.written.tell_file(FinishedFile { path: self.path, finished, pruned });
        }
        Ok(Ended { rows, bytes, pauses: account.pauses().to_vec(), files: Vec::new(), notes: Vec::new() })
    }

    fn kept<'a>(&'a self, so_far: &'a Metadata) -> Kept<'a> {
        let upload = self.output.upload.as_ref();
        Kept { rotation: &self.output.rotation, growing: Some(&self.path), so_far, upload }
    }

    /// Queues a finished file for upload.
    fn hand_over(&self, path: &Path) {
        if let Some(upload) = &self.output.upload {
            upload.add(path);
        }
    }

    /// The series name in a file; a recording of a single file has none.
    fn series_name(&self) -> Option<&str> {
        (self.output.rotation.is_wanted() || self.part.is_later()).then(|| self.series.name())
    }

    fn rows_in_file(&self) -> u64 {
        match &self.state {
            State::Writing(writer) => writer.rows(),
            State::Paused(_) => 0,
        }
    }

    /// Publishes the progress; true if the file has grown since the last time.
    fn note_progress(&self) -> bool {
        self.written.rows.store(self.rows_before + self.rows_in_file(), Ordering::Relaxed);
        let in_file = match &self.state {
            State::Writing(writer) => writer.bytes_written(),
            State::Paused(_) => 0,
        };
        let bytes = self.bytes_before + in_file;
        self.written.bytes.swap(bytes, Ordering::Relaxed) != bytes
    }

    /// Ends the file while the rows in memory still fit: a file cut short by a full disk has no footer.
    fn check_room(&mut self, so_far: &Metadata) {
        let waiting = self.rows_in_file().saturating_sub(self.rows_on_disk);
        if matches!(self.state, State::Paused(_)) || self.has_room(so_far, waiting) {
            return;
        }
        self.pause(0, so_far);
    }

    /// Whether there is room for this many rows in memory, perhaps after old files of the series
    /// were removed. A recording of a single file removes none.
    pub(super) fn has_room(&mut self, so_far: &Metadata, rows: u64) -> bool {
        let Some(missing) = missing_bytes(&self.path, rows) else { return true };
        if !self.output.rotation.is_wanted() {
            return false;
        }
        let pruned = self.series.make_room(&self.kept(so_far), missing);
        for path in &pruned.removed {
            self.written.tell(format!("removed because the disk is full: {}", path.display()));
        }
        !pruned.removed.is_empty() && missing_bytes(&self.path, rows).is_none()
    }
}

/// Estimated size of a file if it ended now.
fn bytes_expected(writer: &Writer) -> u64 {
    let (bytes, waiting) = (writer.bytes_written(), writer.rows_in_memory());
    let written = writer.rows() - waiting;
    bytes + (waiting * bytes).checked_div(written).unwrap_or(waiting * BYTES_PER_ROW)
}

#[cfg(test)]
mod tests {
    use super::super::series::Rotation;
    use super::*;
    use crate::capture::{CaptureFile, Protocol};

    #[test]
    fn a_recording_goes_on_in_another_file_when_one_has_as_many_row_groups_as_a_reader_should_meet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.parquet");
        let rotation = Rotation::default();
        let (overwrite, upload) = (Overwrite::Never, None);
        let output =
            Output { path: path.clone(), overwrite, key: None, group_may_read: false, upload, rotation };
        let mut worker = Worker::open(&output, &Metadata::default(), Arc::default()).unwrap();
        worker.most_row_groups = 1;
        let row = |tick| Row { tick, ..Row::snapshot(7, Protocol::Tcp, ([127, 0, 0, 1].into(), 80)) };
        let so_far = |ticks_taken| Metadata { ticks_taken, ..Metadata::default() };
        // As many rows as fill a row group, and two more snapshots.
        worker.take(&vec![row(0); 128 * 1024], Some(&so_far(1))).unwrap();
        worker.take(&[row(1)], Some(&so_far(2))).unwrap();
        let second = worker.path().to_path_buf();
        worker.take(&[row(2)], Some(&so_far(3))).unwrap();
        worker.end_file(0, &so_far(3)).unwrap();
        let rows = |path: &Path| CaptureFile::open(path).unwrap().rows();
        assert_ne!(second, path);
        assert_eq!((rows(&path), rows(&second)), (128 * 1024 + 1, 2), "they share a snapshot");
    }
}
