//! Turns the results into the report: host names instead of ids, worst first, lists cut.

mod hosts;
mod labels;
mod links;
mod lists;

use std::collections::BTreeMap;

use self::labels::Labels;
use super::edges::bytes_agree;
use super::reduce::Reduced;
use super::report::{Captures, Coverage, Failed, Report, SCHEMA, Totals};
use crate::humanize;

/// Maximum number of entries in a list.
const MOST: usize = 100;

/// Maximum number of hosts in the list of all.
const MOST_HOSTS: usize = 1000;

/// Maximum number of host pairs with port.
const MOST_LINKS: usize = 500;

/// Maximum number of hosts named in an entry.
const MOST_NAMED: usize = 100;

pub(super) fn report(reduced: &Reduced) -> Report {
    let labels = Labels::new(reduced);
    let (mut hosts, mut links) = (hosts::hosts(reduced, &labels), links::links(reduced, &labels));
    let (mut spreads, chains) = (lists::spreads(reduced, &labels), lists::chains(reduced, &labels));
    let (mut beacons, mut scans) = (lists::beacons(reduced, &labels), lists::scans(reduced, &labels));
    let (mut executables, mut listeners) =
        (lists::rare_executables(reduced, &labels), lists::rare_listeners(reduced, &labels));
    let mut clocks = lists::clocks(reduced, &labels);
    let totals = Totals {
        spreads: spreads.len() as u64,
        chains: reduced.chains.len() as u64,
        beacons: beacons.len() as u64,
        scans: scans.len() as u64,
        rare_executables: executables.len() as u64,
        rare_listeners: listeners.len() as u64,
        clocks: clocks.len() as u64,
        links: links.len() as u64,
    };
    let hosts_total = hosts.len() as u64;
    hosts.truncate(MOST_HOSTS);
    links.truncate(MOST_LINKS);
    spreads.truncate(MOST);
    beacons.truncate(MOST);
    scans.truncate(MOST);
    executables.truncate(MOST);
    listeners.truncate(MOST);
    clocks.truncate(MOST);
    Report {
        schema: SCHEMA,
        tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")),
        captures: captures(reduced),
        hosts_total,
        hosts,
        coverage: coverage(reduced),
        totals,
        spreads,
        chains,
        beacons,
        scans,
        rare_executables: executables,
        rare_listeners: listeners,
        clocks,
        links,
    }
}

fn captures(reduced: &Reduced) -> Captures {
    let mut all = Captures::default();
    let mut span: Option<(i64, i64)> = None;
    for capture in &reduced.fleet.hosts.captures {
        match capture.status.as_str() {
            "error" => {
                all.failed_total += 1;
                let error = capture.error.clone().unwrap_or_else(|| humanize::UNKNOWN.to_owned());
                if all.failed.len() < MOST {
                    all.failed.push(Failed { capture: capture.path.clone(), error });
                }
                continue;
            }
            "copy" => {
                all.copies += 1;
                continue;
            }
            status => {
                all.analyzed += 1;
                all.degraded += u64::from(status == "degraded");
            }
        }
        all.bytes = all.bytes.saturating_add(capture.bytes);
        if let Some((start, end)) = capture.span_us {
            span = Some(span.map_or((start, end), |known| (known.0.min(start), known.1.max(end))));
        }
    }
    all.start = span.and_then(|(start, _)| humanize::iso_utc(start));
    all.end = span.and_then(|(_, end)| humanize::iso_utc(end));
    all
}

fn coverage(reduced: &Reduced) -> Coverage {
    let (mut edges, mut unmatched) = (BTreeMap::new(), BTreeMap::new());
    let (mut agree, mut differ) = (0, 0);
    for edge in &reduced.matched.edges {
        *edges.entry(edge.kind.as_str()).or_insert(0) += 1;
        match bytes_agree(&reduced.fleet, edge) {
            Some(true) => agree += 1,
            Some(false) => differ += 1,
            None => {}
        }
    }
    for (_, reason) in &reduced.matched.unmatched {
        *unmatched.entry(reason.as_str()).or_insert(0) += 1;
    }
    Coverage {
        connections: reduced.fleet.conns.len() as u64,
        edges,
        bytes_agree: agree,
        bytes_differ: differ,
        unmatched,
        clocks_aligned: reduced.clocks.hosts.len() as u64,
        foreign_sockets: reduced.fleet.foreign,
        sockets_without_host: reduced.fleet.without_host,
    }
}
