//! The processes with the most bytes, by direction.

use super::{Chart, Subject};
use super::{bars, canvas};
use crate::Result;
use crate::humanize;
use crate::model::metrics::Bandwidth;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "bytes-per-process",
    title: "Who transferred the most bytes?",
    section: Section::Bandwidth,
    draw,
};

fn draw(subject: &Subject<'_>) -> Result<String> {
    let bandwidth = &subject.analysis.metrics.bandwidth;
    let hosts = if subject.analysis.metrics.overview.processes == 0 {
        Some(bars::hosts(&subject.analysis.tables, |share| {
            share.bytes_sent.saturating_add(share.bytes_received)
        })?)
    } else {
        None
    };
    let shares = hosts.as_deref().map(bars::first);
    let rows = bars::moved(shares.as_deref().unwrap_or(&bandwidth.by_process));
    if rows.is_empty() {
        return canvas::nothing(CHART.title, "No payload bytes were counted during the recording.");
    }
    canvas::picture(CHART.title, &subtitle(bandwidth), |canvas| bars::draw_moved(canvas, &rows))
}

/// The sums, and how much they lack.
pub(super) fn subtitle(bandwidth: &Bandwidth) -> String {
    let sums = format!(
        "{} sent and {} received: payload during the recording",
        humanize::bytes(bandwidth.bytes_sent as f64),
        humanize::bytes(bandwidth.bytes_received as f64)
    );
    if bandwidth.connections_not_counted == 0 {
        return sums;
    }
    format!("{sums}; {} connections have no counts", humanize::count(bandwidth.connections_not_counted))
}
