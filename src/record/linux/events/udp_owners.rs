//! The owners of UDP sockets that existed only between two ticks.
//!
//! The kernel's notification of a closing UDP socket has its cookie, its namespace and both ends,
//! but no process. A process that sends from its port looks up the route: process, port and remote.
//! Within a namespace a port belongs to one socket at a time, so the port links the two. If several
//! processes are possible and nothing distinguishes them, the owner stays unknown.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use super::super::ids::IdMap;
use super::super::turns::Turn;
use super::datagram_events::{MOST_BUSY_PORTS, Routed};
use super::identity::{Attribution, Identity};
use super::kernel_event::{KernelEvent, What};
use super::socket_lifecycle::{Closing, SocketEvent, alone};
use crate::capture::OwnerSource;

/// How long a closing waits for lookups that are held back in the rings, in ns.
const WAIT_NS: u64 = 20_000_000;

/// How long a sender is remembered at least, in ns and in ticks: if its socket lives on, the next
/// snapshot finds the owner.
const LEAST_MEMORY_NS: u64 = 10_000_000_000;
const MEMORY_TICKS: u64 = 3;

/// Maximum number of remembered senders and process namespaces; anyone may start any number.
const MOST_SENDERS: usize = 64 * 1024;
const MOST_PROCESSES: usize = 128 * 1024;

/// Lookups per second from one port that are too many: each costs its sender a microsecond, and a
/// socket that sends this much lives on.
const BUSY_LOOKUPS: u64 = 4000;

/// The UDP senders, and the closings that wait for theirs.
#[derive(Default)]
pub(super) struct UdpOwners {
    /// By local port.
    senders: AHashMap<u16, Vec<Sender>>,
    count: usize,
    closings: Vec<(u64, Closing)>,
    /// The processes and threads seen in events.
    processes: IdMap<u32, Seen>,
    busy_ports: Vec<u16>,
    /// The turns of sockets that have closed, each with its namespace and port.
    ended: Vec<((u64, u16), Turn)>,
    /// Senders for which there was no room.
    crowded_out: u64,
}

/// A process or thread, as far as events tell.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    netns: Option<u64>,
    /// Its start; 0 if that was before the recording.
    started_ns: u64,
    ended_ns: Option<u64>,
}

/// A process that sent from a port.
#[derive(Debug, Clone)]
struct Sender {
    identity: Arc<Identity>,
    netns: Option<u64>,
    /// The remote to which it sent last.
    remote: (IpAddr, u16),
    turn: Turn,
    /// Lookups since the last tick.
    lookups: u32,
}

impl Sender {
    /// What distinguishes it from another process, even one with the same id.
    fn process(&self) -> (u32, u64) {
        (self.turn.pid, self.turn.started_ns)
    }

    /// Its turn, if its socket had closed by then.
    fn turn_until(&self, closed_ns: u64) -> Turn {
        Turn { ended_ns: self.turn.ended_ns.min(closed_ns), ..self.turn }
    }

    fn may_be_in(&self, netns: u64) -> bool {
        self.netns.is_none_or(|of_sender| of_sender == netns)
    }
}

impl UdpOwners {
    /// Adds an event; events must be in time order. `netns_of` returns the namespace of a process
    /// without an event.
    pub(super) fn event(
        &mut self,
        event: &KernelEvent,
        who: Option<&Arc<Identity>>,
        netns_of: impl FnOnce(u32) -> Option<u64>,
    ) {
        match &event.what {
            What::Routed(routed) if i32::from(routed.protocol) == libc::IPPROTO_UDP => {
                if let Some(identity) = who {
                    self.sent(event, routed, identity, netns_of);
                }
            }
            What::Forked { .. } if self.processes.len() < MOST_PROCESSES => {
                let seen = Seen { started_ns: event.time_ns, ..Seen::default() };
                self.processes.insert(event.pid, seen);
            }
            What::Entered { netns, thread } if self.processes.len() < MOST_PROCESSES => {
                // A thread in the same namespace as its process need not be remembered.
                let known = self.processes.get(&event.pid).and_then(|seen| seen.netns);
                if *thread == event.pid || known != Some(*netns) {
                    self.processes.entry(*thread).or_default().netns = Some(*netns);
                }
            }
            What::Exited => {
                if let Some(seen) = self.processes.get_mut(&event.pid) {
                    seen.ended_ns = Some(event.time_ns);
                }
            }
            _ => {}
        }
    }

    /// Adds the notification of a closing socket.
    pub(super) fn closing(&mut self, now_ns: u64, closing: Closing) {
        self.closings.push((now_ns, closing));
    }

