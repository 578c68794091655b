//! DBSCAN over distinct points that count as often as they occur.
//!
//! linfa knows no weights. A point is a core if enough rows lie within the radius, and beyond
//! `min_points` more make no difference: so each point is given to linfa as often as it occurs,
//! but no more than `min_points` times, and the groups are those of all rows.

use std::iter::repeat_n;

use ahash::AHashMap;
use linfa::traits::Transformer;
use linfa_clustering::Dbscan;
use ndarray::Array2;

use super::Thresholds;
use super::points::{Points, STEP, distance_squared};
use crate::parallel;

/// Points at which the k-distance is measured, at most.
const PROBES: usize = 500;

/// Points that are assigned together, as one piece of work.
const PIECE: usize = 2_048;

/// The smallest radius, in standard deviations: what rounding alone can move two points apart.
const MIN_RADIUS: f64 = 4.0 * STEP;

/// Which point is in which group.
pub(super) struct Grouping {
    /// The group of every point, largest group first; none for those in no group.
    pub(super) of_point: Vec<Option<u32>>,
    pub(super) clusters: u32,
    /// In standard deviations.
    pub(super) radius: f64,
    /// In words: where the radius comes from.
    pub(super) radius_is: &'static str,
    /// Distinct points that were clustered; the others were assigned.
    pub(super) sampled: usize,
}

/// Groups the points.
///
/// # Errors
/// In words, if linfa refuses its parameters: a bug.
pub(super) fn group(points: &Points, config: &Thresholds) -> Result<Grouping, String> {
    let sample = sample(points, config);
    let (radius, radius_is) = radius(points, &sample, config);
    let labels = dbscan(points, &sample, radius, config)?;
    let of_point =
        if sample.len() == points.len() { labels } else { assign(points, &sample, &labels, radius) };
    let (of_point, clusters) = by_size(points, &of_point);
    Ok(Grouping { of_point, clusters, radius, radius_is, sampled: sample.len() })
}

/// The radius as configured, else the knee of the k-distances, and which it is.
fn radius(points: &Points, sample: &[usize], config: &Thresholds) -> (f64, &'static str) {
    if config.radius > 0.0 {
        return (config.radius, "as configured");
    }
    match knee(&k_distances(points, sample, config)) {
        Some(knee) if knee >= MIN_RADIUS => (knee, "the knee of the k-distances"),
        _ => (MIN_RADIUS, "the smallest that rounding allows, as the k-distances have no knee above it"),
    }
}

/// Copies of a point that linfa is given.
fn copies(points: &Points, point: usize, config: &Thresholds) -> usize {
    points.weights[point].min(config.min_points) as usize
}

/// The points that are clustered: all, or every n-th in the order of their coordinates.
fn sample(points: &Points, config: &Thresholds) -> Vec<usize> {
    let wanted: usize = (0..points.len()).map(|point| copies(points, point, config)).sum();
    let every = wanted.div_ceil(config.max_points as usize).max(1);
    (0..points.len()).step_by(every).collect()
}

/// Distances of some points to their `min_points`-th neighbour, ascending, in standard deviations;
/// one for each of the connections that are a point: a curve over points alone would rise by what
/// is rare, and its knee would lie at the distance of whole habits.
fn k_distances(points: &Points, sample: &[usize], config: &Thresholds) -> Vec<f64> {
    let probes: Vec<usize> = sample.iter().copied().step_by(sample.len().div_ceil(PROBES).max(1)).collect();
    let distances = parallel::map(&probes, |probe| {
        let mut others: Vec<(i64, u32)> = sample
            .iter()
            .map(|other| {
                let apart = distance_squared(points.get(*probe), points.get(*other), i64::MAX);
                (apart, points.weights[*other])
            })
            .collect();
        others.sort_unstable();
        let mut seen = 0;
        let reached = others.iter().find(|(_, weight)| {
            seen += u64::from(*weight);
            seen >= u64::from(config.min_points)
        });
        let distance = reached.map(|(apart, _)| (*apart as f64).sqrt() * STEP);
        (distance, points.weights[*probe] as usize)
    });
    let of_connections =
        distances.into_iter().filter_map(|(distance, weight)| Some(repeat_n(distance?, weight)));
    crate::analyze::stats::sorted(of_connections.flatten())
}

/// The value at which a rising curve turns up: the farthest below the straight line from its first
/// to its last value.
fn knee(ascending: &[f64]) -> Option<f64> {
    let (first, last) = (ascending.first()?, ascending.last()?);
    let (steps, rise) = (ascending.len().max(2) as f64 - 1.0, (last - first).max(f64::MIN_POSITIVE));
    let below = |(at, value): &(usize, &f64)| *at as f64 / steps - (**value - first) / rise;
    let turn = ascending.iter().enumerate().max_by(|a, b| below(a).total_cmp(&below(b)));
    turn.map(|(_, value)| *value)
}

