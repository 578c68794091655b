//! Chains of logins: sessions that were opened inside other sessions.

use std::collections::{BTreeMap, BTreeSet};

use ahash::AHashMap;

use super::clocks::Clocks;
use super::edges::Edge;
use super::load::Fleet;
use super::names::Name;

/// Ports of remote login services: SSH, Telnet, SMB, RDP, `WinRM`.
const LOGIN_PORTS: [i32; 6] = [22, 23, 445, 3389, 5985, 5986];

/// Minimum duration of a session, µs.
const MIN_SESSION_US: i64 = 30_000_000;

/// Maximum number of hosts in a chain.
const MOST_HOSTS: usize = 12;

/// Maximum number of chains; every hop is in the results.
pub(super) const MOST_CHAINS: usize = 1000;

/// A session from one host to the next, and the one that began within it, as indices of edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    pub(super) outer: usize,
    pub(super) inner: usize,
}

/// Sessions from a host that were opened during a session on that host.
pub(super) fn hops(fleet: &Fleet, clocks: &Clocks, edges: &[Edge]) -> Vec<Hop> {
    let span = |edge: &Edge| {
        let conn = &fleet.conns[edge.source];
        (clocks.start(conn), clocks.end(conn))
    };
    let is_session = |edge: &&Edge| {
        let (from, to) = span(edge);
        LOGIN_PORTS.contains(&fleet.conns[edge.target].local.1) && to.saturating_sub(from) >= MIN_SESSION_US
    };
    let mut from: AHashMap<Name, Vec<usize>> = AHashMap::new();
    for (at, edge) in edges.iter().enumerate().filter(|(_, edge)| is_session(edge)) {
        from.entry(fleet.conns[edge.source].host).or_default().push(at);
    }
    let mut hops = Vec::new();
    for (outer, edge) in edges.iter().enumerate().filter(|(_, edge)| is_session(edge)) {
        let (start, end) = span(edge);
        for inner in from.get(&fleet.conns[edge.target].host).into_iter().flatten() {
            let (begins, _) = span(&edges[*inner]);
            let returns = fleet.conns[edges[*inner].target].host == fleet.conns[edge.source].host;
            if (start..=end).contains(&begins) && !returns {
                hops.push(Hop { outer, inner: *inner });
            }
        }
    }
    hops
}

/// The longest chains of hops: each edge within the previous one, no host twice.
pub(super) fn chains(fleet: &Fleet, edges: &[Edge], hops: &[Hop]) -> Vec<Vec<usize>> {
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for hop in hops {
        next.entry(hop.outer).or_default().push(hop.inner);
    }
    let inner: BTreeSet<usize> = hops.iter().map(|hop| hop.inner).collect();
    let mut chains = Vec::new();
    for start in next.keys().copied().filter(|outer| !inner.contains(outer)) {
        extend(fleet, edges, &next, vec![start], &mut chains);
    }
    chains
}

fn extend(
    fleet: &Fleet,
    edges: &[Edge],
    next: &BTreeMap<usize, Vec<usize>>,
    way: Vec<usize>,
    chains: &mut Vec<Vec<usize>>,
) {
    if chains.len() >= MOST_CHAINS {
        return;
    }
    let visited = |host: Name| way.iter().any(|edge| fleet.conns[edges[*edge].source].host == host);
    let last = way.last().copied().unwrap_or_default();
    let goes_on = next.get(&last).into_iter().flatten();
    let goes_on: Vec<usize> =
        goes_on.copied().filter(|edge| !visited(fleet.conns[edges[*edge].target].host)).collect();
    if goes_on.is_empty() || way.len() + 1 >= MOST_HOSTS {
        if way.len() > 1 {
            chains.push(way);
        }
        return;
    }
    for edge in goes_on {
        let mut longer = way.clone();
        longer.push(edge);
        extend(fleet, edges, next, longer, chains);
    }
}
