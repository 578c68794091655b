//! Adapts the rows of a file so that they continue those of earlier files.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, TimestampMicrosecondType, UInt32Type, UInt64Type};
use arrow_array::{Array as _, ArrayRef, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;

use super::order::Link;
use crate::capture::{CaptureFile, Column, Kind};

/// Position of the boot number in a `conn_id`, from the second boot on.
const BOOT_SHIFT: u32 = 48;
const MOST_BOOTS: u64 = 0x7FFF;

/// How the rows of a file are adapted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::capture) struct Joint {
    /// Added to every tick, wrapping: a later recording restarts at 0.
    pub(in crate::capture) tick_offset: u32,
    /// Snapshots up to this tick of the file are also in the previous file.
    shared_tick: Option<u32>,
    /// Xor mask for each `conn_id`.
    pub(super) id_mask: u64,
    /// Index of the uninterrupted period that the file belongs to.
    pub(in crate::capture) stretch: usize,
}

/// Which of a row group's rows are kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::capture) struct Cut {
    shared_tick: Option<u32>,
    within_us: Option<(i64, i64)>,
}

impl Joint {
    /// What to remove from a row group with these ticks and times; `None` for nothing. Without
    /// statistics every row must be checked.
    pub(in crate::capture) fn cut(
        &self,
        ticks: Option<(u32, u32)>,
        ts_us: Option<(i64, i64)>,
        within_us: Option<(i64, i64)>,
    ) -> Option<Cut> {
        let has_shared = |shared: &u32| ticks.is_none_or(|(first, _)| first <= *shared);
        let is_beyond = |within: &(i64, i64)| ts_us.is_none_or(|(a, b)| a < within.0 || b > within.1);
        let cut =
            Cut { shared_tick: self.shared_tick.filter(has_shared), within_us: within_us.filter(is_beyond) };
        (cut.shared_tick.is_some() || cut.within_us.is_some()).then_some(cut)
    }

    /// Adapts a batch to the joined recording.
    ///
    /// # Errors
    /// A sentence, if the batch cannot be filtered.
    pub(in crate::capture) fn adapt(
        &self,
        batch: RecordBatch,
        cut: Option<Cut>,
        columns: &[Column],
    ) -> Result<RecordBatch, String> {
        let batch = match cut {
            Some(cut) => project(&cut.rows_of(&batch)?, columns)?,
            None => batch,
        };
        let batch = if self.tick_offset == 0 { batch } else { self.shift_ticks(batch)? };
        if self.id_mask == 0 { Ok(batch) } else { self.mark_ids(batch) }
    }

    fn shift_ticks(&self, batch: RecordBatch) -> Result<RecordBatch, String> {
        replace(batch, Column::Tick, |array| {
            let ticks = array.as_primitive_opt::<UInt32Type>()?;
            Some(Arc::new(ticks.unary::<_, UInt32Type>(|tick| tick.wrapping_add(self.tick_offset))))
        })
    }

    fn mark_ids(&self, batch: RecordBatch) -> Result<RecordBatch, String> {
        replace(batch, Column::ConnId, |array| {
            let ids = array.as_primitive_opt::<UInt64Type>()?;
            Some(Arc::new(ids.unary::<_, UInt64Type>(|id| id ^ self.id_mask)))
        })
    }
}

impl Cut {
    /// Columns that decide which rows are removed.
    pub(in crate::capture) const COLUMNS: [Column; 3] = [Column::Ts, Column::Tick, Column::Kind];

    fn rows_of(&self, batch: &RecordBatch) -> Result<RecordBatch, String> {
        let is_kept = self.kept(batch).ok_or("its columns are not what its schema says")?;
        filter_record_batch(batch, &is_kept).map_err(|error| error.to_string())
    }

