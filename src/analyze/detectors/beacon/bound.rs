//! How often chance is at least as regular, at most: without drawing a single choice.
//!
//! Drawing resolves what happens once in a thousand times, or in a million if time does not
//! matter; a clock is far rarer. For it a bound is worth more than an estimate, and costs less.
//!
//! Under the null hypothesis (see [`super::null_model`]) all ways of cutting the time from the first
//! start to the last into as many gaps are equally likely, so the p-value is a count of those ways
//! that are as regular, divided by all of them. Those with a given median are at most
//! `exp(λ s n + κ L) w (Σ exp(-κ g - λ d(g)))^(n - 1)` for every λ ≥ 0 and κ (Chernoff 1952), with
//! the number of gaps n, their length L in all, the observed spread s, the deviation d(g) of a gap
//! of g steps, and w the largest term of the sum: the last gap is what the others leave. The bound is
//! the sum over all medians. Neighbouring medians and neighbouring gaps are taken together, with the
//! smallest deviation among them, which only makes it larger.

use super::arrivals::{self, Arrivals};

/// Parts into which a mean gap is cut, and neighbouring medians are this part of each other apart: with
/// more, the bound is closer, and takes longer.
const FINENESS: u64 = 128;

/// Smallest spread for which the sum is weighted; a sharper weight adds nothing to a clock.
const SHARPEST: f64 = 0.005;

/// What κ is tried at, times the mean gap: small where the median is below the mean, large where
/// it is above.
const TILTS: [f64; 4] = [0.1, 0.3, 1.0, 3.0];

/// Neighbouring gaps that are taken together to tell whether a median adds anything.
const COARSENESS: u64 = 16;

/// What adds less than this part of the largest share changes no digit of the sum.
const NEGLIGIBLE: f64 = 1e-18;

/// No less than the p-value of a pair, with two digits; none if that would be above `limit`.
///
/// The medians near the mean gap come first: of chance, they alone are above the limit, and of a clock, nearly all others
/// are negligible.
pub(super) fn p_value(pair: &Arrivals, limit: f64) -> Option<f64> {
    let cut = Cut::of(pair);
    let ln_all_ways = cut.ln_all_ways();
    let share = |medians, coarseness| (cut.ln_ways_at_most(medians, coarseness) - ln_all_ways).exp();
    let medians = cut.medians();
    let mean = medians.partition_point(|(_, last)| last * cut.gaps < 2 * cut.length);
    let mut from_mean: Vec<usize> = (0..medians.len()).collect();
    from_mean.sort_by_key(|at| at.abs_diff(mean));
    let mut shares = vec![0.0; medians.len()];
    let (mut sum, mut largest) = (0.0, 0.0_f64);
    for at in from_mean {
        if largest > 0.0 && share(medians[at], COARSENESS) < NEGLIGIBLE * largest {
            continue;
        }
        shares[at] = share(medians[at], 1);
        largest = largest.max(shares[at]);
        sum += shares[at];
        // In another order, the sum is the same but for its last digits.
        if sum > limit * (1.0 + 1e-9) {
            return None;
        }
    }
    Some(rounded_up(shares.iter().sum())).filter(|bound| *bound <= limit)
}

/// Spread, in periods of all gaps together, below which no gap can be that of a missed check-in.
const LEAST_MISSED: f64 = 0.25;

/// What is less likely than this does not happen: of a million clocks in a capture, not one would have another p-value in
/// 999 of 1,000 captures.
const IMPOSSIBLE: f64 = 1e-9;

/// Whether a clock is so exact that none of some random choices would be as regular.
pub(super) fn is_out_of_reach(pair: &Arrivals, choices: u64) -> bool {
    p_value_of_clock(&Cut::of(pair)).is_some_and(|p_value| choices as f64 * p_value < IMPOSSIBLE)
}

