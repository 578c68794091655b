//! Every column of every connection, as the report's table has it.

use super::{Exporter, Target};
use crate::Result;
use crate::model::Tables;
use crate::report::csv::Table;

/// See the [module's documentation](self).
pub(super) const EXPORTER: Exporter = Exporter { id: "csv", extension: "csv", write };

fn write(tables: &Tables, target: &mut Target<'_>) -> Result<u64> {
    let table = Table::of(&tables.connections)?;
    target.file(target.path.to_path_buf(), |out| table.write(out))?;
    Ok(tables.connections.height() as u64)
}
