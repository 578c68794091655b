//! Builds the rows of one recording.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};

use super::findings;
use super::identity::{Boots, Identity};
use super::schema::{self, Kind, Table};
use crate::analyze::Analysis;
use crate::model::frame::{DataFrame, Int64Type, UInt32Type, UInt64Type, Values};
use crate::model::view::{Flags, Numbers, Words};
use crate::{Error, Result};

/// Number of rows of a large table made at a time.
const BATCH_ROWS: usize = 64 * 1024;

/// A recording whose rows are built table by table.
pub struct Recording<'a> {
    analysis: &'a Analysis,
    identity: &'a Identity,
    boots: Boots<'a>,
}

/// A cell.
pub(crate) enum Cell<'a> {
    Null,
    Text(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
}

impl<'a> Recording<'a> {
    /// The rows of an analysis.
    pub fn new(analysis: &'a Analysis, identity: &'a Identity) -> Self {
        Self { analysis, identity, boots: Boots::new(&analysis.metadata) }
    }

    /// Passes the rows of a table to `take`, batch by batch; at least one batch.
    ///
    /// # Errors
    /// [`Error::Analysis`] if a table of the analysis lacks a column: a bug. The error of `take`.
    pub fn each(&self, table: &Table, take: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let is_wanted = |role: Option<&str>| match table.name {
            "connections" => Some(true),
            "listeners" => Some(role == Some("listener")),
            _ => None,
        };
        if is_wanted(None).is_none() {
            return take(&self.rows(table)?);
        }
        let tables = &self.analysis.tables;
        let mut is_empty = true;
        for sockets in [&tables.connections, &tables.foreign] {
            let roles = Words::of(sockets, "role")?;
            let rows: Vec<usize> =
                (0..sockets.height()).filter(|row| is_wanted(roles.get(*row)) == Some(true)).collect();
            is_empty &= rows.is_empty();
            rows.chunks(BATCH_ROWS).try_for_each(|rows| take(&self.sockets(table, sockets, rows)?))?;
        }
        if is_empty { take(&self.sockets(table, &tables.connections, &[])?) } else { Ok(()) }
    }

    fn rows(&self, table: &Table) -> Result<RecordBatch> {
        let tables = &self.analysis.tables;
        match table.name {
            "captures" => self.captures(table),
            "host_addresses" => self.host_addresses(table),
            "processes" => self.of_frame(table, &tables.processes, "first_seen_us"),
            "endpoints" => self.of_frame(table, &tables.endpoints, "first_seen_us"),
            "findings" => findings::findings(self, table),
            "assessments" => findings::assessments(self, table),
            _ => findings::measurements(self, table),
        }
    }

