//! Matches the two ends of connections between recorded hosts.
//!
//! An edge is reported only if both ends were recorded and choose each other; everything else is in
//! the result with the reason. The conditions are those in `sql/candidates.sql` and
//! `sql/edges.sql`.

use ahash::{AHashMap, AHashSet};

use super::clocks::Clocks;
use super::conn::Conn;
use super::load::Fleet;
use super::names::Name;

/// Maximum difference of the two ends' start times after clock alignment, µs.
const START_TOLERANCE_US: u64 = 2_000_000;

/// Maximum distance of the two ends' lifetimes if a start is known only to the tick, µs.
const LIFE_TOLERANCE_US: i64 = 60_000_000;

/// How the two ends were matched, the most certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The same five-tuple at both ends.
    Exact,
    /// Same source, but the destination was rewritten: a load balancer.
    Dnat,
    /// Same destination, but the source was rewritten: only bytes and times match.
    Snat,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Dnat => "dnat",
            Self::Snat => "snat",
        }
    }
}

/// A connection of which both ends were recorded: indices into [`Fleet::conns`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) kind: Kind,
    pub(super) source: usize,
    pub(super) target: usize,
    /// Difference of the start times after alignment, µs.
    pub(super) gap_us: i64,
}

/// Why a connection inside the network has no edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unmatched {
    /// The same host recorded the other end, in one of its containers.
    SameHost,
    /// No single recorded host has the remote address.
    PeerNotRecorded,
    /// The host that has it did not record such a connection.
    NotSeenByPeer,
    /// Several connections match.
    Ambiguous,
}

impl Unmatched {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::SameHost => "same-host",
            Self::PeerNotRecorded => "peer-not-recorded",
            Self::NotSeenByPeer => "not-seen-by-peer",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// Protocol, destination, and the bytes that its host received and sent.
type Bytes = (Name, (Name, i32), i64, i64);

/// The edges, sorted by source, and why other connections were not matched.
pub(super) struct Matched {
    pub(super) edges: Vec<Edge>,
    pub(super) unmatched: Vec<(usize, Unmatched)>,
}

/// Five-tuple as seen by the destination's host.
type Tuple = (Name, (Name, i32), (Name, i32));

pub(super) fn find(fleet: &Fleet, clocks: &Clocks) -> Matched {
    let finder = Finder::new(fleet, clocks);
    let mut candidates = Vec::new();
    for source in 0..fleet.conns.len() {
        if fleet.conns[source].direction == finder.outbound {
            finder.collect(source, &mut candidates);
        }
    }
    let edges = mutual(&candidates);
    let unmatched = finder.unmatched(&edges, &candidates);
    Matched { edges, unmatched }
}

struct Finder<'a> {
    fleet: &'a Fleet,
    clocks: &'a Clocks,
    outbound: Name,
    /// Accepted connections, by protocol, source and destination as seen by the accepting host.
    by_tuple: AHashMap<Tuple, Vec<usize>>,
    /// By protocol and source alone.
    by_source: AHashMap<(Name, (Name, i32)), Vec<usize>>,
    /// By protocol, destination and bytes (sent by the source, sent by the destination), sorted by
    /// start, because a monitor's thousand checks may have the same bytes.
    by_bytes: AHashMap<Bytes, Vec<usize>>,
}

