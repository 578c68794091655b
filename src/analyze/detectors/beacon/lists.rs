//! Several servers on one timer: an implant goes through the addresses that it carries.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::pairs::{Known, Series};
use super::verdict::DELIBERATE_JITTER;
use crate::analyze::appraisal::Factor;
use crate::analyze::scene::Scene;
use crate::analyze::services::is_usual_port;
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::sockets::{Socket, Sockets, Source};

/// Share of the connections with one address from which on its own rhythm is what there is.
const MOST_OF_ONE: f64 = 0.8;

/// Addresses of a list. More of them on one clock are a scan, a crawl or a check of many hosts, which have
/// detectors of their own.
const ADDRESSES: std::ops::RangeInclusive<usize> = 2..=64;

/// Share of the connections of a pair that are of a list of which the pair is a station.
const STATION: f64 = 0.9;

/// What it weighs that one timer goes through several addresses, and what if some of them are dead.
const ONE_TIMER: f64 = 0.5;
const SOME_DEAD: f64 = 1.0;

/// What it weighs that each address answers, to the clock: a check of several servers.
const CHECKED: f64 = -1.0;

/// Addresses that a finding lists.
const LISTED: usize = 8;

/// Whether a connection without a name may go to an address of a list: outside, over TCP, and where names are known as
/// a rule or the port is of no service.
pub(super) fn may_hold(socket: &Socket<'_>, scene: &Scene<'_>) -> bool {
    socket.protocol == Protocol::Tcp
        && socket.remote_port.is_some_and(|port| {
            scene.surroundings.has_names() || !is_usual_port(socket.protocol, port)
        })
        && scene.surroundings.leaves_network(socket)
        // One connection that tells no name, because it failed say, is not by address.
        && socket.remote().is_some_and(|(addr, _)| !scene.surroundings.is_named(addr))
}

/// Whether connections go to several addresses, and to none of them nearly always.
pub(super) fn is_one(rows: &[usize], sockets: &Sockets<'_>) -> bool {
    let mut counts = BTreeMap::new();
    for addr in rows.iter().filter_map(|row| sockets.remote_addr_id(*row)) {
        *counts.entry(addr).or_insert(0_usize) += 1;
        if counts.len() > *ADDRESSES.end() {
            return false;
        }
    }
    let most = counts.values().max().copied().unwrap_or_default();
    // Each is contacted again: what is tried once each is a search and not a list.
    ADDRESSES.contains(&counts.len())
        && (most as f64) < MOST_OF_ONE * rows.len() as f64
        && rows.len() >= 2 * counts.len()
}

/// Each address, and whether it ever answered.
pub(super) fn addresses<'a>(rows: &[usize], sockets: &Sockets<'a>) -> BTreeMap<&'a str, bool> {
    let mut addresses = BTreeMap::new();
    for socket in sockets.walk(rows.iter().copied()) {
        if let Some((addr, _)) = socket.remote() {
            *addresses.entry(addr).or_default() |= socket.was_established();
        }
    }
    addresses
}

/// Of the candidates that were found, those that another tells of: the list of which one pair has half of the connections,
/// the list of all ports of which one port has nearly all, and else the pairs and ports that are stations of a list.
pub(super) fn told_otherwise(found: &BTreeSet<usize>, candidates: &[Box<Candidate<'_>>]) -> BTreeSet<usize> {
    let series = |at: usize| &candidates[at].series;
    let (lists, pairs): (Vec<usize>, Vec<usize>) = found.iter().partition(|at| series(**at).pair.is_list);
    let is_of_one =
        |list: &Series<'_>| pairs.iter().any(|pair| 2 * shared(series(*pair), list) >= list.rows.len());
    let is_of_one_port = |list: &Series<'_>| {
        let mut of_port = lists.iter().map(|at| series(*at)).filter(|other| other.pair.port != 0);
        list.pair.port == 0 && of_port.any(|other| is_station(list, other))
    };
    let (told, kept): (Vec<usize>, Vec<usize>) =
        lists.iter().partition(|at| is_of_one(series(**at)) || is_of_one_port(series(**at)));
    let is_told = |at: &usize| {
        let of_list = |list: &usize| list != at && is_station(series(*at), series(*list));
        kept.iter().filter(|list| !series(*at).pair.is_list || series(**list).pair.port == 0).any(of_list)
    };
    let stations = pairs.iter().chain(&kept).copied().filter(is_told);
    told.iter().copied().chain(stations).collect()
}

