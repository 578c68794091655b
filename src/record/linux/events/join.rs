//! Joins what several sources tell of one socket into one life: opened, its states, closed.
//!
//! The tracepoints know the process and the moments, by the kernel's address of the socket;
//! the notice of closing and the snapshots know the counters, by its cookie. What joins them
//! is the tracepoint of the socket's end, which has both, or for a socket that lives on, its
//! five-tuple. A tuple that two sockets have at once (in two network namespaces, say) joins
//! nothing.

use std::net::IpAddr;

use ahash::AHashMap;

use super::super::ids::IdMap;
use super::kernel_event::{KernelEvent, StateChange, What};
use super::life::{Closing, Life, OwnerHint, SocketEvent, Tuple, alone, closed, tell};
use crate::capture::{OwnerSource, Protocol, Row, TcpState};

/// How long one half of a closed socket waits for the other, in ns. The kernel gives its notices from
/// a queue of work, which on a busy host may come late.
const PATIENCE_NS: u64 = 5_000_000_000;

/// Who listens where; none if several processes do, on one port or in several namespaces.
type Listeners = AHashMap<(IpAddr, u16), Option<u32>>;

/// One half of a closed socket, waiting for the other.
struct Waiting<T> {
    since_ns: u64,
    half: T,
}

/// The sockets whose story is not complete yet. Bounded by the sockets that are open, and by
/// [`PATIENCE_NS`] of closed ones.
#[derive(Default)]
pub(super) struct Joiner {
    lives: IdMap<u64, Life>,
    /// The one socket of a tuple; none if there are several.
    tuples: AHashMap<Tuple, Option<u64>>,
    listeners: Listeners,
    ended: IdMap<u64, Waiting<Life>>,
    closings: IdMap<u64, Waiting<Closing>>,
    out: Vec<SocketEvent>,
    /// Sockets that ended without the kernel's notice.
    unnoticed: u64,
    /// How often events were lost so far.
    losses: u64,
}

impl Joiner {
    /// Takes an event; events must come in the order of time.
    pub(super) fn event(&mut self, event: &KernelEvent) {
        match &event.what {
            What::State(change) => self.state(event.time_ns, event.pid, change),
            What::Destroyed { socket, cookie, in_interrupt } => {
                self.destroyed(event.time_ns, (*socket, *cookie), *in_interrupt);
            }
            What::Lost(_) => self.losses += 1,
            _ => {}
        }
    }

    /// Takes the notice of a closing socket.
    pub(super) fn closing(&mut self, now_ns: u64, closing: Closing) {
        match self.ended.remove(&closing.cookie) {
            Some(life) => self.conclude(life.since_ns, closing.cookie, life.half, Some(closing)),
            // Tracepoints tell of TCP alone: nothing to wait for.
            None if closing.protocol == Protocol::Udp => self.out.push(alone(now_ns, &closing)),
            None => {
                self.closings.insert(closing.cookie, Waiting { since_ns: now_ns, half: closing });
            }
        }
    }

    /// A snapshot saw a socket: from now on its cookie is known, and so is what happened to it.
    /// Gives the owner as the events know it.
    pub(super) fn seen(&mut self, cookie: u64, netns: Option<u64>, tuple: &Tuple) -> Option<OwnerHint> {
        let socket = (*self.tuples.get(tuple)?)?;
        let life = self.lives.get_mut(&socket)?;
        match life.cookie {
            Some(known) if known != cookie => return None,
            Some(_) => {}
            None => (life.cookie, life.netns) = (Some(cookie), netns),
        }
        let owner = life.owner;
        tell(life, cookie, &mut self.out);
        owner
    }

    /// A snapshot saw a socket without a remote; if it listens, what it accepts is its owner's
    /// until something better is known.
    pub(super) fn listens(&mut self, row: &Row) {
        if row.state == Some(TcpState::Listen)
            && let Some(pid) = row.owner.as_ref().and_then(|owner| owner.pid)
        {
            note_listener(&mut self.listeners, (row.local_addr, row.local_port), pid);
        }
    }

    /// What is ready, in no order; halves that have waited too long are given out alone.
    pub(super) fn take(&mut self, now_ns: u64) -> Vec<SocketEvent> {
        let overdue = |since_ns: u64| now_ns.saturating_sub(since_ns) > PATIENCE_NS;
        let lives: Vec<_> = self.ended.extract_if(|_, life| overdue(life.since_ns)).collect();
        // At the end of the recording the notice may still be on its way.
        self.unnoticed += if now_ns == u64::MAX { 0 } else { lives.len() as u64 };
        for (cookie, life) in lives {
            self.conclude(life.since_ns, cookie, life.half, None);
        }
        let closings: Vec<_> = self.closings.extract_if(|_, closing| overdue(closing.since_ns)).collect();
        self.out.extend(closings.iter().map(|(_, closing)| alone(closing.since_ns, &closing.half)));
        std::mem::take(&mut self.out)
    }

    /// How many sockets ended without the kernel's notice, and so without counters.
    pub(super) fn unnoticed(&self) -> u64 {
        self.unnoticed
    }

    /// Gives out every half that still waits: the recording ends.
    pub(super) fn finish(&mut self) -> Vec<SocketEvent> {
        self.take(u64::MAX)
    }

