//! The canvas of the charts: a page with a title, and a few shapes in whole pixels.
//!
//! Every text passes through [`Canvas::text`], which escapes it for SVG.

use std::io;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, IntoTextStyle, RGBColor, ShapeStyle};

use super::palette::{INK, MUTED, PAPER};
use crate::escape;
use crate::{Error, Result};

/// Size of every chart in pixels.
pub(super) const SIZE: (u32, u32) = (900, 420);
/// The font of every text. SVG viewers that lack it use the next one.
pub(super) const FONT_FAMILY: &str = "DejaVu Sans";
const FONT_FAMILIES: &str = "DejaVu Sans, Verdana, sans-serif";
/// Blank border on the left and right.
pub(super) const MARGIN: i32 = 28;
/// Top of the charts, below title and subtitle.
pub(super) const TOP: i32 = 84;
/// The chart library takes line heights and divides them by this to get the font size.
const LINE_PER_FONT_SIZE: f64 = 1.24;
/// Minimum number of characters to which a name is shortened.
const LEAST_OF_A_NAME: usize = 9;
/// Minimum and maximum width of a column of names, in characters.
const NAME_CHARS: (usize, usize) = (8, 46);
/// Longest texts that still fit next to each other.
const TITLE_CHARS: usize = 70;
const SUBTITLE_CHARS: usize = 120;

/// A point in pixels from the upper left corner.
pub(super) type Point = (i32, i32);
/// The result of drawing: only writing can fail.
pub(super) type Drawn = std::result::Result<(), DrawingAreaErrorKind<io::Error>>;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

/// The style of a text, and on which side of its point it is drawn.
#[derive(Clone, Copy)]
pub(super) struct Label {
    size: f64,
    colour: RGBColor,
    horizontal: HPos,
    vertical: VPos,
}

impl Label {
    /// A label of 12 pixels in a muted color that starts at its point, centered vertically.
    pub(super) const PLAIN: Self =
        Self { size: 12.0, colour: MUTED, horizontal: HPos::Left, vertical: VPos::Center };
    /// The same in ink.
    pub(super) const VALUE: Self = Self { colour: INK, ..Self::PLAIN };
    /// A label of 11 pixels for ticks and units.
    pub(super) const SMALL: Self = Self { size: 11.0, ..Self::PLAIN };
    const TITLE: Self = Self { size: 19.0, colour: INK, horizontal: HPos::Left, vertical: VPos::Center };
    const SUBTITLE: Self = Self { size: 12.5, ..Self::PLAIN };

    /// Ends at its point.
    pub(super) const fn right(mut self) -> Self {
        self.horizontal = HPos::Right;
        self
    }

    /// Is centered on its point.
    pub(super) const fn centre(mut self) -> Self {
        self.horizontal = HPos::Center;
        self
    }

    /// In another color.
    pub(super) const fn coloured(mut self, colour: RGBColor) -> Self {
        self.colour = colour;
        self
    }
}

/// The page of one chart.
pub(super) struct Canvas<'a> {
    page: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws a chart: the page with its title and subtitle, then what `paint` adds.
