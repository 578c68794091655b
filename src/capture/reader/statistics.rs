//! What the row groups' statistics say about the capture.

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use super::CaptureFile;
use crate::capture::Column;
use crate::capture::schema::COLUMNS;

impl CaptureFile {
    /// First and last time of any row, µs since the Unix epoch, from the file's statistics; `None`
    /// without rows, or if a row group has no statistics.
    pub fn span_us(&self) -> Option<(i64, i64)> {
        let spans: Option<Vec<(i64, i64)>> = self.facts_with_rows().map(|facts| facts.ts_us).collect();
        let span = spans?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some(self.clamp(span))
    }

    /// First and last tick of any row as stored in the file, from its statistics; `None` without
    /// rows, or if a row group has no statistics.
    pub(in crate::capture) fn tick_range(&self) -> Option<(u32, u32)> {
        let ranges: Option<Vec<_>> = self.facts_with_rows().map(|facts| facts.ticks).collect();
        ranges?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// First and last time and tick of a row group and its number of rows, from the file's
    /// statistics; `None` without them.
    pub(in crate::capture) fn group_range(&self, row_group: usize) -> Option<GroupRange> {
        let (part, local) = self.part_of(row_group)?;
        let facts = part.groups.get(local)?;
        let (ts_us, ticks) = (facts.ts_us?, facts.ticks?);
        let shifted = |tick: u32| tick.wrapping_add(part.joint.tick_offset);
        let ticks = (shifted(ticks.0), shifted(ticks.1));
        Some(GroupRange { rows: facts.rows, ts_us: self.clamp(ts_us), ticks })
    }

    /// Whether no row of a row group has a value in this column, according to the file's statistics
    /// or because the writing version did not have the column. Reading such a column would be a
    /// waste.
    pub fn is_all_null(&self, row_group: usize, column: Column) -> bool {
        self.facts_of(row_group).is_some_and(|facts| facts.unknown & bit(column) != 0)
    }

    /// The network namespace of all rows of a row group, by the statistics of the file; none if they have several, or
    /// rows without one.
    pub(crate) fn only_netns(&self, row_group: usize) -> Option<u64> {
        self.facts_of(row_group)?.only_netns
    }

    fn facts_with_rows(&self) -> impl Iterator<Item = &GroupFacts> {
        let facts = self.groups.iter().map(|(part, local)| &self.parts[*part].groups[*local]);
        facts.filter(|facts| facts.rows > 0)
    }

    fn clamp(&self, (first, last): (i64, i64)) -> (i64, i64) {
        self.within_us.map_or((first, last), |(from, to)| (first.max(from), last.min(to)))
    }
}

/// The statistics of a row group.
#[derive(Debug, Clone, Copy)]
pub(in crate::capture) struct GroupRange {
    pub(in crate::capture) rows: u64,
    /// µs since the Unix epoch.
    pub(in crate::capture) ts_us: (i64, i64),
    pub(in crate::capture) ticks: (u32, u32),
}

/// What the footer says of a row group, as far as more is asked than to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupFacts {
    pub(super) rows: u64,
    /// Least and largest time, µs since the Unix epoch.
    pub(super) ts_us: Option<(i64, i64)>,
    /// Least and largest tick.
    pub(super) ticks: Option<(u32, u32)>,
    /// The network namespace that all rows have.
    only_netns: Option<u64>,
    /// The columns in which no row has a value, a bit for each.
    unknown: u64,
}

const _: () = assert!(COLUMNS.len() <= u64::BITS as usize, "a column without a bit of its own");

impl GroupFacts {
    pub(super) fn of(group: &RowGroupMetaData) -> Self {
        let unknown = COLUMNS.iter().map(|info| info.column).filter(|column| is_unknown(group, *column));
        Self {
            rows: group.num_rows().max(0) as u64,
            ts_us: range_of_64_bits(group, Column::Ts),
            ticks: range_of_32_bits(group, Column::Tick),
            only_netns: only_value(group, Column::Netns),
            unknown: unknown.map(bit).fold(0, |bits, bit| bits | bit),
        }
    }
}

fn bit(column: Column) -> u64 {
    1 << column as u8
}

fn is_unknown(group: &RowGroupMetaData, column: Column) -> bool {
    let Some(chunk) = chunk(group, column) else { return true };
    let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
    nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows()))
}

fn only_value(group: &RowGroupMetaData, column: Column) -> Option<u64> {
    let has_all = chunk(group, column)?.statistics()?.null_count_opt() == Some(0);
    let (least, most) = range_of_64_bits(group, column).filter(|_| has_all)?;
    (least == most).then(|| least.cast_unsigned())
}

fn range_of_64_bits(group: &RowGroupMetaData, column: Column) -> Option<(i64, i64)> {
    match chunk(group, column)?.statistics()? {
        Statistics::Int64(numbers) => Some((*numbers.min_opt()?, *numbers.max_opt()?)),
        _ => None,
    }
}

fn range_of_32_bits(group: &RowGroupMetaData, column: Column) -> Option<(u32, u32)> {
    match chunk(group, column)?.statistics()? {
        // Parquet stores unsigned numbers as signed ones with the same bits.
        Statistics::Int32(numbers) => {
            Some((numbers.min_opt()?.cast_unsigned(), numbers.max_opt()?.cast_unsigned()))
        }
        _ => None,
    }
}

fn chunk(group: &RowGroupMetaData, column: Column) -> Option<&ColumnChunkMetaData> {
    // A column of a capture is at the root, so that its path is its name.
    group.columns().iter().find(|chunk| chunk.column_path().parts() == [column.name()])
}
