//! The findings across hosts, as lists.

use std::cmp::Reverse;

use super::super::names::Name;
use super::super::prevalence::Sums;
use super::super::reduce::Reduced;
use super::super::report::{Arrival, Beacon, Chain, Clock, Rare, Scan, Spread};
use super::super::spread;
use super::labels::Labels;
use super::{MOST, MOST_NAMED};
use crate::humanize;

/// Minimum clock offset that is reported, µs.
const CLOCK_OFF_US: u64 = 1_000_000;

/// Programs that spread from host to host, widest first.
pub(super) fn spreads(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Spread> {
    let programs = reduced.spread.chunk_by(|a, b| a.sha256 == b.sha256);
    let mut spreads: Vec<Spread> = programs
        .map(|arrivals| {
            let mut arrivals = arrivals.to_vec();
            arrivals.sort_by_key(|arrival| (arrival.start_us, arrival.host));
            Spread {
                sha256: labels.text(arrivals[0].sha256).to_owned(),
                exe: reduced.fleet.names.text(arrivals[0].exe).map(str::to_owned),
                hosts_total: arrivals.len() as u64,
                hosts: arrivals.iter().take(MOST_NAMED).map(|one| arrival(reduced, labels, one)).collect(),
            }
        })
        .collect();
    spreads.sort_by_key(|spread| Reverse(spread.hosts_total));
    spreads
}

fn arrival(reduced: &Reduced, labels: &Labels<'_>, arrival: &spread::Arrival) -> Arrival {
    let by = arrival.by.map(|edge| &reduced.matched.edges[edge]);
    Arrival {
        host: labels.host(arrival.host),
        start_us: arrival.start_us,
        start: humanize::iso_utc(arrival.start_us),
        from: by.map(|edge| labels.host(reduced.conn(edge.source).host)),
        port: by.map(|edge| reduced.conn(edge.target).local.1),
        command: labels.command(arrival.host, arrival.start_us),
    }
}

/// Chains of logins, longest first.
pub(super) fn chains(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Chain> {
    let mut chains: Vec<&Vec<usize>> = reduced.chains.iter().collect();
    chains.sort_by_key(|chain| (Reverse(chain.len()), (*chain).clone()));
    let chain = |way: &Vec<usize>| {
        let edges = || way.iter().map(|edge| &reduced.matched.edges[*edge]);
        let first = reduced.conn(edges().next()?.source);
        let start_us = reduced.clocks.start(first);
        let others = edges().map(|edge| labels.host(reduced.conn(edge.target).host));
        Some(Chain {
            hosts: std::iter::once(labels.host(first.host)).chain(others).collect(),
            start_us,
            end_us: reduced.clocks.end(first),
            start: humanize::iso_utc(start_us),
            user: reduced.fleet.names.text(first.user).map(str::to_owned),
            command: labels.command(first.host, start_us),
        })
    };
    chains.into_iter().take(MOST).filter_map(chain).collect()
}

/// Beacons, those on the fewest hosts first.
pub(super) fn beacons(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Beacon> {
    let beacon = |beacon: &super::super::beacons::Beacon| Beacon {
        place: labels.text(beacon.place).to_owned(),
        port: beacon.port,
        period_s: beacon.period_us as f64 / 1e6,
        hosts_total: beacon.hosts.len() as u64,
        hosts: labels.hosts(&beacon.hosts),
        programs: beacon.programs as u64,
    };
    let mut list: Vec<Beacon> = reduced.beacons.iter().map(beacon).collect();
    list.sort_by(|a, b| (a.hosts_total, &a.place, a.port).cmp(&(b.hosts_total, &b.place, b.port)));
    list
}

/// Scans, those with the most hosts first.
pub(super) fn scans(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Scan> {
    let scan = |scan: &super::super::scans::Scan| Scan {
        target: labels.text(scan.target).to_owned(),
        target_host: reduced.fleet.owner(scan.target).map(|host| labels.host(host)),
        hosts_total: scan.hosts.len() as u64,
        hosts: labels.hosts(&scan.hosts),
        ports: scan.ports as u64,
        tries: scan.tries,
        start_us: scan.span_us.0,
        end_us: scan.span_us.1,
        start: humanize::iso_utc(scan.span_us.0),
    };
    let mut list: Vec<Scan> = reduced.scans.iter().map(scan).collect();
    list.sort_by_key(|scan| Reverse(scan.hosts_total));
    list
}

/// Executables of a single host, newest first.
pub(super) fn rare_executables(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Rare> {
    let all = reduced.executables.iter().map(|program| {
        let path = reduced.fleet.names.text(program.exe).unwrap_or("unknown path").to_owned();
        (path, Some(program.sha256), &program.sums)
    });
    rare(labels, all)
}

/// Services that only a single host offers, newest first.
pub(super) fn rare_listeners(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Rare> {
    let all = reduced.listeners.iter().map(|service| {
        let process = reduced.fleet.names.text(service.process).unwrap_or("unknown process");
        let what = format!("{process} on {} {}", labels.text(service.protocol), service.port);
        (what, None, &service.sums)
    });
    rare(labels, all)
}

fn rare<'a>(labels: &Labels<'_>, all: impl Iterator<Item = (String, Option<Name>, &'a Sums)>) -> Vec<Rare> {
    let mut alone: Vec<_> = all
        .filter(|(.., sums)| sums.hosts.len() == 1)
        .filter_map(|(what, sha256, sums)| Some((sums.first?, what, sha256)))
        .collect();
    alone.sort_by(|(a, what, sha256), (b, other, another)| {
        b.0.cmp(&a.0).then_with(|| (a.1, what, sha256).cmp(&(b.1, other, another)))
    });
    let rare = |((first_us, host), what, sha256): ((i64, Name), String, Option<Name>)| Rare {
        what,
        sha256: sha256.map(|sha256| labels.text(sha256).to_owned()),
        host: labels.host(host),
        first_seen: humanize::iso_utc(first_us),
        command: labels.command(host, first_us),
    };
    alone.into_iter().map(rare).collect()
}

/// Clock offsets, largest first.
pub(super) fn clocks(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Clock> {
    let is_off = |(_, ahead_us, _): &&(Name, i64, usize)| ahead_us.unsigned_abs() > CLOCK_OFF_US;
    let mut list: Vec<_> = reduced.clocks.hosts.iter().filter(is_off).collect();
    list.sort_by_key(|(host, ahead_us, _)| (Reverse(ahead_us.unsigned_abs()), *host));
    let clock = |(host, ahead_us, partners): &(Name, i64, usize)| Clock {
        host: labels.host(*host),
        ahead_s: *ahead_us as f64 / 1e6,
        partners: *partners as u64,
    };
    list.into_iter().map(clock).collect()
}
