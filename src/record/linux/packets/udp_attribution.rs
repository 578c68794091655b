//! Whose flows they are: UDP sockets as the snapshots and the notices of their end tell them.
//!
//! A connected socket has one remote, and its row gets the counters. A socket without one gets a
//! row for each remote beside its own, under an id made of its cookie and the remote, so that who
//! was talked to is not lost in a sum; its own row then has no counters, or they would be there
//! twice. What fits no socket, or several, is nobody's: it is counted, and said.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::turns::Turn;
use super::flows::{BoundPort, Endpoint, Flow, Flows, Tally};
use super::share::{Ended, Rivals, Share, View, bound_port, pid_of};
use crate::capture::{Counters, Kind, Protocol, Row, stable_id};

/// How long a flow waits, in ns and in ticks: the row of a socket's end may wait for a hash, and comes two
/// ticks later.
const PATIENCE_NS: i64 = 3_000_000_000;
const PATIENCE_TICKS: i64 = 4;

/// After how long without a datagram the talk of a socket with one of many remotes is over, in ns.
const IDLE_NS: i64 = 60_000_000_000;

/// Set in the ids of rows that stand for one remote of a socket; cookies never come this far.
const REMOTE_BIT: u64 = 1 << 63;

/// Flows that belong to nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unattributed {
    /// No socket was seen that they could belong to.
    pub(super) without_socket: Tally,
    /// Several sockets share the port, and nothing tells which it was.
    pub(super) ambiguous: Tally,
    /// Sockets of different processes used the port one after the other, and nothing tells which of them it
    /// was: their datagrams are in a row without a process.
    pub(super) successive: Tally,
}

/// The UDP sockets of a snapshot, as far as one alone can be meant.
#[derive(Default)]
struct Sockets {
    connected: HashMap<(u64, Endpoint, Endpoint), Candidate>,
    bound: HashMap<(u64, Endpoint), Candidate>,
}

/// One socket by its place among the rows; none if there are several.
type Candidate = Option<usize>;

impl Sockets {
    fn new(rows: &[Row]) -> Self {
        let mut sockets = Self::default();
        for (index, row) in rows.iter().enumerate() {
            let (Some(netns), true) = (row.netns, row.protocol == Protocol::Udp) else { continue };
            let local = (row.local_addr, row.local_port);
            let place = match row.remote {
                Some(remote) => sockets.connected.entry((netns, local, remote)).or_insert(Some(index)),
                None => sockets.bound.entry((netns, local)).or_insert(Some(index)),
            };
            // There was one already.
            *place = place.filter(|one| *one == index);
        }
        sockets
    }

    /// The socket that the kernel would choose; the outer none stands for no socket.
    fn find(&self, netns: u64, local: Endpoint, remote: Endpoint) -> Option<Candidate> {
        let (addr, port) = local;
        let any_v4: IpAddr = Ipv4Addr::UNSPECIFIED.into();
        let any_v6: IpAddr = Ipv6Addr::UNSPECIFIED.into();
        let wildcards = [any_v4, any_v6].into_iter().filter(|any| addr.is_ipv4() || any.is_ipv6());
        let bound =
            || std::iter::once(addr).chain(wildcards).find_map(|a| self.bound.get(&(netns, (a, port))));
        self.connected.get(&(netns, local, remote)).or_else(bound).copied()
    }
}

/// Gives each flow to its socket: fills in the counters of connected ones, and makes the rows of
/// the remotes of the others. `rows` is a snapshot; `is_watched` tells whose namespaces' packets
/// are seen at all, and `turns` who sent from a port.
pub(super) fn settle(
    flows: &mut Flows,
    stray: &mut Unattributed,
    rows: &mut [Row],
    (now_ns, interval_ns): (i64, i64),
    is_watched: impl Fn(u64) -> bool,
    turns: impl Fn(BoundPort) -> Vec<Turn>,
) -> Vec<Row> {
    let sockets = Sockets::new(rows);
    for row in rows.iter_mut() {
        if row.protocol == Protocol::Udp && row.remote.is_some() && row.netns.is_some_and(&is_watched) {
            row.counters = counters_of(None, flows.incomplete_since_ns(bound_port(row)));
        }
    }
    let mut made = Vec::new();
    for port in flows.ports() {
        for ((local, remote), flow) in flows.remove_where(port, |_, flow| is_over(flow, now_ns, interval_ns))
        {
            made.extend(last_rows(rows, &sockets, port, (local, remote), &flow, stray));
        }
        let incomplete_since_ns = flows.incomplete_since_ns(port);
        let Some(open) = flows.ports.get_mut(&port) else { continue };
        let mut open: Vec<_> = open.iter_mut().collect();
        open.sort_unstable_by_key(|(ends, _)| **ends);
        let mut of_earlier = Vec::new();
        let turns = LazyCell::new(|| turns(port));
        for (ends, flow) in open {
            let (local, remote) = *ends;
            let Some(candidate) = sockets.find(port.0, (local, port.1), remote) else { continue };
            flow.ambiguous = candidate.is_none();
            let Some(index) = candidate else { continue };
            let row = &rows[index];
            if flow.cookie != Some(row.conn_id) {
                of_earlier.extend(split_earlier(flow, row, rows, &turns).map(|earlier| (*ends, earlier)));
            }
            if flow.total().packets == 0 {
                continue;
            }
            flow.belongs_to(row.conn_id, now_ns);
            if row.remote.is_some() {
                rows[index].counters = counters_of(Some(flow), incomplete_since_ns);
                continue;
            }
            if !std::mem::replace(&mut flow.told, true) {
                made.push(of_remote(row, local, remote, flow, Kind::Opened));
            }
            made.push(of_remote(row, local, remote, flow, Kind::Snapshot));
        }
        for (ends, flow) in of_earlier {
            flows.put_back(port, ends, flow);
        }
    }
    flows.tidy();
    made
}