/// The group of every point of the sample, as linfa numbers them.
fn dbscan(
    points: &Points,
    sample: &[usize],
    radius: f64,
    config: &Thresholds,
) -> Result<Vec<Option<u32>>, String> {
    let mut coordinates = Vec::new();
    let mut firsts = Vec::with_capacity(sample.len());
    let mut given = 0;
    for point in sample {
        firsts.push(given);
        for _ in 0..copies(points, *point, config) {
            coordinates.extend(points.get(*point).iter().map(|step| f64::from(*step) * STEP));
            given += 1;
        }
    }
    let matrix = Array2::from_shape_vec((given, points.columns()), coordinates).map_err(|e| e.to_string())?;
    let labels = Dbscan::params(config.min_points as usize)
        .tolerance(radius)
        .transform(&matrix)
        .map_err(|e| e.to_string())?;
    Ok(firsts.into_iter().map(|first| labels[first].map(|label| label as u32)).collect())
}

/// The group of every point: that of the nearest grouped point of the sample within the radius.
fn assign(points: &Points, sample: &[usize], labels: &[Option<u32>], radius: f64) -> Vec<Option<u32>> {
    let mut grouped: Vec<(i16, usize, u32)> = sample
        .iter()
        .zip(labels)
        .filter_map(|(point, label)| Some((points.get(*point)[0], *point, (*label)?)))
        .collect();
    grouped.sort_unstable();
    let reach = (radius / STEP).floor() as i32;
    let limit = ((radius / STEP).powi(2)).floor() as i64 + 1;
    let nearest = |point: usize| {
        let here = points.get(point);
        let (low, high) = (i32::from(here[0]) - reach, i32::from(here[0]) + reach);
        let from = grouped.partition_point(|(first, ..)| i32::from(*first) < low);
        let mut best = (limit, None);
        for (_, other, label) in grouped[from..].iter().take_while(|(first, ..)| i32::from(*first) <= high) {
            let apart = distance_squared(here, points.get(*other), best.0);
            if apart < best.0 {
                best = (apart, Some(*label));
            }
        }
        best.1
    };
    let pieces: Vec<usize> = (0..points.len()).step_by(PIECE).collect();
    let assigned = parallel::map(&pieces, |start| {
        (*start..points.len().min(start + PIECE)).map(nearest).collect::<Vec<_>>()
    });
    assigned.into_iter().flatten().collect()
}

/// Numbers the groups by the rows that they have, most first, and gives their number.
fn by_size(points: &Points, labels: &[Option<u32>]) -> (Vec<Option<u32>>, u32) {
    let mut sizes: AHashMap<u32, u64> = AHashMap::new();
    for (label, weight) in labels.iter().zip(&points.weights) {
        if let Some(label) = label {
            *sizes.entry(*label).or_default() += u64::from(*weight);
        }
    }
    let mut order: Vec<(u32, u64)> = sizes.into_iter().collect();
    order.sort_unstable_by_key(|(label, size)| (std::cmp::Reverse(*size), *label));
    let number: AHashMap<u32, u32> =
        order.iter().zip(0..).map(|((label, _), number)| (*label, number)).collect();
    let numbered = labels.iter().map(|label| label.and_then(|label| number.get(&label).copied())).collect();
    (numbered, order.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_where_the_curve_turns_up() {
        let curve: Vec<f64> = (0..90).map(|n| 0.3 + f64::from(n) / 1_000.0).chain([2.0, 4.0, 6.0]).collect();
        assert!((knee(&curve).unwrap() - 0.389).abs() < 0.01, "{:?}", knee(&curve));
        assert_eq!(knee(&[]), None);
    }

    #[test]
    fn the_groups_are_those_of_all_rows_whatever_their_weights() {
        // Two heaps of equal rows, a pair, and a chain at whose ends the density is too low.
        let mut values: Vec<f32> = [vec![0.0; 40], vec![10.0; 4], vec![20.0; 2]].concat();
        values.extend([30.0, 30.4, 30.8, 31.2]);
        let config = Thresholds { min_points: 3, radius: 0.06, ..Thresholds::default() };
        let points = Points::of(&values, 1);
        let grouping = group(&points, &config).unwrap();
        let of_rows: Vec<Option<u32>> =
            points.of_row.iter().map(|point| grouping.of_point[*point as usize]).collect();
        assert!(of_rows[..40].iter().all(|label| *label == Some(0)));
        assert!(of_rows[40..44].iter().all(|label| label.is_some() && *label != Some(0)));
        assert_eq!(of_rows[44..46], [None, None]);
        assert!(of_rows[46..].iter().all(|label| label.is_some() && *label == of_rows[46]));
    }
}
