//! Correlates the events of several sources into the life of each socket: opened, state changes, closed.
//!
//! The tracepoints give process and time, by the kernel address of the socket; closing
//! notifications and snapshots give the counters, by cookie. The tracepoint of the socket's end has
//! both and links them; for a socket that is still open, the five-tuple does. A tuple that two
//! sockets share at once (in two network namespaces, for example) links nothing.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use super::super::ids::IdMap;
use super::identity::{Attribution, Identity};
use super::kernel_event::{KernelEvent, StateChange, What};
use super::listeners::Listeners;
use super::socket_lifecycle::{Change, Closing, Life, SocketEvent, Tuple, alone, closed, conn_id, tell};
use crate::capture::{OwnerSource, Protocol, Row, TcpState};

/// How long one half of a closed socket waits for the other, in ns. The kernel sends its
/// notifications from a work queue, which may be late on a busy host.
const PATIENCE_NS: u64 = 5_000_000_000;

/// How many ticks an event waits for a snapshot to find the owner of its socket.
const MOST_POSTPONED: u8 = 1;

/// Maximum number of a socket's connections that wait for its cookie.
const MOST_BEFORE: usize = 1024;

/// One half of a closed socket, waiting for the other.
struct Waiting<T> {
    since_ns: u64,
    half: T,
}

/// The sockets whose life is not completely reported yet. Bounded by the number of open sockets,
/// and by [`PATIENCE_NS`] for closed ones.
#[derive(Default)]
pub(super) struct EventCorrelator {
    lives: IdMap<u64, Life>,
    /// The socket of a tuple; `None` if several share it.
    tuples: AHashMap<Tuple, Option<u64>>,
    /// The socket of a cookie, if the records contain it.
    cookies: IdMap<u64, u64>,
    listeners: Listeners,
    /// Sockets with unreported events.
    news: Vec<u64>,
    ended: IdMap<u64, Waiting<Life>>,
    closings: IdMap<u64, Waiting<Closing>>,
    out: Vec<SocketEvent>,
    /// Number of sockets that ended without the kernel's notification.
    unnoticed: u64,
    /// Number of notifications whose counters the kernel had cleared.
    cleared: u64,
    /// Number of notifications of connected sockets without any event.
    untold: u64,
    /// How many times events were lost so far.
    losses: u64,
}

impl EventCorrelator {
    /// Adds an event, with the process that caused it, if any; events must be in time order.
    pub(super) fn event(&mut self, event: &KernelEvent, who: Option<Arc<Identity>>) {
        match &event.what {
            What::State(change) => self.state(event, change, who),
            What::Destroyed { socket, cookie, in_interrupt } => {
                self.destroyed(event.time_ns, (*socket, *cookie), *in_interrupt, who);
            }
            What::Lost(_) => self.losses += 1,
            _ => {}
        }
    }

    /// Notes that events were lost.
    pub(super) fn lost(&mut self) {
        self.losses += 1;
    }

    /// Adds the notification of a closing socket.
    pub(super) fn closing(&mut self, now_ns: u64, closing: Closing) {
        match self.ended.remove(&closing.cookie) {
            Some(life) => self.conclude(life.since_ns, closing.cookie, life.half, Some(closing)),
            // Tracepoints cover only TCP: nothing to wait for.
            None if closing.protocol == Protocol::Udp => self.out.push(alone(now_ns, &closing)),
            None => {
                self.closings.insert(closing.cookie, Waiting { since_ns: now_ns, half: closing });
            }
        }
    }

