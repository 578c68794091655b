//! The cities with the most connections.

use super::bars::{self, Values};
use super::canvas::{self, Canvas};
use super::{Chart, Subject, palette};
use crate::Result;
use crate::humanize;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "cities",
    title: "In which cities are the remote addresses?",
    section: Section::Geography,
    draw,
};

fn draw(subject: &Subject<'_>) -> Result<String> {
    let cities = &subject.analysis.metrics.geography.by_city;
    let total: u64 = cities.iter().map(|city| city.connections).sum();
    if total == 0 {
        return canvas::nothing(
            CHART.title,
            "No city database was given (--geoip), or it knows none of the addresses.",
        );
    }
    let rows = bars::counted(&bars::first(cities), total, palette::of_anything);
    let subtitle = format!(
        "{} to public addresses with a known city; {}",
        humanize::plural(total, "connection"),
        if cities.len() == 1 {
            "one city".to_owned()
        } else {
            format!("{} cities", humanize::count(cities.len() as u64))
        }
    );
    canvas::picture(CHART.title, &subtitle, |canvas| {
        bars::draw(canvas, Canvas::inside(), &rows, Values::AtEnd)
    })
}
