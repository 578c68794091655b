//! One pair, measured: its score, its rhythm, and how surprising that is.

use std::collections::BTreeMap;
use std::mem;

use super::arrivals::{self, Arrivals};
use super::lists;
use super::pairs::{Known, Pair, Series};
use super::rita::{self, Score};
use crate::model::sockets::Sockets;
use crate::model::stats;

/// A pair that was tested.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) series: Series<'a>,
    /// The name by which all of its connections asked for the destination.
    pub(super) name: Option<&'a str>,
    /// Of a list, each address and whether it ever answered.
    pub(super) addresses: BTreeMap<&'a str, bool>,
    pub(super) score: Score,
    /// See [`Arrivals::spread`].
    pub(super) spread: f64,
    /// Median time between connections, in seconds.
    pub(super) period_s: f64,
    /// Median distance of a gap of about one period from the period, in seconds.
    pub(super) jitter_s: f64,
    /// Check-ins that the rhythm would have had, and that are not there.
    pub(super) missed: u64,
    /// Connections last about as long as the time between them: no pause, so no check-in.
    pub(super) is_back_to_back: bool,
    pub(super) p_value: f64,
    pub(super) q_value: f64,
}

impl<'a> Candidate<'a> {
    /// Measures a pair, and says when it started; none if it has too few distinct starts.
    pub(super) fn of(
        sockets: &Sockets<'a>,
        series: Series<'a>,
        window_us: (i64, i64),
        tick_us: i64,
    ) -> Option<(Self, Arrivals)> {
        let arrivals = match series.known {
            Known::ByEvents => Arrivals::exactly(&series.starts_us)?,
            Known::ByTicks => Arrivals::by_ticks(&series.starts_us, window_us.0, tick_us)?,
            Known::Inside => Arrivals::inside(&series.starts_us, window_us.0, tick_us)?,
        };
        let moment_us = if series.known == Known::ByEvents { arrivals::MOMENT_US } else { tick_us / 2 };
        let score = score(sockets, &series, window_us)?;
        let gaps_s = gaps_s(&series.starts_us, moment_us);
        let period_s = stats::median(&gaps_s)?;
        let lasting = stats::sorted(series.rows.iter().map(|row| sockets.get(*row).duration_s));
        let is_back_to_back = series.known != Known::Inside && stats::median(&lasting)? >= 0.8 * period_s;
        let candidate = Self {
            name: common_name(sockets, &series.rows),
            addresses: if series.pair.is_list {
                lists::addresses(&series.rows, sockets)
            } else {
                BTreeMap::new()
            },
            jitter_s: jitter_s(&gaps_s, period_s),
            missed: missed(&gaps_s, period_s),
            series,
            score,
            spread: arrivals.spread(),
            period_s,
            is_back_to_back,
            p_value: 1.0,
            q_value: 1.0,
        };
        Some((candidate, arrivals))
    }

    /// Takes in the same pair as it is in another window: what is said of it is about the connections of both, and how
    /// sure it is about the clearer one. The less clear one is left in `other`.
    pub(super) fn join(&mut self, other: &mut Self, sockets: &Sockets<'a>) {
        if other.p_value < self.p_value {
            mem::swap(self, other);
        }
        let series = &mut self.series;
        series.rows.extend_from_slice(&other.series.rows);
        series.rows.sort_unstable();
        series.rows.dedup();
        if series.known == Known::Inside {
            let starts_us = series.starts_us.to_mut();
            starts_us.extend_from_slice(&other.series.starts_us);
            starts_us.sort_unstable();
            starts_us.dedup();
        } else {
            series.starts_us = series.rows.iter().map(|row| sockets.first_seen_us(*row)).collect();
        }
        let gaps_s = gaps_s(&series.starts_us, arrivals::MOMENT_US);
        self.addresses.append(&mut other.addresses);
        if let Some(period_s) = stats::median(&gaps_s) {
            self.period_s = period_s;
            self.jitter_s = jitter_s(&gaps_s, period_s);
            self.missed = missed(&gaps_s, period_s);
        }
    }

