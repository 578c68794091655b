//! The isolation forest of Liu, Ting and Zhou (ICDM 2008), seeded and independent of threads.
//!
//! A tree halves a small sample of the rows at random again and again; a row that is soon
//! alone is unlike the rest. Nodes are eight bytes in one array per tree and the walk has no
//! branches to mispredict, so that a tree stays in the first cache and several rows are on
//! their way at once.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::thread;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::model::features::Vectors;
use crate::parallel;

/// Rows that walk down a tree side by side, to hide the latency of each other's loads.
const LANES: usize = 8;

/// Rows that see all trees before the next ones do, so that they stay in the cache.
const BLOCK_ROWS: usize = 1024;

/// The largest sample per tree for which a node's index fits its two bytes.
pub const MAX_SAMPLE: usize = 16_384;

/// How to grow a forest.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    /// Trees.
    pub trees: usize,
    /// Rows in the sample of a tree (ψ), 2 to [`MAX_SAMPLE`].
    pub sample: usize,
    /// Seed of the random choices.
    pub seed: u64,
}

/// A grown forest.
#[derive(Debug)]
pub struct Forest {
    trees: Vec<Tree>,
    columns: usize,
    depth: usize,
    /// c(ψ) times the number of trees.
    normal: f64,
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    /// For a leaf: edges from the root, and c(rows in it).
    paths: Vec<f32>,
}

/// Rows with `feature` above `threshold` go to `left + 1`, others to `left`. A leaf leads to
/// itself.
#[derive(Debug, Clone, Copy)]
struct Node {
    threshold: f32,
    feature: u16,
    left: u16,
}

/// Average path length of an unsuccessful search in a binary search tree of `rows` rows.
fn c(rows: usize) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

impl Forest {
    /// Grows a forest over vectors; `None` for fewer than two.
    pub fn grow(vectors: &impl Vectors, growth: Growth) -> Option<Self> {
        let (rows, columns) = (vectors.count(), vectors.columns());
        if rows < 2 {
            return None;
        }
        let sample = growth.sample.clamp(2, MAX_SAMPLE).min(rows);
        let depth = (sample as f64).log2().ceil() as usize;
        let trees = (0..growth.trees as u64)
            .map(|tree| {
                let mut rng = ChaCha8Rng::seed_from_u64(growth.seed);
                rng.set_stream(tree);
                let values = draw(vectors, sample, &mut rng);
                Grower { values: &values, columns, depth, rng, tree: Tree { nodes: vec![], paths: vec![] } }
                    .grow(sample)
            })
            .collect();
        Some(Self { trees, columns, depth, normal: c(sample) * growth.trees as f64 })
    }

    /// The anomaly score of every row, 0 to 1: `2^(−E[h] / c(ψ))`; 0.5 is the average.
    pub fn scores(&self, vectors: &impl Vectors) -> Vec<f64> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        self.scores_with(vectors, threads)
    }

    /// As [`Forest::scores`]; the number of threads does not change a bit of the result.
    fn scores_with(&self, vectors: &impl Vectors, threads: usize) -> Vec<f64> {
        let rows = vectors.count();
        let mut scores = vec![0.0; rows];
        let share = rows.div_ceil(threads.max(1)).next_multiple_of(LANES).max(BLOCK_ROWS);
        thread::scope(|scope| {
            for (first, scores) in (0..).step_by(share).zip(scores.chunks_mut(share)) {
                parallel::spawn(scope, move || self.score_into(scores, vectors, first));
            }
        });
        scores
    }

    fn score_into(&self, scores: &mut [f64], vectors: &impl Vectors, first: usize) {
        let mut values = Vec::new();
        for (first, scores) in (first..).step_by(BLOCK_ROWS).zip(scores.chunks_mut(BLOCK_ROWS)) {
            vectors.read(first..first + scores.len(), &mut values);
            for tree in &self.trees {
                for (sums, rows) in scores.chunks_mut(LANES).zip(values.chunks(LANES * self.columns)) {
                    tree.add_paths(sums, rows, self.columns, self.depth);
                }
            }
            for score in scores {
                *score = (-*score / self.normal).exp2();
            }
        }
    }
}

impl Tree {
    /// Adds the path length of each row to its sum. Every row takes `depth` steps; those that
    /// reach a leaf before stay there.
    fn add_paths(&self, sums: &mut [f64], rows: &[f32], columns: usize, depth: usize) {
        let mut at = [0u16; LANES];
        for _ in 0..depth {
            for (at, row) in at.iter_mut().zip(rows.chunks_exact(columns)) {
                let node = self.nodes[usize::from(*at)];
                *at = node.left + u16::from(row[usize::from(node.feature)] > node.threshold);
            }
        }
        for (sum, at) in sums.iter_mut().zip(at) {
            *sum += f64::from(self.paths[usize::from(at)]);
        }
    }
}