/// No less than the p-value of gaps none of which is long enough for a missed check-in; none for others.
///
/// They deviate from their median by few steps in all, and the ways to share those out are counted: for a median, and for
/// every gap but the last, which the others leave, how many steps up or down.
fn p_value_of_clock(cut: &Cut) -> Option<f64> {
    let gaps = cut.gaps as f64;
    let spread = cut.spread * gaps;
    if spread >= LEAST_MISSED {
        return None;
    }
    let steps = (spread * cut.length as f64 / (gaps - spread)).floor();
    // How many gaps deviate, which, in which direction, and by how much each.
    let (mut ways, mut of_number) = (1.0, 1.0);
    for number in (1..cut.gaps).take(steps as usize) {
        let number = number as f64;
        of_number *= 2.0 * (gaps - number) / number * (steps - number + 1.0) / number;
        ways += of_number;
    }
    let medians = 2.0 * steps / gaps + 1.0;
    Some(ways * medians * (-cut.ln_all_ways()).exp())
}

/// A stretch of time that is cut into gaps as regular as those of a pair.
struct Cut {
    /// Steps in all.
    length: u64,
    gaps: u64,
    /// Steps of the shortest gap that there can be.
    shortest: u64,
    spread: f64,
}

impl Cut {
    fn of(pair: &Arrivals) -> Self {
        Self {
            length: pair.length().into(),
            gaps: pair.len() as u64 - 1,
            shortest: pair.smallest_gap().into(),
            // Rounding must not make the observation rarer than it is.
            spread: pair.spread() + 1e-9,
        }
    }

    /// Logarithm of the number of ways, whatever their median: the binomial coefficient that
    /// chooses where the gaps end, where each keeps its shortest length.
    fn ln_all_ways(&self) -> f64 {
        let free = self.length - self.gaps * (self.shortest - 1) - 1;
        (1..self.gaps).map(|n| ((free + 1 + n - self.gaps) as f64 / n as f64).ln()).sum()
    }

    /// Twice the medians that there can be, from the first to the last of those that are taken together.
    fn medians(&self) -> Vec<(u64, u64)> {
        let (shortest, longest) = (2 * self.shortest, 2 * self.length / self.gaps.div_ceil(2));
        let together = |first: u64| (first, first + first / FINENESS);
        let next = |before: &(u64, u64)| Some(together(before.1 + 1));
        std::iter::successors(Some(together(shortest)), next)
            .take_while(|(first, _)| *first <= longest)
            .collect()
    }

    /// Logarithm of a bound of the number of ways that are as regular, and of which twice the
    /// median lies from `first` to `last`; with a higher coarseness, a larger bound in less time.
    fn ln_ways_at_most(&self, (first, last): (u64, u64), coarseness: u64) -> f64 {
        let gaps = self.gaps as f64;
        let mean = self.length as f64 / gaps;
        let tilts = TILTS.map(|tilt| tilt / mean);
        let sharpness = 1.0 / self.spread.max(SHARPEST);
        let weights = self.weights((first, last), coarseness, sharpness, tilts);
        let bounds = std::iter::zip(tilts, weights).map(|(tilt, weights)| {
            sharpness * self.spread * gaps
                + tilt * self.length as f64
                + weights.largest.ln()
                + (gaps - 1.0) * weights.sum.ln()
        });
        bounds.fold(f64::INFINITY, f64::min)
    }

    /// For each κ, the weights of all lengths of a gap.
    fn weights(
        &self,
        (first, last): (u64, u64),
        coarseness: u64,
        sharpness: f64,
        tilts: [f64; 4],
    ) -> [Weights; 4] {
        let width = (self.length / self.gaps / FINENESS).max(1) * coarseness;
        let mut shortest = self.shortest;
        let mut tilted = tilts.map(|tilt| (-tilt * shortest as f64).exp());
        let steps = tilts.map(|tilt| (-tilt * width as f64).exp());
        let mut weights = [Weights::default(); 4];
        loop {
            let lowest = (2 * shortest) as f64 / last as f64;
            if lowest > arrivals::FARTHEST {
                // All that follow deviate fully: a geometric series.
                for (at, tilt) in tilts.into_iter().enumerate() {
                    weights[at].sum += (-sharpness).exp() * tilted[at] / -(-tilt).exp_m1();
                }
                return weights;
            }
            let highest = (2 * (shortest + width - 1)) as f64 / first as f64;
            let weight = (-sharpness * arrivals::least_deviation(lowest, highest)).exp();
            for at in 0..tilts.len() {
                weights[at].sum += width as f64 * tilted[at] * weight;
                weights[at].largest = weights[at].largest.max(tilted[at] * weight);
                tilted[at] *= steps[at];
            }
            shortest += width;
        }
    }
}

