//! How a file of text is written, as far as its beginning tells.

use serde_json::{Map, Value};

use super::hosts::Style as HostStyle;
use super::partial_lines::Runtime;
use super::rewrites::Rewrite;
use super::utf16::Order;
use super::{escapes, file_names, lists};

/// Keys under which exports hold an array of records: search engines, clouds, log APIs.
const ENVELOPES: &[&str] = &[
    "hits",
    "Records",
    "records",
    "events",
    "Events",
    "logEvents",
    "value",
    "results",
    "Items",
    "items",
    "data",
];

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each says whether one change to the text is needed")]
pub(in crate::import) struct Layout {
    pub(super) encoding: Encoding,
    /// Whether there is a byte-order mark.
    pub(super) has_mark: bool,
    pub(super) ends_lines_with_cr: bool,
    /// Whether sequences for a terminal are in it.
    pub(super) has_escapes: bool,
    /// Whether each line begins with the name of a file.
    pub(super) has_file_names: bool,
    /// How it names the hosts of which it holds the output.
    pub(in crate::import) hosts: Option<HostStyle>,
    /// What has to be undone in each line, before all else but the hosts.
    pub(super) rewrite: Option<Rewrite>,
    /// Whether a container's runtime wrote it, which splits long lines.
    pub(super) container: Option<Runtime>,
    pub(super) json: JsonLayout,
    /// Whether it is the XML of Windows events.
    pub(super) has_xml_events: bool,
    /// Whether PowerShell has printed them as a list.
    pub(super) has_event_list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Or any other of single bytes.
    Utf8,
    Utf16(Order),
}

/// How JSON lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonLayout {
    /// An object a line; also what is no JSON.
    Lines,
    /// Arrays, objects over several lines.
    Values {
        /// Whether the outermost object holds the array of records.
        has_envelope: bool,
    },
}

impl Layout {
    /// Of lines as importers take them.
    const PLAIN: Self = Self {
        encoding: Encoding::Utf8,
        has_mark: false,
        ends_lines_with_cr: false,
        has_escapes: false,
        has_file_names: false,
        hosts: None,
        rewrite: None,
        container: None,
        json: JsonLayout::Lines,
        has_xml_events: false,
        has_event_list: false,
    };

    /// Of a file that begins so; none if it is no text.
    pub(in crate::import) fn of(head: &[u8]) -> Option<Self> {
        let encoding = match utf16_order(head) {
            Some(order) => Encoding::Utf16(order),
            None if is_text(head) => Encoding::Utf8,
            None => return None,
        };
        let mut layout = Self { encoding, ..Self::PLAIN };
        let text = super::plain_head(head, Some(layout));
        if matches!(encoding, Encoding::Utf16(_)) && !is_text(&text) {
            return None;
        }
        let plain = text.strip_prefix("\u{feff}".as_bytes());
        layout.has_mark = plain.is_some();
        let plain = plain.unwrap_or(&text);
        layout.ends_lines_with_cr = plain.contains(&b'\r') && !plain.contains(&b'\n');
        if !layout.ends_lines_with_cr {
            layout.add_records(head, plain);
        }
        Some(layout)
    }

    /// Finds what lies around the records of a file that begins with `head`, which is this as plain text.
    fn add_records(&mut self, head: &[u8], plain: &[u8]) {
        self.has_escapes = escapes::are_in(plain);
        self.has_file_names = file_names::are_on_all_lines(plain);
        self.hosts = HostStyle::of(plain).filter(|_| !self.has_file_names);
        let plain = if self.has_escapes || self.has_file_names || self.hosts.is_some() {
            &super::plain_head(head, Some(*self))
        } else {
            plain
        };
        self.rewrite = Rewrite::of(plain);
        let rewritten = super::plain_head(plain, Some(Self { rewrite: self.rewrite, ..Self::PLAIN }));
        let plain = if self.rewrite.is_some() { rewritten.as_slice() } else { plain };
        let plain = without_number(plain);
        self.container = Runtime::of(plain);
        let joined = super::plain_head(plain, Some(Self { container: self.container, ..Self::PLAIN }));
        let plain = if self.container.is_some() { joined.as_slice() } else { plain };
        self.json = json_layout(plain);
        self.has_xml_events = has_xml_events(plain);
        self.has_event_list = lists::are_events(plain);
    }

