//! Axes: maps values to pixels, with ticks at round values.

use chrono::{DateTime, Utc};

use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::{AXIS, GRID};
use crate::humanize;

/// Steps between ticks of a time axis, in ms; above the last one, multiples of a day.
const TIME_STEPS_MS: [i64; 27] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, DAY_MS,
];
const DAY_MS: i64 = 86_400_000;
/// Ticks on a logarithmic axis of durations, in seconds.
const DURATION_TICKS_S: [f64; 13] =
    [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 36_000.0, 86_400.0];

/// A value is a spike if it exceeds the third quartile by this factor.
const SPIKE: f64 = 20.0;
/// Minimum distance of ticks on a duration axis, in pixels.
const LEAST_BETWEEN_TICKS: i32 = 22;

/// Room for the unit above a plot and for tick labels below it, in pixels.
const ABOVE: i32 = 16;
const BELOW: i32 = 24;

/// The plot area of a chart with axes; `labels` is the room for labels on its left, in pixels.
pub(super) fn plot(labels: i32) -> Area {
    let inside = Canvas::inside();
    Area { left: inside.left + labels, top: inside.top + ABOVE, bottom: inside.bottom - BELOW, ..inside }
}

/// An axis: a direction on the page along which values are placed.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    values: (f64, f64),
    pixels: (i32, i32),
    /// Positions of the ticks, and their labels.
    pub(super) ticks: Vec<(f64, String)>,
    /// Whether amounts are placed by their logarithm.
    pub(super) is_logarithmic: bool,
}

impl Axis {
    /// An axis from 0 to a round number that is at least `largest`.
    pub(super) fn from_zero(largest: f64, pixels: (i32, i32), tick_text: fn(f64) -> String) -> Self {
        let most_ticks = (f64::from((pixels.1 - pixels.0).abs()) / 60.0).clamp(2.0, 8.0);
        let step = round_step(largest.max(f64::MIN_POSITIVE) / most_ticks);
        let steps = (largest / step).ceil().max(1.0);
        let ticks = (0..=steps as u32).map(|i| f64::from(i) * step).map(|v| (v, tick_text(v))).collect();
        Self { values: (0.0, steps * step), pixels, ticks, is_logarithmic: false }
    }

