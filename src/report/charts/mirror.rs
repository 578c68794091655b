//! Two amounts over time on one scale: one above a common line, the other below.
//!
//! ```text
//!  100 ┤      ▂ █
//!      ┤▂ ▂ █ █ █ ▂      opened
//!    0 ┼─────────────
//!      ┤▂   █ █ ▂        closed
//!  100 ┤    ▂
//! ```

use plotters::style::RGBColor;

use super::axis::{self, Axis};
use super::buckets::Buckets;
use super::canvas::{Area, Canvas, Drawn};

/// Maximum number of buckets; with more, each would be thinner than three pixels.
pub(super) const MOST_BUCKETS: usize = 240;

/// The data: one value per bucket in each direction.
pub(super) struct Mirror<'a> {
    pub(super) buckets: &'a Buckets,
    pub(super) up: Half<'a>,
    pub(super) down: Half<'a>,
    /// The unit, shown above the axis.
    pub(super) unit: &'a str,
    pub(super) tick_text: fn(f64) -> String,
}

/// One of the two amounts.
pub(super) struct Half<'a> {
    pub(super) name: &'a str,
    pub(super) values: Vec<f64>,
    pub(super) colour: RGBColor,
}

impl Mirror<'_> {
    /// The largest of all values.
    pub(super) fn largest(&self) -> f64 {
        self.up.values.iter().chain(&self.down.values).copied().fold(0.0, f64::max)
    }

    /// Draws both with their axes and the legend.
    pub(super) fn draw(&self, canvas: &Canvas<'_>, labels: i32) -> Drawn {
        let plot = axis::plot(labels);
        let middle = i32::midpoint(plot.top, plot.bottom);
        let values = [self.up.values.as_slice(), &self.down.values].concat();
        let up = Axis::for_values(&values, (middle, plot.top), self.tick_text);
        let mut down = Axis::for_values(&values, (middle, plot.bottom), self.tick_text);
        let span_us = self.buckets.span_us();
        let time = Axis::time(span_us, (plot.left, plot.right));
        axis::draw_left(canvas, &up, plot, &up.unit(self.unit))?;
        // The common line already has its label.
        down.ticks.remove(0);
        axis::draw_left(canvas, &down, plot, "")?;
        self.draw_half(canvas, &self.up, &time, &up)?;
        self.draw_half(canvas, &self.down, &time, &down)?;
        axis::draw_bottom(canvas, &time, plot, &axis::time_unit(span_us))?;
        let legend = [(self.up.name, self.up.colour), (self.down.name, self.down.colour)];
        canvas.legend(plot.right, &legend)
    }

    fn draw_half(&self, canvas: &Canvas<'_>, half: &Half<'_>, time: &Axis, axis: &Axis) -> Drawn {
        let base = axis.at_value(0.0);
        for (bucket, value) in half.values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            let left = time.at(self.buckets.start_us(bucket) as f64);
            let right = time.at(self.buckets.start_us(bucket + 1) as f64);
            // A small value stays visible.
            let end = axis.at_value(*value);
            let end = if end == base { base + (axis.at_value(f64::MAX) - base).signum() } else { end };
            // Wide bars are kept apart; thin ones are not, because they would vanish.
            let right = if right - left > 4 { right - 1 } else { right };
            canvas.fill(Area { left, top: end.min(base), right, bottom: end.max(base) }, half.colour)?;
        }
        Ok(())
    }
}
