//! Zeek's own notation: a header that names separators and fields, then a line per record.

use super::kind::{self, Kind};
use super::record::{Field, Record};

/// What the header said. A file may have several, one after the other: logs are concatenated, and
/// their fields change when Zeek is configured anew.
#[derive(Debug, Clone)]
pub(super) struct Header {
    separator: Vec<u8>,
    /// Between the values of a set.
    pub(super) set_separator: Vec<u8>,
    unset: Vec<u8>,
    empty: Vec<u8>,
    /// The log's name: `conn`, `ssl`; empty where the header does not say it.
    path: String,
    /// For each column, the field in it; none for those that nobody asks for.
    columns: Vec<Option<Field>>,
    /// Columns up to the last that somebody asks for.
    wanted: usize,
    /// Of the records below it.
    pub(super) kind: Kind,
    /// Whether each record names its log itself.
    has_path_column: bool,
    /// Whether the tabs have become spaces.
    is_aligned: bool,
}

/// More columns than this no log has.
const MOST_COLUMNS: usize = 4096;

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: b"\t".to_vec(),
            set_separator: b",".to_vec(),
            unset: b"-".to_vec(),
            empty: b"(empty)".to_vec(),
            path: String::new(),
            columns: Vec::new(),
            wanted: 0,
            kind: Kind::Other,
            has_path_column: false,
            is_aligned: false,
        }
    }
}

impl Header {
    /// Takes a line that begins with `#`.
    pub(super) fn take(&mut self, line: &[u8]) {
        if let Some(value) = line.strip_prefix(b"#separator ") {
            *self = Self { separator: separator(value), ..Self::default() };
            return;
        }
        if self.separator == b"\t" && !line.contains(&b'\t') && line.contains(&b' ') {
            return self.take_aligned(line);
        }
        let separator = self.separator.clone();
        let mut words = split(line, &separator);
        let (key, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match key {
            b"#set_separator" => self.set_separator = unescape(value),
            b"#unset_field" => self.unset = value.to_vec(),
            b"#empty_field" => self.empty = value.to_vec(),
            b"#path" => self.path = String::from_utf8_lossy(value).into_owned(),
            b"#fields" => {
                self.is_aligned = false;
                self.name_columns(split(line, &separator).skip(1));
            }
            _ => {}
        }
    }

    /// Takes a line of which the tabs have become spaces, as copied from a terminal.
    fn take_aligned(&mut self, line: &[u8]) {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        match words.next() {
            Some(b"#path") => {
                self.path = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
            }
            Some(b"#fields") => {
                self.is_aligned = true;
                self.name_columns(words);
            }
            _ => {}
        }
    }

    /// Takes the names of the columns.
    pub(super) fn name_columns<'a>(&mut self, names: impl Iterator<Item = &'a [u8]> + Clone) {
        self.columns = names.clone().take(MOST_COLUMNS).map(Field::of).collect();
        self.wanted = self.columns.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.has_path_column = self.has(Field::Path) || self.has(Field::Stream);
        let is_conns = || names.take(MOST_COLUMNS).all(kind::is_of_conn);
        self.kind = Kind::of(Some(&self.path), |field| self.has(field), is_conns);
    }

    /// Whether it has named the fields.
    pub(super) fn is_complete(&self) -> bool {
        self.wanted > 0
    }

    /// Whether a field has a column.
    pub(super) fn has(&self, field: Field) -> bool {
        self.columns.contains(&Some(field))
    }

    /// The fields of a line; none where it has fewer columns than the header: it is cut, and so may be its last value.
    pub(super) fn record<'a>(&'a self, line: &'a [u8]) -> Option<Record<'a>> {
        match self.separator.as_slice() {
            _ if self.is_aligned => self.aligned(line),
            [byte] => self.whole(line.split(|other| other == byte)),
            separator => self.whole(split(line, separator)),
        }
    }

    /// The fields of a line of words. A value with a space in it would displace those behind it.
    fn aligned<'a>(&'a self, line: &'a [u8]) -> Option<Record<'a>> {
        let words = || line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        (words().count() == self.columns.len()).then(|| self.fields(words()))
    }

    /// The fields of a line that has all columns, as far as somebody asks for them.
    fn whole<'a>(&'a self, mut values: impl Iterator<Item = &'a [u8]>) -> Option<Record<'a>> {
        let mut taken = 0;
        let record = self.fields(values.by_ref().take(self.wanted).inspect(|_| taken += 1));
        let is_whole = taken == self.wanted && (self.wanted == self.columns.len() || values.next().is_some());
        is_whole.then_some(record)
    }

