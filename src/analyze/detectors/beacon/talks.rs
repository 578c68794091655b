//! Check-ins inside one connection that stays: the moments at which it began to send again.

use std::collections::BTreeMap;

use ahash::AHashMap;
use polars::prelude::{Int64Type, UInt64Type};

use super::pairs::{Known, Pair, Series};
use crate::Result;
use crate::analyze::scene::Scene;
use crate::model::Tables;
use crate::model::sockets::Source;
use crate::model::view::Numbers;

/// Connections that this side opened and in which it speaks up now and then.
pub(super) struct Talks<'a> {
    /// By row in the table of sockets: the pair, and the moments in the order of time.
    all: Vec<(usize, Pair<'a>, Vec<i64>)>,
}

impl<'a> Talks<'a> {
    /// Those of a capture.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a table lacks a column: a bug.
    pub(super) fn new(scene: &Scene<'a>, tables: &Tables) -> Result<Self> {
        let mut sends = sends(tables)?;
        let sockets = &scene.sockets;
        let mut all = Vec::new();
        if sends.is_empty() {
            return Ok(Self { all });
        }
        for row in 0..sockets.len() {
            let Some(starts_us) = sends.remove(&sockets.conn_id(row)) else { continue };
            let socket = sockets.get(row);
            if let Some((addr, port)) = socket.remote().filter(|_| scene.orientation.is_originator(&socket)) {
                let source = Some(Source::of(&socket));
                all.push((row, Pair { source, ..Pair::to(socket.protocol, addr, port) }, starts_us));
            }
        }
        Ok(Self { all })
    }

    /// For every pair, the connection that spoke up most often in a window; ordered by pair.
    pub(super) fn within(&self, (first_us, last_us): (i64, i64), min_starts: usize) -> Vec<Series<'a>> {
        let mut chosen: BTreeMap<Pair<'a>, Series<'a>> = BTreeMap::new();
        for (row, pair, starts_us) in &self.all {
            let within = starts_us.iter().copied().filter(|start| (first_us..=last_us).contains(start));
            let series = Series {
                starts_us: within.collect(),
                rows: vec![*row],
                ..Series::empty(*pair, Known::Inside)
            };
            if chosen.get(pair).is_none_or(|other| other.starts_us.len() < series.starts_us.len()) {
                chosen.insert(*pair, series);
            }
        }
        chosen.into_values().filter(|series| series.is_testable(min_starts)).collect()
    }
}

/// The moments of sending by connection, in the order of time.
fn sends(tables: &Tables) -> Result<AHashMap<u64, Vec<i64>>> {
    let conn_ids = Numbers::<UInt64Type>::of(&tables.sends, "conn_id")?;
    let moments = Numbers::<Int64Type>::of(&tables.sends, "ts_us")?;
    let mut sends: AHashMap<u64, Vec<i64>> = AHashMap::new();
    for row in 0..conn_ids.len() {
        if let (Some(conn_id), Some(ts_us)) = (conn_ids.get(row), moments.get(row)) {
            sends.entry(conn_id).or_default().push(ts_us);
        }
    }
    Ok(sends)
}
