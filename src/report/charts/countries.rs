//! The countries of the remotes: a world map, and the top countries as a list.
//!
//! `scripts/make-world-map.py` generates the outlines from Natural Earth, which is in the public
//! domain.

use std::collections::BTreeMap;

use super::canvas::{self, Area, Canvas, Drawn, Label, Point};
use super::palette::{self, GRID, PAPER};
use super::{Chart, Subject};
use crate::Result;
use crate::geo::country_name;
use crate::humanize;
use crate::model::Tables;
use crate::model::metrics::Share;
use crate::model::view::Words;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "countries",
    title: "In which countries are the remote addresses?",
    section: Section::Geography,
    draw,
};

/// One ring per line: the country's code, then its points in pixels.
const OUTLINES: &str = include_str!("world_map/outlines.txt");
/// Height of the map, in pixels.
const MAP_HEIGHT: i32 = 258;
/// Left edge of the list, height of an entry, and maximum number of entries.
const LIST_LEFT: i32 = 646;
const ENTRY: i32 = 22;
const MOST_LISTED: usize = 12;
const NAME_CHARS: usize = 19;
/// Number and width of the legend's fields, in pixels.
const FIELDS: i32 = 9;
const FIELD: i32 = 18;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let geography = &subject.analysis.metrics.geography;
    let countries = &geography.by_country;
    if countries.is_empty() {
        return canvas::nothing(CHART.title, "No connection has a public address in a known country.");
    }
    let names = Names::of(&subject.analysis.tables)?;
    let counts: BTreeMap<&str, u64> =
        countries.iter().map(|share| (share.name.as_str(), share.connections)).collect();
    let largest = counts.values().copied().max().unwrap_or(1);
    let subtitle = format!(
        "{}; public addresses in unknown countries: {}; private addresses (not looked up): {}",
        humanize::plural(countries.len() as u64, "country"),
        humanize::count(geography.public_unknown),
        humanize::count(geography.not_public)
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        draw_map(canvas, &counts, largest)?;
        draw_legend(canvas, largest)?;
        draw_list(canvas, countries, &names, largest)
    })
}

fn draw_map(canvas: &Canvas<'_>, counts: &BTreeMap<&str, u64>, largest: u64) -> Drawn {
    let inside = Canvas::inside();
    for line in OUTLINES.lines() {
        let (code, points) = ring(line, (inside.left, inside.top - 8));
        let Some(count) = counts.get(code) else {
            canvas.shape(&points, GRID)?;
            continue;
        };
        canvas.shape(&points, shade(*count, largest))?;
        // Borders have the color of the paper, to separate neighboring countries.
        canvas.outline(&points, PAPER)?;
    }
    Ok(())
}

/// The code of a ring, and its points moved by an offset.
fn ring(line: &str, (left, top): Point) -> (&str, Vec<Point>) {
    let mut words = line.split(' ');
    let code = words.next().unwrap_or_default();
    let point = |word: &str| {
        let (x, y) = word.split_once(',')?;
        Some((left + x.parse::<i32>().ok()?, top + y.parse::<i32>().ok()?))
    };
    (code, words.filter_map(point).collect())
}

/// The shade by the logarithm, because one country often has most of the connections.
fn shade(count: u64, largest: u64) -> plotters::style::RGBColor {
    let share = if largest > 1 { (count.max(1) as f64).ln() / (largest as f64).ln() } else { 1.0 };
    // Even the palest shade differs from a country without connections.
    palette::heat(0.15 + 0.85 * share)
}

fn draw_legend(canvas: &Canvas<'_>, largest: u64) -> Drawn {
    let inside = Canvas::inside();
    let (left, y) = (inside.left, inside.top + MAP_HEIGHT + 14);
    for field in 0..FIELDS {
        let count = (largest as f64).powf(f64::from(field) / f64::from(FIELDS - 1)).round() as u64;
        let x = left + 20 + field * FIELD;
        canvas.fill(Area { left: x, top: y - 6, right: x + FIELD, bottom: y + 6 }, shade(count, largest))?;
    }
    canvas.text((left, y), Label::SMALL, "1")?;
    let text = format!("{}, logarithmic", humanize::plural(largest, "connection"));
    canvas.text((left + 28 + FIELDS * FIELD, y), Label::SMALL, &text)?;
    canvas.text(
        (LIST_LEFT - 30, y + 20),
        Label::SMALL.right(),
        "Outlines: Natural Earth, Equal Earth projection",
    )
}