    /// Adds a connected socket from a snapshot, which links its cookie with its events. Returns the
    /// owner known from events if the snapshot has none. The row gets the id of the connection,
    /// which is not the cookie if the socket had another connection before.
    pub(super) fn seen(&mut self, row: &mut Row) -> Option<Attribution> {
        let tuple = ((row.local_addr, row.local_port), row.remote?);
        let by_tuple = || self.tuples.get(&tuple).copied().flatten();
        let cookie = row.conn_id;
        let socket = self.cookies.get(&cookie).copied().or_else(by_tuple)?;
        let life = self.lives.get_mut(&socket)?;
        match life.cookie {
            Some(known) if known != cookie => return None,
            Some(_) => {}
            None => {
                (life.cookie, life.netns) = (Some(cookie), row.netns);
                self.news.push(socket);
            }
        }
        let before = std::mem::take(&mut life.before);
        if life.tuple.0.1 == 0 && life.tuple.1 == tuple.1 {
            // It is still connecting, and no event has reported its local port yet.
            life.tuple = tuple;
            note_tuple(&mut self.tuples, tuple, socket);
        }
        row.conn_id = conn_id(cookie, life.connection);
        let owner = Self::owner_of(life, row);
        self.end_earlier(cookie, before);
        owner
    }

    fn owner_of(life: &mut Life, row: &Row) -> Option<Attribution> {
        life.postponed = MOST_POSTPONED;
        if let Some(owner) = row.owner.as_ref().filter(|_| row.owner_source == Some(OwnerSource::Inode)) {
            life.confirm(owner);
            return None;
        }
        life.owner.clone()
    }

    /// Adds a socket without a remote from a snapshot. If it listens, connections that it accepts
    /// belong to its owner until something better is known.
    pub(super) fn listens(&mut self, row: &Row) {
        if row.state == Some(TcpState::Listen)
            && let Some(owner) = row.owner.as_ref().filter(|owner| owner.pid.is_some())
        {
            let identity = Arc::new(Identity::new(Arc::clone(owner), None));
            self.listeners.note(row.netns, (row.local_addr, row.local_port), &identity);
        }
    }

    /// Ends a snapshot.
    pub(super) fn end_tick(&mut self) {
        self.listeners.end_tick();
    }

    /// The events that are ready, in no order; halves that have waited too long are returned alone.
    pub(super) fn take(&mut self, now_ns: u64) -> Vec<SocketEvent> {
        for socket in std::mem::take(&mut self.news) {
            let Some(life) = self.lives.get_mut(&socket) else { continue };
            let Some(cookie) = life.cookie else { continue };
            // The next snapshot may find a process or port for which this one came too early.
            let is_known = life.tuple.0.1 != 0 && life.owner.as_ref().is_some_and(Attribution::is_seen);
            let may_improve = !is_known && now_ns != u64::MAX;
            if may_improve && life.postponed < MOST_POSTPONED {
                life.postponed += 1;
                self.news.push(socket);
            } else {
                tell(life, cookie, &mut self.out);
            }
        }
        let overdue = |since_ns: u64| now_ns.saturating_sub(since_ns) > PATIENCE_NS;
        let lives: Vec<_> = self.ended.extract_if(|_, life| overdue(life.since_ns)).collect();
        // At the end of the recording the notification may still be on its way.
        self.unnoticed += if now_ns == u64::MAX { 0 } else { lives.len() as u64 };
        for (cookie, life) in lives {
            self.conclude(life.since_ns, cookie, life.half, None);
        }
        let closings: Vec<_> = self.closings.extract_if(|_, closing| overdue(closing.since_ns)).collect();
        self.untold += closings.iter().filter(|(_, closing)| !closing.half.is_cleared()).count() as u64;
        self.out.extend(closings.iter().map(|(_, closing)| alone(closing.since_ns, &closing.half)));
        std::mem::take(&mut self.out)
    }

    /// Number of sockets that ended without the kernel's notification, and so without counters.
    pub(super) fn unnoticed(&self) -> u64 {
        self.unnoticed
    }

    /// Number of sockets that ended with counters that the kernel had cleared.
    pub(super) fn cleared(&self) -> u64 {
        self.cleared
    }