///
/// # Errors
/// [`Error::Render`].
pub(super) fn picture(
    title: &str,
    subtitle: &str,
    paint: impl FnOnce(&Canvas<'_>) -> Drawn,
) -> Result<String> {
    let mut svg = String::new();
    let canvas = Canvas { page: SVGBackend::with_string(&mut svg, SIZE).into_drawing_area() };
    let drawn =
        canvas.head(title, subtitle).and_then(|()| paint(&canvas)).and_then(|()| canvas.page.present());
    drop(canvas);
    match drawn {
        Ok(()) => Ok(svg),
        Err(error) => Err(Error::Render { what: format!("the chart {title:?}"), reason: error.to_string() }),
    }
}

/// What only a chart of [`nothing`] has: text cannot make a shape.
const NOTHING: &str = r#"<rect x="0" y="0" width="1" height="1""#;

/// Why a chart is empty, escaped for XML; `None` if it is not empty.
pub(in crate::report) fn why_nothing(svg: &str) -> Option<&str> {
    let (_, last) = svg.split_once(NOTHING)?.1.rsplit_once("<text ")?;
    Some(last.split_once('>')?.1.split_once("</text>")?.0.trim())
}

/// A chart without data, which states the reason.
///
/// # Errors
/// [`Error::Render`].
pub(super) fn nothing(title: &str, reason: &str) -> Result<String> {
    picture(title, "", |canvas| {
        canvas.fill(Area { left: 0, top: 0, right: 1, bottom: 1 }, PAPER)?;
        let middle = (SIZE.0 as i32 / 2, SIZE.1 as i32 / 2);
        canvas.text((middle.0, middle.1 - 10), Label::VALUE.centre(), "Nothing to show")?;
        canvas.text((middle.0, middle.1 + 14), Label::PLAIN.centre(), &fit(reason, SUBTITLE_CHARS))
    })
}

impl Canvas<'_> {
    /// The area between the margins, below the titles.
    pub(super) fn inside() -> Area {
        Area { left: MARGIN, top: TOP, right: SIZE.0 as i32 - MARGIN, bottom: SIZE.1 as i32 - MARGIN }
    }

    fn head(&self, title: &str, subtitle: &str) -> Drawn {
        self.page.fill(&PAPER)?;
        self.text((MARGIN, 34), Label::TITLE, &fit(title, TITLE_CHARS))?;
        self.text((MARGIN, 60), Label::SUBTITLE, &fit(subtitle, SUBTITLE_CHARS))
    }

    /// Draws a text, escaped.
    pub(super) fn text(&self, at: Point, label: Label, text: &str) -> Drawn {
        if text.is_empty() {
            return Ok(());
        }
        let style = (FONT_FAMILIES, label.size * LINE_PER_FONT_SIZE)
            .into_font()
            .into_text_style(&SIZE)
            .color(&label.colour)
            .pos(Pos::new(label.horizontal, label.vertical));
        self.page.draw(&Text::new(escape::svg(text).into_owned(), at, style))
    }

    /// A filled rectangle, at least a pixel wide and high, so that small values stay visible.
    pub(super) fn fill(&self, area: Area, colour: RGBColor) -> Drawn {
        let right = area.right.max(area.left + 1);
        let bottom = area.bottom.max(area.top + 1);
        self.page.draw(&Rectangle::new([(area.left, area.top), (right, bottom)], colour.filled()))
    }

    /// A straight line of one pixel.
    pub(super) fn line(&self, from: Point, to: Point, colour: RGBColor) -> Drawn {
        self.page.draw(&PathElement::new(vec![from, to], stroke(colour, 1)))
    }

    /// A dashed line, for thresholds.
    pub(super) fn dashed(&self, from: Point, to: Point, colour: RGBColor) -> Drawn {
        self.page.draw(&DashedPathElement::new([from, to], 5, 4, stroke(colour, 1)))
    }

    /// A line through points, two pixels wide.
    pub(super) fn path(&self, points: &[Point], colour: RGBColor) -> Drawn {
        self.page.draw(&PathElement::new(points.to_vec(), stroke(colour, 2)))
    }

    /// The same, dashed, for a second line of the same color.
    pub(super) fn dashed_path(&self, points: &[Point], colour: RGBColor) -> Drawn {
        self.page.draw(&DashedPathElement::new(points.to_vec(), 7, 3, stroke(colour, 2)))
    }

    /// A pale area bounded by points.
    pub(super) fn area(&self, points: &[Point], colour: RGBColor) -> Drawn {
        self.page.draw(&Polygon::new(points.to_vec(), colour.mix(0.18).filled()))
    }

    /// A filled shape.
    pub(super) fn shape(&self, points: &[Point], colour: RGBColor) -> Drawn {
        self.page.draw(&Polygon::new(points.to_vec(), colour.filled()))
    }

    /// The outline of a shape, one pixel wide.
    pub(super) fn outline(&self, points: &[Point], colour: RGBColor) -> Drawn {
        let closed: Vec<Point> = points.iter().chain(points.first()).copied().collect();
        self.page.draw(&PathElement::new(closed, stroke(colour, 1)))
    }

    /// A filled disc.
    pub(super) fn disc(&self, at: Point, radius: i32, colour: RGBColor) -> Drawn {
        self.page.draw(&Circle::new(at, radius, colour.filled()))
    }

    /// A dot.
    pub(super) fn dot(&self, at: Point, colour: RGBColor) -> Drawn {
        self.page.draw(&Circle::new(at, 4, colour.filled()))
    }

    /// A legend in one row beside the title, ending at about `right`.
    pub(super) fn legend(&self, right: i32, entries: &[(&str, RGBColor)]) -> Drawn {
        let mut x = right;
        for (name, colour) in entries.iter().rev() {
            x -= text_width(name, 12.0);
            self.text((x, 34), Label::PLAIN, name)?;
            self.fill(Area { left: x - 20, top: 28, right: x - 8, bottom: 40 }, *colour)?;
            x -= 20 + 16;
        }
        Ok(())
    }
}

fn stroke(colour: RGBColor, width: u32) -> ShapeStyle {
    ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: width }
}

