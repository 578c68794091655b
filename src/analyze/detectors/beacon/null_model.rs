//! How often would arrivals at the same rate, without a period, look as regular?
//!
//! A pair is seen as the distinct steps of time at which it opened connections (see
//! [`super::arrivals`]). Under the null hypothesis of arrivals without memory (Poisson), given
//! the first and last of these steps and their number, those between are a random choice without
//! replacement. The p-value is the share of such choices that are at least as regular, by Monte
//! Carlo with a stopping rule (Besag & Clifford 1991). As the choices are made of steps, the
//! coarseness of the recording is part of the null: a process that connects at every tick is no
//! surprise. So is the rule that what follows within a moment is one start: after each start the
//! choice leaves out the steps in which there could be none. Where a bound shows that drawing would not
//! find a choice as regular (see [`super::bound`]), the bound is the p-value, and none is drawn.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::arrivals::{Arrivals, is_spread_at_most};
use super::{bound, few};
use crate::parallel;

/// Choices as regular as the observation after which a pair is given up.
const ENOUGH: u64 = 10;

/// Choices that every pair gets; most that chance made are given up by then.
const FIRST_ROUND: u64 = 200;

/// Choices to which pairs get even if fewer would do, for a p-value of three digits, as long as
/// they cost no more than this many choices altogether.
const PRECISE: u64 = 2_000;
const CHEAP: u64 = 500_000;

/// Choices that a pair gets at most; more pairs than this over 100 cannot all be resolved.
const LAST_ROUND: u64 = 1_000_000;

/// A pair whose p-value is asked for.
pub(super) struct Asked<'a> {
    pub(super) arrivals: &'a Arrivals,
    /// Its number among all pairs, from which its choices follow.
    pub(super) number: usize,
}