    /// An axis from 0 to the largest value; logarithmic if a few values are so large that the
    /// others would be flat on the base line. See [`Axis::at_value`].
    pub(super) fn for_values(values: &[f64], pixels: (i32, i32), tick_text: fn(f64) -> String) -> Self {
        let mut known: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0).collect();
        known.sort_by(f64::total_cmp);
        let largest = known.last().copied().unwrap_or(0.0);
        let usual = known.get(known.len() * 3 / 4).copied().unwrap_or(largest);
        if largest <= SPIKE * usual {
            return Self::from_zero(largest, pixels, tick_text);
        }
        Self { is_logarithmic: true, ..Self::amounts(largest, pixels, tick_text) }
    }

    /// The pixel of a value on an axis made by [`Axis::for_values`].
    pub(super) fn at_value(&self, value: f64) -> i32 {
        if self.is_logarithmic { self.at_amount(value) } else { self.at(value) }
    }

    /// The unit, with the kind of scale where that matters.
    pub(super) fn unit(&self, unit: &str) -> String {
        if self.is_logarithmic { format!("{unit}, logarithmic") } else { unit.to_owned() }
    }

    /// An axis from 0 with whole numbers as ticks.
    pub(super) fn counts(largest: u64, pixels: (i32, i32)) -> Self {
        // Below four the steps would be fractions, but counts are whole.
        let mut axis = Self::from_zero(largest.max(1) as f64, pixels, humanize::short_count);
        axis.ticks.retain(|(value, _)| value.fract() == 0.0);
        axis
    }

    /// A time axis; moments are µs since the Unix epoch.
    pub(super) fn time((first_us, last_us): (i64, i64), pixels: (i32, i32)) -> Self {
        // A single moment still needs some width.
        let last_us = last_us.max(first_us.saturating_add(1_000_000));
        let ticks = time_ticks(first_us, last_us, ((pixels.1 - pixels.0) / 75).max(2));
        Self { values: (first_us as f64, last_us as f64), pixels, ticks, is_logarithmic: false }
    }

    /// An axis of durations on a logarithmic scale; the axis itself works in decades.
    pub(super) fn log_durations((first_s, last_s): (f64, f64), pixels: (i32, i32)) -> Self {
        let values = (first_s.log10(), last_s.log10());
        let in_range = |tick: &&f64| **tick >= first_s * 0.999 && **tick <= last_s * 1.001;
        let days = (1..=6).map(|power| 86_400.0 * 10_f64.powi(power)).collect::<Vec<_>>();
        let all = DURATION_TICKS_S.iter().chain(&days);
        let ticks = all.filter(in_range).map(|tick| (tick.log10(), humanize::seconds(*tick))).collect();
        Self { values, pixels, ticks, is_logarithmic: false }
    }

    /// An axis of amounts over many orders of magnitude, including 0: [`Axis::at_amount`].
    pub(super) fn amounts(largest: f64, pixels: (i32, i32), tick_text: fn(f64) -> String) -> Self {
        let decades = largest.max(1.0).log10().ceil().clamp(1.0, 300.0) as i32;
        let room = ((pixels.1 - pixels.0).abs() / 55).max(2);
        let step = (1..=300).find(|step| decades / step < room).unwrap_or(300);
        // With many decades, 0 and 1 share a pixel.
        let first = if decades / room > 0 || decades > 4 { step } else { 0 };
        let powers = (first..=decades).step_by(step as usize).map(|power| 10_f64.powi(power));
        let ticks = std::iter::once(0.0).chain(powers).map(|v| (scale_amount(v), tick_text(v))).collect();
        Self { values: (0.0, scale_amount(10_f64.powi(decades))), pixels, ticks, is_logarithmic: false }
    }

    /// An axis of durations from 0 in ms, with ticks in s, min and h: [`Axis::at_amount`].
    pub(super) fn amounts_of_time(largest_ms: f64, pixels: (i32, i32)) -> Self {
        let mut axis = Self::amounts(largest_ms, pixels, humanize::number);
        let mut last = axis.at_amount(0.0);
        let mut ticks = vec![(0.0, humanize::seconds(0.0))];
        for tick_s in DURATION_TICKS_S {
            let (value, pixel) = (scale_amount(tick_s * 1e3), axis.at_amount(tick_s * 1e3));
            let has_room = (pixel - last).abs() >= LEAST_BETWEEN_TICKS;
            if tick_s >= 1e-3 && value <= axis.values.1 && has_room {
                ticks.push((value, humanize::seconds(tick_s)));
                last = pixel;
            }
        }
        axis.ticks = ticks;
        axis
    }

    /// The pixel of an amount on an axis made by [`Axis::amounts`].
    pub(super) fn at_amount(&self, value: f64) -> i32 {
        self.at(scale_amount(value))
    }

    /// The pixel of a value; values outside the range are clamped to the border.
    pub(super) fn at(&self, value: f64) -> i32 {
        let (first, last) = self.values;
        let share = if last > first { ((value - first) / (last - first)).clamp(0.0, 1.0) } else { 0.0 };
        let (from, to) = self.pixels;
        from + (share * f64::from(to - from)).round() as i32
    }
}

/// Draws horizontal grid lines with labels on the left, and the unit above them.
pub(super) fn draw_left(canvas: &Canvas<'_>, axis: &Axis, plot: Area, unit: &str) -> Drawn {
    for (value, text) in &axis.ticks {
        let y = axis.at(*value);
        canvas.line((plot.left, y), (plot.right, y), GRID)?;
        canvas.text((plot.left - 8, y), Label::SMALL.right(), text)?;
    }
    canvas.text((plot.left - 8, plot.top - 16), Label::SMALL, unit)
}