/// A tree that is being grown.
struct Grower<'a> {
    /// Its sample, row-major.
    values: &'a [f32],
    columns: usize,
    depth: usize,
    rng: ChaCha8Rng,
    tree: Tree,
}

impl Grower<'_> {
    fn grow(mut self, rows: usize) -> Tree {
        self.add_leaf(0, rows);
        self.split(0, &mut (0..rows as u32).collect::<Vec<_>>(), 0);
        self.tree
    }

    fn add_leaf(&mut self, depth: usize, rows: usize) {
        let itself = self.tree.nodes.len() as u16;
        self.tree.nodes.push(Node { threshold: f32::INFINITY, feature: 0, left: itself });
        self.tree.paths.push((depth as f64 + c(rows)) as f32);
    }

    /// Turns a leaf into an inner node with two leaves, and goes on with these.
    fn split(&mut self, node: usize, rows: &mut [u32], depth: usize) {
        if depth >= self.depth || rows.len() <= 1 {
            return;
        }
        let Some((feature, min, max)) = self.choose_feature(rows) else { return };
        let drawn = (f64::from(min) + self.uniform() * (f64::from(max) - f64::from(min))) as f32;
        // Rounding may reach the maximum, which would leave the right side empty.
        let threshold = if drawn >= max { min } else { drawn };
        let (values, columns) = (self.values, self.columns);
        let middle = partition(rows, |row| values[row as usize * columns + feature] <= threshold);
        let left = self.tree.nodes.len();
        self.tree.nodes[node] = Node { threshold, feature: feature as u16, left: left as u16 };
        let (low, high) = rows.split_at_mut(middle);
        self.add_leaf(depth + 1, low.len());
        self.add_leaf(depth + 1, high.len());
        self.split(left, low, depth + 1);
        self.split(left + 1, high, depth + 1);
    }

    /// A random feature that is not the same in all rows, with its range; none if all are.
    fn choose_feature(&mut self, rows: &[u32]) -> Option<(usize, f32, f32)> {
        let mut features: Vec<usize> = (0..self.columns).collect();
        while !features.is_empty() {
            let pick = below(features.len(), &mut self.rng);
            let feature = features.swap_remove(pick);
            let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
            for row in rows {
                let value = self.values[*row as usize * self.columns + feature];
                (min, max) = (min.min(value), max.max(value));
            }
            if max > min {
                return Some((feature, min, max));
            }
        }
        None
    }

    /// Uniform in 0..1, 53 bits.
    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Draws `sample` distinct vectors, in their order, by Floyd's method: without a list of all of them.
fn draw(vectors: &impl Vectors, sample: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut drawn = BTreeSet::new();
    for last in vectors.count() - sample..vectors.count() {
        if !drawn.insert(below(last + 1, rng)) {
            drawn.insert(last);
        }
    }
    let (mut values, mut vector) = (Vec::with_capacity(sample * vectors.columns()), Vec::new());
    for at in drawn {
        vectors.read(at..at + 1, &mut vector);
        values.extend_from_slice(&vector);
    }
    values
}

