//! Parses words into an expression.
//!
//! ```text
//! any  := all ("or" all)*
//! all  := part ("and"? part)*
//! part := ("not" | "-" | "!")* (word | "(" any ")")
//! ```

use super::expression::Expression;
use super::fields::Test;
use super::parse::{self, Fault, Letter, Word, is_quoted, plain, span_of};
use super::{Filter, FilterError, MOST_TERMS};

/// Maximum nesting of parentheses.
const MOST_DEPTH: usize = 16;

/// The tokens of an expression, with the letters to point at in an error.
enum Token {
    Word(Word),
    Open(usize),
    Close(usize),
    Or((usize, usize)),
    And,
    Not,
}

/// Parses an expression.
pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let error = |(span, reason): Fault| FilterError { reason, text: text.to_owned(), span };
    let tokens = parse::words(text).and_then(tokens).map_err(error)?;
    let end = text.chars().count();
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), terms: Vec::new(), end };
    let expression =
        if parser.tokens.peek().is_none() { Expression::default() } else { parser.any(0).map_err(error)? };
    Ok(Filter { text: text.trim().to_owned(), terms: parser.terms, expression, geo: None })
}

/// Separates parentheses from words. One that belongs to a word, as in `cmdline~f(x)`, stays there.
fn tokens(words: Vec<Word>) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    for word in words {
        let mut rest: &[Letter] = &word;
        loop {
            let sign =
                |index: usize| rest.get(index).filter(|letter| !letter.is_quoted).map(|letter| letter.char);
            match (sign(0), sign(1)) {
                (Some('('), _) => {
                    tokens.push(Token::Open(rest[0].at));
                    depth += 1;
                    rest = &rest[1..];
                }
                (Some('-' | '!'), Some('(')) => {
                    tokens.push(Token::Not);
                    rest = &rest[1..];
                }
                _ => break,
            }
        }
        if depth > MOST_DEPTH {
            return Err((span_of(&word), format!("more than {MOST_DEPTH} nested parentheses")));
        }
        let closing = closing(rest).min(depth);
        let (inner, closed) = rest.split_at(rest.len() - closing);
        depth -= closing;
        tokens.extend(word_token(inner));
        tokens.extend(closed.iter().map(|letter| Token::Close(letter.at)));
    }
    Ok(tokens)
}

fn word_token(word: &[Letter]) -> Option<Token> {
    if word.is_empty() {
        return None;
    }
    if is_quoted(word) {
        return Some(Token::Word(word.to_vec()));
    }
    Some(match plain(word).as_str() {
        "not" | "NOT" | "-" | "!" => Token::Not,
        "and" | "AND" => Token::And,
        "or" | "OR" => Token::Or(span_of(word)),
        _ => Token::Word(word.to_vec()),
    })
}

/// Number of closing parentheses at the end of a word that were not opened in it.
fn closing(word: &[Letter]) -> usize {
    let bare = |wanted: char| word.iter().filter(move |letter| letter.char == wanted && !letter.is_quoted);
    let at_end = word.iter().rev().take_while(|letter| letter.char == ')' && !letter.is_quoted).count();
    at_end.min(bare(')').count().saturating_sub(bare('(').count()))
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    terms: Vec<Test>,
    /// The end of the text.
    end: usize,
}

impl Parser {
    fn any(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut parts = vec![self.all(depth)?];
        while let Some(Token::Or(span)) = self.tokens.peek() {
            let span = *span;
            self.tokens.next();
            if !self.begins_a_part() {
                return Err((span, "a term is missing after or".to_owned()));
            }
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut parts = Vec::new();
        loop {
            match self.tokens.peek() {
                Some(Token::And) => {
                    self.tokens.next();
                }
                Some(Token::Or(span)) if parts.is_empty() => {
                    return Err((*span, "a term is missing before or".to_owned()));
                }
                Some(Token::Close(at)) if parts.is_empty() => {
                    return Err(((*at, at + 1), "a term is missing in the parentheses".to_owned()));
                }
                None | Some(Token::Or(_) | Token::Close(_)) => return Ok(one_or(parts, Expression::All)),
                Some(Token::Word(_) | Token::Open(_) | Token::Not) => parts.push(self.part(depth)?),
            }
        }
    }

    fn part(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut is_negated = false;
        loop {
            match self.tokens.next() {
                Some(Token::Not) => is_negated = !is_negated,
                Some(Token::Word(word)) => {
                    let (test, is_reversed) = parse::term(&word)?;
                    if self.terms.len() == MOST_TERMS {
                        return Err((span_of(&word), format!("more than {MOST_TERMS} terms")));
                    }
                    self.terms.push(test);
                    let term = Expression::Term(self.terms.len() - 1);
                    return Ok(term.negated(is_negated != is_reversed));
                }
                Some(Token::Open(at)) => {
                    if self.tokens.peek().is_none() {
                        return Err(not_closed(at));
                    }
                    let inner = self.any(depth + 1)?;
                    return match self.tokens.next() {
                        Some(Token::Close(_)) => Ok(inner.negated(is_negated)),
                        _ => Err(not_closed(at)),
                    };
                }
                _ => return Err(((self.end, self.end), "a term is missing after the negation".to_owned())),
            }
        }
    }

    fn begins_a_part(&mut self) -> bool {
        matches!(self.tokens.peek(), Some(Token::Word(_) | Token::Open(_) | Token::Not | Token::And))
    }
}

fn not_closed(at: usize) -> Fault {
    ((at, at + 1), "this parenthesis is not closed".to_owned())
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 { parts.remove(0) } else { many(parts) }
}
