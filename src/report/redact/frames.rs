//! Replaces the texts in tables.

use ahash::AHashMap;
use polars::prelude::{Column, DataFrame, DataType, IntoColumn, NamedFrom, StringChunked, UInt64Chunked};

use crate::Result;
use crate::model::Tables;
use crate::model::view::Words;

/// The column that identifies a connection. In an import it is a hash of addresses and ports, which
/// could be guessed.
const ID_COLUMN: &str = "conn_id";

/// The tables that contain texts.
pub(super) fn of(tables: &Tables) -> [&DataFrame; 5] {
    [&tables.connections, &tables.foreign, &tables.processes, &tables.endpoints, &tables.queries]
}

/// Calls `take` with the column name and the text of every cell.
pub(super) fn each_text(frame: &DataFrame, mut take: impl FnMut(&str, &str)) -> Result<()> {
    for column in text_columns(frame) {
        let words = Words::of(frame, column)?;
        (0..frame.height()).filter_map(|row| words.get(row)).for_each(|text| take(column, text));
    }
    Ok(())
}

/// Replaces every text of a table; equal texts of a column are computed once.
pub(super) fn map_texts(frame: &mut DataFrame, of: impl Fn(&str, &str) -> String) -> Result<()> {
    let mut columns = Vec::new();
    for column in text_columns(frame) {
        let words = Words::of(frame, column)?;
        let mut known: AHashMap<&str, String> = AHashMap::new();
        let texts: Vec<Option<String>> = (0..frame.height())
            .map(|row| {
                let text = words.get(row)?;
                Some(known.entry(text).or_insert_with(|| of(column, text)).clone())
            })
            .collect();
        columns.push(StringChunked::new(column.into(), texts).into_column());
    }
    replace(frame, columns)
}

/// The names of the text columns.
fn text_columns(frame: &DataFrame) -> impl Iterator<Item = &str> {
    let columns = frame.columns().iter().filter(|column| Words::are(column.dtype()));
    columns.map(|column| column.name().as_str())
}

/// Replaces the ids of connections.
pub(super) fn map_ids(frame: &mut DataFrame, of: impl Fn(u64) -> u64) -> Result<()> {
    let Ok(column) = frame.column(ID_COLUMN) else { return Ok(()) };
    if *column.dtype() != DataType::UInt64 {
        return Ok(());
    }
    let ids: Vec<Option<u64>> = column.u64()?.iter().map(|id| id.map(&of)).collect();
    replace(frame, vec![UInt64Chunked::new(ID_COLUMN.into(), ids).into_column()])
}

fn replace(frame: &mut DataFrame, columns: Vec<Column>) -> Result<()> {
    for column in columns {
        frame.with_column(column)?;
    }
    Ok(())
}
