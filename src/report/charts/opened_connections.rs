//! Connections opened and closed over time. Short ones, which are open at no tick, are visible
//! here.

use super::buckets::Buckets;
use super::mirror::{Half, MOST_BUCKETS, Mirror};
use super::palette::{CLOSED, OPENED};
use super::{Chart, Subject, canvas};
use crate::Result;
use crate::humanize;
use crate::model::frame::UInt32Type;
use crate::model::view::Numbers;
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "opened-connections",
    title: "When were connections opened and closed?",
    section: Section::Dashboard,
    draw,
};

/// Room for tick labels, in pixels.
const LABELS: i32 = 40;

fn draw(subject: &Subject<'_>) -> Result<String> {
    let tables = &subject.analysis.tables;
    let Some(buckets) = Buckets::new(tables, MOST_BUCKETS)? else {
        return canvas::nothing(CHART.title, "The recording has no duration.");
    };
    let count = |name| -> Result<Vec<u64>> {
        let numbers = Numbers::<UInt32Type>::of(&tables.time_bins, name)?;
        Ok(buckets.sums(|slice| numbers.get(slice).map(u64::from)))
    };
    let (opened, closed) = (count("opened")?, count("closed")?);
    let total = |counts: &[u64]| counts.iter().copied().fold(0, u64::saturating_add);
    let totals = (total(&opened), total(&closed));
    if totals == (0, 0) {
        return canvas::nothing(CHART.title, "No connection was opened or closed during the recording.");
    }
    let half = |name, counts: Vec<u64>, colour| Half {
        name,
        values: counts.into_iter().map(|count| count as f64).collect(),
        colour,
    };
    let mirror = Mirror {
        buckets: &buckets,
        up: half("opened", opened, OPENED),
        down: half("closed", closed, CLOSED),
        unit: "connections",
        tick_text: humanize::short_count,
    };
    let subtitle = format!(
        "{} opened and {} closed during the recording; each bar is {}",
        humanize::count(totals.0),
        humanize::count(totals.1),
        humanize::seconds(buckets.seconds(0))
    );
    canvas::picture(CHART.title, &subtitle, |canvas| mirror.draw(canvas, LABELS))
}