    /// Whether records are no longer on the lines on which they are in the file.
    pub(in crate::import) fn moves_lines(self) -> bool {
        self.json != JsonLayout::Lines || self.has_xml_events || self.has_event_list
    }
}

/// The order of the bytes if it is UTF-16: by its mark, or as every second byte is NUL.
fn utf16_order(head: &[u8]) -> Option<Order> {
    match head {
        [0xFF, 0xFE, ..] => return Some(Order::Little),
        [0xFE, 0xFF, ..] => return Some(Order::Big),
        _ => {}
    }
    let pairs = head.chunks_exact(2).take(512);
    let number = pairs.len();
    let is = |test: fn(&[u8]) -> bool| {
        number >= 4 && pairs.clone().filter(|pair| test(pair)).count() * 10 >= number * 9
    };
    if is(|pair| pair[0] != 0 && pair[1] == 0) {
        return Some(Order::Little);
    }
    is(|pair| pair[0] == 0 && pair[1] != 0).then_some(Order::Big)
}

/// Whether these bytes are text: hardly any control characters, and NUL bytes in few runs only.
fn is_text(head: &[u8]) -> bool {
    let mut controls = 0;
    let mut others = 0;
    let mut runs = 0;
    let mut previous = b' ';
    for &byte in head {
        match byte {
            0 => runs += usize::from(previous != 0),
            // Bells end the titles that programs give to terminals.
            0x07 | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1b | RECORD_SEPARATOR => others += 1,
            0x01..=0x1f | 0x7f => controls += 1,
            _ => others += 1,
        }
        previous = byte;
    }
    others > 0 && controls * 100 <= others && runs <= 2 + others / 512
}

/// The name space of Windows events, which all of them name.
const XML_EVENTS: &[u8] = b"http://schemas.microsoft.com/win/2004/08/events/event";

fn has_xml_events(text: &[u8]) -> bool {
    let has = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    text.trim_ascii_start().starts_with(b"<") && has(b"<Event ") && has(XML_EVENTS)
}

/// Without the number that `evtx_dump` prints before each event, on a line of its own.
fn without_number(text: &[u8]) -> &[u8] {
    let after = || {
        let rest = text.trim_ascii_start().strip_prefix(b"Record ")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let rest = &rest[digits..];
        matches!(rest.first(), Some(b'\r' | b'\n') if digits > 0).then(|| rest.trim_ascii_start())
    };
    after().unwrap_or(text)
}

/// What precedes each text of a sequence (RFC 7464).
const RECORD_SEPARATOR: u8 = 0x1e;

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn json_layout(text: &[u8]) -> JsonLayout {
    let text = text.trim_ascii_start();
    match text {
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start(), [b'{' | b'[', ..]) => {
            JsonLayout::Values { has_envelope: false }
        }
        // Fluent Bit's `[1700000000.25, {…}]`, and a sequence after RFC 7464.
        [b'[', b'0'..=b'9', ..] if first_line(text).contains(&b'{') => {
            JsonLayout::Values { has_envelope: false }
        }
        [RECORD_SEPARATOR, rest @ ..] if rest.trim_ascii_start().starts_with(b"{") => {
            JsonLayout::Values { has_envelope: false }
        }
        [b'{', ..] => layout_of_objects(text),
        _ => JsonLayout::Lines,
    }
}

