//! The connections in the form that the page's script reads: by column, every text once.
//!
//! This way ten thousand connections take about one megabyte. Rows, long texts and the number of
//! different texts are limited, so that browsers can open the page; the page says what was cut.

use std::rc::Rc;

use ahash::{AHashMap, AHashSet};
use arrow_array::ArrowPrimitiveType;
use serde::{Serialize, Serializer};

use crate::Result;
use crate::escape;
use crate::model::Tables;
use crate::model::frame::{self, DataFrame, UInt32Type, UInt64Type, Values};
use crate::model::view::{Flags, Numbers, Words};

/// Maximum number of rows in the page; the CSV has all.
pub(super) const MOST_ROWS: usize = 50_000;
/// Longest text in characters; longer ones are cut in the middle, and whole in the CSV.
const MOST_CHARS: usize = 200;
/// Maximum size of all different texts together, in bytes.
const MOST_TEXT_BYTES: usize = 12_000_000;
/// Replaces a text that exceeds that size.
const LEFT_OUT: &str = "… (in tables/connections.csv)";

/// Columns that hold only row numbers of another table.
const ROW_NUMBERS: [&str; 2] = ["process", "endpoint"];
/// Says nothing unless sockets of other network namespaces were analyzed.
const IS_OWN: &str = "is_own";
/// What the table of processes adds.
const OF_PROCESS: [&str; 9] = [
    "ppid",
    "parent_name",
    "exe",
    "exe_sha256",
    "cmdline",
    "username",
    "uid",
    "container",
    "process_start_us",
];
/// Columns added from the table of remote addresses.
const OF_ENDPOINT: [&str; 3] = ["country", "city", "as_organization"];

/// The table.
#[derive(Serialize)]
pub(super) struct Connections<'a> {
    /// Number of sockets in the capture.
    total: usize,
    /// How many of them are in the page.
    rows: usize,
    columns: Vec<Column<'a>>,
    joined: Vec<Joined<'a>>,
}

/// Another table of which each connection has at most one row; the script joins the two.
#[derive(Serialize)]
struct Joined<'a> {
    /// What a row is: `process`, `endpoint`.
    key: &'static str,
    /// The row there for each connection.
    indices: Vec<Option<usize>>,
    columns: Vec<Column<'a>>,
}

/// A column; columns without any value are left out.
#[derive(Serialize)]
struct Column<'a> {
    name: &'a str,
    #[serde(flatten)]
    cells: Cells<'a>,
}

/// The cells of a column, in the order of the rows.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Cells<'a> {
    /// Indices of texts; −1 is null.
    Text {
        words: Vec<String>,
        cells: Vec<i32>,
    },
    /// Numbers too large for JavaScript, as text.
    Id {
        cells: Each<'a, Digits>,
    },
    Number {
        cells: Each<'a, Number>,
    },
    Flag {
        cells: Each<'a, u8>,
    },
    /// µs since the origin.
    Time {
        cells: Each<'a, i64>,
    },
}

/// Rows of a frame; `None` where a connection has none.
type Rows = Rc<[Option<usize>]>;

/// The values of some rows, each computed when it is written.
struct Each<'a, T> {
    rows: Rows,
    value: Box<dyn Fn(usize) -> Option<T> + 'a>,
}

impl<T: Serialize> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| row.and_then(&self.value)))
    }
}

/// A number as text.
struct Digits(u64);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A number without needless digits.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Real(f64),
}

impl Number {
    fn whole(value: impl Into<u64>) -> Self {
        Self::Whole(value.into())
    }

    /// Rounds to the sixth decimal, which is a µs if the unit is seconds.
    fn real(value: impl Into<f64>) -> Option<Self> {
        let value = value.into();
        value.is_finite().then(|| Self::Real((value * 1e6).round() / 1e6))
    }
}

/// Which connections of a capture are in the page, and where.
pub(super) struct Selection {
    /// Rows of the table of connections, ascending.
    rows: Vec<usize>,
    /// Index in the page by connection id.
    indices: AHashMap<u64, usize>,
}

