//! Finds the sample at a time, in a given direction: all that a player of a recording needs.
//!
//! A [`Sample`] is a snapshot with the events since the previous one. If no socket was open at the
//! snapshot, or, in imports, none had changed, it consists of events alone. The footer says which
//! row groups can contain it; only those are read, and the last ones are cached, so that the next
//! tick costs nothing. Rows are sorted by connection within a row group; [`group`] finds those of a
//! tick among them.
//!
//! Imported connection logs have only events, and no snapshots. Such a file is divided into slices
//! of equal length, and a sample holds the events of one slice.

mod group;
mod rows;

use std::sync::Arc;

use self::group::Group;
use super::{CaptureFile, Row};
use crate::Result;

/// Maximum number of cached decoded rows: two row groups of a recorder's size, some 200 bytes per row.
const MOST_ROWS_KEPT: usize = 300_000;

/// Maximum number of slices of a file without snapshots.
const MOST_SLICES: i64 = 3600;

/// Minimum length of a slice.
const SHORTEST_SLICE_US: i64 = 1_000_000;

/// Maximum number of rows read of one connection: a day of seconds.
const MOST_ROWS_TOLD: usize = 100_000;

/// A snapshot, and the events since the previous one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Number of the snapshot; in a file without snapshots, of the slice.
    pub tick: u32,
    /// Time of the snapshot, or end of the slice; µs since the Unix epoch.
    pub ts_us: i64,
    /// One row per socket, by `conn_id`. In a slice, the last row of each connection.
    pub rows: Vec<Row>,
    /// Events since the previous snapshot, in time order.
    pub events: Vec<Row>,
}

/// Which sample to return if there is none at the exact position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// The last one at or before it.
    Earlier,
    /// The first one at or after it.
    Later,
}

/// A position in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// µs since the Unix epoch.
    Time(i64),
    /// The number of a snapshot.
    Tick(u32),
}

/// How the rows of a file are grouped into samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grid {
    /// By tick; `last` is the last one.
    Ticks { last: u32 },
    /// By time.
    Slices { start_us: i64, width_us: i64 },
}

/// The footer's description of a row group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// Index of the row group in the file.
    index: usize,
    rows: u64,
    /// First and last time of a row, µs since the Unix epoch.
    ts_us: (i64, i64),
    /// First and last tick of a row.
    ticks: (u32, u32),
}

/// Finds samples in a capture.
#[derive(Debug)]
pub struct Cursor {
    capture: Arc<CaptureFile>,
    grid: Grid,
    spans: Vec<Span>,
    /// Decoded row groups, most recently used last.
    kept: Vec<(usize, Arc<Group>)>,
    most_rows_kept: usize,
}

impl Cursor {
    /// A cursor over a capture. Reads no rows, except in row groups without statistics.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] if no row group can be read at all.
    pub fn new(capture: Arc<CaptureFile>) -> Result<Self> {
        let spans = group::spans(&capture)?;
        let grid = grid_of(&capture, &spans);
        Ok(Self { capture, grid, spans, kept: Vec::new(), most_rows_kept: MOST_ROWS_KEPT })
    }

    /// The capture.
    pub fn capture(&self) -> &Arc<CaptureFile> {
        &self.capture
    }

