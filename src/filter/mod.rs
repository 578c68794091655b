//! The filter language: which connections to look at, the same in every command.
//!
//! ```text
//! process:curl port:443 state:ESTABLISHED remote:10.0.0.0/8 -user:root bytes>1M "some words"
//! ```
//!
//! Words are joined by *and*, which need not be written, by *or*, and by parentheses; *and* binds
//! tighter. Alternatives of one field stand in one word (`port:80,443`); a word with `-` before it
//! must not hold. [`fields::FIELDS`] is the one list of what can be asked, which
//! drives the parser, its advice and the help. What is not known matches nothing but `none`.

mod expression;
mod fields;
mod grammar;
mod parse;
mod pattern;
mod value;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use self::expression::Expression;
use self::fields::Test;
use crate::capture::Row;
use crate::geo::Databases;

/// Words that one expression may have.
const MOST_TERMS: usize = 32;

/// An expression of the filter language.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Test>,
    expression: Expression,
    /// Where countries are looked up.
    geo: Option<Arc<Databases>>,
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

impl Filter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it asks for a country.
    pub fn asks_for_countries(&self) -> bool {
        self.terms.iter().any(|term| matches!(term, Test::Field(fields::Reads::Country, _)))
    }

    /// The same filter, with databases for the countries that it asks for. Without them no country
    /// is known.
    #[must_use]
    pub fn with_countries(self, geo: Arc<Databases>) -> Self {
        Self { geo: Some(geo), ..self }
    }

    /// Another filter with the databases of this one.
    #[must_use]
    pub fn with_same_countries(&self, other: Self) -> Self {
        Self { geo: self.geo.clone(), ..other }
    }

    /// Whether a row fits.
    pub fn matches(&self, row: &Row) -> bool {
        let geo = self.geo.as_deref();
        self.expression.holds(&|index| self.terms.get(index).is_some_and(|term| term.holds(row, geo)))
    }
}

/// The fields that an expression can ask for, each with its other names and its meaning.
pub fn help() -> impl Iterator<Item = (String, &'static str)> {
    fields::FIELDS.iter().map(|field| (field.names.join(", "), field.meaning))
}

/// A field of the language, for what evaluates expressions elsewhere: the page of a report.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FieldInfo {
    /// Its names, the main one first.
    pub names: &'static [&'static str],
    /// What kind of value it has: `text`, `word`, `number`, `address`, `port`, `country`.
    pub kind: &'static str,
    /// In what its numbers are written: `none`, `count`, `micros`, `percent`; none for other kinds.
    pub unit: Option<&'static str>,
    /// The values that a word can have.
    pub words: Vec<&'static str>,
    /// What it means, with an example.
    pub meaning: &'static str,
}

/// Every field, in the order of the help.
pub fn fields() -> impl Iterator<Item = FieldInfo> {
    fields::FIELDS.iter().map(fields::Field::info)
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        grammar::parse(text)
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
