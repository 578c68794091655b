//! Zeek's JSON notation: an object a line, as Zeek itself, Corelight and log shippers write it.
//!
//! An object is scanned once, without a tree: the values of fields that are asked for are left
//! where they stand in the line.

use super::record::{FIELDS, Field, Record};

/// Deeper nesting than this no log has.
const MOST_DEPTH: u32 = 32;

/// Between the values of a list: no text has it.
pub(super) const SEPARATOR: &[u8] = b"\x1f";

/// Where a value stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    Unset,
    /// In the line, as it is.
    Line(u32, u32),
    /// In the scanner's own text: what had to be rewritten.
    Text(u32, u32),
}

/// Scans objects, one after the other.
#[derive(Debug)]
pub(super) struct Scanner {
    text: Vec<u8>,
    places: [Place; FIELDS],
    /// The names of the last line in their order: the next line has most likely the same.
    names: Vec<(Vec<u8>, Option<Field>)>,
}

/// Names of a line that are remembered.
const MOST_NAMES: usize = 64;

impl Scanner {
    pub(super) fn new() -> Self {
        Self { text: Vec::new(), places: [Place::Unset; FIELDS], names: Vec::new() }
    }

    /// Scans a line that is an object and nothing else; false if it is none.
    pub(super) fn scan(&mut self, line: &[u8]) -> bool {
        self.text.clear();
        self.places = [Place::Unset; FIELDS];
        let mut cursor = Cursor { bytes: line, at: 0 };
        cursor.skip_space();
        // A line has at most a megabyte, so that a place in it fits into 32 bits.
        u32::try_from(line.len()).is_ok()
            && self.object(&mut cursor).is_some()
            && cursor.rest().trim_ascii().is_empty()
    }

    /// The fields that were found in the line that was scanned last.
    pub(super) fn record<'a>(&'a self, line: &'a [u8]) -> Record<'a> {
        let mut record = Record::EMPTY;
        for ((field, _), place) in Field::ALL.iter().zip(&self.places) {
            let value = match *place {
                Place::Unset => continue,
                Place::Line(from, to) => line.get(from as usize..to as usize),
                Place::Text(from, to) => self.text.get(from as usize..to as usize),
            };
            record.set(*field, value.unwrap_or_default());
        }
        record
    }

    fn object(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut index = 0;
        cursor.members(|cursor, name| {
            let field = self.field(index, name);
            index += 1;
            match field {
                Some(field) => self.value(cursor, field),
                None if name == b"id" && cursor.peek() == Some(b'{') => self.ids(cursor),
                None => cursor.skip_value(0),
            }
        })
    }

    /// The object that some shippers make of the names with dots.
    fn ids(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.members(|cursor, name| match Field::of_id(name) {
            Some(field) => self.value(cursor, field),
            None => cursor.skip_value(0),
        })
    }

    /// The field of a name, which is the member of this index.
    fn field(&mut self, index: usize, name: &[u8]) -> Option<Field> {
        match self.names.get_mut(index) {
            Some((known, field)) if known == name => *field,
            Some(known) => {
                let field = Field::of(name);
                known.0.clear();
                known.0.extend_from_slice(name);
                known.1 = field;
                field
            }
            None => {
                let field = Field::of(name);
                if self.names.len() < MOST_NAMES {
                    self.names.push((name.to_vec(), field));
                }
                field
            }
        }
    }

    fn value(&mut self, cursor: &mut Cursor<'_>, field: Field) -> Option<()> {
        let place = match cursor.peek()? {
            b'"' => self.string(cursor)?,
            b'[' => {
                let from = self.text.len();
                self.list(cursor)?;
                self.text_since(from)
            }
            b't' => {
                cursor.word(b"true")?;
                self.flag(b'T')
            }
            b'f' => {
                cursor.word(b"false")?;
                self.flag(b'F')
            }
            b'n' => {
                cursor.word(b"null")?;
                Place::Unset
            }
            b'{' => {
                cursor.skip_value(0)?;
                Place::Unset
            }
            _ => {
                let (from, to) = cursor.number()?;
                Place::Line(from as u32, to as u32)
            }
        };
        self.places[field as usize] = place;
        Some(())
    }

