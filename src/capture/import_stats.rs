//! What an import read, and what became of every record of it.
//!
//! **The rule.** A record is what the format counts: a line, an event, a frame, a socket. Each
//! record that was read is counted once, under one of these:
//!
//! | | meaning | exit code |
//! |---|---|---|
//! | used | it became rows, or was counted in a flow that did | 0 |
//! | [`UnusedReason::NoConnection`] | read and understood, and rightly no connection of its own: a DNS answer that gave a name, a `stats` event, an ARP frame | 0 |
//! | [`UnusedReason::Duplicate`] | what it says is in the capture already, from another record | 0 |
//! | [`UnusedReason::Unsupported`] | well-formed, and tells of traffic that this version cannot use: a link type, a protocol, a type of event | 3 |
//! | [`UnusedReason::Unreadable`] | damaged, truncated, or no record of this format | 3 |
//!
//! The last two are *gaps*. An import without a used record fails (exit code 1), and so does one in
//! which gaps outnumber used records 99 to one, unless the format was named.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// With more gaps for each used record than this, next to nothing was understood.
const MOST_GAPS_PER_USED: u64 = 99;

/// Kinds that are told apart; further ones are counted together. The names may come from the file.
const MOST_KINDS: usize = 64;

/// Characters of a kind and of the text of an example.
const MOST_KIND_CHARS: usize = 80;
const MOST_TEXT_CHARS: usize = 100;

/// Counts of records. See the [module's documentation](self) for what counts as what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportStats {
    /// What a record is, in the singular: `line`, `event`, `frame`, `socket`.
    pub unit: String,
    /// Records that were read, used or not.
    pub read: u64,
    /// Records that became rows.
    pub used: u64,
    /// Records that did not become rows, by reason and kind; the most frequent first.
    pub unused: Vec<Unused>,
    /// Files of the given folders that were not imported, by reason and kind.
    pub files: Vec<Unused>,
}

/// Records of one kind that did not become rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unused {
    /// Why not.
    pub reason: UnusedReason,
    /// What they are, as a noun: `dns event`, `link type 105 (IEEE 802.11)`, `unreadable line`.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub example: Option<Example>,
}

/// Where a record is, and how it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Example {
    /// File and position: `conn.log line 63`.
    pub at: String,
    /// Its first characters; null for a record that is no text, and in a redacted report.
    pub text: Option<String>,
}

/// Why a record did not become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnusedReason {
    /// Damaged, truncated, or no record of this format.
    Unreadable,
    /// It tells of traffic in a way that cannot be used.
    Unsupported,
    /// It repeats what another record says.
    Duplicate,
    /// It is no connection, and was not expected to be one.
    NoConnection,
}

impl UnusedReason {
    /// Whether something that the file tells of is missing in the capture.
    pub fn is_gap(self) -> bool {
        matches!(self, Self::Unreadable | Self::Unsupported)
    }

    /// The words for it, after a number of records.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Unsupported => "not supported",
            Self::Duplicate => "duplicate",
            Self::NoConnection => "not a connection",
        }
    }
}

impl Example {
    /// A line of text. Only its beginning is kept, without control characters.
    pub fn of_line(number: u64, line: &[u8]) -> Self {
        // One character more than is kept, so that what was cut is marked.
        let begin = &line[..line.len().min(4 * (MOST_TEXT_CHARS + 1))];
        let text = shorten(&String::from_utf8_lossy(begin), MOST_TEXT_CHARS).into_owned();
        Self { at: format!("line {number}"), text: (!text.is_empty()).then_some(text) }
    }

    /// A record that is no text, at a position: `frame 7`, `byte 512`.
    pub fn at(position: impl Into<String>) -> Self {
        Self { at: position.into(), text: None }
    }
}

impl ImportStats {
    /// Counts of this kind of record.
    pub fn new(unit: &str) -> Self {
        Self { unit: unit.to_owned(), ..Self::default() }
    }

    /// Counts a record that became rows.
    pub fn use_one(&mut self) {
        self.use_many(1);
    }

    /// Counts records that became rows.
    pub fn use_many(&mut self, count: u64) {
        self.read = self.read.saturating_add(count);
        self.used = self.used.saturating_add(count);
    }

