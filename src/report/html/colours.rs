//! Converts the colors of pictures for dark mode.
//!
//! Hues with a meaning are kept, lightened to a minimum if needed. All other colors are neutral or
//! between the paper and a hue; they swap light and dark, so contrast to the paper and the
//! legibility of text on a scale are preserved.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use plotters::style::RGBColor;

use crate::report::charts::palette;

/// Neutral colors, and the page's color for each.
const NEUTRAL: [(RGBColor, RGBColor); 5] = [
    (palette::PAPER, RGBColor(22, 27, 34)),
    (palette::INK, RGBColor(230, 237, 243)),
    (palette::MUTED, RGBColor(154, 167, 180)),
    (palette::GRID, RGBColor(43, 51, 61)),
    (palette::AXIS, RGBColor(91, 103, 116)),
];
/// Luma of black and of white on a dark page, and the minimum luma of a hue.
const BLACK_BECOMES: f64 = 240.0;
const WHITE_BECOMES: f64 = 26.0;
const LEAST_OF_A_HUE: f64 = 115.0;
/// How plotters writes a color: `#`, and six digits.
const DIGITS: usize = 6;

/// The style that makes the pictures dark when the page is dark.
pub(super) fn style<'a>(pictures: impl Iterator<Item = &'a str>) -> String {
    let mut rules = String::new();
    for colour in pictures.flat_map(colours).collect::<BTreeSet<_>>() {
        let (light, dark) = (hex(colour), hex(of(colour)));
        for property in ["fill", "stroke"] {
            let _ = write!(rules, "figure [{property}=\"{light}\"]{{{property}:light-dark({light},{dark})}}");
        }
    }
    rules
}

/// The colors of fills and strokes.
fn colours(svg: &str) -> BTreeSet<(u8, u8, u8)> {
    let after = svg.split("=\"#").skip(1);
    after.filter_map(|text| u32::from_str_radix(text.get(..DIGITS)?, 16).ok()).map(parts).collect()
}

fn parts(number: u32) -> (u8, u8, u8) {
    let [_, red, green, blue] = number.to_be_bytes();
    (red, green, blue)
}

fn hex((red, green, blue): (u8, u8, u8)) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// A color on a dark page.
fn of((red, green, blue): (u8, u8, u8)) -> (u8, u8, u8) {
    let colour = RGBColor(red, green, blue);
    if let Some((_, RGBColor(red, green, blue))) = NEUTRAL.iter().find(|(light, _)| *light == colour) {
        return (*red, *green, *blue);
    }
    let luma = palette::luma(colour);
    let wanted = if palette::is_hue(colour) {
        luma.max(LEAST_OF_A_HUE)
    } else {
        BLACK_BECOMES + (WHITE_BECOMES - BLACK_BECOMES) * luma / 255.0
    };
    let part = |part: u8| (f64::from(part) + wanted - luma).clamp(0.0, 255.0).round() as u8;
    (part(red), part(green), part(blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luma_of(colour: RGBColor) -> f64 {
        let (red, green, blue) = of((colour.0, colour.1, colour.2));
        palette::luma(RGBColor(red, green, blue))
    }

    #[test]
    fn what_is_written_on_a_scale_is_read_in_the_dark_too() {
        for step in 0..=100 {
            let share = f64::from(step) / 100.0;
            for colour in [palette::heat(share), palette::diverging(share), palette::diverging(-share)] {
                let contrast = (luma_of(colour) - luma_of(palette::ink_on(colour))).abs();
                assert!(contrast > 70.0, "{contrast} on {colour:?}");
            }
        }
    }

    #[test]
    fn more_is_farther_from_the_paper() {
        let from_paper = |share| (luma_of(palette::heat(share)) - luma_of(palette::PAPER)).abs();
        assert!(
            (1..=10).all(|step| from_paper(f64::from(step) / 10.0) > from_paper(f64::from(step - 1) / 10.0))
        );
    }

    #[test]
    fn every_colour_of_the_picture_has_its_rule_and_nothing_else_has() {
        let pictures = ["<rect fill=\"#FFFFFF\"/><path stroke=\"#0072B2\" d=\"#zz\"/><a href=\"#x\"/>"];
        let style = style(pictures.into_iter());
        assert!(style.contains("[fill=\"#FFFFFF\"]{fill:light-dark(#FFFFFF,#161B22)}"), "{style}");
        assert!(style.contains("[stroke=\"#0072B2\"]{stroke:light-dark(#0072B2,#1C8ECE)}"), "{style}");
        assert_eq!(style.matches("[fill=").count(), 2, "{style}");
    }
}
