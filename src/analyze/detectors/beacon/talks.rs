//! Check-ins inside one connection that stays: the moments at which it began to send again.

use std::collections::BTreeMap;

use ahash::{AHashMap, AHashSet};
use polars::prelude::{Int64Type, UInt64Type};

use super::pairs::{Known, Pair, Series};
use crate::Result;
use crate::analyze::scene::Scene;
use crate::model::Tables;
use crate::model::sockets::Source;
use crate::model::view::Numbers;

/// For every pair with connections that this side opened and in which it speaks up now and then,
/// the one in which it did so most often; ordered by pair.
///
/// # Errors
/// [`crate::Error::Analysis`] if a table lacks a column: a bug.
pub(super) fn collect<'a>(
    scene: &Scene<'a>,
    tables: &Tables,
    (first_us, last_us): (i64, i64),
    min_starts: usize,
) -> Result<Vec<Series<'a>>> {
    let mut sends = sends(tables)?;
    let talking: AHashSet<u64> = sends.keys().copied().collect();
    let sockets = &scene.sockets;
    let mut chosen: BTreeMap<Pair<'a>, Series<'a>> = BTreeMap::new();
    for row in (0..sockets.len()).filter(|row| talking.contains(&sockets.conn_id(*row))) {
        let socket = sockets.get(row);
        let Some((addr, port)) = socket.remote().filter(|_| scene.orientation.is_originator(&socket)) else {
            continue;
        };
        let mut starts_us = sends.remove(&socket.conn_id).unwrap_or_default();
        starts_us.retain(|start| (first_us..=last_us).contains(start));
        let source = Some(Source::of(&socket));
        let pair = Pair { source, ..Pair::to(socket.protocol, addr, port) };
        let series = Series { starts_us, rows: vec![row], ..Series::empty(pair, Known::Inside) };
        if chosen.get(&pair).is_none_or(|other| other.starts_us.len() < series.starts_us.len()) {
            chosen.insert(pair, series);
        }
    }
    Ok(chosen.into_values().filter(|series| series.is_testable(min_starts)).collect())
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
