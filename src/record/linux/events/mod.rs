//! Events between two ticks, as reported by the kernel.
//!
//! ```text
//!  bpf (two programs)      perf rings (a ring a CPU)   closings (a socket a namespace)   execs (own thread)
//!    states, ends, final     forks, execs, exits;        final counters by cookie          command lines
//!    counters                states and ends without bpf
//!         └───────────────────────┬───────────────────────────────┘                             │
//!                               join: one life per socket ◄── programs: who was that process?
//!                                 │ taken once a tick
//!                               rows of kind opened, state, closed
//! ```
//!
//! Each source is optional. Without eBPF, perf tracepoints and closing notifications provide the
//! same, except for the counters of reset connections. Without the rings, closing notifications
//! still give every connection with its counters, only without its process.

mod attributed;
mod bpf;
mod closings;
mod correlate;
mod datagram_events;
mod datagrams;
mod execs;
mod identity;
mod kernel_event;
mod listeners;
mod other_flows;
mod programs;
mod reports;
mod ring;
mod socket_lifecycle;
mod sources;
mod tracefs;
mod udp_owners;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::namespaces::Change;
use super::newcomers::Watch;
use super::processes::Reader;
use super::turns::Turn;
use crate::capture::{Kind, Protocol, Row, SourceReport, SourceStatus};
use crate::record::host::Tick;
use crate::record::{Clock as _, SourceOptions, SystemClock};
pub(super) use attributed::{AttributedEvent, LastSeen};
use bpf::SocketProbe;
pub(super) use closings::{Closings, Notices};
use correlate::EventCorrelator;
use datagrams::Datagrams;
use execs::Execs;
use kernel_event::{KernelEvent, What};
use programs::{Programs, Readings, acts};
use reports::{
    DESTROY_GIVES, DESTROY_LACKS, EXECS_GIVE, EXECS_LACK, EXECS_TOLD, LIVES_GIVE, LIVES_LACK, PERF_GIVES,
    PERF_LACKS, PROBE_GIVES, PROBE_LACKS, UDP_GIVES, missing, ran,
};
use socket_lifecycle::Closing;
pub(super) use socket_lifecycle::SocketEvent;
use sources::{Rings, Sources};

/// Minimum time between two reads of rings and closings: short enough that a process that has just
/// connected usually still exists, long enough to cost nothing in a storm.
const DRAIN_EVERY: Duration = Duration::from_millis(40);

/// Maximum time between two reads, in ms. A closing socket is reported at once; one that only opens
/// can wait, because its process lives on.
const WAIT_MS: u64 = 250;

/// Records of two CPUs are sorted by time; the newest wait for the next read, because another CPU
/// may still be writing an earlier one.
const HOLD_BACK_NS: u64 = 4_000_000;

/// How long the end of a socket waits for its program's hash, in ns, and how many may wait. A
/// quarter of a core hashes 300 MB in that time.
const HASH_PATIENCE_NS: u64 = 3_000_000_000;
const MOST_AWAITING_HASHES: usize = 8192;

/// How long the end of the recording waits for the last hashes.
const LAST_HASHES: Duration = Duration::from_secs(1);

/// Niceness of the reading thread; in a storm it works about a tenth of the time.
const NICENESS: libc::c_int = -10;

/// The sources of events of this host, and the thread that reads them.
pub(super) struct Events {
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
    catcher: Option<(Arc<Execs>, JoinHandle<()>)>,
    reports: [SourceReport; 4],
    datagrams_report: SourceReport,
    notices: Notices,
    changes: Sender<Change>,
}

struct Shared {
    /// Locked before `state` where both are needed.
    sources: Mutex<Sources>,
    state: Mutex<EventState>,
    /// When the next tick is due, monotonic, ns: it reads the sources too.
    next_tick_ns: AtomicU64,
    ending: AtomicBool,
}

