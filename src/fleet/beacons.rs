//! Finds the same beacon on several hosts.

use ahash::{AHashMap, AHashSet};

use super::clocks::{Clocks, median};
use super::load::Fleet;
use super::names::{Name, sorted};
use crate::model::stats;

/// Minimum number of intervals of a beacon on one host.
const MIN_INTERVALS: usize = 12;

/// Maximum median absolute deviation of the intervals, as a share of their median.
const MAX_SPREAD: f64 = 0.15;

/// Minimum period, µs.
const MIN_PERIOD_US: f64 = 1_000_000.0;

/// Minimum number of hosts with the same beacon.
const MIN_HOSTS: usize = 2;

/// A destination that several hosts contact at regular intervals.
#[derive(Debug)]
pub(super) struct Beacon {
    pub(super) place: Name,
    pub(super) port: i32,
    pub(super) hosts: Vec<Name>,
    /// Number of executables, by hash or path; of programs if neither is known.
    pub(super) programs: usize,
    pub(super) period_us: i64,
    pub(super) intervals: u64,
}

pub(super) fn beacons(fleet: &Fleet, clocks: &Clocks) -> Vec<Beacon> {
    let outbound = fleet.names.find("outbound");
    let nameless = fleet.names.find("");
    let mut starts: AHashMap<(Name, i32, Name, Name), Vec<i64>> = AHashMap::new();
    for conn in fleet.conns.iter().filter(|conn| conn.direction == outbound && conn.is_opened) {
        // An unknown program is treated like one without a name.
        let program = Some(conn.program()).filter(|program| *program != 0).unwrap_or(nameless);
        let key = (conn.place(), conn.remote.1, conn.host, program);
        starts.entry(key).or_default().push(clocks.start(conn));
    }
    let mut places: AHashMap<(Name, i32), Found> = AHashMap::new();
    for ((place, port, host, program), mut starts) in starts {
        if let Some((period_us, intervals)) = rhythm(&mut starts) {
            let found = places.entry((place, port)).or_default();
            found.hosts.insert(host);
            found.programs.insert(program);
            found.periods.push(period_us);
            found.intervals += intervals as u64;
        }
    }
    let mut beacons: Vec<Beacon> = places
        .into_iter()
        .filter(|(_, found)| found.hosts.len() >= MIN_HOSTS)
        .map(|((place, port), found)| Beacon {
            place,
            port,
            hosts: sorted(&found.hosts),
            programs: found.programs.len(),
            period_us: median(found.periods).floor() as i64,
            intervals: found.intervals,
        })
        .collect();
    beacons.sort_unstable_by_key(|beacon| (beacon.place, beacon.port));
    beacons
}

#[derive(Default)]
struct Found {
    hosts: AHashSet<Name>,
    programs: AHashSet<Name>,
    periods: Vec<f64>,
    intervals: u64,
}

/// The median interval between starts and the number of intervals, if they are regular.
fn rhythm(starts: &mut [i64]) -> Option<(f64, usize)> {
    starts.sort_unstable();
    let gaps: Vec<f64> = starts.windows(2).map(|pair| (pair[1].saturating_sub(pair[0])) as f64).collect();
    if gaps.len() < MIN_INTERVALS {
        return None;
    }
    let period_us = median(gaps.iter().copied());
    let spread_us = stats::mad(&gaps, period_us).unwrap_or_default();
    let is_even = period_us >= MIN_PERIOD_US && spread_us <= MAX_SPREAD * period_us;
    is_even.then_some((period_us, gaps.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_intervals_are_a_rhythm_and_others_are_none() {
        let mut even: Vec<i64> = (0..20).map(|n| n * 60_000_000 + n % 3 * 2_000_000).collect();
        let (period_us, intervals) = rhythm(&mut even).unwrap();
        assert!((period_us - 60e6).abs() < 5e6 && intervals == 19, "{period_us} {intervals}");
        let mut uneven: Vec<i64> = (0..20).map(|n| n * n * 10_000_000).collect();
        assert_eq!(rhythm(&mut uneven), None);
        assert_eq!(rhythm(&mut [0, 60_000_000]), None);
    }
}
