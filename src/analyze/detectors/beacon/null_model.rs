//! How often would arrivals at the same rate, without a period, look as regular?
//!
//! A pair is seen as the distinct ticks at which it opened connections. Under the null
//! hypothesis of arrivals without memory (Poisson), given the first and last of these ticks
//! and their number, those between are a random choice without replacement. The p-value
//! is the share of such choices that are at least as regular, by Monte Carlo with a stopping
//! rule (Besag & Clifford 1991). As the choices are made of ticks, the coarseness of the
//! recording is part of the null: a process that connects at every tick is no surprise.

use std::num::NonZero;
use std::thread;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The last starts of a pair that are looked at; more would cost time and decide nothing, as
/// the p-value of a clock with these is far below what many pairs ask for.
const MAX_STARTS: usize = 64;

/// Choices as regular as the observation after which a pair is given up.
const ENOUGH: u64 = 10;

/// Choices that every pair gets.
const FIRST_ROUND: u64 = 2_000;

/// Choices that a pair gets at most; more pairs than this over 100 cannot all be resolved.
const LAST_ROUND: u64 = 1_000_000;

/// The distinct ticks of a pair's starts, counted from the first; ascending.
#[derive(Debug)]
pub(super) struct Arrivals {
    ticks: Vec<u32>,
}

impl Arrivals {
    /// Of start times in ascending order and the time between ticks, both in µs; none if there
    /// are fewer than four distinct ones.
    pub(super) fn of(starts_us: &[i64], origin_us: i64, tick_us: i64) -> Option<Self> {
        // Rounded, not cut off: a snapshot is taken a little after its time, not always the same.
        let mut ticks: Vec<i64> =
            starts_us.iter().map(|start| (start - origin_us + tick_us / 2).div_euclid(tick_us)).collect();
        ticks.dedup();
        let ticks = &ticks[ticks.len().saturating_sub(MAX_STARTS)..];
        let first = *ticks.first()?;
        let ticks: Vec<u32> =
            ticks.iter().map(|tick| u32::try_from(tick - first)).collect::<Result<_, _>>().ok()?;
        (ticks.len() >= 4).then_some(Self { ticks })
    }

    /// How far gaps lie from their median: the mean of |gap − median| / median, each at most
    /// 1, so that a missed check-in counts as one, however long it is. 0 for a clock, about
    /// 0.6 for arrivals without memory.
    pub(super) fn spread(&self) -> f64 {
        spread(&mut gaps(&self.ticks))
    }

    fn length(&self) -> u32 {
        self.ticks.last().copied().unwrap_or(0)
    }
}

fn gaps(ticks: &[u32]) -> Vec<u32> {
    ticks.windows(2).map(|w| w[1] - w[0]).collect()
}

fn spread(gaps: &mut [u32]) -> f64 {
    let middle = gaps.len() / 2;
    let is_odd = gaps.len() % 2 == 1;
    let (below, upper, _) = gaps.select_nth_unstable(middle);
    let upper = f64::from(*upper);
    let lower = below.iter().max().map_or(upper, |lower| f64::from(*lower));
    let median = if is_odd { upper } else { f64::midpoint(lower, upper) };
    let sum: f64 = gaps.iter().map(|gap| ((f64::from(*gap) - median).abs() / median).min(1.0)).sum();
    sum / gaps.len() as f64
}

/// The p-value of every pair, precise enough to control the false discovery rate at `max_q`.
///
/// Rounds with more and more choices, each only for the pairs that the one before left open:
/// with `n` pairs of which `k` are periodic, a little over `n / (k max_q)` resolve them.
pub(super) fn p_values(pairs: &[&Arrivals], seed: u64, max_q: f64) -> Vec<f64> {
    let mut p_values = vec![1.0; pairs.len()];
    let mut open: Vec<usize> = (0..pairs.len()).collect();
    let mut replicates = FIRST_ROUND;
    while !open.is_empty() {
        let tested = in_parallel(&open, |pair| test(pairs[pair], seed, pair as u64, replicates));
        for (pair, outcome) in open.iter().zip(&tested) {
            p_values[*pair] = outcome.p_value;
        }
        open = open.iter().zip(&tested).filter(|(_, t)| !t.is_settled).map(|(pair, _)| *pair).collect();
        let needed = (1.5 * pairs.len() as f64 / (max_q * open.len().max(1) as f64)).ceil();
        let needed = (needed.min(LAST_ROUND as f64)) as u64;
        if needed <= replicates {
            break;
        }
        replicates = needed;
    }
    p_values
}

struct Test {
    p_value: f64,
    /// More choices would not change what is made of it.
    is_settled: bool,
}