    /// Counts a record that did not become rows. The example is made for the first of its kind only.
    pub fn skip(&mut self, reason: UnusedReason, kind: &str, example: impl FnOnce() -> Example) {
        self.read = self.read.saturating_add(1);
        count(&mut self.unused, reason, kind, 1, || Some(example()));
    }

    /// Counts several records of one kind; none changes nothing.
    pub fn skip_many(&mut self, reason: UnusedReason, kind: &str, number: u64, example: Option<Example>) {
        if number > 0 {
            self.read = self.read.saturating_add(number);
            count(&mut self.unused, reason, kind, number, || example);
        }
    }

    /// Counts a file of a folder that was not imported. `example` is its path.
    pub fn skip_file(&mut self, reason: UnusedReason, kind: &str, path: impl FnOnce() -> String) {
        count(&mut self.files, reason, kind, 1, || Some(Example::at(path())));
    }

    /// Counts a line that could not be read.
    pub fn unreadable_line(&mut self, number: u64, line: &[u8]) {
        self.skip(UnusedReason::Unreadable, "unreadable line", || Example::of_line(number, line));
    }

    /// Names the positions of the examples otherwise than by lines.
    pub fn count_by(&mut self, word: &str) {
        for example in self.unused.iter_mut().filter_map(|unused| unused.example.as_mut()) {
            if let Some(number) = example.at.strip_prefix("line ") {
                example.at = format!("{word} {number}");
            }
        }
    }

    /// Adds the counts of a file; the positions of its examples get its name.
    pub fn add(&mut self, more: Self, file: &str) {
        if self.unit.is_empty() {
            self.unit = more.unit;
        }
        self.read = self.read.saturating_add(more.read);
        self.used = self.used.saturating_add(more.used);
        for Unused { reason, kind, count: number, example } in more.unused {
            let example = example.map(|example| Example { at: format!("{file} {}", example.at), ..example });
            count(&mut self.unused, reason, &kind, number, || example);
        }
        for Unused { reason, kind, count: number, example } in more.files {
            count(&mut self.files, reason, &kind, number, || example);
        }
    }

    /// Puts the most frequent kinds first.
    pub fn sort(&mut self) {
        for list in [&mut self.unused, &mut self.files] {
            list.sort_by(|a, b| {
                (a.reason, b.count, a.kind.as_str()).cmp(&(b.reason, a.count, b.kind.as_str()))
            });
        }
    }

    /// Records that tell of something that is missing in the capture.
    pub fn gaps(&self) -> u64 {
        of_gaps(&self.unused).fold(0, |sum, unused| sum.saturating_add(unused.count))
    }

    /// Whether something that was given is missing in the capture.
    pub fn has_gaps(&self) -> bool {
        of_gaps(&self.unused).chain(of_gaps(&self.files)).next().is_some()
    }

    /// Whether next to nothing could be used.
    pub fn is_next_to_nothing(&self) -> bool {
        self.gaps() / MOST_GAPS_PER_USED > self.used
    }

    /// All counts in a line: `1,000 lines read: 990 used, 10 unreadable`.
    pub fn summary(&self) -> String {
        let mut parts = vec![format!("{} used", grouped(self.used))];
        for reason in [
            UnusedReason::Unreadable,
            UnusedReason::Unsupported,
            UnusedReason::Duplicate,
            UnusedReason::NoConnection,
        ] {
            let count: u64 = self.unused.iter().filter(|u| u.reason == reason).map(|u| u.count).sum();
            if count > 0 {
                parts.push(format!("{} {}", grouped(count), reason.words()));
            }
        }
        format!("{} read: {}", self.records(self.read), parts.join(", "))
    }

    /// A sentence for each kind of record and file that is a gap.
    pub fn gap_sentences(&self) -> Vec<String> {
        let records = of_gaps(&self.unused).map(|unused| {
            let of = format!("{} of {} not used", grouped(unused.count), self.records(self.read));
            format!("{of}: {}.", unused.describe())
        });
        let files = of_gaps(&self.files)
            .map(|unused| format!("{} not imported: {}.", plural(unused.count, "file"), unused.describe()));
        records.chain(files).collect()
    }