/// The p-values of pairs on which nothing hangs, because they miss another threshold: no more than the first round.
pub(super) fn coarse_p_values(pairs: &[Asked<'_>], seed: u64) -> Vec<f64> {
    parallel::map(pairs, |pair| {
        if bound::is_out_of_reach(pair.arrivals, FIRST_ROUND) {
            return p_value_of(0, FIRST_ROUND);
        }
        Trial::new(pair, seed).to(FIRST_ROUND).p_value()
    })
}

/// The p-values of some of `of_all` pairs, precise enough to control the false discovery rate of all at `max_q`.
///
/// First come bounds: what they put below `max_q` whatever the other pairs are is settled. Then rounds
/// with more and more choices, each only for the pairs that the one before left open:
/// with `n` pairs of which `k` are periodic, a little over `n / (k max_q)` resolve them.
pub(super) fn p_values(pairs: &[Asked<'_>], of_all: usize, seed: u64, max_q: f64) -> Vec<f64> {
    let sure = (max_q / of_all as f64).min(1.0 / PRECISE as f64);
    let mut replicates = FIRST_ROUND;
    let mut trials = parallel::map(pairs, |pair| Trial::new(pair, seed).bounded(sure).to(replicates));
    let bounded = trials.iter().filter(|trial| trial.bound.is_some()).count();
    loop {
        let is_open = |pair: &usize| !trials[*pair].is_settled();
        let open: Vec<usize> = (0..trials.len()).filter(is_open).collect();
        // Of the open pairs, some are only lucky so far: those that chance has never matched count.
        let unmatched = open.iter().filter(|pair| trials[**pair].as_regular == 0).count();
        let needed = replicates_for(bounded + unmatched, open.len(), of_all, max_q);
        if open.is_empty() || needed <= replicates {
            return trials.iter().map(Trial::p_value).collect();
        }
        replicates = needed;
        let continued = parallel::map(&open, |pair| trials[*pair].clone().to(replicates));
        for (pair, trial) in open.into_iter().zip(continued) {
            trials[pair] = trial;
        }
    }
}

/// Choices that `open` of `pairs` pairs need, where chance has not matched `unmatched` yet, or
/// get because they are cheap.
fn replicates_for(unmatched: usize, open: usize, pairs: usize, max_q: f64) -> u64 {
    let needed = (1.5 * pairs as f64 / (max_q * unmatched.max(1) as f64)).ceil();
    let needed = needed.min(LAST_ROUND as f64) as u64;
    needed.max(PRECISE.min(CHEAP / open.max(1) as u64))
}

/// How a pair compares with chance so far.
#[derive(Clone)]
struct Trial<'a> {
    pair: &'a Arrivals,
    /// As long as it may go on: it is as long as all the rest ten times over, and most pairs need it no more.
    rng: Option<Box<ChaCha8Rng>>,
    observed: f64,
    done: u64,
    as_regular: u64,
    /// What the p-value is at most, where that is enough.
    bound: Option<f64>,
}

impl<'a> Trial<'a> {
    fn new(asked: &Asked<'a>, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(asked.number as u64);
        let rng = Some(Box::new(rng));
        let pair = asked.arrivals;
        Self { pair, rng, observed: pair.spread() + 1e-12, done: 0, as_regular: 0, bound: None }
    }

    /// Settles the pair if its p-value is at most `sure`.
    fn bounded(self, sure: f64) -> Self {
        Self { bound: bound::p_value(self.pair, sure), ..self }
    }

    /// Goes on to this many choices, or until it is settled.
    fn to(mut self, replicates: u64) -> Self {
        let Some(mut rng) = self.rng.take() else { return self };
        let mut null = Null::new(self.pair);
        while self.done < replicates && !self.is_settled() {
            self.as_regular += u64::from(null.is_as_regular(self.observed, &mut rng));
            self.done += 1;
        }
        if self.is_settled() { self } else { Self { rng: Some(rng), ..self } }
    }

    /// Whether more choices would not change what is made of it.
    fn is_settled(&self) -> bool {
        self.bound.is_some() || self.as_regular >= ENOUGH
    }

    /// The share that is as regular; where the number of choices was given and not that of
    /// the regular ones, the observation counts as one of them (Besag & Clifford 1991).
    fn p_value(&self) -> f64 {
        if let Some(bound) = self.bound {
            bound
        } else if self.is_settled() {
            self.as_regular as f64 / self.done as f64
        } else {
            p_value_of(self.as_regular, self.done)
        }
    }
}

/// The p-value where some of a given number of choices are as regular.
fn p_value_of(as_regular: u64, choices: u64) -> f64 {
    (as_regular + 1) as f64 / (choices + 1) as f64
}

/// Random choices of steps between a first and a last one.
struct Null {
    /// One bit per step from the first to the last, without those in which no start can be.
    marks: Vec<u64>,
    gaps: Vec<u32>,
    length: u32,
    /// Steps after each start that are left out.
    left_out: u32,
    /// Steps to mark by chance: those of starts, or those without, whichever are fewer.
    drawn: usize,
    are_starts_drawn: bool,
}

impl Null {
    fn new(pair: &Arrivals) -> Self {
        let (starts, left_out) = (pair.len() - 2, pair.smallest_gap() - 1);
        // No gap is shorter than the smallest, so that at least one step of each remains.
        let length = pair.length() - left_out * (pair.len() as u32 - 1);
        let others = length as usize - 1 - starts;
        Self {
            marks: vec![0; length as usize / 64 + 1],
            gaps: Vec::with_capacity(pair.len()),
            length,
            left_out,
            drawn: starts.min(others),
            are_starts_drawn: starts <= others,
        }
    }

    /// Whether the spread of one random choice is at most the one observed.
    fn is_as_regular(&mut self, observed: f64, rng: &mut ChaCha8Rng) -> bool {
        let is_few = self.are_starts_drawn && self.drawn < few::FEW && self.length < few::MOST_STEPS;
        if !is_few {
            return self.is_as_regular_by_marks(observed, rng);
        }
        let inner = self.length - 1;
        few::is_as_regular(self.drawn, (self.length, self.left_out), observed, || any_step(inner, rng))
    }

    fn is_as_regular_by_marks(&mut self, observed: f64, rng: &mut ChaCha8Rng) -> bool {
        self.marks.fill(if self.are_starts_drawn { 0 } else { u64::MAX });
        let mut left = self.drawn;
        while left > 0 {
            let step = any_step(self.length - 1, rng) as usize;
            let bit = 1 << (step % 64);
            let is_start = self.marks[step / 64] & bit != 0;
            // A step that is drawn twice is drawn again, which keeps all choices equally likely.
            if is_start != self.are_starts_drawn {
                self.marks[step / 64] ^= bit;
                left -= 1;
            }
        }
        self.set(0, false);
        self.set(self.length, true);
        self.read_gaps();
        is_spread_at_most(&mut self.gaps, observed)
    }

    fn set(&mut self, step: u32, is_start: bool) {
        let bit = 1 << (step % 64);
        let word = &mut self.marks[step as usize / 64];
        *word = if is_start { *word | bit } else { *word & !bit };
    }

    /// The gaps between marked steps, from step 0 to the last, with what was left out.
    fn read_gaps(&mut self) {
        self.gaps.clear();
        let mut before = 0;
        for (number, word) in self.marks.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let step = number as u32 * 64 + rest.trailing_zeros();
                if step > self.length {
                    return;
                }
                self.gaps.push(step - before + self.left_out);
                before = step;
                rest &= rest - 1;
            }
        }
    }
}

