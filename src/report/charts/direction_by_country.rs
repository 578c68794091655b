//! Who opened the connections with each country.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::canvas::{self, Area, Canvas, Drawn, Label, NameColumn};
use super::countries::Names;
use super::palette::{self, AXIS};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::metrics::CountryDirection;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "direction-by-country",
    title: "Who opened the connections to each country?",
    section: Section::Geography,
    draw,
};

/// Directions in drawing order.
const DIRECTIONS: [&str; 3] = ["outbound", "inbound", "internal"];
/// Maximum number of rows, and their maximum distance in pixels.
const MOST_ROWS: usize = 11;
const WIDEST_PITCH: i32 = 34;
/// Room for values, in pixels.
const VALUES: i32 = 90;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let directions = &subject.analysis.metrics.geography.direction_by_country;
    let rows = rows(directions);
    if rows.is_empty() {
        return canvas::nothing(CHART.title, "No connection has a public address in a known country.");
    }
    let names = Names::of(&subject.analysis.tables)?;
    let largest = rows.iter().map(Row::total).max().unwrap_or(1).max(1);
    let countries =
        directions.iter().map(|entry| &entry.country_code).collect::<std::collections::BTreeSet<_>>().len();
    let subtitle = match countries {
        1 => "one country; connections to public addresses".to_owned(),
        n => format!("the top of {n} countries by connections to public addresses"),
    };
    let inside = Canvas::inside();
    let pitch = ((inside.bottom - inside.top) / rows.len() as i32).min(WIDEST_PITCH);
    let occurs = |name: &&str| rows.iter().any(|row| row.counts.contains_key(*name));
    let legend: Vec<_> =
        DIRECTIONS.iter().copied().filter(occurs).map(|name| (name, palette::of_direction(name))).collect();
    let column = NameColumn::new(rows.iter().map(|row| names.of_code(row.code)));
    let left = inside.left + column.width;
    canvas::picture(CHART.title, &subtitle, |canvas| {
        canvas.legend(inside.right, &legend)?;
        for (row, index) in rows.iter().zip(0..) {
            let top = inside.top + index * pitch;
            let name = canvas::fit(names.of_code(row.code), column.chars);
            canvas.text((left - 10, top + pitch / 2), Label::VALUE.right(), &name)?;
            row.draw(canvas, largest, Area { left, top, bottom: top + pitch, ..inside })?;
        }
        canvas.line((left, inside.top), (left, inside.top + rows.len() as i32 * pitch), AXIS)
    })
}

/// A country with its connections by direction.
struct Row<'a> {
    code: &'a str,
    counts: BTreeMap<&'a str, u64>,
}

impl Row<'_> {
    fn total(&self) -> u64 {
        self.counts.values().copied().fold(0, u64::saturating_add)
    }

    fn draw(&self, canvas: &Canvas<'_>, largest: u64, row: Area) -> Drawn {
        let (left, middle) = (row.left, i32::midpoint(row.top, row.bottom));
        let at = |sum: u64| {
            left + (sum as f64 / largest as f64 * f64::from(row.right - VALUES - left)).round() as i32
        };
        let half = ((row.bottom - row.top) * 7 / 20).min(10);
        let mut sum = 0;
        for direction in DIRECTIONS {
            let count = self.counts.get(direction).copied().unwrap_or(0);
            if count > 0 {
                let bar =
                    Area { left: at(sum), top: middle - half, right: at(sum + count), bottom: middle + half };
                canvas.fill(bar, palette::of_direction(direction))?;
            }
            sum += count;
        }
        canvas.text((at(sum) + 8, middle), Label::PLAIN, &humanize::count(self.total()))
    }
}

/// The countries with the most connections.
fn rows(directions: &[CountryDirection]) -> Vec<Row<'_>> {
    let mut countries: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for CountryDirection { country_code, direction, connections } in directions {
        *countries.entry(country_code).or_default().entry(direction).or_default() += connections;
    }
    let mut rows: Vec<Row<'_>> = countries.into_iter().map(|(code, counts)| Row { code, counts }).collect();
    rows.sort_by_key(|row| Reverse(row.total()));
    rows.truncate(MOST_ROWS);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_one_row_and_the_largest_come_first() {
        let of = |code: &str, direction: &str, connections| CountryDirection {
            country_code: code.to_owned(),
            direction: direction.to_owned(),
            connections,
        };
        let directions = [of("DE", "inbound", 5), of("US", "outbound", 7), of("DE", "outbound", 3)];
        let rows = rows(&directions);
        let found: Vec<_> = rows.iter().map(|row| (row.code, row.total())).collect();
        assert_eq!(found, [("DE", 8), ("US", 7)]);
    }
}