    fn string(&mut self, cursor: &mut Cursor<'_>) -> Option<Place> {
        let (from, to, is_escaped) = cursor.string()?;
        if !is_escaped {
            return Some(Place::Line(from as u32, to as u32));
        }
        let start = self.text.len();
        unescape(&cursor.bytes[from..to], &mut self.text);
        Some(self.text_since(start))
    }

    fn flag(&mut self, letter: u8) -> Place {
        self.text.push(letter);
        self.text_since(self.text.len() - 1)
    }

    fn text_since(&self, from: usize) -> Place {
        Place::Text(from as u32, self.text.len() as u32)
    }

    /// The texts of a list, separated; those that have the separator in them are left out.
    fn list(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let first = self.text.len();
        cursor.items(|cursor| {
            if cursor.peek()? != b'"' {
                return cursor.skip_value(0);
            }
            let (from, to, _) = cursor.string()?;
            let before = self.text.len();
            if before > first {
                self.text.extend_from_slice(SEPARATOR);
            }
            let start = self.text.len();
            unescape(&cursor.bytes[from..to], &mut self.text);
            if self.text[start..].contains(&SEPARATOR[0]) {
                self.text.truncate(before);
            }
            Some(())
        })
    }
}

/// Whether every name of an object satisfies a condition.
pub(super) fn all_names(line: &[u8], mut is_ok: impl FnMut(&[u8]) -> bool) -> bool {
    let mut cursor = Cursor { bytes: line, at: 0 };
    cursor.skip_space();
    let mut all = true;
    let read = cursor.members(|cursor, name| {
        all &= is_ok(name) || (name == b"id" && cursor.peek() == Some(b'{'));
        cursor.skip_value(0)
    });
    read.is_some() && all
}

/// A place in a text.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest().starts_with(word).then(|| self.at += word.len())
    }

    /// Reads an object; `member` reads the value of each name.
    fn members(&mut self, mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.byte(b'{')?;
        self.skip_space();
        if self.byte(b'}').is_some() {
            return Some(());
        }
        loop {
            let (from, to, _) = self.string()?;
            self.skip_space();
            self.byte(b':')?;
            self.skip_space();
            member(self, &self.bytes[from..to])?;
            self.skip_space();
            if self.byte(b'}').is_some() {
                return Some(());
            }
            self.byte(b',')?;
            self.skip_space();
        }
    }

    /// Reads a list; `item` reads each value.
    fn items(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.byte(b'[')?;
        self.skip_space();
        if self.byte(b']').is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            self.skip_space();
            if self.byte(b']').is_some() {
                return Some(());
            }
            self.byte(b',')?;
            self.skip_space();
        }
    }

    /// A string: where its text begins and ends, and whether there are escapes in it.
    fn string(&mut self) -> Option<(usize, usize, bool)> {
        self.byte(b'"')?;
        let from = self.at;
        let mut is_escaped = false;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some((from, self.at - 1, is_escaped));
                }
                b'\\' => {
                    is_escaped = true;
                    self.at += 2;
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    fn number(&mut self) -> Option<(usize, usize)> {
        let from = self.at;
        let is_of_number =
            |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
        self.at += self.rest().iter().take_while(|byte| is_of_number(byte)).count();
        (self.bytes[from..self.at].iter().any(u8::is_ascii_digit)).then_some((from, self.at))
    }

    fn skip_value(&mut self, depth: u32) -> Option<()> {
        if depth > MOST_DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.members(|cursor, _| cursor.skip_value(depth + 1)),
            b'[' => self.items(|cursor| cursor.skip_value(depth + 1)),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number().map(drop),
        }
    }
}

/// Undoes JSON's escapes. What is no escape stays as it is.
fn unescape(text: &[u8], into: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let Some((escape, after_escape)) = after.split_first().filter(|_| *first == b'\\') else {
            into.push(*first);
            rest = after;
            continue;
        };
        rest = after_escape;
        match escape {
            b'n' => into.push(b'\n'),
            b't' => into.push(b'\t'),
            b'r' => into.push(b'\r'),
            b'b' => into.push(8),
            b'f' => into.push(12),
            b'u' => rest = push_units(rest, into),
            other => into.push(*other),
        }
    }
}

