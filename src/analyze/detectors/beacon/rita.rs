//! The beacon score of RITA v5 (Active Countermeasures), from its published formulas.
//!
//! Four parts of 0 to 1, a quarter of the score each: regular gaps (ts), equal sizes (ds), a
//! flat histogram (hist), presence over the whole window (dur).

use crate::model::stats;

/// Slices of the window for `hist` and `dur`: hours, if the window is a day.
const BINS: usize = 24;

/// A window longer than this is cut to its end, in seconds: one day.
pub(super) const MAX_WINDOW_S: i64 = 86_400;

/// Non-empty slices from which on two heights may make a histogram regular.
const BIMODAL_MIN_BINS: usize = 11;

/// Heights within this share of the highest are the same height.
const BIMODAL_SENSITIVITY: f64 = 0.05;

/// Slices of which this many in a row are full presence.
const IDEAL_RUN: f64 = 12.0;

/// Fewer non-empty slices than this are no presence at all.
const DURATION_MIN_BINS: usize = 6;

/// Quartiles closer than this have no skew, in seconds or bytes.
const MIN_QUARTILE_SPREAD: f64 = 10.0;

/// A score and its parts, each 0 to 1 and rounded to three digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    /// A quarter of the sum of the parts.
    pub(super) total: f64,
    /// Regularity of the gaps.
    pub(super) ts: f64,
    /// Equality of the sizes; none if fewer than three are known, which counts as 0.
    pub(super) ds: Option<f64>,
    /// Flatness of the histogram.
    pub(super) hist: f64,
    /// Presence in the window.
    pub(super) dur: f64,
}

/// Scores a pair.
///
/// `starts_s` are whole seconds in ascending order, equal ones included; `sizes` are bytes
/// sent per connection; the window is the recording in whole seconds. None if there are fewer
/// than three gaps, or no window.
pub(super) fn score(starts_s: &[i64], sizes: &[u64], window_s: (i64, i64)) -> Option<Score> {
    let gaps = stats::sorted(starts_s.windows(2).map(|w| (w[1] - w[0]) as f64).filter(|gap| *gap > 0.0));
    if gaps.len() < 3 || window_s.0 >= window_s.1 {
        return None;
    }
    let ts = regularity(&gaps, 1.0)?;
    let sizes = stats::sorted(sizes.iter().map(|size| *size as f64));
    let ds = if sizes.len() < 3 { None } else { regularity(&sizes, 0.0) };
    let bins = histogram(starts_s, window_s);
    let hist = flatness(&bins).max(bimodality(&bins));
    let dur = presence(starts_s, window_s, &bins);
    let total = round3(0.25 * (ts + ds.unwrap_or(0.0) + hist + dur));
    Some(Score { total, ts, ds, hist, dur })
}

/// How alike sorted values are: without skew and near their median. `default` stands in for
/// the second where the median is below 1.
fn regularity(sorted: &[f64], default: f64) -> Option<f64> {
    let median = stats::median(sorted)?;
    let mad = stats::mad(sorted, median)?;
    let nearness = if median < 1.0 { default } else { ((median - mad) / median).max(0.0) };
    Some(round3(f64::midpoint(1.0 - bowley_skew(sorted).abs(), nearness)))
}

/// (Q1 + Q3 − 2 Q2) / (Q3 − Q1), where quartiles are the medians of the two halves.
fn bowley_skew(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    let quartiles = (
        stats::median(&sorted[..half]),
        stats::median(sorted),
        stats::median(&sorted[sorted.len() - half..]),
    );
    let (Some(q1), Some(q2), Some(q3)) = quartiles else { return 0.0 };
    // The same values are compared, so that equal ones are equal to the bit.
    let is_flat = |a: f64, b: f64| a.total_cmp(&b).is_eq();
    if q3 - q1 < MIN_QUARTILE_SPREAD || is_flat(q2, q1) || is_flat(q2, q3) {
        return 0.0;
    }
    (q1 + q3 - 2.0 * q2) / (q3 - q1)
}

/// Starts per slice of the window; one at its very end belongs to the last slice.
fn histogram(starts_s: &[i64], (first, last): (i64, i64)) -> [u32; BINS] {
    let mut bins = [0; BINS];
    for start in starts_s.iter().filter(|start| (first..=last).contains(*start)) {
        let bin = (start - first) * BINS as i64 / (last - first);
        bins[(bin as usize).min(BINS - 1)] += 1;
    }
    bins
}

