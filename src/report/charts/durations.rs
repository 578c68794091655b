//! Observed durations of connections on a logarithmic scale, with the thresholds for short-lived
//! and long-lived.

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label, MARGIN, text_width};
use super::palette::{PLAIN, REST, THRESHOLD};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::Tables;
use crate::model::metrics::Tcp;
use crate::model::records::Role;
use crate::model::tables::SocketColumns;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "durations", title: "How long did connections last?", section: Section::Tcp, draw };

/// Bars of the histogram.
const BARS: usize = 40;
/// Room for tick labels left of and below the plot, in pixels.
const LEFT: i32 = 36;
const BELOW: i32 = 24;
/// Room on the left of the plot for connections without a duration, in pixels.
const INSTANT: i32 = 100;
/// Left and right edge of their bar in that room.
const INSTANT_BAR: (i32, i32) = (8, 48);
/// Minimum range of the axis in seconds, so that two similar durations do not fill it.
const SHORTEST_RANGE_S: (f64, f64) = (0.1, 1_000.0);

/// Connections by duration.
struct Histogram {
    /// Connections seen only once.
    instant: u64,
    /// The others, in [`BARS`] bars of equal width on the logarithmic scale.
    bars: Vec<u64>,
    range_s: (f64, f64),
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let durations_s = durations_s(&subject.analysis.tables)?;
    if durations_s.is_empty() {
        return canvas::nothing(CHART.title, "The capture has no connections.");
    }
    let tcp = &subject.analysis.metrics.tcp;
    let histogram = Histogram::new(&durations_s, tcp);
    let inside = Canvas::inside();
    let plot =
        Area { left: inside.left + LEFT, top: inside.top + 16, bottom: inside.bottom - BELOW, ..inside };
    let largest = histogram.bars.iter().copied().max().unwrap_or(0).max(histogram.instant);
    let counts = Axis::counts(largest, (plot.bottom, plot.top));
    let durations = Axis::log_durations(histogram.range_s, (histogram.left(plot), plot.right));
    let subtitle = format!(
        "{} connections; median {}; from first to last sighting",
        humanize::count(durations_s.len() as u64),
        humanize::seconds(durations_s[durations_s.len() / 2])
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        axis::draw_left(canvas, &counts, plot, "connections")?;
        histogram.draw(canvas, &counts, plot)?;
        axis::draw_bottom(canvas, &durations, plot, "duration, logarithmic")?;
        if histogram.instant > 0 {
            // Connection logs have no snapshots.
            let has_snapshots = subject.analysis.completeness.ticks_taken > 0;
            let text = if has_snapshots { "one snapshot" } else { "0 s" };
            let middle = plot.left + i32::midpoint(INSTANT_BAR.0, INSTANT_BAR.1);
            canvas.text((middle, plot.bottom + 16), Label::SMALL.centre(), text)?;
        }
        draw_thresholds(canvas, tcp, &durations, plot)
    })
}

/// The sorted durations of sockets with a remote.
fn durations_s(tables: &Tables) -> Result<Vec<f64>> {
    let sockets = SocketColumns::of(&tables.connections)?;
    let mut durations_s: Vec<f64> = (0..sockets.len())
        .filter(|row| sockets.role(*row) == Role::Connection)
        .map(|row| sockets.duration_s(row))
        .filter(|duration_s| duration_s.is_finite() && *duration_s >= 0.0)
        .collect();
    durations_s.sort_by(f64::total_cmp);
    Ok(durations_s)
}

