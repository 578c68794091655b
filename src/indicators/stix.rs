//! STIX 2.1 bundles: indicators whose pattern compares one property of a socket.
//!
//! The supported part of the pattern language is what network indicators use: comparisons with `=`,
//! `IN` and `ISSUBSET`, joined by `AND` and `OR`, in one or more observations joined by `OR`. An
//! address and a port joined by `AND` are an endpoint; of alternatives, those that can be compared
//! are used. Everything else is counted as unusable: half a pattern is another pattern.

use serde_json::Value;

use super::{Observable, Parsed};

/// Maximum length of a pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

pub(super) fn parse(json: &Value) -> Parsed {
    let mut parsed = Parsed::default();
    let objects = json["objects"].as_array().map_or_else(|| std::slice::from_ref(json), Vec::as_slice);
    for object in objects.iter().filter(|object| object["type"] == "indicator") {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        if object["revoked"] == true {
            parsed.context += 1;
            continue;
        }
        let observables = match text("pattern_type") {
            "stix" => observables(text("pattern")).unwrap_or_default(),
            _ => Vec::new(),
        };
        if observables.is_empty() {
            parsed.refuse(text("pattern"), text("id"));
        }
        let description = if text("name").is_empty() { text("description") } else { text("name") };
        for what in observables {
            parsed.add(Some(what), text("pattern"), text("id"), description);
        }
    }
    parsed
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A keyword, an object path, a number, an operator or a bracket.
    Word(String),
    /// A quoted text.
    Text(String),
}

/// The observables of a pattern; `None` if the pattern is not supported.
fn observables(pattern: &str) -> Option<Vec<Observable>> {
    if pattern.len() > MAX_PATTERN {
        return None;
    }
    let tokens = tokens(pattern)?;
    let mut found = Vec::new();
    let mut rest = tokens.as_slice();
    loop {
        let end = rest.iter().position(|token| is(token, "]"))?;
        if !is(rest.first()?, "[") {
            return None;
        }
        for alternative in rest[1..end].split(|token| is(token, "OR")) {
            found.extend(alternative_of(alternative)?);
        }
        match &rest[end + 1..] {
            [] => return Some(found),
            [word, next @ ..] if is(word, "OR") => rest = next,
            _ => return None,
        }
    }
}

fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(text) if text.eq_ignore_ascii_case(word))
}

/// Words, quoted texts, and single signs; `None` if a quote is not closed.
fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        // A quote in a path belongs to it: file:hashes.'SHA-256'.
        let is_path = word.ends_with('.');
        if c == '\'' {
            let text = quoted(&mut chars)?;
            if is_path {
                word.push_str(&text);
            } else {
                tokens.push(Token::Text(text));
            }
            continue;
        }
        let is_sign = "[](),=<>!".contains(c);
        if !is_sign && !c.is_whitespace() {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(&mut word)));
        }
        if is_sign {
            tokens.push(Token::Word(c.to_string()));
        }
    }
    if !word.is_empty() {
        tokens.push(Token::Word(word));
    }
    Some(tokens)
}

fn quoted(chars: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            '\'' => return Some(text),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

/// The observables of one alternative: empty if netrec has nothing to compare them with; `None` if
/// it is not supported.
fn alternative_of(tokens: &[Token]) -> Option<Vec<Observable>> {
    let comparisons: Vec<(&str, Vec<&str>)> =
        tokens.split(|token| is(token, "AND")).map(comparison).collect::<Option<_>>()?;
    match comparisons.as_slice() {
        [(path, values)] => {
            let all: Vec<_> = values.iter().filter_map(|value| observable(path, value)).collect();
            Some(all)
        }
        [(first, a), (second, b)] => {
            let (addrs, ports) = if second.ends_with("_port") { (a, b) } else { (b, a) };
            let path = if second.ends_with("_port") { first } else { second };
            let (addr, port) = (addrs.first()?, ports.first()?.parse().ok()?);
            match observable(path, addr)? {
                Observable::Network(net) if net.prefix_len() == net.max_prefix_len() => {
                    Some(vec![Observable::Endpoint(net.addr(), port)])
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The path and the values of a comparison.
fn comparison(tokens: &[Token]) -> Option<(&str, Vec<&str>)> {
    let value = |token: &'_ Token| -> Option<()> { (!is(token, ",")).then_some(()) };
    let Token::Word(path) = tokens.first()? else { return None };
    let operator = tokens.get(1)?;
    let values: Vec<&str> = match tokens.get(2..)? {
        [open, values @ .., close] if is(operator, "IN") && is(open, "(") && is(close, ")") => {
            values.iter().filter(|token| value(token).is_some()).map(text_of).collect()
        }
        [one] if is(operator, "=") || is(operator, "ISSUBSET") => vec![text_of(one)],
        _ => return None,
    };
    (path.contains(':') && !values.is_empty()).then_some((path, values))
}

fn text_of(token: &Token) -> &str {
    let (Token::Word(text) | Token::Text(text)) = token;
    text
}

fn observable(path: &str, value: &str) -> Option<Observable> {
    let (object, property) = path.split_once(':')?;
    match (object, property) {
        ("ipv4-addr" | "ipv6-addr", "value") => Observable::network(value),
        ("domain-name", "value") => Observable::name(value),
        ("url", "value") => Observable::guess(value),
        ("network-traffic", "dst_ref.value" | "src_ref.value") => {
            Observable::network(value).or_else(|| Observable::name(value))
        }
        ("network-traffic", "dst_port") => value.parse().ok().map(Observable::Port),
        ("file", property) if property.eq_ignore_ascii_case("hashes.SHA-256") => Observable::sha256(value),
        ("file", "path") | ("process", "image_ref.path") => Observable::path(value),
        _ => None,
    }
}
