//! A table as CSV: every column of every row.
//!
//! UTF-8, RFC 4180 (CRLF, quotes doubled), times in ISO 8601. Null is an empty cell. See
//! [`escape::csv`] for the protection against formulas.

use std::io::{self, Write};

use crate::escape;
use crate::humanize;
use crate::model::frame::{
    Column, DataFrame, Float32Type, Float64Type, Int64Type, UInt16Type, UInt32Type, UInt64Type, Values,
};
use crate::model::view::{Flags, Numbers, Words};

/// Suffix of the names of columns with times in µs since the Unix epoch.
const TIME_SUFFIX: &str = "_seen_us";

/// Number of cached texts and minutes, and the maximum length of a cached text in bytes.
const MOST_WRITTEN: usize = 256;
const TEXT_ALIGNMENT: usize = 8;

const MINUTE_US: i64 = 60_000_000;

/// Bytes buffered before they are written.
const BLOCK_BYTES: usize = 64 * 1024;

/// A column, with its type resolved once rather than per cell.
enum Cells<'a> {
    Text(Texts<'a>),
    Flag(Flags<'a>),
    U16(Numbers<'a, UInt16Type>),
    U32(Numbers<'a, UInt32Type>),
    U64(Numbers<'a, UInt64Type>),
    I64(Numbers<'a, Int64Type>),
    F32(Numbers<'a, Float32Type>),
    F64(Numbers<'a, Float64Type>),
    Time(Numbers<'a, Int64Type>, Minutes),
}

/// A table ready for writing.
pub struct Table<'a> {
    names: Vec<String>,
    columns: Vec<Cells<'a>>,
    rows: usize,
}

impl<'a> Table<'a> {
    /// The table of a frame.
    pub fn of(frame: &'a DataFrame) -> Self {
        let columns = frame.columns().iter().map(Cells::of).collect();
        let names = frame.columns().iter().map(|column| header(column.name())).collect();
        Self { names, columns, rows: frame.height() }
    }

    /// Writes the table, row by row.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut block = Vec::with_capacity(2 * BLOCK_BYTES);
        for name in &self.names {
            push_text(&mut block, name);
            block.push(b',');
        }
        end_row(&mut block);
        for row in 0..self.rows {
            for column in &mut self.columns {
                column.push(&mut block, row)?;
                block.push(b',');
            }
            end_row(&mut block);
            if block.len() >= BLOCK_BYTES {
                out.write_all(&block)?;
                block.clear();
            }
        }
        out.write_all(&block)
    }
}

/// `first_seen_us` has µs in the table, and a time in the file.
fn header(name: &str) -> String {
    name.strip_suffix(TIME_SUFFIX).map_or_else(|| name.to_owned(), |stem| format!("{stem}_seen"))
}

impl<'a> Cells<'a> {
    fn of(column: &'a Column) -> Self {
        let is_time = column.name().ends_with(TIME_SUFFIX);
        match column.values() {
            Values::Flags(flags) => Self::Flag(Flags::new(flags)),
            Values::U16(numbers) => Self::U16(Numbers::new(numbers)),
            Values::U32(numbers) => Self::U32(Numbers::new(numbers)),
            Values::U64(numbers) => Self::U64(Numbers::new(numbers)),
            Values::I64(times) if is_time => Self::Time(Numbers::new(times), Minutes::new()),
            Values::I64(numbers) => Self::I64(Numbers::new(numbers)),
            Values::F32(numbers) => Self::F32(Numbers::new(numbers)),
            Values::F64(numbers) => Self::F64(Numbers::new(numbers)),
            Values::Text(texts) => Self::Text(Texts::new(Words::new(texts))),
        }
    }

    /// Appends the cell of a row; nothing for null.
    fn push(&mut self, block: &mut Vec<u8>, row: usize) -> io::Result<()> {
        match self {
            Self::Text(cells) => cells.push(block, row),
            Self::U16(cells) => known(cells.get(row), |value| push_whole(block, value.into())),
            Self::U32(cells) => known(cells.get(row), |value| push_whole(block, value.into())),
            Self::U64(cells) => known(cells.get(row), |value| push_whole(block, value)),
            Self::Flag(cells) => {
                known(cells.get(row), |flag| block.extend_from_slice(if flag { b"true" } else { b"false" }));
            }
            Self::Time(cells, minutes) => known(cells.get(row), |time_us| minutes.push(block, time_us)),
            Self::I64(cells) => known(cells.get(row), |value| {
                if value < 0 {
                    block.push(b'-');
                }
                push_whole(block, value.unsigned_abs());
            }),
            Self::F32(cells) => return push_real(block, cells.get(row).map(f64::from)),
            Self::F64(cells) => return push_real(block, cells.get(row)),
        }
        Ok(())
    }
}

/// Calls `push` with a cell's value, if it has one.
fn known<T>(cell: Option<T>, push: impl FnOnce(T)) {
    if let Some(value) = cell {
        push(value);
    }
}

/// A text column, with a cache of recently written cells, because most columns have few distinct texts.
struct Texts<'a> {
    words: Words<'a>,
    /// By the address of the text.
    written: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Texts<'a> {
    fn new(words: Words<'a>) -> Self {
        Self { words, written: vec![("", Vec::new()); MOST_WRITTEN] }
    }

    fn push(&mut self, block: &mut Vec<u8>, row: usize) {
        let Some(text) = self.words.get(row) else { return };
        let (of, cell) = &mut self.written[text.as_ptr().addr() / TEXT_ALIGNMENT % MOST_WRITTEN];
        if !std::ptr::eq(*of, text) {
            *of = text;
            cell.clear();
            if is_plain(text) {
                cell.extend_from_slice(text.as_bytes());
            } else {
                push_text(cell, &escape::csv(text));
            }
        }
        block.extend_from_slice(cell);
    }
}

/// Whether a text certainly needs no quotes, as most: addresses, names and states.
fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'_' | b'-' | b'>'))
}

/// Appends a text, quoted if needed.
fn push_text(block: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        block.extend_from_slice(text.as_bytes());
        return;
    }
    block.push(b'"');
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            block.extend_from_slice(b"\"\"");
        }
        block.extend_from_slice(part.as_bytes());
    }
    block.push(b'"');
}

