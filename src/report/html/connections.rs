//! The connections as the page's script reads them: by column, every text once.
//!
//! Ten thousand connections are about one megabyte so. What would make a page that no browser
//! opens is cut, and the page says so: rows, long texts, and too many different texts.

use ahash::{AHashMap, AHashSet};
use polars::prelude::{
    Column as Series, DataFrame, DataType, Float32Type, Float64Type, Int64Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use serde::Serialize;

use crate::analyze::Tables;
use crate::analyze::view::{Flags, Numbers, Words};
use crate::report::escape;
use crate::{Error, Result};

/// Rows in the page; the CSV has all.
pub(super) const MOST_ROWS: usize = 50_000;
/// Longest text in characters; what is cut out of its middle is in the CSV.
const MOST_CHARS: usize = 200;
/// Bytes of all different texts together.
const MOST_TEXT_BYTES: usize = 12_000_000;
/// What stands for a text for which there was no more room.
const LEFT_OUT: &str = "… (in tables/connections.csv)";

/// Columns that say only in which row of another table something is.
const ROW_NUMBERS: [&str; 2] = ["process", "endpoint"];
/// What the table of processes adds.
const OF_PROCESS: [&str; 7] = ["exe", "cmdline", "username", "uid", "parent_name", "container", "exe_sha256"];
/// What the table of remote addresses adds.
const OF_ENDPOINT: [&str; 2] = ["city", "as_organization"];

/// The table.
#[derive(Debug, Serialize)]
pub(super) struct Connections {
    /// Sockets in the capture.
    pub(super) total: usize,
    /// Of them, in the page.
    pub(super) rows: usize,
    pub(super) columns: Vec<Column>,
}

/// A column; those without a single value are left out.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) cells: Cells,
}

/// The cells of a column, in the order of the rows.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Cells {
    /// Numbers of words; −1 is null.
    Text {
        words: Vec<String>,
        cells: Vec<i32>,
    },
    /// Numbers too large for a script, as text.
    Id {
        cells: Vec<Option<String>>,
    },
    Number {
        cells: Vec<Option<Number>>,
    },
    Flag {
        cells: Vec<Option<u8>>,
    },
    /// µs since the origin.
    Moment {
        cells: Vec<Option<i64>>,
    },
}

/// A number without digits that nobody needs.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
}

impl Number {
    /// To the sixth decimal, which of seconds is a µs.
    fn real(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self::Real((value * 1e6).round() / 1e6))
    }
}

/// The connections of a capture that are in the page, and where they are in it.
pub(super) struct Selection {
    /// Rows of the table of connections, ascending.
    rows: Vec<usize>,
    /// Where in the page a connection is.
    places: AHashMap<u64, usize>,
}

impl Selection {
    /// The first rows in time, and among them all those that findings rest on.
    ///
    /// # Errors
    /// If the table has no `conn_id`: a bug.
    pub(super) fn of(tables: &Tables, evidence: &AHashSet<u64>) -> Result<Self> {
        let ids = Numbers::<UInt64Type>::of(&tables.connections, "conn_id")?;
        let is_evidence = |row: &usize| ids.get(*row).is_some_and(|id| evidence.contains(&id));
        let mut rest = MOST_ROWS.saturating_sub((0..ids.len()).filter(is_evidence).count());
        let keep = |row: &usize| {
            if is_evidence(row) {
                return true;
            }
            let fits = rest > 0;
            rest = rest.saturating_sub(1);
            fits
        };
        let rows: Vec<usize> = (0..ids.len()).filter(keep).take(MOST_ROWS).collect();
        let places = rows.iter().enumerate().filter_map(|(place, row)| Some((ids.get(*row)?, place)));
        Ok(Self { places: places.collect(), rows })
    }

    /// Where in the page a connection is; none if it was cut.
    pub(super) fn place(&self, conn_id: u64) -> Option<usize> {
        self.places.get(&conn_id).copied()
    }
}

