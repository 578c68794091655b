//! The rings and the closing sockets, and how they are read.

use std::os::fd::RawFd;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use super::super::diag::Socket;
use super::super::namespaces::Change;
use super::bpf::SocketProbe;
use super::closings::Closings;
use super::datagrams::{self, Lookups};
use super::kernel_event::{self, Decoder, KernelEvent};
use super::ring::{ALL_RINGS_BYTES, LIVES_BYTES, Ring};
use super::socket_lifecycle::Closing;
use super::{EventState, tracefs};
use crate::capture::{Protocol, SourceReport};
use crate::record::{Clock as _, SystemClock};

/// How often ended processes are forgotten, in ns.
const FORGET_EVERY_NS: u64 = 1_000_000_000;

/// The perf rings of all CPUs, their decoder, and their tracepoints.
#[derive(Default)]
pub(super) struct Rings {
    per_cpu: Vec<Ring>,
    decoder: Decoder,
    tracepoints: Vec<&'static str>,
    lookups: Lookups,
}

/// The kernel's sources of events, and records held back for sorting.
pub(super) struct Sources {
    probe: Option<SocketProbe>,
    lost_by_probe: u64,
    rings: Rings,
    /// Network namespace, its closing sockets, and how many of them the kernel dropped.
    closings: Vec<(u64, Closings, u64)>,
    incoming: Receiver<Change>,
    held: Vec<KernelEvent>,
    forget_at_ns: u64,
}

impl Sources {
    /// `closings` belongs to the recorder's namespace; further ones arrive through `incoming`.
    pub(super) fn new(
        probe: Option<SocketProbe>,
        rings: Option<Rings>,
        closings: Option<(u64, Closings)>,
        incoming: Receiver<Change>,
    ) -> Self {
        let closings = closings.into_iter().map(|(netns, closings)| (netns, closings, 0)).collect();
        Self {
            probe,
            lost_by_probe: 0,
            rings: rings.unwrap_or_default(),
            closings,
            incoming,
            held: Vec::new(),
            forget_at_ns: 0,
        }
    }

    /// The descriptors to poll: on a quiet host, 25 reads per second without any event would cost
    /// more than a thousand sockets.
    pub(super) fn entries(&self) -> Vec<libc::pollfd> {
        let mut entries: Vec<_> = self.rings.per_cpu.iter().map(|ring| readable(ring.as_raw_fd())).collect();
        entries.extend(self.probe.iter().map(|probe| readable(probe.as_raw_fd())));
        entries.extend(self.closing_entries());
        entries
    }

    fn closing_entries(&self) -> impl Iterator<Item = libc::pollfd> {
        self.closings.iter().map(|(_, closings, _)| readable(closings.as_raw_fd()))
    }

    /// Reads everything available except the newest records of the rings.
    pub(super) fn drain(&mut self, state: &Mutex<EventState>, hold_back_ns: u64) {
        self.follow();
        let now_ns = SystemClock.now().mono_ns as u64;
        let is_ready = self.ready_closings();
        // Usually there is nothing, because each tick reads too.
        let has_news = !self.held.is_empty()
            || self.rings.per_cpu.iter().any(Ring::has_records)
            || self.probe.as_ref().is_some_and(SocketProbe::has_records)
            || is_ready.contains(&true)
            || now_ns >= self.forget_at_ns;
        if !has_news {
            return;
        }
        let events = self.records(now_ns, hold_back_ns);
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut readings = state.programs.read(&events);
        if !readings.is_empty() {
            // Everything that happened to these processes before they were read is in the rings now.
            self.fetch();
        }
        readings.note_changes(events.iter().chain(&self.held));
        state.take(&events, &readings);
        self.count_lost(&mut state);
        for ((netns, closings, lost), _) in self.closings.iter_mut().zip(is_ready).filter(|(_, ready)| *ready)
        {
            // A namespace may have been entered before it was known that a better source covers TCP.
            let is_wanted = |socket: &Socket| self.probe.is_none() || socket.protocol != Protocol::Tcp;
            closings.drain(|socket| {
                if is_wanted(&socket) {
                    state.closing(now_ns, Closing::new(&socket, *netns));
                }
            });
            let before = std::mem::replace(lost, closings.lost());
            state.lost_closings += *lost - before;
        }
        if now_ns >= self.forget_at_ns {
            self.forget_at_ns = now_ns + FORGET_EVERY_NS;
            state.programs.forget(now_ns);
            state.shared.extend(self.rings.shared_with_others());
            self.rings.lookups.leave_out(state.datagrams.busy_ports(), &self.rings.per_cpu);
        }
    }

