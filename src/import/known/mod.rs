//! Formats that are not imported, by name, with the way to what is: an answer for someone who has
//! this file and needs the next command.

mod binary;
mod fields;
mod formats;
mod lines;
mod text;

use super::IMPORTERS;
use super::begin::Begin;
use super::pcap::frames;

/// A format that is recognised and not read.
struct KnownFormat {
    /// What it is, in words that go on after "is".
    name: &'static str,
    /// What to do instead, as a sentence without its stop.
    way: &'static str,
}

/// How packet captures of other programs become one that is read.
const EDITCAP: &str = "convert it first: editcap -F pcap FILE out.pcap";

/// What a file is, in words that go on after "it".
pub(super) fn describe(begin: &Begin) -> String {
    // An archive may hold packets as they are, and so does what a compressor could not make smaller.
    if let Some(KnownFormat { name, way }) = binary::find_archive(&begin.bytes) {
        return format!("is {name}; {way}");
    }
    if let Some(at) = frames::find_capture(&begin.bytes) {
        return format!(
            "begins with {at} bytes of something else, and a packet capture follows; cut them off on the way: \
             tail -c +{} FILE | netrec import -",
            at + 1
        );
    }
    let known = match begin.layout {
        // A short head of a binary file may be all letters.
        Some(_) => text::find(begin).or_else(|| binary::find_words(&begin.bytes)),
        None => binary::find(&begin.bytes),
    };
    if let Some(KnownFormat { name, way }) = known {
        return format!("is {name}; {way}");
    }
    let first = begin.text.trim_ascii_start().first();
    let fields = fields::describe(&begin.text);
    let what = match (begin.layout, first) {
        (None, _) if begin.bytes.iter().all(|byte| *byte == 0) => "is nothing but NUL bytes",
        (None, _) => "is binary, of no known format",
        _ if is_json(begin.text.trim_ascii_start()) => "is JSON, of no known format",
        _ if is_xml(begin.text.trim_ascii_start()) => "is XML or HTML, of no known format",
        (_, None) => "is blank",
        _ => "is text, of no known format",
    };
    let titles: Vec<&str> = IMPORTERS.iter().map(|importer| importer.title).collect();
    format!("{what}{fields}; netrec imports {}", titles.join(", "))
}

fn is_json(text: &[u8]) -> bool {
    let (first, rest) = text.split_first().unwrap_or((&0, &[]));
    let next = rest.trim_ascii_start().first();
    match first {
        b'{' => matches!(next, None | Some(b'"' | b'}')),
        b'[' => matches!(next, None | Some(b'"' | b'{' | b'[' | b']' | b'-' | b'0'..=b'9')),
        _ => false,
    }
}

/// A line of syslog begins with a number in such brackets.
fn is_xml(text: &[u8]) -> bool {
    matches!(text, [b'<', b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z', ..])
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
    fn a_capture_behind_text_is_said_with_the_command_that_cuts_it_off() {
        let text = b"tcpdump: listening on eth0, link-type EN10MB\n";
        let header = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";
        assert_described(&[text.as_slice(), header].concat(), &["tail -c +46 FILE | netrec import -"]);
    }

    #[test]
    fn what_nobody_knows_is_said_with_what_is_imported() {
        assert_described(b"", &["is empty"]);
        assert_described(b" \n\n", &["is blank"]);
        assert_described(&[0; 100], &["nothing but NUL bytes"]);
        assert_described(b"hello\nworld\n", &["is text, of no known format", "a Zeek log"]);
        assert_described(b"{\"a\": 1}\n", &["is JSON, of no known format (its fields: a)"]);
        assert_described(b"<html></html>\n", &["is XML or HTML"]);
        assert_described(
            b"<14>1 2023-11-14T22:13:20Z host program - - - x\n",
            &["is text, of no known format"],
        );
        assert_described(b"[note] something\n", &["is text, of no known format"]);
        assert_described(&[1, 2, 3, 4, 5, 6, 7], &["is binary, of no known format"]);
    }
}
