//! Bursts: a process that opens many more connections, or moves many more bytes, than it did.

use std::collections::VecDeque;
use std::time::Duration;

use ahash::AHashMap;

use super::{Board, Detector, Life, Party, mark};
use crate::analyze::detectors::burst::Thresholds;
use crate::analyze::words;
use crate::model::finding::Severity;
use crate::model::stats::Bulk;

/// Snapshots over which a normal rate is known.
const MOST_TICKS: u32 = 600;

/// Windows that must have passed for a normal rate to be known.
const LEAST_WINDOWS: u32 = 12;

/// Looks for bursts.
#[derive(Debug)]
pub(super) struct Burst {
    thresholds: Thresholds,
    interval_s: f64,
    ticks: u32,
    series: AHashMap<(Metric, Party), Series>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Metric {
    Connections,
    Bytes,
}

/// What a process did at each of the last snapshots; those without anything are left out.
#[derive(Debug, Default)]
struct Series {
    amounts: VecDeque<(u32, u64)>,
    episode: Option<Episode>,
}

/// A burst that goes on.
#[derive(Debug, Clone, Copy)]
struct Episode {
    since_us: i64,
    last_tick: u32,
    peak: u64,
    z: f64,
    median: f64,
}

impl Burst {
    /// Snapshots come at this interval.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            thresholds: Thresholds::default(),
            interval_s: interval.as_secs_f64().max(1e-3),
            ticks: 0,
            series: AHashMap::new(),
        }
    }

    fn add(&mut self, metric: Metric, life: &Life, amount: u64) {
        let amounts = &mut self.series.entry((metric, Party::here(life))).or_default().amounts;
        match amounts.back_mut() {
            Some((tick, sum)) if *tick == self.ticks => *sum += amount,
            _ => amounts.push_back((self.ticks, amount)),
        }
    }
}

impl Detector for Burst {
    fn appeared(&mut self, life: &Life) {
        if life.is_new && life.row.remote.is_some() {
            self.add(Metric::Connections, life, 1);
        }
    }

    fn moved(&mut self, life: &Life, bytes: u64) {
        self.add(Metric::Bytes, life, bytes);
    }

    fn end_tick(&mut self, ts_us: i64, board: &mut Board) {
        self.ticks += 1;
        let (now, interval_s) = (self.ticks, self.interval_s);
        let longest = ((self.thresholds.window_s / interval_s) as u32).max(1);
        let window = (now / LEAST_WINDOWS).min(longest);
        let thresholds = &self.thresholds;
        self.series.retain(|(metric, party), series| {
            series.forget(now.saturating_sub(MOST_TICKS));
            if window > 0 && series.judge(*metric, (now, window), ts_us, thresholds) {
                let window_s = f64::from(window) * interval_s;
                series.tell(*metric, party, window_s, thresholds, board);
            }
            !series.amounts.is_empty()
        });
    }
}

impl Series {
    fn forget(&mut self, oldest: u32) {
        while self.amounts.front().is_some_and(|(tick, _)| *tick < oldest) {
            self.amounts.pop_front();
        }
    }

    /// Whether the last window is part of a burst. `now` is the number of snapshots so far.
    fn judge(
        &mut self,
        metric: Metric,
        (now, window): (u32, u32),
        ts_us: i64,
        thresholds: &Thresholds,
    ) -> bool {
        let from = now.saturating_sub(window);
        let amount: u64 =
            self.amounts.iter().rev().take_while(|(tick, _)| *tick >= from).map(|(_, n)| n).sum();
        if amount < floor(metric, thresholds) {
            return false;
        }
        let Some(normal) = self.normal(metric, (now, window)) else { return false };
        let z = normal.robust_z(amount as f64);
        if z < thresholds.min_z {
            return false;
        }
        let goes_on = self.episode.filter(|episode| now - episode.last_tick <= window);
        let new = Episode { since_us: ts_us, last_tick: now, peak: 0, z, median: normal.median };
        let episode = goes_on.unwrap_or(new);
        self.episode = Some(if amount > episode.peak {
            Episode { peak: amount, z, median: normal.median, last_tick: now, ..episode }
        } else {
            Episode { last_tick: now, ..episode }
        });
        true
    }

    /// Median and spread of windows side by side, the empty ones too, as the analysis has them.
    fn normal(&self, metric: Metric, (now, window): (u32, u32)) -> Option<Bulk> {
        let oldest = now.saturating_sub(MOST_TICKS);
        let windows = ((now - oldest) / window).max(1);
        let mut amounts = vec![0.0; windows as usize];
        for (tick, amount) in &self.amounts {
            let at = (tick.saturating_sub(oldest) / window).min(windows - 1);
            amounts[at as usize] += *amount as f64;
        }
        let bulk = Bulk::of(amounts)?;
        // Never less than chance makes of a steady rate.
        let by_chance = match metric {
            Metric::Connections => bulk.median.sqrt().max(1.0),
            Metric::Bytes => (bulk.median / 10.0).max(1.0),
        };
        Some(Bulk { spread: bulk.spread.max(by_chance), ..bulk })
    }

    fn tell(&self, metric: Metric, party: &Party, window_s: f64, thresholds: &Thresholds, board: &mut Board) {
        let Some(episode) = self.episode else { return };
        let amount = |value: f64| match metric {
            Metric::Connections => words::count(value as usize, "connection", "connections"),
            Metric::Bytes => words::bytes(value),
        };
        let peak = amount(episode.peak as f64);
        let within = words::duration(window_s);
        let (severity, title) = match metric {
            Metric::Connections => (Severity::Low, format!("{party} opened or took {peak} within {within}")),
            Metric::Bytes => (Severity::Info, format!("{party} moved {peak} within {within}")),
        };
        let explanation = format!(
            "The median window had {}. Robust z {:.1}, where {} and at least {} make a burst.",
            amount(episode.median),
            episode.z,
            thresholds.min_z,
            amount(floor(metric, thresholds) as f64),
        );
        board.put(
            format!("burst {metric:?} {party} {}", episode.since_us),
            mark(episode.since_us, severity, "burst", title, explanation),
        );
    }
}

fn floor(metric: Metric, thresholds: &Thresholds) -> u64 {
    match metric {
        Metric::Connections => u64::from(thresholds.min_connections),
        Metric::Bytes => thresholds.min_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{connection, found};
    use crate::capture::Row;
    use crate::capture::TcpState::Established;

    fn opened(tick: u64, count: u64) -> Vec<Row> {
        let row = |n| connection(tick * 10_000 + n, "curl", "10.0.0.7:443", Established, 1);
        (0..count).map(row).collect()
    }

    #[test]
    fn many_connections_after_a_quiet_time_are_one_burst() {
        let ticks = (0..60).map(|tick| opened(tick, if (40..43).contains(&tick) { 40 } else { 1 }));
        let found = found(ticks);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("low burst: curl opened or took 12"), "{found:?}");
    }

    #[test]
    fn a_steady_rate_is_none_and_neither_is_the_very_start() {
        assert_eq!(found((0..60).map(|tick| opened(tick, 80))), [""; 0]);
        assert_eq!(found([vec![], opened(1, 500)]), [""; 0]);
    }

    #[test]
    fn bytes_count_as_they_move() {
        let at = |bytes| vec![connection(1, "rsync", "10.0.0.7:873", Established, bytes)];
        let ticks = (0..40).map(|tick| at(if tick < 30 { tick * 1000 } else { 200_000_000 }));
        assert_eq!(found(ticks), ["info burst: rsync moved 200 MB within 2 s"]);
    }
}
