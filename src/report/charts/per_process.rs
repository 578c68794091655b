//! Activity over time by process name: the first names, and the rest as one.

use ahash::AHashMap;

use super::buckets::Buckets;
use crate::Result;
use crate::model::Tables;
use crate::model::frame::{Float32Type, UInt32Type, UInt64Type};
use crate::model::view::{Numbers, Words};

/// A process name over time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    /// Cells by bucket.
    pub(super) cells: Vec<Cell>,
}

/// The known values of a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Cell {
    /// The sum over all processes of the name and all slices.
    pub(super) sum: f64,
    /// Number of slices with a known value.
    slices: u32,
    last_slice: Option<u32>,
}

impl Cell {
    /// The mean over the slices with a known value; `None` if there are none.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.slices > 0).then(|| self.sum / f64::from(self.slices))
    }

    fn add(&mut self, slice: u32, value: f64) {
        self.sum += value;
        // Slices come in order, with several processes of a name in a row.
        if self.last_slice != Some(slice) {
            self.slices += 1;
            self.last_slice = Some(slice);
        }
    }
}

impl Series {
    /// The sum over the recording.
    pub(super) fn total(&self) -> f64 {
        self.cells.iter().map(|cell| cell.sum).sum()
    }
}

/// Sent or received bytes of the first `most` names, most bytes first, then of all others as
/// `other`, and of connections without a known process as `unknown`.
pub(super) fn bytes(tables: &Tables, buckets: &Buckets, column: &str, most: usize) -> Result<Vec<Series>> {
    let values = Numbers::<UInt64Type>::of(&tables.process_bins, column)?;
    let mut series = ranked(tables, buckets, &|row| values.get(row).map(|bytes| bytes as f64), most)?;
    series.extend(unowned(tables, buckets, column, &series)?);
    series.retain(|series| series.total() > 0.0);
    Ok(series)
}

/// CPU use of the first `most` names, largest sum first.
pub(super) fn cpu(tables: &Tables, buckets: &Buckets, most: usize) -> Result<Vec<Series>> {
    let values = Numbers::<Float32Type>::of(&tables.process_bins, "cpu_percent")?;
    let mut series = ranked(tables, buckets, &|row| values.get(row).map(f64::from), most)?;
    series.truncate(most);
    Ok(series)
}

/// Memory of the first `most` names, largest sum first.
pub(super) fn memory(tables: &Tables, buckets: &Buckets, most: usize) -> Result<Vec<Series>> {
    let values = Numbers::<UInt64Type>::of(&tables.process_bins, "memory_rss_bytes")?;
    let mut series = ranked(tables, buckets, &|row| values.get(row).map(|bytes| bytes as f64), most)?;
    series.truncate(most);
    Ok(series)
}

/// The bytes of connections without a known process.
fn unowned(tables: &Tables, buckets: &Buckets, column: &str, owned: &[Series]) -> Result<Option<Series>> {
    let all = Numbers::<UInt64Type>::of(&tables.time_bins, column)?;
    let sums = buckets.sums(|slice| all.get(slice));
    let rest = |(bucket, sum): (usize, u64)| {
        let owned: f64 =
            owned.iter().filter_map(|series| series.cells.get(bucket)).map(|cell| cell.sum).sum();
        Cell { sum: (sum as f64 - owned).max(0.0), ..Cell::default() }
    };
    let cells: Vec<Cell> = sums.into_iter().enumerate().map(rest).collect();
    Ok(Some(Series { name: "unknown".to_owned(), cells }))
}

