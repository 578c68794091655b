//! Round-trip times of TCP connections, on a logarithmic scale.

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label, text_width};
use super::palette::{PLAIN, THRESHOLD};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::Tables;
use crate::model::metrics::Distribution;
use crate::model::records::Role;
use crate::model::tables::SocketColumns;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "rtt", title: "How long are the round-trip times?", section: Section::Tcp, draw };

/// Bars of the histogram.
const BARS: usize = 48;
/// Room for tick labels, in pixels.
const LABELS: i32 = 36;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let rtts_s = rtts_s(&subject.analysis.tables)?;
    let Some(range_s) = range_s(&rtts_s) else {
        return canvas::nothing(CHART.title, "The capture has no round-trip time of any connection.");
    };
    let bars = histogram(&rtts_s, range_s);
    let plot = axis::plot(LABELS);
    let counts = Axis::counts(bars.iter().copied().max().unwrap_or(0), (plot.bottom, plot.top));
    let times = Axis::log_durations(range_s, (plot.left, plot.right));
    let subtitle =
        format!("the last smoothed value of {}", humanize::plural(rtts_s.len() as u64, "connection"));
    canvas::picture(CHART.title, &subtitle, |canvas| {
        axis::draw_left(canvas, &counts, plot, "connections")?;
        let edge = |index: usize| plot.left + index as i32 * (plot.right - plot.left) / BARS as i32;
        for (index, count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
            let top = counts.at(*count as f64).min(plot.bottom - 1);
            let area = Area { left: edge(index), top, right: edge(index + 1) - 2, bottom: plot.bottom };
            canvas.fill(area, PLAIN)?;
        }
        axis::draw_bottom(canvas, &times, plot, "round-trip time, logarithmic")?;
        let distribution = subject.analysis.metrics.tcp.rtt_us.as_ref();
        distribution.map_or(Ok(()), |rtt_us| draw_marks(canvas, rtt_us, &times, plot))
    })
}

/// Draws the median and the 95th percentile.
fn draw_marks(canvas: &Canvas<'_>, rtt_us: &Distribution, times: &Axis, plot: Area) -> Drawn {
    let marks = [("median", rtt_us.median, plot.top - 24), ("95 % are below", rtt_us.p95, plot.top - 10)];
    for (name, value_us, y) in marks.into_iter().filter(|(_, value_us, _)| *value_us > 0.0) {
        let x = times.at((value_us / 1e6).log10());
        canvas.dashed((x, y - 4), (x, plot.bottom), THRESHOLD)?;
        let text = format!("{name} {}", humanize::seconds(value_us / 1e6));
        let label = Label::SMALL.coloured(THRESHOLD);
        let fits = x + 6 + text_width(&text, 11.0) < plot.right;
        let (x, label) = if fits { (x + 6, label) } else { (x - 6, label.right()) };
        canvas.text((x, y), label, &text)?;
    }
    Ok(())
}

fn rtts_s(tables: &Tables) -> Result<Vec<f64>> {
    let sockets = SocketColumns::of(&tables.connections)?;
    let is_connection = |row: &usize| sockets.role(*row) == Role::Connection;
    let in_seconds =
        |row| sockets.rtt_us(row).filter(|rtt_us| *rtt_us > 0).map(|rtt_us| f64::from(rtt_us) / 1e6);
    Ok((0..sockets.len()).filter(is_connection).filter_map(in_seconds).collect())
}

/// Whole decades around the values, at least one; `None` without values.
fn range_s(rtts_s: &[f64]) -> Option<(f64, f64)> {
    let first = rtts_s.iter().copied().reduce(f64::min)?.log10().floor();
    let last = rtts_s.iter().copied().reduce(f64::max)?.log10().ceil().max(first + 1.0);
    Some((10_f64.powf(first), 10_f64.powf(last)))
}

fn histogram(rtts_s: &[f64], (first_s, last_s): (f64, f64)) -> [u64; BARS] {
    let mut bars = [0; BARS];
    let range = (last_s / first_s).ln();
    for rtt_s in rtts_s {
        let share = (rtt_s / first_s).ln() / range;
        bars[((share * BARS as f64) as usize).min(BARS - 1)] += 1;
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_is_in_one_bar_and_decades_are_equally_wide() {
        let rtts_s = [1e-6, 2e-4, 2e-3, 2e-2, 4_294.0];
        let range_s = range_s(&rtts_s).unwrap();
        assert!((range_s.1 - 10_000.0).abs() < 1.0);
        let bars = histogram(&rtts_s, (1e-4, 1e2));
        assert_eq!(bars.iter().sum::<u64>(), 5);
        assert_eq!((bars[0], bars[2], bars[10], bars[18], bars[BARS - 1]), (1, 1, 1, 1, 1));
        assert_eq!(super::range_s(&[]), None);
    }
}