/// The character of `\uNNNN`, of which `text` follows the `u`, or of two that are one; what
/// follows it.
fn push_units<'a>(text: &'a [u8], into: &mut Vec<u8>) -> &'a [u8] {
    let unit = |text: &[u8]| u16::from_str_radix(std::str::from_utf8(text.get(..4)?).ok()?, 16).ok();
    let Some(first) = unit(text) else { return text };
    let second = text[4..].strip_prefix(b"\\u").and_then(unit);
    let units = [first, second.unwrap_or_default()];
    let (character, length) = match char::decode_utf16(units).next() {
        Some(Ok(character)) => (character, if character.len_utf16() == 2 { 10 } else { 4 }),
        _ => (char::REPLACEMENT_CHARACTER, 4),
    };
    into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    &text[length..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(line: &str, field: Field) -> Option<String> {
        let mut scanner = Scanner::new();
        assert!(scanner.scan(line.as_bytes()), "{line}");
        scanner.record(line.as_bytes()).text(field).map(str::to_owned)
    }

    #[test]
    fn numbers_flags_lists_and_nested_names_are_found() {
        let line = r#"{"ts":1700000000.123456,"duration":1e-6,"id":{"orig_h":"10.0.0.1"},"id.orig_p":7,
            "local_orig":true,"answers":["a.example","192.0.2.1"],"uid":null,"other":[{}]}"#;
        assert_eq!(text(line, Field::Ts).as_deref(), Some("1700000000.123456"));
        assert_eq!(text(line, Field::Duration).as_deref(), Some("1e-6"));
        assert_eq!(text(line, Field::OrigH).as_deref(), Some("10.0.0.1"));
        assert_eq!(text(line, Field::OrigP).as_deref(), Some("7"));
        assert_eq!(text(line, Field::LocalOrig).as_deref(), Some("T"));
        assert_eq!(text(line, Field::Answers).as_deref(), Some("a.example\u{1f}192.0.2.1"));
        assert_eq!(text(line, Field::Uid), None);
    }

    #[test]
    fn a_list_has_no_items_that_were_not_there() {
        let line = r#"{"answers":["x\u001f192.0.2.66",["192.0.2.67"],"192.0.2.1"]}"#;
        assert_eq!(text(line, Field::Answers).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn names_of_other_objects_are_not_taken() {
        let line = r#"{"outer":{"uid":"C9","id":{"orig_h":"10.9.9.9"}},"uid":"C1"}"#;
        assert_eq!(text(line, Field::Uid).as_deref(), Some("C1"));
        assert_eq!(text(line, Field::OrigH), None);
    }

    #[test]
    fn what_is_no_object_is_none() {
        for line in
            ["", "[]", "{", "{\"ts\":1}}", "1", "{\"ts\":NaN}", "{\"ts\":1,}", "{\"ts\" 1}", "{\"a\":\"\\"]
        {
            assert!(!Scanner::new().scan(line.as_bytes()), "{line}");
        }
        assert!(!Scanner::new().scan(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes()));
    }

    proptest! {
        #[test]
        fn strings_are_those_of_serde_json(name in ".{0,12}", uid in "\\PC{0,12}|[\\x00-\\x7f]{0,8}") {
            let line = serde_json::json!({ "uid": uid, name.clone(): "x" }).to_string();
            let escaped: String = line.chars().flat_map(|c| {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                let is_plain = c.is_ascii();
                units.into_iter().map(move |u| if is_plain { c.to_string() } else { format!("\\u{u:04x}") })
            }).collect();
            if !uid.is_empty() && Field::of(name.as_bytes()).is_none() {
                prop_assert_eq!(text(&line, Field::Uid), Some(uid.clone()));
                prop_assert_eq!(text(&escaped, Field::Uid), Some(uid));
            }
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>, tail in "[{}\\[\\]\",:\\\\a-z0-9]{0,60}") {
            let mut line = b"{\"uid\":".to_vec();
            line.extend(tail.bytes());
            line.extend(bytes);
            let mut scanner = Scanner::new();
            scanner.scan(&line);
            let _ = (scanner.record(&line), all_names(&line, |_| true));
        }
    }
}