    fn records(&self, number: u64) -> String {
        plural(number, if self.unit.is_empty() { "record" } else { &self.unit })
    }
}

impl Unused {
    /// What they are and where the first is: `unreadable line, first: conn.log line 63 ("…")`.
    pub fn describe(&self) -> String {
        let Some(Example { at, text }) = &self.example else { return self.kind.clone() };
        let first = if self.count == 1 { "" } else { "first: " };
        match text {
            // Of what is as it should be the place is enough.
            Some(text) if self.reason.is_gap() => format!("{} ({first}{at}: \"{text}\")", self.kind),
            _ => format!("{} ({first}{at})", self.kind),
        }
    }

    /// The same with their number: `3 × dns event (first: eve.json line 5)`.
    pub fn describe_counted(&self) -> String {
        format!("{} × {}", grouped(self.count), self.describe())
    }
}

fn of_gaps(list: &[Unused]) -> impl Iterator<Item = &Unused> {
    list.iter().filter(|unused| unused.reason.is_gap())
}

fn count(
    list: &mut Vec<Unused>,
    reason: UnusedReason,
    kind: &str,
    number: u64,
    example: impl FnOnce() -> Option<Example>,
) {
    let kind = shorten(kind, MOST_KIND_CHARS);
    let place = |list: &[Unused], kind: &str| {
        list.iter().position(|unused| unused.reason == reason && unused.kind == kind)
    };
    let kind = match place(list, &kind) {
        None if list.len() >= MOST_KINDS => Cow::Borrowed("of further kinds"),
        _ => kind,
    };
    match place(list, &kind) {
        Some(at) => list[at].count = list[at].count.saturating_add(number),
        None => list.push(Unused { reason, kind: kind.into_owned(), count: number, example: example() }),
    }
}

/// At most so many characters, none of which is a control character.
fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    Cow::Owned(short)
}