impl Histogram {
    /// From sorted durations; the thresholds are always within the range.
    fn new(sorted_s: &[f64], tcp: &Tcp) -> Self {
        let instant = sorted_s.partition_point(|duration_s| *duration_s <= 0.0);
        let lasting = &sorted_s[instant..];
        let (shortest_s, longest_s) = SHORTEST_RANGE_S;
        let first_s = lasting.first().copied().unwrap_or(shortest_s).min(tcp.short_lived_s);
        let last_s = lasting.last().copied().unwrap_or(longest_s).max(longest_s).max(tcp.long_lived_s * 10.0);
        let range_s = (10_f64.powf(first_s.log10().floor()).max(1e-6), last_s * 1.05);
        let mut bars = vec![0; BARS];
        let (from, to) = (range_s.0.log10(), range_s.1.log10());
        for duration_s in lasting {
            let share = (duration_s.log10() - from) / (to - from);
            bars[((share * BARS as f64) as usize).min(BARS - 1)] += 1;
        }
        Self { instant: instant as u64, bars, range_s }
    }

    /// Left edge of the bars of connections with a duration.
    fn left(&self, plot: Area) -> i32 {
        if self.instant > 0 { plot.left + INSTANT } else { plot.left }
    }

    fn draw(&self, canvas: &Canvas<'_>, counts: &Axis, plot: Area) -> Drawn {
        let bar = |left, right, count: u64, colour| {
            if count == 0 {
                return Ok(());
            }
            let top = counts.at(count as f64).min(plot.bottom - 1);
            canvas.fill(Area { left, top, right, bottom: plot.bottom }, colour)
        };
        bar(plot.left + INSTANT_BAR.0, plot.left + INSTANT_BAR.1, self.instant, REST)?;
        let first = self.left(plot);
        let edge = |index: usize| first + (index as i32 * (plot.right - first)) / BARS as i32;
        for (index, count) in self.bars.iter().enumerate() {
            bar(edge(index), edge(index + 1) - 2, *count, PLAIN)?;
        }
        Ok(())
    }
}

/// Draws the thresholds for short-lived and long-lived, with the counts from the metrics.
fn draw_thresholds(canvas: &Canvas<'_>, tcp: &Tcp, durations: &Axis, plot: Area) -> Drawn {
    let count = |number: u64, what: &str| format!("{} {what}", humanize::count(number));
    let short = count(tcp.short_lived, &format!("short-lived (< {})", humanize::seconds(tcp.short_lived_s)));
    let long = count(tcp.long_lived, &format!("long-lived (≥ {})", humanize::seconds(tcp.long_lived_s)));
    let label = Label::SMALL.coloured(THRESHOLD);
    if tcp.short_lived_s > 0.0 {
        let x = durations.at(tcp.short_lived_s.log10());
        canvas.dashed((x, plot.top - 14), (x, plot.bottom), THRESHOLD)?;
        canvas.text((x - 6, plot.top - 10), label.right(), &short)?;
    }
    if tcp.long_lived_s > 0.0 {
        let x = durations.at(tcp.long_lived_s.log10());
        canvas.dashed((x, plot.top - 14), (x, plot.bottom), THRESHOLD)?;
        // If there is no room on the right, the label goes to the left, above the other one.
        let has_room = x + 6 + text_width(&long, 11.0) < plot.right + MARGIN;
        let (at, label) =
            if has_room { ((x + 6, plot.top - 10), label) } else { ((x - 6, plot.top - 24), label.right()) };
        canvas.text(at, label, &long)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp() -> Tcp {
        Tcp { short_lived_s: 5.0, long_lived_s: 600.0, ..Tcp::default() }
    }

    #[test]
    fn every_connection_is_in_one_bar() {
        let durations_s = [0.0, 0.0, 1e-9, 0.5, 5.0, 600.0, 1e9];
        let histogram = Histogram::new(&durations_s, &tcp());
        assert_eq!(histogram.instant, 2);
        assert_eq!(histogram.bars.iter().sum::<u64>(), 5);
        assert_eq!(histogram.bars[BARS - 1], 1);
    }

    #[test]
    fn the_range_holds_the_thresholds_even_for_short_captures() {
        let histogram = Histogram::new(&[2.0], &tcp());
        assert!(histogram.range_s.0 <= 2.0 && histogram.range_s.1 > 900.0, "{:?}", histogram.range_s);
    }
}
