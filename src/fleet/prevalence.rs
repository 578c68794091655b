//! Counts how many hosts have something, and which had it first.

use std::collections::{BTreeMap, BTreeSet};

use ahash::{AHashMap, AHashSet};

use super::clocks::Clocks;
use super::load::Fleet;
use super::names::Name;

/// A destination: name or address, port and protocol.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) place: Name,
    pub(super) port: i32,
    pub(super) protocol: Name,
    pub(super) sums: Sums,
}

/// An executable, by hash.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) sha256: Name,
    /// The first of its paths in sort order.
    pub(super) exe: Name,
    pub(super) paths: usize,
    pub(super) sums: Sums,
}

/// A listener: protocol, port and program.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) protocol: Name,
    pub(super) port: i32,
    pub(super) process: Name,
    pub(super) sums: Sums,
}

/// The counts of each.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) hosts: AHashSet<Name>,
    pub(super) connections: u64,
    pub(super) sent: i64,
    /// First time on the common clock, µs, and the host.
    pub(super) first: Option<(i64, Name)>,
    pub(super) last_us: i64,
}

impl Sums {
    fn add(&mut self, host: Name, span_us: (i64, i64), sent: i64) {
        self.hosts.insert(host);
        self.connections += 1;
        self.sent = self.sent.saturating_add(sent);
        let here = (span_us.0, host);
        self.first = Some(self.first.map_or(here, |first| first.min(here)));
        self.last_us = if self.connections == 1 { span_us.1 } else { self.last_us.max(span_us.1) };
    }
}

/// The destinations that hosts connect to, by name or address, port and protocol.
pub(super) fn destinations(fleet: &Fleet, clocks: &Clocks) -> Vec<Destination> {
    let outbound = fleet.names.find("outbound");
    let mut all: AHashMap<(Name, i32, Name), Sums> = AHashMap::new();
    for conn in fleet.conns.iter().filter(|conn| conn.direction == outbound) {
        let span_us = (clocks.start(conn), clocks.end(conn));
        let sums = all.entry((conn.place(), conn.remote.1, conn.protocol)).or_default();
        sums.add(conn.host, span_us, conn.sent.unwrap_or(0));
    }
    let mut list: Vec<Destination> = all
        .into_iter()
        .map(|((place, port, protocol), sums)| Destination { place, port, protocol, sums })
        .collect();
    list.sort_unstable_by_key(|destination| (destination.place, destination.port, destination.protocol));
    list
}

/// The executables on hosts, by hash.
pub(super) fn executables(fleet: &Fleet, clocks: &Clocks) -> Vec<Program> {
    let mut all: BTreeMap<Name, (BTreeSet<Name>, Sums)> = BTreeMap::new();
    for seen in &fleet.executables {
        let (paths, sums) = all.entry(seen.sha256).or_default();
        if seen.exe != 0 {
            paths.insert(seen.exe);
        }
        let first_us = seen.first_us.saturating_sub(clocks.ahead(seen.host));
        sums.add(seen.host, (first_us, first_us), 0);
    }
    let program = |(sha256, (paths, sums)): (Name, (BTreeSet<Name>, Sums))| Program {
        sha256,
        exe: paths.first().copied().unwrap_or(0),
        paths: paths.len(),
        sums,
    };
    all.into_iter().map(program).collect()
}

/// The listeners on hosts.
pub(super) fn listeners(fleet: &Fleet, clocks: &Clocks) -> Vec<Service> {
    let nameless = fleet.names.find("");
    let mut all: BTreeMap<(Name, i32, Name), Sums> = BTreeMap::new();
    for seen in &fleet.listeners {
        // A process without a name is treated like an unknown one.
        let process = if seen.process == nameless { 0 } else { seen.process };
        let first_us = seen.first_us.saturating_sub(clocks.ahead(seen.host));
        all.entry((seen.protocol, seen.port, process)).or_default().add(seen.host, (first_us, first_us), 0);
    }
    let service = |((protocol, port, process), sums)| Service { protocol, port, process, sums };
    all.into_iter().map(service).collect()
}
