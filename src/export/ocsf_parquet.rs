//! OCSF Network Activity events as Parquet, for Security Lake: see [`crate::tables::network_activity`].

use super::{Exported, Exporter, Target};
use crate::Result;
use crate::capture::Metadata;
use crate::model::Tables;
use crate::tables;

/// See the [module's documentation](self).
pub(super) const EXPORTER: Exporter =
    Exporter { id: "ocsf-parquet", extension: "ocsf.parquet", beside: None, head_lines: 0, write };

fn write(tables: &Tables, metadata: &Metadata, target: &mut Target<'_>) -> Result<Exported> {
    let (bytes, events) = tables::network_activity(tables, metadata)?;
    target.write(|out| out.write_all(&bytes))?;
    let all = Exported::all_sockets(tables)?;
    let other_ends = all.connections.saturating_sub(events);
    Ok(Exported { other_ends, has_all_sockets: false, ..all })
}