impl Selection {
    /// The first rows in time, including all those that are evidence of findings.
    ///
    /// # Errors
    /// If the table has no `conn_id`: a bug.
    pub(super) fn new(tables: &Tables, evidence: &AHashSet<u64>) -> Result<Self> {
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
        let indices = rows.iter().enumerate().filter_map(|(index, row)| Some((ids.get(*row)?, index)));
        Ok(Self { indices: indices.collect(), rows })
    }

    /// The index of a connection in the page; `None` if it was cut.
    pub(super) fn index(&self, conn_id: u64) -> Option<usize> {
        self.indices.get(&conn_id).copied()
    }
}

impl<'a> Connections<'a> {
    /// The table of the selected connections; moments are relative to `origin_us`.
    pub(super) fn new(tables: &'a Tables, selection: &Selection, origin_us: i64) -> Self {
        let frame = &tables.connections;
        let mut room = MOST_TEXT_BYTES;
        let mut columns = Vec::new();
        let own: Rows = selection.rows.iter().map(|row| Some(*row)).collect();
        for series in frame.columns().iter().filter(|series| is_on_page(frame, series.name())) {
            columns.extend(column(series, &own, origin_us, &mut room));
        }
        let mut joined = Vec::new();
        for (key, other, names) in [
            ("process", &tables.processes, OF_PROCESS.as_slice()),
            ("endpoint", &tables.endpoints, OF_ENDPOINT.as_slice()),
        ] {
            joined.extend(join(frame, selection, key, other, names, origin_us, &mut room));
        }
        Self { total: frame.height(), rows: selection.rows.len(), columns, joined }
    }
}

/// Whether the page has a column of the table of connections.
fn is_on_page(frame: &DataFrame, column: &str) -> bool {
    let has_foreign = || {
        Flags::of(frame, IS_OWN).is_ok_and(|own| (0..frame.height()).any(|row| own.get(row) == Some(false)))
    };
    !ROW_NUMBERS.contains(&column) && (column != IS_OWN || has_foreign())
}

/// The rows of another table that the selected connections have, each once.
fn join<'a>(
    frame: &DataFrame,
    selection: &Selection,
    key: &'static str,
    other: &'a DataFrame,
    names: &[&str],
    origin_us: i64,
    room: &mut usize,
) -> Option<Joined<'a>> {
    let keys = Numbers::<UInt32Type>::of(frame, key).ok()?;
    let mut known: AHashMap<u32, usize> = AHashMap::new();
    let mut rows: Vec<Option<usize>> = Vec::new();
    let mut index = |row: &usize| {
        let key = keys.get(*row)?;
        Some(*known.entry(key).or_insert_with(|| {
            rows.push(Some(key as usize));
            rows.len() - 1
        }))
    };
    let indices = selection.rows.iter().map(&mut index).collect();
    let rows: Rows = rows.into();
    let mut columns = Vec::new();
    for series in names.iter().filter_map(|name| other.columns().iter().find(|series| series.name() == *name))
    {
        columns.extend(column(series, &rows, origin_us, room));
    }
    Some(Joined { key, indices, columns })
}

/// A column of a frame at some rows; `None` if it has no value.
fn column<'a>(
    series: &'a frame::Column,
    rows: &Rows,
    origin_us: i64,
    room: &mut usize,
) -> Option<Column<'a>> {
    let (name, values) = (series.name(), series.values());
    if values.null_count() == values.len() {
        return None;
    }
    let cells = match values {
        Values::Text(words) => texts(&Words::new(words), rows, room),
        Values::Flags(flags) => {
            let flags = Flags::new(flags);
            Cells::Flag { cells: each(rows, move |row| flags.get(row).map(u8::from)) }
        }
        Values::U64(ids) if name == "conn_id" => {
            let ids = Numbers::new(ids);
            Cells::Id { cells: each(rows, move |row| ids.get(row).map(Digits)) }
        }
        Values::U64(values) => numbers(values, rows, |n| Some(Number::whole(n))),
        Values::U32(values) => numbers(values, rows, |n| Some(Number::whole(n))),
        Values::U16(values) => numbers(values, rows, |n| Some(Number::whole(n))),
        Values::I64(moments) => {
            let moments = Numbers::new(moments);
            let since_origin = move |row| Some(moments.get(row)?.saturating_sub(origin_us));
            Cells::Time { cells: each(rows, since_origin) }
        }
        Values::F32(values) => numbers(values, rows, Number::real),
        Values::F64(values) => numbers(values, rows, Number::real),
    };
    Some(Column { name, cells })
}

