//! Starts and stops recordings of the watched host.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use super::feed::Feed;
use super::relay::relay;
use crate::capture::{Overwrite, SigningKey};
use crate::record::{self, HostInfo, Output, Plan, Recording, Rotation, Stop, capture_name};
use crate::{Error, Result};

/// The recordings of a session.
pub struct Recordings {
    plan: Plan,
    facts: HostInfo,
    key: Option<SigningKey>,
    /// The file given by the user.
    named: Option<PathBuf>,
    /// Number of recordings started.
    started: u32,
    running: Option<Running>,
    done: Vec<Recording>,
}

/// A recording that runs in a separate thread.
struct Running {
    path: PathBuf,
    since_us: i64,
    thread: JoinHandle<Result<Recording>>,
}

impl Recordings {
    /// No recordings yet. A recording goes to the file `named`, or else to one named after the host
    /// and the time.
    pub fn new(plan: Plan, facts: HostInfo, key: Option<SigningKey>, named: Option<PathBuf>) -> Self {
        Self { plan, facts, key, named, started: 0, running: None, done: Vec::new() }
    }

    /// The description of the host.
    pub(super) fn facts(&self) -> &HostInfo {
        &self.facts
    }

    /// The file being recorded, and its first moment, µs since the Unix epoch.
    pub(super) fn running(&self) -> Option<(String, i64)> {
        self.running.as_ref().map(|running| (running.path.display().to_string(), running.since_us))
    }

    /// Starts or stops recording; returns a message.
    pub(super) fn toggle(&mut self, feed: &Feed) -> String {
        let outcome = if self.running.is_some() { self.stop(feed) } else { self.start(feed) };
        outcome.unwrap_or_else(|error| format!("not recorded: {error}"))
    }

    /// Checks whether a recording has ended by itself; returns a message.
    pub(super) fn look(&mut self, feed: &Feed) -> Option<String> {
        let has_ended = self.running.as_ref().is_some_and(|running| running.thread.is_finished());
        has_ended.then(|| {
            let said = self.stop(feed).unwrap_or_else(|error| error.to_string());
            format!("the recording has ended: {said}")
        })
    }

    /// Ends the current recording, and returns all recordings made.
    ///
    /// # Errors
    /// If the last one could not be completed; its finished ticks can be recovered.
    pub(super) fn finish(mut self, feed: &Feed) -> Result<Vec<Recording>> {
        if self.running.is_some() {
            self.stop(feed)?;
        }
        Ok(self.done)
    }

    fn start(&mut self, feed: &Feed) -> Result<String> {
        let kept = feed.last_minute();
        let first = kept.first().ok_or_else(|| Error::Record("there is no snapshot yet".to_owned()))?;
        let since_us = first.moment.ts_us;
        let path = self.free_path(since_us);
        if path.exists() {
            return Err(Error::Exists { path });
        }
        let output = Output {
            path: path.clone(),
            overwrite: Overwrite::Never,
            key: self.key.clone(),
            group_may_read: false,
            upload: None,
            rotation: Rotation::default(),
        };
        let (plan, facts, asked) = (self.plan, self.facts.clone(), Stop::default());
        let (incoming, from_memory) = (feed.listen(), kept.len());
        let thread = std::thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || {
                let Some((mut host, clock)) = relay(incoming, from_memory) else {
                    return Err(Error::Record("no snapshot came".to_owned()));
                };
                record::record(&plan, &output, &mut host, (&clock, &asked), &facts, &mut |_| {})
            })
            .map_err(|e| Error::Record(format!("the recording thread cannot be started: {e}")))?;
        let told = format!("recording into {}, from {:.0} s earlier on", path.display(), feed.memory_s());
        self.started += 1;
        self.running = Some(Running { path, since_us, thread });
        Ok(told)
    }

    /// Waits until everything so far is in the file.
    fn stop(&mut self, feed: &Feed) -> Result<String> {
        let Some(running) = self.running.take() else { return Ok("nothing is recorded".to_owned()) };
        feed.let_go();
        let died = |_| Error::Record("the recording thread died; netrec info recovers its file".to_owned());
        let recording = running.thread.join().map_err(died)??;
        let why = if recording.ending == record::StopReason::DiskFull {
            ", except the end, because the disk is full"
        } else {
            ""
        };
        let told = format!(
            "{}: {} snapshots over {}{why}; netrec analyze reads it",
            running.path.display(),
            recording.metadata.ticks_taken,
            crate::humanize::seconds(recording.metadata.duration_s()),
        );
        self.done.push(recording);
        Ok(told)
    }

    /// Recordings after the first to a given file get a number.
    fn free_path(&self, since_us: i64) -> PathBuf {
        match &self.named {
            None => capture_name(self.facts.host_name.as_deref(), since_us).into(),
            Some(path) if self.started == 0 => path.clone(),
            Some(path) => numbered(path, self.started + 1),
        }
    }
}

/// Turns `x.parquet` into `x-2.parquet`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    path.with_file_name(format!("{stem}-{number}{ending}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::feed::tests::tick;
    use super::*;
    use crate::capture::verify;

    #[test]
    fn the_key_starts_and_stops_and_each_recording_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().join("live.parquet");
        let feed = Feed::default();
        (0..3).for_each(|number| feed.keep(tick(number)));
        let plan = Plan { interval: Duration::from_secs(1), duration: None, max_cpu_percent: None };
        let mut recordings = Recordings::new(plan, HostInfo::default(), None, Some(named.clone()));
        assert!(recordings.toggle(&feed).ends_with("from 2 s earlier on"));
        assert_eq!(recordings.running().unwrap().1, tick(0).moment.ts_us);
        feed.keep(tick(3));
        let told = recordings.toggle(&feed);
        assert!(told.contains("4 snapshots over 3 s"), "{told}");
        let verdict = verify(&named).unwrap();
        assert!(verdict.is_sealed && verdict.changes.is_empty(), "{verdict:?}");
        recordings.toggle(&feed);
        let done = recordings.finish(&feed).unwrap();
        assert_eq!(done.len(), 2);
        assert!(folder.path().join("live-2.parquet").exists());
    }

    #[test]
    fn a_file_that_is_there_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().join("live.parquet");
        std::fs::write(&named, "mine").unwrap();
        let feed = Feed::default();
        feed.keep(tick(0));
        let plan = Plan { interval: Duration::from_secs(1), duration: None, max_cpu_percent: None };
        let mut recordings = Recordings::new(plan, HostInfo::default(), None, Some(named.clone()));
        assert!(recordings.toggle(&feed).contains("live.parquet"));
        assert_eq!(std::fs::read(&named).unwrap(), b"mine");
        assert!(recordings.running().is_none());
    }
}
