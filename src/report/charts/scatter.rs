//! Discs on two logarithmic axes; the most important ones are labeled.

use plotters::style::RGBColor;

use super::axis::{self, Axis};
use super::canvas::{self, Area, Canvas, Drawn, Label, Point, text_width};
use super::palette::{self, GRID};

/// Maximum number of discs; later ones in the list are left out.
pub(super) const MOST_DISCS: usize = 250;
const NAME_CHARS: usize = 34;
const TEXT_SIZE: f64 = 12.0;
/// Room of a line of text, in pixels.
const TEXT_HEIGHT: i32 = 15;

/// One disc.
pub(super) struct Disc {
    pub(super) name: String,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) radius: i32,
    pub(super) colour: RGBColor,
}

/// An axis with its unit.
pub(super) struct Scale<'a> {
    pub(super) axis: Axis,
    pub(super) unit: &'a str,
}

/// Draws the axes, the discs, and the names for which there is room, in order of priority.
pub(super) fn draw(canvas: &Canvas<'_>, plot: Area, discs: &[Disc], x: &Scale<'_>, y: &Scale<'_>) -> Drawn {
    for (value, _) in &x.axis.ticks {
        canvas.line((x.axis.at(*value), plot.top), (x.axis.at(*value), plot.bottom), GRID)?;
    }
    axis::draw_left(canvas, &y.axis, plot, y.unit)?;
    axis::draw_bottom(canvas, &x.axis, plot, x.unit)?;
    let discs = &discs[..discs.len().min(MOST_DISCS)];
    let at = |disc: &Disc| (x.axis.at_amount(disc.x), y.axis.at_amount(disc.y));
    // The first discs are on top, and small ones on top of large ones.
    let mut order: Vec<&Disc> = discs.iter().rev().collect();
    order.sort_by_key(|disc| std::cmp::Reverse(disc.radius));
    for disc in order {
        canvas.disc(at(disc), disc.radius, palette::PAPER)?;
        canvas.disc(at(disc), (disc.radius - 1).max(1), disc.colour)?;
    }
    let places: Vec<(Point, i32)> = discs.iter().map(|disc| (at(disc), disc.radius)).collect();
    for name in names(discs, &places, plot) {
        canvas.fill(name.room, palette::PAPER)?;
        let y = i32::midpoint(name.room.top, name.room.bottom);
        if name.is_right {
            canvas.text((name.room.left, y), Label::VALUE, &name.text)?;
        } else {
            canvas.text((name.room.right, y), Label::VALUE.right(), &name.text)?;
        }
    }
    Ok(())
}

/// A name beside its disc.
struct Name {
    room: Area,
    /// Whether it is on the right of the disc.
    is_right: bool,
    text: String,
}

/// The names for which there is room on one side of their disc.
fn names(discs: &[Disc], places: &[(Point, i32)], plot: Area) -> Vec<Name> {
    // Only the first discs are obstacles; text may cover the many after them.
    let mut taken: Vec<Area> = places.iter().take(40).map(|(at, radius)| around(*at, *radius)).collect();
    let mut names = Vec::new();
    for (disc, ((x, y), radius)) in discs.iter().zip(places).take(40) {
        let name = canvas::fit(&disc.name, NAME_CHARS);
        let width = text_width(&name, TEXT_SIZE);
        let room = |is_right: bool| {
            let left = if is_right { x + radius + 4 } else { x - radius - 4 - width };
            Area { left, top: y - TEXT_HEIGHT / 2, right: left + width, bottom: y + TEXT_HEIGHT / 2 }
        };
        let fits = |room: &Area| {
            room.left >= plot.left
                && room.right <= plot.right
                && !taken.iter().any(|area| overlap(area, room))
        };
        let Some((room, is_right)) =
            [true, false].into_iter().map(|side| (room(side), side)).find(|(room, _)| fits(room))
        else {
            continue;
        };
        taken.push(room);
        names.push(Name { room, is_right, text: name });
    }
    names
}

fn around((x, y): Point, radius: i32) -> Area {
    Area { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }
}

fn overlap(a: &Area, b: &Area) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::charts::palette::PLAIN;

    fn disc(name: &str) -> Disc {
        Disc { name: name.to_owned(), x: 0.0, y: 0.0, radius: 5, colour: PLAIN }
    }

    #[test]
    fn names_do_not_lie_over_each_other_and_stay_inside() {
        let plot = Area { left: 0, top: 0, right: 400, bottom: 300 };
        let places = [((20, 100), 5), ((60, 103), 5), ((390, 200), 5), ((100, 250), 5)];
        let discs = [disc("in the way"), disc("second"), disc("at the edge"), disc("free")];
        let names = names(&discs, &places, plot);
        let found: Vec<_> = names.iter().map(|name| (name.text.as_str(), name.is_right)).collect();
        assert_eq!(found, [("second", true), ("at the edge", false), ("free", true)]);
    }
}
