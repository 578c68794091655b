//! The content of the panels: the rows of a sample, compared with the previous sample.

mod destinations;
mod groups;
mod processes;

use std::collections::BTreeMap;

use ahash::{AHashMap, AHashSet};

use crate::capture::{Kind, Row, Sample};
use crate::filter::Filter;

pub use self::destinations::{DestinationLine, Geolocator, destinations};
pub(super) use self::groups::group;
pub use self::groups::{Group, Grouping, Item};
pub use self::processes::{ProcessLine, processes};

/// The change of a connection since the previous sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It existed and still does.
    Stays,
    /// It is new.
    Opened,
    /// It is gone.
    Closed,
}

/// A connection, as shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its last row.
    pub row: Row,
    /// Its change.
    pub change: Change,
    /// Bytes per second since the previous sample; `None` if not counted.
    pub sent_per_s: Option<f64>,
    /// The same for received bytes.
    pub received_per_s: Option<f64>,
}

/// The connections of a sample that match the filter: new and closed ones first, then by id.
pub fn connections(sample: &Sample, previous: Option<&Sample>, filter: &Filter) -> Vec<Line> {
    let before: AHashMap<u64, &Row> =
        previous.map(|sample| sample.rows.iter().map(|row| (row.conn_id, row)).collect()).unwrap_or_default();
    let seconds = previous.map(|previous| (sample.ts_us - previous.ts_us) as f64 / 1e6).filter(|s| *s > 0.0);
    let mut lines = Vec::new();
    for row in &sample.rows {
        let old = before.get(&row.conn_id).copied();
        let change = if row.kind == Kind::Closed {
            Change::Closed
        } else if previous.is_some() && old.is_none() {
            Change::Opened
        } else {
            Change::Stays
        };
        lines.push(line(row, old, change, seconds));
    }
    let here: AHashSet<u64> = sample.rows.iter().map(|row| row.conn_id).collect();
    lines.extend(gone(sample, &here).map(|row| {
        let old = before.get(&row.conn_id).copied();
        // Without a previous snapshot, only rows that say so are closed.
        let change = match row.kind {
            Kind::Closed => Change::Closed,
            _ if previous.is_some() => Change::Closed,
            Kind::Opened => Change::Opened,
            Kind::State | Kind::Snapshot | Kind::Query => Change::Stays,
        };
        line(row, old, change, seconds)
    }));
    lines.retain(|line| filter.matches(&line.row));
    lines.sort_by_key(|line| (line.change == Change::Stays, line.row.conn_id));
    lines
}

/// The last event of each connection that is no longer in the snapshot.
fn gone<'a>(sample: &'a Sample, here: &AHashSet<u64>) -> impl Iterator<Item = &'a Row> {
    let events = sample.events.iter().filter(|row| row.kind != Kind::Query && !here.contains(&row.conn_id));
    events.map(|row| (row.conn_id, row)).collect::<BTreeMap<u64, &Row>>().into_values()
}

fn line(row: &Row, old: Option<&Row>, change: Change, seconds: Option<f64>) -> Line {
    let rate = |now: Option<u64>, before: Option<u64>| {
        // A new socket has moved all its bytes since the previous sample.
        let before = if old.is_some() { before? } else { 0 };
        Some(now?.saturating_sub(before) as f64 / seconds?)
    };
    let (now, before) = (&row.counters, old.map(|old| old.counters).unwrap_or_default());
    Line {
        row: row.clone(),
        change,
        sent_per_s: rate(now.bytes_sent, before.bytes_sent),
        received_per_s: rate(now.bytes_received, before.bytes_received),
    }
}

/// Bytes in both directions; `None` if neither is counted.
pub fn total(row: &Row) -> Option<u64> {
    let (sent, received) = (row.counters.bytes_sent, row.counters.bytes_received);
    if sent.is_none() && received.is_none() {
        return None;
    }
    Some(sent.unwrap_or(0).saturating_add(received.unwrap_or(0)))
}

/// Process name of the owner.
pub fn process_name(row: &Row) -> Option<&str> {
    row.owner.as_deref()?.process_name.as_deref()
}

fn add(sum: &mut Option<f64>, value: Option<f64>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0.0) + value);
    }
}
