//! The rings and the closing sockets, and what one look at them finds.

use std::os::fd::RawFd;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use super::super::namespaces::Change;
use super::closings::Closings;
use super::kernel_event::{Decoder, KernelEvent};
use super::life::Closing;
use super::ring::Ring;
use super::{Story, tracefs};
use crate::record::{Clock as _, SystemClock};

/// How often processes that ended a while ago are forgotten, in ns.
const FORGET_EVERY_NS: u64 = 1_000_000_000;

/// The tracepoints, in the order in which [`Decoder::new`] takes them.
const TRACEPOINTS: [&str; 2] = ["sock/inet_sock_set_state", "tcp/tcp_destroy_sock"];

/// What the kernel tells by, and what was told of it too late to be in order.
pub(super) struct Sources {
    rings: Vec<Ring>,
    decoder: Option<Decoder>,
    /// Network namespace, its closing sockets, and how many of them the kernel dropped.
    closings: Vec<(u64, Closings, u64)>,
    incoming: Receiver<Change>,
    held: Vec<KernelEvent>,
    forget_at_ns: u64,
}

impl Sources {
    /// The closing sockets are those of the namespace; `incoming` tells of further ones.
    pub(super) fn new(
        rings: Option<(Vec<Ring>, Decoder)>,
        closings: Option<(u64, Closings)>,
        incoming: Receiver<Change>,
    ) -> Self {
        let (rings, decoder) = rings.map_or((Vec::new(), None), |(rings, decoder)| (rings, Some(decoder)));
        let closings = closings.into_iter().map(|(netns, closings)| (netns, closings, 0)).collect();
        Self { rings, decoder, closings, incoming, held: Vec::new(), forget_at_ns: 0 }
    }

    /// What to wait for: on a quiet host, 25 looks a second in vain would cost more than a
    /// thousand sockets.
    pub(super) fn entries(&self) -> Vec<libc::pollfd> {
        let mut entries: Vec<_> = self.rings.iter().map(|ring| readable(ring.as_raw_fd())).collect();
        entries.extend(self.closing_entries());
        entries
    }

    fn closing_entries(&self) -> impl Iterator<Item = libc::pollfd> {
        self.closings.iter().map(|(_, closings, _)| readable(closings.as_raw_fd()))
    }

    /// Takes what is there, but for the newest records of the rings.
    pub(super) fn drain(&mut self, story: &Mutex<Story>, hold_back_ns: u64) {
        self.follow();
        let now = SystemClock.now();
        let now_ns = now.mono_ns as u64;
        let is_ready = self.ready_closings();
        // Mostly there is nothing, as each tick looks too.
        let has_news = !self.held.is_empty()
            || self.rings.iter().any(Ring::has_records)
            || is_ready.contains(&true)
            || now_ns >= self.forget_at_ns;
        if !has_news {
            return;
        }
        let events = self.records(now_ns, hold_back_ns);
        let mut story = story.lock().unwrap_or_else(PoisonError::into_inner);
        story.take(&events, now);
        for ((netns, closings, lost), _) in self.closings.iter_mut().zip(is_ready).filter(|(_, ready)| *ready)
        {
            closings.drain(|socket| story.joiner.closing(now_ns, Closing::of(&socket, *netns)));
            let before = std::mem::replace(lost, closings.lost());
            story.lost_closings += *lost - before;
        }
        if now_ns >= self.forget_at_ns {
            self.forget_at_ns = now_ns + FORGET_EVERY_NS;
            story.programs.forget(now_ns);
        }
    }

    /// Listens to namespaces that came, and no more to those that went.
    fn follow(&mut self) {
        for change in self.incoming.try_iter() {
            match change {
                Change::Entered(netns, closings) => self.closings.push((netns, closings, 0)),
                Change::Left(left) => self.closings.retain(|(netns, ..)| *netns != left),
                Change::Watched(..) => {}
            }
        }
    }

    /// Which of the closing sockets have notices, or a loss to tell of; asked of all at once.
    fn ready_closings(&self) -> Vec<bool> {
        let mut entries: Vec<_> = self.closing_entries().collect();
        // SAFETY: the entries are valid, and as many as stated.
        unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, 0) };
        entries.iter().map(|entry| entry.revents != 0).collect()
    }

    /// The records of all rings in the order of time; the newest are held back for the next look.
    fn records(&mut self, now_ns: u64, hold_back_ns: u64) -> Vec<KernelEvent> {
        let mut events = std::mem::take(&mut self.held);
        if let Some(decoder) = &self.decoder {
            for ring in &mut self.rings {
                ring.drain(|kind, misc, body| events.extend(decoder.decode(kind, misc, body)));
            }
        }
        events.sort_by_key(|event| event.time_ns);
        let ready = events.partition_point(|event| event.time_ns + hold_back_ns <= now_ns);
        self.held = events.split_off(ready);
        events
    }
}

fn readable(fd: RawFd) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}

/// Opens the rings of all CPUs.
///
/// # Errors
/// In words: without the privilege, or without tracefs.
pub(super) fn open_rings() -> Result<(Vec<Ring>, Decoder), String> {
    let tracepoints = tracefs::read(&TRACEPOINTS)?;
    let [state, destroy] = tracepoints.as_slice() else { return Err("tracepoints are missing".to_owned()) };
    let decoder = Decoder::new(state, destroy)?;
    let ids = [state.id, destroy.id];
    let cpus = online_cpus();
    let rings = cpus
        .iter()
        .map(|cpu| Ring::open(*cpu, cpus.len(), &ids))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("the kernel refused its events (it needs root or CAP_PERFMON): {e}"))?;
    Ok((rings, decoder))
}

/// `0-3,8` → 0, 1, 2, 3, 8; all of one CPU if the system does not say.
fn online_cpus() -> Vec<i32> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let ranges = text.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<i32>().ok()?..=last.parse::<i32>().ok()?)
    });
    let cpus: Vec<i32> = ranges.flatten().collect();
    if cpus.is_empty() { vec![0] } else { cpus }
}
