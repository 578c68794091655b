//! Every column of every connection, as in the report's table.

use super::{Exported, Exporter, Target};
use crate::Result;
use crate::capture::Metadata;
use crate::model::Tables;
use crate::model::csv::Table;

/// See the [module's documentation](self).
pub(super) const EXPORTER: Exporter =
    Exporter { id: "csv", extension: "csv", beside: None, head_lines: 1, write };

fn write(tables: &Tables, _: &Metadata, target: &mut Target<'_>) -> Result<Exported> {
    let table = Table::of(&tables.connections);
    target.write(|out| table.write(out))?;
    Exported::all_sockets(tables)
}
