//! The pairs of process and destination that were connected longest; overlapping connections count
//! once.

use std::collections::BTreeMap;

use super::bars::{self, Bar, Row, Values};
use super::canvas::{self, Canvas};
use super::{Chart, Subject};
use crate::Result;
use crate::humanize;
use crate::model::Tables;
use crate::model::frame::{Int64Type, UInt16Type};
use crate::model::view::{Flags, Numbers, Words};
use crate::report::Section;

pub(super) const CHART: Chart = Chart {
    id: "long-connections",
    title: "Which pairs stayed connected the longest?",
    section: Section::Behavior,
    draw,
};

/// The connections of one pair.
#[derive(Default)]
struct Pair {
    spans_us: Vec<(i64, i64)>,
    /// Whether one of them was open before or after the recording.
    is_open_ended: bool,
    /// Whether the remote opened them.
    is_inbound: bool,
}

fn draw(subject: &Subject<'_>) -> Result<String> {
    let rows = rows(subject)?;
    if rows.is_empty() {
        return canvas::nothing(CHART.title, "No pair was connected for any time.");
    }
    let subtitle = "total time with at least one connection; >: open before or after the recording";
    canvas::picture(CHART.title, subtitle, |canvas| {
        bars::draw(canvas, Canvas::inside(), &rows, Values::AtEnd)
    })
}

/// The pairs with the longest time; durations become milliseconds, because bars are whole numbers.
fn rows(subject: &Subject<'_>) -> Result<Vec<Row>> {
    let mut pairs: Vec<((String, String), Pair, i64)> = pairs(&subject.analysis.tables)?
        .into_iter()
        .map(|(key, mut pair)| {
            let covered_us = covered_us(&mut pair.spans_us);
            (key, pair, covered_us)
        })
        .filter(|(_, _, covered_us)| *covered_us > 0)
        .collect();
    pairs.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    let row = |((source, destination), pair, covered_us): ((String, String), Pair, i64)| {
        let at_least = if pair.is_open_ended { "> " } else { "" };
        let arrow = if pair.is_inbound { '←' } else { '→' };
        let count = humanize::plural(pair.spans_us.len() as u64, "connection");
        let text = humanize::seconds(covered_us as f64 / 1e6);
        Row {
            bars: vec![Bar {
                value: (covered_us / 1_000) as u64,
                text: format!("{at_least}{text} ({count})"),
                colour: subject.colours.get(&source),
            }],
            name: format!("{source} {arrow} {destination}"),
        }
    };
    Ok(pairs.into_iter().take(bars::MOST_ROWS).map(row).collect())
}

/// Pairs by process (or local address if no process is known) and destination.
fn pairs(tables: &Tables) -> Result<BTreeMap<(String, String), Pair>> {
    let frame = &tables.connections;
    let (processes, locals) = (Words::of(frame, "process_name")?, Words::of(frame, "local_addr")?);
    let (addrs, ports) = (Words::of(frame, "remote_addr")?, Numbers::<UInt16Type>::of(frame, "remote_port")?);
    let (first, last) =
        (Numbers::<Int64Type>::of(frame, "first_seen_us")?, Numbers::<Int64Type>::of(frame, "last_seen_us")?);
    let (opened, closed) =
        (Flags::of(frame, "opened_in_recording")?, Flags::of(frame, "closed_in_recording")?);
    let (roles, directions) = (Words::of(frame, "role")?, Words::of(frame, "direction")?);
    let mut pairs: BTreeMap<(String, String), Pair> = BTreeMap::new();
    for row in (0..frame.height()).filter(|row| roles.get(*row) == Some("connection")) {
        let (Some(addr), Some(first_us), Some(last_us)) = (addrs.get(row), first.get(row), last.get(row))
        else {
            continue;
        };
        // The remote port of an inbound connection means nothing.
        let is_inbound = directions.get(row) == Some("inbound");
        let source = processes.get(row).or_else(|| locals.get(row)).unwrap_or("unknown");
        let destination = match ports.get(row).filter(|_| !is_inbound) {
            Some(port) if addr.contains(':') => format!("[{addr}]:{port}"),
            Some(port) => format!("{addr}:{port}"),
            None => addr.to_owned(),
        };
        let pair = pairs.entry((source.to_owned(), destination)).or_default();
        pair.is_inbound = is_inbound;
        pair.spans_us.push((first_us, last_us));
        pair.is_open_ended |= opened.get(row) == Some(false) || closed.get(row) == Some(false);
    }
    Ok(pairs)
}

/// The total time that the spans cover, overlaps counted once.
fn covered_us(spans_us: &mut [(i64, i64)]) -> i64 {
    spans_us.sort_unstable();
    let mut covered_us: i64 = 0;
    let mut until_us = i64::MIN;
    for (first_us, last_us) in spans_us.iter().copied() {
        let from_us = first_us.max(until_us);
        covered_us = covered_us.saturating_add(last_us.saturating_sub(from_us).max(0));
        until_us = until_us.max(last_us);
    }
    covered_us
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_several_connections_share_counts_once() {
        assert_eq!(covered_us(&mut [(0, 10), (5, 15), (20, 30)]), 25);
        assert_eq!(covered_us(&mut [(0, 100), (10, 20), (30, 40)]), 100);
        assert_eq!(covered_us(&mut []), 0);
        assert_eq!(covered_us(&mut [(i64::MIN, i64::MAX)]), i64::MAX);
    }
}
