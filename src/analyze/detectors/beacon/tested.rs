//! The candidates of all windows, as far as something can still come of them.
//!
//! A recording of weeks has several windows for each day, and most pairs occur in all of them. Most candidates miss a
//! threshold, whatever their p-value is: they count as tests, and only the clearest of each pair is kept to be shown.

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
    open: Vec<(usize, Candidate<'a>)>,
    /// Of the others, the one with the smallest p-value of each pair.
    clearest: Vec<(usize, Candidate<'a>)>,
    /// Their places, by [`Candidate::key`].
    places: Index,
}

impl<'a> Tested<'a> {
    /// Adds the candidates of a window. What is not regular enough, or of too short a period, gets its p-value at once.
    pub(super) fn add(
        &mut self,
        candidates: Vec<Candidate<'a>>,
        seed: u64,
        is_reportable: impl Fn(&Candidate<'a>) -> bool,
        is_regular_enough: impl Fn(&Candidate<'a>) -> bool,
    ) {
        let first = self.p_values.len();
        self.is_reportable.extend(candidates.iter().map(is_reportable));
        let judged = candidates.iter().zip(&self.is_reportable[first..]);
        let matters: Vec<bool> =
            judged.map(|(candidate, is_reportable)| *is_reportable && is_regular_enough(candidate)).collect();
        let missing: Vec<Asked<'_>> = (first..)
            .zip(&candidates)
            .zip(&matters)
            .filter(|(_, matters)| !**matters)
            .map(|((number, candidate), _)| Asked { arrivals: &candidate.arrivals, number })
            .collect();
        let mut p_values = null_model::coarse_p_values(&missing, seed).into_iter();
        for ((number, mut candidate), matters) in (first..).zip(candidates).zip(matters) {
            if matters {
                self.p_values.push(1.0);
                self.open.push((number, candidate));
                continue;
            }
            candidate.p_value = p_values.next().unwrap_or(1.0);
            self.p_values.push(candidate.p_value);
            self.take_clearest(number, candidate);
        }
    }

    fn take_clearest(&mut self, number: usize, candidate: Candidate<'a>) {
        let Self { clearest, places, .. } = self;
        let key = candidate.key();
        match places.find(&key, |at| clearest[at].1.key() == key) {
            Some(at) if clearest[at].1.p_value <= candidate.p_value => {}
            Some(at) => clearest[at] = (number, candidate),
            None => {
                clearest.push((number, candidate));
                places.insert(&key, clearest.len() - 1, |at| clearest[at].1.key());
            }
        }
    }

    /// Tests those that are open: all that are kept, with their p-values and q-values, in the order in which they were added.
    pub(super) fn finish(mut self, seed: u64, max_q: f64) -> Vec<Candidate<'a>> {
        let asked: Vec<Asked<'_>> =
            self.open.iter().map(|(number, c)| Asked { arrivals: &c.arrivals, number: *number }).collect();
        let tests = self.is_reportable.iter().filter(|is_reportable| **is_reportable).count();
        let open = null_model::p_values(&asked, tests, seed, max_q);
        for ((number, candidate), p_value) in self.open.iter_mut().zip(open) {
            candidate.p_value = p_value;
            self.p_values[*number] = p_value;
        }
        let q_values = self.q_values();
        let mut kept = self.open;
        kept.append(&mut self.clearest);
        kept.sort_unstable_by_key(|(number, _)| *number);
        let judged = |(number, candidate)| Candidate { q_value: q_values[number], ..candidate };
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
