//! What the row groups' statistics say about the capture.

use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::CaptureFile;
use crate::capture::Column;

impl CaptureFile {
    /// First and last time of any row, µs since the Unix epoch, from the file's statistics; `None`
    /// without rows, or if a row group has no statistics.
    pub fn span_us(&self) -> Option<(i64, i64)> {
        let groups = self.groups.iter().map(|(part, local)| &self.parts[*part].row_groups()[*local]);
        let spans: Option<Vec<(i64, i64)>> =
            groups.filter(|group| group.num_rows() > 0).map(ts_range).collect();
        let span = spans?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some(self.clamp(span))
    }

    /// First and last tick of any row as stored in the file, from its statistics; `None` without
    /// rows, or if a row group has no statistics.
    pub(in crate::capture) fn tick_range(&self) -> Option<(u32, u32)> {
        let groups = self.groups.iter().map(|(part, local)| &self.parts[*part].row_groups()[*local]);
        let ranges: Option<Vec<_>> = groups.filter(|group| group.num_rows() > 0).map(tick_range).collect();
        ranges?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// First and last time and tick of a row group and its number of rows, from the file's
    /// statistics; `None` without them.
    pub(in crate::capture) fn group_range(&self, row_group: usize) -> Option<GroupRange> {
        let (part, local) = self.part_of(row_group)?;
        let group = &part.row_groups()[local];
        let (ts_us, ticks) = (ts_range(group)?, tick_range(group)?);
        let shifted = |tick: u32| tick.wrapping_add(part.joint.tick_offset);
        let ticks = (shifted(ticks.0), shifted(ticks.1));
        Some(GroupRange { rows: group.num_rows().max(0) as u64, ts_us: self.clamp(ts_us), ticks })
    }

    /// The one value that all rows of a row group have in a column of 64-bit numbers, by the statistics of
    /// the file; none if they have several, or rows without one.
    pub(crate) fn only_value(&self, row_group: usize, column: Column) -> Option<u64> {
        let (part, local) = self.part_of(row_group)?;
        let statistics = statistics(&part.row_groups()[local], column)?;
        match statistics {
            Statistics::Int64(numbers) if statistics.null_count_opt() == Some(0) => {
                let (least, most) = (*numbers.min_opt()?, *numbers.max_opt()?);
                (least == most).then(|| least.cast_unsigned())
            }
            _ => None,
        }
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

pub(super) fn ts_range(group: &RowGroupMetaData) -> Option<(i64, i64)> {
    match statistics(group, Column::Ts)? {
        Statistics::Int64(ts) => Some((*ts.min_opt()?, *ts.max_opt()?)),
        _ => None,
    }
}

pub(super) fn tick_range(group: &RowGroupMetaData) -> Option<(u32, u32)> {
    match statistics(group, Column::Tick)? {
        // Parquet stores unsigned numbers as signed ones with the same bits.
        Statistics::Int32(tick) => Some((tick.min_opt()?.cast_unsigned(), tick.max_opt()?.cast_unsigned())),
        _ => None,
    }
}

fn statistics(group: &RowGroupMetaData, column: Column) -> Option<&Statistics> {
    group.columns().iter().find(|chunk| chunk.column_path().string() == column.name())?.statistics()
}
