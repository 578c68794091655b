//! Finds programs that spread from host to host.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ahash::{AHashMap, AHashSet};

use super::chains::Hop;
use super::clocks::Clocks;
use super::edges::Edge;
use super::load::Fleet;
use super::names::Name;

/// Maximum time between a transfer and the start of the program that it delivered, µs.
const ARRIVAL_US: i64 = 600_000_000;

/// Minimum number of hosts on which a spreading program must start.
const MIN_SPREAD_HOSTS: usize = 3;

/// A program on a host where it started during the fleet's recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) sha256: Name,
    pub(super) host: Name,
    pub(super) exe: Name,
    /// Start of its process, on the common clock.
    pub(super) start_us: i64,
    /// The edge that delivered it; `None` for the first host, or if the path was not recorded.
    pub(super) by: Option<usize>,
}

/// Programs that started on several hosts during the recording, and the connection that delivered
/// each: the largest transfer within ten minutes before, from a host where the same program had the
/// connection.
///
/// A client that continues from host to host inside its own sessions is a chain of logins, and is
/// reported there.
pub(super) fn spread(fleet: &Fleet, clocks: &Clocks, edges: &[Edge], hops: &[Hop]) -> Vec<Arrival> {
    let opened = fleet.conns.iter().filter(|conn| conn.is_opened);
    let Some(from_us) = opened.map(|conn| clocks.start(conn)).min() else { return Vec::new() };
    let transfers = transfers(fleet, edges, hops);
    let mut programs: BTreeMap<Name, Vec<Arrival>> = BTreeMap::new();
    for arrival in began(fleet, clocks).filter(|arrival| arrival.start_us >= from_us) {
        let came = transfers.get(&(arrival.sha256, arrival.host)).into_iter().flatten().copied();
        let by = came.filter(|edge| {
            let at = clocks.start(&fleet.conns[edges[*edge].source]);
            (arrival.start_us.saturating_sub(ARRIVAL_US)..=arrival.start_us).contains(&at)
        });
        let by = by.max_by_key(|edge| {
            let conn = &fleet.conns[edges[*edge].source];
            (conn.sent, clocks.start(conn), Reverse(*edge))
        });
        programs.entry(arrival.sha256).or_default().push(Arrival { by, ..arrival });
    }
    let spreads = |arrivals: &Vec<Arrival>| {
        let known = arrivals.iter().filter(|arrival| arrival.by.is_some()).count();
        arrivals.len() >= MIN_SPREAD_HOSTS && known * 2 >= arrivals.len()
    };
    programs.into_values().filter(spreads).flatten().collect()
}

/// The first start of each executable on each host.
fn began(fleet: &Fleet, clocks: &Clocks) -> impl Iterator<Item = Arrival> {
    let mut began: BTreeMap<(Name, Name), Arrival> = BTreeMap::new();
    for conn in fleet.conns.iter().filter(|conn| conn.sha256 != 0) {
        let Some(start_us) = conn.process_start_us else { continue };
        let start_us = start_us.saturating_sub(clocks.ahead(conn.host));
        let arrival = Arrival { sha256: conn.sha256, host: conn.host, exe: conn.exe, start_us, by: None };
        let known = began.entry((conn.sha256, conn.host)).or_insert(arrival);
        known.start_us = known.start_us.min(start_us);
        if known.exe == 0 || conn.exe != 0 && conn.exe < known.exe {
            known.exe = conn.exe;
        }
    }
    began.into_values()
}

/// The edges of each executable to each host, except logins from which it continued.
fn transfers(fleet: &Fleet, edges: &[Edge], hops: &[Hop]) -> AHashMap<(Name, Name), Vec<usize>> {
    let sha256_of = |edge: usize| fleet.conns[edges[edge].source].sha256;
    let logins = hops.iter().filter(|hop| sha256_of(hop.outer) == sha256_of(hop.inner));
    let logins: AHashSet<usize> = logins.map(|hop| hop.outer).collect();
    let mut transfers: AHashMap<(Name, Name), Vec<usize>> = AHashMap::new();
    for (at, edge) in edges.iter().enumerate().filter(|(at, _)| !logins.contains(at)) {
        let sha256 = sha256_of(at);
        if sha256 != 0 {
            transfers.entry((sha256, fleet.conns[edge.target].host)).or_default().push(at);
        }
    }
    transfers
}
