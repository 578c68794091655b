//! How the measures of connections correlate: a matrix of rank correlations.

use super::canvas::{self, Area, Canvas, Drawn, Label};
use super::palette::{self, GRID, MUTED};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::metrics::Correlation;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "correlation",
    title: "Which measurements move together?",
    section: Section::Statistics,
    draw,
};

/// Room for names on the left and above, in pixels.
const NAMES: i32 = 150;
const HEADINGS: i32 = 26;
/// Width of a field of the legend, in pixels.
const FIELD: i32 = 22;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let pairs = &subject.analysis.metrics.correlations;
    let compared = pairs.iter().filter(|pair| pair.rho.is_some()).map(|pair| pair.connections).max();
    let Some(compared) = compared else {
        return canvas::nothing(CHART.title, "Fewer than ten connections have two measurements that vary.");
    };
    let subtitle = format!(
        "Spearman's rank correlation over up to {}; a dash: too few values, or always the same",
        humanize::plural(compared, "connection")
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        draw_legend(canvas)?;
        draw_matrix(canvas, pairs, &names(pairs))
    })
}

/// The names in order of first occurrence.
fn names(pairs: &[Correlation]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in pairs.iter().flat_map(|pair| [pair.a.as_str(), pair.b.as_str()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn draw_matrix(canvas: &Canvas<'_>, pairs: &[Correlation], names: &[&str]) -> Drawn {
    let inside = Canvas::inside();
    let (left, top) = (inside.left + NAMES, inside.top + HEADINGS);
    let size = names.len().max(1) as i32;
    let (width, height) = ((inside.right - left) / size, (inside.bottom - top) / size);
    for (name, index) in names.iter().zip(0..) {
        let x = left + index * width + width / 2;
        let y = top + index * height + height / 2;
        canvas.text((x, top - 12), Label::SMALL.centre(), name)?;
        canvas.text((left - 10, y), Label::VALUE.right(), name)?;
    }
    for (a, row) in names.iter().zip(0..) {
        for (b, column) in names.iter().zip(0..) {
            let (x, y) = (left + column * width, top + row * height);
            let field = Area { left: x, top: y, right: x + width - 2, bottom: y + height - 2 };
            draw_field(canvas, field, if a == b { Field::Same } else { Field::of(pairs, a, b) })?;
        }
    }
    Ok(())
}

/// A field of the matrix.
#[derive(Clone, Copy)]
enum Field {
    /// A measure with itself.
    Same,
    Unknown,
    Known(f64),
}

impl Field {
    fn of(pairs: &[Correlation], a: &str, b: &str) -> Self {
        let is_it = |pair: &&Correlation| (pair.a == a && pair.b == b) || (pair.a == b && pair.b == a);
        pairs.iter().find(is_it).and_then(|pair| pair.rho).map_or(Self::Unknown, Self::Known)
    }
}

fn draw_field(canvas: &Canvas<'_>, field: Area, value: Field) -> Drawn {
    let middle = (i32::midpoint(field.left, field.right), i32::midpoint(field.top, field.bottom));
    let (colour, ink, text) = match value {
        Field::Same => return canvas.fill(field, GRID),
        Field::Unknown => (palette::tint(GRID, 0.4), MUTED, humanize::UNKNOWN.to_owned()),
        Field::Known(rho) => {
            let colour = palette::diverging(rho);
            (colour, palette::ink_on(colour), signed(rho))
        }
    };
    canvas.fill(field, colour)?;
    canvas.text(middle, Label::PLAIN.centre().coloured(ink), &text)
}

/// The number with its sign; zero has none.
fn signed(rho: f64) -> String {
    let text = format!("{rho:+.2}");
    if text == "-0.00" || text == "+0.00" { "0.00".to_owned() } else { text.replace('-', "−") }
}

/// Draws the scale from -1 to +1, beside the title.
fn draw_legend(canvas: &Canvas<'_>) -> Drawn {
    let values = [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0];
    let left = Canvas::inside().right - 30 - values.len() as i32 * FIELD;
    for (value, index) in values.into_iter().zip(0..) {
        let x = left + index * FIELD;
        canvas.fill(Area { left: x, top: 28, right: x + FIELD, bottom: 40 }, palette::diverging(value))?;
    }
    canvas.text((left - 8, 34), Label::SMALL.right(), "one falls as the other rises  −1")?;
    canvas.text((left + values.len() as i32 * FIELD + 8, 34), Label::SMALL, "+1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correlation_has_its_sign() {
        assert_eq!([0.5, -0.25, -0.001].map(signed), ["+0.50", "−0.25", "0.00"]);
    }

    #[test]
    fn a_pair_is_found_in_either_order() {
        let pair =
            |a: &str, b: &str, rho| Correlation { a: a.to_owned(), b: b.to_owned(), connections: 9, rho };
        let pairs = [pair("x", "y", Some(0.5)), pair("x", "z", None)];
        assert_eq!(names(&pairs), ["x", "y", "z"]);
        assert!(matches!(Field::of(&pairs, "y", "x"), Field::Known(rho) if rho > 0.0));
        assert!(matches!(Field::of(&pairs, "z", "x"), Field::Unknown));
    }
}
