//! When a pair starts a connection, as finely as it is known, and how regular that is.

/// The last starts of a pair that are looked at; more would cost time and decide nothing, as
/// the p-value of a clock with these is far below what many pairs ask for.
const MAX_STARTS: usize = 64;

/// Exact starts that follow within this time are one check-in, in µs: two addresses tried at
/// once, a redirect. A quarter of the shortest period that is reported by default.
pub(super) const MOMENT_US: i64 = 500_000;

/// Steps of time into which a median gap between exact starts is cut: finer decides nothing.
const STEPS_PER_GAP: i64 = 64;

/// Steps from the first exact start to the last at most; each costs a bit.
const MAX_STEPS: i64 = 1 << 16;

/// A missed check-in counts as this much of a gap, from full regularity.
///
/// By simulation: 0 cannot tell a jitter of ± 40 % from chance, 1 loses rhythms of which a tenth
/// is missing; what lies between matters little.
const COST_OF_MISSED: u64 = 4;

/// Twice the steps that a median gap must have for a gap of two to be told from one with jitter:
/// at two steps a gap, every gap of chance is near a whole number of them.
const FINE: u64 = 2 * 4;

/// The distinct steps of time of a pair's starts, counted from the first; ascending.
///
/// A step is a tick where snapshots saw the starts, and far finer where events tell them.
#[derive(Debug)]
pub(super) struct Arrivals {
    steps: Vec<u32>,
    smallest_gap: u32,
    spread: f64,
}

impl Arrivals {
    /// Of start times in ascending order, seen by snapshots with `tick_us` between them, all in
    /// µs; none if there are fewer than four distinct ones.
    pub(super) fn by_ticks(starts_us: &[i64], origin_us: i64, tick_us: i64) -> Option<Self> {
        Self::on_grid(starts_us, origin_us, tick_us, 1)
    }

    /// Of moments at which one connection began to send again, as [`Arrivals::by_ticks`]: what is
    /// sent at the very next tick is no new moment.
    pub(super) fn inside(starts_us: &[i64], origin_us: i64, tick_us: i64) -> Option<Self> {
        Self::on_grid(starts_us, origin_us, tick_us, 2)
    }

    /// Of exact start times in ascending order, in µs; none if there are fewer than four moments.
    pub(super) fn exactly(starts_us: &[i64]) -> Option<Self> {
        let moments = distinct(starts_us.iter().copied(), MOMENT_US);
        let last = &moments[moments.len().saturating_sub(MAX_STARTS)..];
        let (origin_us, end_us) = (*last.first()?, *last.last()?);
        let mut gaps: Vec<i64> = last.windows(2).map(|w| w[1].saturating_sub(w[0])).collect();
        gaps.sort_unstable();
        let median_us = *gaps.get(gaps.len() / 2)?;
        let coarsest_us = end_us.saturating_sub(origin_us) / MAX_STEPS + 1;
        let step_us = (median_us / STEPS_PER_GAP).max(coarsest_us);
        let smallest_gap = u32::try_from(MOMENT_US / step_us).ok()?.max(1);
        Self::on_grid(starts_us, origin_us, step_us, smallest_gap)
    }

    fn on_grid(starts_us: &[i64], origin_us: i64, step_us: i64, smallest_gap: u32) -> Option<Self> {
        // Rounded, not cut off: a snapshot is taken a little after its time, not always the same.
        let step =
            |start: &i64| start.saturating_sub(origin_us).saturating_add(step_us / 2).div_euclid(step_us);
        let steps = distinct(starts_us.iter().map(step), i64::from(smallest_gap) - 1);
        let steps = &steps[steps.len().saturating_sub(MAX_STARTS)..];
        let first = *steps.first()?;
        let steps: Vec<u32> = steps
            .iter()
            .map(|step| u32::try_from(step.saturating_sub(first)))
            .collect::<Result<_, _>>()
            .ok()?;
        if steps.len() < 4 {
            return None;
        }
        let mut gaps: Vec<u32> = steps.windows(2).map(|w| w[1] - w[0]).collect();
        Some(Self { spread: spread(&mut gaps), steps, smallest_gap })
    }