impl<'a> Finder<'a> {
    fn new(fleet: &'a Fleet, clocks: &'a Clocks) -> Self {
        let (inbound, outbound) = (fleet.names.find("inbound"), fleet.names.find("outbound"));
        let mut finder = Self {
            fleet,
            clocks,
            outbound,
            by_tuple: AHashMap::new(),
            by_source: AHashMap::new(),
            by_bytes: AHashMap::new(),
        };
        let accepted = fleet.conns.iter().enumerate().filter(|(_, conn)| conn.direction == inbound);
        for (at, conn) in accepted.filter(|(_, conn)| fleet.owns(conn)) {
            if fleet.peer(conn).is_some() {
                finder.by_tuple.entry((conn.protocol, conn.remote, conn.local)).or_default().push(at);
            }
            if conn.is_exact && conn.is_closed {
                finder.by_source.entry((conn.protocol, conn.remote)).or_default().push(at);
                if let (Some(sent), Some(received), None) = (conn.sent, conn.received, fleet.peer(conn)) {
                    let key = (conn.protocol, conn.local, received, sent);
                    finder.by_bytes.entry(key).or_default().push(at);
                }
            }
        }
        for list in finder.by_bytes.values_mut() {
            list.sort_unstable_by_key(|at| (clocks.start(&fleet.conns[*at]), *at));
        }
        finder
    }

    /// The entries of a list, sorted by start, that began at the same time as a connection, within
    /// clock tolerance.
    fn at_the_same_time<'l>(&self, list: &'l [usize], conn: &Conn) -> &'l [usize] {
        let start = |at: usize| self.clocks.start(&self.fleet.conns[at]);
        let (tolerance, mine) = (START_TOLERANCE_US as i64, self.clocks.start(conn));
        let from = list.partition_point(|at| start(*at) < mine.saturating_sub(tolerance));
        let to = list.partition_point(|at| start(*at) <= mine.saturating_add(tolerance));
        &list[from..to]
    }

    /// Adds the candidates for the other end of a connection.
    fn collect(&self, source: usize, into: &mut Vec<Edge>) {
        let conn = &self.fleet.conns[source];
        let peer = self.fleet.peer(conn);
        let mut push = |kind, targets: &[usize], fits: &dyn Fn(&Conn) -> bool| {
            for target in targets.iter().copied() {
                let other = &self.fleet.conns[target];
                if other.host != conn.host && fits(other) {
                    let gap_us = apart_us(self.clocks.start(other), self.clocks.start(conn));
                    into.push(Edge { kind, source, target, gap_us });
                }
            }
        };
        let is_whole = conn.is_exact && conn.is_closed;
        if self.fleet.owns(conn) && peer.is_some() {
            let tuple = (conn.protocol, conn.local, conn.remote);
            push(Kind::Exact, listed(self.by_tuple.get(&tuple)), &|other| self.is_same_life(conn, other));
        }
        if self.fleet.owns(conn) && peer.is_none() && is_whole {
            push(Kind::Dnat, listed(self.by_source.get(&(conn.protocol, conn.local))), &|other| {
                conn.remote.0 != other.local.0
                    && have_same_bytes(conn, other)
                    && self.start_together(conn, other)
            });
        }
        if let (Some(sent), Some(received)) = (conn.sent, conn.received)
            && peer.is_some()
            && is_whole
            && sent.saturating_add(received) > 0
        {
            let key = (conn.protocol, conn.remote, sent, received);
            let near = self.at_the_same_time(listed(self.by_bytes.get(&key)), conn);
            push(Kind::Snat, near, &|other| {
                conn.local.0 != other.remote.0
                    && self.start_together(conn, other)
                    && self.end_together(conn, other)
            });
        }
    }

    fn start_together(&self, a: &Conn, b: &Conn) -> bool {
        self.clocks.start(a).abs_diff(self.clocks.start(b)) <= START_TOLERANCE_US
    }

    fn end_together(&self, a: &Conn, b: &Conn) -> bool {
        self.clocks.end(a).abs_diff(self.clocks.end(b)) <= START_TOLERANCE_US
    }

    /// Whether both are the same connection rather than another one with the same ports.
    fn is_same_life(&self, a: &Conn, b: &Conn) -> bool {
        if !super::clocks::are_near(a, b) {
            return false;
        }
        if a.is_exact && b.is_exact {
            return self.start_together(a, b);
        }
        let ends_before =
            |a: &Conn, b: &Conn| self.clocks.end(a).saturating_add(LIFE_TOLERANCE_US) < self.clocks.start(b);
        !ends_before(a, b) && !ends_before(b, a)
    }

    /// Connections inside the network without an edge.
    fn unmatched(&self, edges: &[Edge], candidates: &[Edge]) -> Vec<(usize, Unmatched)> {
        let matched: AHashSet<usize> = edges.iter().map(|edge| edge.source).collect();
        let had_some: AHashSet<usize> = candidates.iter().map(|edge| edge.source).collect();
        let scopes = ["private", "shared-nat"].map(|scope| self.fleet.names.find(scope));
        let stays = |conn: &Conn| scopes.contains(&conn.scope);
        let tuple = |conn: &Conn| (conn.host, conn.protocol, conn.local, conn.remote);
        let ends: AHashSet<_> = self.fleet.conns.iter().map(tuple).collect();
        let has_both = |conn: &Conn| ends.contains(&(conn.host, conn.protocol, conn.remote, conn.local));
        let conns = self.fleet.conns.iter().enumerate();
        conns
            .filter(|(at, conn)| conn.direction == self.outbound && !matched.contains(at))
            .filter(|(_, conn)| stays(conn) || self.fleet.peer(conn).is_some())
            .map(|(at, conn)| {
                let reason = match self.fleet.peer(conn) {
                    _ if had_some.contains(&at) => Unmatched::Ambiguous,
                    _ if has_both(conn) => Unmatched::SameHost,
                    None => Unmatched::PeerNotRecorded,
                    Some(_) => Unmatched::NotSeenByPeer,
                };
                (at, reason)
            })
            .collect()
    }
}

