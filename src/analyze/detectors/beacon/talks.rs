//! Check-ins inside one connection that stays: the moments at which it began to send again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ahash::AHashMap;

use super::pairs::{Known, Pair, Series};
use crate::analyze::scene::Scene;
use crate::model::Tables;
use crate::model::sockets::Source;

/// Connections that this side opened and in which it speaks up now and then.
pub(super) struct Talks<'a> {
    /// By row in the table of sockets: the pair, and the moments in the order of time.
    all: Vec<(usize, Pair<'a>, &'a [i64])>,
}

impl<'a> Talks<'a> {
    /// Those of a capture.
    pub(super) fn new(scene: &Scene<'a>, tables: &'a Tables) -> Self {
        let sends: AHashMap<u64, &[i64]> =
            tables.sends.iter().map(|sends| (sends.conn_id, sends.ts_us.as_slice())).collect();
        let sockets = &scene.sockets;
        let mut all = Vec::new();
        let rows = if sends.is_empty() { 0..0 } else { 0..sockets.len() };
        for row in rows {
            let Some(starts_us) = sends.get(&sockets.conn_id(row)) else { continue };
            let socket = sockets.get(row);
            if let Some((addr, port)) = socket.remote().filter(|_| scene.orientation.is_originator(&socket)) {
                let source = Some(Source::of(&socket));
                all.push((row, Pair { source, ..Pair::to(socket.protocol, addr, port) }, *starts_us));
            }
        }
        Self { all }
    }

    /// For every pair, the connection that spoke up most often in a window; ordered by pair.
    pub(super) fn within(
        &self,
        (first_us, last_us): (i64, i64),
        min_starts: usize,
    ) -> impl Iterator<Item = Series<'a>> + use<'a> {
        let mut chosen: BTreeMap<Pair<'a>, (usize, &'a [i64])> = BTreeMap::new();
        for (row, pair, starts_us) in &self.all {
            let begin = starts_us.partition_point(|start| *start < first_us);
            let end = starts_us.partition_point(|start| *start <= last_us).max(begin);
            let within_us = &starts_us[begin..end];
            if chosen.get(pair).is_none_or(|(_, other_us)| other_us.len() < within_us.len()) {
                chosen.insert(*pair, (*row, within_us));
            }
        }
        let series = |(pair, (row, starts_us))| Series {
            starts_us: Cow::Borrowed(starts_us),
            rows: vec![row],
            ..Series::empty(pair, Known::Inside)
        };
        chosen.into_iter().map(series).filter(move |series| series.is_testable(min_starts))
    }
}