/// A random one of the steps from 1 to `inner`.
fn any_step(inner: u32, rng: &mut ChaCha8Rng) -> u32 {
    1 + ((u64::from(rng.next_u32()) * u64::from(inner)) >> 32) as u32
}

/// The p-values of tests that are one family: how often each occurs. Few differ, of however many tests.
#[derive(Default)]
pub(super) struct Family {
    /// By the bits of the p-value, which are in its order, as none is negative.
    counts: BTreeMap<u64, usize>,
}

impl Family {
    /// Adds the p-value of a test.
    pub(super) fn add(&mut self, p_value: f64) {
        *self.counts.entry(p_value.to_bits()).or_default() += 1;
    }

    /// Benjamini and Hochberg's q-values (1995) by p-value: the smallest false discovery rate at which a test would be
    /// called a discovery. That of a p-value that was not added is 1.
    pub(super) fn q_values(&self) -> impl Fn(f64) -> f64 {
        let tests: usize = self.counts.values().sum();
        let mut q_values: BTreeMap<u64, f64> = BTreeMap::new();
        let (mut above, mut smallest) = (0, 1.0_f64);
        for (bits, count) in self.counts.iter().rev() {
            let rank = (tests - above) as f64;
            smallest = smallest.min(f64::from_bits(*bits) * tests as f64 / rank);
            q_values.insert(*bits, smallest);
            above += count;
        }
        move |p_value| q_values.get(&p_value.to_bits()).copied().unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::by_seconds;
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    /// Arrivals without memory at the tick, `rate` a second for `seconds`.
    fn poisson(rng: &mut ChaCha8Rng, rate: f64, seconds: f64) -> Option<Arrivals> {
        let (mut at, mut starts) = (0.0, Vec::new());
        loop {
            let uniform = (f64::from(rng.next_u32()) + 1.0) / (f64::from(u32::MAX) + 2.0);
            at -= uniform.ln() / rate;
            if at > seconds {
                return Arrivals::by_ticks(&starts, 0, SECOND_US);
            }
            // A snapshot sees it at the next tick.
            starts.push(at.ceil() as i64 * SECOND_US);
        }
    }

    /// Arrivals without memory whose starts events tell.
    fn exact_poisson(rng: &mut ChaCha8Rng, rate: f64, seconds: f64) -> Option<Arrivals> {
        let (mut at, mut starts) = (0.0, Vec::new());
        loop {
            let uniform = (f64::from(rng.next_u32()) + 1.0) / (f64::from(u32::MAX) + 2.0);
            at -= uniform.ln() / rate;
            if at > seconds {
                return Arrivals::exactly(&starts);
            }
            starts.push((at * 1e6) as i64);
        }
    }

    fn asked(pairs: &[Arrivals]) -> Vec<Asked<'_>> {
        pairs.iter().enumerate().map(|(number, arrivals)| Asked { arrivals, number }).collect()
    }