    /// How far gaps lie from their median: the mean of |gap − median| / median, each at most 1;
    /// a gap of about k medians is k − 1 missed check-ins, each a quarter, and its distance from k
    /// medians; one below two thirds of the median counts more, up to twice. 0 for a clock, about
    /// 0.7 for arrivals without memory.
    pub(super) fn spread(&self) -> f64 {
        self.spread
    }

    /// Number of distinct starts.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Steps from the first start to the last.
    pub(super) fn length(&self) -> u32 {
        self.steps.last().copied().unwrap_or(0)
    }

    /// Steps that lie at least between two starts.
    pub(super) fn smallest_gap(&self) -> u32 {
        self.smallest_gap
    }
}

/// Those of ascending values that lie more than `apart` after the one that was kept before.
pub(super) fn distinct(values: impl Iterator<Item = i64>, apart: i64) -> Vec<i64> {
    let mut kept: Vec<i64> = Vec::new();
    for value in values {
        if kept.last().is_none_or(|last| value.saturating_sub(*last) > apart) {
            kept.push(value);
        }
    }
    kept
}

/// See [`Arrivals::spread`].
fn spread(gaps: &mut [u32]) -> f64 {
    let twice_median = twice_median(gaps);
    gaps.iter().map(|gap| deviation(2 * u64::from(*gap), twice_median)).sum::<u64>() as f64
        / whole(gaps, twice_median)
}

/// Whether the spread of gaps is at most `limit`.
pub(super) fn is_spread_at_most(gaps: &mut [u32], limit: f64) -> bool {
    let twice_median = twice_median(gaps);
    is_spread_around_at_most(gaps, twice_median, limit)
}

/// The same for gaps in ascending order.
pub(super) fn is_spread_of_sorted_at_most(gaps: &[u32], limit: f64) -> bool {
    let (lower, upper) = (gaps[(gaps.len() - 1) / 2], gaps[gaps.len() / 2]);
    is_spread_around_at_most(gaps, u64::from(lower) + u64::from(upper), limit)
}

/// For chance, a few gaps mostly show that the spread is larger.
fn is_spread_around_at_most(gaps: &[u32], twice_median: u64, limit: f64) -> bool {
    let whole = whole(gaps, twice_median);
    // Rounded up, so that only what is surely above is given up.
    let surely_above = limit * whole * (1.0 + 1e-9);
    let mut sum = 0;
    for gap in gaps {
        sum += deviation(2 * u64::from(*gap), twice_median);
        if sum as f64 > surely_above {
            return false;
        }
    }
    sum as f64 / whole <= limit
}

/// What a spread of 1 would be, in the units of [`deviation`].
fn whole(gaps: &[u32], twice_median: u64) -> f64 {
    COST_OF_MISSED as f64 * twice_median as f64 * gaps.len() as f64
}

/// Twice, so that it is a whole number.
fn twice_median(gaps: &mut [u32]) -> u64 {
    let middle = gaps.len() / 2;
    let is_odd = gaps.len() % 2 == 1;
    let (below, upper, _) = gaps.select_nth_unstable(middle);
    let upper = u64::from(*upper);
    let lower = below.iter().max().map_or(upper, |lower| u64::from(*lower));
    if is_odd { 2 * upper } else { lower + upper }
}

/// What a gap below two thirds of the period counts more: nothing there, once more at 0. A clock with
/// jitter is never that early, and chance is half of the time.
///
/// By simulation of a dozen check-ins with a jitter of ± 40 %, at a chance of 1 in 2,000: 96 % found instead of
/// 90, with a tenth missed 81 instead of 71.
fn earliness(gap: u64, period: u64) -> u64 {
    (2 * period).saturating_sub(3 * gap) * COST_OF_MISSED / 2
}

/// Periods from which on a gap deviates fully, whatever the period.
pub(super) const FARTHEST: f64 = COST_OF_MISSED as f64 + 1.0;

