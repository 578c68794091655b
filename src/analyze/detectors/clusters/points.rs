//! Standardised features, rounded, with equal points merged.

use crate::model::features::Vectors;

/// To which part of a standard deviation features are rounded.
pub(super) const STEP: f64 = 0.05;

/// Steps from the mean at most, which is 400 standard deviations and far enough: so the difference of two
/// fits in 16 bits, and the sum of eight of its squares in 31.
const FARTHEST: f64 = 8_191.0;

/// The distinct points of a matrix, in the order of their coordinates.
pub(super) struct Points {
    /// Row-major, in units of [`STEP`].
    steps: Vec<i16>,
    columns: usize,
    /// How many rows each point stands for.
    pub(super) weights: Vec<u32>,
    /// The place of each point among all points in the order in which their first rows come.
    pub(super) firsts: Vec<u32>,
    /// The point of every row.
    pub(super) of_row: Vec<u32>,
}

impl Points {
    /// Of vectors without gaps. Columns in which all values are the same say nothing and become 0.
    pub(super) fn new(vectors: &impl Vectors) -> Self {
        let columns = vectors.columns();
        let mut all = in_steps(vectors);
        let row = |row: u32| &all[row as usize * columns..][..columns];
        let rows = all.len().checked_div(columns).unwrap_or(0) as u32;
        let mut order: Vec<u32> = (0..rows).collect();
        order.sort_unstable_by(|a, b| row(*a).cmp(row(*b)).then(a.cmp(b)));
        let (mut weights, mut first_rows, mut of_row) = (Vec::new(), Vec::new(), vec![0; rows as usize]);
        for same in order.chunk_by(|a, b| row(*a) == row(*b)) {
            for member in same {
                of_row[*member as usize] = weights.len() as u32;
            }
            weights.push(same.len() as u32);
            first_rows.push(same[0]);
        }
        put_in_order(&mut all, columns, order);
        keep_firsts(&mut all, columns, &weights);
        Self { steps: all, columns, weights, firsts: ranks(&first_rows), of_row }
    }

    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The coordinates of a point, in units of [`STEP`].
    pub(super) fn get(&self, point: usize) -> &[i16] {
        &self.steps[point * self.columns..][..self.columns]
    }
}

/// Square of the distance of two points, in units of [`STEP`].
pub(super) fn distance_squared(a: &[i16], b: &[i16]) -> i64 {
    a.iter().zip(b).map(|(a, b)| (i64::from(*a) - i64::from(*b)).pow(2)).sum()
}

/// Vectors that are read at once.
const BLOCK: usize = 1024;

/// Hands over every value with its column.
fn for_each(vectors: &impl Vectors, mut each: impl FnMut(usize, f64)) {
    let mut block = Vec::new();
    for first in (0..vectors.count()).step_by(BLOCK) {
        vectors.read(first..(first + BLOCK).min(vectors.count()), &mut block);
        for vector in block.chunks_exact(vectors.columns()) {
            vector.iter().enumerate().for_each(|(column, value)| each(column, f64::from(*value)));
        }
    }
}

/// Mean and standard deviation of each column.
fn means_and_sds(vectors: &impl Vectors) -> Vec<(f64, f64)> {
    let count = vectors.count().max(1) as f64;
    let mut means = vec![0.0; vectors.columns()];
    for_each(vectors, |column, value| means[column] += value);
    for mean in &mut means {
        *mean /= count;
    }
    let mut variances = vec![0.0; vectors.columns()];
    for_each(vectors, |column, value| variances[column] += (value - means[column]).powi(2));
    means.into_iter().zip(variances).map(|(mean, sum)| (mean, (sum / count).sqrt())).collect()
}

/// The vectors in standard deviations from the mean of each column, in units of [`STEP`].
fn in_steps(vectors: &impl Vectors) -> Vec<i16> {
    let scales = means_and_sds(vectors);
    let mut steps = Vec::with_capacity(vectors.count() * vectors.columns());
    for_each(vectors, |column, value| {
        let (mean, sd) = scales[column];
        let in_steps = || ((value - mean) / sd / STEP).round().clamp(-FARTHEST, FARTHEST) as i16;
        steps.push(if sd <= 1e-9 { 0 } else { in_steps() });
    });
    steps
}

/// Moves the rows of a matrix in place, so that `order` holds where each was before.
fn put_in_order(values: &mut [i16], columns: usize, mut order: Vec<u32>) {
    let start = |row: usize| row * columns;
    let mut moved_out = vec![0; columns];
    for first in 0..order.len() {
        // A cycle of rows, each of which takes the place of the one before it.
        moved_out.copy_from_slice(&values[start(first)..start(first + 1)]);
        let mut place = first;
        loop {
            let from = std::mem::replace(&mut order[place], place as u32) as usize;
            if from == first {
                values[start(place)..start(place + 1)].copy_from_slice(&moved_out);
                break;
            }
            values.copy_within(start(from)..start(from + 1), start(place));
            place = from;
        }
    }
}

/// Of rows in order, keeps the first of each group of so many.
fn keep_firsts(values: &mut Vec<i16>, columns: usize, group_sizes: &[u32]) {
    let mut from = 0;
    for (place, size) in group_sizes.iter().enumerate() {
        values.copy_within(from * columns..(from + 1) * columns, place * columns);
        from += *size as usize;
    }
    values.truncate(group_sizes.len() * columns);
    values.shrink_to_fit();
}

/// The place of each value among all of them, of which no two are equal.
fn ranks(values: &[u32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_unstable_by_key(|at| values[*at as usize]);
    let mut ranks = vec![0; values.len()];
    for (rank, at) in (0..).zip(order) {
        ranks[at as usize] = rank;
    }
    ranks
}
