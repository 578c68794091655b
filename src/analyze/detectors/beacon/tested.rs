//! The candidates of all windows, as far as something can still come of them.
//!
//! A recording of weeks has several windows for each day, and most pairs occur in all of them. Most candidates miss a
//! threshold, whatever their p-value is: they count as tests, and only the clearest of each pair is kept to be shown.

use std::mem;

use super::arrivals::Arrivals;
use super::candidate::Candidate;
use super::null_model::{self, Asked, Family};
use crate::model::index::Index;

/// Every candidate so far, by its number.
#[derive(Default)]
pub(super) struct Tested<'a> {
    /// How many there were.
    number: usize,
    /// The p-values of those whose period is long enough to be reported, but of the open ones.
    reportable: Family,
    /// How many are long enough.
    reportable_tests: usize,
    /// The p-values of the others, which are a family of tests of their own: there are real clocks of seconds inside
    /// connections, by the thousand in a busy recording, and as discoveries among the same tests they would pay for
    /// as many false ones.
    too_short: Family,
    /// Those that may be found, whose p-values are still unknown; all are long enough.
    open: Vec<(usize, Candidate<'a>, Arrivals)>,
    /// Of the others, the one with the smallest p-value of each pair, and whether it is long enough. In boxes, as a
    /// vector that grows has room for as many again.
    clearest: Vec<(usize, bool, Box<Candidate<'a>>)>,
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
            let (number, judged) = (self.number, judge(&candidate));
            self.number += 1;
            self.reportable_tests += usize::from(judged.is_reportable);
            if judged.is_reportable && judged.is_regular_enough {
                self.open.push((number, candidate, arrivals));
                continue;
            }
            missing.push((judged.is_reportable, (number, candidate, arrivals)));
            if missing.len() == TOGETHER {
                self.add_missing(mem::take(&mut missing), seed);
            }
        }
        self.add_missing(missing, seed);
    }

    /// Tests those that miss a threshold, of which each is known to be long enough or not.
    fn add_missing(&mut self, missing: Vec<(bool, (usize, Candidate<'a>, Arrivals))>, seed: u64) {
        let asked: Vec<Asked<'_>> = missing.iter().map(|(_, candidate)| asked(candidate)).collect();
        let p_values = null_model::coarse_p_values(&asked, seed);
        for ((is_reportable, (number, mut candidate, _)), p_value) in missing.into_iter().zip(p_values) {
            candidate.p_value = p_value;
            if is_reportable { &mut self.reportable } else { &mut self.too_short }.add(p_value);
            self.take_clearest(number, is_reportable, candidate);
        }
    }

    fn take_clearest(&mut self, number: usize, is_reportable: bool, candidate: Candidate<'a>) {
        let Self { clearest, places, .. } = self;
        let key = candidate.key();
        match places.find(&key, |at| clearest[at].2.key() == key) {
            Some(at) if clearest[at].2.p_value <= candidate.p_value => {}
            Some(at) => clearest[at] = (number, is_reportable, Box::new(candidate)),
            None => {
                clearest.push((number, is_reportable, Box::new(candidate)));
                places.insert(&key, clearest.len() - 1, |at| clearest[at].2.key());
            }
        }
    }

    /// Tests those that are open: all that are kept, with their p-values and q-values, in the order in which they were added.
    #[allow(
        clippy::vec_box,
        reason = "a candidate has hundreds of bytes, and to move many of them takes memory for two of each"
    )]
    pub(super) fn finish(mut self, seed: u64, max_q: f64) -> Vec<Box<Candidate<'a>>> {
        let asked: Vec<Asked<'_>> = self.open.iter().map(asked).collect();
        let open = null_model::p_values(&asked, self.reportable_tests, seed, max_q);
        let mut kept = self.clearest;
        for ((number, mut candidate, _), p_value) in self.open.into_iter().zip(open) {
            candidate.p_value = p_value;
            self.reportable.add(p_value);
            kept.push((number, true, Box::new(candidate)));
        }
        kept.sort_unstable_by_key(|(number, ..)| *number);
        let (reportable, too_short) = (self.reportable.q_values(), self.too_short.q_values());
        kept.into_iter()
            .map(|(_, is_reportable, mut candidate)| {
                let p_value = candidate.p_value;
                candidate.q_value = if is_reportable { reportable(p_value) } else { too_short(p_value) };
                candidate
            })
            .collect()
    }
}

fn asked<'s>((number, _, arrivals): &'s (usize, Candidate<'_>, Arrivals)) -> Asked<'s> {
    Asked { arrivals, number: *number }
}