/// The state gathered from events so far.
struct EventState {
    correlator: EventCorrelator,
    datagrams: Datagrams,
    programs: Programs,
    /// Ends of sockets whose program is being hashed.
    waiting: Vec<SocketEvent>,
    /// Records of the rings that the kernel dropped.
    lost_records: u64,
    /// Notices of closing sockets that the kernel dropped.
    lost_closings: u64,
    /// Tracepoints to which other eBPF programs are attached.
    shared: BTreeSet<&'static str>,
}

impl Events {
    /// Starts all sources that this host allows; having none is not an error.
    pub(super) fn start(reader: Reader, (netns, watch): (u64, &Watch), wanted: SourceOptions) -> Self {
        let started = if wanted.no_bpf { Err("not wanted".to_owned()) } else { SocketProbe::start() };
        let (probe, exec_probe, probe_report) = match started {
            Ok((probe, execs)) => (Some(probe), execs, ran("kernel-programs", PROBE_GIVES)),
            Err(reason) => (None, None, missing("kernel-programs", &reason, PROBE_LACKS)),
        };
        let (mut rings, perf_report) = match (Rings::open(probe.is_none()), &probe) {
            (Ok(rings), None) => (Some(rings), ran("perf-events", PERF_GIVES)),
            (Ok(rings), Some(_)) => (Some(rings), ran("perf-events", LIVES_GIVE)),
            (Err(reason), None) => (None, missing("perf-events", &reason, PERF_LACKS)),
            (Err(reason), Some(_)) => (None, missing("perf-events", &reason, LIVES_LACK)),
        };
        let datagrams_report =
            rings.as_mut().map_or_else(|| datagrams::unavailable(&perf_report.detail), Rings::add_datagrams);
        let notices = if probe.is_some() { Notices::Udp } else { Notices::All };
        let (closings, closings_report) = match (Closings::open(notices), notices) {
            (Ok(closings), Notices::All) => (Some((netns, closings)), ran("sock_destroy", DESTROY_GIVES)),
            (Ok(closings), Notices::Udp) => (Some((netns, closings)), ran("sock_destroy", UDP_GIVES)),
            (Err(error), _) => (None, missing("sock_destroy", &error.to_string(), DESTROY_LACKS)),
        };
        let has_exec_probe = exec_probe.is_some();
        let (catcher, execs_report) =
            match Execs::start(Arc::clone(&reader.hashes), watch.clone(), exec_probe) {
                Ok(catcher) if has_exec_probe => (Some(catcher), ran("proc-connector", EXECS_TOLD)),
                Ok(catcher) => (Some(catcher), ran("proc-connector", EXECS_GIVE)),
                Err(error) => (None, missing("proc-connector", &error.to_string(), EXECS_LACK)),
            };
        let execs = catcher.as_ref().map(|(execs, _)| Arc::clone(execs));
        let state = EventState {
            correlator: EventCorrelator::default(),
            datagrams: Datagrams::default(),
            programs: Programs::new(reader, execs, watch.clone()),
            waiting: Vec::new(),
            lost_records: 0,
            lost_closings: 0,
            shared: BTreeSet::new(),
        };
        let (changes, incoming) = channel();
        let sources = Sources::new(probe, rings, closings, incoming);
        let shared = Arc::new(Shared {
            sources: Mutex::new(sources),
            state: Mutex::new(state),
            next_tick_ns: AtomicU64::new(0),
            ending: AtomicBool::new(false),
        });
        let listening = Arc::clone(&shared);
        let listener =
            std::thread::Builder::new().name("events".to_owned()).spawn(move || listening.run()).ok();
        let reports = [probe_report, perf_report, closings_report, execs_report];
        Self { shared, listener, catcher, reports, datagrams_report, notices, changes }
    }

