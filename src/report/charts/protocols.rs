//! Protocols compared: packet size, rate, share of payload, and retransmissions.

use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::{self, AXIS};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::metrics::ProtocolEfficiency;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "protocols", title: "How do the protocols compare?", section: Section::Statistics, draw };

/// A measure of a protocol.
struct Measure {
    name: &'static str,
    value: fn(&ProtocolEfficiency) -> Option<f64>,
    text: fn(f64) -> String,
    /// Whether it is a share, so that the whole width is 100 %.
    is_share: bool,
}

const MEASURES: [Measure; 6] = [
    Measure {
        name: "connections",
        value: |p| Some(p.connections as f64),
        text: |n| humanize::count(n as u64),
        is_share: false,
    },
    Measure {
        name: "payload per second of connection",
        value: |p| p.goodput_bytes_per_s,
        text: humanize::bytes_per_s,
        is_share: false,
    },
    Measure {
        name: "payload per packet sent",
        value: |p| p.bytes_per_packet_sent,
        text: humanize::bytes,
        is_share: false,
    },
    Measure {
        name: "payload per packet received",
        value: |p| p.bytes_per_packet_received,
        text: humanize::bytes,
        is_share: false,
    },
    Measure {
        name: "payload share of all bytes (estimate)",
        value: |p| p.payload_share_estimate,
        text: humanize::ratio_percent,
        is_share: true,
    },
    Measure {
        name: "retransmitted segments",
        value: |p| p.retransmission_rate,
        text: humanize::ratio_percent,
        is_share: true,
    },
];
/// Number of columns of measures, and the distance between them, in pixels.
const COLUMNS: i32 = 2;
const BETWEEN: i32 = 48;
/// Room for the name of a protocol and for a value, in pixels.
const NAMES: i32 = 40;
const VALUES: i32 = 90;
/// Height of a bar with the space below it, in pixels.
const BAR: i32 = 24;
const THICKNESS: i32 = 16;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let protocols = &subject.analysis.metrics.protocols;
    if protocols.is_empty() {
        return canvas::nothing(CHART.title, "The capture has no connections.");
    }
    if let [only] = protocols.as_slice() {
        let reason = format!("{} is the only protocol in this capture.", only.protocol);
        return canvas::nothing(CHART.title, &reason);
    }
    let counted: u64 = protocols.iter().map(|protocol| protocol.counted).sum();
    let all: u64 = protocols.iter().map(|protocol| protocol.connections).sum();
    let subtitle = format!(
        "over the whole lifetime of {} of {} connections with byte and packet counts; a dash: not counted",
        humanize::count(counted),
        humanize::count(all)
    );
    let inside = Canvas::inside();
    let width = (inside.right - inside.left - BETWEEN) / COLUMNS;
    let height = ((inside.bottom - inside.top) / (MEASURES.len() as i32 / COLUMNS))
        .min(22 + protocols.len() as i32 * BAR + 20);
    canvas::picture(CHART.title, &subtitle, |canvas| {
        for (measure, index) in MEASURES.iter().zip(0..) {
            let left = inside.left + index % COLUMNS * (width + BETWEEN);
            let top = inside.top + index / COLUMNS * height;
            measure.draw(canvas, protocols, Area { left, top, right: left + width, bottom: top + height })?;
        }
        Ok(())
    })
}

impl Measure {
    fn draw(&self, canvas: &Canvas<'_>, protocols: &[ProtocolEfficiency], area: Area) -> Drawn {
        canvas.text((area.left, area.top + 8), Label::PLAIN, self.name)?;
        let known = || protocols.iter().filter_map(self.value).filter(|value| value.is_finite());
        let largest = if self.is_share { 1.0 } else { known().fold(f64::MIN_POSITIVE, f64::max) };
        let left = area.left + NAMES;
        for (protocol, index) in protocols.iter().zip(0..) {
            let top = area.top + 22 + index * BAR;
            let middle = top + THICKNESS / 2;
            canvas.text((left - 10, middle), Label::VALUE.right(), &protocol.protocol)?;
            let Some(value) = (self.value)(protocol).filter(|value| value.is_finite()) else {
                canvas.text((left + 8, middle), Label::PLAIN, humanize::UNKNOWN)?;
                continue;
            };
            let width = (value / largest * f64::from(area.right - VALUES - left)).round() as i32;
            if value > 0.0 {
                let bar = Area { left, top, right: left + width, bottom: top + THICKNESS };
                canvas.fill(bar, palette::of_protocol(&protocol.protocol))?;
            }
            canvas.text((left + width + 8, middle), Label::PLAIN, &(self.text)(value))?;
        }
        let bottom = area.top + 22 + protocols.len() as i32 * BAR - BAR + THICKNESS;
        canvas.line((left, area.top + 20), (left, bottom + 2), AXIS)
    }
}
