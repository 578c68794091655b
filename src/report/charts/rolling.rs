//! Rolling means over time, which show the trend of a noisy series.

/// The mean of each value with its known neighbors, `reach` to each side; unknown values stay
/// unknown.
pub(super) fn means(values: &[Option<f64>], reach: usize) -> Vec<Option<f64>> {
    let mean = |at: usize| {
        values[at]?;
        let near = &values[at.saturating_sub(reach)..(at + reach + 1).min(values.len())];
        let known = near.iter().flatten();
        Some(known.clone().sum::<f64>() / known.count().max(1) as f64)
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_of_known_neighbours_and_the_unknown_stays_unknown() {
        let values = [Some(1.0), Some(3.0), None, Some(8.0)];
        assert_eq!(means(&values, 1), [Some(2.0), Some(2.0), None, Some(8.0)]);
        assert_eq!(means(&values, 0), values);
        assert_eq!(means(&values, 99), [Some(4.0), Some(4.0), None, Some(4.0)]);
        assert!(means(&[], 3).is_empty());
    }
}