/// The pairs whose ends choose each other; a match by bytes alone must be the only choice of both.
fn mutual(candidates: &[Edge]) -> Vec<Edge> {
    let mut of_source: AHashMap<usize, Choice> = AHashMap::new();
    let mut of_target: AHashMap<usize, Choice> = AHashMap::new();
    for edge in candidates {
        of_source.entry(edge.source).or_default().add(edge, edge.target);
        of_target.entry(edge.target).or_default().add(edge, edge.source);
    }
    let is_chosen = |edge: &&Edge| {
        let (source, target) = (&of_source[&edge.source], &of_target[&edge.target]);
        let is_mutual = source.best == Some((edge.kind, edge.gap_us, edge.target))
            && target.best == Some((edge.kind, edge.gap_us, edge.source));
        is_mutual && (edge.kind != Kind::Snat || source.by_bytes == 1 && target.by_bytes == 1)
    };
    candidates.iter().filter(is_chosen).copied().collect()
}

/// An end's preference: the most certain kind, then the nearest start, then the first in the table.
#[derive(Default)]
struct Choice {
    best: Option<(Kind, i64, usize)>,
    by_bytes: u32,
}

impl Choice {
    fn add(&mut self, edge: &Edge, other: usize) {
        let choice = (edge.kind, edge.gap_us, other);
        self.best = Some(self.best.map_or(choice, |best| best.min(choice)));
        self.by_bytes += u32::from(edge.kind == Kind::Snat);
    }
}

fn listed(list: Option<&Vec<usize>>) -> &[usize] {
    list.map_or(&[], Vec::as_slice)
}

fn apart_us(a: i64, b: i64) -> i64 {
    i64::try_from(a.abs_diff(b)).unwrap_or(i64::MAX)
}

fn have_same_bytes(a: &Conn, b: &Conn) -> bool {
    a.sent.is_some() && a.received.is_some() && a.sent == b.received && a.received == b.sent
}

/// Whether both ends counted the same bytes; `None` if the end of one was not seen.
pub(super) fn bytes_agree(fleet: &Fleet, edge: &Edge) -> Option<bool> {
    let (a, b) = (&fleet.conns[edge.source], &fleet.conns[edge.target]);
    let is_counted = a.is_closed && b.is_closed && a.sent.is_some() && b.sent.is_some();
    is_counted.then(|| have_same_bytes(a, b))
}
