//! Maps times to positions on an axis.

use crate::humanize;

/// Width of every picture.
pub(super) const WIDTH: f64 = 900.0;

/// Number of labels on an axis.
const TICKS: usize = 5;

/// A time range along a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    from_us: i64,
    to_us: i64,
    left: f64,
    right: f64,
}

/// A label below an axis.
#[derive(Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) x: String,
    pub(super) label: String,
}

impl Scale {
    /// A scale from the first to the last of some moments, between two positions; `None` without a moment.
    pub(super) fn over(moments: impl Iterator<Item = i64>, left: f64, right: f64) -> Option<Self> {
        let (from_us, to_us) = moments.fold(None, |span: Option<(i64, i64)>, us| {
            Some(span.map_or((us, us), |(from, to)| (from.min(us), to.max(us))))
        })?;
        Some(Self { from_us, to_us, left, right })
    }

    /// The position of a moment.
    pub(super) fn x(&self, us: i64) -> f64 {
        let whole = self.to_us.saturating_sub(self.from_us).max(1) as f64;
        let part = us.saturating_sub(self.from_us).max(0) as f64;
        self.left + (part / whole).min(1.0) * (self.right - self.left)
    }

    /// Evenly spaced labels; a single one if everything is at the same moment.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let whole = self.to_us.saturating_sub(self.from_us);
        let count = if whole > 0 { TICKS } else { 1 };
        let step = whole / (TICKS as i64 - 1);
        let moments = (0..count as i64).map(|n| self.from_us.saturating_add(step.saturating_mul(n)));
        let tick = |us| {
            Some(Tick { x: place(self.x(us)), label: humanize::iso_utc(us)?.get(5..19)?.replace('T', " ") })
        };
        moments.filter_map(tick).collect()
    }
}

/// Formats a coordinate for the picture.
pub(super) fn place(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_lie_between_the_ends_even_if_there_is_one_or_they_are_extreme() {
        let scale = Scale::over([10, 20].into_iter(), 100.0, 200.0).unwrap();
        assert_eq!([10, 15, 20, 99].map(|us| place(scale.x(us))), ["100.0", "150.0", "200.0", "200.0"]);
        assert_eq!(scale.ticks().len(), TICKS);
        let one = Scale::over(std::iter::once(7), 0.0, 1.0).unwrap();
        assert_eq!((place(one.x(7)), one.ticks().len()), ("0.0".to_owned(), 1));
        let wide = Scale::over([i64::MIN, i64::MAX].into_iter(), 0.0, 1.0).unwrap();
        assert!((0.0..=1.0).contains(&wide.x(0)) && wide.ticks().len() <= TICKS);
        assert!(Scale::over(std::iter::empty(), 0.0, 1.0).is_none());
    }
}
