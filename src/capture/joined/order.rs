//! Decides which files form one recording, and in which order.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::{Gap, GapReason};
use crate::capture::{CaptureFile, Metadata};

/// Files, grouped by recording.
#[derive(Debug, Default)]
pub struct Recordings {
    /// The files of each recording in time order; recordings in the order in which their first file
    /// was given.
    pub recordings: Vec<Vec<CaptureFile>>,
    /// Copies of other files, which are read once.
    pub copies: Vec<CaptureFile>,
}

/// How a file continues the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// There is no previous one.
    First,
    /// It begins with the last snapshot of the previous file.
    Follows,
    /// The same recording continues, but not where the previous file ends.
    Continues,
    /// Another recording; true if in another boot of the host.
    Restart(bool),
}

/// Groups files that form one recording: of the same host, and not at the same time. An import is a
/// recording of its own.
pub fn recordings(files: Vec<CaptureFile>) -> Recordings {
    let keys = hosts(&files);
    let mut by_host: Vec<(Host, Vec<CaptureFile>)> = Vec::new();
    let mut sorted = Recordings::default();
    for (file, key) in files.into_iter().zip(keys) {
        match by_host.iter_mut().find(|(host, _)| *host == key) {
            Some((_, files)) if files.iter().any(|known| is_copy(known, &file)) => sorted.copies.push(file),
            Some((_, files)) => files.push(file),
            None => by_host.push((key, vec![file])),
        }
    }
    sorted.recordings = by_host.into_iter().flat_map(|(_, files)| lanes(in_order(files))).collect();
    sorted
}

/// The host of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Machine(String),
    Name(String),
    Boot(String),
    /// Unknown, or an import: the index of the file.
    Unknown(usize),
}

fn hosts(files: &[CaptureFile]) -> Vec<Host> {
    let mut machines: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for metadata in files.iter().map(CaptureFile::metadata) {
        if let (Some(name), Some(id)) = (&metadata.host_name, &metadata.machine_id) {
            machines.entry(name).or_default().insert(id);
        }
    }
    let host = |(number, file): (usize, &CaptureFile)| {
        let metadata = file.metadata();
        if metadata.import.is_some() {
            return Host::Unknown(number);
        }
        if let Some(id) = &metadata.machine_id {
            return Host::Machine(id.clone());
        }
        match (&metadata.host_name, &metadata.boot_id) {
            (Some(name), _) => match machines.get(name.as_str()) {
                // A file without an identity, from an earlier version, beside one that has it.
                Some(ids) if ids.len() == 1 => Host::Machine(ids.iter().copied().collect()),
                _ => Host::Name(name.clone()),
            },
            (None, Some(boot)) => Host::Boot(boot.clone()),
            (None, None) => Host::Unknown(number),
        }
    };
    files.iter().enumerate().map(host).collect()
}

/// Whether two files have the same content, according to their metadata.
fn is_copy(a: &CaptureFile, b: &CaptureFile) -> bool {
    a.metadata() == b.metadata() && a.bytes() == b.bytes()
}

/// The files of a host in time order. Between boots the wall clock decides, or the numbers in the
/// series if all files have one: clocks can be set back.
fn in_order(mut files: Vec<CaptureFile>) -> Vec<CaptureFile> {
    let names: BTreeSet<_> =
        files.iter().map(|file| file.metadata().series.as_ref().map(|part| &part.name)).collect();
    let has_numbers = names.len() == 1 && files.iter().all(|file| sequence(file.metadata()).is_some());
    let place = |metadata: &Metadata| match sequence(metadata) {
        Some(number) if has_numbers => i64::try_from(number).unwrap_or(i64::MAX),
        _ => metadata.start_us,
    };
    let mut boots: BTreeMap<Option<String>, i64> = BTreeMap::new();
    for metadata in files.iter().map(CaptureFile::metadata) {
        let first = boots.entry(metadata.boot_id.clone()).or_insert(i64::MAX);
        *first = (*first).min(place(metadata));
    }
    files.sort_by_cached_key(|file| {
        let metadata = file.metadata();
        let (start, part) = (start(metadata), metadata.series.as_ref().map_or(0, |part| part.part));
        (
            boots.get(&metadata.boot_id).copied(),
            metadata.boot_id.clone(),
            start,
            part,
            file.path().to_path_buf(),
        )
    });
    files
}

fn sequence(metadata: &Metadata) -> Option<u64> {
    metadata.series.as_ref()?.sequence
}

/// Start on the monotonic clock, which nobody sets, if the boot is known.
fn start(metadata: &Metadata) -> i64 {
    if metadata.boot_id.is_some() { metadata.start_mono_ns / 1000 } else { metadata.start_us }
}

fn end(metadata: &Metadata) -> i64 {
    if metadata.boot_id.is_some() { metadata.end_mono_ns / 1000 } else { metadata.end_us }
}