/// Fits a text into the available room: escapes it first, because that makes it longer, then cuts
/// its middle.
pub(super) fn fit(text: &str, max_chars: usize) -> String {
    escape::shorten(&escape::svg(text), max_chars).into_owned()
}

/// Fits a pair `process → destination` into the available room. If both names are too long, the
/// first is cut before the second, because the destination distinguishes pairs.
pub(super) fn fit_pair(text: &str, max_chars: usize) -> String {
    let visible = escape::svg(text);
    let length = visible.chars().count();
    let arrow = [" → ", " ← "].into_iter().find(|arrow| length > max_chars && visible.contains(arrow));
    let Some((who, to)) = arrow.and_then(|arrow| visible.rsplit_once(arrow)) else {
        return fit(text, max_chars);
    };
    let room = max_chars.saturating_sub(to.chars().count() + 3);
    let arrow = arrow.unwrap_or_default();
    if room < LEAST_OF_A_NAME { fit(to, max_chars) } else { format!("{}{arrow}{to}", fit(who, room)) }
}

/// A column of names: as wide as the longest name, within limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameColumn {
    /// Its width including the space after it, in pixels.
    pub(super) width: i32,
    /// Characters that fit.
    pub(super) chars: usize,
}

impl NameColumn {
    /// The column for these names.
    pub(super) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let longest = names.into_iter().map(|name| escape::svg(name).chars().count()).max().unwrap_or(0);
        let chars = longest.clamp(NAME_CHARS.0, NAME_CHARS.1);
        Self { width: width_of(chars, Label::VALUE.size) + 14, chars }
    }
}

/// Estimated width of a text in pixels, rounded up: the font's letters are on average 0.6 times as
/// wide as high.
pub(super) fn text_width(text: &str, size: f64) -> i32 {
    width_of(text.chars().count(), size)
}

fn width_of(chars: usize, size: f64) -> i32 {
    (chars as f64 * size * 0.62).ceil() as i32
}

#[cfg(test)]
mod tests {
    use resvg::usvg::roxmltree;

    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let svg = picture("</text><script>alert(1)</script>", "a\u{0}\u{1b}[2J\u{202e}", |_| Ok(())).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let names: Vec<_> =
            document.descendants().filter(roxmltree::Node::is_element).map(|n| n.tag_name().name()).collect();
        assert_eq!(names, ["svg", "rect", "text", "text"]);
        assert!(svg.contains(r"a\u{0}\u{1b}[2J\u{202e}"));
    }

    #[test]
    fn an_empty_chart_says_why_and_no_text_can_look_like_one() {
        let svg = nothing("t", "a < b").unwrap();
        assert_eq!(why_nothing(&svg), Some("a &lt; b"));
        let hostile = picture("Nothing to show", NOTHING, |_| Ok(())).unwrap();
        assert_eq!(why_nothing(&hostile), None);
    }

    #[test]
    fn of_a_pair_the_destination_stays() {
        assert_eq!(
            fit_pair("a-very-long-process-name → 64.225.56.201:443", 30),
            "a-ver…name → 64.225.56.201:443"
        );
        assert_eq!(
            fit_pair("a-very-long-process-name ← 10.77.0.1 port 8443", 32),
            "a-ver…name ← 10.77.0.1 port 8443"
        );
        assert_eq!(fit_pair("name → 2001:db8:aaaa:bbbb:cccc", 27), "2001:db8:aaaa:bbbb:cccc");
        assert_eq!(fit_pair("curl → 10.0.0.1", 27), "curl → 10.0.0.1");
    }

    #[test]
    fn a_column_of_names_is_as_wide_as_the_longest_within_limits() {
        let width = |names: &[&str]| NameColumn::new(names.iter().copied());
        assert_eq!(width(&["ssh", "a-longer-name"]).chars, 13);
        assert_eq!(width(&["x"]).chars, 8);
        assert_eq!(width(&["x".repeat(500).as_str()]).chars, 46);
        assert!(width(&["a-longer-name"]).width > width(&["ssh"]).width);
    }

    #[test]
    fn a_name_of_controls_is_not_longer_than_its_room() {
        let name = "\u{202e}".repeat(1_000_000);
        assert_eq!(fit(&name, 27).chars().count(), 27);
        assert_eq!(fit("sshd", 27), "sshd");
    }

    #[test]
    fn little_is_not_nothing() {
        let svg =
            picture("t", "", |canvas| canvas.fill(Area { left: 10, top: 10, right: 10, bottom: 20 }, INK));
        assert!(svg.unwrap().contains(r#"width="1" height="10""#));
    }
}
