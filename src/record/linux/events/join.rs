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
mod tests {
    use super::*;
    use crate::capture::{Counters, Kind};

    const CLIENT: u64 = 0xc1;
    const SERVER: u64 = 0x5e;

    fn at(port: u16) -> (IpAddr, u16) {
        (IpAddr::from([127, 0, 0, 1]), port)
    }

    fn change(socket: u64, states: (TcpState, TcpState), tuple: Tuple, in_interrupt: bool) -> What {
        let (from, to) = states;
        What::State(StateChange { socket, from, to, in_interrupt, local: tuple.0, remote: tuple.1 })
    }

    fn told(joiner: &mut Joiner, events: Vec<(u64, u32, What)>) {
        for (time_ns, pid, what) in events {
            joiner.event(&KernelEvent { time_ns, pid, what });
        }
    }

    /// A connection on loopback as the kernel tells it: client 10, server 20.
    fn connection() -> Vec<(u64, u32, What)> {
        use TcpState::{
            Close, CloseWait, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
        };
        let (client, server) = ((at(40_000), at(80)), (at(80), at(40_000)));
        vec![
            (1, 20, change(1, (Close, Listen), (at(80), at(0)), false)),
            (2, 10, change(CLIENT, (Close, SynSent), (at(0), at(80)), false)),
            (3, 10, change(SERVER, (Listen, SynRecv), server, true)),
            (4, 10, change(CLIENT, (SynSent, Established), client, true)),
            (5, 10, change(SERVER, (SynRecv, Established), server, true)),
            (6, 10, change(CLIENT, (Established, FinWait1), client, false)),
            (7, 10, change(SERVER, (Established, CloseWait), server, true)),
            (8, 20, change(SERVER, (CloseWait, LastAck), server, false)),
            (9, 20, change(CLIENT, (FinWait1, FinWait2), client, true)),
            (10, 20, change(CLIENT, (FinWait2, Close), client, true)),
            (11, 20, What::Destroyed { socket: CLIENT, cookie: 100, in_interrupt: true }),
            (12, 10, change(SERVER, (LastAck, Close), server, true)),
            (13, 10, What::Destroyed { socket: SERVER, cookie: 101, in_interrupt: true }),
        ]
    }

    fn counters(bytes: u64) -> Counters {
        Counters { bytes_sent: Some(bytes), ..Counters::default() }
    }

    #[test]
    fn a_short_connection_has_its_whole_life_and_both_owners() {
        let mut joiner = Joiner::default();
        joiner.closing(
            10,
            Closing {
                cookie: 100,
                netns: 1,
                protocol: Protocol::Tcp,
                tuple: (at(40_000), at(80)),
                counters: counters(7),
                received_sequence: Some(51),
                unread: 1,
            },
        );
        told(&mut joiner, connection());
        joiner.closing(
            14,
            Closing {
                cookie: 101,
                netns: 1,
                protocol: Protocol::Tcp,
                tuple: (at(80), at(40_000)),
                counters: counters(9),
                received_sequence: Some(101),
                unread: 0,
            },
        );
        let mut events = joiner.take(15);
        events.sort_by_key(|e| (e.cookie, e.time_ns, e.kind));

        let client: Vec<_> = events.iter().filter(|e| e.cookie == 100).collect();
        assert_eq!(client[0].kind, Kind::Opened);
        assert_eq!((client[0].time_ns, client[0].state), (2, Some(TcpState::SynSent)));
        assert_eq!(client[0].tuple, (at(40_000), at(80)), "the source port is known by now");
        let states: Vec<_> = client.iter().filter(|e| e.kind == Kind::State).map(|e| e.state).collect();
        let expected = [TcpState::Established, TcpState::FinWait1, TcpState::FinWait2, TcpState::Close];
        assert_eq!(states, expected.map(Some));
        let last = client.last().unwrap();
        let received = |counters, bytes_received| Counters { bytes_received, ..counters };
        assert_eq!(
            (last.kind, last.counters),
            (Kind::Closed, received(counters(7), Some(50))),
            "less the FIN"
        );
        assert!(client.iter().all(|e| e.owner == Some((10, OwnerSource::Event))));

        let server: Vec<_> = events.iter().filter(|e| e.cookie == 101).collect();
        assert_eq!(server.last().unwrap().counters, received(counters(9), Some(100)));
        assert!(server.iter().all(|e| e.owner == Some((20, OwnerSource::Event))));
    }