impl Connections {
    /// The table of the selected connections; moments count from `origin_us`.
    ///
    /// # Errors
    /// If a column is of a type that no table has: a bug.
    pub(super) fn of(tables: &Tables, selection: &Selection, origin_us: i64) -> Result<Self> {
        let frame = &tables.connections;
        let mut room = MOST_TEXT_BYTES;
        let mut columns = Vec::new();
        let own: Vec<Option<usize>> = selection.rows.iter().map(|row| Some(*row)).collect();
        for series in frame.columns().iter().filter(|c| !ROW_NUMBERS.contains(&c.name().as_str())) {
            columns.extend(column(frame, series, &own, origin_us, &mut room)?);
        }
        for (key, other, names) in [
            ("process", &tables.processes, OF_PROCESS.as_slice()),
            ("endpoint", &tables.endpoints, OF_ENDPOINT.as_slice()),
        ] {
            let Ok(keys) = Numbers::<UInt32Type>::of(frame, key) else { continue };
            let rows: Vec<_> =
                selection.rows.iter().map(|row| keys.get(*row).map(|key| key as usize)).collect();
            for series in names.iter().filter_map(|name| other.column(name).ok()) {
                columns.extend(column(other, series, &rows, origin_us, &mut room)?);
            }
        }
        Ok(Self { total: frame.height(), rows: selection.rows.len(), columns })
    }
}

/// A column of a frame at some rows; none without a value.
fn column(
    frame: &DataFrame,
    series: &Series,
    rows: &[Option<usize>],
    origin_us: i64,
    room: &mut usize,
) -> Result<Option<Column>> {
    if series.null_count() == frame.height() {
        return Ok(None);
    }
    let name = series.name().as_str();
    let cells = match series.dtype() {
        dtype if Words::are(dtype) => texts(&Words::of(frame, name)?, rows, room),
        DataType::Boolean => {
            let flags = Flags::of(frame, name)?;
            Cells::Flag { cells: at(rows, |row| flags.get(row).map(u8::from)) }
        }
        DataType::UInt64 if name == "conn_id" => {
            let ids = Numbers::<UInt64Type>::of(frame, name)?;
            Cells::Id { cells: at(rows, |row| ids.get(row).map(|id| id.to_string())) }
        }
        DataType::UInt64 => {
            let numbers = Numbers::<UInt64Type>::of(frame, name)?;
            Cells::Number { cells: at(rows, |row| numbers.get(row).map(Number::Whole)) }
        }
        DataType::UInt32 => {
            let numbers = Numbers::<UInt32Type>::of(frame, name)?;
            Cells::Number { cells: at(rows, |row| numbers.get(row).map(|n| Number::Whole(n.into()))) }
        }
        DataType::UInt16 => {
            let numbers = Numbers::<UInt16Type>::of(frame, name)?;
            Cells::Number { cells: at(rows, |row| numbers.get(row).map(|n| Number::Whole(n.into()))) }
        }
        DataType::Int64 => {
            let moments = Numbers::<Int64Type>::of(frame, name)?;
            Cells::Moment { cells: at(rows, |row| moments.get(row).map(|us| us.saturating_sub(origin_us))) }
        }
        DataType::Float32 => {
            let numbers = Numbers::<Float32Type>::of(frame, name)?;
            Cells::Number { cells: at(rows, |row| numbers.get(row).and_then(|n| Number::real(n.into()))) }
        }
        DataType::Float64 => {
            let numbers = Numbers::<Float64Type>::of(frame, name)?;
            Cells::Number { cells: at(rows, |row| numbers.get(row).and_then(Number::real)) }
        }
        other => return Err(Error::Analysis(format!("the column {name} is of type {other}"))),
    };
    Ok(Some(Column { name: name.to_owned(), cells }))
}

/// A text as the table shows it: harmless, and cut.
pub(super) fn shown(text: &str) -> String {
    escape::html(&escape::shorten(text, MOST_CHARS)).into_owned()
}

