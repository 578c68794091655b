//! What `cpu` and `memory` share: the load of the first processes over time.

use super::axis::Axis;
use super::buckets::Buckets;
use super::lines::{self, Line};
use super::per_process::{Cell, Series};
use super::{Chart, Subject, canvas, rolling};
use crate::Result;
use crate::humanize;
use crate::model::Tables;

/// Processes with a line.
pub(super) const MOST_LINES: usize = 7;
/// The rolling mean covers this fraction of the recording to each side.
const REACH: usize = 60;
/// Room for tick labels, in pixels.
const LABELS: i32 = 60;

/// The measure to draw.
pub(super) struct Load {
    pub(super) chart: &'static Chart,
    pub(super) series: fn(&Tables, &Buckets, usize) -> Result<Vec<Series>>,
    /// The message if nothing is known.
    pub(super) unknown: &'static str,
    pub(super) unit: &'static str,
    pub(super) text: fn(f64) -> String,
}

impl Load {
    pub(super) fn draw(&self, subject: &Subject<'_>) -> Result<String> {
        let tables = &subject.analysis.tables;
        let Some(buckets) = Buckets::new(tables, lines::MOST_BUCKETS)? else {
            return canvas::nothing(self.chart.title, "The recording has no duration.");
        };
        let series = (self.series)(tables, &buckets, MOST_LINES)?;
        let reach = buckets.len() / REACH;
        let lines: Vec<Line> = series.iter().map(|series| self.line(subject, series, reach)).collect();
        if lines.iter().all(|line| line.largest() <= 0.0) {
            return canvas::nothing(self.chart.title, self.unknown);
        }
        let plot = lines::plot(LABELS);
        let axis = Axis::from_zero(lines::largest(&lines), (plot.bottom, plot.top), self.text);
        let slice_s = buckets.seconds(0);
        let subtitle = format!(
            "rolling mean over {}, peak over {}; processes with the same name together, while they have sockets",
            humanize::seconds(slice_s * (2 * reach + 1) as f64),
            humanize::seconds(slice_s)
        );
        canvas::picture(self.chart.title, &subtitle, |canvas| {
            lines::draw(canvas, plot, &buckets, &lines, (&axis, self.unit))?;
            lines::draw_legend(canvas, plot.top + 4, &lines)?;
            lines::draw_time(canvas, plot, &buckets)
        })
    }

    /// The smoothed line of a series; its note has the maximum before smoothing.
    fn line(&self, subject: &Subject<'_>, series: &Series, reach: usize) -> Line {
        let means: Vec<Option<f64>> = series.cells.iter().map(Cell::mean).collect();
        let largest = means.iter().flatten().copied().fold(0.0, f64::max);
        let (sum, known) = means.iter().flatten().fold((0.0, 0_u32), |(sum, n), mean| (sum + mean, n + 1));
        let mean = sum / f64::from(known.max(1));
        Line {
            name: series.name.clone(),
            note: format!("mean {}, peak {}", (self.text)(mean), (self.text)(largest)),
            colour: subject.colours.get(&series.name),
            values: rolling::means(&means, reach),
        }
    }
}