    /// Number of sockets that ended without any earlier event.
    pub(super) fn untold(&self) -> u64 {
        self.untold
    }

    /// Returns every half that still waits, at the end of the recording.
    pub(super) fn finish(&mut self) -> Vec<SocketEvent> {
        self.take(u64::MAX)
    }

    fn state(&mut self, event: &KernelEvent, change: &StateChange, who: Option<Arc<Identity>>) {
        if change.from == change.to {
            return;
        }
        let netns = change.facts.map(|facts| facts.netns);
        if let (TcpState::Listen, Some(who)) = (change.to, &who) {
            self.listeners.note(netns, change.local, who);
        } else if change.from == TcpState::Listen && change.to == TcpState::Close {
            self.listeners.forget(netns, change.local);
        }
        let goes_on = |life: &Life| life.goes_on(change, event.pid, self.losses);
        if self.lives.get(&change.socket).is_some_and(|life| !goes_on(life)) {
            self.strand(event.time_ns, change.socket);
        }
        let tuple = (change.local, change.remote);
        let losses = self.losses;
        if self.lives.get(&change.socket).is_some_and(|life| life.connects_again(change)) {
            self.restart(event.time_ns, change.socket, tuple);
        }
        let life = self.lives.entry(change.socket).or_insert_with(|| Life::new(tuple, losses));
        // In SYN_SENT the source port is not chosen yet, and after a close it may be gone.
        let better = change.local.1 != 0 && (change.remote.1 != 0 || change.to == TcpState::Listen);
        if better && (life.tuple != tuple || life.changes.is_empty()) {
            forget_tuple(&mut self.tuples, &life.tuple, change.socket);
            life.tuple = tuple;
            note_tuple(&mut self.tuples, tuple, change.socket);
        }
        if let Some(facts) = change.facts {
            life.is_complete = true;
            (life.cookie, life.netns) = (Some(facts.cookie), Some(facts.netns));
            life.final_counters = facts.counters;
            self.cookies.insert(facts.cookie, change.socket);
        }
        // The eBPF program reports an accepted connection when its handshake is complete.
        if change.from == TcpState::SynRecv && life.changes.is_empty() && life.is_complete {
            let (from, to) = (TcpState::Listen, TcpState::SynRecv);
            life.changes.push(Change { time_ns: event.time_ns, from, to, owner: None });
        }
        if let Some(who) = who {
            life.done_by(who);
        } else if life.owner.is_none() && matches!(change.from, TcpState::Listen | TcpState::SynRecv) {
            life.owner = self.listeners.owner(netns, change.local);
        }
        life.changes.push(Change {
            time_ns: event.time_ns,
            from: change.from,
            to: change.to,
            owner: life.owner.clone().filter(Attribution::is_seen),
        });
        life.closed_in_interrupt = change.in_interrupt;
        if life.cookie.is_some() {
            self.news.push(change.socket);
        }
        if let Some(facts) = change.facts.filter(|facts| facts.is_destroyed) {
            self.destroyed(event.time_ns, (change.socket, facts.cookie), change.in_interrupt, None);
        }
    }

    /// Ends a socket's connection and begins another one, which has its own id.
    fn restart(&mut self, time_ns: u64, socket: u64, tuple: Tuple) {
        let Some(life) = self.lives.get_mut(&socket) else { return };
        let next = life.next(tuple, self.losses);
        let earlier = std::mem::replace(life, next);
        forget_tuple(&mut self.tuples, &earlier.tuple, socket);
        match earlier.cookie {
            Some(cookie) => self.conclude(time_ns, cookie, earlier, None),
            None if life.before.len() < MOST_BEFORE => life.before.push((time_ns, earlier)),
            None => self.untold += 1,
        }
    }

    /// Reports the earlier connections of a socket whose cookie is now known.
    fn end_earlier(&mut self, cookie: u64, before: Vec<(u64, Life)>) {
        for (time_ns, life) in before {
            self.conclude(time_ns, cookie, life, None);
        }
    }

