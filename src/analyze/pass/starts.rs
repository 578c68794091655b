//! Where the recording begins, and where it begins again after a stretch without one.
//!
//! What the first snapshot shows may have been there before; what a later one shows for the first
//! time was opened since. A recording of several files has such a first snapshot after each gap.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt32Type};

use crate::capture::{CaptureFile, Column, Kind};

/// The first snapshot of every uninterrupted stretch.
pub(super) struct Starts {
    /// Each with the tick from which on it counts; ascending.
    stretches: Vec<Start>,
}

struct Start {
    /// The first tick of the stretch, be it of a snapshot or of an event before it.
    from_tick: u32,
    first_snapshot: u32,
}

impl Starts {
    pub(super) fn new(capture: &CaptureFile) -> Self {
        let mut stretches: Vec<Start> = Vec::new();
        for groups in capture.stretches() {
            let Some(first_snapshot) = first_snapshot(capture, groups.clone()) else { continue };
            // Before the first stretch there is nothing.
            let from_tick =
                if stretches.is_empty() { 0 } else { first_tick(capture, groups, first_snapshot) };
            stretches.push(Start { from_tick, first_snapshot });
        }
        Self { stretches }
    }

    /// Whether a tick is later than the first snapshot of its stretch.
    pub(super) fn is_later(&self, tick: u32) -> bool {
        let at = self.stretches.partition_point(|start| start.from_tick <= tick);
        let start = at.checked_sub(1).and_then(|at| self.stretches.get(at));
        tick > start.map_or(0, |start| start.first_snapshot)
    }
}

/// The number of the first snapshot: row groups are in the order of time, so the first one that
/// can be read has it. Events may carry an earlier number, where the snapshot before them is in
/// the file before this one.
fn first_snapshot(capture: &CaptureFile, mut groups: Range<usize>) -> Option<u32> {
    groups.find_map(|group| {
        let rows = capture.row_group(group, &[Column::Tick, Column::Kind]).ok()?;
        let firsts = rows.map_while(Result::ok).filter_map(|batch| {
            let ticks = batch.column_by_name(Column::Tick.name())?.as_primitive_opt::<UInt32Type>()?;
            let kinds = batch.column_by_name(Column::Kind.name())?.as_dictionary_opt::<Int32Type>()?;
            let names = kinds.values().as_string_opt::<i32>()?;
            let snapshot = names.iter().position(|name| name == Some(Kind::Snapshot.as_str()))? as i32;
            let rows = ticks.values().iter().zip(kinds.keys().iter());
            rows.filter(|(_, kind)| *kind == Some(snapshot)).map(|(tick, _)| *tick).min()
        });
        firsts.min()
    })
}

/// The smallest tick of a stretch.
fn first_tick(capture: &CaptureFile, groups: Range<usize>, first_snapshot: u32) -> u32 {
    let ticks = groups.filter_map(|group| {
        let rows = capture.row_group(group, &[Column::Tick]).ok()?;
        let ticks = rows.map_while(Result::ok).filter_map(|batch| {
            batch
                .column_by_name(Column::Tick.name())?
                .as_primitive_opt::<UInt32Type>()?
                .values()
                .iter()
                .min()
                .copied()
        });
        ticks.min()
    });
    // Ticks ascend from one row group to the next.
    ticks.take(1).fold(first_snapshot, u32::min)
}
