//! TCP state transitions and their frequency.

use std::collections::BTreeSet;

use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::{self, GRID};
use super::{Chart, Subject};
use crate::Result;
use crate::capture::TcpState;
use crate::humanize;
use crate::model::metrics::Transition;
use crate::report::Section;

pub(super) const CHART: Chart =
    Chart { id: "transitions", title: "Which TCP state changes occurred?", section: Section::Tcp, draw };

/// Room for the names of the states, in pixels.
const NAMES: i32 = 150;
const HEADINGS: i32 = 34;
/// Largest size of a field, in pixels.
const WIDEST: i32 = 110;
const HIGHEST: i32 = 34;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let transitions = &subject.analysis.metrics.tcp.transitions;
    if transitions.is_empty() {
        return canvas::nothing(CHART.title, "No TCP connection changed its state during the recording.");
    }
    let total = transitions.iter().map(|change| change.count).fold(0, u64::saturating_add);
    let subtitle = format!(
        "{} seen; rows: state before, columns: state after; logarithmic colors",
        humanize::plural(total, "change")
    );
    canvas::picture(CHART.title, &subtitle, |canvas| Matrix::new(transitions).draw(canvas))
}

/// The states that occur, and how often each one followed another.
struct Matrix<'a> {
    from: Vec<&'a str>,
    to: Vec<&'a str>,
    changes: &'a [Transition],
}

impl<'a> Matrix<'a> {
    fn new(changes: &'a [Transition]) -> Self {
        let from = in_order_of_life(changes.iter().map(|change| change.from.as_str()).collect());
        let to = in_order_of_life(changes.iter().map(|change| change.to.as_str()).collect());
        Self { from, to, changes }
    }

    fn count(&self, from: &str, to: &str) -> u64 {
        let is_it = |change: &&Transition| change.from == from && change.to == to;
        self.changes.iter().find(is_it).map_or(0, |change| change.count)
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        let inside = Canvas::inside();
        let (left, top) = (inside.left + NAMES, inside.top + HEADINGS);
        let width = ((inside.right - left) / self.to.len().max(1) as i32).min(WIDEST);
        let height = ((inside.bottom - top) / self.from.len().max(1) as i32).min(HIGHEST);
        canvas.text((inside.left, top - 12), Label::SMALL, "from ↓   to →")?;
        for (to, column) in self.to.iter().zip(0..) {
            let middle = left + column * width + width / 2;
            canvas.text((middle, top - 12), Label::SMALL.centre(), &broken(to, width))?;
        }
        for (from, row) in self.from.iter().zip(0..) {
            let y = top + row * height;
            canvas.text((left - 10, y + height / 2), Label::VALUE.right(), from)?;
            for (to, column) in self.to.iter().zip(0..) {
                let x = left + column * width;
                let field = Area { left: x, top: y, right: x + width - 2, bottom: y + height - 2 };
                self.draw_field(canvas, field, self.count(from, to))?;
            }
        }
        Ok(())
    }

    fn draw_field(&self, canvas: &Canvas<'_>, field: Area, count: u64) -> Drawn {
        if count == 0 {
            return canvas.fill(field, palette::tint(GRID, 0.4));
        }
        let largest = self.changes.iter().map(|change| change.count).max().unwrap_or(1);
        let share = if largest > 1 { (count as f64).ln() / (largest as f64).ln() } else { 1.0 };
        let colour = palette::heat(share);
        canvas.fill(field, colour)?;
        let middle = (i32::midpoint(field.left, field.right), i32::midpoint(field.top, field.bottom));
        let text = if count < 100_000 { humanize::count(count) } else { humanize::short_count(count as f64) };
        canvas.text(middle, Label::PLAIN.centre().coloured(palette::ink_on(colour)), &text)
    }
}

/// In the order of a connection's life: opening, open, closing, closed; unknown names last.
fn in_order_of_life(states: BTreeSet<&str>) -> Vec<&str> {
    let place = |state: &str| TcpState::ALL.iter().position(|known| known.as_str() == state);
    let mut states: Vec<&str> = states.into_iter().collect();
    states.sort_by_key(|state| place(state).unwrap_or(usize::MAX));
    states
}

/// Breaks long names, which do not fit above narrow fields.
fn broken(state: &str, width: i32) -> String {
    if width >= 84 { state.to_owned() } else { state.replace("ESTABLISHED", "ESTAB").replace("_WAIT", "_W") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_its_field() {
        let change =
            |from: &str, to: &str, count| Transition { from: from.to_owned(), to: to.to_owned(), count };
        let changes = [change("ESTABLISHED", "CLOSE_WAIT", 3), change("SYN_SENT", "ESTABLISHED", 9)];
        let matrix = Matrix::new(&changes);
        assert_eq!((matrix.from.len(), matrix.to.len()), (2, 2));
        assert_eq!(matrix.count("SYN_SENT", "ESTABLISHED"), 9);
        assert_eq!(matrix.count("SYN_SENT", "CLOSE_WAIT"), 0);
    }
}
