//! The live host as a source of samples for the screen.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use super::analyst::{self, Surroundings};
use super::feed::{Feed, Found};
use super::recorder::Recordings;
use super::sampler;
use crate::capture::{Position, Row, Sample, SourceStatus, Toward};
use crate::geo::Databases;
use crate::record::{Plan, Recording, SourceOptions, Stop};
use crate::replay::background::in_background;
use crate::replay::source::Source;
use crate::replay::state::{Findings, State};
use crate::{Error, Result};

/// How often to check for the first snapshot.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// This host.
pub struct Live {
    feed: Feed,
    recordings: Recordings,
    thread: JoinHandle<()>,
    stop: Stop,
}

impl Live {
    /// Starts sampling this host, and waits for the first snapshot.
    ///
    /// # Errors
    /// [`Error::Record`] if its sockets cannot be listed by any method.
    pub fn start(
        plan: Plan,
        wanted: SourceOptions,
        stop: &Stop,
        recordings: Recordings,
        geo: &Arc<Databases>,
    ) -> Result<Self> {
        let feed = Feed::default();
        let thread = sampler::start(plan, wanted, stop.clone(), feed.clone())?;
        while feed.newest().is_none() && !feed.has_ended() {
            std::thread::sleep(LOOK_EVERY);
        }
        if let Some(error) = feed.take_error() {
            return Err(error);
        }
        let (facts, geo) = (recordings.facts().clone(), Arc::clone(geo));
        let surroundings = Surroundings { facts, interval: plan.interval, geo };
        analyst::start(feed.clone(), surroundings, stop.clone());
        Ok(Self { feed, recordings, thread, stop: stop.clone() })
    }

    /// Ends sampling and any recording in progress; returns every recording made.
    ///
    /// # Errors
    /// If the last recording could not be completed.
    pub fn finish(self) -> Result<Vec<Recording>> {
        self.stop.ask();
        let recordings = self.recordings.finish(&self.feed);
        // Its result is already known.
        let _ = self.thread.join();
        recordings
    }
}

impl Source for Live {
    fn at(&mut self, position: Position, toward: Toward) -> Result<Option<Sample>> {
        Ok(self.feed.at(position, toward).map(|tick| tick.sample()))
    }

    fn detail(&mut self, conn_id: u64) -> Receiver<Vec<Row>> {
        let kept = self.feed.window();
        in_background(move || {
            let mut rows: Vec<Row> = kept.iter().flat_map(|tick| tick.rows.unpack()).collect();
            rows.retain(|row| row.conn_id == conn_id);
            rows.sort_by_key(|row| row.ts_us);
            rows
        })
    }

    fn news(&mut self, state: &mut State) -> Result<bool> {
        if self.feed.has_ended() && !self.stop.is_asked() {
            let error = self.feed.take_error();
            return Err(error.unwrap_or_else(|| Error::Record("the sampling thread has died".to_owned())));
        }
        if let Some(said) = self.recordings.look(&self.feed) {
            state.message = Some(said);
        }
        let found = self.feed.found();
        let has_found = found.is_some();
        if let Some(found) = found {
            take_found(state, found);
        }
        let Some(news) = self.feed.news() else { return Ok(has_found) };
        (state.span_us, state.activity) = (news.span_us, news.activity);
        if let Some(live) = &mut state.live {
            live.memory_s = self.feed.memory_s();
            live.recording = self.recordings.running();
            live.unseen = self.feed.newest().map_or_else(Vec::new, |tick| {
                let missing = tick.reports.iter().filter(|report| report.status != SourceStatus::Ran);
                missing.map(|report| format!("{}: {}", report.name, report.detail)).collect()
            });
        }
        if let Some(sample) = news.sample {
            state.follow(sample);
        }
        Ok(true)
    }

    fn toggle_recording(&mut self) -> String {
        self.recordings.toggle(&self.feed)
    }
}

/// Shows the result of the detectors, and announces new findings.
fn take_found(state: &mut State, found: Found) {
    state.failed_detectors = found.failed;
    if let Some(live) = &mut state.live {
        live.detectors = found.words;
    }
    match found.findings {
        Ok(marks) => state.find_more(marks),
        Err(why) => state.find(Findings::Failed(why)),
    }
}