/// Most cells are integers, and `write!` takes several times as long for one.
fn push_whole(block: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    block.extend_from_slice(&digits[first..]);
}

fn push_real(block: &mut Vec<u8>, value: Option<f64>) -> io::Result<()> {
    value.filter(|value| value.is_finite()).map_or(Ok(()), |value| write!(block, "{value}"))
}

/// Replaces the comma after the last cell by the end of the row.
fn end_row(block: &mut Vec<u8>) {
    block.pop();
    block.extend_from_slice(b"\r\n");
}

/// A cache of recently written minutes, because the times of a recording are in few minutes.
struct Minutes {
    /// By minute since the Unix epoch: the text up to the last colon; `None` outside the calendar's range.
    written: Vec<Option<(i64, Option<String>)>>,
}

impl Minutes {
    fn new() -> Self {
        Self { written: vec![None; MOST_WRITTEN] }
    }

    fn push(&mut self, block: &mut Vec<u8>, time_us: i64) {
        let (minute, mut rest_us) = (time_us.div_euclid(MINUTE_US), time_us.rem_euclid(MINUTE_US));
        let written = &mut self.written[minute.rem_euclid(MOST_WRITTEN as i64) as usize];
        if written.as_ref().is_none_or(|(known, _)| *known != minute) {
            let text = humanize::iso_utc(time_us);
            let stem = text.and_then(|text| Some(text.rsplit_once(':')?.0.to_owned()));
            *written = Some((minute, stem));
        }
        let Some((_, Some(stem))) = written else { return };
        let mut seconds = *b":00.000000Z";
        for place in [9, 8, 7, 6, 5, 4, 2, 1] {
            seconds[place] += (rest_us % 10) as u8;
            rest_us /= 10;
        }
        block.extend_from_slice(stem.as_bytes());
        block.extend_from_slice(&seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::frame::df;
    use crate::report::fixture;

    fn text_of(frame: &DataFrame) -> String {
        let mut out = Vec::new();
        Table::of(frame).write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_of_every_type_and_null() {
        let frame = df!(
            "conn_id" => [u64::MAX, 1],
            "first_seen_us" => [Some(1_780_308_000_000_001_i64), None],
            "duration_s" => [Some(1.5), Some(f64::NAN)],
            "opened" => [Some(true), None],
            "local_port" => [Some(443_u16), None],
            "process_name" => [Some("a,\"b\""), None],
        )
        .unwrap();
        assert_eq!(
            text_of(&frame),
            "conn_id,first_seen,duration_s,opened,local_port,process_name\r\n\
             18446744073709551615,2026-06-01T10:00:00.000001Z,1.5,true,443,\"a,\"\"b\"\"\"\r\n\
             1,,,,,\r\n"
        );
    }

    #[test]
    fn formulas_and_controls_in_names_are_harmless() {
        let frame = df!("process_name" => ["=cmd|'/c calc'!A0", "a\r\nb", "-5"]).unwrap();
        assert_eq!(text_of(&frame), "process_name\r\n'=cmd|'/c calc'!A0\r\na\\r\\nb\r\n-5\r\n");
    }

    #[test]
    fn every_connection_of_a_capture_comes_back_from_a_parser() {
        let analysis = fixture::analysis();
        let text = text_of(&analysis.tables.connections);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().len();
        assert_eq!(columns, analysis.tables.connections.width());
        let records: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(records.len(), analysis.tables.connections.height());
        assert!(records.iter().all(|record| record.len() == columns));
    }

    #[test]
    fn a_minute_is_the_same_text_from_its_first_to_its_last_moment() {
        let times =
            [-1_i64, 0, 999_999, 59_999_999, 60_000_000, 5, i64::MIN, i64::MAX, 1_780_308_000_000_020];
        let frame = df!("last_seen_us" => times).unwrap();
        let expected: Vec<String> =
            times.iter().map(|time_us| humanize::iso_utc(*time_us).unwrap_or_default()).collect();
        assert_eq!(text_of(&frame).lines().skip(1).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_text_that_comes_again_is_the_same_cell_and_whole_numbers_have_their_sign() {
        let names = [Some("=a"), Some("b,c"), Some(""), None, Some("=a")];
        let frame = df!("name" => names, "offset" => [0_i64, -12, i64::MIN, 7, 1]).unwrap();
        assert_eq!(
            text_of(&frame),
            "name,offset\r\n'=a,0\r\n\"b,c\",-12\r\n,-9223372036854775808\r\n,7\r\n'=a,1\r\n"
        );
    }

    #[test]
    fn a_table_without_rows_has_its_header() {
        assert_eq!(text_of(&df!("pid" => Vec::<u32>::new()).unwrap()), "pid\r\n");
    }
}
