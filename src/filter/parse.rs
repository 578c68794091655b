//! Splits a text into words, and parses each word into a test, or an error that points at the fault.

use super::fields::{FIELDS, Field, Reads, Test, Value};
use super::pattern::{Pattern, Wildcards};
use super::value::{AddrPattern, Operator, Range};
use crate::suggest;

/// The operators between a field and its value; longer ones first.
const OPERATORS: &[(&str, Operator, bool)] = &[
    ("!=", Operator::Is, true),
    (">=", Operator::AtLeast, false),
    ("<=", Operator::AtMost, false),
    (":", Operator::Is, false),
    ("=", Operator::Is, false),
    ("~", Operator::Contains, false),
    (">", Operator::More, false),
    ("<", Operator::Less, false),
];

/// A character of a word, and whether it was quoted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter {
    pub(super) char: char,
    pub(super) is_quoted: bool,
    /// Its index in the text, in characters.
    pub(super) at: usize,
}

pub(super) type Word = Vec<Letter>;

/// An error in a word: the range of letters, and the reason.
pub(super) type Fault = ((usize, usize), String);

/// Splits a text at blanks outside quotes.
pub(super) fn words(text: &str) -> Result<Vec<Word>, Fault> {
    let mut words = vec![Word::new()];
    let mut quote = None;
    let mut chars = text.chars().enumerate().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' if quote.is_some() => quote = None,
            '"' => quote = Some(at),
            '\\' if quote.is_some() && matches!(chars.peek(), Some((_, '"' | '\\'))) => {
                let next = chars.next();
                push(&mut words, next.map(|(at, char)| Letter { char, is_quoted: true, at }));
            }
            c if c.is_whitespace() && quote.is_none() => words.push(Word::new()),
            char => push(&mut words, Some(Letter { char, is_quoted: quote.is_some(), at })),
        }
    }
    if let Some(at) = quote {
        return Err(((at, at + 1), "this quote is not closed".to_owned()));
    }
    words.retain(|word| !word.is_empty());
    Ok(words)
}

fn push(words: &mut [Word], letter: Option<Letter>) {
    if let Some(word) = words.last_mut() {
        word.extend(letter);
    }
}

/// The test of a word, and whether it is negated.
pub(super) fn term(word: &[Letter]) -> Result<(Test, bool), Fault> {
    let minus = word.first().filter(|first| matches!(first.char, '-' | '!') && !first.is_quoted);
    let (word, is_negated) = if minus.is_some() { (&word[1..], true) } else { (word, false) };
    let Some((name, operator, is_not, value)) = split(word) else {
        let wildcards = if is_quoted(word) { Wildcards::Off } else { Wildcards::On };
        let test = Test::Anywhere(Pattern::part(&plain(word), wildcards));
        return Ok((test, is_negated));
    };
    let field = field(name)?;
    if value.is_empty() {
        let example = format!("{}: a value is missing ({})", plain(name), field.meaning);
        return Err((span_of(word), example));
    }
    let alternatives = value.split(|letter| letter.char == ',' && !letter.is_quoted);
    let values = alternatives
        .map(|value| self::value(field, operator, value).map_err(|why| (span_or(value, word), why)))
        .collect::<Result<_, Fault>>()?;
    Ok((Test::Field(field.reads, values), is_negated != is_not))
}

/// Name, operator and value of a word; `None` for a word without an operator.
fn split(word: &[Letter]) -> Option<(&[Letter], Operator, bool, &[Letter])> {
    let is_name =
        |letter: &Letter| !letter.is_quoted && (letter.char.is_ascii_alphanumeric() || letter.char == '_');
    let length = word.iter().take_while(|letter| is_name(letter)).count();
    if length == 0 {
        return None;
    }
    let (name, rest) = word.split_at(length);
    let text = plain(rest);
    let (sign, operator, is_not) = OPERATORS.iter().find(|(sign, ..)| text.starts_with(sign))?;
    // IPv6 addresses and `host:port` look like a field at first.
    let is_address = *sign == ":" && AddrPattern::parse(&plain(word)).is_some();
    if is_address || rest.first().is_some_and(|first| first.is_quoted) {
        return None;
    }
    Some((name, *operator, *is_not, &rest[sign.len()..]))
}

