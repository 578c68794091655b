//! `tables/connections.csv`: every column of every connection.
//!
//! UTF-8, RFC 4180 (CRLF, quotes doubled), the times in ISO 8601. Null is an empty cell. See
//! [`escape::csv`] for what a spreadsheet must not take for a formula.

use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};
use polars::prelude::{Column, DataFrame, DataType};

use super::{escape, format};
use crate::Result;

/// Ends of names of columns that hold moments in µs since the Unix epoch.
const MOMENT_SUFFIX: &str = "_seen_us";

/// The cells of a column from top to bottom; walking is much cheaper than asking for each row.
type Walk<'a, T> = Box<dyn Iterator<Item = Option<T>> + 'a>;

/// A column, its type known once and not per cell.
enum Cells<'a> {
    Text(Walk<'a, &'a str>),
    Whole(Walk<'a, u64>),
    Signed(Walk<'a, i64>),
    Moment(Walk<'a, i64>),
    Real(Walk<'a, f64>),
    Flag(Walk<'a, bool>),
}

/// A table that can be written.
pub struct Table {
    /// Columns of few types, so that the cells of each are walked over in its own.
    columns: Vec<Column>,
    rows: usize,
}

impl Table {
    /// The table of a frame.
    ///
    /// # Errors
    /// If a column has a type that no table of netrec's has: a bug.
    pub fn of(frame: &DataFrame) -> Result<Self> {
        let columns = frame.columns().iter().map(widened).collect::<Result<_>>()?;
        Ok(Self { columns, rows: frame.height() })
    }

    /// Writes it, row by row.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        writer.write_record(self.columns.iter().map(|column| header(column.name())))?;
        let mut columns: Vec<_> =
            self.columns.iter().map(Cells::of).collect::<Result<_>>().map_err(io::Error::other)?;
        let mut cell = Vec::with_capacity(64);
        for _ in 0..self.rows {
            for column in &mut columns {
                cell.clear();
                column.render_next(&mut cell)?;
                writer.write_field(&cell)?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()
    }
}

/// `first_seen_us` holds µs in the table, and a time in the file.
fn header(name: &str) -> String {
    name.strip_suffix(MOMENT_SUFFIX).map_or_else(|| name.to_owned(), |stem| format!("{stem}_seen"))
}

/// Whole numbers and real ones of any width in the widest type.
fn widened(column: &Column) -> Result<Column> {
    let widest = match column.dtype() {
        DataType::String | DataType::Boolean => return Ok(column.clone()),
        DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => DataType::Int64,
        _ => DataType::UInt64,
    };
    Ok(column.strict_cast(&widest)?)
}

impl<'a> Cells<'a> {
    fn of(column: &'a Column) -> Result<Self> {
        Ok(match column.dtype() {
            DataType::String => Self::Text(Box::new(column.str()?.iter())),
            DataType::Boolean => Self::Flag(Box::new(column.bool()?.iter())),
            DataType::Float64 => Self::Real(Box::new(column.f64()?.iter())),
            DataType::Int64 if column.name().ends_with(MOMENT_SUFFIX) => {
                Self::Moment(Box::new(column.i64()?.iter()))
            }
            DataType::Int64 => Self::Signed(Box::new(column.i64()?.iter())),
            _ => Self::Whole(Box::new(column.u64()?.iter())),
        })
    }

    /// Writes the next cell; nothing for null.
    fn render_next(&mut self, cell: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Text(cells) => known(cells, |text| cell.write_all(escape::csv(text).as_bytes())),
            Self::Whole(cells) => known(cells, |value| write!(cell, "{value}")),
            Self::Signed(cells) => known(cells, |value| write!(cell, "{value}")),
            Self::Flag(cells) => known(cells, |value| write!(cell, "{value}")),
            Self::Real(cells) => {
                known(cells, |value| if value.is_finite() { write!(cell, "{value}") } else { Ok(()) })
            }
            Self::Moment(cells) => known(cells, |moment_us| {
                format::iso_utc(moment_us).map_or(Ok(()), |text| cell.write_all(text.as_bytes()))
            }),
        }
    }
}

/// Does something with the next cell, if it has a value.
fn known<T>(cells: &mut Walk<'_, T>, write: impl FnOnce(T) -> io::Result<()>) -> io::Result<()> {
    cells.next().flatten().map_or(Ok(()), write)
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::report::fixture;

    fn text_of(frame: &DataFrame) -> String {
        let mut out = Vec::new();
        Table::of(frame).unwrap().write(&mut out).unwrap();
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
        assert_eq!(text_of(&frame), "process_name\r\n'=cmd|'/c calc'!A0\r\na\\u{d}\\u{a}b\r\n-5\r\n");
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
    fn a_table_without_rows_has_its_header() {
        assert_eq!(text_of(&df!("pid" => Vec::<u32>::new()).unwrap()), "pid\r\n");
    }
}
