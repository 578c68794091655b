//! DBSCAN over distinct points that count as often as they occur.
//!
//! linfa takes the points in the order in which their first rows come, so that its groups, and which
//! of two groups has a point between them, are those of all rows in their order.

use std::iter::repeat_n;
use std::sync::Arc;

use ahash::AHashMap;
use linfa::traits::Transformer;
use linfa_clustering::Dbscan;
use linfa_nn::distance::L2Dist;
use ndarray::Array2;

use super::Thresholds;
use super::neighbours::{Index, Tree};
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
    // Beyond what makes a core, more rows make no difference.
    let tree = Arc::new(Tree::new(points, &sample, config.min_points));
    let (radius, radius_is) = radius(points, &sample, &tree, config);
    let labels = dbscan(points, &sample, tree, radius, config)?;
    let of_point = spread(points, &sample, &labels, radius);
    let (of_point, clusters) = by_size(points, &of_point);
    Ok(Grouping { of_point, clusters, radius, radius_is, sampled: sample.len() })
}

/// The points that are clustered: all, or every n-th in the order of their coordinates; in the
/// order in which their first rows come.
fn sample(points: &Points, config: &Thresholds) -> Vec<usize> {
    let every = points.len().div_ceil(config.max_points as usize).max(1);
    let mut sample: Vec<usize> = (0..points.len()).step_by(every).collect();
    sample.sort_unstable_by_key(|point| points.firsts[*point]);
    sample
}

/// The radius in standard deviations, as configured, else the knee of the k-distances; and which
/// it is.
fn radius(points: &Points, sample: &[usize], tree: &Tree, config: &Thresholds) -> (f64, &'static str) {
    if config.radius > 0.0 {
        return (config.radius, "as configured");
    }
    match knee(&k_distances(points, sample, tree, config)) {
        Some(knee) if knee >= MIN_RADIUS => (between(knee), "the knee of the k-distances"),
        _ => (
            between(MIN_RADIUS),
            "the smallest that rounding allows, as the k-distances have no knee above it",
        ),
    }
}

/// A radius just beyond a distance at which there are points, short of any other, so that no
/// rounding decides on which side of it they are.
fn between(distance: f64) -> f64 {
    ((distance / STEP).powi(2).round() + 0.5).sqrt() * STEP
}

/// Distances of some points to their `min_points`-th neighbour, ascending, in standard deviations;
/// one for each of the connections that are a point: a curve over points alone would rise by what
/// is rare, and its knee would lie at the distance of whole habits.
fn k_distances(points: &Points, sample: &[usize], tree: &Tree, config: &Thresholds) -> Vec<f64> {
    let probes: Vec<usize> = sample.iter().copied().step_by(sample.len().div_ceil(PROBES).max(1)).collect();
    let distances = parallel::map(&probes, |probe| {
        let near = tree.nearest(points.get(*probe), config.min_points);
        let distance = near.last().map(|(apart, _)| (*apart as f64).sqrt() * STEP);
        (distance, points.weights[*probe] as usize)
    });
    let of_connections =
        distances.into_iter().filter_map(|(distance, weight)| Some(repeat_n(distance?, weight)));
    crate::model::stats::sorted(of_connections.flatten())
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
    tree: Arc<Tree>,
    radius: f64,
    config: &Thresholds,
) -> Result<Vec<Option<u32>>, String> {
    let steps = sample.iter().flat_map(|point| points.get(*point)).map(|step| f64::from(*step)).collect();
    let matrix =
        Array2::from_shape_vec((sample.len(), points.columns()), steps).map_err(|e| e.to_string())?;
    let labels = Dbscan::params_with(config.min_points as usize, L2Dist, Index(tree))
        .tolerance(radius / STEP)
        .transform(&matrix)
        .map_err(|e| e.to_string())?;
    Ok(labels.into_iter().map(|label| label.map(|label| label as u32)).collect())
}