    /// The fields that the values of a line are. A line with fewer columns has those that it has.
    pub(super) fn fields<'a>(&'a self, values: impl Iterator<Item = &'a [u8]>) -> Record<'a> {
        let mut record = Record::EMPTY;
        if !self.has_path_column {
            record.set(Field::Path, self.path.as_bytes());
        }
        for (value, column) in values.zip(&self.columns[..self.wanted]) {
            if let Some(field) = column
                && value != self.unset
                && value != self.empty
            {
                record.set(*field, value);
            }
        }
        record
    }

    /// The kind of a record below it.
    pub(super) fn kind_of(&self, record: &Record<'_>) -> Kind {
        if !self.has_path_column {
            return self.kind;
        }
        Kind::of(record.log_name(), |field| record.has(field), || false)
    }
}

/// `\x09` or the separator itself.
fn separator(text: &[u8]) -> Vec<u8> {
    let separator = unescape(text);
    if separator.is_empty() { b"\t".to_vec() } else { separator }
}

/// The parts of a line between separators.
pub(super) fn split<'a>(line: &'a [u8], separator: &[u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let at = text.windows(separator.len().max(1)).position(|window| window == separator);
        rest = at.map(|at| &text[at + separator.len()..]);
        Some(at.map_or(text, |at| &text[..at]))
    })
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

/// Undoes `\xNN`, as Zeek writes bytes that are not printable or would be taken for a separator.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', b'x', high, low, ..] => hex(*high, *low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[4..] } else { after };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(lines: &[&str]) -> Header {
        let mut header = Header::default();
        for line in lines {
            header.take(line.as_bytes());
        }
        header
    }

    #[test]
    fn the_header_says_how_to_read_the_lines() {
        let header = header(&[
            "#separator \\x7c",
            "#set_separator|\\x3b",
            "#unset_field|?",
            "#empty_field|nothing",
            "#path|conn",
            "#fields|extra|ts|uid|proto|more",
        ]);
        assert_eq!((header.kind, header.set_separator.as_slice()), (Kind::Conn, b";".as_slice()));
        let record = header.record(b"x|1.5|?|nothing|y|z").unwrap();
        assert_eq!(record.get(Field::Ts), Some(b"1.5".as_slice()));
        assert_eq!((record.get(Field::Uid), record.get(Field::Proto)), (None, None));
    }

    #[test]
    fn separators_may_have_several_bytes() {
        let header = header(&["#separator \\x7c\\x7c", "#fields||ts||uid||proto"]);
        let record = header.record(b"1.5||C|1||tcp").unwrap();
        assert_eq!((record.text(Field::Uid), record.text(Field::Proto)), (Some("C|1"), Some("tcp")));
    }

    #[test]
    fn a_later_header_replaces_the_first() {
        let header =
            header(&["#separator \\x09", "#fields\tts\tuid", "#separator \\x09", "#fields\tuid\tts"]);
        assert_eq!(header.record(b"C1\t2.0").unwrap().get(Field::Uid), Some(b"C1".as_slice()));
    }

    #[test]
    fn labels_that_are_joined_into_one_column_disturb_nothing() {
        let header = header(&["#fields\tts\tproto\ttunnel_parents   label   detailed-label"]);
        let record = header.record(b"1.0\ttcp\t(empty)   Malicious   C&C").unwrap();
        assert_eq!(record.text(Field::Proto), Some("tcp"));
    }

    #[test]
    fn a_line_that_is_too_short_is_cut() {
        let header = header(&["#fields\tts\tuid\tproto\tother"]);
        let uid = |line: &'static [u8]| {
            header.record(line).and_then(|record| record.text(Field::Uid).map(str::to_owned))
        };
        assert_eq!((uid(b"1.0\tC1"), uid(b"1.0\tC1\ttc")), (None, None));
        assert_eq!(uid(b"1.0\tC1\ttcp\t").as_deref(), Some("C1"));
        assert_eq!(uid(b"1.0\tC1\ttcp\tx\tmore").as_deref(), Some("C1"));
    }

    #[test]
    fn bytes_that_were_escaped_come_back() {
        assert_eq!(unescape(br"a\x09b\x5c\x"), b"a\tb\\\\x");
        assert_eq!(unescape(br"\xzz"), br"\xzz");
    }
}
