//! Standardised features, rounded, with equal points merged.

use ahash::AHashMap;

/// To which part of a standard deviation features are rounded.
pub(super) const STEP: f64 = 0.05;

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
    /// Of a row-major matrix without gaps. Columns in which all values are the same say nothing
    /// and become 0.
    pub(super) fn of(values: &[f32], columns: usize) -> Self {
        let scales: Vec<(f64, f64)> =
            (0..columns).map(|column| mean_and_sd(values, column, columns)).collect();
        let mut numbers: AHashMap<Vec<i16>, u32> = AHashMap::new();
        let mut weights: Vec<u32> = Vec::new();
        let mut first_numbers: Vec<u32> = Vec::with_capacity(values.len() / columns.max(1));
        let mut key = vec![0_i16; columns];
        for row in values.chunks_exact(columns) {
            for ((step, value), scale) in key.iter_mut().zip(row).zip(&scales) {
                *step = in_steps(f64::from(*value), *scale);
            }
            let number = if let Some(number) = numbers.get(&key) {
                *number
            } else {
                numbers.insert(key.clone(), weights.len() as u32);
                weights.push(0);
                weights.len() as u32 - 1
            };
            weights[number as usize] += 1;
            first_numbers.push(number);
        }
        Self::in_order(numbers, &weights, first_numbers, columns)
    }

    fn in_order(
        numbers: AHashMap<Vec<i16>, u32>,
        weights: &[u32],
        mut of_row: Vec<u32>,
        columns: usize,
    ) -> Self {
        let mut keys: Vec<(Vec<i16>, u32)> = numbers.into_iter().collect();
        keys.sort_unstable();
        let mut place = vec![0_u32; keys.len()];
        for (at, (_, number)) in keys.iter().enumerate() {
            place[*number as usize] = at as u32;
        }
        for number in &mut of_row {
            *number = place[*number as usize];
        }
        Self {
            steps: keys.iter().flat_map(|(key, _)| key).copied().collect(),
            columns,
            weights: keys.iter().map(|(_, number)| weights[*number as usize]).collect(),
            firsts: keys.iter().map(|(_, number)| *number).collect(),
            of_row,
        }
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

/// Square of the distance of two points, in units of [`STEP`]; `limit` or more if it is not below.
pub(super) fn distance_squared(a: &[i16], b: &[i16], limit: i64) -> i64 {
    let mut sum = 0;
    for (a, b) in a.iter().zip(b) {
        let apart = i64::from(*a) - i64::from(*b);
        sum += apart * apart;
        if sum >= limit {
            break;
        }
    }
    sum
}

fn mean_and_sd(values: &[f32], column: usize, columns: usize) -> (f64, f64) {
    let values = || values.iter().skip(column).step_by(columns).copied().map(f64::from);
    let count = values().count().max(1) as f64;
    let mean = values().sum::<f64>() / count;
    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// A cast that overflows saturates, and 1,600 standard deviations are far enough.
fn in_steps(value: f64, (mean, sd): (f64, f64)) -> i16 {
    if sd > 1e-9 { ((value - mean) / sd / STEP).round() as i16 } else { 0 }
}
