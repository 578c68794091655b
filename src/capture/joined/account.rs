//! The metadata of a joined recording, from those of its files.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::order::{self, Link};
use super::{Joined, JoinedFile, Joint};
use crate::capture::{CaptureFile, IntervalChange, Metadata, SourceReport, SourceStatus};

/// Maximum number of quoted sentences about single files; the rest is counted.
const MOST_SENTENCES: usize = 3;

/// The metadata of all files together. Where they differ, the file that saw least counts: a
/// privilege or source that one of them lacked is missing.
pub(super) fn of(files: &[CaptureFile], links: &[Link], joints: &[Joint]) -> Metadata {
    let all: Vec<&Metadata> = files.iter().map(CaptureFile::metadata).collect();
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Metadata::default() };
    let boots: BTreeSet<_> = all.iter().map(|metadata| &metadata.boot_id).collect();
    let is_one_boot = boots.len() == 1;
    let shared = links.iter().filter(|link| **link == Link::Follows).count() as u64;
    let sum = |of: fn(&Metadata) -> u64| all.iter().map(|one| of(one)).fold(0, u64::saturating_add);
    let start_us = all.iter().map(|metadata| metadata.start_us).min().unwrap_or(first.start_us);
    let end_us = all.iter().map(|metadata| metadata.end_us).max().unwrap_or(last.end_us);
    Metadata {
        format_version: all.iter().map(|metadata| metadata.format_version).max().unwrap_or_default(),
        boot_id: first.boot_id.clone().filter(|_| is_one_boot),
        start_us,
        end_us,
        // The monotonic clocks of two boots are unrelated.
        start_mono_ns: if is_one_boot { first.start_mono_ns } else { 0 },
        end_mono_ns: if is_one_boot { last.end_mono_ns } else { 0 },
        interval_ms: all.iter().map(|metadata| metadata.interval_ms).max().unwrap_or_default(),
        interval_changes: interval_changes(&all),
        privileges: common_privileges(&all),
        recorder_pids: recorder_pids(&all),
        sources: sources(&all),
        ticks_planned: None,
        ticks_taken: sum(|metadata| metadata.ticks_taken).saturating_sub(shared),
        ticks_late: sum(|metadata| metadata.ticks_late),
        events_lost: all
            .iter()
            .map(|metadata| metadata.events_lost)
            .try_fold(0_u64, |sum, lost| Some(sum.saturating_add(lost?))),
        rows: sum(|metadata| metadata.rows),
        host_addresses: addresses(&all),
        series: None,
        pauses: all.iter().flat_map(|metadata| metadata.pauses.iter().copied()).collect(),
        recovered: recovered(files),
        joined: Some(Box::new(Joined {
            pattern: pattern(files),
            files: files.iter().zip(joints).map(|(file, joint)| joined_file(file, *joint)).collect(),
            boots: boots.len(),
            gaps: order::gaps(files, links),
            unread: Vec::new(),
        })),
        ..(*last).clone()
    }
}

fn joined_file(file: &CaptureFile, joint: Joint) -> JoinedFile {
    let metadata = file.metadata();
    JoinedFile {
        path: file.path().to_path_buf(),
        bytes: file.bytes(),
        rows: metadata.rows,
        start_us: metadata.start_us,
        end_us: metadata.end_us,
        boot_id: metadata.boot_id.clone(),
        id_mask: joint.id_mask,
    }
}

/// The interval changes of all files; one that two files in a row tell of is listed once.
fn interval_changes(all: &[&Metadata]) -> Vec<IntervalChange> {
    let mut changes: Vec<IntervalChange> =
        all.iter().flat_map(|metadata| metadata.interval_changes.iter().copied()).collect();
    changes.dedup();
    changes
}

/// The process ids of every run of the recorder.
fn recorder_pids(all: &[&Metadata]) -> Vec<u32> {
    all.iter()
        .flat_map(|metadata| &metadata.recorder_pids)
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The privileges that the recorder had in every file.
fn common_privileges(all: &[&Metadata]) -> Vec<String> {
    let Some((first, others)) = all.split_first() else { return Vec::new() };
    let is_common = |name: &&String| others.iter().all(|metadata| metadata.privileges.contains(name));
    first.privileges.iter().filter(is_common).cloned().collect()
}

/// Every source by name, with its worst status in any file.
fn sources(all: &[&Metadata]) -> Vec<SourceReport> {
    let mut sources: Vec<SourceReport> = Vec::new();
    for report in all.iter().flat_map(|metadata| &metadata.sources) {
        match sources.iter_mut().find(|known| known.name == report.name) {
            Some(known) if rank(report.status) > rank(known.status) => *known = report.clone(),
            Some(_) => {}
            None => sources.push(report.clone()),
        }
    }
    sources
}

fn rank(status: SourceStatus) -> u8 {
    match status {
        SourceStatus::Ran => 0,
        SourceStatus::Partial => 1,
        SourceStatus::Missing => 2,
    }
}

/// Every address that the host had at any time, in order of appearance.
fn addresses(all: &[&Metadata]) -> Vec<String> {
    let mut known = BTreeSet::new();
    let all = all.iter().flat_map(|metadata| &metadata.host_addresses);
    all.filter(|addr| known.insert(addr.as_str())).cloned().collect()
}

/// What had to be recovered, per file.
fn recovered(files: &[CaptureFile]) -> Option<String> {
    let sentences: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let name = file.path().file_name().unwrap_or_default().to_string_lossy();
            Some(format!("{name}: {}", file.metadata().recovered.as_ref()?))
        })
        .collect();
    let mut text = sentences.iter().take(MOST_SENTENCES).map(String::as_str).collect::<Vec<_>>().join(" ");
    if sentences.len() > MOST_SENTENCES {
        let more = sentences.len() - MOST_SENTENCES;
        // Writing to a string cannot fail.
        let _ = write!(text, " {more} more files had to be recovered.");
    }
    (!text.is_empty()).then_some(text)
}

/// The common parts of the names, as a pattern: `web-*.parquet`.
fn pattern(files: &[CaptureFile]) -> String {
    let names: Vec<String> = files
        .iter()
        .map(|file| file.path().file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    let Some((first, others)) = names.split_first() else { return String::new() };
    let same = |other: &String| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let mut length = others.iter().map(same).min().unwrap_or(0);
    while !first.is_char_boundary(length) {
        length -= 1;
    }
    let common = &first[..length];
    // Common digits in the times of the names mean nothing.
    let cut = common.rfind(['-', '_', '.']).map_or("", |at| &common[..=at]);
    format!("{cut}*.parquet")
}