    /// What makes two candidates the same pair in two windows.
    pub(super) fn key(&self) -> (Pair<'a>, Known, Option<u64>, bool) {
        (self.series.pair, self.series.known, self.series.sent, self.series.is_by_check_in)
    }

    /// Where it goes: the address, after the name where there is one; of a list, how many there are.
    pub(super) fn destination(&self) -> String {
        if self.series.pair.is_list {
            return format!("{} addresses in turn", self.addresses.len());
        }
        match self.name {
            Some(name) => format!("{name} ({})", self.series.pair.addr),
            None => self.series.pair.addr.to_owned(),
        }
    }

    /// Whether it is about one connection that stays, to an address without a name.
    pub(super) fn is_nameless_inside(&self) -> bool {
        self.series.known == Known::Inside && self.name.is_none() && !self.series.pair.is_inbound
    }

    /// Who and where, for titles and charts.
    pub(super) fn label(&self) -> String {
        let pair = &self.series.pair;
        let source = pair.source.map_or_else(|| "several processes".to_owned(), |source| source.to_string());
        let place = if self.series.known == Known::Inside { ", inside a connection" } else { "" };
        let arrow = if pair.is_inbound { '←' } else { '→' };
        if pair.is_list {
            return format!("{source} {arrow} {}{}", self.destination(), pair.on_port());
        }
        format!("{source} {arrow} {} port {}{place}", pair.addr, pair.port)
    }
}

/// The name that all connections with a name have.
fn common_name<'a>(sockets: &Sockets<'a>, rows: &[usize]) -> Option<&'a str> {
    let mut names = rows.iter().filter_map(|row| sockets.get(*row).remote_name);
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)
}

/// RITA's score of a series. Of moments inside a connection no size is known, and the window is from
/// the first to the last of them: the connection was not there for longer, or only these are kept.
fn score(sockets: &Sockets<'_>, series: &Series<'_>, window_us: (i64, i64)) -> Option<Score> {
    let (sizes, (first_us, last_us)) = match series.known {
        Known::Inside => (Vec::new(), (*series.starts_us.first()?, *series.starts_us.last()?)),
        Known::ByEvents | Known::ByTicks => {
            (series.rows.iter().filter_map(|row| sockets.get(*row).bytes_sent).collect(), window_us)
        }
    };
    let seconds = (first_us.div_euclid(1_000_000), last_us.div_euclid(1_000_000));
    rita::score(&series.starts_s(), &sizes, seconds)
}

/// Gaps in ascending order, in seconds; starts within a moment of each other are one.
fn gaps_s(starts_us: &[i64], moment_us: i64) -> Vec<f64> {
    let starts = arrivals::distinct(starts_us.iter().copied(), moment_us);
    stats::sorted(starts.windows(2).map(|w| w[1].saturating_sub(w[0]) as f64 / 1e6))
}

/// Only gaps of about one period say how exact the clock is.
fn jitter_s(gaps_s: &[f64], period_s: f64) -> f64 {
    let near: Vec<f64> =
        gaps_s.iter().copied().filter(|gap| (0.5..1.5).contains(&(gap / period_s))).collect();
    stats::mad(&near, period_s).unwrap_or(0.0)
}

/// A gap of more periods than these is a pause (a host that was off), and not missed check-ins.
const LONGEST_OUTAGE: u64 = 50;

fn missed(gaps_s: &[f64], period_s: f64) -> u64 {
    let skipped = gaps_s.iter().map(|gap| ((gap / period_s).round() as u64).saturating_sub(1));
    skipped.filter(|periods| *periods <= LONGEST_OUTAGE).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_check_in_is_counted_and_is_no_jitter() {
        let gaps = stats::sorted([60.0, 60.0, 61.0, 59.0, 120.0, 60.0, 181.0]);
        assert_eq!(missed(&gaps, 60.0), 3);
        assert!((jitter_s(&gaps, 60.0)).abs() < 1e-9);
    }

    #[test]
    fn starts_at_one_moment_are_one() {
        let gaps = gaps_s(&[0, 100, 60_000_000, 60_000_500, 120_000_000], 500_000);
        assert_eq!(gaps.len(), 2);
    }
}
