//! The filter language: which connections to look at, the same in every command.
//!
//! ```text
//! process:curl port:443 state:ESTABLISHED remote:10.0.0.0/8 -user:root bytes>1M "some words"
//! ```
//!
//! Words are joined by *and*; alternatives stand in one word (`port:80,443`); a word with `-`
//! before it must not hold. [`fields::FIELDS`] is the one list of what can be asked, which
//! drives the parser, its advice and the help. What is not known matches nothing but `none`.

mod fields;
mod parse;
mod pattern;
mod value;

use std::fmt;
use std::str::FromStr;

use self::fields::Test;
use crate::capture::Row;

/// Words that one expression may have.
const MOST_TERMS: usize = 32;

/// An expression of the filter language.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

/// One word of an expression.
#[derive(Debug, Clone)]
struct Term {
    /// Whether it must not hold.
    is_negated: bool,
    test: Test,
}

/// Why a text is no expression, and which part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// In words.
    pub reason: String,
    /// The text.
    text: String,
    /// First and last character of the part that is meant, from 0; the last one is not included.
    span: (usize, usize),
}

/// Which words of an expression have held for the rows of one connection so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits(u32);

impl Filter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a row fits.
    pub fn matches(&self, row: &Row) -> bool {
        self.terms.iter().all(|term| term.test.holds(row) != term.is_negated)
    }

    /// Adds what holds for one more row of a connection.
    pub fn add(&self, hits: &mut Hits, row: &Row) {
        for (index, term) in self.terms.iter().enumerate() {
            let bit = 1 << index;
            if hits.0 & bit == 0 && term.test.holds(row) {
                hits.0 |= bit;
            }
        }
    }

    /// Whether a connection fits: every word held for one of its rows, and what must not hold
    /// held for none.
    pub fn selects(&self, hits: Hits) -> bool {
        self.terms.iter().enumerate().all(|(index, term)| (hits.0 & 1 << index != 0) != term.is_negated)
    }
}

/// The fields that an expression can ask for, each with its other names and its meaning.
pub fn help() -> impl Iterator<Item = (String, &'static str)> {
    fields::FIELDS.iter().map(|field| (field.names.join(", "), field.meaning))
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = self.span;
        let one_line: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let marks = "^".repeat(end.saturating_sub(start).max(1));
        write!(f, "{}\n  {one_line}\n  {}{marks}", self.reason, " ".repeat(start))
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests;
