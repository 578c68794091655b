//! Zeek's JSON notation: an object a line, as Zeek itself, Corelight and log shippers write it.
//!
//! An object is scanned once, without a tree: the values of fields that are asked for are left
//! where they stand in the line.

use super::cursor::Cursor;
use super::record::{FIELDS, Field, Record};

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
    /// The fields that the line has, in its order.
    found: Vec<Field>,
    /// The names of the last line in their order: the next line has most likely the same.
    names: Vec<Name>,
}

/// A name as it stands in a line, with its quotes and its colon.
#[derive(Debug)]
struct Name {
    text: Vec<u8>,
    meaning: Meaning,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Field(Field),
    /// Perhaps the object of the four that name a connection.
    Ids,
    Other,
}

/// Names of a line that are remembered.
const MOST_NAMES: usize = 64;

impl Scanner {
    pub(super) fn new() -> Self {
        Self { text: Vec::new(), places: [Place::Unset; FIELDS], found: Vec::new(), names: Vec::new() }
    }

    /// Scans a line that is an object and nothing else; false if it is none.
    pub(super) fn scan(&mut self, line: &[u8]) -> bool {
        self.text.clear();
        self.places = [Place::Unset; FIELDS];
        self.found.clear();
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
        for field in &self.found {
            let value = match self.places[*field as usize] {
                Place::Unset => continue,
                Place::Line(from, to) => line.get(from as usize..to as usize),
                Place::Text(from, to) => self.text.get(from as usize..to as usize),
            };
            record.set(*field, value.unwrap_or_default());
        }
        record
    }

    fn object(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.byte(b'{')?;
        cursor.skip_space();
        if cursor.byte(b'}').is_some() {
            return Some(());
        }
        let mut index = 0;
        loop {
            match self.meaning(index, cursor)? {
                Meaning::Field(field) => self.value(cursor, field)?,
                Meaning::Ids if cursor.peek() == Some(b'{') => self.ids(cursor)?,
                Meaning::Ids | Meaning::Other => cursor.skip_value(0)?,
            }
            index += 1;
            cursor.skip_space();
            if cursor.byte(b'}').is_some() {
                return Some(());
            }
            cursor.byte(b',')?;
            cursor.skip_space();
        }
    }

    /// Takes the name of the member of this index, and gives its meaning.
    fn meaning(&mut self, index: usize, cursor: &mut Cursor<'_>) -> Option<Meaning> {
        let known = self.names.get(index).filter(|known| cursor.rest().starts_with(&known.text));
        if let Some(known) = known {
            cursor.at += known.text.len();
            cursor.skip_space();
            return Some(known.meaning);
        }
        let start = cursor.at;
        let name = cursor.name()?;
        let meaning = match Field::of(name) {
            Some(field) => Meaning::Field(field),
            None if name == b"id" => Meaning::Ids,
            None => Meaning::Other,
        };
        let text = &cursor.bytes[start..cursor.at];
        if let Some(known) = self.names.get_mut(index) {
            known.text.clear();
            known.text.extend_from_slice(text);
            known.meaning = meaning;
        } else if self.names.len() < MOST_NAMES {
            self.names.push(Name { text: text.to_vec(), meaning });
        }
        Some(meaning)
    }

    /// The object that some shippers make of the names with dots.
    fn ids(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.members(|cursor, name| match Field::of_id(name) {
            Some(field) => self.value(cursor, field),
            None => cursor.skip_value(0),
        })
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
            _ if cursor.not_a_number().is_some() => Place::Unset,
            _ => {
                let (from, to) = cursor.number()?;
                Place::Line(from as u32, to as u32)
            }
        };
        self.places[field as usize] = place;
        self.found.push(field);
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
        let line = r#"{"ts":1,"duration":NaN,"rtt":-Infinity,"other":[Infinity],"ID.ORIG_H":"10.0.0.1"}"#;
        assert_eq!((text(line, Field::Duration), text(line, Field::Rtt)), (None, None));
        assert_eq!(text(line, Field::OrigH).as_deref(), Some("10.0.0.1"));
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
    fn names_are_known_again_whatever_space_is_around_them() {
        let mut scanner = Scanner::new();
        for line in [
            r#"{"ts": 1, "uid": "C1"}"#,
            r#"{"ts":  1, "uid":  "C1"}"#,
            r#"{"ts":1,"uid":"C1"}"#,
            r#"{"uid":"C1","ts":1}"#,
            r#"{"ts":1,"uids":"C2","uid" : "C1"}"#,
        ] {
            assert!(scanner.scan(line.as_bytes()), "{line}");
            let record = scanner.record(line.as_bytes());
            assert_eq!((record.text(Field::Ts), record.text(Field::Uid)), (Some("1"), Some("C1")), "{line}");
        }
    }

    #[test]
    fn what_is_no_object_is_none() {
        for line in
            ["", "[]", "{", "{\"ts\":1}}", "1", "{\"ts\":nan}", "{\"ts\":1,}", "{\"ts\" 1}", "{\"a\":\"\\"]
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
