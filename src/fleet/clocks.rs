//! Estimates clock offsets between hosts from connections whose beginning two of them saw.
//!
//! A clock is compared with the median of its peers, so that one wrong clock does not affect others.

use ahash::AHashMap;

use super::conn::Conn;
use super::load::Fleet;
use super::names::Name;
use crate::model::stats;

/// Maximum offset that is aligned, µs.
const MOST_SKEW_US: u64 = 900_000_000;

/// How far each clock is ahead, µs.
pub(super) struct Clocks {
    ahead_us: AHashMap<Name, i64>,
    /// Host, how far it is ahead, and number of peers; sorted by host.
    pub(super) hosts: Vec<(Name, i64, usize)>,
}

/// Protocol and both ends, as seen by the originator.
type Tuple = (Name, (Name, i32), (Name, i32));

impl Clocks {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let mut differences: AHashMap<(Name, Name), Vec<i64>> = AHashMap::new();
        for (from, to) in pairs(fleet) {
            differences
                .entry((from.host, to.host))
                .or_default()
                .push(to.first_us.saturating_sub(from.first_us));
        }
        let mut by_host: AHashMap<Name, Vec<f64>> = AHashMap::new();
        for ((from, to), list) in differences {
            let apart = median(list.into_iter().map(|us| us as f64));
            by_host.entry(from).or_default().push(-apart);
            by_host.entry(to).or_default().push(apart);
        }
        let mut hosts: Vec<(Name, i64, usize)> = by_host
            .into_iter()
            .map(|(host, list)| (host, median(list.iter().copied()).floor() as i64, list.len()))
            .collect();
        hosts.sort_unstable();
        Self { ahead_us: hosts.iter().map(|(host, ahead, _)| (*host, *ahead)).collect(), hosts }
    }

    /// The start of a connection on the common clock.
    pub(super) fn start(&self, conn: &Conn) -> i64 {
        conn.first_us.saturating_sub(self.ahead(conn.host))
    }

    /// The end of a connection on the common clock.
    pub(super) fn end(&self, conn: &Conn) -> i64 {
        conn.last_us.saturating_sub(self.ahead(conn.host))
    }

    /// How far the clock of a host is ahead; 0 if unknown.
    pub(super) fn ahead(&self, host: Name) -> i64 {
        self.ahead_us.get(&host).copied().unwrap_or(0)
    }
}

/// Whether two ends may belong to one connection, whatever their clocks say.
pub(super) fn are_near(a: &Conn, b: &Conn) -> bool {
    a.first_us.abs_diff(b.first_us) <= MOST_SKEW_US
}

/// Connections whose beginning two hosts saw as an event.
fn pairs(fleet: &Fleet) -> impl Iterator<Item = (&Conn, &Conn)> {
    let (inbound, outbound) = (fleet.names.find("inbound"), fleet.names.find("outbound"));
    let is_proven = |conn: &&Conn| conn.is_exact && fleet.owns(conn) && fleet.peer(conn).is_some();
    let mut accepted: AHashMap<Tuple, Vec<&Conn>> = AHashMap::new();
    for conn in fleet.conns.iter().filter(|conn| conn.direction == inbound).filter(is_proven) {
        accepted.entry((conn.protocol, conn.remote, conn.local)).or_default().push(conn);
    }
    let opened = fleet.conns.iter().filter(move |conn| conn.direction == outbound).filter(is_proven);
    opened.flat_map(move |conn| {
        let others = accepted.get(&(conn.protocol, conn.local, conn.remote)).cloned().unwrap_or_default();
        let fit = move |other: &&Conn| other.host != conn.host && are_near(conn, other);
        others.into_iter().filter(fit).map(move |other| (conn, other))
    })
}

/// The median, by interpolation; 0 without values.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    stats::median(&stats::sorted(values)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert!((median([3.0, 1.0, 2.0, 10.0]) - 2.5).abs() < 1e-12);
        assert!((median([5.0, -1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!(median([]).abs() < 1e-12);
    }
}
