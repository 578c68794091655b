//! Windows events as tables: what `Get-WinEvent | Export-Csv` and `EvtxECmd --csv` write, with the text or the
//! data of an event in one column, in quotes over several lines.

use serde_json::{Map, Value};

use super::event::Record;
use super::json;
use crate::import::socket_table::{Values, plain_name};

/// A heading is among the first lines.
const MOST_LINES_BEFORE: u32 = 10;

/// A record goes on over at most so many bytes.
const MOST_RECORD_BYTES: usize = 256 * 1024;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Nothing of a table.
    Outside,
    /// A heading, or a part of a record that goes on.
    Part,
    Record(Record),
    /// A record that is no event.
    Unreadable,
}

/// Reads the lines of a file.
#[derive(Debug, Default)]
pub(super) struct Csv {
    lines: u32,
    delimiter: char,
    names: Vec<String>,
    open: Option<Values>,
}

impl Csv {
    /// Takes a line.
    pub(super) fn take(&mut self, line: &[u8]) -> Parsed {
        if self.names.is_empty() {
            self.lines = self.lines.saturating_add(1);
            // Export-Csv of PowerShell 5 begins with `#TYPE`.
            let is_part =
                self.lines <= MOST_LINES_BEFORE && (line.starts_with(b"#TYPE ") || self.is_heading(line));
            return if is_part { Parsed::Part } else { Parsed::Outside };
        }
        let line = String::from_utf8_lossy(line);
        let mut values = match self.open.take() {
            Some(mut values) => {
                values.feed("\n");
                values
            }
            None => Values::new(self.delimiter),
        };
        values.feed(&line);
        let is_too_long = values.bytes() > MOST_RECORD_BYTES;
        match values.end() {
            Ok(values) => self.record(values).map_or(Parsed::Unreadable, Parsed::Record),
            Err(_) if is_too_long => Parsed::Unreadable,
            Err(open) => {
                self.open = Some(open);
                Parsed::Part
            }
        }
    }

    /// Whether a record has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn is_heading(&mut self, line: &[u8]) -> bool {
        if line.starts_with(b"{") || line.starts_with(b"<") {
            return false;
        }
        let line = String::from_utf8_lossy(line);
        for delimiter in [',', ';', '\t'] {
            let mut values = Values::new(delimiter);
            values.feed(&line);
            let Ok(names) = values.end() else { continue };
            let has = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&plain_name(name).as_str()));
            if has(&["id", "eventid"]) && has(&["message", "payload"]) {
                (self.delimiter, self.names) = (delimiter, names);
                return true;
            }
        }
        false
    }

    fn record(&self, values: Vec<String>) -> Option<Record> {
        if values.len() != self.names.len() {
            return None;
        }
        let fields = self.names.iter().zip(values);
        let object: Map<String, Value> =
            fields.map(|(name, value)| (name.trim().to_owned(), Value::String(value))).collect();
        json::of_row(&object)
    }
}
