//! A host and a clock for a recording that begins in the past: they replay the stored snapshots,
//! and then follow new ones.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::feed::KeptTick;
use crate::capture::{Kind, Row, SourceReport, SourceStatus};
use crate::record::{Clock, Host, Seen, Stop, Tick, Timestamp};
use crate::{Error, Result};

/// How often a wait for a snapshot checks for a requested stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The snapshots on their way into a recording.
struct Relay {
    incoming: Receiver<Arc<KeptTick>>,
    next: Option<Arc<KeptTick>>,
    /// The first snapshot.
    first: Arc<KeptTick>,
    /// Number of sockets in the first snapshot.
    first_sockets: u64,
    /// The last recorded snapshot.
    last: Arc<KeptTick>,
    /// Number of snapshots stored before the recording was started.
    from_memory: usize,
}

/// The host of the recording.
pub(super) struct RelayHost(Rc<RefCell<Relay>>);

/// Its clock, which shows the time of the current snapshot.
pub(super) struct RelayClock(Rc<RefCell<Relay>>);

/// A host and a clock for these snapshots, the first `from_memory` of which are stored; `None` if
/// there are none.
pub(super) fn relay(
    incoming: Receiver<Arc<KeptTick>>,
    from_memory: usize,
) -> Option<(RelayHost, RelayClock)> {
    let first = incoming.recv().ok()?;
    let (next, last) = (Some(Arc::clone(&first)), Arc::clone(&first));
    let relay = Relay { incoming, next, first, first_sockets: 0, last, from_memory };
    let relay = Rc::new(RefCell::new(relay));
    Some((RelayHost(Rc::clone(&relay)), RelayClock(relay)))
}

impl Clock for RelayClock {
    fn now(&self) -> Timestamp {
        let relay = self.0.borrow();
        relay.next.as_ref().unwrap_or(&relay.last).moment
    }

    /// Waits for the next snapshot, whenever it comes; if there are no more, the recording is over.
    fn wait_until(&self, _mono_ns: i64, stop: &Stop) {
        let mut relay = self.0.borrow_mut();
        while relay.next.is_none() && !stop.is_asked() {
            match relay.incoming.recv_timeout(LOOK_EVERY) {
                Ok(tick) => relay.next = Some(tick),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => stop.ask(),
            }
        }
    }
}

impl Host for RelayHost {
    fn observe(&mut self, tick: Tick, rows: &mut Vec<Row>) -> Result<Seen> {
        let mut relay = self.0.borrow_mut();
        let kept = relay.next.take().ok_or_else(|| Error::Record("there is no snapshot".to_owned()))?;
        let is_first = tick.number == 0;
        // The recording's numbers begin at its own first snapshot.
        let shift = kept.number.saturating_sub(tick.number);
        for row in kept.rows.unpack() {
            // Events before the first snapshot are not part of the recording.
            if !is_first || row.kind == Kind::Snapshot {
                rows.push(Row { tick: row.tick.saturating_sub(shift), ..row });
            }
        }
        if is_first {
            relay.first_sockets = rows.len() as u64;
        }
        let since = kept.seen.connections.saturating_sub(relay.first.seen.connections);
        let seen = Seen { connections: relay.first_sockets + since, ..kept.seen };
        relay.last = kept;
        Ok(seen)
    }

    fn events_lost(&self) -> Option<u64> {
        let relay = self.0.borrow();
        let before = relay.first.events_lost.unwrap_or(0);
        Some(relay.last.events_lost?.saturating_sub(before))
    }

    fn reports(&self) -> Vec<SourceReport> {
        let relay = self.0.borrow();
        let watched = SourceReport {
            name: "watch".to_owned(),
            status: SourceStatus::Ran,
            detail: format!(
                "The first {} snapshots were in netrec watch's memory when the recording was started; the \
                 event sources count from its start",
                relay.from_memory
            ),
        };
        relay.last.reports.iter().cloned().chain([watched]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::feed::tests::tick;
    use super::*;
    use crate::capture::{CaptureFile, Cursor, Overwrite, Position, Toward};
    use crate::record::{HostInfo, Output, Plan, Rotation, record};

    #[test]
    fn a_recording_begins_with_what_was_kept_and_counts_from_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let (sender, receiver) = std::sync::mpsc::channel();
        // Snapshot 14 was never taken.
        for number in [10, 11, 12, 13, 15] {
            sender.send(Arc::new(tick(number))).unwrap();
        }
        drop(sender);
        let (mut host, clock) = relay(receiver, 3).unwrap();
        let plan = Plan { interval: Duration::from_secs(1), duration: None, max_cpu_percent: None };
        let output = Output {
            path: path.clone(),
            overwrite: Overwrite::Never,
            key: None,
            group_may_read: false,
            upload: None,
            rotation: Rotation::default(),
        };
        let ends = (&clock as &dyn Clock, &Stop::default());
        let recording = record(&plan, &output, &mut host, ends, &HostInfo::default(), &mut |_| {}).unwrap();
        // Counted as by the recorder: 14 was late, and 15 skipped.
        assert_eq!((recording.metadata.ticks_taken, recording.metadata.ticks_late), (5, 2));
        assert_eq!(recording.metadata.start_us, tick(10).moment.ts_us);
        assert_eq!(recording.metadata.end_us, tick(15).moment.ts_us);
        assert_eq!(recording.metadata.events_lost, Some(10), "lost since snapshot 10");
        assert_eq!(recording.connections, 1 + 5);
        let capture = Arc::new(CaptureFile::open(&path).unwrap());
        assert_eq!(capture.rows(), 5 + 4, "the event before the first snapshot is none of it");
        let mut cursor = Cursor::new(capture).unwrap();
        let first = cursor.at(Position::Tick(0), Toward::Later).unwrap().unwrap();
        assert_eq!((first.ts_us, first.events.len()), (tick(10).moment.ts_us, 0));
        let last = cursor.at(Position::Tick(4), Toward::Later).unwrap().unwrap();
        assert_eq!((last.ts_us, last.rows.len()), (tick(15).moment.ts_us, 1));
    }

    #[test]
    fn without_a_snapshot_there_is_nothing_to_record() {
        let (sender, receiver) = std::sync::mpsc::channel();
        drop(sender);
        assert!(relay(receiver, 0).is_none());
    }
}