    pub(super) fn analysis(&self) -> &'a Analysis {
        self.analysis
    }

    pub(super) fn identity(&self) -> &'a Identity {
        self.identity
    }

    pub(super) fn boot_at(&self, us: i64) -> Option<&'a str> {
        self.boots.at(us)
    }

    /// One row per file.
    fn captures(&self, table: &Table) -> Result<RecordBatch> {
        let metadata = &self.analysis.metadata;
        let status = if metadata.is_degraded() { "degraded" } else { "ok" };
        let files = metadata.joined.as_ref().map_or(&[][..], |joined| &joined.files);
        let privileges = metadata.privileges.join(" ");
        let paths = || files.iter().map(|file| file.path.display().to_string()).collect();
        let names: Vec<String> = Some(&self.identity.file_names)
            .filter(|names| names.len() == files.len())
            .map_or_else(paths, Clone::clone);
        let count = files.len().max(1);
        let whole = files.is_empty();
        batch(table, count, &|row, column| {
            let file = files.get(row);
            match column {
                "host_id" => text(self.identity.host_id.as_deref()),
                "boot_id" => text(file.map_or(metadata.boot_id.as_deref(), |file| file.boot_id.as_deref())),
                "capture_id" => Cell::Text(&self.identity.capture_id),
                "path" => Cell::Text(names.get(row).map_or(&self.identity.name, String::as_str)),
                "status" => Cell::Text(status),
                "host_name" => text(metadata.host_name.as_deref()),
                "sha256" => text(
                    self.identity
                        .files_sha256
                        .get(row)
                        .map(String::as_str)
                        .or(whole.then_some(&self.identity.capture_id)),
                ),
                "start_us" => Cell::Int(file.map_or(metadata.start_us, |file| file.start_us)),
                "end_us" => Cell::Int(file.map_or(metadata.end_us, |file| file.end_us)),
                "rows" => int(Some(file.map_or(metadata.rows, |file| file.rows))),
                "bytes" => int(file.map(|file| file.bytes).or(self.identity.bytes)),
                "events_lost" => int(metadata.events_lost.filter(|_| whole)),
                "ticks_late" => int(Some(metadata.ticks_late).filter(|_| whole)),
                "recovered" => text(metadata.recovered.as_deref().filter(|_| whole)),
                "privileges" => Cell::Text(&privileges),
                "tool_version" => Cell::Text(&metadata.tool_version),
                _ => Cell::Null,
            }
        })
    }

    fn host_addresses(&self, table: &Table) -> Result<RecordBatch> {
        let metadata = &self.analysis.metadata;
        batch(table, metadata.host_addresses.len(), &|row, column| match column {
            "host_id" => text(self.identity.host_id.as_deref()),
            "boot_id" => text(metadata.boot_id.as_deref()),
            "capture_id" => Cell::Text(&self.identity.capture_id),
            "addr" => Cell::Text(&metadata.host_addresses[row]),
            "start_us" => Cell::Int(metadata.start_us),
            "end_us" => Cell::Int(metadata.end_us),
            _ => Cell::Null,
        })
    }

    fn sockets(&self, table: &Table, sockets: &'a DataFrame, rows: &[usize]) -> Result<RecordBatch> {
        let processes = &self.analysis.tables.processes;
        let (ids, starts) = (
            Numbers::<UInt64Type>::of(sockets, "conn_id")?,
            Numbers::<Int64Type>::of(sockets, "first_seen_us")?,
        );
        let owners = Numbers::<UInt32Type>::of(sockets, "process")?;
        let place = |row: usize| self.boots.place(starts.get(row).unwrap_or(0), ids.get(row).unwrap_or(0));
        columns(table, rows.len(), |column, at| {
            let get: Box<dyn Fn(usize) -> Cell<'a> + '_> = match column {
                "host_id" => Box::new(|_| text(self.identity.host_id.as_deref())),
                "capture_id" => Box::new(|_| Cell::Text(&self.identity.capture_id)),
                "boot_id" => Box::new(|row| text(place(rows[row]).0)),
                "conn_id" => Box::new(|row| Cell::Int(place(rows[row]).1.cast_signed())),
                _ if sockets.has(column) => {
                    let cells = cells(sockets, column)?;
                    Box::new(move |row| cells(rows_at(rows, row)))
                }
                _ => {
                    let (cells, owners) = (cells(processes, column)?, &owners);
                    Box::new(move |row| {
                        owners.get(rows_at(rows, row)).map_or(Cell::Null, |owner| cells(owner as usize))
                    })
                }
            };
            Ok(array(at, rows.len(), &*get))
        })
    }

    /// A table with the columns of a table of the analysis.
    fn of_frame(&self, table: &Table, frame: &'a DataFrame, seen: &str) -> Result<RecordBatch> {
        let starts = Numbers::<Int64Type>::of(frame, seen)?;
        let count = frame.height();
        columns(table, count, |column, kind| {
            let get: Box<dyn Fn(usize) -> Cell<'a> + '_> = match column {
                "host_id" => Box::new(|_| text(self.identity.host_id.as_deref())),
                "capture_id" => Box::new(|_| Cell::Text(&self.identity.capture_id)),
                // Anything seen in two boots is assigned to the first.
                "boot_id" => Box::new(|row| text(self.boots.at(starts.get(row).unwrap_or(0)))),
                _ => cells(frame, column)?,
            };
            Ok(array(kind, count, &*get))
        })
    }
}

