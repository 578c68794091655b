//! Connections and bytes under the names that they share.

use std::cmp::Reverse;
use std::hash::Hash;

use ahash::AHashMap;

use super::Share;
use super::sockets::Sockets;
use crate::Result;
use crate::model::frame::DataFrame;
use crate::model::tables::EndpointColumns;

/// How many names are told apart; the rest is `other`.
pub(super) const FIRST: usize = 10;

/// By what names are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Connections,
    Bytes,
}

/// Sums the rows by a name; rows without one are `unknown`, and stay apart from a process
/// that calls itself so.
pub(super) fn shares<N: Hash + Eq + Copy + ToString>(
    sockets: &Sockets<'_>,
    rows: impl Iterator<Item = usize>,
    name: impl Fn(usize) -> Option<N>,
    by: By,
) -> Vec<Share> {
    let mut places: AHashMap<Option<N>, usize> = AHashMap::new();
    let mut sums: Vec<Share> = Vec::new();
    let mut last: Option<(Option<N>, usize)> = None;
    for row in rows {
        let name = name(row);
        // Neighbors often share a name; comparing is quicker than hashing.
        let place = match last {
            Some((last, place)) if last == name => place,
            _ => *places.entry(name).or_insert_with(|| {
                sums.push(Share::default());
                sums.len() - 1
            }),
        };
        last = Some((name, place));
        let sum = &mut sums[place];
        sum.connections += 1;
        sum.bytes_sent = sum.bytes_sent.saturating_add(sockets.recorded_sent(row).unwrap_or(0));
        sum.bytes_received = sum.bytes_received.saturating_add(sockets.recorded_received(row).unwrap_or(0));
    }
    let named = places.into_iter().map(|(name, place)| (name, std::mem::take(&mut sums[place])));
    sort(named.collect(), by)
}

/// The remote addresses of the table of endpoints, which has their sums already.
pub(super) fn endpoint_shares(endpoints: &DataFrame, by: By) -> Result<Vec<Share>> {
    let endpoints = EndpointColumns::of(endpoints)?;
    let named = (0..endpoints.len()).map(|row| {
        let endpoint = endpoints.get(row);
        let share = Share {
            name: String::new(),
            connections: endpoint.connections.into(),
            bytes_sent: endpoint.bytes_sent,
            bytes_received: endpoint.bytes_received,
        };
        (Some(endpoint.remote_addr), share)
    });
    Ok(sort(named.collect(), by))
}

/// Names them, largest first; equal ones by name.
fn sort<N: ToString>(named: Vec<(Option<N>, Share)>, by: By) -> Vec<Share> {
    let mut ranked: Vec<(bool, Share)> = named
        .into_iter()
        .map(|(name, share)| {
            let text = name.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
            (name.is_none(), Share { name: text, ..share })
        })
        .collect();
    ranked.sort_by(|(a_unknown, a), (b_unknown, b)| {
        (Reverse(rank(a, by)), &a.name, a_unknown).cmp(&(Reverse(rank(b, by)), &b.name, b_unknown))
    });
    ranked.into_iter().map(|(_, share)| share).collect()
}

/// Keeps the first names, and sums the others as `other`.
pub(super) fn first(mut shares: Vec<Share>) -> Vec<Share> {
    if shares.len() <= FIRST {
        return shares;
    }
    let mut other = Share { name: "other".to_owned(), ..Share::default() };
    for share in shares.drain(FIRST..) {
        other.connections += share.connections;
        other.bytes_sent = other.bytes_sent.saturating_add(share.bytes_sent);
        other.bytes_received = other.bytes_received.saturating_add(share.bytes_received);
    }
    shares.push(other);
    // A capture may have a hundred thousand names, and the metrics stay until the report is written.
    shares.shrink_to_fit();
    shares
}

fn rank(share: &Share, by: By) -> u64 {
    match by {
        By::Connections => share.connections,
        By::Bytes => share.bytes_sent.saturating_add(share.bytes_received),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(name: &str, connections: u64) -> Share {
        Share { name: name.to_owned(), connections, bytes_sent: connections * 2, bytes_received: 1 }
    }

    #[test]
    fn the_rest_is_summed_and_nothing_is_lost() {
        let all: Vec<Share> = (0..15).map(|n| share(&n.to_string(), 100 - n)).collect();
        let total: u64 = all.iter().map(|s| s.connections).sum();
        let kept = first(all);
        assert_eq!(kept.len(), FIRST + 1);
        assert_eq!((kept[10].name.as_str(), kept[10].bytes_received), ("other", 5));
        assert_eq!(kept.iter().map(|s| s.connections).sum::<u64>(), total);
    }

    #[test]
    fn a_short_list_has_no_other() {
        assert_eq!(first(vec![share("a", 1), share("b", 1)]).len(), 2);
    }
}