    /// The p-values of pairs of which each matters.
    fn p_values_of(pairs: &[Arrivals], seed: u64) -> Vec<f64> {
        p_values(&asked(pairs), pairs.len(), seed, 0.01)
    }

    #[test]
    fn a_clock_has_the_coarse_p_value_of_its_choices_without_them() {
        let clocks: Vec<Arrivals> =
            (6..40).map(|gap| by_seconds((0..28).map(|n| n * gap + n / 27))).collect();
        let drawn = asked(&clocks)
            .iter()
            .map(|pair| Trial::new(pair, 1).to(FIRST_ROUND).p_value())
            .collect::<Vec<_>>();
        assert!(clocks.iter().all(|clock| bound::is_out_of_reach(clock, FIRST_ROUND)));
        assert_eq!(coarse_p_values(&asked(&clocks), 1), drawn);
    }

    #[test]
    fn p_values_of_chance_are_uniform_at_every_rate() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        for (rate, seconds) in [(0.5, 60.0), (0.1, 300.0), (0.02, 3_600.0)] {
            let pairs: Vec<Arrivals> = (0..400).filter_map(|_| poisson(&mut rng, rate, seconds)).collect();
            let p = p_values_of(&pairs, 1);
            let share = |below: f64| p.iter().filter(|p| **p <= below).count() as f64 / p.len() as f64;
            // Four binomial standard deviations; ties of the coarse statistic only lower it.
            assert!(share(0.05) < 0.05 + 0.044, "rate {rate}: {}", share(0.05));
            assert!(share(0.5) < 0.5 + 0.1, "rate {rate}: {}", share(0.5));
        }
    }

    #[test]
    fn p_values_of_exact_chance_are_uniform_although_a_moment_is_one_start() {
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        for (rate, seconds) in [(3.0, 20.0), (1.0, 40.0), (0.1, 300.0), (0.02, 3_600.0)] {
            let pairs: Vec<Arrivals> =
                (0..400).filter_map(|_| exact_poisson(&mut rng, rate, seconds)).collect();
            let p = p_values_of(&pairs, 1);
            let share = |below: f64| p.iter().filter(|p| **p <= below).count() as f64 / p.len() as f64;
            // Four binomial standard deviations.
            assert!(share(0.05) < 0.05 + 0.044, "rate {rate}: {}", share(0.05));
            assert!((share(0.5) - 0.5).abs() < 0.1, "rate {rate}: {}", share(0.5));
        }
    }

    #[test]
    fn a_thousand_pairs_of_chance_give_no_discovery() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let pairs: Vec<Arrivals> = (0..1_000).filter_map(|_| poisson(&mut rng, 0.05, 600.0)).collect();
        let q = q_values(&p_values_of(&pairs, 1));
        assert!(q.iter().filter(|q| **q <= 0.01).count() <= 10, "more than 1 % of {}", q.len());
    }

    #[test]
    fn one_clock_among_a_thousand_pairs_is_resolved() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut pairs: Vec<Arrivals> = (0..1_000).filter_map(|_| poisson(&mut rng, 0.05, 600.0)).collect();
        pairs.push(by_seconds((0..30).map(|n| n * 20)));
        let q = q_values(&p_values_of(&pairs, 1));
        assert!(*q.last().unwrap() <= 0.01, "{:?}", q.last());
    }

    #[test]
    fn a_process_that_connects_at_every_tick_is_no_surprise() {
        let p = p_values_of(&[by_seconds(0..60)], 1);
        assert!(p[0] > 0.99, "{p:?}");
    }

    #[test]
    fn a_random_choice_has_as_many_starts_and_the_same_span() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for ticks in [vec![0, 9, 70, 640], (0..60).chain([62, 64]).collect(), (0..40).collect()] {
            let pair = by_seconds(ticks.clone());
            let mut null = Null::new(&pair);
            for _ in 0..50 {
                null.is_as_regular_by_marks(0.0, &mut rng);
                assert_eq!(null.gaps.len(), ticks.len() - 1);
                assert_eq!(null.gaps.iter().sum::<u32>(), pair.length());
                assert!(null.gaps.iter().all(|gap| *gap > 0));
            }
        }
    }

    #[test]
    fn few_starts_are_chosen_as_many_are() {
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        let mut regular = 0;
        for starts in 4..=few::FEW as i64 + 1 {
            for ticks in [
                (0..starts).map(|n| n * 9 + n % 3).collect::<Vec<_>>(),
                (0..starts).map(|n| n * n * 40).collect(),
            ] {
                let pair = by_seconds(ticks);
                let mut null = Null::new(&pair);
                let mut same = rng.clone();
                for limit in (0..200).map(|n| f64::from(n) / 200.0) {
                    let by_marks = null.is_as_regular_by_marks(limit, &mut same);
                    assert_eq!(null.is_as_regular(limit, &mut rng), by_marks, "{starts} {limit}");
                    regular += u32::from(by_marks);
                }
            }
        }
        assert!(regular > 100, "{regular}");
    }

    #[test]
    fn a_lucky_pair_of_chance_does_not_keep_a_clock_from_being_resolved() {
        // 21 pairs, two of them open: 2,000 choices would give the clock a q-value of 0.0105.
        assert_eq!(replicates_for(1, 2, 21, 0.01), 3_150);
    }

    #[test]
    fn rounds_go_on_where_the_one_before_ended() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        for pair in (0..20).filter_map(|_| poisson(&mut rng, 0.1, 300.0)) {
            let asked = Asked { arrivals: &pair, number: 7 };
            let at_once = Trial::new(&asked, 1).to(500);
            let in_rounds = Trial::new(&asked, 1).to(1).to(40).to(500);
            assert_eq!((at_once.done, at_once.as_regular), (in_rounds.done, in_rounds.as_regular));
        }
    }

    #[test]
    fn few_pairs_are_resolved_finely_and_many_as_far_as_is_needed() {
        assert_eq!(replicates_for(1, 1, 10, 0.01), PRECISE);
        assert_eq!(replicates_for(1, 1, 1_000, 0.01), 150_000);
        assert_eq!(replicates_for(1_000, 1_000, 6_000, 0.01), 900);
        assert_eq!(replicates_for(0, 0, usize::MAX, 1e-9), LAST_ROUND);
    }

    #[test]
    fn the_same_seed_gives_the_same_p_values() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let pairs: Vec<Arrivals> = (0..20).filter_map(|_| poisson(&mut rng, 0.1, 300.0)).collect();
        assert_eq!(p_values_of(&pairs, 3), p_values_of(&pairs, 3));
    }

    fn q_values(p_values: &[f64]) -> Vec<f64> {
        let mut family = Family::default();
        for p_value in p_values {
            family.add(*p_value);
        }
        let q_value = family.q_values();
        p_values.iter().map(|p_value| q_value(*p_value)).collect()
    }

    #[test]
    fn q_values_of_the_textbook() {
        let q = q_values(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.02, 0.04, 0.04, 0.02];
        assert!(q.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{q:?}");
        assert!(q_values(&[]).is_empty());
    }

    #[test]
    fn tests_with_the_same_p_value_have_the_q_value_of_the_last_of_them() {
        assert_eq!(q_values(&[0.5, 0.01, 0.01, 0.5]), [0.5, 0.02, 0.02, 0.5]);
        assert!(Family::default().q_values()(0.01) >= 1.0, "of no test");
    }
}