    /// The ends of sockets, with their owners if known. The most recent closings wait for the next
    /// call, unless `now_ns` is the maximum.
    pub(super) fn take(&mut self, now_ns: u64, interval_ns: u64) -> Vec<SocketEvent> {
        let is_due = |(since_ns, _): &mut (u64, Closing)| since_ns.saturating_add(WAIT_NS) <= now_ns;
        let due: Vec<(u64, Closing)> = self.closings.extract_if(.., is_due).collect();
        self.note_ends();
        let events = self.join(&due);
        self.forget(now_ns, interval_ns);
        events
    }

    /// Ports that send so much that their lookups are not worth the cost.
    pub(super) fn busy_ports(&self) -> &[u16] {
        &self.busy_ports
    }

    /// Number of senders that were not remembered because there were too many.
    pub(super) fn crowded_out(&self) -> u64 {
        self.crowded_out
    }

    fn sent(
        &mut self,
        event: &KernelEvent,
        routed: &Routed,
        identity: &Arc<Identity>,
        netns_of: impl FnOnce(u32) -> Option<u64>,
    ) {
        let (time_ns, pid, port) = (event.time_ns, event.pid, routed.local.1);
        if port == 0 {
            return;
        }
        let started_ns = self.processes.get(&pid).map_or(0, |seen| seen.started_ns);
        let of_thread = self.processes.get(&routed.thread).or_else(|| self.processes.get(&pid));
        let known = of_thread.and_then(|seen| seen.netns);
        let senders = self.senders.entry(port).or_default();
        let is_it = |sender: &&mut Sender| {
            sender.process() == (pid, started_ns) && (known.is_none() || sender.netns == known)
        };
        if let Some(sender) = senders.iter_mut().rev().find(is_it) {
            (sender.remote, sender.turn.last_ns) = (routed.remote, time_ns);
            sender.identity = Arc::clone(identity);
            sender.lookups = sender.lookups.saturating_add(1);
            return;
        }
        if self.count >= MOST_SENDERS {
            self.crowded_out += 1;
            return;
        }
        let netns = known.or_else(|| netns_of(pid));
        if let (None, Some(netns)) = (known, netns)
            && self.processes.len() < MOST_PROCESSES
        {
            self.processes.entry(pid).or_default().netns = Some(netns);
        }
        let remote = routed.remote;
        let identity = Arc::clone(identity);
        let turn = Turn { pid, started_ns, first_ns: time_ns, last_ns: time_ns, ended_ns: u64::MAX };
        senders.push(Sender { identity, netns, remote, turn, lookups: 1 });
        self.count += 1;
    }

    /// Adds the ends of processes to the turns of the senders.
    fn note_ends(&mut self) {
        for sender in self.senders.values_mut().flatten().filter(|sender| sender.turn.ended_ns == u64::MAX) {
            let seen = self.processes.get(&sender.turn.pid);
            let its_own = seen.filter(|seen| seen.started_ns == sender.turn.started_ns);
            sender.turn.ended_ns = its_own.and_then(|seen| seen.ended_ns).unwrap_or(u64::MAX);
        }
    }

    /// The processes that send from a port in a namespace, without those whose socket has closed.
    pub(super) fn turns(&self, netns: u64, port: u16) -> impl Iterator<Item = Turn> {
        let senders = self.senders.get(&port).into_iter().flatten();
        senders.filter(move |sender| sender.may_be_in(netns)).map(|sender| sender.turn)
    }

