//! A decoded row group, and the mapping of its rows to samples.

use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, TimestampMicrosecondType, UInt32Type, UInt64Type};
use arrow_array::{Array as _, RecordBatch};

use super::rows::Rows;
use super::{Grid, Position, Sample, Span, Toward};
use crate::capture::schema::COLUMNS;
use crate::capture::{CaptureFile, Column, Kind, Row};
use crate::{Error, Result};

/// A decoded row group.
#[derive(Debug)]
pub(super) struct Group {
    batches: Vec<RecordBatch>,
    /// Its samples, by number.
    steps: Vec<Step>,
    /// Positions of the rows, sorted by sample: index of the batch, and row in it.
    order: Vec<(u32, u32)>,
}

/// The rows of one sample in this row group.
#[derive(Debug)]
struct Step {
    number: u32,
    /// Time of the snapshot; if only events of it are in this row group, time of the last one.
    ts_us: i64,
    has_snapshot: bool,
    /// Range in [`Group::order`].
    rows: Range<usize>,
}

/// The footer's description of every row group that has rows; one without statistics is read.
///
/// # Errors
/// [`Error::Damaged`] if there are row groups but none can be read.
pub(super) fn spans(capture: &CaptureFile) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    let mut first_error = None;
    for index in 0..capture.row_groups() {
        let range = capture.group_range(index);
        let span = match range {
            Some(range) => Ok(Some(Span { index, rows: range.rows, ts_us: range.ts_us, ticks: range.ticks })),
            None => read_span(capture, index),
        };
        match span {
            Ok(span) => spans.extend(span.filter(|span| span.rows > 0)),
            Err(error) => {
                capture.leave_out(index, &error);
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) if spans.is_empty() => Err(error),
        _ => Ok(spans),
    }
}

fn read_span(capture: &CaptureFile, index: usize) -> Result<Option<Span>> {
    let mut span: Option<Span> = None;
    for batch in capture.row_group(index, &[Column::Ts, Column::Tick])? {
        let batch = batch?;
        let Some((times, ticks)) = times_and_ticks(&batch) else { return Err(odd(capture)) };
        for (ts_us, tick) in times.iter().zip(ticks) {
            let before =
                span.unwrap_or(Span { index, rows: 0, ts_us: (*ts_us, *ts_us), ticks: (*tick, *tick) });
            span = Some(Span {
                rows: before.rows + 1,
                ts_us: (before.ts_us.0.min(*ts_us), before.ts_us.1.max(*ts_us)),
                ticks: (before.ticks.0.min(*tick), before.ticks.1.max(*tick)),
                ..before
            });
        }
    }
    Ok(span)
}

fn odd(capture: &CaptureFile) -> Error {
    capture.damage("its columns are not what its schema says".to_owned())
}

fn times_and_ticks(batch: &RecordBatch) -> Option<(&[i64], &[u32])> {
    let times = batch.column_by_name(Column::Ts.name())?.as_primitive_opt::<TimestampMicrosecondType>()?;
    let ticks = batch.column_by_name(Column::Tick.name())?.as_primitive_opt::<UInt32Type>()?;
    (times.null_count() == 0 && ticks.null_count() == 0).then(|| (&times.values()[..], &ticks.values()[..]))
}

/// Which rows are snapshots.
fn snapshots(batch: &RecordBatch) -> Option<impl Iterator<Item = bool>> {
    let kinds = batch.column_by_name(Column::Kind.name())?.as_dictionary_opt::<Int32Type>()?;
    let names = kinds.values().as_string_opt::<i32>()?;
    let snapshot = names.iter().position(|name| name == Some(Kind::Snapshot.as_str()));
    let snapshot = snapshot.and_then(|key| i32::try_from(key).ok());
    Some(kinds.keys().iter().map(move |key| key.is_some() && key == snapshot))
}

impl Group {
    /// Decodes a row group.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it was changed since it was recorded, or cannot be decoded.
    pub(super) fn read(capture: &CaptureFile, index: usize, grid: Grid) -> Result<Self> {
        let columns = COLUMNS.iter().map(|info| info.column);
        let columns: Vec<Column> = columns.filter(|column| !capture.is_all_null(index, *column)).collect();
        let batches: Vec<RecordBatch> = capture.row_group(index, &columns)?.collect::<Result<_>>()?;
        let mut places = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            place_rows(batch, number as u32, grid, &mut places).ok_or_else(|| odd(capture))?;
        }
        // By sample, and within it in file order.
        places.sort_unstable_by_key(|position| (position.step, position.batch, position.row));
        let steps = cut(&places);
        let order = places.iter().map(|position| (position.batch, position.row)).collect();
        Ok(Self { batches, steps, order })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether it has rows of the snapshot with this number.
    pub(super) fn has_snapshot(&self, number: u32) -> bool {
        let at = self.steps.binary_search_by_key(&number, |step| step.number);
        at.is_ok_and(|at| self.steps[at].has_snapshot)
    }