/// Uniform in 0..`bound`; its bias of bound / 2^64 is of no account.
fn below(bound: usize, rng: &mut ChaCha8Rng) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// Brings the rows that belong low to the front; gives their number.
fn partition(rows: &mut [u32], is_low: impl Fn(u32) -> bool) -> usize {
    let mut middle = 0;
    for at in 0..rows.len() {
        if is_low(rows[at]) {
            rows.swap(at, middle);
            middle += 1;
        }
    }
    middle
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::features::InMemory;

    fn of(values: &[f32], columns: usize) -> InMemory<'_> {
        InMemory { values, columns }
    }

    const GROWTH: Growth = Growth { trees: 100, sample: 256, seed: 1 };

    fn rng(seed: u64) -> impl FnMut() -> f32 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        move || rng.next_u32() as f32 / u32::MAX as f32
    }

    /// Probability that an anomaly scores above a normal row, ties counted half.
    fn auroc(scores: &[f64], anomalous: &[bool]) -> f64 {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let (mut below, mut wins) = (0.0, 0.0);
        for tie in order.chunk_by(|a, b| scores[*a].total_cmp(&scores[*b]).is_eq()) {
            let bad = tie.iter().filter(|row| anomalous[**row]).count() as f64;
            let good = tie.len() as f64 - bad;
            wins += bad * (below + good / 2.0);
            below += good;
        }
        wins / (below * (scores.len() as f64 - below))
    }

    /// A CSV of numbers with the label (1 for an anomaly) last.
    fn load(text: &str) -> (Vec<f32>, usize, Vec<bool>) {
        let (mut values, mut labels, mut columns) = (Vec::new(), Vec::new(), 0);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut row: Vec<f32> = line.split(',').map(|field| field.parse().unwrap()).collect();
            labels.push(row.pop().unwrap() > 0.5);
            columns = row.len();
            values.extend(row);
        }
        (values, columns, labels)
    }

    fn mean_auroc(text: &str, seeds: u64) -> (f64, f64) {
        let (values, columns, labels) = load(text);
        let of_seed = |seed| {
            let forest = Forest::grow(&of(&values, columns), Growth { seed, ..GROWTH }).unwrap();
            auroc(&forest.scores(&of(&values, columns)), &labels)
        };
        let all: Vec<f64> = (0..seeds).map(of_seed).collect();
        let mean = all.iter().sum::<f64>() / seeds as f64;
        let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (seeds as f64 - 1.0);
        (mean, variance.sqrt())
    }

    #[test]
    fn the_normalising_constant_has_the_papers_values() {
        assert!((c(256) - 10.244_77).abs() < 1e-4);
        assert!(c(1).abs() < f64::EPSILON && (c(2) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn breast_cancer_set_scores_as_scikit_learn_does() {
        // scikit-learn: 0.9876 on average over five seeds, 0.9857 to 0.9898.
        let (mean, _) = mean_auroc(include_str!("../../../../tests/data/anomaly/breastw.csv"), 5);
        assert!((0.9857..=0.9898).contains(&mean), "{mean}");
    }

    /// `NETREC_ANOMALY_DIR=DIR cargo test --release anomaly_sets -- --ignored --nocapture`
    #[test]
    #[ignore = "needs the CSV files of a folder that is not in the repository"]
    fn anomaly_sets_of_a_folder() {
        let folder = std::env::var("NETREC_ANOMALY_DIR").unwrap();
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        for file in files {
            let (mean, sd) = mean_auroc(&std::fs::read_to_string(&file).unwrap(), 5);
            println!("{} {mean:.4} sd {sd:.4}", file.display());
            assert!(mean > 0.5);
        }
    }

    /// `cargo test --release million_rows -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement, not a check"]
    fn million_rows_of_eight_columns() {
        let mut next = rng(3);
        let values: Vec<f32> = (0..8_000_000).map(|_| next()).collect();
        let start = std::time::Instant::now();
        let forest = Forest::grow(&of(&values, 8), GROWTH).unwrap();
        println!("grow {:?}", start.elapsed());
        for threads in [1, 2] {
            let start = std::time::Instant::now();
            let scores = forest.scores_with(&of(&values, 8), threads);
            println!("{threads} threads: {:?}, {} rows", start.elapsed(), scores.len());
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let mut next = rng(5);
        let values: Vec<f32> = (0..5_003 * 3).map(|_| next()).collect();
        let forest = Forest::grow(&of(&values, 3), GROWTH).unwrap();
        let one = forest.scores_with(&of(&values, 3), 1);
        assert_eq!(one.len(), 5_003);
        for threads in [2, 3, 7] {
            assert_eq!(one, forest.scores_with(&of(&values, 3), threads), "{threads} threads");
        }
    }

    #[test]
    fn a_lone_row_scores_highest_and_the_crowd_is_average() {
        let mut next = rng(7);
        let mut values: Vec<f32> = (0..2_000).map(|_| next()).collect();
        values.extend([30.0, -30.0]);
        let scores = Forest::grow(&of(&values, 2), GROWTH).unwrap().scores(&of(&values, 2));
        let (lone, crowd) = scores.split_last().unwrap();
        assert!(*lone > 0.7, "{lone}");
        assert!(crowd.iter().all(|score| score < lone));
        assert!(crowd.iter().sum::<f64>() / 1_000.0 < 0.55);
    }

    #[test]
    fn the_seed_decides_and_decides_alone() {
        let mut next = rng(9);
        let values: Vec<f32> = (0..900).map(|_| next()).collect();
        let of_seed =
            |seed| Forest::grow(&of(&values, 3), Growth { seed, ..GROWTH }).unwrap().scores(&of(&values, 3));
        assert_eq!(of_seed(4), of_seed(4));
        assert_ne!(of_seed(4), of_seed(5));
    }

    #[test]
    fn rows_that_are_all_alike_are_all_average() {
        let values = vec![1.5; 300 * 4];
        let scores = Forest::grow(&of(&values, 4), GROWTH).unwrap().scores(&of(&values, 4));
        assert!(scores.iter().all(|score| (score - 0.5).abs() < 1e-6), "{}", scores[0]);
    }

    #[test]
    fn one_row_or_none_is_no_forest() {
        assert!(Forest::grow(&of(&[1.0, 2.0], 2), GROWTH).is_none());
        assert!(Forest::grow(&of(&[], 2), GROWTH).is_none());
        assert!(Forest::grow(&of(&[], 0), GROWTH).is_none());
    }
}
