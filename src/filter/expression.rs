//! Boolean expressions: *and*, *or*, *not* and parentheses.

/// An expression over terms, which are referred to by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// This term holds.
    Term(usize),
    /// It does not hold.
    Not(Box<Expression>),
    /// Every part holds; always true if empty.
    All(Vec<Expression>),
    /// At least one part holds.
    Any(Vec<Expression>),
}

impl Default for Expression {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Expression {
    /// Whether it holds; `term` says which terms do.
    pub(super) fn holds(&self, term: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Term(index) => term(*index),
            Self::Not(inner) => !inner.holds(term),
            Self::All(parts) => parts.iter().all(|part| part.holds(term)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(term)),
        }
    }

    /// The expression, or its negation.
    pub(super) fn negated(self, is_negated: bool) -> Self {
        if is_negated { Self::Not(Box::new(self)) } else { self }
    }
}