/// Files of a host in time order, separated where two recorders ran at once.
fn lanes(files: Vec<CaptureFile>) -> Vec<Vec<CaptureFile>> {
    let mut lanes: Vec<Vec<CaptureFile>> = Vec::new();
    for file in files {
        let fitting = |is_wanted: &dyn Fn(&CaptureFile) -> bool| {
            let fits = |last: &CaptureFile| is_wanted(last) && can_follow(last, &file);
            lanes.iter().position(|lane| lane.last().is_some_and(fits))
        };
        let of_its_series = |last: &CaptureFile| series_name(last) == series_name(&file);
        match fitting(&of_its_series).or_else(|| fitting(&|_| true)) {
            Some(at) => lanes[at].push(file),
            None => lanes.push(vec![file]),
        }
    }
    lanes
}

fn series_name(file: &CaptureFile) -> Option<&str> {
    file.metadata().series.as_ref().map(|part| part.name.as_str())
}

/// Whether a file does not begin before the other one ended.
fn can_follow(last: &CaptureFile, file: &CaptureFile) -> bool {
    let (a, b) = (last.metadata(), file.metadata());
    a.boot_id != b.boot_id || start(b) >= end(a) || link(last, file) == Link::Follows
}

/// How each file continues the previous one.
pub(super) fn links(files: &[CaptureFile]) -> Vec<Link> {
    let pairs = files.windows(2).map(|pair| link(&pair[0], &pair[1]));
    files.iter().take(1).map(|_| Link::First).chain(pairs).collect()
}

fn link(before: &CaptureFile, file: &CaptureFile) -> Link {
    let (a, b) = (before.metadata(), file.metadata());
    if a.boot_id != b.boot_id {
        return Link::Restart(true);
    }
    let (Some(first), Some(second)) = (&a.series, &b.series) else { return Link::Restart(false) };
    let is_next = second.part == first.part.saturating_add(1);
    if first.name != second.name || second.part <= first.part || is_next && !are_numbered_so(a, b) {
        return Link::Restart(false);
    }
    // The shared snapshot may have no rows.
    if is_next && start(b) <= end(a) {
        return Link::Follows;
    }
    match (before.tick_range(), file.tick_range()) {
        (Some((_, last)), Some((next, _))) if is_next && next <= last => Link::Follows,
        (Some((_, last)), Some((next, _))) if next <= last => Link::Restart(false),
        // Later ticks, or a file without rows, which has no tick to continue with.
        _ => Link::Continues,
    }
}

/// Whether the series numbers, if any, say that one follows the other.
fn are_numbered_so(a: &Metadata, b: &Metadata) -> bool {
    match (sequence(a), sequence(b)) {
        (Some(first), Some(second)) => second == first.saturating_add(1),
        _ => true,
    }
}

/// Periods between files in which nothing was recorded. A pause because of a full disk is in the
/// next file's metadata and is no gap.
pub(super) fn gaps(files: &[CaptureFile], links: &[Link]) -> Vec<Gap> {
    let pairs = files.windows(2).zip(links.iter().skip(1));
    let gap = |(pair, link): (&[CaptureFile], &Link)| {
        let (a, b) = (pair[0].metadata(), pair[1].metadata());
        let reason = match link {
            Link::Continues if is_part_missing(a, b) => GapReason::FilesMissing,
            // If the same recording continues later, the disk was full.
            Link::First | Link::Follows | Link::Continues => return None,
            Link::Restart(_) if is_file_missing(a, b) => GapReason::FilesMissing,
            Link::Restart(true) => GapReason::HostRestarted,
            Link::Restart(false) => GapReason::RecorderStopped,
        };
        let interval_us = i64::try_from(a.longest_interval_ms()).unwrap_or(0).saturating_mul(1000);
        let gap = Gap { from_us: a.end_us, to_us: b.start_us, reason };
        // The time between two ticks is no gap.
        let is_long = gap.to_us.saturating_sub(gap.from_us) > interval_us;
        (is_long || reason == GapReason::FilesMissing).then_some(gap)
    };
    pairs.filter_map(gap).collect()
}

/// Whether parts of one recording are missing between two of its files.
fn is_part_missing(a: &Metadata, b: &Metadata) -> bool {
    let parts = a.series.as_ref().zip(b.series.as_ref());
    parts.is_some_and(|(first, second)| second.part > first.part.saturating_add(1))
}

/// Whether files are missing before the first one of a later recording. A recording begins with
/// part 1, and the series continues its numbers.
fn is_file_missing(a: &Metadata, b: &Metadata) -> bool {
    match a.series.as_ref().zip(b.series.as_ref()) {
        Some((first, second)) if first.name == second.name => {
            second.part > 1
                || second.sequence.zip(first.sequence).is_some_and(|(b, a)| b > a.saturating_add(1))
        }
        _ => false,
    }
}