fn at<T>(rows: &[Option<usize>], get: impl Fn(usize) -> Option<T>) -> Vec<Option<T>> {
    rows.iter().map(|row| row.and_then(&get)).collect()
}

/// Every text once, made harmless and cut, as long as there is room.
fn texts(column: &Words<'_>, rows: &[Option<usize>], room: &mut usize) -> Cells {
    let mut numbers: AHashMap<&str, i32> = AHashMap::new();
    let mut words: Vec<String> = Vec::new();
    let mut left_out = None;
    let mut cell = |row: Option<usize>| {
        let Some(text) = row.and_then(|row| column.get(row)) else { return -1 };
        if let Some(number) = numbers.get(text) {
            return *number;
        }
        let word = shown(text);
        let number = match room.checked_sub(word.len()) {
            Some(less) => {
                *room = less;
                words.push(word);
                words.len() as i32 - 1
            }
            None => *left_out.get_or_insert_with(|| {
                words.push(LEFT_OUT.to_owned());
                words.len() as i32 - 1
            }),
        };
        numbers.insert(text, number);
        number
    };
    let cells = rows.iter().map(|row| cell(*row)).collect();
    Cells::Text { words, cells }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn table(evidence: &[u64]) -> Connections {
        let tables = fixture::analysis().tables;
        let selection = Selection::of(&tables, &evidence.iter().copied().collect()).unwrap();
        Connections::of(&tables, &selection, fixture::START_US).unwrap()
    }

    fn cells<'a>(table: &'a Connections, name: &str) -> &'a Cells {
        &table.columns.iter().find(|column| column.name == name).unwrap().cells
    }

    #[test]
    fn texts_are_there_once_and_made_visible() {
        let table = table(&[]);
        let Cells::Text { words, cells: numbers } = cells(&table, "process_name") else { panic!() };
        assert_eq!(numbers, &[0, 1, -1, 2]);
        assert!(!words[0].chars().any(escape::is_unsafe), "{}", words[0]);
        let Cells::Text { words, .. } = cells(&table, "protocol") else { panic!() };
        assert_eq!(words, &["tcp", "udp"]);
    }

    #[test]
    fn ids_keep_every_digit_and_moments_count_from_the_start() {
        let table = table(&[]);
        let Cells::Id { cells: ids } = cells(&table, "conn_id") else { panic!() };
        assert_eq!(ids[3].as_deref(), Some("18446744073709551615"));
        let Cells::Moment { cells: moments } = cells(&table, "first_seen_us") else { panic!() };
        assert_eq!(moments, &[Some(0), Some(5_000_000), Some(9_000_000), Some(0)]);
    }

    #[test]
    fn what_findings_rest_on_is_never_cut() {
        use polars::prelude::df;
        let mut tables = fixture::analysis().tables;
        let ids: Vec<u64> = (0..MOST_ROWS as u64 + 10).collect();
        tables.connections = df!("conn_id" => &ids).unwrap();
        let last = *ids.last().unwrap();
        let selection = Selection::of(&tables, &[last].into_iter().collect()).unwrap();
        assert_eq!(selection.rows.len(), MOST_ROWS);
        assert_eq!(selection.place(last), Some(MOST_ROWS - 1));
        assert_eq!(selection.place(last - 1), None);
        assert_eq!(selection.place(0), Some(0));
    }

    #[test]
    fn long_and_many_texts_are_cut() {
        use polars::prelude::df;
        let names: Vec<String> = (0..100).map(|i| format!("{i}{}", "x".repeat(10_000))).collect();
        let frame = df!("name" => &names).unwrap();
        let rows: Vec<_> = (0..100).map(Some).collect();
        let mut room = 50 * 210;
        let Cells::Text { words, cells } = texts(&Words::of(&frame, "name").unwrap(), &rows, &mut room)
        else {
            panic!()
        };
        assert!(words.len() > 40 && words.len() < 60, "{}", words.len());
        assert_eq!(words[cells[99] as usize], LEFT_OUT);
    }
}