/// The group of every point: its own where it was clustered, else that of the nearest point within
/// the radius that is in one.
fn spread(points: &Points, sample: &[usize], labels: &[Option<u32>], radius: f64) -> Vec<Option<u32>> {
    let mut of_point = vec![None; points.len()];
    for (point, label) in sample.iter().zip(labels) {
        of_point[*point] = *label;
    }
    if sample.len() == points.len() {
        return of_point;
    }
    let grouped: Vec<(usize, u32)> =
        sample.iter().zip(labels).filter_map(|(point, label)| Some((*point, (*label)?))).collect();
    let (members, groups): (Vec<usize>, Vec<u32>) = grouped.into_iter().unzip();
    let tree = Tree::new(points, &members, 1).grouped(&groups);
    let near = Near { points, tree, members, groups, limit: (radius / STEP).powi(2).floor() as i64 + 1 };
    let pieces: Vec<usize> = (0..points.len()).step_by(PIECE).collect();
    let spread = parallel::map(&pieces, |start| {
        let piece = *start..points.len().min(start + PIECE);
        let mut guess = None;
        let labels = piece.map(|point| {
            guess = near.of_the_group_at(point, guess);
            guess.map(|member| near.groups[member as usize])
        });
        labels.collect::<Vec<_>>()
    });
    spread.into_iter().flatten().collect()
}

/// Points that are in groups, and how near is near.
struct Near<'a> {
    points: &'a Points,
    tree: Tree,
    /// The points that are in groups.
    members: Vec<usize>,
    /// The group of each.
    groups: Vec<u32>,
    /// Square of the distance, in steps, from which on a point is not near.
    limit: i64,
}

