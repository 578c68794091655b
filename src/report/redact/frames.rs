//! Replaces the texts in tables.

use ahash::AHashMap;

use crate::Result;
use crate::model::Tables;
use crate::model::frame::{Column, DataFrame, Values};
use crate::model::view::{Numbers, Words};

/// The column that identifies a connection. In an import it is a hash of addresses and ports, which
/// could be guessed.
const ID_COLUMN: &str = "conn_id";

/// The tables that contain texts.
pub(super) fn of(tables: &Tables) -> [&DataFrame; 5] {
    [&tables.connections, &tables.foreign, &tables.processes, &tables.endpoints, &tables.queries]
}

/// Calls `take` with the column name and the text of every cell.
pub(super) fn each_text(frame: &DataFrame, mut take: impl FnMut(&str, &str)) {
    for (column, words) in text_columns(frame) {
        (0..frame.height()).filter_map(|row| words.get(row)).for_each(|text| take(column, text));
    }
}

/// Replaces every text of a table; equal texts of a column are computed once.
pub(super) fn map_texts(frame: &mut DataFrame, of: impl Fn(&str, &str) -> String) -> Result<()> {
    let mut columns = Vec::new();
    for (column, words) in text_columns(frame) {
        let mut known: AHashMap<&str, String> = AHashMap::new();
        let texts = (0..frame.height()).map(|row| {
            let text = words.get(row)?;
            Some(known.entry(text).or_insert_with(|| of(column, text)).clone())
        });
        columns.push(Column::of(column, texts));
    }
    columns.into_iter().try_for_each(|column| frame.replace(column))
}

/// The text columns with their names.
fn text_columns(frame: &DataFrame) -> impl Iterator<Item = (&'static str, Words<'_>)> {
    frame.columns().iter().filter_map(|column| match column.values() {
        Values::Text(texts) => Some((column.name(), Words::new(texts))),
        _ => None,
    })
}

/// Replaces the ids of connections.
pub(super) fn map_ids(frame: &mut DataFrame, of: impl Fn(u64) -> u64) -> Result<()> {
    let Ok(Values::U64(ids)) = frame.column(ID_COLUMN) else { return Ok(()) };
    let ids = Column::of(ID_COLUMN, Numbers::new(ids).iter().map(|id| id.map(&of)));
    frame.replace(ids)
}
