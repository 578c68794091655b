//! Robust statistics: medians instead of means, so that outliers do not mask themselves.

/// Factor that turns a median absolute deviation into an estimated standard deviation, for normally
/// distributed values.
pub const MAD_TO_SD: f64 = 1.4826;

/// The values in ascending order, without NaN.
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The median of sorted values; `None` without values.
pub fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(sorted[middle - 1], upper)) }
}

/// Median absolute deviation from `center`; `None` without values.
pub fn mad(values: &[f64], center: f64) -> Option<f64> {
    median(&sorted(values.iter().map(|value| (value - center).abs())))
}

/// The median without full sorting; reorders the values.
fn select_median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let is_odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().max_by(f64::total_cmp);
    Some(if is_odd { *upper } else { lower.map_or(*upper, |lower| f64::midpoint(lower, *upper)) })
}

/// Location and spread of the bulk of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bulk {
    /// The median.
    pub median: f64,
    /// A robust standard deviation; 0 only if all values are the same.
    pub spread: f64,
}

impl Bulk {
    /// Computes both; `None` without values.
    ///
    /// The spread is 1.4826 MAD. If more than half of the values are equal, that is 0, and 1.2533
    /// times the mean absolute deviation is used instead (Iglewicz & Hoaglin 1993).
    pub fn new(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        let median = select_median(&mut values)?;
        for value in &mut values {
            *value = (*value - median).abs();
        }
        let by_mad = MAD_TO_SD * select_median(&mut values)?;
        let mean_deviation = values.iter().sum::<f64>() / values.len() as f64;
        let spread = if by_mad > 0.0 { by_mad } else { 1.2533 * mean_deviation };
        Some(Self { median, spread })
    }

    /// Distance of a value above the median, in robust standard deviations; 0 if all values are
    /// equal.
    pub fn robust_z(&self, value: f64) -> f64 {
        if self.spread > 0.0 { (value - self.median) / self.spread } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_no_values() {
        assert_eq!(median(&sorted([3.0, 1.0, 2.0])), Some(2.0));
        assert_eq!(median(&sorted([4.0, 1.0, 2.0, 3.0])), Some(2.5));
        assert_eq!(median(&sorted([f64::NAN])), None);
    }

    #[test]
    fn the_median_of_a_bulk_is_the_median() {
        for n in 1..20 {
            let values = || (0..n).map(|k| f64::from(k * 7 % 11));
            assert_eq!(Bulk::new(values()).map(|bulk| bulk.median), median(&sorted(values())), "{n} values");
        }
        assert_eq!(Bulk::new([]), None);
    }

    #[test]
    fn one_huge_value_moves_neither_median_nor_spread() {
        let calm = Bulk::new((0..100).map(f64::from)).unwrap();
        let with_outlier = Bulk::new((0..100).map(f64::from).chain([1e12])).unwrap();
        assert!((calm.median - with_outlier.median).abs() < 1.0);
        assert!((calm.spread - with_outlier.spread).abs() < 2.0);
        assert!(with_outlier.robust_z(1e12) > 1e9);
    }

    #[test]
    fn a_majority_of_equal_values_still_has_a_scale() {
        let bulk = Bulk::new([0.0; 90].into_iter().chain([5.0; 10])).unwrap();
        assert!(bulk.spread > 0.0 && bulk.robust_z(5.0) > 3.5, "{bulk:?}");
    }

    #[test]
    fn values_that_are_all_the_same_make_nothing_stand_out() {
        let bulk = Bulk::new([7.0; 5]).unwrap();
        assert!(bulk.robust_z(100.0).abs() < f64::EPSILON);
    }
}
