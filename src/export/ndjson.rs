//! Every column of every connection, one object per line; unknown values are left out.

use serde_json::{Map, Value};

use super::{Exported, Exporter, Target};
use crate::Result;
use crate::capture::Metadata;
use crate::escape;
use crate::model::Tables;
use crate::model::frame::{Column, Values};
use crate::model::view::{Flags, Numbers, Words};

/// See the [module's documentation](self).
pub(super) const EXPORTER: Exporter =
    Exporter { id: "ndjson", extension: "ndjson", beside: None, head_lines: 0, write };

fn write(tables: &Tables, _: &Metadata, target: &mut Target<'_>) -> Result<Exported> {
    let frame = &tables.connections;
    let columns: Vec<_> = frame.columns().iter().map(|column| (column.name(), cells(column))).collect();
    target.write(|out| {
        for row in 0..frame.height() {
            let mut object = Map::new();
            for (name, cell) in &columns {
                if let Some(value) = cell(row) {
                    object.insert((*name).to_owned(), value);
                }
            }
            let line = serde_json::to_string(&object).map_err(std::io::Error::other)?;
            writeln!(out, "{}", escape::json(&line))?;
        }
        Ok(())
    })?;
    Exported::all_sockets(tables)
}

/// The cells of a column by row; none where the value is unknown.
fn cells(column: &Column) -> Box<dyn Fn(usize) -> Option<Value> + '_> {
    macro_rules! cells {
        ($view:expr) => {{
            let view = $view;
            Box::new(move |row| view.get(row).map(Value::from))
        }};
    }
    match column.values() {
        Values::Text(texts) => cells!(Words::new(texts)),
        Values::Flags(flags) => cells!(Flags::new(flags)),
        Values::U16(numbers) => cells!(Numbers::new(numbers)),
        Values::U32(numbers) => cells!(Numbers::new(numbers)),
        Values::U64(numbers) => cells!(Numbers::new(numbers)),
        Values::I64(numbers) => cells!(Numbers::new(numbers)),
        Values::F32(numbers) => cells!(Numbers::new(numbers)),
        Values::F64(numbers) => cells!(Numbers::new(numbers)),
    }
}