/// The first names by the sum of their values, and the others combined as the last.
fn ranked(
    tables: &Tables,
    buckets: &Buckets,
    value: &dyn Fn(usize) -> Option<f64>,
    most: usize,
) -> Result<Vec<Series>> {
    let slices = Numbers::<UInt32Type>::of(&tables.process_bins, "bin")?;
    let processes = Numbers::<UInt32Type>::of(&tables.process_bins, "process")?;
    let (names, name_of) = names(tables)?;
    let name = |row: usize| name_of.get(processes.get(row)? as usize).copied();
    let mut sums = vec![0.0; names.len()];
    for row in 0..slices.len() {
        if let (Some(name), Some(value)) = (name(row), value(row)) {
            sums[name] += value;
        }
    }
    let first = first_names(&names, &sums, most);
    let mut places = vec![first.len(); names.len()];
    for (place, name) in first.iter().enumerate() {
        places[*name] = place;
    }
    let blank = |name: &str| Series { name: name.to_owned(), cells: vec![Cell::default(); buckets.len()] };
    let mut series: Vec<Series> = first.iter().map(|name| names[*name]).chain(["other"]).map(blank).collect();
    for row in 0..slices.len() {
        let (Some(slice), Some(name), Some(value)) = (slices.get(row), name(row), value(row)) else {
            continue;
        };
        let Some(bucket) = buckets.of_slice(slice as usize) else { continue };
        series[places[name]].cells[bucket].add(slice, value);
    }
    Ok(series)
}

/// Every name once, and for each process the index of its name.
fn names(tables: &Tables) -> Result<(Vec<&str>, Vec<usize>)> {
    let words = Words::of(&tables.processes, "process_name")?;
    let mut names: Vec<&str> = Vec::new();
    let mut known: AHashMap<&str, usize> = AHashMap::new();
    let of_process = (0..tables.processes.height()).map(|row| {
        let name = words.get(row).unwrap_or("unknown");
        *known.entry(name).or_insert_with(|| {
            names.push(name);
            names.len() - 1
        })
    });
    let name_of = of_process.collect();
    Ok((names, name_of))
}

/// The indices of the first names: largest sum first, then by name.
fn first_names(names: &[&str], sums: &[f64], most: usize) -> Vec<usize> {
    let mut ranked: Vec<usize> = (0..names.len()).filter(|name| sums[*name] > 0.0).collect();
    ranked.sort_by(|a, b| sums[*b].total_cmp(&sums[*a]).then_with(|| names[*a].cmp(names[*b])));
    ranked.truncate(most);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn sums(series: &[Series]) -> f64 {
        series.iter().map(Series::total).sum()
    }

    #[test]
    fn nothing_is_lost_between_the_first_the_others_and_the_unknown() {
        let tables = fixture::large(400).tables;
        let buckets = Buckets::new(&tables, 50).unwrap().unwrap();
        let sent = Numbers::<UInt64Type>::of(&tables.time_bins, "bytes_sent").unwrap();
        let all: u64 = sent.iter().flatten().sum();
        let series = bytes(&tables, &buckets, "bytes_sent", 3).unwrap();
        assert_eq!(series.len(), 5);
        assert_eq!((series[3].name.as_str(), series[4].name.as_str()), ("other", "unknown"));
        assert!((sums(&series) - all as f64).abs() < 1.0);
    }

    #[test]
    fn the_first_have_the_most_and_what_is_not_known_is_no_zero() {
        let tables = fixture::large(400).tables;
        let buckets = Buckets::new(&tables, 50).unwrap().unwrap();
        let series = cpu(&tables, &buckets, 4).unwrap();
        assert_eq!(series.len(), 4);
        assert!(series.windows(2).all(|pair| pair[0].total() >= pair[1].total()));
        assert!(series.iter().all(|series| series.name != "daemon-3"), "its CPU use is not known");
        assert_eq!(Cell::default().mean(), None);
    }

    #[test]
    fn several_processes_of_a_name_are_summed_at_a_moment_and_averaged_over_time() {
        let mut cell = Cell::default();
        for (slice, value) in [(7, 10.0), (7, 20.0), (8, 50.0)] {
            cell.add(slice, value);
        }
        assert_eq!(cell.mean(), Some(40.0));
    }
}