    /// Number and time of the sample at a position, or of the next one in this direction. A sample
    /// with only events here counts unless its snapshot `is_elsewhere`.
    pub(super) fn nearest(
        &self,
        position: Position,
        toward: Toward,
        mut is_elsewhere: impl FnMut(u32) -> bool,
    ) -> Option<(u32, i64)> {
        let wanted = match position {
            Position::Time(ts_us) => ts_us,
            Position::Tick(tick) => i64::from(tick),
        };
        let key = |step: &&Step| match position {
            Position::Time(_) => step.ts_us,
            Position::Tick(_) => i64::from(step.number),
        };
        // Only the nearest one is checked, because that may require reading another row group.
        let mut elsewhere = Vec::new();
        loop {
            let steps = self.steps.iter().filter(|step| !elsewhere.contains(&step.number));
            let found = match toward {
                Toward::Earlier => steps.filter(|step| key(step) <= wanted).max_by_key(key),
                Toward::Later => steps.filter(|step| key(step) >= wanted).min_by_key(key),
            }?;
            if found.has_snapshot || !is_elsewhere(found.number) {
                return Some((found.number, found.ts_us));
            }
            elsewhere.push(found.number);
        }
    }

    /// Adds the rows of a sample.
    ///
    /// # Errors
    /// A sentence, if a row has a value that no version of netrec writes.
    pub(super) fn collect(&self, number: u32, sample: &mut Sample) -> std::result::Result<(), String> {
        let Ok(at) = self.steps.binary_search_by_key(&number, |step| step.number) else { return Ok(()) };
        let places = &self.order[self.steps[at].rows.clone()];
        for places in places.chunk_by(|a, b| a.0 == b.0) {
            let Some(batch) = places.first().and_then(|position| self.batches.get(position.0 as usize))
            else {
                continue;
            };
            let mut rows = Rows::new(batch)?;
            for (_, row) in places {
                match rows.get(*row as usize)? {
                    Some(row) if row.kind == Kind::Snapshot => sample.rows.push(row),
                    row => sample.events.extend(row),
                }
            }
        }
        Ok(())
    }
}

/// Adds the rows of one connection in a row group.
///
/// # Errors
/// [`Error::Damaged`] if it cannot be read.
pub(super) fn collect_connection(
    capture: &CaptureFile,
    index: usize,
    conn_id: u64,
    found: &mut Vec<Row>,
) -> Result<()> {
    let is_ours = |batch: &RecordBatch| {
        let ids = batch.column_by_name(Column::ConnId.name())?.as_primitive_opt::<UInt64Type>()?;
        let ids = ids.values();
        // Rows are sorted by connection, so those of this one are adjacent.
        let start = ids.iter().position(|id| *id == conn_id)?;
        let length = ids[start..].iter().take_while(|id| **id == conn_id).count();
        Some(start..start + length)
    };
    let ids = capture.row_group(index, &[Column::ConnId])?;
    let places: Vec<Option<Range<usize>>> = ids.map(|batch| Ok(is_ours(&batch?))).collect::<Result<_>>()?;
    if places.iter().all(Option::is_none) {
        return Ok(());
    }
    let columns: Vec<Column> = COLUMNS.iter().map(|info| info.column).collect();
    for (batch, position) in capture.row_group(index, &columns)?.zip(places) {
        let (batch, Some(position)) = (batch?, position) else { continue };
        let mut rows = Rows::new(&batch).map_err(|reason| capture.damage(reason))?;
        for row in position {
            found.extend(rows.get(row).map_err(|reason| capture.damage(reason))?);
        }
    }
    Ok(())
}

/// Passes every row of a row group to `take`.
///
/// # Errors
/// [`Error::Damaged`] if it cannot be read.
pub(super) fn each_row(capture: &CaptureFile, index: usize, take: &mut dyn FnMut(&Row)) -> Result<()> {
    let columns = COLUMNS.iter().map(|info| info.column);
    let columns: Vec<Column> = columns.filter(|column| !capture.is_all_null(index, *column)).collect();
    for batch in capture.row_group(index, &columns)? {
        let batch = batch?;
        let mut rows = Rows::new(&batch).map_err(|reason| capture.damage(reason))?;
        for row in 0..batch.num_rows() {
            if let Some(row) = rows.get(row).map_err(|reason| capture.damage(reason))? {
                take(&row);
            }
        }
    }
    Ok(())
}

/// A row and the sample to which it belongs.
#[derive(Clone, Copy)]
struct Placed {
    step: u32,
    batch: u32,
    row: u32,
    /// Time of its snapshot, or of the event.
    ts_us: i64,
    is_snapshot: bool,
}

fn place_rows(batch: &RecordBatch, number: u32, grid: Grid, places: &mut Vec<Placed>) -> Option<()> {
    let (times, ticks) = times_and_ticks(batch)?;
    for (row, ((ts_us, tick), is_snapshot)) in times.iter().zip(ticks).zip(snapshots(batch)?).enumerate() {
        let step = grid.step(*tick, *ts_us, is_snapshot);
        let ts_us = grid.moment_us(step, *ts_us);
        places.push(Placed { step, batch: number, row: row as u32, ts_us, is_snapshot });
    }
    Some(())
}

/// Divides sorted rows into their samples.
fn cut(places: &[Placed]) -> Vec<Step> {
    let mut start = 0;
    let chunks = places.chunk_by(|a, b| a.step == b.step);
    chunks
        .map(|chunk| {
            let rows = start..start + chunk.len();
            start = rows.end;
            let snapshot_us =
                chunk.iter().filter(|position| position.is_snapshot).map(|position| position.ts_us).min();
            let last_us = chunk.iter().map(|position| position.ts_us).max();
            let ts_us = snapshot_us.or(last_us).unwrap_or_default();
            Step { number: chunk[0].step, ts_us, has_snapshot: snapshot_us.is_some(), rows }
        })
        .collect()
}
