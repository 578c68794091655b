//! Summarizes connections by pair of hosts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::super::names::Name;
use super::super::reduce::Reduced;
use super::super::report::Link;
use super::labels::Labels;

/// Every pair of hosts with port: those of a spread or a chain first, then those with the fewest
/// connections.
pub(super) fn links(reduced: &Reduced, labels: &Labels<'_>) -> Vec<Link> {
    let spread: BTreeSet<usize> = reduced.spread.iter().filter_map(|arrival| arrival.by).collect();
    let chain: BTreeSet<usize> = reduced.chains.iter().flatten().copied().collect();
    let mut groups: BTreeMap<(Name, Name, i32), Group> = BTreeMap::new();
    for (at, edge) in reduced.matched.edges.iter().enumerate() {
        let (source, target) = (reduced.conn(edge.source), reduced.conn(edge.target));
        let group = groups.entry((source.host, target.host, target.local.1)).or_insert_with(|| Group {
            first: at,
            connections: 0,
            bytes: 0,
            part_of: None,
        });
        group.connections += 1;
        let bytes = source.sent.unwrap_or(0).saturating_add(source.received.unwrap_or(0));
        group.bytes = group.bytes.saturating_add(u64::try_from(bytes).unwrap_or(0));
        if spread.contains(&at) {
            group.part_of = Some("spread");
        } else if chain.contains(&at) && group.part_of.is_none() {
            group.part_of = Some("chain");
        }
    }
    let mut ranked: Vec<_> = groups.into_iter().collect();
    ranked.sort_by_key(|(key, group)| (Reverse(group.part_of), group.connections, *key));
    let link = |((from, to, port), group): ((Name, Name, i32), Group)| {
        let edge = &reduced.matched.edges[group.first];
        let process = |conn: usize| reduced.fleet.names.text(reduced.conn(conn).process).map(str::to_owned);
        Link {
            from: labels.host(from),
            to: labels.host(to),
            port,
            part_of: group.part_of,
            connections: group.connections,
            bytes: group.bytes,
            source_process: process(edge.source),
            target_process: process(edge.target),
        }
    };
    ranked.into_iter().map(link).collect()
}

struct Group {
    /// Its first edge.
    first: usize,
    connections: u64,
    bytes: u64,
    part_of: Option<&'static str>,
}
