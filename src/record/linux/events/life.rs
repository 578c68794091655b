//! The life of one socket, as far as it was told, and what of it goes into the capture.

use std::net::IpAddr;

use super::super::diag::Socket;
use crate::capture::{Counters, Kind, OwnerSource, Protocol, TcpState};

/// A TCP five-tuple without the protocol: local and remote address and port.
pub(super) type Tuple = ((IpAddr, u16), (IpAddr, u16));

/// The kernel's notice of a closing socket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Closing {
    pub(super) cookie: u64,
    pub(super) netns: u64,
    pub(super) protocol: Protocol,
    pub(super) tuple: Tuple,
    /// The counters, but for the bytes received: whether a FIN is among them, only the states tell.
    pub(super) counters: Counters,
    /// Bytes received, and one more if a FIN was.
    pub(super) received_sequence: Option<u64>,
}

impl Closing {
    /// From what the kernel says of the socket.
    pub(super) fn of(socket: &Socket, netns: u64) -> Self {
        let remote = socket.remote.unwrap_or((socket.local.0, 0));
        Self {
            cookie: socket.cookie,
            netns,
            protocol: socket.protocol,
            tuple: (socket.local, remote),
            counters: socket.counters,
            received_sequence: socket.received_sequence,
        }
    }

    /// The final counters of a socket that went through these states.
    pub(super) fn counters_after(&self, states: &[TcpState]) -> Counters {
        let fin =
            match states {
                [] => return self.counters,
                // The original socket may end in FIN_WAIT2 before the FIN comes, if it comes more
                // than a delayed acknowledgement later: then this is one byte too few.
                [.., TcpState::FinWait2, TcpState::Close] => 1,
                states => u64::from(states.iter().any(|state| {
                    matches!(state, TcpState::CloseWait | TcpState::Closing | TcpState::TimeWait)
                })),
            };
        let bytes_received = self.received_sequence.map(|sequence| sequence.saturating_sub(fin));
        Counters { bytes_received, ..self.counters }
    }
}

/// A process, as far as the events tell: its id and how that is known.
pub(super) type OwnerHint = (u32, OwnerSource);

/// One thing that happened to one socket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SocketEvent {
    /// Monotonic clock, ns.
    pub(super) time_ns: u64,
    pub(super) kind: Kind,
    pub(super) cookie: u64,
    pub(super) netns: Option<u64>,
    pub(super) protocol: Protocol,
    pub(super) tuple: Tuple,
    pub(super) state: Option<TcpState>,
    pub(super) prev_state: Option<TcpState>,
    pub(super) counters: Counters,
    pub(super) owner: Option<OwnerHint>,
}

/// A socket of which the tracepoints told.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) tuple: Tuple,
    pub(super) owner: Option<OwnerHint>,
    pub(super) changes: Vec<(u64, TcpState, TcpState)>,
    pub(super) cookie: Option<u64>,
    pub(super) netns: Option<u64>,
    /// How many of `changes` were given out already.
    told: usize,
}

impl Life {
    pub(super) fn new(tuple: Tuple) -> Self {
        Self { tuple, owner: None, changes: Vec::new(), cookie: None, netns: None, told: 0 }
    }
}

/// Gives out what happened to a socket and was not given out yet.
pub(super) fn tell(life: &mut Life, cookie: u64, out: &mut Vec<SocketEvent>) {
    for index in life.told..life.changes.len() {
        let (time_ns, from, to) = life.changes[index];
        let opens = index == 0 && matches!(from, TcpState::Close | TcpState::Listen);
        out.push(SocketEvent {
            time_ns,
            kind: if opens { Kind::Opened } else { Kind::State },
            cookie,
            netns: life.netns,
            protocol: Protocol::Tcp,
            tuple: life.tuple,
            state: Some(to),
            prev_state: (!opens).then_some(from),
            counters: Counters::default(),
            owner: life.owner,
        });
    }
    life.told = life.changes.len();
}

/// A closing of which the tracepoints told nothing.
pub(super) fn alone(time_ns: u64, closing: &Closing) -> SocketEvent {
    let event = closed(time_ns, closing.cookie, closing.tuple, None, Some(closing.counters));
    SocketEvent {
        netns: Some(closing.netns),
        protocol: closing.protocol,
        state: event.state.filter(|_| closing.protocol == Protocol::Tcp),
        ..event
    }
}

/// The end of a socket.
pub(super) fn closed(
    time_ns: u64,
    cookie: u64,
    tuple: Tuple,
    owner: Option<OwnerHint>,
    counters: Option<Counters>,
) -> SocketEvent {
    SocketEvent {
        time_ns,
        kind: Kind::Closed,
        cookie,
        netns: None,
        protocol: Protocol::Tcp,
        tuple,
        state: Some(TcpState::Close),
        prev_state: None,
        counters: counters.unwrap_or_default(),
        owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fin_is_no_byte_where_the_states_say_that_it_came() {
        let at = |port| (IpAddr::from([127, 0, 0, 1]), port);
        let closing = Closing {
            cookie: 1,
            netns: 1,
            protocol: Protocol::Tcp,
            tuple: (at(1), at(2)),
            counters: Counters::default(),
            received_sequence: Some(11),
        };
        let received = |states: &[TcpState]| closing.counters_after(states).bytes_received;
        assert_eq!(received(&[TcpState::Established, TcpState::CloseWait, TcpState::Close]), Some(10));
        assert_eq!(received(&[TcpState::FinWait1, TcpState::FinWait2, TcpState::Close]), Some(10));
        assert_eq!(received(&[TcpState::Established, TcpState::Close]), Some(11), "reset");
        assert_eq!(received(&[]), None, "no state was seen, and so not whether a FIN came");
    }
}