fn layout_of_objects(text: &[u8]) -> JsonLayout {
    let mut lines = text.splitn(2, |byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default().trim_ascii_end();
    let is_only_line = lines.next().is_none_or(|rest| rest.trim_ascii().is_empty());
    if let Ok(object) = serde_json::from_slice::<Map<String, Value>>(first) {
        let has_envelope = is_only_line && has_records(&object);
        return if has_envelope { JsonLayout::Values { has_envelope } } else { JsonLayout::Lines };
    }
    if let Some(object) = first_of_several(first) {
        return JsonLayout::Values { has_envelope: has_records(&object) };
    }
    // An object that goes on: pretty-printed, or an envelope on a line longer than what was looked at.
    let has_envelope = begins_as_envelope(text);
    let goes_on = matches!(first, [b'{'] | [.., b',' | b'{' | b'[' | b':']);
    let is_pretty = !is_only_line && goes_on;
    if is_pretty || (is_only_line && has_envelope) {
        JsonLayout::Values { has_envelope }
    } else {
        JsonLayout::Lines
    }
}

/// The first of several objects on one line, as Amazon Data Firehose joins them.
fn first_of_several(line: &[u8]) -> Option<Map<String, Value>> {
    let mut objects = serde_json::Deserializer::from_slice(line).into_iter::<Map<String, Value>>();
    let first = objects.next()?.ok()?;
    line[objects.byte_offset()..].trim_ascii_start().starts_with(b"{").then_some(first)
}

/// Whether it holds an array of objects under a key of an envelope.
fn has_records(object: &Map<String, Value>) -> bool {
    let is_records =
        |value: &Value| value.as_array().is_some_and(|list| list.first().is_some_and(Value::is_object));
    ENVELOPES
        .iter()
        .filter_map(|key| object.get(*key))
        .any(|value| is_records(value) || is_records(&value["hits"]))
}

/// The same for text of which the end is not there: such a key, and after it an array of objects.
fn begins_as_envelope(text: &[u8]) -> bool {
    ENVELOPES.iter().any(|key| {
        let key = format!("\"{key}\"");
        text.windows(key.len()).enumerate().filter(|(_, window)| *window == key.as_bytes()).any(|(at, _)| {
            let rest = text[at + key.len()..].trim_ascii_start();
            let Some(rest) = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start) else { return false };
            let Some(rest) = rest.strip_prefix(b"[") else { return false };
            rest.trim_ascii_start().starts_with(b"{")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::text::plain_head;

    fn lines(text: &str) -> Vec<String> {
        let plain = plain_head(text.as_bytes(), Layout::of(text.as_bytes()));
        String::from_utf8(plain).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_layout_of_json_becomes_a_record_a_line() {
        let records = [r#"{"a":1,"b":{"c":["x","}\"]"]}}"#, r#"{"a":2,"b":{}}"#];
        let values: Vec<Value> = records.iter().map(|record| serde_json::from_str(record).unwrap()).collect();
        let array = Value::Array(values.clone());
        let layouts = [
            records.join("\n"),
            format!("[{}]", records.join(",")),
            format!("[\n{}\n]\n", records.join(",\n")),
            format!("[[{}],[{}]]", records[0], records[1]),
            serde_json::to_string_pretty(&array).unwrap(),
            values.iter().map(|value| serde_json::to_string_pretty(value).unwrap() + "\n").collect(),
            serde_json::json!({"took": 3, "_shards": {"total": 1}, "hits": {"total": {"value": 2}, "hits": array}}).to_string(),
            serde_json::to_string_pretty(&serde_json::json!({"Records": array})).unwrap(),
            serde_json::json!({"count": 2, "logEvents": array, "next": "x"}).to_string(),
            records.concat(),
            records.map(|record| format!(r#"{{"id":"x","logEvents":[{record}]}}"#)).concat(),
            values.iter().map(|value| format!("Record 1\n{value:#}\n")).collect::<Vec<_>>().concat(),
            records.map(|record| format!("logs/eve.json:{record}\n")).concat(),
            records.map(|record| format!("[1700000000.25, {record}]\n")).concat(),
            records.map(|record| format!("\u{1e}{record}\n")).concat(),
        ];
        for layout in layouts {
            assert_eq!(lines(&layout), records, "{layout}");
        }
    }

    #[test]
    fn records_that_hold_arrays_stay_whole() {
        let lines_of = r#"{"event_type":"dns","data":[{"a":1}]}
{"event_type":"dns","data":[{"a":2}]}"#;
        assert_eq!(lines(lines_of).len(), 2);
        assert_eq!(lines(lines_of)[0], r#"{"event_type":"dns","data":[{"a":1}]}"#);
        assert_eq!(lines("[::1]:22 text\nmore"), ["[::1]:22 text", "more"]);
    }

    #[test]
    fn what_is_cut_short_has_no_line_end() {
        let text = r#"[{"a":1},{"a":"#;
        let plain = plain_head(text.as_bytes(), Layout::of(text.as_bytes()));
        assert_eq!(plain, b"{\"a\":1}\n{\"a\":");
    }
}