/// 1 − coefficient of variation over all slices, 0 if that is above 1.
fn flatness(bins: &[u32; BINS]) -> f64 {
    let mean = f64::from(bins.iter().sum::<u32>()) / BINS as f64;
    if mean <= 0.0 {
        return 0.0;
    }
    let variance = bins.iter().map(|n| (f64::from(*n) - mean).powi(2)).sum::<f64>() / BINS as f64;
    round3((1.0 - variance.sqrt() / mean).max(0.0))
}

/// Share of the non-empty slices that have one of the two most frequent heights, one of them
/// left out as an outlier.
fn bimodality(bins: &[u32; BINS]) -> f64 {
    let filled = bins.iter().filter(|n| **n > 0).count();
    if filled < BIMODAL_MIN_BINS {
        return 0.0;
    }
    let highest = bins.iter().copied().max().unwrap_or(0);
    let width = ((f64::from(highest) * BIMODAL_SENSITIVITY).ceil() as u32).max(1);
    let mut heights: Vec<u32> = bins.iter().filter(|n| **n > 0).map(|n| n / width).collect();
    heights.sort_unstable();
    let mut groups: Vec<usize> = heights.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
    groups.sort_unstable_by(|a, b| b.cmp(a));
    let two: usize = groups.iter().take(2).sum();
    round3((two as f64 / (filled - 1).max(1) as f64).min(1.0))
}

/// The larger of the share of the window between first and last start, and the longest run of
/// non-empty slices, going round the end, over twelve.
fn presence(starts_s: &[i64], (first, last): (i64, i64), bins: &[u32; BINS]) -> f64 {
    if bins.iter().filter(|n| **n > 0).count() < DURATION_MIN_BINS {
        return 0.0;
    }
    let Some((from, to)) = starts_s.first().zip(starts_s.last()) else { return 0.0 };
    let coverage = ceil3((to - from) as f64 / (last - first) as f64);
    let run = ceil3(longest_run(bins) as f64 / IDEAL_RUN);
    coverage.max(run).min(1.0)
}

fn longest_run(bins: &[u32; BINS]) -> usize {
    let (mut longest, mut run) = (0, 0);
    for n in bins.iter().chain(bins) {
        run = if *n > 0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest.min(BINS)
}

fn round3(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn ceil3(value: f64) -> f64 {
    (value * 1000.0).ceil() / 1000.0
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        starts_s: Vec<i64>,
        sizes: Vec<u64>,
        window_s: (i64, i64),
        ts: f64,
        ds: f64,
        hist: f64,
        dur: f64,
        score: f64,
    }

    /// Computed by `tests/data/beacon/rita_vectors.py`, which shares nothing with this file.
    #[test]
    fn the_vectors_of_an_independent_calculation() {
        let text = include_str!("../../../../tests/data/beacon/rita-vectors.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
        assert!(vectors.len() >= 12);
        for v in vectors {
            let got = score(&v.starts_s, &v.sizes, v.window_s).unwrap();
            let parts = [got.ts, got.ds.unwrap_or(0.0), got.hist, got.dur, got.total];
            for (got, expected) in parts.iter().zip([v.ts, v.ds, v.hist, v.dur, v.score]) {
                assert!((got - expected).abs() < 1e-9, "{}: {parts:?}, expected {expected}", v.name);
            }
        }
    }

    #[test]
    fn the_published_vectors() {
        let every = |gap: i64, n: i64| (0..n).map(|i| i * gap).collect::<Vec<_>>();
        let minute = score(&every(60, 11), &[100; 11], (0, 600)).unwrap();
        let parts = Score { total: 1.0, ts: 1.0, ds: Some(1.0), hist: 1.0, dur: 1.0 };
        assert_eq!(minute, parts);
        let two_minutes = score(&every(120, 6), &[100; 6], (0, 600)).unwrap();
        assert_eq!(two_minutes, Score { total: 0.75, hist: 0.0, ..parts });
    }

    #[test]
    fn unknown_sizes_are_no_part_and_count_nothing() {
        let starts: Vec<i64> = (0..11).map(|i| i * 60).collect();
        let score = score(&starts, &[], (0, 600)).unwrap();
        assert_eq!((score.ds, score.total), (None, 0.75));
    }

    #[test]
    fn too_few_gaps_or_no_window_is_no_score() {
        assert_eq!(score(&[0, 60, 120], &[1; 3], (0, 600)), None);
        assert_eq!(score(&[0, 0, 60, 60, 120], &[1; 5], (0, 600)), None);
        assert_eq!(score(&[0, 60, 120, 180], &[1; 4], (5, 5)), None);
    }
}
