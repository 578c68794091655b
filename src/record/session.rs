//! The recording loop: one deadline per tick, rows to the writing thread, and a complete account at
//! the end.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use tracing::field::Empty;

use super::budget::Budget;
use super::clock::{Clock, Timestamp};
use super::host::{Host, Seen, Tick};
use super::host_info::HostInfo;
use super::pause::PauseLog;
use super::schedule::{MIN_INTERVAL, Plan, Schedule};
use super::segment;
use super::stop::Stop;
use super::writer_thread::{Ended, FinishedFile, Output, WriterThread};
use crate::capture::{IntervalChange, Metadata, SourceReport, SourceStatus};
use crate::{Error, Result};

/// The progress after a tick.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Time since the start.
    pub elapsed: Duration,
    /// The counts of the last tick.
    pub seen: Seen,
    /// Rows written so far.
    pub rows: u64,
    /// Bytes on disk so far.
    pub bytes: u64,
    /// Ticks late or skipped so far.
    pub ticks_late: u64,
    /// Current time between ticks.
    pub interval: Duration,
    /// Whether writing is paused because the disk is full.
    pub is_paused: bool,
    /// Files of the recording that were completed since the last tick.
    pub files: Vec<FinishedFile>,
    /// Other messages for the user.
    pub notes: Vec<String>,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The planned duration is over.
    Planned,
    /// A stop was requested.
    Asked,
    /// A stop was requested while the disk was full: the last part is not recorded.
    DiskFull,
}

/// A finished recording.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The recording's metadata, covering all its files.
    pub metadata: Metadata,
    /// Size of all files.
    pub bytes: u64,
    /// Files that no progress has reported yet, including the last one.
    pub files: Vec<FinishedFile>,
    /// Messages that no progress has reported yet.
    pub notes: Vec<String>,
    /// Number of distinct sockets.
    pub connections: u64,
    /// Why it ended.
    pub ending: StopReason,
}

