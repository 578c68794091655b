//! Converts the capture's metadata to the published types.

use super::convert::finite;
use super::v1::{
    Capture, Completeness, Import, ImportRecords, Series, SeriesFile, SeriesGap, Source, SourceStatus,
    UnusedReason, UnusedRecords,
};
use crate::analyze::Analysis;
use crate::capture;
use crate::model::metrics;
use crate::report::CaptureIdentity;

impl Capture {
    /// The capture behind an analysis.
    pub(super) fn of(analysis: &Analysis, identity: &CaptureIdentity) -> Self {
        let metadata = analysis.metadata.clone();
        let series = metadata.joined.as_deref().map(|joined| Series::of(joined, identity));
        Self {
            series,
            file: identity.file_name.clone(),
            sha256: identity.sha256.clone(),
            bytes: identity.bytes,
            format_version: metadata.format_version,
            duration_s: finite(metadata.duration_s()),
            completeness: Completeness::new(&analysis.completeness, metadata.is_degraded()),
            recorded_by: metadata.tool_version,
            host_name: metadata.host_name,
            os: metadata.os,
            kernel: metadata.kernel,
            boot_id: metadata.boot_id,
            host_addresses: metadata.host_addresses,
            privileges: metadata.privileges,
            start: metadata.start_us.into(),
            end: metadata.end_us.into(),
            interval_ms: metadata.interval_ms,
            rows: metadata.rows,
            import: metadata.import.map(|import| Import {
                file: import.file,
                format: import.format,
                sha256: import.sha256,
                records: metadata.import_stats.as_ref().map(ImportRecords::from),
            }),
        }
    }
}

impl Series {
    fn of(joined: &capture::Joined, identity: &CaptureIdentity) -> Self {
        let file = |(number, file): (usize, &capture::JoinedFile)| SeriesFile {
            file: file.name(),
            sha256: identity.files_sha256.get(number).cloned(),
            bytes: file.bytes,
            rows: file.rows,
            start: file.start_us.into(),
            end: file.end_us.into(),
        };
        let gap = |gap: &capture::Gap| SeriesGap {
            from: gap.from_us.into(),
            to: gap.to_us.into(),
            reason: gap.reason.as_str().to_owned(),
        };
        Self {
            files: joined.files.iter().enumerate().map(file).collect(),
            boots: joined.boots as u64,
            gaps: joined.gaps.iter().map(gap).collect(),
            unread: joined.unread.clone(),
        }
    }
}

impl Completeness {
    fn new(completeness: &metrics::Completeness, degraded: bool) -> Self {
        let period_range_s = completeness.period_range_s;
        Self {
            degraded,
            blind_spots: completeness.blind_spots.clone(),
            ticks_planned: completeness.ticks_planned,
            ticks_taken: completeness.ticks_taken,
            ticks_late: completeness.ticks_late,
            events_lost: completeness.events_lost,
            connections: completeness.connections,
            connections_without_owner: completeness.connections_without_owner,
            connections_without_bytes: completeness.connections_without_bytes,
            shortest_lifetime_s: completeness.shortest_lifetime_s.and_then(finite),
            shortest_period_s: period_range_s.and_then(|(shortest_s, _)| finite(shortest_s)),
            longest_period_s: period_range_s.and_then(|(_, longest_s)| finite(longest_s)),
            sources: completeness.sources.iter().map(Source::from).collect(),
        }
    }
}

impl From<&capture::ImportStats> for ImportRecords {
    fn from(stats: &capture::ImportStats) -> Self {
        let list = |list: &[capture::Unused]| list.iter().map(UnusedRecords::from).collect();
        Self {
            unit: stats.unit.clone(),
            read: stats.read,
            used: stats.used,
            unused: list(&stats.unused),
            files: list(&stats.files),
        }
    }
}

impl From<&capture::Unused> for UnusedRecords {
    fn from(unused: &capture::Unused) -> Self {
        let reason = match unused.reason {
            capture::UnusedReason::Unreadable => UnusedReason::Unreadable,
            capture::UnusedReason::Unsupported => UnusedReason::Unsupported,
            capture::UnusedReason::Duplicate => UnusedReason::Duplicate,
            capture::UnusedReason::NoConnection => UnusedReason::NoConnection,
        };
        Self {
            reason,
            kind: unused.kind.clone(),
            count: unused.count,
            example: unused.example.as_ref().map(|example| example.at.clone()),
            example_text: unused.example.as_ref().and_then(|example| example.text.clone()),
        }
    }
}

impl From<&capture::SourceReport> for Source {
    fn from(source: &capture::SourceReport) -> Self {
        let status = match source.status {
            capture::SourceStatus::Ran => SourceStatus::Ran,
            capture::SourceStatus::Partial => SourceStatus::Partial,
            capture::SourceStatus::Missing => SourceStatus::Missing,
        };
        Self { name: source.name.clone(), status, detail: source.detail.clone() }
    }
}