/// What the lengths of a gap weigh.
#[derive(Clone, Copy, Default)]
struct Weights {
    sum: f64,
    largest: f64,
}

/// Two digits are enough, and the same on every machine.
fn rounded_up(bound: f64) -> f64 {
    format!("{:.1e}", 1.05 * bound).parse().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::super::tests::by_seconds;
    use super::*;

    /// Every way of cutting `length` seconds into `gaps` gaps, as start times.
    fn all_cuts(length: i64, gaps: usize) -> Vec<Vec<i64>> {
        let mut cuts = vec![vec![0]];
        for _ in 1..gaps {
            cuts = cuts
                .iter()
                .flat_map(|cut| (cut[cut.len() - 1] + 1..length).map(|at| [&cut[..], &[at]].concat()))
                .collect();
        }
        cuts.iter().map(|cut| [&cut[..], &[length]].concat()).collect()
    }

    #[test]
    fn no_way_of_cutting_is_rarer_than_its_bound() {
        let mut bounded = 0;
        for (length, gaps) in [(5, 4), (12, 3), (30, 4), (40, 5), (18, 6), (16, 9)] {
            let all: Vec<Arrivals> = all_cuts(length, gaps).into_iter().map(by_seconds).collect();
            let mut spreads: Vec<f64> = all.iter().map(Arrivals::spread).collect();
            spreads.sort_by(f64::total_cmp);
            for cut in all.iter().step_by(7) {
                let as_regular = spreads.partition_point(|spread| *spread <= cut.spread() + 1e-12);
                let exact = as_regular as f64 / spreads.len() as f64;
                let Some(bound) = p_value(cut, 1.0) else { continue };
                assert!(bound >= exact, "{length} in {gaps}: {bound} is less than {exact}");
                bounded += 1;
            }
        }
        assert!(bounded > 10, "{bounded}");
    }

    #[test]
    fn no_clock_is_rarer_than_the_ways_to_deviate_as_little() {
        let mut counted = 0;
        for (length, gaps) in [(30, 4), (40, 5), (18, 6), (20, 7), (36, 3)] {
            let all: Vec<Arrivals> = all_cuts(length, gaps).into_iter().map(by_seconds).collect();
            for cut in &all {
                let Some(bound) = p_value_of_clock(&Cut::of(cut)) else { continue };
                let as_regular = all.iter().filter(|other| other.spread() <= cut.spread() + 1e-12).count();
                let exact = as_regular as f64 / all.len() as f64;
                let rounded = bound * (1.0 + 1e-9);
                assert!(rounded >= exact, "{length} in {gaps}: {bound} is less than {exact}");
                counted += 1;
            }
        }
        assert!(counted > 10, "{counted}");
    }

    #[test]
    fn only_an_exact_clock_is_out_of_reach() {
        let every = |noise: fn(i64) -> i64| by_seconds((0..28).map(|n| n * 30 + noise(n)));
        assert!(is_out_of_reach(&every(|_| 0), 200) && is_out_of_reach(&every(|n| i64::from(n == 7)), 200));
        assert!(!is_out_of_reach(&every(|n| n * n % 13), 200));
        assert!(!is_out_of_reach(&by_seconds((0..5).map(|n| n * 3)), 200), "chance does that");
    }

    #[test]
    fn a_clock_is_beyond_any_doubt_and_a_process_that_always_connects_is_not() {
        assert!(p_value(&by_seconds((0..20).map(|n| n * 60)), 1e-15).is_some());
        assert_eq!(p_value(&by_seconds(0..60), 0.99), None);
    }

    #[test]
    fn a_dozen_check_ins_with_jitter_need_no_drawing() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let few = (0..100).filter(|_| {
            let mut at = 0;
            let starts = (0..12).map(|_| {
                at += 48_000_000 + i64::from(rng.next_u32() % 24_000_000);
                at
            });
            p_value(&Arrivals::exactly(&starts.collect::<Vec<_>>()).unwrap(), 5e-4).is_some()
        });
        assert!(few.count() >= 90);
    }

    #[test]
    fn hostile_lengths_end() {
        let starts: Vec<i64> = (0..64).map(|n| n * n * n * 10_000_000_000).collect();
        let pair = Arrivals::by_ticks(&starts, 0, 1_000_000).unwrap();
        assert_eq!(p_value(&pair, 0.01), None);
    }
}
