//! Breakdown of the connections by protocol, direction and state, each as one bar.
//!
//! ```text
//! Protocol   ██████████████████████████████████▒▒▒▒▒▒
//!            ■ tcp 355 (86 %)  ■ udp 57 (14 %)
//! ```

use plotters::style::RGBColor;

use super::canvas::{self, Area, Canvas, Drawn, Label, text_width};
use super::{Chart, Subject, palette};
use crate::Result;
use crate::humanize;
use crate::model::metrics::Share;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "shares",
    title: "How do the connections split by protocol, direction and state?",
    section: Section::Dashboard,
    draw,
};

/// Room for the names on the left, in pixels.
const NAMES: i32 = 96;
/// Height of a bar, its distance to the legend, and the legend's line height, in pixels.
const BAR: i32 = 30;
const LINE: i32 = 20;
/// Space between the entries of a legend, and the width of its square with the space beside it, in pixels.
const GAP: i32 = 22;
/// Maximum distance of two bars, in pixels.
const WIDEST_PITCH: i32 = 80;
const SQUARE: i32 = 18;

/// A whole with its parts.
struct Whole<'a> {
    name: &'a str,
    parts: &'a [Share],
    colour: fn(&str) -> RGBColor,
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let overview = &subject.analysis.metrics.overview;
    if overview.sockets == 0 {
        return canvas::nothing(CHART.title, "The capture has no sockets.");
    }
    let wholes = [
        Whole { name: "Protocol", parts: &overview.by_protocol, colour: palette::of_protocol },
        Whole { name: "Direction", parts: &overview.by_direction, colour: palette::of_direction },
        Whole { name: "TCP state", parts: &overview.by_state, colour: palette::of_state },
    ];
    let subtitle = format!(
        "{} by protocol and direction; all TCP sockets, including listeners, by last state",
        humanize::plural(overview.connections, "connection")
    );
    let inside = Canvas::inside();
    let pitch = ((inside.bottom - inside.top) / wholes.len() as i32).min(WIDEST_PITCH);
    canvas::picture(CHART.title, &subtitle, |canvas| {
        for (whole, index) in wholes.iter().zip(0..) {
            whole.draw(canvas, Area { top: inside.top + index * pitch, ..inside })?;
        }
        Ok(())
    })
}

impl Whole<'_> {
    fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.connections).fold(0, u64::saturating_add)
    }

    fn draw(&self, canvas: &Canvas<'_>, row: Area) -> Drawn {
        let bar = Area { left: row.left + NAMES, bottom: row.top + BAR, ..row };
        let middle = i32::midpoint(bar.top, bar.bottom);
        canvas.text((bar.left - 12, middle), Label::VALUE.right(), self.name)?;
        if self.total() == 0 {
            return canvas.text((bar.left, middle), Label::PLAIN, "none");
        }
        for (part, (left, right)) in self.parts.iter().zip(edges(self.parts, (bar.left, bar.right))) {
            canvas.fill(Area { left, right, ..bar }, (self.colour)(&part.name))?;
        }
        self.draw_legend(canvas, Area { top: bar.bottom + LINE / 2 + 4, ..bar })
    }

    fn draw_legend(&self, canvas: &Canvas<'_>, room: Area) -> Drawn {
        let (mut x, mut y) = (room.left, room.top);
        for part in self.parts {
            let text = format!(
                "{} {} ({})",
                part.name,
                humanize::count(part.connections),
                humanize::percent(part.connections, self.total())
            );
            let width = SQUARE + text_width(&text, 12.0);
            if x > room.left && x + width > room.right {
                (x, y) = (room.left, y + LINE);
            }
            canvas.fill(
                Area { left: x, top: y - 6, right: x + 12, bottom: y + 6 },
                (self.colour)(&part.name),
            )?;
            canvas.text((x + SQUARE, y), Label::PLAIN, &text)?;
            x += width + GAP;
        }
        Ok(())
    }
}

/// Start and end of each part: in proportion, without gaps, up to the right edge.
fn edges(parts: &[Share], (left, right): (i32, i32)) -> Vec<(i32, i32)> {
    let total = parts.iter().map(|part| part.connections as f64).sum::<f64>().max(1.0);
    let at = |sum: f64| left + (sum / total * f64::from(right - left)).round() as i32;
    let mut sum = 0.0;
    let edge = |part: &Share| {
        let begin = at(sum);
        sum += part.connections as f64;
        (begin, at(sum))
    };
    parts.iter().map(edge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_beside_each_other_and_fill_the_whole() {
        let share = |connections| Share { connections, ..Share::default() };
        let edges = edges(&[share(2), share(1), share(0), share(1)], (100, 500));
        assert_eq!(edges, [(100, 300), (300, 400), (400, 400), (400, 500)]);
    }
}