    fn kept(&self, batch: &RecordBatch) -> Option<BooleanArray> {
        let times =
            batch.column_by_name(Column::Ts.name())?.as_primitive_opt::<TimestampMicrosecondType>()?;
        let ticks = batch.column_by_name(Column::Tick.name())?.as_primitive_opt::<UInt32Type>()?;
        let kinds = batch.column_by_name(Column::Kind.name())?.as_dictionary_opt::<Int32Type>()?;
        let names = kinds.values().as_string_opt::<i32>()?;
        let snapshot = names.iter().position(|name| name == Some(Kind::Snapshot.as_str()));
        let snapshot = snapshot.and_then(|key| i32::try_from(key).ok());
        let is_shared = |row: usize| {
            let is_early = self.shared_tick.is_some_and(|shared| ticks.value(row) <= shared);
            is_early && kinds.keys().is_valid(row) && Some(kinds.keys().value(row)) == snapshot
        };
        let is_within =
            |row: usize| self.within_us.is_none_or(|(from, to)| (from..=to).contains(&times.value(row)));
        Some((0..batch.num_rows()).map(|row| Some(is_within(row) && !is_shared(row))).collect())
    }
}

/// The joint of each file.
pub(super) fn joints(files: &[CaptureFile], links: &[Link]) -> Vec<Joint> {
    let mut joint = Joint::default();
    let (mut last_tick, mut boot) = (None::<u32>, 0_u64);
    let mut before_ticks = None;
    let mut joints = Vec::new();
    for (file, link) in files.iter().zip(links) {
        let ticks = file.tick_range();
        joint.shared_tick = None;
        match link {
            Link::First => {}
            Link::Follows => joint.shared_tick = before_ticks.map(|(_, last)| last),
            Link::Continues | Link::Restart(_) => joint.stretch += 1,
        }
        if let (Link::Restart(is_new_boot), Some((first, _))) = (link, ticks) {
            let next = last_tick.map_or(0, |last| last.wrapping_add(1));
            joint.tick_offset = next.wrapping_sub(first);
            boot += u64::from(*is_new_boot);
            joint.id_mask = (boot & MOST_BOOTS) << BOOT_SHIFT;
        }
        if ticks.is_some() {
            last_tick = ticks.map(|(_, last)| last.wrapping_add(joint.tick_offset));
            before_ticks = ticks;
        }
        joints.push(joint);
    }
    joints
}

/// Replaces a column, if the batch has it.
fn replace(
    batch: RecordBatch,
    column: Column,
    make: impl Fn(&ArrayRef) -> Option<ArrayRef>,
) -> Result<RecordBatch, String> {
    let Ok(at) = batch.schema().index_of(column.name()) else { return Ok(batch) };
    let mut arrays = batch.columns().to_vec();
    arrays[at] = make(&arrays[at]).ok_or("its columns are not what its schema says")?;
    RecordBatch::try_new(batch.schema(), arrays).map_err(|error| error.to_string())
}

fn project(batch: &RecordBatch, columns: &[Column]) -> Result<RecordBatch, String> {
    let is_wanted = |name: &str| columns.iter().any(|column| column.name() == name);
    let schema = batch.schema();
    let kept = (0..batch.num_columns()).filter(|at| is_wanted(schema.field(*at).name()));
    batch.project(&kept.collect::<Vec<_>>()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_looked_at_one_by_one_only_where_some_may_have_to_go() {
        let joint = Joint { shared_tick: Some(7), ..Joint::default() };
        for (ticks, is_cut) in
            [(Some((0, 6)), true), (Some((7, 9)), true), (Some((8, 9)), false), (None, true)]
        {
            assert_eq!(joint.cut(ticks, None, None).is_some(), is_cut, "{ticks:?}");
        }
        let within = Some((100, 200));
        for (ts_us, is_cut) in [
            (Some((100, 200)), false),
            (Some((120, 130)), false),
            (Some((99, 200)), true),
            (Some((100, 201)), true),
            (None, true),
        ] {
            assert_eq!(Joint::default().cut(Some((0, 9)), ts_us, within).is_some(), is_cut, "{ts_us:?}");
        }
        assert!(Joint::default().cut(None, None, None).is_none());
    }
}