    /// Starts to receive closing sockets of new namespaces, and stops for those that are gone.
    pub(super) fn follow(&self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            // A thread that panicked cannot receive it.
            let _ = self.changes.send(change);
        }
    }

    /// Passes a snapshot's sockets to the events and fills in owners that only events know; then
    /// returns what has happened since the last call.
    pub(super) fn take(&self, rows: &mut [Row], tick: &Tick) -> Vec<SocketEvent> {
        let now = tick.moment;
        let next_tick_ns = now.mono_ns as u64 + tick.interval.as_nanos() as u64;
        self.shared.next_tick_ns.store(next_tick_ns, Ordering::Relaxed);
        self.shared.drain(HOLD_BACK_NS);
        let mut state = self.shared.state();
        state.programs.catch_up();
        for row in rows.iter_mut().filter(|row| row.protocol == Protocol::Tcp) {
            if row.remote.is_none() {
                state.correlator.listens(row);
            } else if let Some(known) = state.correlator.seen(row)
                && row.owner_source.is_none()
            {
                row.owner = Some(state.programs.complete(&known.identity));
                row.owner_source = Some(known.source);
            }
        }
        state.correlator.end_tick();
        let mut events = state.correlator.take(now.mono_ns as u64);
        events.extend(state.datagrams.take(now.mono_ns as u64, tick.interval.as_nanos() as u64));
        state.in_time(events, now.mono_ns as u64)
    }

    /// The processes that send from a UDP port, without those whose socket has closed.
    pub(super) fn turns(&self, netns: u64, port: u16) -> Vec<Turn> {
        self.shared.state().datagrams.turns(netns, port)
    }

    /// The same of sockets that have closed since the last call, each with its namespace and port.
    pub(super) fn ended_turns(&self) -> Vec<((u64, u16), Turn)> {
        self.shared.state().datagrams.take_ended_turns()
    }

    /// The event with the facts of its process. One at a time, because a list of them all would
    /// take much of the recorder's memory in a storm.
    pub(super) fn tell(&self, event: SocketEvent) -> AttributedEvent {
        self.shared.state().tell(event)
    }

    /// The container of a cgroup.
    pub(super) fn container(&self, cgroup_id: u64) -> Option<String> {
        self.shared.state().programs.container(cgroup_id)
    }

    /// The closing sockets for which the kernel's notifications are wanted.
    pub(super) fn notices(&self) -> Notices {
        self.notices
    }

    /// Stops the sources and returns the remaining events.
    pub(super) fn finish(&mut self) -> Vec<SocketEvent> {
        self.end();
        let mut state = self.shared.state();
        let mut events = std::mem::take(&mut state.waiting);
        events.extend(state.correlator.finish());
        events.extend(state.datagrams.take(u64::MAX, 0));
        if events.iter().any(awaits_hash) {
            state.programs.hurry(LAST_HASHES);
        }
        events
    }

    /// The number of events that the kernel dropped so far; `None` without a source.
    pub(super) fn lost(&self) -> Option<u64> {
        let any = self.reports[..3].iter().any(|report| report.status == SourceStatus::Ran);
        let state = self.shared.state();
        any.then_some(state.lost_records + state.lost_closings)
    }

    /// The status of the sources.
    pub(super) fn reports(&self) -> Vec<SourceReport> {
        let state = self.shared.state();
        let mut reports = reports::with_losses(&self.reports, &state).to_vec();
        reports.push(state.datagrams.complete(self.datagrams_report.clone()));
        reports
    }

    fn end(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            // A thread that panicked has nothing more to report.
            let _ = listener.join();
        }
        if let Some((execs, thread)) = self.catcher.take() {
            execs.end();
            let _ = thread.join();
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// The thread that reads the sources between ticks.
    fn run(&self) {
        ask_for_priority();
        while !self.ending.load(Ordering::Relaxed) {
            let mut entries = self.sources().entries();
            let next_tick_ns = self.next_tick_ns.load(Ordering::Relaxed);
            let wait_ms = wait_ms(SystemClock.now().mono_ns as u64, next_tick_ns);
            // SAFETY: the entries are valid, and as many as stated.
            if unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, wait_ms) } > 0 {
                std::thread::sleep(DRAIN_EVERY);
            }
            self.drain(HOLD_BACK_NS);
        }
        self.drain(0);
    }

    fn drain(&self, hold_back_ns: u64) {
        self.sources().drain(&self.state, hold_back_ns);
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, EventState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventState {
    /// Processes records, which must be in time order.
    fn take(&mut self, events: &[KernelEvent], readings: &Readings) {
        for event in events {
            if let What::Lost(count) = event.what {
                self.lost_records += count;
            }
            self.programs.event(event);
            let who = if acts(event) { self.programs.who(event, readings) } else { None };
            self.datagrams.event(event, who.as_ref(), |pid| self.programs.netns(pid));
            self.correlator.event(event, who);
        }
    }

    /// Processes the notification of a closing socket.
    fn closing(&mut self, now_ns: u64, closing: Closing) {
        if closing.protocol == Protocol::Tcp {
            self.correlator.closing(now_ns, closing);
        } else {
            self.datagrams.closing(now_ns, closing);
        }
    }

    /// Holds back the end of a socket while its program is being hashed, because a program that
    /// runs once has no later row to carry the hash; returns the other events.
    fn in_time(&mut self, events: Vec<SocketEvent>, now_ns: u64) -> Vec<SocketEvent> {
        let mut due = std::mem::take(&mut self.waiting);
        due.extend(events);
        let mut room = MOST_AWAITING_HASHES;
        let waits = |event: &mut SocketEvent| {
            let is_recent = now_ns.saturating_sub(event.time_ns) < HASH_PATIENCE_NS;
            let waits = is_recent && room > 0 && awaits_hash(event);
            room -= usize::from(waits);
            waits
        };
        self.waiting = due.extract_if(.., waits).collect();
        due
    }

    fn tell(&mut self, event: SocketEvent) -> AttributedEvent {
        let owner = event.owner.as_ref().map(|known| {
            if let Some(cgroup_id) = event.cgroup_id {
                known.identity.add_container(|| self.programs.container(cgroup_id));
            }
            (self.programs.complete(&known.identity), known.source)
        });
        AttributedEvent { event, owner }
    }
}

/// Whether an event is the end of a socket whose program is being hashed.
fn awaits_hash(event: &SocketEvent) -> bool {
    let owner = event.owner.as_ref().filter(|_| event.kind == Kind::Closed);
    owner.is_some_and(|owner| owner.identity.awaits_hash())
}

/// How long to wait for an event. If the next tick is near, the wait goes on after it for its full
/// length, because waking a thread costs more than the read.
fn wait_ms(now_ns: u64, next_tick_ns: u64) -> libc::c_int {
    let until_tick_ms = next_tick_ns.saturating_sub(now_ns) / 1_000_000;
    let wait_ms = if until_tick_ms <= WAIT_MS * 3 / 2 { until_tick_ms + WAIT_MS } else { WAIT_MS };
    wait_ms as libc::c_int
}

/// Requests a higher priority: a ring that is full by the time its reader runs has lost records
/// just when the host is overloaded.
fn ask_for_priority() {
    // SAFETY: no memory is passed; 0 is the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_wait_and_half_of_it_is_between_two_looks() {
        let ms = |ms: u64| ms * 1_000_000;
        assert_eq!(wait_ms(ms(5000), 0), 250, "there is no tick yet, or it is over");
        assert_eq!(wait_ms(ms(5000), ms(15_000)), 250, "the next one is far away");
        // After a tick at 5 s: reads at 5.25, 5.5 and 5.75, then after the tick at 6 s.
        let waits: Vec<_> = [5250, 5500, 5750].map(|now| wait_ms(ms(now), ms(6000))).into();
        assert_eq!(waits, [250, 250, 500]);
        assert_eq!(wait_ms(ms(5620), ms(6000)), 250);
        assert_eq!(wait_ms(ms(5630), ms(6000)), 370 + 250);
    }
}