    /// Gives up a socket whose address now belongs to another: its end was lost.
    fn strand(&mut self, time_ns: u64, socket: u64) {
        let Some(life) = self.remove(socket) else { return };
        // Without a snapshot its cookie is unknown: its notification is reported alone.
        if let Some(cookie) = life.cookie {
            self.end(time_ns, cookie, life);
        }
    }

    fn destroyed(
        &mut self,
        time_ns: u64,
        (socket, cookie): (u64, u64),
        in_interrupt: bool,
        who: Option<Arc<Identity>>,
    ) {
        let Some(mut life) = self.remove(socket) else { return };
        life.destroyed_in_interrupt = in_interrupt;
        // A process that closes a socket which the peer has already ended changes no state.
        if let Some(who) = who {
            life.done_by(who);
        }
        self.end(time_ns, cookie, life);
    }

    fn remove(&mut self, socket: u64) -> Option<Life> {
        let life = self.lives.remove(&socket)?;
        forget_tuple(&mut self.tuples, &life.tuple, socket);
        if let Some(cookie) = life.cookie {
            self.cookies.remove(&cookie);
        }
        Some(life)
    }

    fn end(&mut self, time_ns: u64, cookie: u64, mut life: Life) {
        let before = std::mem::take(&mut life.before);
        self.end_earlier(cookie, before);
        match self.closings.remove(&cookie) {
            Some(closing) => self.conclude(time_ns, cookie, life, Some(closing.half)),
            None if life.is_complete => self.conclude(time_ns, cookie, life, None),
            None => {
                self.ended.insert(cookie, Waiting { since_ns: time_ns, half: life });
            }
        }
    }

    fn conclude(&mut self, time_ns: u64, cookie: u64, mut life: Life, closing: Option<Closing>) {
        // Events of two CPUs are out of order, and the address already belongs to another socket.
        if let Some(closing) = closing.as_ref().filter(|closing| !agree(closing, &life.tuple)) {
            self.out.push(alone(time_ns, closing));
            return;
        }
        life.netns = closing.as_ref().map(|closing| closing.netns).or(life.netns);
        let cgroup_id = closing.as_ref().and_then(|closing| closing.cgroup_id);
        let first = self.out.len();
        tell(&mut life, cookie, &mut self.out);
        // Cleared counters say nothing about a connection.
        let whole = closing.filter(|closing| !closing.is_cleared() || life.tuple.1.1 == 0);
        let tuple = whole.as_ref().map_or(life.tuple, |closing| closing.tuple);
        let counters = match life.final_counters {
            Some(counters) => Some(counters).filter(|_| !life.has_listened()),
            None => whole.map(|closing| closing.counters_after(&life)),
        };
        self.cleared += u64::from(counters.is_none() && !life.has_listened());
        let mut event = closed(time_ns, cookie, tuple, life.owner.clone(), counters);
        (event.connection, event.netns) = (life.connection, life.netns);
        event.state = life.changes.last().map(|change| change.to).or(event.state);
        self.out.push(event);
        self.out[first..].iter_mut().for_each(|event| event.cgroup_id = cgroup_id);
    }
}

/// Whether a notification may belong to a tuple; a port of 0 is unknown, and a cleared socket has
/// lost its addresses.
fn agree(closing: &Closing, tuple: &Tuple) -> bool {
    let agree = |a: (IpAddr, u16), b: (IpAddr, u16)| a.1 == 0 || b.1 == 0 || a == b;
    if closing.is_cleared() {
        let ((addr, port), (local, local_port)) = (closing.tuple.0, tuple.0);
        let has_port = port == 0 || local_port == 0 || port == local_port;
        return has_port && (addr.is_unspecified() || addr == local);
    }
    agree(closing.tuple.0, tuple.0) && agree(closing.tuple.1, tuple.1)
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