fn field(name: &[Letter]) -> Result<&'static Field, Fault> {
    let text = plain(name).to_lowercase();
    if let Some(field) = FIELDS.iter().find(|field| field.names.contains(&text.as_str())) {
        return Ok(field);
    }
    let names = FIELDS.iter().flat_map(|field| field.names).copied();
    let main = || FIELDS.iter().map(|field| field.names[0]).collect::<Vec<_>>().join(", ");
    let advice = suggest::nearest(&text, names)
        .map_or_else(|| format!("there are {}", main()), |name| format!("did you mean {name}?"));
    Err((span_of(name), format!("there is no field {text:?}: {advice}")))
}

fn value(field: &Field, operator: Operator, letters: &[Letter]) -> Result<Value, String> {
    let text = plain(letters);
    let name = field.names[0];
    if text.is_empty() {
        return Err(format!("{name}: a value is missing between the commas"));
    }
    let is_bare = !is_quoted(letters);
    let is_equality = matches!(operator, Operator::Is | Operator::Contains);
    if text == "none" && is_bare && is_equality {
        return Ok(Value::Unknown);
    }
    let wildcards = if is_bare { Wildcards::On } else { Wildcards::Off };
    let pattern = || match operator {
        Operator::Contains => Pattern::part(&text, wildcards),
        _ => Pattern::whole(&text, wildcards),
    };
    match field.reads {
        Reads::Number(_, unit) => Range::new(operator, &text, unit).map(Value::Range),
        Reads::Port(_) => port(operator, &text),
        _ if !is_equality => Err(format!("{name} is not a number: use {name}:{text}")),
        Reads::Text(_) => Ok(Value::Pattern(pattern())),
        Reads::Word(_, all) => {
            let pattern = pattern();
            let known = all();
            let is_known = known.iter().any(|word| pattern.fits(word));
            let refusal = || match suggest::nearest(&text, known.iter().copied()) {
                Some(near) => format!("{name} is never {text:?}: did you mean {near}?"),
                None => format!("{name} is never {text:?}: there are {}", known.join(", ")),
            };
            if is_known { Ok(Value::Pattern(pattern)) } else { Err(refusal()) }
        }
        Reads::Address(..) => address(name, operator, &text, pattern),
        Reads::Country => {
            let is_code = text.chars().count() <= 2
                && text.chars().all(|c| c.is_ascii_alphabetic() || "*?".contains(c));
            let refusal = || format!("{text:?} is not a two-letter country code such as DE or US");
            if is_code { Ok(Value::Pattern(pattern())) } else { Err(refusal()) }
        }
    }
}

fn port(operator: Operator, text: &str) -> Result<Value, String> {
    let range = Range::new(operator, text, super::value::Unit::None)?;
    let numbers = text.split('-').filter_map(|number| number.parse::<u64>().ok());
    if numbers.max().is_some_and(|port| port > u64::from(u16::MAX)) {
        return Err(format!("{text} is not a port: ports end at 65535"));
    }
    Ok(Value::Range(range))
}

/// An address or a network; anything with letters or wildcards is a pattern for names and addresses.
fn address(
    name: &str,
    operator: Operator,
    text: &str,
    pattern: impl Fn() -> Pattern,
) -> Result<Value, String> {
    if operator == Operator::Contains {
        return Ok(Value::Pattern(pattern()));
    }
    if let Some(pattern) = AddrPattern::parse(text) {
        return Ok(Value::AddrPattern(pattern));
    }
    let is_name = text.chars().any(|c| c.is_alphabetic() || c == '*' || c == '?');
    if is_name && !text.contains('/') {
        return Ok(Value::Pattern(pattern()));
    }
    Err(format!("{name}: {text:?} is not an address, network (10.0.0.0/8) or name"))
}

pub(super) fn plain(letters: &[Letter]) -> String {
    letters.iter().map(|letter| letter.char).collect()
}

pub(super) fn is_quoted(letters: &[Letter]) -> bool {
    letters.iter().any(|letter| letter.is_quoted)
}

pub(super) fn span_of(letters: &[Letter]) -> (usize, usize) {
    match (letters.first(), letters.last()) {
        (Some(first), Some(last)) => (first.at, last.at + 1),
        _ => (0, 0),
    }
}

fn span_or(letters: &[Letter], whole: &[Letter]) -> (usize, usize) {
    span_of(if letters.is_empty() { whole } else { letters })
}
