//! Logs that another program has written as CSV: a line of names, then a line per record.

use super::record::{Field, Record};
use super::tsv::Header;

/// What other programs write where Zeek has no value.
const UNSET: &[&[u8]] = &[b"", b"-", b"(empty)", b"NaN", b"nan", b"null", b"NULL", b"None", b"<NA>"];

/// A space stands for any number of them, as `column -t` aligns what has no spaces in it.
const DELIMITERS: &[u8] = b",;\t| ";

/// The names of the columns and what separates them.
#[derive(Debug)]
pub(super) struct Csv {
    delimiter: u8,
    pub(super) header: Header,
}

impl Csv {
    /// By its first line; none if that does not name the ends of connections.
    pub(super) fn of_names(line: &[u8]) -> Option<Self> {
        // Most lines are none: a record has an address where a name has `orig_h`.
        if !line.windows(6).any(|window| window.eq_ignore_ascii_case(b"orig_h")) {
            return None;
        }
        DELIMITERS.iter().find_map(|delimiter| {
            let mut header = Header::default();
            header.name_columns(values(line, *delimiter));
            let has_time = header.has(Field::Ts) || header.has(Field::ShippedTs);
            let has_ends = header.has(Field::OrigH) && header.has(Field::RespH);
            (has_time && has_ends).then_some(Self { delimiter: *delimiter, header })
        })
    }

    /// The fields of a line.
    pub(super) fn record<'a>(&'a self, line: &'a [u8]) -> Record<'a> {
        let values = values(line, self.delimiter);
        self.header.fields(values.map(|value| if UNSET.contains(&value) { b"-" } else { value }))
    }
}

/// The values of a line, without the space around them in a table of Markdown.
fn values(line: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> + Clone {
    let is_aligned = delimiter == b' ';
    let values = Values { rest: Some(line).filter(|_| !is_aligned), delimiter };
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    values.map(<[u8]>::trim_ascii).chain(words.filter(move |_| is_aligned))
}

/// The values of a line; those in quotes without them (RFC 4180), doubled ones left as they are.
#[derive(Clone)]
struct Values<'a> {
    rest: Option<&'a [u8]>,
    delimiter: u8,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        let quoted = text.strip_prefix(b"\"").and_then(|text| Some((text, closing_quote(text)?)));
        let (value, after) = match quoted {
            Some((text, end)) => (&text[..end], &text[end + 1..]),
            None => (text, text),
        };
        let end = after.iter().position(|byte| *byte == self.delimiter);
        self.rest = end.map(|end| &after[end + 1..]);
        Some(if quoted.is_some() { value } else { end.map_or(text, |end| &text[..end]) })
    }
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == b'"')?;
        if text.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::import::zeek::kind::Kind;

    #[test]
    fn quotes_and_words_for_nothing_are_undone() {
        let csv = Csv::of_names(b"\"ts\",uid,id.orig_h,id.orig_p,id.resp_h,note,proto,conn_state").unwrap();
        let record = csv.record(b"1.5,\"C1\",10.0.0.1,NaN,10.0.0.2,\"a, \"\"b\"\"\",tcp,");
        assert_eq!((record.text(Field::Uid), record.text(Field::Proto)), (Some("C1"), Some("tcp")));
        assert_eq!((record.get(Field::OrigP), record.get(Field::ConnState)), (None, None));
        assert_eq!(csv.header.kind, Kind::Conn);
    }

    #[test]
    fn columns_may_be_aligned_or_in_capitals() {
        for (names, line) in [
            (
                "ts             uid  id.orig_h  id.orig_p  id.resp_h",
                "1700000000.25  C1   10.0.0.1   40000      10.0.0.2",
            ),
            (
                "| ts | uid | id.orig_h | id.orig_p | id.resp_h |",
                "| 1700000000.25 | C1 | 10.0.0.1 | 40000 | 10.0.0.2 |",
            ),
            ("TS,UID,ID_ORIG_H,ID_ORIG_P,ID_RESP_H", "1700000000.25,C1,10.0.0.1,40000,10.0.0.2"),
        ] {
            let csv = Csv::of_names(names.as_bytes()).unwrap();
            let record = csv.record(line.as_bytes());
            assert_eq!(
                (record.text(Field::OrigH), record.text(Field::OrigP)),
                (Some("10.0.0.1"), Some("40000")),
                "{names}"
            );
        }
    }

    #[test]
    fn other_tables_are_not_of_zeek() {
        assert!(Csv::of_names(b"time,src,dst").is_none());
        assert!(Csv::of_names(b"1.5,C1,10.0.0.1").is_none());
    }

    proptest! {
        #[test]
        fn values_are_as_many_as_there_are(line in "[a\",]{0,40}") {
            let values = Values { rest: Some(line.as_bytes()), delimiter: b',' };
            prop_assert!(values.count() <= line.matches(',').count() + 1);
        }
    }
}