/// Draws the base line with ticks and labels below, and the unit below those.
pub(super) fn draw_bottom(canvas: &Canvas<'_>, axis: &Axis, plot: Area, unit: &str) -> Drawn {
    canvas.line((plot.left, plot.bottom), (plot.right, plot.bottom), AXIS)?;
    for (value, text) in &axis.ticks {
        let x = axis.at(*value);
        canvas.line((x, plot.bottom), (x, plot.bottom + 5), AXIS)?;
        canvas.text((within_page(x, text), plot.bottom + 16), Label::SMALL.centre(), text)?;
    }
    canvas.text((plot.right, plot.bottom + 36), Label::SMALL.right(), unit)
}

/// Moves a label's center so that none of it is cut off.
fn within_page(x: i32, text: &str) -> i32 {
    let half = canvas::text_width(text, 11.0) / 2 + 4;
    x.clamp(half, (canvas::SIZE.0 as i32 - half).max(half))
}

/// Amounts are placed by their logarithm, with room for 0.
fn scale_amount(value: f64) -> f64 {
    (1.0 + value.max(0.0)).log10()
}

/// The days that a time axis covers: `UTC, 2026-06-01`.
pub(super) fn time_unit((first_us, last_us): (i64, i64)) -> String {
    let day = |us| humanize::utc(us).map(|t: DateTime<Utc>| t.format("%Y-%m-%d").to_string());
    match (day(first_us), day(last_us)) {
        (Some(first), Some(last)) if first == last => format!("time, UTC, {first}"),
        (Some(first), Some(last)) => format!("time, UTC, {first} to {last}"),
        _ => "time, UTC".to_owned(),
    }
}

/// 1, 2 or 5 times a power of ten, at least `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

