//! The ranking of hosts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::super::hosts::{Capture, Found};
use super::super::names::Name;
use super::super::reduce::Reduced;
use super::super::report::Host;
use super::labels::Labels;
use crate::model::finding::Severity;
use crate::{escape, humanize};

/// Every host, worst first: by the severity of its headline, then by its findings, then by name.
pub(super) fn hosts(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Host> {
    let mut connections: BTreeMap<&str, u64> = BTreeMap::new();
    for conn in &reduced.fleet.conns {
        *connections.entry(labels.text(conn.host)).or_insert(0) += 1;
    }
    let involved = involved(reduced);
    let mut groups: BTreeMap<&str, Vec<&Capture>> = BTreeMap::new();
    for capture in &reduced.fleet.hosts.captures {
        if let Some(key) = capture.key() {
            groups.entry(key).or_default().push(capture);
        }
    }
    let nothing = Found::default();
    let mut ranked: Vec<_> = groups
        .into_iter()
        .map(|(key, captures)| {
            let found = reduced.fleet.hosts.found(key).unwrap_or(&nothing);
            let name = reduced.fleet.names.find(key);
            let host = host(key, &captures, found, labels, reduced.clocks.ahead(name));
            let host = Host {
                connections: connections.get(key).copied().unwrap_or(0),
                involved_in: involved.get(&name).into_iter().flatten().copied().collect(),
                ..host
            };
            let mut worst: Vec<u64> = found.counts.to_vec();
            worst.reverse();
            let severity = found.headline().map(|headline| headline.severity);
            (Reverse((severity, worst)), host)
        })
        .collect();
    ranked.sort_by(|(a, one), (b, other)| {
        a.cmp(b).then_with(|| (&one.host, &one.host_id).cmp(&(&other.host, &other.host_id)))
    });
    ranked.into_iter().map(|(_, host)| host).collect()
}

fn host(key: &str, captures: &[&Capture], found: &Found, labels: &Labels<'_>, ahead_us: i64) -> Host {
    let headline = found.headline();
    let first_us = headline.map(|headline| headline.first_us.saturating_sub(ahead_us));
    let first = captures.first();
    let named = first.and_then(|capture| capture.name.clone()).or(first.map(|capture| capture.path.clone()));
    let host_id = first.and_then(|capture| capture.host_id.clone());
    let info = || {
        let path = first.map_or("", |capture| &capture.path);
        format!("netrec info {}", escape::shell_path(path.as_ref()))
    };
    let counts = Severity::ALL.into_iter().zip(found.counts).filter(|(_, count)| *count > 0);
    Host {
        host: host_id
            .as_deref()
            .map_or_else(|| named.unwrap_or_else(|| key.to_owned()), |id| labels.of_id(id)),
        host_id,
        severity: headline.map(|headline| headline.severity.into()),
        headline: headline.map(|headline| headline.title.clone()),
        first_seen_us: first_us,
        first_seen: first_us.and_then(humanize::iso_utc),
        findings: counts.map(|(severity, count)| (severity.as_str(), count)).collect(),
        involved_in: Vec::new(),
        connections: 0,
        captures: captures.len() as u64,
        degraded: captures.iter().any(|capture| capture.status == "degraded"),
        command: headline.map_or_else(info, |headline| headline.command.clone()),
    }
}

/// What each host takes part in. Beacons are left out: an update service's beacon is on every host.
fn involved(reduced: &Reduced) -> BTreeMap<Name, BTreeSet<&'static str>> {
    let mut involved: BTreeMap<Name, BTreeSet<&'static str>> = BTreeMap::new();
    let mut note = |host: Name, what| {
        involved.entry(host).or_default().insert(what);
    };
    for arrival in &reduced.spread {
        note(arrival.host, "spread");
    }
    for edge in reduced.chains.iter().flatten().map(|edge| &reduced.matched.edges[*edge]) {
        note(reduced.conn(edge.source).host, "chain");
        note(reduced.conn(edge.target).host, "chain");
    }
    for host in reduced.scans.iter().flat_map(|scan| &scan.hosts) {
        note(*host, "scan");
    }
    involved
}
