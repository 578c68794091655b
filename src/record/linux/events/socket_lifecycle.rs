//! The reported life of one socket, and what of it goes into the capture.

use std::net::IpAddr;

use std::sync::Arc;

use super::super::diag::Socket;
use super::super::turns::Turn;
use super::identity::{Attribution, Identity};
use super::kernel_event::StateChange;
use crate::capture::{Counters, Kind, Owner, OwnerSource, Protocol, TcpState, stable_id};

/// A TCP five-tuple without the protocol: local and remote address and port.
pub(super) type Tuple = ((IpAddr, u16), (IpAddr, u16));

/// The kernel's notification of a closing socket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Closing {
    pub(super) cookie: u64,
    pub(super) netns: u64,
    pub(super) protocol: Protocol,
    pub(super) tuple: Tuple,
    /// The counters except bytes received: only the states tell whether they include a FIN.
    pub(super) counters: Counters,
    /// Bytes received, plus one for a FIN.
    pub(super) received_sequence: Option<u64>,
    /// How much of it no process has read.
    pub(super) unread: u32,
    /// Inode of the cgroup2 folder in which it was created.
    pub(super) cgroup_id: Option<u64>,
}

impl Closing {
    /// From the kernel's description of the socket.
    pub(super) fn new(socket: &Socket, netns: u64) -> Self {
        let remote = socket.remote.unwrap_or((socket.local.0, 0));
        Self {
            cookie: socket.cookie,
            netns,
            protocol: socket.protocol,
            tuple: (socket.local, remote),
            counters: socket.counters,
            received_sequence: socket.received_sequence,
            unread: socket.unread,
            cgroup_id: socket.cgroup_id,
        }
    }

    /// Whether the kernel had cleared the socket before the notification: after a reset by its own
    /// process, a blocking `connect` that failed, or the end of MPTCP. Only the local port is left;
    /// the rest is zero.
    pub(super) fn is_cleared(&self) -> bool {
        self.protocol == Protocol::Tcp && self.tuple.1.1 == 0
    }

    /// The final counters of a socket with this life.
    pub(super) fn counters_after(&self, life: &Life) -> Counters {
        let fin = match life.changes.as_slice() {
            [] => return self.counters,
            [.., Change { from: TcpState::FinWait2, to: TcpState::Close, .. }] => {
                self.has_fin_after_own(life)
            }
            changes => changes.iter().any(|change| {
                matches!(change.to, TcpState::CloseWait | TcpState::Closing | TcpState::TimeWait)
            }),
        };
        let bytes_received = self.received_sequence.map(|sequence| sequence.saturating_sub(fin.into()));
        Counters { bytes_received, ..self.counters }
    }

    /// Whether the received sequence of a socket that sent its own FIN first includes the peer's FIN.
    ///
    /// A socket that its process has closed is replaced by a small structure as soon as its FIN is
    /// acknowledged, in an interrupt or in the closing call. Its bytes include the peer's FIN only
    /// if that came with the acknowledgment, and then nobody can have read it. A socket that is
    /// still open (`shutdown`) ends when the FIN arrives, and its process destroys it later.
    fn has_fin_after_own(&self, life: &Life) -> bool {
        self.unread > 0 || (life.closed_in_interrupt && !life.destroyed_in_interrupt)
    }
}

/// An event of one socket.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct SocketEvent {
    /// Monotonic clock, ns.
    pub(super) time_ns: u64,
    pub(super) kind: Kind,
    pub(super) cookie: u64,
    /// The number of the socket's connection, from 0.
    pub(super) connection: u32,
    pub(super) netns: Option<u64>,
    pub(super) protocol: Protocol,
    pub(super) tuple: Tuple,
    pub(super) state: Option<TcpState>,
    pub(super) prev_state: Option<TcpState>,
    pub(super) counters: Counters,
    pub(super) owner: Option<Attribution>,
    /// When its process sent from its port, for a UDP socket.
    pub(super) turn: Option<Turn>,
    /// Inode of the cgroup2 folder in which the socket was created.
    pub(super) cgroup_id: Option<u64>,
}

impl SocketEvent {
    /// The id of the connection: the socket's cookie, unless the socket had another connection before.
    pub(super) fn conn_id(&self) -> u64 {
        conn_id(self.cookie, self.connection)
    }
}

/// The id of one of a socket's connections.
pub(super) fn conn_id(cookie: u64, connection: u32) -> u64 {
    let later = || stable_id(format!("{cookie} {connection}").as_bytes()) & !OTHERS_BIT;
    if connection == 0 { cookie } else { later() }
}

/// Set in ids that mark one remote of a UDP socket.
const OTHERS_BIT: u64 = 1 << 63;