/// Leaves in the flow what belongs to the socket of this row, which the last snapshot did not have, and
/// returns what belongs to an earlier socket of the port.
fn split_earlier(flow: &mut Flow, row: &Row, rows: &[Row], turns: &[Turn]) -> Option<Flow> {
    let own = turns.iter().rfind(|turn| Some(turn.pid) == pid_of(row)).copied();
    // The earlier socket is of the same process, or of one of the turns, or its process is unknown.
    let is_of_own =
        || rows.iter().any(|earlier| Some(earlier.conn_id) == flow.cookie && pid_of(earlier) == pid_of(row));
    let is_only_own = turns.iter().all(|turn| Some(*turn) == own);
    let view = View { turns, own, has_unknown: flow.cookie.is_some() && is_only_own && !is_of_own() };
    if flow.cookie.is_none() {
        return flow.split_off(|piece| view.share(piece) != Share::Its);
    }
    let its = flow.split_off(|piece| view.share(piece) == Share::Its);
    Some(std::mem::replace(flow, its.unwrap_or_else(|| flow.emptied())))
}

/// The rows of a flow that is over, if it has any.
fn last_rows(
    rows: &[Row],
    sockets: &Sockets,
    port: BoundPort,
    (local, remote): (IpAddr, Endpoint),
    flow: &Flow,
    stray: &mut Unattributed,
) -> Vec<Row> {
    if let Some(left_by) = &flow.left_by {
        stray.successive.add(flow.total());
        return without_process(left_by, local, remote, flow);
    }
    let Some(cookie) = flow.cookie else {
        let tally = if flow.ambiguous { &mut stray.ambiguous } else { &mut stray.without_socket };
        tally.add(flow.total());
        return Vec::new();
    };
    let is_its = |row: &&Row| row.conn_id == cookie;
    let found = sockets.find(port.0, (local, port.1), remote).flatten().map(|index| &rows[index]);
    let socket = found.filter(is_its).or_else(|| rows.iter().find(is_its)).filter(|_| flow.told);
    socket.map(|socket| of_remote(socket, local, remote, flow, Kind::Closed)).into_iter().collect()
}

/// Whether nothing more is to be expected of a flow. That of a connected socket, which has
/// nothing told, ends with the socket.
fn is_over(flow: &Flow, now_ns: i64, interval_ns: i64) -> bool {
    let patience_ns = patience_ns(interval_ns);
    let patience_ns = if flow.told { IDLE_NS.max(patience_ns) } else { patience_ns };
    (flow.told || flow.is_past || flow.cookie.is_none()) && now_ns - flow.last_ns > patience_ns
}

/// How long a flow waits for the snapshot or the notice that knows its socket.
pub(super) fn patience_ns(interval_ns: i64) -> i64 {
    PATIENCE_NS.saturating_add(interval_ns.saturating_mul(PATIENCE_TICKS))
}

/// What a closing socket leaves behind.
pub(super) struct Last {
    /// Its own counters; none if it had no single remote.
    pub(super) counters: Option<Counters>,
    /// Rows of its remotes: their ends, and their beginnings where they were not told.
    pub(super) rows: Vec<Row>,
}