/// Whether nearly all connections of a series are of another one of the same source.
fn is_station(series: &Series<'_>, list: &Series<'_>) -> bool {
    series.pair.source == list.pair.source
        && shared(series, list) as f64 >= STATION * series.rows.len() as f64
}

/// Number of connections that two series have in common.
fn shared(one: &Series<'_>, other: &Series<'_>) -> usize {
    one.rows.iter().filter(|row| other.rows.binary_search(row).is_ok()).count()
}

/// How many series of a source are like each other.
pub(super) struct Crowds<'a> {
    /// Addresses without a name to which a source sends at intervals, each in a connection that stays.
    kept_open: BTreeMap<Source<'a>, usize>,
    /// Addresses without a name that a source contacts on exact clocks, and that always answer.
    checked: BTreeMap<Source<'a>, usize>,
}

impl<'a> Crowds<'a> {
    pub(super) fn of(
        found: &BTreeSet<usize>,
        candidates: &[Box<Candidate<'a>>],
        sockets: &Sockets<'a>,
    ) -> Self {
        let count = |is_like: &dyn Fn(&Candidate<'a>) -> bool| {
            let mut addresses: BTreeMap<Source<'a>, BTreeSet<&str>> = BTreeMap::new();
            for candidate in found.iter().map(|at| &candidates[*at]).filter(|candidate| is_like(candidate)) {
                if let Some(source) = candidate.series.pair.source {
                    addresses.entry(source).or_default().insert(candidate.series.pair.addr);
                }
            }
            addresses.into_iter().map(|(source, addresses)| (source, addresses.len())).collect()
        };
        Self {
            kept_open: count(&Candidate::is_nameless_inside),
            checked: count(&|candidate| is_check(candidate, sockets)),
        }
    }

    /// Addresses to which the source of a candidate keeps connections open, if the candidate is about one of them.
    pub(super) fn kept_open(&self, candidate: &Candidate<'a>) -> usize {
        let crowd = candidate.series.pair.source.and_then(|source| self.kept_open.get(&source));
        crowd.copied().filter(|_| candidate.is_nameless_inside()).unwrap_or_default()
    }

    /// Addresses that the source of a candidate checks, if the candidate is about one of them.
    pub(super) fn checked(&self, candidate: &Candidate<'a>, sockets: &Sockets<'a>) -> usize {
        let crowd = candidate.series.pair.source.and_then(|source| self.checked.get(&source));
        crowd.copied().filter(|_| is_check(candidate, sockets)).unwrap_or_default()
    }
}

/// Whether a candidate contacts an address without a name on an exact clock, and is answered each time.
fn is_check(candidate: &Candidate<'_>, sockets: &Sockets<'_>) -> bool {
    let series = &candidate.series;
    series.known != Known::Inside
        && !series.pair.is_inbound
        && !series.pair.is_list
        && candidate.name.is_none()
        && candidate.jitter_s < DELIBERATE_JITTER.start * candidate.period_s
        && series.rows.iter().all(|row| sockets.get(*row).was_established())
}

/// What a list says.
pub(super) fn factor(candidate: &Candidate<'_>) -> Option<Factor> {
    let all = candidate.addresses.len();
    let dead = candidate.addresses.values().filter(|has_answered| !**has_answered).count();
    candidate.series.pair.is_list.then(|| {
        if dead > 0 {
            let says = format!(
                "one timer goes through {all} addresses without a name, of which {dead} never answered"
            );
            Factor::new("rhythm-list", SOME_DEAD, says)
        } else if candidate.jitter_s < DELIBERATE_JITTER.start * candidate.period_s {
            let says = format!(
                "one exact timer goes through {all} addresses, each of which answers, as a check of servers does"
            );
            Factor::new("rhythm-list", CHECKED, says)
        } else {
            let says = format!("one timer goes through {all} addresses without a name");
            Factor::new("rhythm-list", ONE_TIMER, says)
        }
    })
}

/// The addresses, in words.
pub(super) fn listed(candidate: &Candidate<'_>) -> String {
    let all: Vec<&str> = candidate.addresses.keys().copied().collect();
    words::first_of(&all, LISTED)
}
