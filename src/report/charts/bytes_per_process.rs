//! Which processes moved the most bytes, and in which direction.

use super::bars::{self, Bar, Row, Values};
use super::canvas::{self, Area, Canvas, Label};
use super::palette::{RECEIVED, SENT};
use super::{Chart, Subject};
use crate::Result;
use crate::analyze::metrics::{Bandwidth, Share};
use crate::report::{Section, format};

pub(super) const CHART: Chart =
    Chart { id: "bytes-per-process", title: "Bytes per process", section: Section::Bandwidth, draw };

/// Room for the headings of the values, in pixels.
const HEADINGS: i32 = 14;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let bandwidth = &subject.analysis.metrics.bandwidth;
    let moved = |share: &&Share| share.bytes_sent > 0 || share.bytes_received > 0;
    let rows: Vec<_> = bandwidth.by_process.iter().filter(moved).map(row).collect();
    if rows.is_empty() {
        return canvas::nothing(CHART.title, "No payload bytes were counted during the recording.");
    }
    let subtitle = subtitle(bandwidth);
    let inside = Canvas::inside();
    let area = Area { top: inside.top + HEADINGS, ..inside };
    canvas::picture(CHART.title, &subtitle, |canvas| {
        canvas.legend(inside.right, &[("sent", SENT), ("received", RECEIVED)])?;
        for (column, name) in bars::value_columns(area).into_iter().zip(["sent", "received"]) {
            canvas.text((column, inside.top + 2), Label::SMALL.right(), name)?;
        }
        bars::draw(canvas, area, &rows, Values::InColumns)
    })
}

fn subtitle(bandwidth: &Bandwidth) -> String {
    let sums = format!(
        "{} sent and {} received: payload during the recording",
        format::bytes(bandwidth.bytes_sent as f64),
        format::bytes(bandwidth.bytes_received as f64)
    );
    if bandwidth.connections_not_counted == 0 {
        return sums;
    }
    format!("{sums}; {} connections have no counts", format::count(bandwidth.connections_not_counted))
}

fn row(share: &Share) -> Row {
    let bar = |value: u64, colour| Bar { value, text: format::bytes(value as f64), colour };
    Row {
        name: share.name.clone(),
        bars: vec![bar(share.bytes_sent, SENT), bar(share.bytes_received, RECEIVED)],
    }
}