/// The least that a gap of `lowest` to `highest` periods deviates, as a share of a period; never more
/// than the deviation of which [`Arrivals::spread`] is the mean.
pub(super) fn least_deviation(lowest: f64, highest: f64) -> f64 {
    let of = |periods: f64| {
        let whole = periods.round().max(1.0);
        let as_missed = (whole - 1.0) / COST_OF_MISSED as f64 + (periods - whole).abs();
        as_missed.min((periods - 1.0).abs()).min(1.0) + (1.0 - 1.5 * periods).max(0.0)
    };
    // Between the ends, only a whole number of periods deviates less.
    let whole = lowest.ceil().max(1.0);
    let within = if whole <= highest { of(whole) } else { f64::INFINITY };
    of(lowest).min(of(highest)).min(within)
}

/// How far a gap lies from what a clock with a period would make, times [`COST_OF_MISSED`].
fn deviation(gap: u64, period: u64) -> u64 {
    let from_one = gap.abs_diff(period).min(period) * COST_OF_MISSED;
    if 2 * gap < 3 * period || period < FINE {
        return from_one + earliness(gap, period);
    }
    let periods = (2 * gap + period) / (2 * period);
    let as_missed = (periods - 1) * period + gap.abs_diff(periods * period) * COST_OF_MISSED;
    from_one.min(as_missed)
}

#[cfg(test)]
mod tests {
    use super::super::tests::by_seconds;
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    #[test]
    fn spread_of_a_clock_and_of_missed_check_ins() {
        assert!(by_seconds((0..20).map(|n| n * 60)).spread() < 1e-9);
        let missed = by_seconds((0..20).filter(|n| n % 7 != 3).map(|n| n * 60));
        assert!((missed.spread() - 3.0 * 0.25 / 16.0).abs() < 1e-9, "{}", missed.spread());
    }

    #[test]
    fn a_gap_deviates_by_its_distance_and_by_what_was_missed() {
        let of = |gap: u64| deviation(gap, 100) as f64 / (100.0 * COST_OF_MISSED as f64);
        for (gap, expected) in [
            (100, 0.0),
            (70, 0.3),
            (60, 0.5),
            (0, 2.0),
            (140, 0.4),
            (200, 0.25),
            (210, 0.35),
            (300, 0.5),
            (900, 1.0),
        ] {
            assert!((of(gap) - expected).abs() < 1e-9, "{gap}: {}", of(gap));
        }
    }

    #[test]
    fn the_least_deviation_of_one_length_is_its_deviation() {
        for gap in 0..900_u64 {
            let periods = gap as f64 / 100.0;
            let exact = deviation(gap, 100) as f64 / (100.0 * COST_OF_MISSED as f64);
            assert!((least_deviation(periods, periods) - exact).abs() < 1e-9, "{gap}");
        }
    }

    #[test]
    fn jitter_of_the_snapshots_does_not_move_a_tick() {
        let starts = [0, 60_003_000, 119_998_000, 180_004_000];
        let arrivals = Arrivals::by_ticks(&starts, 0, SECOND_US).unwrap();
        assert_eq!(arrivals.steps, [0, 60, 120, 180]);
    }

    #[test]
    fn exact_starts_keep_their_fractions_and_a_moment_is_one_start() {
        let starts = [0, 100_000, 2_000_000, 2_200_000, 4_400_000, 6_000_000];
        let arrivals = Arrivals::exactly(&starts).unwrap();
        assert_eq!((arrivals.len(), arrivals.length()), (4, 192));
        assert!((arrivals.spread() - 0.4 / 3.0).abs() < 0.01, "{}", arrivals.spread());
    }

    #[test]
    fn hostile_times_are_no_arrivals() {
        let hostile = [i64::MIN / 4, 0, 1, i64::MAX / 4];
        assert!(Arrivals::by_ticks(&hostile, 0, SECOND_US).is_none());
        assert!(Arrivals::by_ticks(&[], 0, SECOND_US).is_none());
        assert!(Arrivals::exactly(&[i64::MIN, 0, i64::MAX]).is_none());
        assert!(Arrivals::exactly(&hostile).is_none_or(|arrivals| arrivals.length() <= 1 << 17));
    }
}
