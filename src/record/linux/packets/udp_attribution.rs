//! Whose flows they are: UDP sockets as the snapshots and the notices of their end tell them.
//!
//! A connected socket has one remote, and its row gets the counters. A socket without one gets a
//! row for each remote beside its own, under an id made of its cookie and the remote, so that who
//! was talked to is not lost in a sum; its own row then has no counters, or they would be there
//! twice. What fits no socket, or several, is nobody's: it is counted, and said.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::flows::{BoundPort, Endpoint, Flow, Flows, Tally};
use crate::capture::{Counters, Kind, Protocol, Row, stable_id};

/// How long a flow waits for the snapshot or the notice that knows its socket, in ns.
const PATIENCE_NS: i64 = 3_000_000_000;

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
    /// Sockets of different processes used the port one after the other, too soon for a snapshot between
    /// them: their datagrams are one row, which has no process.
    pub(super) successive: Tally,
}

/// Sockets that had a port at about the same time as one that is closing: those that closed with it, and
/// those of the snapshot.
#[derive(Default)]
pub(super) struct Rivals<'a>(HashMap<BoundPort, Vec<&'a Row>>);

impl<'a> Rivals<'a> {
    pub(super) fn new(closed: &'a [Row], snapshot: &'a [Row]) -> Self {
        let mut by_door: HashMap<BoundPort, Vec<&Row>> = HashMap::new();
        let door = |row: &Row| (row.netns.unwrap_or(0), row.local_port);
        for row in closed.iter().filter(|row| row.remote.is_none()) {
            by_door.entry(door(row)).or_default().push(row);
        }
        let has_any = !by_door.is_empty();
        for row in snapshot.iter().filter(|row| has_any && row.protocol == Protocol::Udp) {
            if let Some(rows) = by_door.get_mut(&door(row)) {
                rows.push(row);
            }
        }
        Self(by_door)
    }

