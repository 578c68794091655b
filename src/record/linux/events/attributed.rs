//! An event with the facts of its process, and the row that it becomes.

use std::sync::Arc;

use super::super::turns::Turn;
use super::socket_lifecycle::SocketEvent;
use crate::capture::{Kind, Owner, OwnerSource, Protocol, Row};
use crate::record::Timestamp;

/// An event with the facts of its process.
pub(in super::super) struct AttributedEvent {
    pub(super) event: SocketEvent,
    pub(super) owner: Option<(Arc<Owner>, OwnerSource)>,
}

impl AttributedEvent {
    /// Time of the event, monotonic.
    pub(in super::super) fn time_ns(&self) -> i64 {
        self.event.time_ns as i64
    }

    /// The cookie of its socket.
    pub(in super::super) fn cookie(&self) -> u64 {
        self.event.cookie
    }

    /// When its process sent from its port, for a UDP socket that events attribute.
    pub(in super::super) fn turn(&self) -> Option<Turn> {
        self.event.turn
    }

    /// Whether it is the end of the socket.
    pub(in super::super) fn is_closed(&self) -> bool {
        self.event.kind == Kind::Closed
    }

    /// The row for the capture. `last` is what the last snapshot knew of the socket.
    pub(in super::super) fn into_row(self, now: Timestamp, tick: u32, last: Option<&LastSeen>) -> Row {
        let time_ns = self.time_ns();
        let inode = || last.and_then(|last| last.owner.clone());
        // A UDP socket belongs to its holder, even if other processes have sent through it.
        let is_held = self.event.protocol != Protocol::Tcp && inode().is_some();
        let (owner, owner_source) = match self.owner.filter(|_| !is_held) {
            Some((owner, source)) => (Some(owner), Some(source)),
            None => (inode(), inode().map(|_| OwnerSource::Inode)),
        };
        let event = self.event;
        let (mut local, mut remote) = event.tuple;
        // The last snapshot still knew what the kernel has cleared.
        if let Some(tuple) = last.and_then(|last| last.tuple).filter(|_| remote.1 == 0) {
            (local, remote) = tuple;
        }
        Row {
            ts_us: now.ts_us - (now.mono_ns - time_ns) / 1000,
            mono_ns: time_ns,
            tick,
            kind: event.kind,
            remote: (remote.1 != 0).then_some(remote),
            netns: event.netns,
            state: event.state,
            prev_state: event.prev_state,
            counters: event.counters,
            owner,
            owner_source,
            ..Row::snapshot(event.conn_id(), event.protocol, local)
        }
    }
}

/// What the last snapshot knew of a socket.
pub(in super::super) struct LastSeen {
    pub(in super::super) owner: Option<Arc<Owner>>,
    /// Both ends, if it was connected.
    pub(in super::super) tuple: Option<((std::net::IpAddr, u16), (std::net::IpAddr, u16))>,
}
