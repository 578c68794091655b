//! The candidates of all windows, as far as something can still come of them.
//!
//! A recording of weeks has several windows for each day, and most pairs occur in all of them. Most candidates miss a
//! threshold, whatever their p-value is: they count as tests, and only the clearest of each pair is kept to be shown.

use std::mem;

use super::arrivals::Arrivals;
use super::candidate::Candidate;
use super::null_model::{self, Asked};
use crate::model::index::Index;

/// Every candidate so far, by its number.
#[derive(Default)]
pub(super) struct Tested<'a> {
    p_values: Vec<f64>,
    /// Whether its period is long enough to be reported. The others are a family of tests of their own: there are
    /// real clocks of seconds inside connections, by the thousand in a busy recording, and as discoveries among the same
    /// tests they would pay for as many false ones.
    is_reportable: Vec<bool>,
    /// Those that may be found, whose p-values are still unknown.
    open: Vec<(usize, Candidate<'a>, Arrivals)>,
    /// Of the others, the one with the smallest p-value of each pair.
    /// In boxes, as a vector that grows has room for as many again.
    clearest: Vec<(usize, Box<Candidate<'a>>)>,
    /// Their places, by [`Candidate::key`].
    places: Index,
}

/// What is known of a candidate without its p-value.
pub(super) struct Judged {
    pub(super) is_reportable: bool,
    pub(super) is_regular_enough: bool,
}

/// Candidates that are measured before they are tested: enough for all cores, and few enough to take little memory.
const TOGETHER: usize = 1 << 12;

impl<'a> Tested<'a> {
    /// Adds the candidates of a window. What is not regular enough, or of too short a period, gets its p-value at once.
    pub(super) fn add(
        &mut self,
        candidates: impl Iterator<Item = (Candidate<'a>, Arrivals)>,
        seed: u64,
        judge: impl Fn(&Candidate<'a>) -> Judged,
    ) {
        let mut missing = Vec::new();
        for (candidate, arrivals) in candidates {
            let number = self.p_values.len();
            self.p_values.push(1.0);
            let judged = judge(&candidate);
            self.is_reportable.push(judged.is_reportable);
            if judged.is_reportable && judged.is_regular_enough {
                self.open.push((number, candidate, arrivals));
                continue;
            }
            missing.push((number, candidate, arrivals));
            if missing.len() == TOGETHER {
                self.add_missing(mem::take(&mut missing), seed);
            }
        }
        self.add_missing(missing, seed);
    }

    /// Tests those that miss a threshold.
    fn add_missing(&mut self, missing: Vec<(usize, Candidate<'a>, Arrivals)>, seed: u64) {
        let asked: Vec<Asked<'_>> = missing.iter().map(asked).collect();
        let p_values = null_model::coarse_p_values(&asked, seed);
        for ((number, mut candidate, _), p_value) in missing.into_iter().zip(p_values) {
            candidate.p_value = p_value;
            self.p_values[number] = p_value;
            self.take_clearest(number, candidate);
        }
    }

    fn take_clearest(&mut self, number: usize, candidate: Candidate<'a>) {
        let Self { clearest, places, .. } = self;
        let key = candidate.key();
        match places.find(&key, |at| clearest[at].1.key() == key) {
            Some(at) if clearest[at].1.p_value <= candidate.p_value => {}
            Some(at) => clearest[at] = (number, Box::new(candidate)),
            None => {
                clearest.push((number, Box::new(candidate)));
                places.insert(&key, clearest.len() - 1, |at| clearest[at].1.key());
            }
        }
    }

    /// Tests those that are open: all that are kept, with their p-values and q-values, in the order in which they were added.
    pub(super) fn finish(mut self, seed: u64, max_q: f64) -> Vec<Candidate<'a>> {
        let asked: Vec<Asked<'_>> = self.open.iter().map(asked).collect();
        let tests = self.is_reportable.iter().filter(|is_reportable| **is_reportable).count();
        let open = null_model::p_values(&asked, tests, seed, max_q);
        for ((number, candidate, _), p_value) in self.open.iter_mut().zip(open) {
            candidate.p_value = p_value;
            self.p_values[*number] = p_value;
        }
        let q_values = self.q_values();
        let open = self.open.into_iter().map(|(number, candidate, _)| (number, Box::new(candidate)));
        let mut kept: Vec<_> = open.chain(self.clearest).collect();
        kept.sort_unstable_by_key(|(number, _)| *number);
        let judged =
            |(number, candidate): (usize, Box<_>)| Candidate { q_value: q_values[number], ..*candidate };
        kept.into_iter().map(judged).collect()
    }

    /// Of every candidate, within its family.
    fn q_values(&self) -> Vec<f64> {
        let mut q_values = vec![1.0; self.p_values.len()];
        for family in [true, false] {
            let members: Vec<usize> =
                (0..self.p_values.len()).filter(|at| self.is_reportable[*at] == family).collect();
            let p_values: Vec<f64> = members.iter().map(|at| self.p_values[*at]).collect();
            for (at, q_value) in members.into_iter().zip(null_model::q_values(&p_values)) {
                q_values[at] = q_value;
            }
        }
        q_values
    }
}

fn asked<'s>((number, _, arrivals): &'s (usize, Candidate<'_>, Arrivals)) -> Asked<'s> {
    Asked { arrivals, number: *number }
}