    fn state(&mut self, time_ns: u64, pid: u32, change: &StateChange) {
        if change.from == change.to {
            return;
        }
        if change.to == TcpState::Listen {
            note_listener(&mut self.listeners, change.local, pid);
        } else if change.from == TcpState::Listen && change.to == TcpState::Close {
            self.listeners.remove(&change.local);
        }
        if self.lives.get(&change.socket).is_some_and(|life| !life.goes_on(change, pid, self.losses)) {
            self.strand(time_ns, change.socket);
        }
        let tuple = (change.local, change.remote);
        let losses = self.losses;
        let life = self.lives.entry(change.socket).or_insert_with(|| Life::new(tuple, losses));
        // At SYN_SENT the source port is not chosen yet, and after a close it may be gone.
        let better = change.local.1 != 0 && (change.remote.1 != 0 || change.to == TcpState::Listen);
        if better && (life.tuple != tuple || life.changes.is_empty()) {
            forget_tuple(&mut self.tuples, &life.tuple, change.socket);
            life.tuple = tuple;
            note_tuple(&mut self.tuples, tuple, change.socket);
        } else if change.to == TcpState::SynSent {
            // Another attempt of the same socket, perhaps from another port.
            forget_tuple(&mut self.tuples, &life.tuple, change.socket);
            life.tuple = tuple;
        }
        if let Some(owner) = owner_of(pid, change, &self.listeners)
            && life.owner.is_none_or(|(_, source)| source == OwnerSource::Listener)
        {
            life.owner = Some(owner);
        }
        life.changes.push((time_ns, change.from, change.to));
        life.closed_in_interrupt = change.in_interrupt;
        if let Some(cookie) = life.cookie {
            tell(life, cookie, &mut self.out);
        }
    }

    /// Gives up a socket whose address is another's by now: its end was lost.
    fn strand(&mut self, time_ns: u64, socket: u64) {
        let Some(life) = self.lives.remove(&socket) else { return };
        forget_tuple(&mut self.tuples, &life.tuple, socket);
        // Of one that no snapshot saw, the cookie is not known: its notice is given out alone.
        if let Some(cookie) = life.cookie {
            self.end(time_ns, cookie, life);
        }
    }

    fn destroyed(&mut self, time_ns: u64, (socket, cookie): (u64, u64), in_interrupt: bool) {
        let Some(mut life) = self.lives.remove(&socket) else { return };
        life.destroyed_in_interrupt = in_interrupt;
        forget_tuple(&mut self.tuples, &life.tuple, socket);
        self.end(time_ns, cookie, life);
    }

    fn end(&mut self, time_ns: u64, cookie: u64, life: Life) {
        match self.closings.remove(&cookie) {
            Some(closing) => self.conclude(time_ns, cookie, life, Some(closing.half)),
            None => {
                self.ended.insert(cookie, Waiting { since_ns: time_ns, half: life });
            }
        }
    }

    fn conclude(&mut self, time_ns: u64, cookie: u64, mut life: Life, closing: Option<Closing>) {
        // Events of two CPUs came in the wrong order, and the address is another socket's already.
        if let Some(closing) = closing.as_ref().filter(|closing| !agree(&closing.tuple, &life.tuple)) {
            self.out.push(alone(time_ns, closing));
            return;
        }
        life.netns = closing.as_ref().map(|closing| closing.netns).or(life.netns);
        tell(&mut life, cookie, &mut self.out);
        // A socket that was reset has forgotten its remote, and its counters with it.
        let whole = closing.as_ref().is_some_and(|closing| closing.tuple.1.1 != 0 || life.tuple.1.1 == 0);
        let tuple = match &closing {
            Some(closing) if whole => closing.tuple,
            _ => life.tuple,
        };
        let counters = closing.filter(|_| whole).map(|closing| closing.counters_after(&life));
        let mut event = closed(time_ns, cookie, tuple, life.owner, counters);
        event.netns = life.netns;
        event.state = life.changes.last().map(|(_, _, to)| *to).or(event.state);
        self.out.push(event);
    }
}

/// Whether two tuples may be of one socket; a port of 0 is one that is not known.
fn agree(a: &Tuple, b: &Tuple) -> bool {
    let agree = |a: (IpAddr, u16), b: (IpAddr, u16)| a.1 == 0 || b.1 == 0 || a == b;
    agree(a.0, b.0) && agree(a.1, b.1)
}

/// Whose socket it is, as far as one change tells.
fn owner_of(pid: u32, change: &StateChange, listeners: &Listeners) -> Option<OwnerHint> {
    // Whoever connects, and whoever closes, does so itself. Everything that happens while an
    // interrupt is served, the whole accepting side among it, happens to whoever is running.
    if change.to == TcpState::SynSent || (!change.in_interrupt && change.from != TcpState::Listen) {
        return Some((pid, OwnerSource::Event));
    }
    let (addr, port) = change.local;
    let any: [IpAddr; 2] = [std::net::Ipv4Addr::UNSPECIFIED.into(), std::net::Ipv6Addr::UNSPECIFIED.into()];
    let pid = std::iter::once(addr).chain(any).find_map(|addr| listeners.get(&(addr, port)))?;
    let pid = (*pid)?;
    (change.from == TcpState::Listen || change.from == TcpState::SynRecv)
        .then_some((pid, OwnerSource::Listener))
}

fn note_listener(listeners: &mut Listeners, local: (IpAddr, u16), pid: u32) {
    let known = listeners.entry(local).or_insert(Some(pid));
    *known = known.filter(|known| *known == pid);
}

fn note_tuple(tuples: &mut AHashMap<Tuple, Option<u64>>, tuple: Tuple, socket: u64) {
    tuples.entry(tuple).and_modify(|owner| *owner = None).or_insert(Some(socket));
}

fn forget_tuple(tuples: &mut AHashMap<Tuple, Option<u64>>, tuple: &Tuple, socket: u64) {
    if tuples.get(tuple).is_some_and(|owner| owner.is_none_or(|owner| owner == socket)) {
        tuples.remove(tuple);
    }
}

#[cfg(test)]
mod tests;