/// `1 line`, `2,000 lines`.
fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_counted_once_and_said_with_an_example() {
        let mut stats = ImportStats::new("line");
        (0..1998).for_each(|_| stats.use_one());
        stats.unreadable_line(7, b"half a\x1b[31m line");
        stats.skip(UnusedReason::Unsupported, "protocol sctp", || Example::at("line 9"));
        stats.skip(UnusedReason::NoConnection, "dns record", || Example::at("line 10"));
        assert_eq!(
            stats.summary(),
            "2,001 lines read: 1,998 used, 1 unreadable, 1 not supported, 1 not a connection"
        );
        assert_eq!((stats.gaps(), stats.has_gaps(), stats.is_next_to_nothing()), (2, true, false));
        assert_eq!(
            stats.gap_sentences(),
            [
                "1 of 2,001 lines not used: unreadable line (line 7: \"half a [31m line\").",
                "1 of 2,001 lines not used: protocol sctp (line 9).",
            ]
        );
    }

    #[test]
    fn kinds_of_a_reason_are_sorted_by_their_number_and_then_by_name() {
        let mut stats = ImportStats::new("line");
        for (reason, kind, number) in [
            (UnusedReason::NoConnection, "b", 1),
            (UnusedReason::NoConnection, "a", 1),
            (UnusedReason::NoConnection, "c", 9),
            (UnusedReason::Unsupported, "z", 1),
            (UnusedReason::Unsupported, "y", 50),
        ] {
            stats.skip_many(reason, kind, number, Some(Example::at("line 1")));
        }
        stats.sort();
        let mut order: Vec<(UnusedReason, u64, &str)> =
            stats.unused.iter().map(|unused| (unused.reason, unused.count, unused.kind.as_str())).collect();
        let sorted = order.clone();
        order.sort_by_key(|(reason, count, kind)| (*reason, std::cmp::Reverse(*count), *kind));
        assert_eq!(sorted, order);
        assert_eq!(
            sorted
                .iter()
                .filter(|row| row.0 == UnusedReason::NoConnection)
                .map(|row| row.2)
                .collect::<String>(),
            "cab"
        );
    }

    #[test]
    fn a_kind_is_listed_with_its_number_and_where_the_first_is() {
        let mut stats = ImportStats::new("event");
        let at = |place: &str| Some(Example::at(place));
        stats.skip_many(UnusedReason::NoConnection, "dns event", 1_200, at("eve.json line 5"));
        stats.skip_many(UnusedReason::Unsupported, "sctp flow", 1, at("eve.json line 9"));
        stats.skip_many(UnusedReason::Duplicate, "netflow event", 2, None);
        let mut listed: Vec<String> = stats.unused.iter().map(Unused::describe_counted).collect();
        listed.sort();
        assert_eq!(
            listed,
            [
                "1 × sctp flow (eve.json line 9)",
                "1,200 × dns event (first: eve.json line 5)",
                "2 × netflow event"
            ]
        );
    }

    #[test]
    fn examples_are_counted_by_lines_or_by_what_the_format_has_instead() {
        let mut stats = ImportStats::new("event");
        stats.skip(UnusedReason::Unsupported, "sctp flow", || Example::at("line 9"));
        stats.skip(UnusedReason::NoConnection, "dns event", || Example::at("eve.json line 5"));
        stats.skip_many(UnusedReason::Duplicate, "flow", 2, None);
        stats.count_by("record");
        let mut listed: Vec<String> = stats.unused.iter().map(Unused::describe).collect();
        listed.sort();
        assert_eq!(listed, ["dns event (eve.json line 5)", "flow", "sctp flow (record 9)"]);
    }

    #[test]
    fn the_text_of_an_example_is_given_where_something_is_wrong_with_it() {
        let mut stats = ImportStats::new("line");
        stats.skip(UnusedReason::NoConnection, "dns record", || Example::of_line(3, b"dns of host a"));
        stats.skip(UnusedReason::Unsupported, "sctp record", || Example::of_line(4, b"sctp of host b"));
        let mut listed: Vec<String> = stats.unused.iter().map(Unused::describe).collect();
        listed.sort();
        assert_eq!(listed, ["dns record (line 3)", "sctp record (line 4: \"sctp of host b\")"]);
    }

    #[test]
    fn of_a_long_line_as_much_is_given_as_fits_whatever_its_characters_take() {
        for character in ["a", "é", "€", "🦀"] {
            let example = Example::of_line(1, character.repeat(5_000).as_bytes());
            let text = example.text.unwrap();
            assert_eq!(text, character.repeat(MOST_TEXT_CHARS) + "…");
        }
        assert_eq!(Example::of_line(1, b"").text, None);
    }

    #[test]
    fn what_is_rightly_no_connection_is_no_gap() {
        let mut stats = ImportStats::new("event");
        stats.use_one();
        stats.skip_many(UnusedReason::NoConnection, "dns event", 1_000_000, None);
        stats.skip_many(UnusedReason::Duplicate, "netflow event", 1_000_000, None);
        assert!(!stats.has_gaps() && !stats.is_next_to_nothing());
    }

    #[test]
    fn a_hundred_gaps_for_a_used_record_are_next_to_nothing() {
        let mut stats = ImportStats::new("frame");
        stats.use_one();
        stats.skip_many(UnusedReason::Unsupported, "link type 1", 197, None);
        assert!(!stats.is_next_to_nothing());
        stats.skip_many(UnusedReason::Unreadable, "cut", 1, None);
        assert!(stats.is_next_to_nothing());
    }

    #[test]
    fn files_add_up_and_their_names_stand_in_the_examples() {
        let mut total = ImportStats::default();
        for file in ["a.log", "b.log"] {
            let mut one = ImportStats::new("line");
            one.unreadable_line(1, b"x");
            total.add(one, file);
        }
        let example = Example { at: "a.log line 1".to_owned(), text: Some("x".to_owned()) };
        assert_eq!((total.read, total.unused[0].count, &total.unused[0].example), (2, 2, &Some(example)));
    }

    #[test]
    fn a_file_cannot_make_up_kinds_without_end() {
        let mut stats = ImportStats::new("event");
        for number in 0..100_000_u32 {
            stats.skip(UnusedReason::Unsupported, &format!("{number} {}", "x".repeat(300)), || {
                Example::at("")
            });
        }
        assert_eq!(stats.unused.len(), MOST_KINDS + 1);
        assert_eq!(stats.gaps(), 100_000);
        assert!(stats.unused.iter().all(|unused| unused.kind.chars().count() <= MOST_KIND_CHARS + 1));
    }
}
