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
    /// Those that may be found, whose p-values are still unknown.
    open: Vec<(usize, Candidate<'a>)>,
    /// Of the others, the one with the smallest p-value of each pair.
    clearest: Vec<(usize, Candidate<'a>)>,
    /// Their places, by [`Candidate::key`].
    places: Index,
}

impl<'a> Tested<'a> {
    /// Adds the candidates of a window. What is not regular enough gets its p-value at once.
    pub(super) fn add(
        &mut self,
        candidates: Vec<Candidate<'a>>,
        seed: u64,
        is_regular_enough: impl Fn(&Candidate<'a>) -> bool,
    ) {
        let first = self.p_values.len();
        let matters: Vec<bool> = candidates.iter().map(is_regular_enough).collect();
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
        let open = null_model::p_values(&asked, self.p_values.len(), seed, max_q);
        for ((number, candidate), p_value) in self.open.iter_mut().zip(open) {
            candidate.p_value = p_value;
            self.p_values[*number] = p_value;
        }
        let q_values = null_model::q_values(&self.p_values);
        let mut kept = self.open;
        kept.append(&mut self.clearest);
        kept.sort_unstable_by_key(|(number, _)| *number);
        let judged = |(number, candidate)| Candidate { q_value: q_values[number], ..candidate };
        kept.into_iter().map(judged).collect()
    }
}