fn test(pair: &Arrivals, seed: u64, stream: u64, replicates: u64) -> Test {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let observed = pair.spread() + 1e-12;
    let mut null = Null::of(pair);
    let mut as_regular = 0;
    for done in 1..=replicates {
        as_regular += u64::from(null.draw(&mut rng) <= observed);
        if as_regular >= ENOUGH {
            return Test { p_value: as_regular as f64 / done as f64, is_settled: true };
        }
    }
    Test { p_value: (as_regular + 1) as f64 / (replicates + 1) as f64, is_settled: false }
}

/// Random choices of ticks between a first and a last one.
struct Null {
    /// One bit per tick from the first to the last.
    marks: Vec<u64>,
    gaps: Vec<u32>,
    length: u32,
    /// Ticks to mark by chance: those of starts, or those without, whichever are fewer.
    drawn: usize,
    are_starts_drawn: bool,
}

impl Null {
    fn of(pair: &Arrivals) -> Self {
        let (length, starts) = (pair.length(), pair.ticks.len() - 2);
        let others = length as usize - 1 - starts;
        Self {
            marks: vec![0; length as usize / 64 + 1],
            gaps: Vec::with_capacity(pair.ticks.len()),
            length,
            drawn: starts.min(others),
            are_starts_drawn: starts <= others,
        }
    }

    /// The spread of one random choice.
    fn draw(&mut self, rng: &mut ChaCha8Rng) -> f64 {
        self.marks.fill(if self.are_starts_drawn { 0 } else { u64::MAX });
        let mut left = self.drawn;
        while left > 0 {
            let inner = u64::from(self.length - 1);
            let tick = 1 + ((u64::from(rng.next_u32()) * inner) >> 32) as usize;
            let bit = 1 << (tick % 64);
            let is_start = self.marks[tick / 64] & bit != 0;
            // A tick that is drawn twice is drawn again, which keeps all choices equally likely.
            if is_start != self.are_starts_drawn {
                self.marks[tick / 64] ^= bit;
                left -= 1;
            }
        }
        self.set(0, false);
        self.set(self.length, true);
        self.read_gaps();
        spread(&mut self.gaps)
    }

    fn set(&mut self, tick: u32, is_start: bool) {
        let bit = 1 << (tick % 64);
        let word = &mut self.marks[tick as usize / 64];
        *word = if is_start { *word | bit } else { *word & !bit };
    }

    /// The gaps between marked ticks, from tick 0 to the last.
    fn read_gaps(&mut self) {
        self.gaps.clear();
        let mut before = 0;
        for (number, word) in self.marks.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let tick = number as u32 * 64 + rest.trailing_zeros();
                if tick > self.length {
                    return;
                }
                self.gaps.push(tick - before);
                before = tick;
                rest &= rest - 1;
            }
        }
    }
}

/// Maps items on all cores; the order of the results is that of the items.
fn in_parallel<T: Send>(items: &[usize], work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let work = &work;
    let lanes: Vec<Vec<T>> = thread::scope(|scope| {
        let lane = |lane: usize| items.iter().skip(lane).step_by(threads).map(|item| work(*item)).collect();
        let handles: Vec<_> = (0..threads).map(|n| scope.spawn(move || lane(n))).collect();
        // A panic in a thread is a bug, and goes on as a panic here.
        handles.into_iter().map(|h| h.join().unwrap_or_else(|e| std::panic::resume_unwind(e))).collect()
    });
    let mut lanes: Vec<_> = lanes.into_iter().map(Vec::into_iter).collect();
    (0..items.len()).filter_map(|at| lanes[at % threads].next()).collect()
}