/// A state change of a socket, and its owner then, if known.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) time_ns: u64,
    pub(super) from: TcpState,
    pub(super) to: TcpState,
    pub(super) owner: Option<Attribution>,
}

/// A connection of a socket, as reported by the tracepoints.
#[derive(Debug, Clone)]
pub(super) struct Life {
    /// Its number within the socket, from 0.
    pub(super) connection: u32,
    /// Earlier connections that wait for the cookie, each with the time of its end.
    pub(super) before: Vec<(u64, Life)>,
    pub(super) tuple: Tuple,
    pub(super) owner: Option<Attribution>,
    pub(super) changes: Vec<Change>,
    pub(super) cookie: Option<u64>,
    pub(super) netns: Option<u64>,
    /// Whether the records themselves contain cookie, namespace and final counters.
    pub(super) is_complete: bool,
    pub(super) final_counters: Option<Counters>,
    /// Whether the last change, and the end, happened in an interrupt.
    pub(super) closed_in_interrupt: bool,
    pub(super) destroyed_in_interrupt: bool,
    /// The owner in the last snapshot, to recognize it in the next.
    confirmed: Option<Arc<Owner>>,
    /// How many of `changes` were already reported.
    told: usize,
    /// How many times reporting them was postponed.
    pub(super) postponed: u8,
    /// The number of losses of events when it began.
    losses: u64,
}

impl Life {
    pub(super) fn new(tuple: Tuple, losses: u64) -> Self {
        Self {
            connection: 0,
            before: Vec::new(),
            tuple,
            owner: None,
            changes: Vec::new(),
            cookie: None,
            netns: None,
            is_complete: false,
            final_counters: None,
            closed_in_interrupt: false,
            destroyed_in_interrupt: false,
            confirmed: None,
            told: 0,
            postponed: 0,
            losses,
        }
    }

    /// Whether a socket that has connected or tried to begins another connection.
    pub(super) fn connects_again(&self, change: &StateChange) -> bool {
        let begins =
            matches!((change.from, change.to), (TcpState::Close, TcpState::SynSent | TcpState::Listen));
        begins && !self.changes.is_empty()
    }

    /// The socket's next connection, with this tuple, which inherits what was waiting.
    pub(super) fn next(&mut self, tuple: Tuple, losses: u64) -> Self {
        Self {
            connection: self.connection.saturating_add(1),
            before: std::mem::take(&mut self.before),
            cookie: self.cookie,
            netns: self.netns,
            is_complete: self.is_complete,
            ..Self::new(tuple, losses)
        }
    }

    /// Whether a change by a process belongs to this socket: after its end the kernel reuses its
    /// address, and that end may be among the lost events or before the recording.
    pub(super) fn goes_on(&self, change: &StateChange, pid: u32, losses: u64) -> bool {
        if let Some((known, facts)) = self.cookie.zip(change.facts) {
            return known == facts.cookie;
        }
        let Some(last) = self.changes.last() else { return true };
        let is_whole = |((_, local), (_, remote)): Tuple| local != 0 && remote != 0;
        let tuple = (change.local, change.remote);
        match (change.from, change.to) {
            // The socket is created by this change.
            (TcpState::Listen, TcpState::SynRecv) => false,
            // One that failed to connect may try again, in the same process.
            (TcpState::Close, TcpState::SynSent | TcpState::Listen) => {
                let owner = self.owner.as_ref().filter(|owner| owner.source == OwnerSource::Event);
                let is_its_own = owner.is_some_and(|owner| owner.identity.pid() == Some(pid));
                last.to == TcpState::Close && is_its_own && self.losses == losses
            }
            _ => self.tuple == tuple || !is_whole(tuple) || !is_whole(self.tuple),
        }
    }

    /// Whether it ever listened.
    pub(super) fn has_listened(&self) -> bool {
        self.changes.iter().any(|change| change.from == TcpState::Listen || change.to == TcpState::Listen)
            && self.tuple.1.1 == 0
    }

    /// Notes the process that acted on it.
    pub(super) fn done_by(&mut self, who: Arc<Identity>) {
        if !who.is_of_kernel() || !self.owner.as_ref().is_some_and(Attribution::is_seen) {
            self.owner = Some(Attribution { identity: who, source: OwnerSource::Event });
        }
    }

    /// Notes the holder found by a snapshot, which takes precedence over a process that acted before.
    pub(super) fn confirm(&mut self, owner: &Arc<Owner>) {
        if self.confirmed.as_ref().is_some_and(|confirmed| Arc::ptr_eq(confirmed, owner)) {
            return;
        }
        self.confirmed = Some(Arc::clone(owner));
        if !self.owner.as_ref().is_some_and(|known| known.is_seen() && known.is_like(owner)) {
            let identity = Arc::new(Identity::new(Arc::clone(owner), None));
            self.owner = Some(Attribution { identity, source: OwnerSource::Inode });
        }
    }
}

