//! Finds scans that are distributed over several hosts.

use std::collections::BTreeMap;

use ahash::AHashSet;

use super::clocks::Clocks;
use super::conn::Conn;
use super::load::Fleet;
use super::names::{Name, sorted};

/// Minimum number of hosts that take part in a scan.
const MIN_HOSTS: usize = 5;

/// Minimum number of ports that they try together.
const MIN_PORTS: usize = 15;

/// An address on which many hosts try a few ports each.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) target: Name,
    pub(super) hosts: Vec<Name>,
    pub(super) ports: usize,
    pub(super) tries: u64,
    pub(super) span_us: (i64, i64),
}

pub(super) fn scans(fleet: &Fleet, clocks: &Clocks) -> Vec<Scan> {
    let (outbound, tcp) = (fleet.names.find("outbound"), fleet.names.find("tcp"));
    let failed = |conn: &&Conn| conn.direction == outbound && conn.protocol == tcp && !conn.is_established;
    let mut targets: BTreeMap<Name, Tried> = BTreeMap::new();
    for conn in fleet.conns.iter().filter(failed) {
        let at = clocks.start(conn);
        let tried = targets.entry(conn.remote.0).or_insert_with(|| Tried::new(conn, at));
        tried.hosts.insert(conn.host);
        tried.ports.insert(conn.remote.1);
        tried.tries += 1;
        tried.span_us = (tried.span_us.0.min(at), tried.span_us.1.max(at));
    }
    let is_scan = |tried: &Tried| tried.hosts.len() >= MIN_HOSTS && tried.ports.len() >= MIN_PORTS;
    let scan = |Tried { target, hosts, ports, tries, span_us }: Tried| Scan {
        target,
        hosts: sorted(&hosts),
        ports: ports.len(),
        tries,
        span_us,
    };
    targets.into_values().filter(is_scan).map(scan).collect()
}

/// Failed attempts on one address.
struct Tried {
    target: Name,
    hosts: AHashSet<Name>,
    ports: AHashSet<i32>,
    tries: u64,
    span_us: (i64, i64),
}

impl Tried {
    fn new(conn: &Conn, at: i64) -> Self {
        Self {
            target: conn.remote.0,
            hosts: AHashSet::new(),
            ports: AHashSet::new(),
            tries: 0,
            span_us: (at, at),
        }
    }
}