fn numbers<'a, T: ArrowPrimitiveType>(
    values: impl Into<Numbers<'a, T>>,
    rows: &Rows,
    number: fn(T::Native) -> Option<Number>,
) -> Cells<'a> {
    let values = Numbers::new(values);
    Cells::Number { cells: each(rows, move |row| values.get(row).and_then(number)) }
}

fn each<'a, T>(rows: &Rows, value: impl Fn(usize) -> Option<T> + 'a) -> Each<'a, T> {
    Each { rows: Rc::clone(rows), value: Box::new(value) }
}

/// A text as shown in the table: escaped and cut.
pub(super) fn shown(text: &str) -> String {
    escape::html(&escape::shorten(text, MOST_CHARS)).into_owned()
}

/// Every text once, escaped and cut, as long as there is room.
fn texts(column: &Words<'_>, rows: &[Option<usize>], room: &mut usize) -> Cells<'static> {
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
    use serde_json::{Value, json};

    use super::*;
    use crate::report::fixture;

    /// The column of a name, as the script gets it.
    fn column(name: &str) -> Value {
        let tables = fixture::analysis().tables;
        let selection = Selection::new(&tables, &AHashSet::new()).unwrap();
        let table = Connections::new(&tables, &selection, fixture::START_US);
        let table = serde_json::to_value(&table).unwrap();
        assert_eq!((&table["total"], &table["rows"]), (&json!(4), &json!(4)));
        let columns = table["columns"].as_array().unwrap();
        columns.iter().find(|column| column["name"] == name).unwrap().clone()
    }

    #[test]
    fn texts_are_there_once_and_made_visible() {
        let names = column("process_name");
        assert_eq!((&names["kind"], &names["cells"]), (&json!("text"), &json!([0, 1, -1, 2])));
        assert!(!names["words"][0].as_str().unwrap().chars().any(escape::is_unsafe), "{names}");
        assert_eq!(column("protocol")["words"], json!(["tcp", "udp"]));
    }

    #[test]
    fn ids_keep_every_digit_and_moments_count_from_the_start() {
        let ids = column("conn_id");
        assert_eq!((&ids["kind"], &ids["cells"][3]), (&json!("id"), &json!("18446744073709551615")));
        let moments = column("first_seen_us");
        let expected = json!([0, 5_000_000, 9_000_000, 0]);
        assert_eq!((&moments["kind"], &moments["cells"]), (&json!("time"), &expected));
    }

    #[test]
    fn what_findings_rest_on_is_never_cut() {
        use crate::model::frame::df;
        let mut tables = fixture::analysis().tables;
        let ids: Vec<u64> = (0..MOST_ROWS as u64 + 10).collect();
        tables.connections = df!("conn_id" => ids.iter().copied()).unwrap();
        let last = *ids.last().unwrap();
        let selection = Selection::new(&tables, &[last].into_iter().collect()).unwrap();
        assert_eq!(selection.rows.len(), MOST_ROWS);
        assert_eq!(selection.index(last), Some(MOST_ROWS - 1));
        assert_eq!(selection.index(last - 1), None);
        assert_eq!(selection.index(0), Some(0));
    }

    #[test]
    fn long_and_many_texts_are_cut() {
        use crate::model::frame::df;
        let names: Vec<String> = (0..100).map(|i| format!("{i}{}", "x".repeat(10_000))).collect();
        let frame = df!("name" => names).unwrap();
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