fn draw_list(canvas: &Canvas<'_>, countries: &[Share], names: &Names<'_>, largest: u64) -> Drawn {
    let inside = Canvas::inside();
    for (share, index) in countries.iter().take(MOST_LISTED).zip(0..) {
        let y = inside.top + 8 + index * ENTRY;
        let square = Area { left: LIST_LEFT, top: y - 6, right: LIST_LEFT + 12, bottom: y + 6 };
        canvas.fill(square, shade(share.connections, largest))?;
        let star = if is_on_map(&share.name) { "" } else { " *" };
        let name = format!("{}{star}", canvas::fit(names.of_code(&share.name), NAME_CHARS));
        canvas.text((LIST_LEFT + 20, y), Label::VALUE, &name)?;
        canvas.text((inside.right, y), Label::PLAIN.right(), &humanize::count(share.connections))?;
    }
    let y = inside.top + 8 + MOST_LISTED as i32 * ENTRY;
    let more = countries.len().saturating_sub(MOST_LISTED) as u64;
    let not_on_map = countries.iter().filter(|share| !is_on_map(&share.name)).count() as u64;
    if more > 0 {
        canvas.text((LIST_LEFT + 20, y), Label::SMALL, &format!("and {} more", humanize::count(more)))?;
    }
    if not_on_map > 0 {
        let text = format!("* not on this map: {}", humanize::count(not_on_map));
        canvas.text((LIST_LEFT, y + 18), Label::SMALL, &text)?;
    }
    Ok(())
}

/// Whether the outlines contain a country; small ones are missing.
fn is_on_map(code: &str) -> bool {
    OUTLINES.lines().any(|line| line.split(' ').next() == Some(code))
}

/// Country names as the database has them.
pub(super) struct Names<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Names<'a> {
    pub(super) fn of(tables: &'a Tables) -> Result<Self> {
        let codes = Words::of(&tables.endpoints, "country_code")?;
        let names = Words::of(&tables.endpoints, "country")?;
        let name = |row| Some((codes.get(row)?, names.get(row)?));
        Ok(Self((0..tables.endpoints.height()).filter_map(name).collect()))
    }

    /// The name of a country, such as `Germany`; its code if neither the database nor ISO 3166 has a name.
    pub(super) fn of_code<'b>(&'b self, code: &'b str) -> &'b str {
        self.0.get(code).copied().or_else(|| country_name(code)).unwrap_or(code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_outline_is_a_shape_on_the_map() {
        for line in OUTLINES.lines() {
            let (code, points) = ring(line, (0, 0));
            assert_eq!(code.len(), 2, "{line}");
            assert!(points.len() >= 3 && points.len() == line.split(' ').count() - 1, "{line}");
            assert!(
                points.iter().all(|(x, y)| (0..=600).contains(x) && (0..=MAP_HEIGHT).contains(y)),
                "{line}"
            );
        }
    }

    #[test]
    fn the_large_countries_are_on_the_map_where_they_belong() {
        let codes: BTreeSet<&str> = OUTLINES.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(codes.len() > 170, "{}", codes.len());
        let middle = |wanted: &str| {
            let (_, points) =
                OUTLINES.lines().map(|line| ring(line, (0, 0))).find(|(code, _)| *code == wanted).unwrap();
            let sum = points.iter().fold((0, 0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
            (sum.0 / points.len() as i32, sum.1 / points.len() as i32)
        };
        let (us, germany, australia) = (middle("US"), middle("DE"), middle("AU"));
        assert!(us.0 < germany.0 && germany.0 < australia.0);
        assert!(germany.1 < us.1 && us.1 < australia.1);
    }

    #[test]
    fn a_country_that_is_too_small_is_said_to_be() {
        assert!(is_on_map("DE") && !is_on_map("SG"));
    }
}
