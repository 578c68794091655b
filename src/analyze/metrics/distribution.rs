//! A distribution in a few numbers.

use super::Distribution;

/// Describes the values, ignoring NaN; `None` if there are none.
///
/// Quantiles by linear interpolation between the closest ranks (Hyndman & Fan 1996, type 7).
pub(super) fn distribution(values: impl Iterator<Item = f64>) -> Option<Distribution> {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len();
    Some(Distribution {
        count: count as u64,
        mean: sorted.iter().sum::<f64>() / count as f64,
        min,
        p25: quantile(&sorted, 0.25),
        median: quantile(&sorted, 0.5),
        p75: quantile(&sorted, 0.75),
        p95: quantile(&sorted, 0.95),
        p99: quantile(&sorted, 0.99),
        max,
    })
}

/// A quantile of sorted values, of which there is at least one.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = q * (sorted.len() - 1) as f64;
    let below = sorted[rank as usize];
    let above = sorted[(rank as usize + 1).min(sorted.len() - 1)];
    below + (above - below) * rank.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([1, 2, 4, 8, 16], [.25, .5, .75, .95, .99])
        let d = distribution([16.0, 1.0, 8.0, 2.0, 4.0, f64::NAN].into_iter()).unwrap();
        let found = [d.min, d.p25, d.median, d.p75, d.p95, d.p99, d.max, d.mean];
        let expected = [1.0, 2.0, 4.0, 8.0, 14.4, 15.68, 16.0, 6.2];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        }
        assert_eq!(d.count, 5);
    }

    #[test]
    fn one_value_is_every_quantile_and_none_is_no_distribution() {
        let d = distribution(std::iter::once(3.0)).unwrap();
        assert_eq!((d.min, d.p25, d.median, d.p99, d.max), (3.0, 3.0, 3.0, 3.0, 3.0));
        assert_eq!(distribution(std::iter::empty()), None);
    }
}