    /// Adds the closing sockets of new namespaces, and removes those that are gone.
    fn follow(&mut self) {
        for change in self.incoming.try_iter() {
            match change {
                Change::Entered(netns, closings) => self.closings.push((netns, closings, 0)),
                Change::Left(left) => self.closings.retain(|(netns, ..)| *netns != left),
                Change::Watched(..) => {}
            }
        }
    }

    /// Which of the closing sockets have notifications, or a loss to report; all are polled at once.
    fn ready_closings(&self) -> Vec<bool> {
        let mut entries: Vec<_> = self.closing_entries().collect();
        // SAFETY: the entries are valid, and as many as stated.
        unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, 0) };
        entries.iter().map(|entry| entry.revents != 0).collect()
    }

    /// The records of all rings in time order; the newest are held back for the next read.
    fn records(&mut self, now_ns: u64, hold_back_ns: u64) -> Vec<KernelEvent> {
        self.fetch();
        let mut events = std::mem::take(&mut self.held);
        events.sort_by_key(|event| event.time_ns);
        let ready = events.partition_point(|event| event.time_ns + hold_back_ns <= now_ns);
        self.held = events.split_off(ready);
        events
    }

    /// Fetches every available record.
    fn fetch(&mut self) {
        let (held, decoder) = (&mut self.held, &self.rings.decoder);
        if let Some(probe) = &mut self.probe {
            probe.drain(|event| held.push(event));
        }
        for ring in &mut self.rings.per_cpu {
            ring.drain(|kind, misc, body| held.extend(decoder.decode(kind, misc, body)));
        }
    }

    fn count_lost(&mut self, state: &mut EventState) {
        let Some(probe) = &self.probe else { return };
        let before = std::mem::replace(&mut self.lost_by_probe, probe.lost());
        if self.lost_by_probe > before {
            state.lost_records += self.lost_by_probe - before;
            state.correlator.lost();
        }
    }
}

fn readable(fd: RawFd) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}

impl Rings {
    /// Opens the rings of all CPUs for process events, and for sockets unless an eBPF program
    /// covers those.
    ///
    /// # Errors
    /// A sentence: without the privilege, or without tracefs if sockets are wanted.
    pub(super) fn open(of_sockets: bool) -> Result<Self, String> {
        let mut opened = Self::default();
        let mut ids = Vec::new();
        if of_sockets {
            ids.push(opened.add(kernel_event::STATE)?);
            ids.push(opened.add(kernel_event::DESTROY)?);
        }
        // Without it, a process that is moved into a container is noticed when it is read.
        ids.extend(opened.add(kernel_event::MOVED).ok());
        let all_bytes = if of_sockets { ALL_RINGS_BYTES } else { LIVES_BYTES };
        let cpus = online_cpus();
        opened.per_cpu = cpus
            .iter()
            .map(|cpu| Ring::open(*cpu, (cpus.len(), all_bytes), &ids))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| format!("the kernel refused its events (it needs root or CAP_PERFMON): {e}"))?;
        Ok(opened)
    }

    /// Adds the tracepoints for sockets other than TCP, and reports the outcome.
    pub(super) fn add_datagrams(&mut self) -> SourceReport {
        let (decoder, lookups, report) = datagrams::open(&mut self.per_cpu, &online_cpus());
        (self.decoder.datagrams, self.lookups) = (decoder, lookups);
        report
    }

    fn add(&mut self, name: &'static str) -> Result<u16, String> {
        let tracepoint = tracefs::read(name)?;
        self.decoder.add(name, &tracepoint)?;
        self.tracepoints.push(name);
        Ok(tracepoint.id)
    }

    /// The tracepoints with another eBPF program attached, which sees events first and may keep them.
    fn shared_with_others(&self) -> impl Iterator<Item = &'static str> {
        let places = self.per_cpu.first().map(Ring::shared_with_others).unwrap_or_default();
        places.into_iter().filter_map(|place| self.tracepoints.get(place).copied())
    }
}

/// `0-3,8` → 0, 1, 2, 3, 8; only CPU 0 if the system does not report them.
fn online_cpus() -> Vec<i32> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let ranges = text.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<i32>().ok()?..=last.parse::<i32>().ok()?)
    });
    let cpus: Vec<i32> = ranges.flatten().collect();
    if cpus.is_empty() { vec![0] } else { cpus }
}