    #[test]
    fn a_socket_that_lives_on_is_joined_by_its_tuple() {
        let mut joiner = Joiner::default();
        told(&mut joiner, connection().into_iter().take(5).collect());
        assert_eq!(joiner.seen(100, Some(1), &(at(40_000), at(80))), Some((10, OwnerSource::Event)));
        assert_eq!(joiner.seen(101, Some(1), &(at(80), at(40_000))), Some((20, OwnerSource::Listener)));
        assert_eq!(joiner.take(6).len(), 4);
        assert_eq!(joiner.seen(100, Some(1), &(at(40_000), at(80))), Some((10, OwnerSource::Event)));
        assert_eq!(joiner.take(7), [], "nothing is told twice");
    }

    #[test]
    fn two_sockets_of_one_tuple_join_nothing() {
        let mut joiner = Joiner::default();
        let tuple = (at(40_000), at(80));
        for socket in [1, 2] {
            let open = change(socket, (TcpState::SynSent, TcpState::Established), tuple, true);
            told(&mut joiner, vec![(socket, 10, open)]);
        }
        assert_eq!(joiner.seen(100, Some(1), &tuple), None);
    }

    #[test]
    fn an_address_that_is_given_out_again_does_not_inherit_the_owner() {
        use TcpState::{Close, Established, Listen, SynRecv, SynSent};
        let (client, server) = ((at(40_000), at(80)), (at(80), at(40_001)));
        let owner_of_later = |later: Vec<(u64, u32, What)>| {
            let mut joiner = Joiner::default();
            let lost = (6, 0, What::Lost(9));
            told(&mut joiner, connection().into_iter().take(5).chain([lost]).chain(later).collect());
            let end = What::Destroyed { socket: CLIENT, cookie: 200, in_interrupt: true };
            told(&mut joiner, vec![(20, 0, end)]);
            let events = joiner.take(PATIENCE_NS * 2);
            let closed = events.iter().find(|e| e.cookie == 200).cloned().unwrap();
            (closed.owner, closed.tuple.0.1)
        };
        let accepted = vec![
            (7, 30, change(CLIENT, (Listen, SynRecv), server, true)),
            (8, 30, change(CLIENT, (SynRecv, Established), server, true)),
        ];
        assert_eq!(owner_of_later(accepted), (Some((20, OwnerSource::Listener)), 80));
        let middle = vec![(7, 30, change(CLIENT, (Established, Close), server, false))];
        assert_eq!(owner_of_later(middle), (Some((30, OwnerSource::Event)), 80));
        let connects = vec![
            (7, 30, change(CLIENT, (Close, SynSent), (at(0), at(80)), false)),
            (8, 30, change(CLIENT, (SynSent, Established), (at(40_002), at(80)), true)),
        ];
        assert_eq!(owner_of_later(connects), (Some((30, OwnerSource::Event)), 40_002));
        let goes_on = vec![(7, 30, change(CLIENT, (Established, Close), client, false))];
        assert_eq!(owner_of_later(goes_on), (Some((10, OwnerSource::Event)), 40_000));
    }

    #[test]
    fn a_socket_of_which_only_the_last_states_were_seen_leaves_nothing_to_the_next_at_its_address() {
        use TcpState::{Close, CloseWait, Established, LastAck, SynSent};
        // As when the recording begins while it ends.
        let (accepted, client) = ((at(80), at(40_000)), (at(41_000), at(22)));
        let mut joiner = Joiner::default();
        told(
            &mut joiner,
            vec![
                (1, 20, change(CLIENT, (CloseWait, LastAck), accepted, false)),
                (2, 20, change(CLIENT, (LastAck, Close), accepted, true)),
                (3, 30, change(CLIENT, (Close, SynSent), (at(0), at(22)), false)),
                (4, 20, change(CLIENT, (SynSent, Established), client, true)),
            ],
        );
        assert_eq!(joiner.seen(200, Some(1), &client), Some((30, OwnerSource::Event)));
        let told: Vec<_> = joiner.take(5).into_iter().map(|e| (e.kind, e.time_ns, e.owner)).collect();
        let owner = Some((30, OwnerSource::Event));
        assert_eq!(told, [(Kind::Opened, 3, owner), (Kind::State, 4, owner)]);
    }

