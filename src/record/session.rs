//! The loop: one deadline per tick, rows to the writing thread, and an honest account at the end.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::clock::{Clock, Moment};
use super::facts::{HostFacts, host_addresses};
use super::host::{Host, Seen, Tick};
use super::schedule::{Plan, Schedule};
use super::spool::{Output, Spool};
use super::stop::Stop;
use crate::capture::{Digest, Finished, Metadata, SourceReport, SourceStatus};
use crate::{Error, Result};

/// How far a recording is, after a tick.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Time since the start.
    pub elapsed: Duration,
    /// What the last tick saw.
    pub seen: Seen,
    /// Rows written so far.
    pub rows: u64,
    /// Bytes on disk so far.
    pub bytes: u64,
    /// Ticks late or left out so far.
    pub ticks_late: u64,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its time was over.
    Planned,
    /// Someone asked for it.
    Asked,
    /// The disk was nearly full.
    DiskFull,
}

/// A finished recording.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What the file says about itself.
    pub metadata: Metadata,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, as `sha256sum` gives it.
    pub sha256: Option<Digest>,
    /// Different sockets that were seen.
    pub connections: u64,
    /// Why it ended.
    pub ending: Ending,
}

/// Records until the plan is done or `stop` is asked for, and completes the file.
///
/// # Errors
/// [`Error::Exists`] and [`Error::Io`] for the file; [`Error::Record`] if the first snapshot
/// gives nothing. A later one that fails is counted as left out.
pub fn record(
    plan: &Plan,
    output: &Output,
    host: &mut dyn Host,
    (clock, stop): (&dyn Clock, &Stop),
    facts: &HostFacts,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Recording> {
    let spool = Spool::start(output, stop)?;
    let mut session = Session::new(plan, clock.now());
    let outcome = session.run(host, (clock, stop), facts, &spool, progress);
    let ending = session.ending(&spool);
    let end = clock.now();
    let mut rows = spool.take_empty();
    host.finish(end, &mut rows);
    spool.push(rows, None);
    session.addresses.extend(host_addresses());
    let metadata = session.describe(end, facts, host, ending);
    // A writer that failed knows better than the loop why the rows could not be handed over.
    let Finished { rows, bytes, sha256 } = match (outcome, session.ticks_taken) {
        (Err(error), 0) => {
            spool.abandon();
            return Err(error);
        }
        _ => spool.finish(&metadata)?,
    };
    let metadata = Metadata { rows, ..metadata };
    Ok(Recording { metadata, bytes, sha256, connections: session.seen.connections, ending })
}

/// What the loop keeps from tick to tick.
struct Session {
    plan: Plan,
    start: Moment,
    schedule: Schedule,
    ticks_taken: u64,
    seen: Seen,
    /// Addresses may come and go while the recording runs.
    addresses: BTreeSet<IpAddr>,
    /// The last reason for which a snapshot gave nothing, and how often that happened.
    failures: Option<(u64, String)>,
}

/// How often the addresses of the host are read again.
const ADDRESSES_EVERY_TICKS: u64 = 60;

impl Session {
    fn new(plan: &Plan, start: Moment) -> Self {
        Self {
            plan: *plan,
            start,
            schedule: Schedule::new(plan, start.mono_ns),
            ticks_taken: 0,
            seen: Seen::default(),
            addresses: host_addresses().into_iter().collect(),
            failures: None,
        }
    }

    fn run(
        &mut self,
        host: &mut dyn Host,
        (clock, stop): (&dyn Clock, &Stop),
        facts: &HostFacts,
        spool: &Spool,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<()> {
        while let Some(due_ns) = self.schedule.due_ns() {
            clock.wait_until(due_ns, stop);
            if stop.is_asked() {
                return Ok(());
            }
            let moment = clock.now();
            self.schedule.begin(moment.mono_ns);
            if !self.tick(host, moment, facts, spool)? {
                return Ok(());
            }
            progress(&self.progress(clock.now(), spool));
        }
        Ok(())
    }

    /// One snapshot; false when there is no one left to write it.
    fn tick(
        &mut self,
        host: &mut dyn Host,
        moment: Moment,
        facts: &HostFacts,
        spool: &Spool,
    ) -> Result<bool> {
        let number = u32::try_from(self.ticks_taken).unwrap_or(u32::MAX);
        let mut rows = spool.take_empty();
        match host.observe(Tick { number, moment, interval: self.plan.interval }, &mut rows) {
            Ok(seen) => self.seen = seen,
            Err(error) if self.ticks_taken == 0 => return Err(error),
            Err(error) => {
                self.note_failure(&error);
                return Ok(true);
            }
        }
        self.ticks_taken += 1;
        if self.ticks_taken.is_multiple_of(ADDRESSES_EVERY_TICKS) {
            self.addresses.extend(host_addresses());
        }
        let so_far = self.describe(moment, facts, host, Ending::Asked);
        Ok(spool.push(rows, Some(so_far)))
    }

    fn note_failure(&mut self, error: &Error) {
        self.schedule.lose();
        let before = self.failures.as_ref().map_or(0, |(count, _)| *count);
        self.failures = Some((before + 1, error.to_string()));
    }

    fn progress(&self, now: Moment, spool: &Spool) -> Progress {
        let elapsed_ns = u64::try_from(now.mono_ns - self.start.mono_ns).unwrap_or(0);
        Progress {
            elapsed: Duration::from_nanos(elapsed_ns),
            seen: self.seen,
            rows: spool.rows(),
            bytes: spool.bytes(),
            ticks_late: self.schedule.late(),
        }
    }

    fn ending(&self, spool: &Spool) -> Ending {
        if spool.disk_is_full() {
            Ending::DiskFull
        } else if self.schedule.due_ns().is_none() {
            Ending::Planned
        } else {
            Ending::Asked
        }
    }

    fn describe(&self, end: Moment, facts: &HostFacts, host: &dyn Host, ending: Ending) -> Metadata {
        let (mut sources, events_lost) = (host.reports(), host.events_lost());
        sources.extend(self.failure_report());
        sources.extend((ending == Ending::DiskFull).then(disk_report));
        Metadata {
            tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
            host_name: facts.host_name.clone(),
            os: facts.os.clone(),
            kernel: facts.kernel.clone(),
            boot_id: facts.boot_id.clone(),
            start_us: self.start.ts_us,
            end_us: end.ts_us,
            start_mono_ns: self.start.mono_ns,
            end_mono_ns: end.mono_ns,
            interval_ms: self.plan.interval.as_millis() as u64,
            privileges: facts.privileges.clone(),
            sources,
            ticks_planned: self.plan.ticks(),
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

fn disk_report() -> SourceReport {
    SourceReport {
        name: "disk".to_owned(),
        status: SourceStatus::Partial,
        detail: "the recording ended early, because the disk was nearly full".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;
    use std::rc::Rc;

    use super::*;
    use crate::capture::{CaptureFile, Overwrite, Protocol, Row};

    /// A clock that jumps to whatever is waited for.
    #[derive(Clone, Default)]
    struct FakeClock(Rc<Cell<i64>>);

    impl Clock for FakeClock {
        fn now(&self) -> Moment {
            Moment { ts_us: 1_700_000_000_000_000 + self.0.get() / 1000, mono_ns: self.0.get() }
        }

        fn wait_until(&self, mono_ns: i64, _stop: &Stop) {
            self.0.set(self.0.get().max(mono_ns));
        }
    }

    /// A host with one socket, whose ticks take as long as the script says; none is a failure.
    struct FakeHost {
        clock: FakeClock,
        costs_ms: Vec<Option<i64>>,
        asked: usize,
        stop_after: Option<(usize, Stop)>,
    }

    impl Host for FakeHost {
        fn observe(&mut self, tick: Tick, rows: &mut Vec<Row>) -> Result<Seen> {
            let cost_ms = self.costs_ms.get(self.asked).copied().unwrap_or(Some(0));
            self.asked += 1;
            if let Some((_, stop)) = self.stop_after.as_ref().filter(|(after, _)| *after == self.asked) {
                stop.ask();
            }
            let cost_ms = cost_ms.ok_or_else(|| Error::Record("no answer".to_owned()))?;
            self.clock.0.set(self.clock.0.get() + cost_ms * 1_000_000);
            assert!(rows.is_empty(), "a vector that came back must be empty");
            let row = Row::snapshot(7, Protocol::Tcp, ("127.0.0.1".parse().unwrap(), 80));
            rows.push(Row { tick: tick.number, ts_us: tick.moment.ts_us, ..row });
            Ok(Seen { sockets: 1, processes: 0, connections: 1 })
        }

        fn reports(&self) -> Vec<SourceReport> {
            vec![SourceReport {
                name: "fake".to_owned(),
                status: SourceStatus::Ran,
                detail: "one socket".to_owned(),
            }]
        }
    }

    /// Records with a tick each 100 ms.
    fn run(
        path: &Path,
        duration_ms: Option<u64>,
        costs_ms: &[Option<i64>],
        stop_after: Option<usize>,
    ) -> Result<Recording> {
        let clock = FakeClock::default();
        clock.0.set(5_000_000_000);
        let stop = Stop::default();
        let mut host = FakeHost {
            clock: clock.clone(),
            costs_ms: costs_ms.to_vec(),
            asked: 0,
            stop_after: stop_after.map(|after| (after, stop.clone())),
        };
        let plan =
            Plan { interval: Duration::from_millis(100), duration: duration_ms.map(Duration::from_millis) };
        let output = Output { path: path.to_path_buf(), overwrite: Overwrite::Never, key: None };
        let facts = HostFacts { host_name: Some("web01".to_owned()), ..HostFacts::default() };
        record(&plan, &output, &mut host, (&clock, &stop), &facts, &mut |_| ())
    }

    #[test]
    fn a_planned_recording_ends_on_its_grid_and_describes_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        let recording = run(&path, Some(1000), &[], None).unwrap();
        let metadata = &recording.metadata;
        assert_eq!((metadata.ticks_planned, metadata.ticks_taken, metadata.ticks_late), (Some(11), 11, 0));
        assert_eq!(metadata.end_mono_ns - metadata.start_mono_ns, 1_000_000_000);
        assert_eq!(metadata.end_us - metadata.start_us, 1_000_000);
        assert_eq!((metadata.interval_ms, metadata.events_lost), (100, None));
        assert_eq!((recording.ending, recording.connections), (Ending::Planned, 1));
        let read = CaptureFile::open(&path).unwrap();
        assert_eq!((read.rows(), read.bytes()), (11, recording.bytes));
        assert_eq!(read.metadata().host_name.as_deref(), Some("web01"));
        assert_eq!(read.metadata().sources.len(), 1);
        assert!(!read.metadata().is_degraded());
    }

    #[test]
    fn ticks_that_take_too_long_make_the_next_ones_late_and_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        // The second tick takes 370 ms: the third, due at 200, begins at 470; 300 and 400 are left out.
        let recording =
            run(&folder.path().join("c.parquet"), Some(1000), &[Some(0), Some(370)], None).unwrap();
        assert_eq!((recording.metadata.ticks_taken, recording.metadata.ticks_late), (9, 3));
        assert!(recording.metadata.is_degraded());
    }

    #[test]
    fn a_snapshot_that_fails_is_counted_and_said_and_does_not_end_the_recording() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        let recording = run(&path, Some(500), &[Some(0), None, None, Some(0)], None).unwrap();
        assert_eq!((recording.metadata.ticks_taken, recording.metadata.ticks_late), (4, 2));
        let report = recording.metadata.sources.iter().find(|source| source.name == "snapshots").unwrap();
        assert!(report.detail.starts_with("2 snapshots") && report.detail.contains("no answer"));
    }

    #[test]
    fn a_host_that_does_not_answer_at_all_is_an_error_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(&folder.path().join("c.parquet"), Some(500), &[None], None).unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn asking_for_the_end_completes_the_file_with_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        let recording = run(&path, None, &[], Some(4)).unwrap();
        assert_eq!((recording.ending, recording.metadata.ticks_planned), (Ending::Asked, None));
        assert_eq!((recording.metadata.ticks_taken, recording.metadata.ticks_late), (4, 0));
        assert_eq!(CaptureFile::open(&path).unwrap().rows(), 4);
    }

    #[test]
    fn more_ticks_than_may_wait_are_all_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        run(&path, Some(100_000), &[], None).unwrap();
        assert_eq!(CaptureFile::open(&path).unwrap().rows(), 1001);
    }
}