/// The row in the table of captures for a file that is not analyzed; `status` and `reason` say why.
///
/// # Errors
/// [`Error::Analysis`] if the table has other columns: a bug.
pub fn not_analyzed(path: &str, status: &str, reason: &str) -> Result<RecordBatch> {
    batch(&schema::CAPTURES, 1, &|_, column| match column {
        "path" => Cell::Text(path),
        "status" => Cell::Text(status),
        "error" => Cell::Text(reason),
        _ => Cell::Null,
    })
}

fn rows_at(rows: &[usize], row: usize) -> usize {
    rows.get(row).copied().unwrap_or(usize::MAX)
}

/// Builds a table from its cells by row and column.
pub(crate) fn batch<'a>(
    table: &Table,
    count: usize,
    cell: &dyn Fn(usize, &str) -> Cell<'a>,
) -> Result<RecordBatch> {
    columns(table, count, |column, kind| Ok(array(kind, count, &|row| cell(row, column))))
}

fn columns(
    table: &Table,
    count: usize,
    make: impl Fn(&'static str, Kind) -> Result<ArrayRef>,
) -> Result<RecordBatch> {
    let arrays: Result<Vec<ArrayRef>> =
        table.all_columns().map(|column| make(column.name, column.kind)).collect();
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(table.arrow_schema(), arrays?, &options)
        .map_err(|error| Error::Analysis(format!("the table {}: {error}", table.name)))
}

fn array<'a>(kind: Kind, count: usize, get: &dyn Fn(usize) -> Cell<'a>) -> ArrayRef {
    let int = |row| if let Cell::Int(value) = get(row) { Some(value) } else { None };
    match kind {
        Kind::Text => Arc::new(
            (0..count)
                .map(|row| if let Cell::Text(text) = get(row) { Some(text) } else { None })
                .collect::<StringArray>(),
        ),
        Kind::I64 => Arc::new((0..count).map(int).collect::<Int64Array>()),
        Kind::I32 => Arc::new(
            (0..count)
                .map(|row| int(row).and_then(|value| i32::try_from(value).ok()))
                .collect::<Int32Array>(),
        ),
        Kind::F64 => Arc::new(
            (0..count)
                .map(|row| if let Cell::Float(value) = get(row) { Some(value) } else { None })
                .collect::<Float64Array>(),
        ),
        Kind::Bool => Arc::new(
            (0..count)
                .map(|row| if let Cell::Bool(value) = get(row) { Some(value) } else { None })
                .collect::<BooleanArray>(),
        ),
    }
}

pub(crate) fn text(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Null, Cell::Text)
}

/// A count, limited to the range of a signed number.
pub(crate) fn int<'a>(value: Option<u64>) -> Cell<'a> {
    value.map_or(Cell::Null, |value| Cell::Int(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// The cells of a column of the analysis.
fn cells<'a>(frame: &'a DataFrame, column: &str) -> Result<Box<dyn Fn(usize) -> Cell<'a> + 'a>> {
    Ok(match frame.column(column)? {
        Values::Text(texts) => {
            let words = Words::new(texts);
            Box::new(move |row| text(words.get(row)))
        }
        Values::Flags(flags) => {
            let flags = Flags::new(flags);
            Box::new(move |row| flags.get(row).map_or(Cell::Null, Cell::Bool))
        }
        Values::I64(numbers) => {
            let numbers = Numbers::new(numbers);
            Box::new(move |row| numbers.get(row).map_or(Cell::Null, Cell::Int))
        }
        // Namespaces are 64-bit ids, not amounts.
        Values::U64(numbers) => {
            let numbers = Numbers::new(numbers);
            Box::new(move |row| int(numbers.get(row)))
        }
        Values::U32(numbers) => {
            let numbers = Numbers::new(numbers);
            Box::new(move |row| int(numbers.get(row).map(u64::from)))
        }
        Values::U16(numbers) => {
            let numbers = Numbers::new(numbers);
            Box::new(move |row| int(numbers.get(row).map(u64::from)))
        }
        Values::F64(numbers) => {
            let numbers = Numbers::new(numbers);
            Box::new(move |row| numbers.get(row).map_or(Cell::Null, Cell::Float))
        }
        Values::F32(numbers) => {
            let numbers = Numbers::new(numbers);
            Box::new(move |row| numbers.get(row).map_or(Cell::Null, |value| Cell::Float(f64::from(value))))
        }
    })
}