/// Closes the account of a socket, given the row of its end, the turns of its port in order, and other
/// sockets of that port.
pub(super) fn close(
    flows: &mut Flows,
    stray: &mut Unattributed,
    closed: &Ended,
    turns: &[Turn],
    rivals: &Rivals<'_>,
) -> Last {
    let Ended { row: closed, turn: own } = closed;
    let (local, port) = (closed.local_addr, bound_port(closed));
    let fits = |addr: IpAddr| local.is_unspecified() || addr == local;
    let ended = flows.remove_where(port, |(addr, remote), flow| match (closed.remote, flow.cookie) {
        (_, Some(cookie)) => cookie == closed.conn_id,
        (None, None) => !flow.ambiguous && fits(addr),
        (Some(one), None) if (addr, remote) == (local, one) => true,
        // It was connected to another remote before.
        (Some(_), None) => own.is_some() && addr == local && !rivals.may_have(closed, addr, remote),
    });
    let (mut rows, mut own_traffic) = (Vec::new(), None::<Flow>);
    for (ends, mut flow) in ended {
        let (addr, remote) = ends;
        // Whoever had the port when the socket was in a snapshot shares the socket.
        let is_of_another = |turn: &&Turn| Some(**turn) == *own || turn.first_ns as i64 > flow.settled_ns;
        let turns: Vec<Turn> = turns.iter().filter(is_of_another).copied().collect();
        let has_unknown = rivals.contest(closed, &turns, addr, remote);
        let view = View { turns: &turns, own: *own, has_unknown };
        if let Some(mut others) = flow.split_off(|piece| view.share(piece) == Share::Other) {
            others.left_by = Some(Box::new(closed.clone()));
            flows.put_back(port, ends, others);
        }
        if let Some(unclear) = flow.split_off(|piece| view.share(piece) == Share::Unclear) {
            stray.successive.add(unclear.total());
            rows.extend(without_process(closed, addr, remote, &unclear));
        }
        if closed.remote == Some(remote) {
            match &mut own_traffic {
                Some(own) => own.join(&flow),
                None => own_traffic = Some(flow),
            }
        } else if flow.total().packets > 0 {
            if !flow.told {
                rows.push(of_remote(closed, addr, remote, &flow, Kind::Opened));
            }
            rows.push(of_remote(closed, addr, remote, &flow, Kind::Closed));
        }
    }
    let counters = counters_of(own_traffic.as_ref(), flows.incomplete_since_ns(port));
    Last { counters: closed.remote.is_some().then_some(counters), rows }
}

/// The rows of datagrams that may be of several processes.
fn without_process(closed: &Row, addr: IpAddr, remote: Endpoint, flow: &Flow) -> Vec<Row> {
    let row = |kind| {
        let row = of_remote(closed, addr, remote, flow, kind);
        Row { owner: None, owner_source: None, ..row }
    };
    vec![row(Kind::Opened), row(Kind::Closed)]
}

/// Everything that is still nobody's at the end, as far as a row can be made of it.
pub(super) fn give_up(flows: &mut Flows, stray: &mut Unattributed) -> Vec<Row> {
    let mut rows = Vec::new();
    for port in flows.ports() {
        for ((addr, remote), flow) in flows.remove_where(port, |_, flow| flow.cookie.is_none()) {
            if let Some(left_by) = &flow.left_by {
                stray.successive.add(flow.total());
                rows.extend(without_process(left_by, addr, remote, &flow));
                continue;
            }
            let tally = if flow.ambiguous { &mut stray.ambiguous } else { &mut stray.without_socket };
            tally.add(flow.total());
        }
    }
    rows
}

/// The row of one remote of a socket, made from the socket's own.
fn of_remote(socket: &Row, local: IpAddr, remote: Endpoint, flow: &Flow, kind: Kind) -> Row {
    let at_ns = match kind {
        Kind::Opened => flow.first_ns,
        Kind::Closed => flow.last_ns,
        Kind::Snapshot | Kind::State | Kind::Query => socket.mono_ns,
    };
    Row {
        kind,
        conn_id: remote_id(socket.conn_id, local, remote, flow.first_ns),
        ts_us: socket.ts_us - (socket.mono_ns - at_ns) / 1000,
        mono_ns: at_ns,
        local_addr: local,
        remote: Some(remote),
        // As for TCP, an opening carries no counters.
        counters: if kind == Kind::Opened { Counters::default() } else { flow.counters() },
        cpu_percent: socket.cpu_percent.filter(|_| kind == Kind::Snapshot),
        memory_rss_bytes: socket.memory_rss_bytes.filter(|_| kind == Kind::Snapshot),
        ..socket.clone()
    }
}

/// The identity of one remote of a socket. With the beginning, because after a long silence it is
/// another talk.
fn remote_id(cookie: u64, local: IpAddr, remote: Endpoint, first_ns: i64) -> u64 {
    let address = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    let (mut bytes, (remote, port)) = (Vec::with_capacity(50), remote);
    bytes.extend(cookie.to_le_bytes());
    bytes.extend(address(local));
    bytes.extend(address(remote));
    bytes.extend(port.to_le_bytes());
    bytes.extend(first_ns.to_le_bytes());
    stable_id(&bytes) | REMOTE_BIT
}

/// The counters of a connected socket with this flow, or without a packet. None where packets of its port had no room
/// before the flow began: they may have been its own.
fn counters_of(flow: Option<&Flow>, incomplete_since_ns: Option<i64>) -> Counters {
    let is_complete = incomplete_since_ns.is_none_or(|since| flow.is_some_and(|flow| flow.first_ns <= since));
    match flow {
        _ if !is_complete => Counters::default(),
        Some(flow) => flow.counters(),
        None => Counters {
            bytes_sent: Some(0),
            bytes_received: Some(0),
            packets_sent: Some(0),
            packets_received: Some(0),
            ..Counters::default()
        },
    }
}

#[cfg(test)]
mod tests;