/// Benjamini and Hochberg's q-values (1995): the smallest false discovery rate at which each
/// p-value would be called a discovery.
pub(super) fn q_values(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut q_values = vec![1.0; p_values.len()];
    let mut smallest: f64 = 1.0;
    for (above, at) in order.into_iter().enumerate() {
        let rank = (p_values.len() - above) as f64;
        smallest = smallest.min(p_values[at] * p_values.len() as f64 / rank);
        q_values[at] = smallest;
    }
    q_values
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    fn arrivals(seconds: impl IntoIterator<Item = i64>) -> Arrivals {
        let starts: Vec<i64> = seconds.into_iter().map(|s| s * SECOND_US).collect();
        Arrivals::of(&starts, 0, SECOND_US).unwrap()
    }

    /// Arrivals without memory at the tick, `rate` a second for `seconds`.
    fn poisson(rng: &mut ChaCha8Rng, rate: f64, seconds: f64) -> Option<Arrivals> {
        let (mut at, mut starts) = (0.0, Vec::new());
        loop {
            let uniform = (f64::from(rng.next_u32()) + 1.0) / (f64::from(u32::MAX) + 2.0);
            at -= uniform.ln() / rate;
            if at > seconds {
                return Arrivals::of(&starts, 0, SECOND_US);
            }
            // A snapshot sees it at the next tick.
            starts.push(at.ceil() as i64 * SECOND_US);
        }
    }

    fn by_reference(pairs: &[Arrivals]) -> Vec<&Arrivals> {
        pairs.iter().collect()
    }

    #[test]
    fn spread_of_a_clock_of_missed_check_ins_and_of_chance() {
        assert!(arrivals((0..20).map(|n| n * 60)).spread() < 1e-9);
        let missed = arrivals((0..20).filter(|n| n % 7 != 3).map(|n| n * 60));
        assert!((missed.spread() - 3.0 / 16.0).abs() < 1e-9, "{}", missed.spread());
        let chance = poisson(&mut ChaCha8Rng::seed_from_u64(1), 0.02, 100_000.0).unwrap();
        assert!((0.5..0.75).contains(&chance.spread()), "{}", chance.spread());
    }

    #[test]
    fn jitter_of_the_snapshots_does_not_move_a_tick() {
        let starts = [0, 60_003_000, 119_998_000, 180_004_000];
        let arrivals = Arrivals::of(&starts, 0, SECOND_US).unwrap();
        assert_eq!(arrivals.ticks, [0, 60, 120, 180]);
    }

    #[test]
    fn p_values_of_chance_are_uniform_at_every_rate() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        for (rate, seconds) in [(0.5, 60.0), (0.1, 300.0), (0.02, 3_600.0)] {
            let pairs: Vec<Arrivals> = (0..400).filter_map(|_| poisson(&mut rng, rate, seconds)).collect();
            let p = p_values(&by_reference(&pairs), 1, 0.01);
            let share = |below: f64| p.iter().filter(|p| **p <= below).count() as f64 / p.len() as f64;
            // Four binomial standard deviations; ties of the coarse statistic only lower it.
            assert!(share(0.05) < 0.05 + 0.044, "rate {rate}: {}", share(0.05));
            assert!(share(0.5) < 0.5 + 0.1, "rate {rate}: {}", share(0.5));
        }
    }

    #[test]
    fn a_thousand_pairs_of_chance_give_no_discovery() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let pairs: Vec<Arrivals> = (0..1_000).filter_map(|_| poisson(&mut rng, 0.05, 600.0)).collect();
        let q = q_values(&p_values(&by_reference(&pairs), 1, 0.01));
        assert!(q.iter().filter(|q| **q <= 0.01).count() <= 10, "more than 1 % of {}", q.len());
    }

    #[test]
    fn one_clock_among_a_thousand_pairs_is_resolved() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut pairs: Vec<Arrivals> = (0..1_000).filter_map(|_| poisson(&mut rng, 0.05, 600.0)).collect();
        pairs.push(arrivals((0..30).map(|n| n * 20)));
        let q = q_values(&p_values(&by_reference(&pairs), 1, 0.01));
        assert!(*q.last().unwrap() <= 0.01, "{:?}", q.last());
    }

    #[test]
    fn a_process_that_connects_at_every_tick_is_no_surprise() {
        let p = p_values(&[&arrivals(0..60)], 1, 0.01);
        assert!(p[0] > 0.99, "{p:?}");
    }

    #[test]
    fn a_random_choice_has_as_many_starts_and_the_same_span() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for ticks in [vec![0, 9, 70, 640], (0..60).chain([62, 64]).collect(), (0..40).collect()] {
            let pair = arrivals(ticks.clone());
            let mut null = Null::of(&pair);
            for _ in 0..50 {
                null.draw(&mut rng);
                assert_eq!(null.gaps.len(), ticks.len() - 1);
                assert_eq!(null.gaps.iter().sum::<u32>(), pair.length());
                assert!(null.gaps.iter().all(|gap| *gap > 0));
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_p_values() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let pairs: Vec<Arrivals> = (0..20).filter_map(|_| poisson(&mut rng, 0.1, 300.0)).collect();
        assert_eq!(p_values(&by_reference(&pairs), 3, 0.01), p_values(&by_reference(&pairs), 3, 0.01));
    }

    #[test]
    fn q_values_of_the_textbook() {
        let q = q_values(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.02, 0.04, 0.04, 0.02];
        assert!(q.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{q:?}");
        assert!(q_values(&[]).is_empty());
    }

    #[test]
    fn hostile_times_are_no_arrivals() {
        assert!(Arrivals::of(&[i64::MIN / 4, 0, 1, i64::MAX / 4], 0, SECOND_US).is_none());
        assert!(Arrivals::of(&[], 0, SECOND_US).is_none());
    }
}
