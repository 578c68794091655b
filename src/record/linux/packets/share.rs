//! Whether datagrams of a port belong to one socket or to another one that used the port shortly before or
//! after.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::turns::{Turn, Whose, whose};
use super::flows::{BoundPort, Endpoint, Piece};
use crate::capture::{Protocol, Row};

/// The row of the end of a socket, and when its process sent, if that is known.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) row: Row,
    pub(super) turn: Option<Turn>,
}

/// Sockets that had a port at about the same time as one that is closing: those that closed with it, and
/// those of the snapshot.
#[derive(Default)]
pub(super) struct Rivals<'a>(HashMap<BoundPort, Vec<&'a Row>>);

impl<'a> Rivals<'a> {
    pub(super) fn new(closed: &'a [Ended], snapshot: &'a [Row]) -> Self {
        let mut by_port: HashMap<BoundPort, Vec<&Row>> = HashMap::new();
        for Ended { row, .. } in closed {
            by_port.entry(bound_port(row)).or_default().push(row);
        }
        let has_any = !by_port.is_empty();
        for row in snapshot.iter().filter(|row| has_any && row.protocol == Protocol::Udp) {
            if let Some(rows) = by_port.get_mut(&bound_port(row)) {
                rows.push(row);
            }
        }
        Self(by_port)
    }

    /// Other sockets that may have had a flow between these ends.
    fn others(&self, closed: &Row, addr: IpAddr, remote: Endpoint) -> impl Iterator<Item = &'a Row> {
        let fits = move |row: &&Row| {
            let is_here = row.local_addr.is_unspecified() || row.local_addr == addr;
            is_here && row.remote.is_none_or(|other| other == remote)
        };
        let conn_id = closed.conn_id;
        let all = self.0.get(&bound_port(closed)).into_iter().flatten().copied();
        all.filter(move |row| row.conn_id != conn_id).filter(fits)
    }

    /// Whether a flow between these ends may as well be of another process's socket that has no turn.
    pub(super) fn contest(&self, closed: &Row, turns: &[Turn], addr: IpAddr, remote: Endpoint) -> bool {
        let mut others = self.others(closed, addr, remote);
        let who = |row: &Row| row.owner.as_ref().map(|owner| (owner.pid, owner.exe.clone()));
        let has_turn = |row: &Row| turns.iter().any(|turn| pid_of(row) == Some(turn.pid));
        others.any(|row| who(row) != who(closed) && !has_turn(row))
    }

    /// Whether another socket may have had this remote.
    pub(super) fn may_have(&self, closed: &Row, addr: IpAddr, remote: Endpoint) -> bool {
        self.others(closed, addr, remote).next().is_some()
    }
}

/// The port of a socket.
pub(super) fn bound_port(row: &Row) -> BoundPort {
    (row.netns.unwrap_or(0), row.local_port)
}

pub(super) fn pid_of(row: &Row) -> Option<u32> {
    row.owner.as_ref().and_then(|owner| owner.pid)
}

/// Whether a piece of a flow belongs to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Its,
    Other,
    Unclear,
}

/// The turns of a port as seen from one socket.
pub(super) struct View<'a> {
    pub(super) turns: &'a [Turn],
    /// The turn of the socket's process.
    pub(super) own: Option<Turn>,
    /// Another process, of which no turn is known, may have received or sent something.
    pub(super) has_unknown: bool,
}

impl View<'_> {
    /// Whether there is nobody else.
    fn is_alone(&self) -> bool {
        !self.has_unknown && self.turns.iter().all(|turn| Some(*turn) == self.own)
    }

    /// Whether a piece of a flow of its port belongs to the socket.
    pub(super) fn share(&self, piece: &Piece) -> Share {
        if self.is_alone() {
            return Share::Its;
        }
        let of = |time_ns| {
            let sent = (piece.traffic.sent.packets > 0).then(|| whose(self.turns, time_ns, true));
            let received = (piece.traffic.received.packets > 0).then(|| whose(self.turns, time_ns, false));
            (sent.or(received), received.or(sent))
        };
        let (first, last) = (of(piece.first_ns), of(piece.last_ns));
        let (Some(whose), true) = (first.0, first.0 == first.1 && first == last) else {
            return Share::Unclear;
        };
        match whose {
            Whose::One(index) if Some(self.turns[index]) == self.own => {
                let Turn { first_ns, last_ns, .. } = self.turns[index];
                let is_within = piece.first_ns >= first_ns as i64 && piece.last_ns <= last_ns as i64;
                let is_clear = !self.has_unknown || is_within || piece.traffic.received.packets == 0;
                if is_clear { Share::Its } else { Share::Unclear }
            }
            Whose::One(_) => Share::Other,
            Whose::Nobody if self.own.is_none() && !self.has_unknown => Share::Its,
            Whose::Nobody | Whose::Several => Share::Unclear,
        }
    }
}