    /// The turns of sockets that have closed since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<((u64, u16), Turn)> {
        std::mem::take(&mut self.ended)
    }

    fn join(&mut self, due: &[(u64, Closing)]) -> Vec<SocketEvent> {
        // Closings of a port that several sockets used in turn are resolved together.
        let mut by_port: AHashMap<(u64, u16), Vec<usize>> = AHashMap::new();
        for (index, (_, closing)) in due.iter().enumerate() {
            by_port.entry((closing.netns, closing.tuple.0.1)).or_default().push(index);
        }
        let mut owners = vec![None; due.len()];
        for ((netns, port), indexes) in by_port {
            let Some(senders) = self.senders.get_mut(&port) else { continue };
            let before = senders.len();
            let closings: Vec<&Closing> = indexes.iter().map(|index| &due[*index].1).collect();
            for (index, sender) in indexes.iter().zip(owners_of(&closings, netns, senders)) {
                owners[*index] = sender;
            }
            self.count -= before - senders.len();
        }
        let ended = due.iter().zip(&owners).filter_map(|((since_ns, closing), sender)| {
            let turn = sender.as_ref()?.turn_until(*since_ns);
            Some(((closing.netns, closing.tuple.0.1), turn))
        });
        self.ended.extend(ended);
        let event = |((since_ns, closing), sender): (&(u64, Closing), Option<Sender>)| SocketEvent {
            turn: sender.as_ref().map(|sender| sender.turn_until(*since_ns)),
            owner: sender.map(|Sender { identity, .. }| Attribution { identity, source: OwnerSource::Event }),
            ..alone(*since_ns, closing)
        };
        due.iter().zip(owners).map(event).collect()
    }

    fn forget(&mut self, now_ns: u64, interval_ns: u64) {
        // At the end of the recording there is no interval, and nothing left to save.
        if interval_ns == 0 {
            return;
        }
        let memory_ns = LEAST_MEMORY_NS.max(interval_ns.saturating_mul(MEMORY_TICKS));
        for (port, senders) in &mut self.senders {
            let lookups: u32 = senders.iter().map(|sender| sender.lookups).fold(0, u32::saturating_add);
            let most = BUSY_LOOKUPS.saturating_mul(interval_ns) / 1_000_000_000;
            if u64::from(lookups) > most && self.busy_ports.len() < MOST_BUSY_PORTS {
                self.busy_ports.push(*port);
            }
            for sender in senders.iter_mut() {
                sender.lookups = 0;
            }
            senders.retain(|sender| now_ns.saturating_sub(sender.turn.last_ns) < memory_ns);
        }
        self.senders.retain(|_, senders| !senders.is_empty());
        self.count = self.senders.values().map(Vec::len).sum();
        self.processes.retain(|_, seen| seen.ended_ns.is_none());
    }
}

/// Whether the first of these senders had these sockets, in this order. If there are more senders than sockets,
/// those first ones must have ended, and each must have sent only after the one before it.
fn are_in_turn(closings: &[&Closing], senders: &[&Sender]) -> bool {
    let agrees =
        |(closing, sender): (&&Closing, &&Sender)| closing.tuple.1.1 == 0 || closing.tuple.1 == sender.remote;
    let is_after = |pair: &[&Sender]| pair[0].turn.last_ns < pair[1].turn.first_ns;
    let have_ended = || {
        let mut first = senders.iter().take(closings.len());
        first.all(|sender| sender.turn.ended_ns < u64::MAX) && senders.windows(2).all(is_after)
    };
    let is_enough = senders.len() == closings.len() || (senders.len() > closings.len() && have_ended());
    is_enough && closings.iter().zip(senders).all(agrees)
}

