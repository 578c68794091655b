//! The filter language, which selects connections in the same way in every command.
//!
//! ```text
//! process:curl port:443 state:ESTABLISHED remote:10.0.0.0/8 -user:root bytes>1M "some words"
//! ```
//!
//! Words are combined with *and*, which is implied, with *or*, and with parentheses; *and* binds
//! tighter. Alternatives of one field are written in one word (`port:80,443`); a word preceded by
//! `-` is negated. [`fields::FIELDS`] is the one list of fields, which drives the parser, its
//! suggestions and the help. Unknown values match only `none`.

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

/// Maximum number of words in an expression.
const MOST_TERMS: usize = 32;

/// An expression of the filter language.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Test>,
    expression: Expression,
    /// The databases for countries.
    geo: Option<Arc<Databases>>,
}

/// Why a text is not a valid expression, and where the error is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// A sentence.
    pub reason: String,
    /// The text.
    text: String,
    /// Range of the faulty part in characters, from 0; the end is excluded.
    span: (usize, usize),
}

impl Filter {
    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The text as given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it uses a country.
    pub fn asks_for_countries(&self) -> bool {
        self.terms.iter().any(|term| matches!(term, Test::Field(fields::Reads::Country, _)))
    }

    /// The same filter, with databases for looking up countries. Without them every country is
    /// unknown.
    #[must_use]
    pub fn with_countries(self, geo: Arc<Databases>) -> Self {
        Self { geo: Some(geo), ..self }
    }

    /// Another filter with this one's databases.
    #[must_use]
    pub fn with_same_countries(&self, other: Self) -> Self {
        Self { geo: self.geo.clone(), ..other }
    }

    /// Whether a row matches.
    pub fn matches(&self, row: &Row) -> bool {
        let geo = self.geo.as_deref();
        self.expression.holds(&|index| self.terms.get(index).is_some_and(|term| term.holds(row, geo)))
    }
}

/// The fields that an expression can use, each with its aliases and its meaning.
pub fn help() -> impl Iterator<Item = (String, &'static str)> {
    fields::FIELDS.iter().map(|field| (field.names.join(", "), field.meaning))
}

/// A field of the language, for evaluating expressions elsewhere: on the page of a report.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FieldInfo {
    /// Its names, the main one first.
    pub names: &'static [&'static str],
    /// The kind of its value: `text`, `word`, `number`, `address`, `port`, `country`.
    pub kind: &'static str,
    /// The unit of its numbers: `none`, `count`, `micros`, `percent`; `None` for other kinds.
    pub unit: Option<&'static str>,
    /// The possible values of a word.
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
