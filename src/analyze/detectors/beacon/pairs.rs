//! Who connects where: the start times of every pair that could be periodic.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::sockets::{Openers, Sockets, Source};

/// From this many connections on, a pair is not periodic but constant (RITA: a strobe).
const STROBE: usize = 86_400;

/// A destination as one source, or several together, contact it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair<'a> {
    pub(super) protocol: &'a str,
    pub(super) addr: &'a str,
    pub(super) port: u16,
    /// None for all sources of one local address together.
    pub(super) source: Option<Source<'a>>,
    pub(super) local_addr: Option<&'a str>,
}

impl<'a> Pair<'a> {
    /// Whom it contacts: protocol, address, port.
    pub(super) fn destination(&self) -> (&'a str, &'a str, u16) {
        (self.protocol, self.addr, self.port)
    }
}

/// The connections that a pair opened during the window, in the order of time.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) pair: Pair<'a>,
    pub(super) starts_us: Vec<i64>,
    /// Rows in the table of sockets.
    pub(super) rows: Vec<usize>,
}

impl Series<'_> {
    /// Start times in whole seconds.
    pub(super) fn starts_s(&self) -> Vec<i64> {
        self.starts_us.iter().map(|start| start.div_euclid(1_000_000)).collect()
    }

    /// Whether there are enough distinct times to have a rhythm, and few enough to have pauses.
    fn is_testable(&self, min_starts: usize) -> bool {
        let mut seconds = self.starts_s();
        seconds.dedup();
        seconds.len() >= min_starts && self.starts_us.len() < STROBE
    }
}

/// Every series that could be periodic, ordered by pair.
///
/// A destination that several sources contact is looked at once more with all of them
/// together: a beacon that runs under a new name each time, or whose short-lived process was
/// not always caught, has its rhythm only there.
pub(super) fn collect<'a>(
    sockets: &Sockets<'a>,
    (first_us, last_us): (i64, i64),
    min_starts: usize,
) -> Vec<Series<'a>> {
    let openers = Openers::of(sockets);
    let mut groups: BTreeMap<Pair<'a>, Vec<usize>> = BTreeMap::new();
    let mut sources: BTreeMap<Pair<'a>, BTreeSet<Source<'a>>> = BTreeMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        let is_within = (first_us..=last_us).contains(&socket.first_seen_us);
        if !is_within || !socket.opened_in_recording || !openers.opened(&socket) {
            continue;
        }
        let Some((addr, port)) = socket.remote else { continue };
        let source = Source::of(&socket);
        let own = Pair { protocol: socket.protocol, addr, port, source: Some(source), local_addr: None };
        let shared = Pair { source: None, local_addr: Some(socket.local_addr), ..own };
        groups.entry(own).or_default().push(row);
        groups.entry(shared).or_default().push(row);
        sources.entry(shared).or_default().insert(source);
    }
    groups
        .into_iter()
        .filter(|(pair, _)| pair.source.is_some() || sources.get(pair).is_some_and(|all| all.len() > 1))
        .map(|(pair, rows)| {
            let starts_us = rows.iter().map(|row| sockets.get(*row).first_seen_us).collect();
            Series { pair, starts_us, rows }
        })
        .filter(|series| series.is_testable(min_starts))
        .collect()
}