    /// First and last moment of any row, µs since the Unix epoch; none without a row.
    pub fn span_us(&self) -> Option<(i64, i64)> {
        let ends = self.spans.iter().map(|span| span.ts_us);
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Length of a slice in µs, if the file has no snapshots.
    pub fn slice_us(&self) -> Option<i64> {
        match self.grid {
            Grid::Ticks { .. } => None,
            Grid::Slices { width_us, .. } => Some(width_us),
        }
    }

    /// Number of rows in each time range, from the footer alone: `(from, to, rows)`.
    pub fn density(&self) -> impl Iterator<Item = (i64, i64, u64)> {
        self.spans.iter().map(|span| (span.ts_us.0, span.ts_us.1, span.rows))
    }

    /// Passes every row of a time range, both ends included, to `take`, in file order. Damaged row
    /// groups are skipped and noted in the capture.
    pub fn each_row_between(&self, (from_us, to_us): (i64, i64), take: &mut dyn FnMut(&Row)) {
        let overlaps = |span: &&Span| span.ts_us.0 <= to_us && span.ts_us.1 >= from_us;
        for span in self.spans.iter().filter(overlaps) {
            let mut take_if_within = |row: &Row| {
                if (from_us..=to_us).contains(&row.ts_us) {
                    take(row);
                }
            };
            if let Err(error) = group::each_row(&self.capture, span.index, &mut take_if_within) {
                self.capture.leave_out(span.index, &error);
            }
        }
    }

    /// The sample at a position, or the next one in this direction, if any. Damaged row groups are
    /// skipped and noted in the capture.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] if a row has a value that no version of netrec writes.
    pub fn at(&mut self, position: Position, toward: Toward) -> Result<Option<Sample>> {
        let mut best: Option<(u32, i64)> = None;
        for index in self.candidates(position, toward) {
            let span = self.spans[index];
            if best.is_some_and(|best| self.is_beyond(&span, best, position, toward)) {
                continue;
            }
            let Some(group) = self.group(index) else { continue };
            let is_elsewhere = |number| self.has_snapshot_beside(number, index);
            if let Some(found) = group.nearest(position, toward, is_elsewhere) {
                best = Some(best.map_or(found, |best| nearer(best, found, position, toward)));
            }
        }
        best.map(|(tick, ts_us)| self.sample(tick, ts_us)).transpose()
    }

    /// The sample that shows a moment: the one taken then or next, with the events before it; after
    /// the last one, the last. `None` in a capture without rows.
    ///
    /// # Errors
    /// As [`Cursor::at`].
    pub fn showing(&mut self, ts_us: i64) -> Result<Option<Sample>> {
        match self.at(Position::Time(ts_us), Toward::Later)? {
            None => self.at(Position::Time(ts_us), Toward::Earlier),
            sample => Ok(sample),
        }
    }

    /// Row groups that may contain the sample, the likeliest first.
    fn candidates(&self, position: Position, toward: Toward) -> Vec<usize> {
        let mut indexes: Vec<usize> = (0..self.spans.len())
            .filter(|index| {
                let (first, last) = self.grid.ends(&self.spans[*index], position);
                match toward {
                    Toward::Earlier => first <= value(position),
                    Toward::Later => last >= value(position),
                }
            })
            .collect();
        if toward == Toward::Earlier {
            indexes.reverse();
        }
        indexes
    }

    fn sample(&mut self, tick: u32, ts_us: i64) -> Result<Sample> {
        let mut sample = Sample { tick, ts_us, ..Sample::default() };
        for index in 0..self.spans.len() {
            let (first, last) = self.grid.steps(&self.spans[index]);
            if !(first..=last).contains(&tick) {
                continue;
            }
            if let Some(group) = self.group(index) {
                group.collect(tick, &mut sample).map_err(|reason| self.capture.damage(reason))?;
            }
        }
        sample.rows.sort_by_key(|row| (row.conn_id, row.ts_us));
        sample.events.sort_by_key(|row| (row.ts_us, row.conn_id));
        if let Grid::Slices { .. } = self.grid {
            // A connection's last row is the most informative.
            sample.rows.reverse();
            sample.rows.dedup_by_key(|row| row.conn_id);
            sample.rows.reverse();
        }
        Ok(sample)
    }

    /// Whether another row group than this one has rows of a snapshot.
    fn has_snapshot_beside(&mut self, number: u32, beside: usize) -> bool {
        (0..self.spans.len()).any(|index| {
            let (first, last) = self.grid.steps(&self.spans[index]);
            index != beside
                && (first..=last).contains(&number)
                && self.group(index).is_some_and(|group| group.has_snapshot(number))
        })
    }

    /// Whether nothing in a row group can be nearer than what was found.
    fn is_beyond(&self, span: &Span, found: (u32, i64), position: Position, toward: Toward) -> bool {
        let (first, last) = self.grid.ends(span, position);
        let found = match position {
            Position::Time(_) => found.1,
            Position::Tick(_) => i64::from(found.0),
        };
        match toward {
            Toward::Earlier => last < found,
            Toward::Later => first > found,
        }
    }

    /// A row group, from the cache or decoded now; `None` if it is damaged.
    fn group(&mut self, index: usize) -> Option<Arc<Group>> {
        if let Some(at) = self.kept.iter().position(|(kept, _)| *kept == index) {
            let entry = self.kept.remove(at);
            let group = Arc::clone(&entry.1);
            self.kept.push(entry);
            return Some(group);
        }
        let rows_kept =
            |kept: &[(usize, Arc<Group>)]| kept.iter().map(|(_, group)| group.len()).sum::<usize>();
        // Evict before decoding, so that both are never in memory at once.
        while !self.kept.is_empty()
            && rows_kept(&self.kept) + self.spans[index].rows as usize > self.most_rows_kept
        {
            self.kept.remove(0);
        }
        match Group::read(&self.capture, self.spans[index].index, self.grid) {
            Ok(group) => {
                let group = Arc::new(group);
                self.kept.push((index, Arc::clone(&group)));
                Some(group)
            }
            Err(error) => {
                self.capture.leave_out(self.spans[index].index, &error);
                None
            }
        }
    }
}

/// All rows of one connection in time order, up to [`MOST_ROWS_TOLD`]. Reads one column of the
/// whole file, and the others where the connection occurs. Damage is skipped and noted in the
/// capture.
pub fn rows_of_connection(capture: &CaptureFile, conn_id: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for index in 0..capture.row_groups() {
        if let Err(error) = group::collect_connection(capture, index, conn_id, &mut rows) {
            capture.leave_out(index, &error);
        }
        if rows.len() >= MOST_ROWS_TOLD {
            break;
        }
    }
    rows.truncate(MOST_ROWS_TOLD);
    rows.sort_by_key(|row: &Row| row.ts_us);
    rows
}

/// Passes every row of a capture to `take`, in file order. Damage is skipped and noted in the
/// capture.
pub(super) fn each_row(capture: &CaptureFile, take: &mut dyn FnMut(&Row)) {
    for index in 0..capture.row_groups() {
        if let Err(error) = group::each_row(capture, index, take) {
            capture.leave_out(index, &error);
        }
    }
}

impl Grid {
    /// The sample of a row: for a snapshot its own, for an event that of the next snapshot.
    fn step(self, tick: u32, ts_us: i64, is_snapshot: bool) -> u32 {
        match self {
            Self::Ticks { .. } if is_snapshot => tick,
            Self::Ticks { last } => tick.saturating_add(1).min(last),
            Self::Slices { start_us, width_us } => {
                u32::try_from(ts_us.saturating_sub(start_us).max(0) / width_us).unwrap_or(u32::MAX)
            }
        }
    }

