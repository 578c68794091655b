//! When a process or an address had much more activity than usual.

use std::collections::BTreeMap;

use super::lanes::{self, Lane};
use super::{Chart, Subject, canvas, palette};
use crate::Result;
use crate::analyze::detectors::burst;
use crate::humanize;
use crate::model::frame::{DataFrame, Float64Type, Int64Type};
use crate::model::view::{Numbers, Words};
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "bursts",
    title: "Who had bursts of connections or bytes, and when?",
    section: Section::Behavior,
    draw,
};

/// All bursts of one subject in one measure.
struct Bursts<'a> {
    subject: &'a str,
    is_process: bool,
    is_bytes: bool,
    spans_us: Vec<(i64, i64)>,
    /// The peak of its largest burst.
    peak: f64,
    median: f64,
    z: f64,
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let Some(table) = subject.analysis.detector_table(&burst::EPISODES) else {
        return canvas::nothing(CHART.title, &subject.why_missing(&burst::EPISODES));
    };
    let all = bursts(table)?;
    if all.is_empty() {
        return canvas::nothing(CHART.title, "No process or address exceeded its usual rate by far.");
    }
    let episodes: usize = all.iter().map(|bursts| bursts.spans_us.len()).sum();
    let lanes: Vec<Lane> = all.iter().map(|bursts| bursts.lane(subject)).collect();
    let subtitle = format!(
        "{} of {}; right: the highest peak and the usual amount in a window; most unusual first",
        humanize::plural(episodes as u64, "burst"),
        if all.len() == 1 {
            "1 process or address".to_owned()
        } else {
            format!("{} processes or addresses", all.len())
        }
    );
    let span_us = subject.analysis.tables.span_us;
    canvas::picture(CHART.title, &subtitle, |canvas| lanes::draw(canvas, span_us, &lanes))
}

impl Bursts<'_> {
    fn lane(&self, subject: &Subject<'_>) -> Lane {
        let amount =
            |value: f64| if self.is_bytes { humanize::bytes(value) } else { humanize::number(value) };
        let what = if self.is_bytes { "" } else { " connections" };
        Lane {
            name: self.subject.to_owned(),
            text: format!("{}{what}, usual {}", amount(self.peak), amount(self.median)),
            colour: if self.is_process { subject.colours.get(self.subject) } else { palette::PLAIN },
            spans_us: self.spans_us.clone(),
        }
    }
}

/// The most unusual first.
fn bursts(table: &DataFrame) -> Result<Vec<Bursts<'_>>> {
    let subjects = Words::of(table, "subject")?;
    let (kinds, metrics) = (Words::of(table, "kind")?, Words::of(table, "metric")?);
    let starts = Numbers::<Int64Type>::of(table, "start_us")?;
    let ends = Numbers::<Int64Type>::of(table, "end_us")?;
    let number = |name| Numbers::<Float64Type>::of(table, name);
    let (peaks, medians, z_values) = (number("peak")?, number("median")?, number("z")?);
    let mut all: BTreeMap<(&str, &str, &str), Bursts<'_>> = BTreeMap::new();
    for row in 0..table.height() {
        let (Some(subject), Some(start_us)) = (subjects.get(row), starts.get(row)) else { continue };
        let (kind, metric) = (kinds.get(row).unwrap_or_default(), metrics.get(row).unwrap_or_default());
        let bursts = all.entry((subject, kind, metric)).or_insert_with(|| Bursts {
            subject,
            is_process: kind == "process",
            is_bytes: metric == "bytes",
            spans_us: Vec::new(),
            peak: 0.0,
            median: 0.0,
            z: f64::NEG_INFINITY,
        });
        bursts.spans_us.push((start_us, ends.get(row).unwrap_or(start_us)));
        let z = z_values.get(row).unwrap_or(0.0);
        if z > bursts.z {
            bursts.z = z;
            bursts.peak = peaks.get(row).unwrap_or(0.0);
            bursts.median = medians.get(row).unwrap_or(0.0);
        }
    }
    let mut all: Vec<Bursts<'_>> = all.into_values().collect();
    all.sort_by(|a, b| b.z.total_cmp(&a.z));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use crate::model::frame::df;

    use super::*;

    #[test]
    fn a_subject_has_one_row_per_measure_with_its_greatest_burst() {
        let table = df!(
            "subject" => ["a", "b", "a", "a"],
            "kind" => ["process", "address", "process", "process"],
            "metric" => ["bytes", "connections", "bytes", "connections"],
            "start_us" => [1_i64, 2, 3, 4],
            "end_us" => [2_i64, 3, 4, 5],
            "peak" => [10.0, 20.0, 30.0, 5.0],
            "median" => [1.0, 2.0, 3.0, 1.0],
            "z" => [7.0, 9.0, 8.0, 6.0],
        )
        .unwrap();
        let all = bursts(&table).unwrap();
        let found: Vec<_> = all.iter().map(|b| (b.subject, b.is_bytes, b.spans_us.len(), b.peak)).collect();
        assert_eq!(found, [("b", false, 1, 20.0), ("a", true, 2, 30.0), ("a", false, 1, 5.0)]);
    }
}