    #[test]
    fn an_end_that_is_told_after_the_address_was_given_out_again_takes_no_owner_with_it() {
        use TcpState::{Close, SynSent};
        let mut joiner = Joiner::default();
        let late = change(SERVER, (Close, SynSent), (at(0), at(80)), false);
        let end = What::Destroyed { socket: SERVER, cookie: 101, in_interrupt: true };
        told(&mut joiner, connection().into_iter().take(5).chain([(9, 30, late), (9, 30, end)]).collect());
        let notice = Closing {
            cookie: 101,
            netns: 1,
            protocol: Protocol::Tcp,
            tuple: (at(80), at(40_000)),
            counters: counters(9),
            received_sequence: Some(10),
            unread: 0,
        };
        joiner.closing(10, notice);
        let events = joiner.take(11);
        let closed = events.iter().find(|e| e.kind == Kind::Closed).unwrap();
        assert_eq!((closed.owner, closed.counters), (None, counters(9)));
    }

    #[test]
    fn a_socket_that_tries_again_stays_the_same() {
        use TcpState::{Close, Established, SynSent};
        let mut joiner = Joiner::default();
        let from = |port| (at(port), at(80));
        let states = [
            (Close, SynSent, 0),
            (SynSent, Close, 41_000),
            (Close, SynSent, 0),
            (SynSent, Established, 41_001),
        ];
        for (time_ns, (old, new, port)) in (1..).zip(states) {
            told(&mut joiner, vec![(time_ns, 10, change(CLIENT, (old, new), from(port), false))]);
        }
        assert_eq!(joiner.seen(100, Some(1), &from(41_000)), None, "it is not there any more");
        assert_eq!(joiner.seen(100, Some(1), &from(41_001)), Some((10, OwnerSource::Event)));
        assert_eq!(joiner.take(9).len(), states.len());
    }

    #[test]
    fn a_reset_connection_keeps_the_tuple_and_says_no_counters() {
        let mut joiner = Joiner::default();
        told(&mut joiner, connection().into_iter().take(5).collect());
        let reset = change(CLIENT, (TcpState::Established, TcpState::Close), (at(40_000), at(0)), false);
        told(
            &mut joiner,
            vec![
                (6, 10, reset),
                (7, 10, What::Destroyed { socket: CLIENT, cookie: 100, in_interrupt: true }),
            ],
        );
        joiner.closing(
            8,
            Closing {
                cookie: 100,
                netns: 1,
                protocol: Protocol::Tcp,
                tuple: (at(40_000), at(0)),
                counters: counters(0),
                received_sequence: None,
                unread: 0,
            },
        );
        let events = joiner.take(9);
        let last = events.iter().find(|e| e.kind == Kind::Closed).unwrap();
        assert_eq!(last.tuple, (at(40_000), at(80)));
        assert_eq!(last.counters, Counters::default(), "zero would be an invented number");
    }

    #[test]
    fn halves_that_stay_alone_are_given_out_after_a_while() {
        let mut joiner = Joiner::default();
        told(&mut joiner, connection().into_iter().take(11).collect());
        joiner.closing(
            20,
            Closing {
                cookie: 7,
                netns: 1,
                protocol: Protocol::Tcp,
                tuple: (at(1), at(2)),
                counters: counters(3),
                received_sequence: Some(4),
                unread: 0,
            },
        );
        assert_eq!(joiner.take(21), []);
        let events = joiner.take(PATIENCE_NS * 2);
        let closed: Vec<_> = events.iter().filter(|e| e.kind == Kind::Closed).collect();
        assert_eq!((closed.len(), joiner.unnoticed()), (2, 1));
        assert!(closed.iter().any(|e| e.cookie == 7 && e.owner.is_none() && e.counters == counters(3)));
        assert!(closed.iter().any(|e| e.cookie == 100 && e.counters == Counters::default()));
    }
}