/// The sender of each closing of one port in one namespace, in order. Senders that were assigned are
/// removed.
fn owners_of(closings: &[&Closing], netns: u64, senders: &mut Vec<Sender>) -> Vec<Option<Sender>> {
    let mut here: Vec<Sender> = senders.iter().filter(|sender| sender.may_be_in(netns)).cloned().collect();
    here.sort_by_key(|sender| sender.turn.first_ns);
    // Senders known to be in this namespace, and senders that may be.
    let known: Vec<&Sender> = here.iter().filter(|sender| sender.netns.is_some()).collect();
    let all: Vec<&Sender> = here.iter().collect();
    let is_one = |set: &[&Sender]| set.iter().all(|sender| sender.process() == set[0].process());
    // The remote of a connected socket identifies its sender.
    let by_remote = |closing: &Closing| {
        let mut fits = here.iter().filter(|sender| sender.remote == closing.tuple.1);
        let first = fits.next()?;
        fits.all(|sender| sender.process() == first.process()).then_some(first)
    };
    let owners: Vec<Option<&Sender>> = if is_one(&all) {
        vec![here.first(); closings.len()]
    } else if is_one(&known) && !known.is_empty() && closings.len() == 1 {
        vec![Some(known[0])]
    } else if let Some(set) = [known, all].into_iter().find(|set| are_in_turn(closings, set)) {
        // They used the port in turn. Later senders still have their sockets.
        set.into_iter().take(closings.len()).map(Some).collect()
    } else {
        closings.iter().map(|closing| by_remote(closing)).collect()
    };
    let owners: Vec<Option<Sender>> = owners.into_iter().map(Option::<&Sender>::cloned).collect();
    let is_used = |sender: &Sender| {
        owners.iter().flatten().any(|owner| (owner.turn, owner.netns) == (sender.turn, sender.netns))
    };
    senders.retain(|sender| !is_used(sender));
    owners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Counters, Owner, Protocol};

    const SECOND_NS: u64 = 1_000_000_000;

    fn at(last: u8, port: u16) -> (IpAddr, u16) {
        (IpAddr::from([10, 0, 0, last]), port)
    }

    fn sent(time_ns: u64, pid: u32, from: u16, remote: (IpAddr, u16)) -> KernelEvent {
        let local = (IpAddr::from([0, 0, 0, 0]), from);
        let what = What::Routed(Routed { thread: pid, protocol: 17, local, remote });
        KernelEvent { time_ns, pid, actor: None, what }
    }

    fn closing(cookie: u64, netns: u64, local_port: u16, remote: Option<(IpAddr, u16)>) -> Closing {
        Closing {
            cookie,
            netns,
            protocol: Protocol::Udp,
            tuple: (at(1, local_port), remote.unwrap_or((at(1, 0).0, 0))),
            counters: Counters::default(),
            received_sequence: None,
            unread: 0,
            cgroup_id: None,
        }
    }

    /// Processes below 100 are in namespace 1, the others in 2.
    fn take(udp: &mut UdpOwners, event: &KernelEvent) {
        let owner = Owner { pid: Some(event.pid), ..Owner::default() };
        let who = Arc::new(Identity::new(Arc::new(owner), None));
        udp.event(event, Some(&who), |pid| Some(if pid < 100 { 1 } else { 2 }));
    }

    /// The process of each closing, by cookie.
    fn owners(udp: &mut UdpOwners, now_ns: u64) -> Vec<(u64, Option<u32>)> {
        let events = udp.take(now_ns, SECOND_NS);
        events
            .iter()
            .map(|event| (event.cookie, event.owner.as_ref().and_then(|owner| owner.identity.pid())))
            .collect()
    }

    #[test]
    fn whoever_sent_from_the_port_owned_the_socket() {
        let mut udp = UdpOwners::default();
        take(&mut udp, &sent(10, 7, 4000, at(9, 53)));
        take(&mut udp, &sent(20, 8, 4001, at(9, 53)));
        udp.closing(30, closing(1, 1, 4000, Some(at(9, 53))));
        udp.closing(30, closing(2, 1, 4001, None));
        udp.closing(30, closing(3, 1, 4002, None));
        assert_eq!(owners(&mut udp, 31), [], "the rings may hold back what belongs to it");
        assert_eq!(owners(&mut udp, 30 + WAIT_NS), [(1, Some(7)), (2, Some(8)), (3, None)]);
        assert_eq!(udp.count, 0, "an owner is used once");
    }

    #[test]
    fn the_same_port_in_another_namespace_is_another_socket() {
        let mut udp = UdpOwners::default();
        take(&mut udp, &sent(10, 7, 4000, at(9, 53)));
        take(&mut udp, &sent(20, 107, 4000, at(9, 53)));
        udp.closing(30, closing(1, 2, 4000, None));
        udp.closing(31, closing(2, 1, 4000, None));
        udp.closing(32, closing(3, 3, 4000, None));
        assert_eq!(owners(&mut udp, SECOND_NS), [(1, Some(107)), (2, Some(7)), (3, None)]);
    }

    #[test]
    fn programs_that_used_a_port_one_after_the_other_are_told_apart() {
        let mut udp = UdpOwners::default();
        for (pid, cookie) in [(7, 1), (8, 2), (9, 3)] {
            take(&mut udp, &sent(cookie * 10, pid, 4000, at(9, 53)));
            udp.closing(cookie * 10 + 5, closing(cookie, 1, 4000, None));
        }
        assert_eq!(owners(&mut udp, SECOND_NS), [(1, Some(7)), (2, Some(8)), (3, Some(9))]);
    }

    #[test]
    fn programs_whose_sockets_have_not_all_closed_yet_are_told_apart() {
        let mut udp = UdpOwners::default();
        for (pid, cookie) in [(7, 1), (8, 2), (9, 3)] {
            let event = |time_ns, what| KernelEvent { time_ns, pid, actor: None, what };
            take(&mut udp, &event(cookie * 10 - 1, What::Forked { parent: 1 }));
            take(&mut udp, &sent(cookie * 10, pid, 4000, at(9, 53)));
            if pid < 9 {
                take(&mut udp, &event(cookie * 10 + 5, What::Exited));
            }
        }
        udp.closing(15, closing(1, 1, 4000, Some(at(9, 53))));
        udp.closing(25, closing(2, 1, 4000, Some(at(9, 53))));
        assert_eq!(owners(&mut udp, SECOND_NS), [(1, Some(7)), (2, Some(8))]);
        udp.closing(SECOND_NS, closing(3, 1, 4000, Some(at(9, 53))));
        assert_eq!(owners(&mut udp, 2 * SECOND_NS), [(3, Some(9))]);
    }

    #[test]
    fn where_nothing_tells_who_it_was_nobody_is_named() {
        let mut udp = UdpOwners::default();
        take(&mut udp, &sent(10, 7, 4000, at(9, 53)));
        take(&mut udp, &sent(11, 8, 4000, at(8, 53)));
        udp.closing(30, closing(1, 1, 4000, None));
        assert_eq!(owners(&mut udp, SECOND_NS), [(1, None)]);
        udp.closing(2 * SECOND_NS, closing(2, 1, 4000, Some(at(8, 53))));
        assert_eq!(owners(&mut udp, 3 * SECOND_NS), [(2, Some(8))], "its remote tells");
    }

    #[test]
    fn a_process_is_where_the_events_say() {
        let mut udp = UdpOwners::default();
        let entered =
            |netns| KernelEvent { time_ns: 1, pid: 7, actor: None, what: What::Entered { netns, thread: 7 } };
        take(&mut udp, &entered(5));
        take(&mut udp, &sent(10, 7, 4000, at(9, 53)));
        take(&mut udp, &entered(6));
        take(&mut udp, &sent(20, 7, 4000, at(9, 53)));
        udp.closing(30, closing(1, 6, 4000, None));
        udp.closing(30, closing(2, 5, 4000, None));
        assert_eq!(owners(&mut udp, SECOND_NS), [(1, Some(7)), (2, Some(7))]);
        take(&mut udp, &KernelEvent { time_ns: 40, pid: 7, actor: None, what: What::Exited });
        owners(&mut udp, SECOND_NS);
        assert!(udp.processes.is_empty());
    }

    #[test]
    fn a_process_with_the_same_id_is_another_sender() {
        let mut udp = UdpOwners::default();
        let lives = |udp: &mut UdpOwners, start_ns: u64| {
            let event = |time_ns, what| KernelEvent { time_ns, pid: 7, actor: None, what };
            take(udp, &event(start_ns, What::Forked { parent: 1 }));
            take(udp, &sent(start_ns + 10, 7, 4000, at(9, 53)));
            take(udp, &sent(start_ns + 20, 7, 4000, at(9, 53)));
            take(udp, &event(start_ns + 30, What::Exited));
        };
        lives(&mut udp, 100);
        lives(&mut udp, 200);
        assert_eq!(udp.turns(1, 4000).count(), 2);
        udp.closing(125, closing(1, 1, 4000, None));
        udp.closing(300, closing(2, 1, 4000, None));
        assert_eq!(owners(&mut udp, SECOND_NS), [(1, Some(7)), (2, Some(7))]);
        let turn = |started_ns, ended_ns| Turn {
            pid: 7,
            started_ns,
            first_ns: started_ns + 10,
            last_ns: started_ns + 20,
            ended_ns,
        };
        let ended = [((1, 4000), turn(100, 125)), ((1, 4000), turn(200, 230))];
        assert_eq!(
            udp.take_ended(),
            ended,
            "the socket of the first one had closed before its process ended"
        );
        assert_eq!(udp.turns(1, 4000).count(), 0);
    }

    #[test]
    fn memory_is_bounded_and_what_has_no_room_is_counted() {
        let mut udp = UdpOwners::default();
        for n in 0..MOST_SENDERS as u32 + 5 {
            take(&mut udp, &sent(1, 1 + n, 1 + (n % 60_000) as u16, at(9, 53)));
        }
        assert_eq!((udp.count, udp.crowded_out()), (MOST_SENDERS, 5));
        assert_eq!(owners(&mut udp, LEAST_MEMORY_NS + 2), []);
        assert_eq!((udp.count, udp.senders.len()), (0, 0), "those who sent long ago are forgotten");
    }

    #[test]
    fn a_port_that_sends_too_much_is_left_out() {
        let mut udp = UdpOwners::default();
        for n in 0..=BUSY_LOOKUPS {
            take(&mut udp, &sent(n, 7, 53, at((n % 200) as u8, 4000)));
            take(&mut udp, &sent(n, 8, 5000 + (n % 3000) as u16, at(9, 53)));
        }
        owners(&mut udp, SECOND_NS);
        assert_eq!(udp.busy_ports(), [53]);
    }
}
