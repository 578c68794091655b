//! Every column of every connection, one object per line; unknown values are left out.

use polars::prelude::AnyValue;
use serde_json::{Map, Value};

use super::{Exported, Exporter, Target};
use crate::Result;
use crate::capture::Metadata;
use crate::escape;
use crate::model::Tables;

/// See the [module's documentation](self).
pub(super) const EXPORTER: Exporter =
    Exporter { id: "ndjson", extension: "ndjson", beside: None, head_lines: 0, write };

fn write(tables: &Tables, _: &Metadata, target: &mut Target<'_>) -> Result<Exported> {
    let frame = &tables.connections;
    target.write(|out| {
        for row in 0..frame.height() {
            let mut object = Map::new();
            for column in frame.columns() {
                if let Some(value) = column.get(row).ok().and_then(|value| json(&value)) {
                    object.insert(column.name().to_string(), value);
                }
            }
            let line = serde_json::to_string(&object).map_err(std::io::Error::other)?;
            writeln!(out, "{}", escape::json(&line))?;
        }
        Ok(())
    })?;
    Exported::all_sockets(tables)
}

fn json(value: &AnyValue<'_>) -> Option<Value> {
    if let Some(text) = value.get_str() {
        return Some(Value::from(text));
    }
    Some(match value {
        AnyValue::Boolean(flag) => Value::from(*flag),
        AnyValue::UInt16(number) => Value::from(*number),
        AnyValue::UInt32(number) => Value::from(*number),
        AnyValue::UInt64(number) => Value::from(*number),
        AnyValue::Int64(number) => Value::from(*number),
        AnyValue::Float32(number) => Value::from(*number),
        AnyValue::Float64(number) => Value::from(*number),
        _ => return None,
    })
}
