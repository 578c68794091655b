//! How fast traffic was, slice by slice.

use super::Traffic;
use super::distribution::distribution;
use crate::Result;
use crate::model::Tables;
use crate::model::frame::{UInt32Type, UInt64Type};
use crate::model::view::Numbers;

pub(super) fn traffic(tables: &Tables) -> Result<Traffic> {
    let slice_s = tables.bin_width_us as f64 / 1e6;
    if slice_s <= 0.0 {
        return Ok(Traffic::default());
    }
    let rates = |column| -> Result<_> {
        let values = Numbers::<UInt64Type>::of(&tables.time_bins, column)?;
        Ok(distribution((0..values.len()).filter_map(|row| values.get(row)).map(|n| n as f64 / slice_s)))
    };
    let opened = Numbers::<UInt32Type>::of(&tables.time_bins, "opened")?;
    let opened = (0..opened.len()).filter_map(|row| opened.get(row)).map(|n| f64::from(n) / slice_s);
    Ok(Traffic {
        slice_s,
        sent_per_s: rates("bytes_sent")?,
        received_per_s: rates("bytes_received")?,
        opened_per_s: distribution(opened),
    })
}