/// Reports the unreported changes of a socket.
pub(super) fn tell(life: &mut Life, cookie: u64, out: &mut Vec<SocketEvent>) {
    for (index, change) in life.changes.iter().enumerate().skip(life.told) {
        // A listening socket from before the recording begins with its end.
        let opens = index == 0
            && matches!(
                (change.from, change.to),
                (TcpState::Close, _) | (TcpState::Listen, TcpState::SynRecv)
            );
        out.push(SocketEvent {
            time_ns: change.time_ns,
            kind: if opens { Kind::Opened } else { Kind::State },
            cookie,
            connection: life.connection,
            netns: life.netns,
            protocol: Protocol::Tcp,
            tuple: life.tuple,
            state: Some(change.to),
            prev_state: (!opens).then_some(change.from),
            counters: Counters::default(),
            // The accepting process is known later than the connection.
            owner: change.owner.as_ref().or(life.owner.as_ref()).cloned(),
            turn: None,
            cgroup_id: None,
        });
    }
    life.told = life.changes.len();
}

/// The closing of a socket without tracepoint events.
pub(super) fn alone(time_ns: u64, closing: &Closing) -> SocketEvent {
    // Zeros from a cleared socket would be invented numbers.
    let counters = (!closing.is_cleared()).then_some(closing.counters);
    let event = closed(time_ns, closing.cookie, closing.tuple, None, counters);
    SocketEvent {
        netns: Some(closing.netns),
        protocol: closing.protocol,
        state: event.state.filter(|_| closing.protocol == Protocol::Tcp),
        cgroup_id: closing.cgroup_id,
        ..event
    }
}

/// The event of a socket's end.
pub(super) fn closed(
    time_ns: u64,
    cookie: u64,
    tuple: Tuple,
    owner: Option<Attribution>,
    counters: Option<Counters>,
) -> SocketEvent {
    SocketEvent {
        time_ns,
        kind: Kind::Closed,
        cookie,
        connection: 0,
        netns: None,
        protocol: Protocol::Tcp,
        tuple,
        state: Some(TcpState::Close),
        prev_state: None,
        counters: counters.unwrap_or_default(),
        owner,
        turn: None,
        cgroup_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> (IpAddr, u16) {
        (IpAddr::from([127, 0, 0, 1]), port)
    }

    fn closing(unread: u32) -> Closing {
        Closing {
            cookie: 1,
            netns: 1,
            protocol: Protocol::Tcp,
            tuple: (at(1), at(2)),
            counters: Counters::default(),
            received_sequence: Some(11),
            unread,
            cgroup_id: None,
        }
    }

    fn life(states: &[TcpState]) -> Life {
        let change = |pair: &[TcpState]| Change { time_ns: 0, from: pair[0], to: pair[1], owner: None };
        let changes = states.windows(2).map(change).collect();
        Life { changes, ..Life::new((at(1), at(2)), 0) }
    }

    #[test]
    fn a_fin_is_no_byte_where_the_states_say_that_it_came() {
        let received = |states: &[TcpState]| closing(0).counters_after(&life(states)).bytes_received;
        assert_eq!(received(&[TcpState::Established, TcpState::CloseWait, TcpState::Close]), Some(10));
        assert_eq!(received(&[TcpState::FinWait1, TcpState::Closing, TcpState::Close]), Some(10));
        assert_eq!(received(&[TcpState::Established, TcpState::Close]), Some(11), "reset");
        assert_eq!(received(&[]), None, "no state was seen, and so not whether a FIN came");
    }

    #[test]
    fn a_fin_that_answers_ones_own_is_told_from_one_that_came_too_late() {
        let received = |unread, closed_in_interrupt, destroyed_in_interrupt| {
            let states = life(&[TcpState::FinWait1, TcpState::FinWait2, TcpState::Close]);
            let life = Life { closed_in_interrupt, destroyed_in_interrupt, ..states };
            closing(unread).counters_after(&life).bytes_received
        };
        assert_eq!(received(1, true, true), Some(10), "it came with the acknowledgement");
        assert_eq!(received(0, true, true), Some(11), "it came later, and the stand-in took it");
        assert_eq!(received(0, false, false), Some(11), "the same, within the call that closed");
        assert_eq!(received(0, true, false), Some(10), "the process read it and closed then");
        assert_eq!(received(1, true, false), Some(10), "the process closed without reading it");
    }
}
