//! Which processes moved the most bytes, and in which direction.

use super::bars::{self, Bar, Row};
use super::canvas::{self, Canvas};
use super::palette::{RECEIVED, SENT};
use super::{Chart, Subject};
use crate::Result;
use crate::analyze::metrics::Share;
use crate::report::format;

pub(super) const CHART: Chart = Chart { id: "bytes-per-process", title: "Bytes per process", draw };

fn draw(subject: &Subject<'_>) -> Result<String> {
    let bandwidth = &subject.analysis.metrics.bandwidth;
    let moved = |share: &&Share| share.bytes_sent > 0 || share.bytes_received > 0;
    let rows: Vec<_> = bandwidth.by_process.iter().filter(moved).map(row).collect();
    if rows.is_empty() {
        return canvas::nothing(CHART.title, "No payload bytes were counted during the recording.");
    }
    let mut subtitle = format!(
        "{} sent and {} received: payload during the recording",
        format::bytes(bandwidth.bytes_sent as f64),
        format::bytes(bandwidth.bytes_received as f64)
    );
    if bandwidth.connections_not_counted > 0 {
        let missing = format::count(bandwidth.connections_not_counted);
        subtitle.push_str(&format!("; {missing} connections have no counts"));
    }
    canvas::picture(CHART.title, &subtitle, |canvas| {
        canvas.legend(Canvas::inside().right, &[("sent", SENT), ("received", RECEIVED)])?;
        bars::draw(canvas, Canvas::inside(), &rows)
    })
}

fn row(share: &Share) -> Row {
    let bar = |value: u64, colour| Bar { value, text: format::bytes(value as f64), colour };
    Row {
        name: share.name.clone(),
        bars: vec![bar(share.bytes_sent, SENT), bar(share.bytes_received, RECEIVED)],
    }
}
