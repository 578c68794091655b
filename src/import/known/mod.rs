//! Formats that are not imported, by name, with the way to what is: an answer for someone who has
//! this file and needs the next command.

mod binary;
mod text;

use super::IMPORTERS;
use super::begin::Begin;

/// A format that is recognised and not read.
struct Known {
    /// What it is, in words that go on after "is".
    name: &'static str,
    /// What to do instead, as a sentence without its stop.
    way: &'static str,
}

/// How packet captures of other programs become one that is read.
const EDITCAP: &str = "convert it first: editcap -F pcap FILE out.pcap";

/// What a file is, in words that go on after "it".
pub(super) fn describe(begin: &Begin) -> String {
    let known = match begin.layout {
        // A short head of a binary file may be all letters.
        Some(_) => text::find(begin).or_else(|| binary::find_words(&begin.bytes)),
        None => binary::find(&begin.bytes),
    };
    if let Some(Known { name, way }) = known {
        return format!("is {name}; {way}");
    }
    let first = begin.text.trim_ascii_start().first();
    let what = match (begin.layout, first) {
        (None, _) if begin.bytes.iter().all(|byte| *byte == 0) => "is nothing but NUL bytes",
        (None, _) => "is binary, of no known format",
        (_, Some(b'{' | b'[')) => "is JSON, of no known format",
        (_, Some(b'<')) => "is XML or HTML, of no known format",
        (_, None) => "is blank",
        _ => "is text, of no known format",
    };
    let titles: Vec<&str> = IMPORTERS.iter().map(|importer| importer.title).collect();
    format!("{what}; netrec imports {}", titles.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    pub(super) fn assert_described(bytes: &[u8], words: &[&str]) {
        let mut decoder = crate::import::decompress::Decompressed::new(bytes);
        let said = Begin::read(&mut decoder, 0).looks_like();
        for word in words {
            assert!(said.contains(word), "{word:?} is missing in: {said}");
        }
    }

    #[test]
    fn what_nobody_knows_is_said_with_what_is_imported() {
        assert_described(b"", &["is empty"]);
        assert_described(b" \n\n", &["is blank"]);
        assert_described(&[0; 100], &["nothing but NUL bytes"]);
        assert_described(b"hello\nworld\n", &["is text, of no known format", "a Zeek log"]);
        assert_described(b"{\"a\": 1}\n", &["is JSON, of no known format"]);
        assert_described(b"<html></html>\n", &["is XML or HTML"]);
        assert_described(&[1, 2, 3, 4, 5, 6, 7], &["is binary, of no known format"]);
    }
}