fn time_ticks(first_us: i64, last_us: i64, most: i32) -> Vec<(f64, String)> {
    let (begin_ms, end_ms) = (first_us.div_euclid(1000), last_us.div_euclid(1000));
    let least_ms = (end_ms.saturating_sub(begin_ms) / i64::from(most)).max(1);
    let step_ms = TIME_STEPS_MS
        .into_iter()
        .find(|step| *step >= least_ms)
        .unwrap_or_else(|| (round_step(least_ms as f64 / DAY_MS as f64) as i64).max(1) * DAY_MS);
    let spans_days = begin_ms.div_euclid(DAY_MS) != end_ms.div_euclid(DAY_MS);
    let pattern = |tick: DateTime<Utc>| match step_ms {
        step if step < 1_000 => "%M:%S%.3f",
        step if step < 60_000 => "%H:%M:%S",
        // A tick at midnight is labeled with its day.
        step if step < DAY_MS && spans_days && tick.timestamp().rem_euclid(DAY_MS / 1000) == 0 => "%b %-d",
        step if step < DAY_MS => "%H:%M",
        _ => "%b %-d",
    };
    let first = begin_ms.div_euclid(step_ms) + i64::from(begin_ms.rem_euclid(step_ms) > 0);
    (first..=end_ms.div_euclid(step_ms))
        // The step is chosen so that there are few ticks; this guards against a hostile clock.
        .take(64)
        .filter_map(|index| humanize::utc(index.checked_mul(step_ms)?.checked_mul(1000)?))
        .map(|tick| (tick.timestamp_micros() as f64, tick.format(pattern(tick)).to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    const TEN_O_CLOCK_US: i64 = 1_780_308_000_000_000;

    #[test]
    fn counts_have_whole_ticks_and_reach_the_largest() {
        assert_eq!(texts(&Axis::counts(3, (300, 0))), ["0", "1", "2", "3"]);
        assert_eq!(texts(&Axis::counts(0, (300, 0))), ["0", "1"]);
        let axis = Axis::counts(9_871, (300, 0));
        assert_eq!(texts(&axis), ["0", "2 k", "4 k", "6 k", "8 k", "10 k"]);
        assert_eq!(axis.at(10_000.0), 0);
        assert_eq!(axis.at(0.0), 300);
    }

    #[test]
    fn time_ticks_lie_on_round_moments() {
        let second = Axis::time((TEN_O_CLOCK_US, TEN_O_CLOCK_US + 900_000), (0, 300));
        assert_eq!(texts(&second), ["00:00.000", "00:00.500", "00:01.000"]);
        let minute = Axis::time((TEN_O_CLOCK_US + 3_000_000, TEN_O_CLOCK_US + 63_000_000), (0, 800));
        assert_eq!(texts(&minute), ["10:00:10", "10:00:20", "10:00:30", "10:00:40", "10:00:50", "10:01:00"]);
        let day = Axis::time((TEN_O_CLOCK_US, TEN_O_CLOCK_US + 86_400_000_000), (0, 800));
        assert_eq!(texts(&day), ["12:00", "15:00", "18:00", "21:00", "Jun 2", "03:00", "06:00", "09:00"]);
        let week = Axis::time((TEN_O_CLOCK_US, TEN_O_CLOCK_US + 7 * 86_400_000_000), (0, 800));
        assert_eq!(texts(&week), ["Jun 2", "Jun 3", "Jun 4", "Jun 5", "Jun 6", "Jun 7", "Jun 8"]);
    }

    #[test]
    fn no_span_of_time_gives_many_ticks() {
        for span in
            [(0, 0), (i64::MIN, i64::MAX), (0, i64::MAX), (-1, 1), (TEN_O_CLOCK_US, TEN_O_CLOCK_US + 5)]
        {
            let axis = Axis::time(span, (0, 800));
            assert!(axis.ticks.len() <= 64, "{span:?}");
        }
    }

    #[test]
    fn durations_have_ticks_in_the_units_of_clocks() {
        let axis = Axis::log_durations((0.1, 86_400.0), (0, 800));
        assert_eq!(texts(&axis), ["100 ms", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h", "1 d"]);
    }

    #[test]
    fn amounts_have_a_place_for_nothing_and_few_ticks() {
        let axis = Axis::amounts(2_000.0, (0, 400), humanize::bytes);
        assert_eq!(texts(&axis), ["0 B", "1 B", "10 B", "100 B", "1 kB", "10 kB"]);
        assert_eq!((axis.at_amount(0.0), axis.at_amount(1e9), axis.at_amount(f64::NAN)), (0, 400, 0));
        let wide = Axis::amounts(u64::MAX as f64, (0, 400), humanize::bytes);
        assert!(wide.ticks.len() <= 8, "{:?}", texts(&wide));
        assert_eq!(texts(&Axis::amounts(0.0, (0, 400), humanize::bytes)), ["0 B", "1 B", "10 B"]);
    }

    #[test]
    fn amounts_of_time_have_ticks_in_the_units_of_clocks_that_do_not_touch() {
        let axis = Axis::amounts_of_time(100_000_000.0, (300, 0));
        assert_eq!(texts(&axis), ["0 s", "10 ms", "100 ms", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h"]);
    }

    #[test]
    fn one_spike_does_not_flatten_the_rest() {
        let mut values = vec![10.0; 60];
        assert!(!Axis::for_values(&values, (100, 0), humanize::number).is_logarithmic);
        values[30] = 1e6;
        let axis = Axis::for_values(&values, (100, 0), humanize::number);
        assert!(axis.is_logarithmic && axis.at_value(10.0) < 90 && axis.at_value(1e6) == 0, "{axis:?}");
        assert_eq!(axis.unit("bytes/s"), "bytes/s, logarithmic");
    }

    #[test]
    fn values_outside_stay_on_the_page() {
        let axis = Axis::from_zero(10.0, (0, 100), humanize::number);
        assert_eq!((axis.at(-5.0), axis.at(1e300), axis.at(f64::NAN)), (0, 100, 0));
    }

    #[test]
    fn steps_are_round() {
        for (least, step) in [(0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (6.0, 10.0), (4_999.0, 5_000.0)] {
            assert!((round_step(least) - step).abs() < 1e-9, "{least}");
        }
    }
}
