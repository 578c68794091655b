//! Plain lists and CSV: the first field of every line that has the form of an indicator.

use super::{Observable, Parsed};

/// Lines at the beginning in which a list may say that its MD5s are JA3s, as abuse.ch SSLBL does in a comment.
const HEAD_LINES: usize = 32;

/// Whether a text begins with a bracket that is no JSON: `[2001:db8::1]:443`.
pub(super) fn starts_with_defanged(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    line.starts_with('[') && Observable::guess(line).is_some()
}

/// The other fields of the line become the description. A first line without an indicator is
/// taken for the header of a table if it has several fields. An MD5 is a JA3 where the list says that it has those.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let is_of_ja3 = text.lines().take(HEAD_LINES).any(|line| line.to_ascii_lowercase().contains("ja3"));
    let guess = |field: &str| {
        let ja3 = Observable::ja3(field.strip_prefix("ja3:").unwrap_or(field));
        Observable::guess(field).or(ja3.filter(|_| is_of_ja3))
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .delimiter(delimiter(text))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let (mut record, mut lines) = (csv::StringRecord::new(), LineCounter::new(text));
    let mut is_first = true;
    // The text is UTF-8 and rows may have any length, so no record is an error.
    while reader.read_record(&mut record).unwrap_or(false) {
        let number = lines.line_that_ends_at(reader.position().byte());
        let found = record.iter().enumerate().find_map(|(at, field)| Some((at, guess(field)?)));
        let others = record
            .iter()
            .enumerate()
            .filter(|(at, field)| !field.is_empty() && found.as_ref().is_none_or(|(value, _)| at != value));
        let description = others.map(|(_, field)| field).collect::<Vec<_>>().join(", ");
        let is_header = std::mem::take(&mut is_first) && record.len() > 1 && found.is_none();
        if !is_header && record.iter().any(|field| !field.is_empty()) {
            parsed.add(found.map(|(_, what)| what), &description, &format!("line {number}"), &description);
        }
    }
    parsed
}

/// The separator in the first line.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    [b'\t', b';', b','].into_iter().find(|separator| line.as_bytes().contains(separator)).unwrap_or(b',')
}

/// Counts the lines of a text, because the reader does not count comments that it skips.
struct LineCounter<'a> {
    text: &'a [u8],
    /// Number of line breaks up to `at`.
    breaks: usize,
    at: usize,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), breaks: 0, at: 0 }
    }

    /// The number of the line before an offset, which must not precede the previous one.
    fn line_that_ends_at(&mut self, byte: u64) -> usize {
        let end = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        let passed = self.text.get(self.at..end).unwrap_or_default();
        self.breaks += passed.split(|byte| *byte == b'\n').count() - 1;
        self.at = end;
        self.breaks + usize::from(passed.last() != Some(&b'\n'))
    }
}