impl Near<'_> {
    /// A member that is near to a point, of the group of the nearest. What is near to the point before
    /// it, the `guess`, is often near to it too, and mostly no member of another group is nearer.
    fn of_the_group_at(&self, point: usize, guess: Option<u32>) -> Option<u32> {
        let here = self.points.get(point);
        let apart = |member: u32| distance_squared(here, self.points.get(self.members[member as usize]));
        let best = guess.map(|member| (apart(member), member)).filter(|(apart, _)| *apart < self.limit);
        let is_of_the_group = best.is_some_and(|(apart, member)| {
            let group = self.groups[member as usize];
            let mut has_rival = false;
            self.tree.search_beside(Some(group), here, apart + 1, |other, _| {
                has_rival |= self.groups[other as usize] != group;
                if has_rival { 0 } else { apart + 1 }
            });
            !has_rival
        });
        if is_of_the_group { guess } else { self.nearest_to(here, best) }
    }

    /// The nearest member, of those that are equally near the one with the lowest number.
    fn nearest_to(&self, here: &[i16], mut best: Option<(i64, u32)>) -> Option<u32> {
        let bound = |best: Option<(i64, u32)>| best.map_or(self.limit, |(apart, _)| apart + 1);
        self.tree.search(here, bound(best), |member, apart| {
            best = Some(best.map_or((apart, member), |best| best.min((apart, member))));
            bound(best)
        });
        best.map(|(_, member)| member)
    }
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
    use crate::model::features::InMemory;

    #[test]
    fn the_knee_is_where_the_curve_turns_up() {
        let curve: Vec<f64> = (0..90).map(|n| 0.3 + f64::from(n) / 1_000.0).chain([2.0, 4.0, 6.0]).collect();
        assert!((knee(&curve).unwrap() - 0.389).abs() < 0.01, "{:?}", knee(&curve));
        assert_eq!(knee(&[]), None);
        assert_eq!(knee(&[2.0]), Some(2.0));
        assert_eq!(knee(&[0.0, 0.0, 0.3, 1.0]), Some(0.3));
        assert_eq!(knee(&[5.0, 5.0, 8.0, 15.0]), Some(8.0), "the same curve, elsewhere and larger");
    }

    fn labels(values: &[f32], columns: usize, config: &Thresholds) -> Vec<Option<u32>> {
        let points = Points::new(&InMemory { values, columns });
        let grouping = group(&points, config).unwrap();
        points.of_row.iter().map(|point| grouping.of_point[*point as usize]).collect()
    }

    /// Rows of numbers, separated by commas; lines that begin with `#` are left out.
    fn parse(text: &str) -> Vec<Vec<f32>> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split(',').map(|number| number.parse().unwrap()).collect()).collect()
    }

    /// The labels in the order in which they come.
    fn by_first_row<T: Ord + Copy>(labels: &[Option<T>]) -> Vec<Option<usize>> {
        let mut names = std::collections::BTreeMap::new();
        let mut name = |label: T| {
            let next = names.len();
            *names.entry(label).or_insert(next)
        };
        labels.iter().map(|label| label.map(&mut name)).collect()
    }

    #[test]
    fn every_row_has_the_label_that_scikit_learn_gives_it() {
        let text = include_str!("../../../../tests/data/clusters/chains.csv");
        let radius = text.lines().next().unwrap().trim_start_matches("# radius ").parse().unwrap();
        let rows = parse(text);
        let values: Vec<f32> = rows.iter().flat_map(|row| &row[..2]).copied().collect();
        let theirs: Vec<Option<i32>> =
            rows.iter().map(|row| row[2] as i32).map(|label| (label >= 0).then_some(label)).collect();
        let ours = labels(&values, 2, &Thresholds { radius, ..Thresholds::default() });
        assert_eq!(by_first_row(&ours), by_first_row(&theirs));
        assert!(theirs.iter().flatten().max() > Some(&3) && theirs.contains(&None));
    }

    #[test]
    fn a_radius_lies_between_the_distances_that_there_are() {
        for square in [1.0_f64, 2.0, 17.0, 440.0] {
            let steps = between(square.sqrt() * STEP) / STEP;
            assert!(steps * steps > square + 0.4 && steps * steps < square + 0.6, "{square}");
        }
    }

    /// What `benches/clusters.py` compares: the matrix as it is grouped, in steps, and the labels.
    #[test]
    #[ignore = "a measurement, not a check"]
    fn groups_of_a_matrix() {
        use std::fmt::Write;
        let path = |name: &str| std::env::var(name).unwrap();
        let rows = parse(&std::fs::read_to_string(path("NETREC_MATRIX")).unwrap());
        let columns = rows[0].len();
        let values: Vec<f32> = rows.into_iter().flatten().collect();
        let start = std::time::Instant::now();
        let points = Points::new(&InMemory { values: &values, columns });
        let grouping = group(&points, &Thresholds::default()).unwrap();
        println!(
            "radius {}, {:.2?}, {} of {} distinct points clustered",
            grouping.radius,
            start.elapsed(),
            grouping.sampled,
            points.len()
        );
        let mut text = String::new();
        for point in &points.of_row {
            let steps = points.get(*point as usize).iter();
            steps.for_each(|step| write!(text, "{step},").unwrap());
            let label = grouping.of_point[*point as usize].map_or(-1, i64::from);
            writeln!(text, "{label}").unwrap();
        }
        std::fs::write(path("NETREC_GROUPED"), text).unwrap();
    }

    #[test]
    fn the_groups_are_those_of_all_rows_whatever_their_weights() {
        // Two heaps of equal rows, a pair, and a chain at whose ends the density is too low.
        let mut values: Vec<f32> = [vec![0.0; 40], vec![10.0; 4], vec![20.0; 2]].concat();
        values.extend([30.0, 30.4, 30.8, 31.2]);
        let config = Thresholds { min_points: 3, radius: 0.06, ..Thresholds::default() };
        let of_rows = labels(&values, 1, &config);
        assert!(of_rows[..40].iter().all(|label| *label == Some(0)));
        assert!(of_rows[40..44].iter().all(|label| label.is_some() && *label != Some(0)));
        assert_eq!(of_rows[44..46], [None, None]);
        assert!(of_rows[46..].iter().all(|label| label.is_some() && *label == of_rows[46]));
    }
}