/// Records until the plan is complete or `stop` is requested, and completes the file.
///
/// # Errors
/// [`Error::Exists`] and [`Error::Io`] for the file; [`Error::Record`] if the first snapshot fails.
/// A later one that fails is counted as skipped.
pub fn record(
    plan: &Plan,
    output: &Output,
    host: &mut dyn Host,
    (clock, stop): (&dyn Clock, &Stop),
    facts: &HostInfo,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Recording> {
    let start = clock.now();
    let mut session = Session::new(plan, start);
    session.addresses.extend(host.addresses());
    let spool = WriterThread::start(output, &session.describe(start, facts, host))?;
    let outcome = session.run(host, (clock, stop), facts, &spool, progress);
    let ending = session.ending(&spool);
    let end = clock.now();
    let mut rows = spool.take_empty();
    host.finish(end, &mut rows);
    spool.push(rows, None);
    session.addresses.extend(host.addresses());
    let metadata = session.describe(end, facts, host);
    // If the writer failed, its error explains why the rows could not be sent.
    let Ended { rows, bytes, pauses, files, notes } = match (outcome, session.ticks_taken) {
        (Err(error), 0) => {
            spool.abandon();
            return Err(error);
        }
        _ => tracing::info_span!("completing the file").in_scope(|| spool.finish(&metadata))?,
    };
    let mut metadata = PauseLog::new(pauses).amend(Metadata { rows, ..metadata });
    metadata.sources.extend(segment::describe(&metadata.pauses));
    Ok(Recording { metadata, bytes, files, notes, connections: session.seen.connections, ending })
}

/// The loop's state between ticks.
struct Session {
    plan: Plan,
    start: Timestamp,
    schedule: Schedule,
    /// Current time between ticks.
    interval: Duration,
    budget: Option<Budget>,
    interval_changes: Vec<IntervalChange>,
    ticks_taken: u64,
    seen: Seen,
    /// Addresses may come and go during the recording.
    addresses: BTreeSet<IpAddr>,
    /// How many snapshots failed, and the last reason.
    failures: Option<(u64, String)>,
}

/// Number of ticks after which the host's addresses are read again.
const ADDRESSES_EVERY_TICKS: u64 = 60;

impl Session {
    fn new(plan: &Plan, start: Timestamp) -> Self {
        Self {
            plan: *plan,
            start,
            schedule: Schedule::new(plan, start.mono_ns),
            interval: plan.interval,
            budget: plan.max_cpu_percent.map(|percent| Budget::new(percent, plan.interval)),
            interval_changes: Vec::new(),
            ticks_taken: 0,
            seen: Seen::default(),
            addresses: BTreeSet::new(),
            failures: None,
        }
    }

    fn run(
        &mut self,
        host: &mut dyn Host,
        (clock, stop): (&dyn Clock, &Stop),
        facts: &HostInfo,
        spool: &WriterThread,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<()> {
        while let Some(due_ns) = self.schedule.due_ns() {
            let (waits_since_ns, was_asked) = (clock.now().mono_ns, stop.is_asked());
            clock.wait_until(due_ns, stop);
            let moment = clock.now();
            if stop.is_asked() {
                // A final snapshot shows the state at the end, unless the last one was just taken.
                let has_waited = moment.mono_ns - waits_since_ns >= MIN_INTERVAL.as_nanos() as i64;
                if has_waited && !was_asked && self.ticks_taken > 0 {
                    self.tick(host, moment, facts, spool)?;
                }
                return Ok(());
            }
            self.schedule.begin(moment.mono_ns);
            let tick =
                tracing::debug_span!("snapshot", number = self.ticks_taken, sockets = Empty, late = Empty);
            if !self.tick(host, moment, facts, spool)? {
                return Ok(());
            }
            tick.record("sockets", self.seen.sockets).record("late", self.schedule.late());
            drop(tick);
            self.keep_budget(clock, moment);
            progress(&self.progress(clock.now(), spool));
        }
        Ok(())
    }

    /// Takes one snapshot; false if the writing thread has ended.
    fn tick(
        &mut self,
        host: &mut dyn Host,
        moment: Timestamp,
        facts: &HostInfo,
        spool: &WriterThread,
    ) -> Result<bool> {
        let number = u32::try_from(self.ticks_taken).unwrap_or(u32::MAX);
        let mut rows = spool.take_empty();
        match host.observe(Tick { number, moment, interval: self.interval }, &mut rows) {
            Ok(seen) => self.seen = seen,
            Err(error) if self.ticks_taken == 0 => return Err(error),
            Err(error) => {
                self.note_failure(&error);
                return Ok(true);
            }
        }
        self.ticks_taken += 1;
        if self.ticks_taken.is_multiple_of(ADDRESSES_EVERY_TICKS) {
            self.addresses.extend(host.addresses());
        }
        let so_far = self.describe(moment, facts, host);
        Ok(spool.push(rows, Some(so_far)))
    }

    /// Adjusts the interval after a tick to the CPU budget.
    fn keep_budget(&mut self, clock: &dyn Clock, moment: Timestamp) {
        let Some(budget) = &mut self.budget else { return };
        let Some(cpu_ns) = clock.cpu_ns() else { return };
        let Some(changed) = budget.tick(moment.mono_ns, cpu_ns) else { return };
        self.interval = changed.interval;
        self.schedule.change_interval(changed.interval);
        self.interval_changes.push(IntervalChange {
            at_us: moment.ts_us,
            tick: self.ticks_taken,
            interval_ms: changed.interval.as_millis() as u64,
            // Thousandths exceed the precision of the measurement, and are short in the file.
            cpu_percent: (changed.cpu_percent * 1000.0).round() / 1000.0,
        });
    }

    fn note_failure(&mut self, error: &Error) {
        self.schedule.lose();
        let before = self.failures.as_ref().map_or(0, |(count, _)| *count);
        tracing::warn!("a snapshot failed: {error}");
        self.failures = Some((before + 1, error.to_string()));
    }

    fn progress(&self, now: Timestamp, spool: &WriterThread) -> Progress {
        let (files, notes) = spool.untold();
        let elapsed_ns = u64::try_from(now.mono_ns - self.start.mono_ns).unwrap_or(0);
        Progress {
            elapsed: Duration::from_nanos(elapsed_ns),
            seen: self.seen,
            rows: spool.rows(),
            bytes: spool.bytes(),
            ticks_late: self.schedule.late(),
            interval: self.interval,
            is_paused: spool.disk_is_full(),
            files,
            notes,
        }
    }

    fn ending(&self, spool: &WriterThread) -> StopReason {
        if spool.disk_is_full() {
            StopReason::DiskFull
        } else if self.schedule.due_ns().is_none() {
            StopReason::Planned
        } else {
            StopReason::Asked
        }
    }

    fn describe(&self, end: Timestamp, facts: &HostInfo, host: &dyn Host) -> Metadata {
        let (mut sources, events_lost) = (host.reports(), host.events_lost());
        sources.extend(self.failure_report());
        Metadata {
            tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
            host_name: facts.host_name.clone(),
            os: facts.os.clone(),
            kernel: facts.kernel.clone(),
            machine_id: facts.machine_id.clone(),
            boot_id: facts.boot_id.clone(),
            start_us: self.start.ts_us,
            end_us: end.ts_us,
            start_mono_ns: self.start.mono_ns,
            end_mono_ns: end.mono_ns,
            interval_ms: self.plan.interval.as_millis() as u64,
            interval_changes: self.interval_changes.clone(),
            privileges: facts.privileges.clone(),
            recorder_pids: facts.recorder_pid.into_iter().collect(),
            sources,
            ticks_planned: self.schedule.planned(),
            ticks_taken: self.ticks_taken,
            ticks_late: self.schedule.late(),
            events_lost,
            host_addresses: self.addresses.iter().map(IpAddr::to_string).collect(),
            ..Metadata::default()
        }
    }

    fn failure_report(&self) -> Option<SourceReport> {
        let (count, reason) = self.failures.as_ref()?;
        let detail =
            format!("{count} snapshots could not be taken and are counted as late; the last: {reason}");
        Some(SourceReport { name: "snapshots".to_owned(), status: SourceStatus::Partial, detail })
    }
}

#[cfg(test)]
mod tests;