    /// First and last sample that may have rows in a row group.
    fn steps(self, span: &Span) -> (u32, u32) {
        (self.step(span.ticks.0, span.ts_us.0, true), self.step(span.ticks.1, span.ts_us.1, false))
    }

    /// The time of a sample that has a row at `ts_us`; for a slice, its end.
    fn moment_us(self, step: u32, ts_us: i64) -> i64 {
        match self {
            Self::Ticks { .. } => ts_us,
            Self::Slices { start_us, width_us } => {
                let slices = i64::from(step).saturating_add(1);
                start_us.saturating_add(slices.saturating_mul(width_us)).saturating_sub(1)
            }
        }
    }

    /// First and last position of the samples in a row group.
    fn ends(self, span: &Span, position: Position) -> (i64, i64) {
        let (first, last) = self.steps(span);
        match position {
            Position::Time(_) => (span.ts_us.0, self.moment_us(last, span.ts_us.1)),
            Position::Tick(_) => (i64::from(first), i64::from(last)),
        }
    }
}

fn grid_of(capture: &CaptureFile, spans: &[Span]) -> Grid {
    let last = spans.iter().map(|span| span.ticks.1).max().unwrap_or(0);
    let has_snapshots = capture.metadata().ticks_taken > 0 || capture.metadata().import.is_none();
    if has_snapshots {
        return Grid::Ticks { last };
    }
    let start_us = spans.iter().map(|span| span.ts_us.0).min().unwrap_or(0);
    let end_us = spans.iter().map(|span| span.ts_us.1).max().unwrap_or(0);
    let width_us = (end_us.saturating_sub(start_us) / MOST_SLICES).max(SHORTEST_SLICE_US);
    Grid::Slices { start_us, width_us }
}

fn value(position: Position) -> i64 {
    match position {
        Position::Time(ts_us) => ts_us,
        Position::Tick(tick) => i64::from(tick),
    }
}

fn nearer(a: (u32, i64), b: (u32, i64), position: Position, toward: Toward) -> (u32, i64) {
    let key = |found: &(u32, i64)| match position {
        Position::Time(_) => (found.1, found.0),
        Position::Tick(_) => (i64::from(found.0), found.0),
    };
    let b_is_later = key(&b) > key(&a);
    if b_is_later == (toward == Toward::Earlier) { b } else { a }
}

#[cfg(test)]
mod tests;