    /// Whether a flow between these ends may as well be of another process's socket.
    fn contest(&self, closed: &Row, addr: IpAddr, remote: Endpoint) -> bool {
        let door = (closed.netns.unwrap_or(0), closed.local_port);
        let others = self.0.get(&door).into_iter().flatten().filter(|row| row.conn_id != closed.conn_id);
        let fits = |row: &&Row| {
            let is_here = row.local_addr.is_unspecified() || row.local_addr == addr;
            is_here && row.remote.is_none_or(|other| other == remote)
        };
        let mut others = others.copied().filter(fits);
        let who = |row: &Row| row.owner.as_ref().map(|owner| (owner.pid, owner.exe.clone()));
        others.any(|row| who(row) != who(closed))
    }
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
/// are seen at all.
pub(super) fn settle(
    flows: &mut Flows,
    stray: &mut Unattributed,
    rows: &mut [Row],
    now_ns: i64,
    is_watched: impl Fn(u64) -> bool,
) -> Vec<Row> {
    let sockets = Sockets::new(rows);
    for row in rows.iter_mut() {
        if row.protocol == Protocol::Udp && row.remote.is_some() && row.netns.is_some_and(&is_watched) {
            row.counters = nothing_yet();
        }
    }
    let mut made = Vec::new();
    let mut doors: Vec<BoundPort> = flows.doors.keys().copied().collect();
    doors.sort_unstable();
    for door in doors {
        let over = flows.remove_where(door, |local, flow| is_over(local, flow, now_ns));
        for (local, remote, flow) in over {
            match sockets.find(door.0, (local, door.1), remote) {
                Some(Some(index)) if flow.told => {
                    made.push(of_remote(&rows[index], local, remote, &flow, Kind::Closed));
                }
                _ if flow.cookie.is_some() => {}
                _ if flow.ambiguous => stray.ambiguous.add(flow.total()),
                _ => stray.without_socket.add(flow.total()),
            }
        }
        let Some(open) = flows.doors.get_mut(&door) else { continue };
        let mut open: Vec<_> = open.iter_mut().collect();
        open.sort_unstable_by_key(|(key, _)| **key);
        for ((local, remote), flow) in open {
            let Some(candidate) = sockets.find(door.0, (*local, door.1), *remote) else { continue };
            flow.ambiguous = candidate.is_none();
            let Some(index) = candidate else { continue };
            flow.cookie = Some(rows[index].conn_id);
            if rows[index].remote.is_some() {
                rows[index].counters = flow.counters();
                continue;
            }
            let row = &rows[index];
            if !std::mem::replace(&mut flow.told, true) {
                made.push(of_remote(row, *local, *remote, flow, Kind::Opened));
            }
            made.push(of_remote(row, *local, *remote, flow, Kind::Snapshot));
        }
    }
    flows.tidy();
    made
}

/// Whether nothing more is to be expected of a flow. That of a connected socket, which has
/// nothing told, ends with the socket.
fn is_over(_local: IpAddr, flow: &Flow, now_ns: i64) -> bool {
    let patience_ns = if flow.told { IDLE_NS } else { PATIENCE_NS };
    (flow.told || flow.cookie.is_none()) && now_ns - flow.last_ns > patience_ns
}

/// What a closing socket leaves behind.
pub(super) struct Last {
    /// Its own counters; none if it had no single remote.
    pub(super) counters: Option<Counters>,
    /// Rows of its remotes: their ends, and their beginnings where they were not told.
    pub(super) rows: Vec<Row>,
}

/// Closes the account of a socket, given the row of its end.
pub(super) fn close(flows: &mut Flows, stray: &mut Unattributed, closed: &Row, rivals: &Rivals<'_>) -> Last {
    let netns = closed.netns.unwrap_or(0);
    let local = (closed.local_addr, closed.local_port);
    if let Some(remote) = closed.remote {
        let flow = flows.remove(netns, local, remote);
        let counters = flow.map_or_else(nothing_yet, |flow| flow.counters());
        return Last { counters: Some(counters), rows: Vec::new() };
    }
    let fits = |addr: IpAddr| local.0.is_unspecified() || addr == local.0;
    let ended = flows.remove_where((netns, local.1), |addr, flow| match flow.cookie {
        Some(cookie) => cookie == closed.conn_id,
        None => !flow.ambiguous && fits(addr),
    });
    let mut rows = Vec::new();
    for (addr, remote, flow) in ended {
        let is_contested = flow.cookie.is_none() && rivals.contest(closed, addr, remote);
        if is_contested {
            stray.successive.add(flow.total());
        }
        let mut tell = |kind| {
            let row = of_remote(closed, addr, remote, &flow, kind);
            rows.push(if is_contested { Row { owner: None, owner_source: None, ..row } } else { row });
        };
        if !flow.told {
            tell(Kind::Opened);
        }
        tell(Kind::Closed);
    }
    Last { counters: None, rows }
}

/// Everything that is still nobody's at the end.
pub(super) fn give_up(flows: &Flows, stray: &mut Unattributed) {
    for flow in flows.doors.values().flat_map(HashMap::values).filter(|flow| flow.cookie.is_none()) {
        let tally = if flow.ambiguous { &mut stray.ambiguous } else { &mut stray.without_socket };
        tally.add(flow.total());
    }
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

/// Of a socket whose packets are all seen, and that had none.
fn nothing_yet() -> Counters {
    Counters {
        bytes_sent: Some(0),
        bytes_received: Some(0),
        packets_sent: Some(0),
        packets_received: Some(0),
        ..Counters::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::flows::tests::{at, datagram};
    use super::super::ring::Way;
    use super::*;

    const HERE: u8 = 1;

    /// A UDP socket as a snapshot has it.
    fn socket(cookie: u64, local: Endpoint, remote: Option<Endpoint>) -> Row {
        let row = Row::snapshot(cookie, Protocol::Udp, local);
        Row { remote, netns: Some(1), mono_ns: 1000, ts_us: 50, ..row }
    }

    fn wildcard(cookie: u64, port: u16) -> Row {
        socket(cookie, (IpAddr::from([0, 0, 0, 0]), port), None)
    }

    #[derive(Default)]
    struct Scene {
        flows: Flows,
        stray: Unattributed,
    }

    impl Scene {
        /// 100 bytes out, from port 4000 of this host.
        fn send(&mut self, remote: Endpoint) -> &mut Self {
            self.flows.add(&datagram(at(HERE, 4000), remote, Way::Out));
            self
        }

        fn close(&mut self, closed: &Row) -> Last {
            close(&mut self.flows, &mut self.stray, closed, &Rivals::default())
        }

        fn settle(&mut self, rows: &mut [Row], now_ns: i64) -> Vec<Row> {
            settle(&mut self.flows, &mut self.stray, rows, now_ns, |netns| netns == 1)
        }
    }

    fn sent(rows: &[Row]) -> Vec<(Kind, Option<Endpoint>, Option<u64>)> {
        rows.iter().map(|row| (row.kind, row.remote, row.counters.bytes_sent)).collect()
    }

    #[test]
    fn a_connected_socket_has_its_counters_in_its_row_until_its_end() {
        let mut scene = Scene::default();
        let socket = socket(7, at(HERE, 4000), Some(at(2, 53)));
        let mut rows = [socket.clone(), wildcard(8, 4000)];
        assert!(scene.send(at(2, 53)).send(at(2, 53)).settle(&mut rows, 10).is_empty());
        assert_eq!(rows.each_ref().map(|row| row.counters.bytes_sent), [Some(200), None]);
        let last = scene.send(at(2, 53)).close(&socket);
        assert_eq!(last.counters.unwrap().bytes_sent, Some(300));
    }

    #[test]
    fn a_connected_socket_without_a_packet_has_none_and_an_unwatched_one_no_number() {
        let (mut watched, mut other) = (socket(7, at(HERE, 1), Some(at(2, 53))), wildcard(8, 1));
        other = Row { netns: Some(9), remote: watched.remote, ..other };
        watched.netns = Some(1);
        let mut rows = [watched, other];
        Scene::default().settle(&mut rows, 10);
        assert_eq!(rows.each_ref().map(|row| row.counters.bytes_sent), [Some(0), None]);
    }

    #[test]
    fn each_remote_of_an_unconnected_socket_has_rows_of_its_own() {
        let mut scene = Scene::default();
        let mut rows = [wildcard(7, 4000)];
        let made = scene.send(at(2, 53)).send(at(3, 53)).send(at(3, 53)).settle(&mut rows, 10);
        let (two, three) = (Some(at(2, 53)), Some(at(3, 53)));
        assert_eq!(
            sent(&made),
            [
                (Kind::Opened, two, None),
                (Kind::Snapshot, two, Some(100)),
                (Kind::Opened, three, None),
                (Kind::Snapshot, three, Some(200)),
            ]
        );
        assert_eq!(rows[0].counters.bytes_sent, None, "or it would be there twice");
        assert_eq!(made[0].conn_id, made[1].conn_id);
        assert!(made[1].conn_id != made[3].conn_id && made[1].conn_id >= REMOTE_BIT);
        assert_eq!((made[0].mono_ns, made[1].mono_ns), (5, 1000));
        assert_eq!(made[1].local_addr, at(HERE, 0).0);

        let again = scene.settle(&mut rows, 20);
        assert_eq!(
            sent(&again),
            [(Kind::Snapshot, two, Some(100)), (Kind::Snapshot, three, Some(200))],
            "opened once"
        );
        let last = scene.close(&rows[0]);
        assert_eq!(sent(&last.rows), [(Kind::Closed, two, Some(100)), (Kind::Closed, three, Some(200))]);
        assert_eq!(last.counters, None);
    }

    #[test]
    fn a_talk_that_fell_silent_is_closed_and_a_new_one_begins() {
        let mut scene = Scene::default();
        let mut rows = [wildcard(7, 4000)];
        let first = scene.send(at(2, 53)).settle(&mut rows, 10);
        let over = scene.settle(&mut rows, IDLE_NS * 2);
        assert_eq!(sent(&over), [(Kind::Closed, Some(at(2, 53)), Some(100))]);
        assert_eq!(over[0].conn_id, first[0].conn_id);
        assert!(scene.settle(&mut rows, IDLE_NS * 2 + 1).is_empty());
    }

    #[test]
    fn a_socket_that_no_snapshot_saw_is_known_by_its_end() {
        let mut scene = Scene::default();
        assert!(scene.send(at(2, 53)).settle(&mut [], 10).is_empty());
        let last = scene.close(&Row { kind: Kind::Closed, ..wildcard(7, 4000) });
        let two = Some(at(2, 53));
        assert_eq!(sent(&last.rows), [(Kind::Opened, two, None), (Kind::Closed, two, Some(100))]);
        let last = scene.send(at(2, 53)).close(&socket(9, at(HERE, 4000), two));
        assert_eq!(last.counters.unwrap().packets_sent, Some(1));
    }

    #[test]
    fn what_could_be_several_sockets_is_given_to_none_and_counted() {
        let mut scene = Scene::default();
        let mut rows = [wildcard(7, 4000), wildcard(8, 4000)];
        assert!(scene.send(at(2, 53)).settle(&mut rows, 10).is_empty());
        assert!(scene.close(&rows[0]).rows.is_empty());
        scene.settle(&mut rows, PATIENCE_NS * 2);
        assert_eq!(scene.stray.ambiguous, Tally { packets: 1, bytes: 100 });
    }

    #[test]
    fn what_processes_sent_from_a_port_one_after_the_other_has_no_process() {
        let owner =
            |pid| Some(std::sync::Arc::new(crate::capture::Owner { pid: Some(pid), ..Default::default() }));
        let closed = |cookie, pid| Row { kind: Kind::Closed, owner: owner(pid), ..wildcard(cookie, 4000) };
        let owners = |first: Row, second: Row| {
            let mut scene = Scene::default();
            scene.send(at(2, 53)).send(at(2, 53));
            let (closed, snapshot) = (vec![first], vec![second]);
            let rivals = Rivals::new(&closed, &snapshot);
            let last = close(&mut scene.flows, &mut scene.stray, &closed[0], &rivals);
            assert_eq!(last.rows[1].counters.bytes_sent, Some(200));
            let pids: Vec<_> =
                last.rows.iter().map(|row| row.owner.as_ref().and_then(|owner| owner.pid)).collect();
            (pids, scene.stray.successive.packets)
        };
        assert_eq!(owners(closed(7, 10), closed(8, 11)), (vec![None, None], 2));
        assert_eq!(owners(closed(7, 10), closed(8, 10)), (vec![Some(10), Some(10)], 0), "of one process");
        let elsewhere = Row { remote: Some(at(3, 53)), ..closed(8, 11) };
        assert_eq!(owners(closed(7, 10), elsewhere).1, 0, "it talks to another remote");
        let other_port = Row { local_port: 4001, ..closed(8, 11) };
        assert_eq!(owners(closed(7, 10), other_port).1, 0);
    }

    #[test]
    fn what_belongs_to_no_socket_is_counted_after_a_while() {
        let mut scene = Scene::default();
        scene.send(at(2, 53)).settle(&mut [], 10);
        assert_eq!(scene.stray, Unattributed::default());
        scene.settle(&mut [], PATIENCE_NS * 2);
        assert_eq!(scene.stray.without_socket, Tally { packets: 1, bytes: 100 });
        assert!(scene.flows.doors.is_empty());
        scene.send(at(2, 53));
        give_up(&scene.flows, &mut scene.stray);
        assert_eq!(scene.stray.without_socket.packets, 2);
    }

    #[test]
    fn a_socket_of_both_families_gets_what_no_other_would() {
        let mut scene = Scene::default();
        let both = socket(7, (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 4000), None);
        let made = scene.send(at(2, 53)).settle(&mut [both.clone()], 10);
        assert_eq!(made.len(), 2);
        let mut scene = Scene::default();
        let made = scene.send(at(2, 53)).settle(&mut [both, wildcard(8, 4000)], 10);
        assert_eq!(scene.flows.doors[&(1, 4000)].values().next().unwrap().cookie, Some(8));
        assert_eq!(made.len(), 2);
    }
}
