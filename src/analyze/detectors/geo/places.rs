//! Who talks with which countries, and with which of them alone.

use std::collections::BTreeMap;

use ahash::AHashSet;

use super::Thresholds;
use crate::model::ids::SourceId;
use crate::model::records::{Direction, Scope};
use crate::model::sockets::{Socket, Sockets, Source};

/// All connections that are compared.
pub(super) struct Whole {
    pub(super) connections: usize,
    /// Bytes both ways, as far as they were counted.
    pub(super) bytes: u64,
    pub(super) sources: usize,
}

impl Whole {
    pub(super) fn new(sockets: &Sockets<'_>) -> Self {
        let mut sources = AHashSet::new();
        let (mut connections, mut bytes) = (0, 0_u64);
        for (row, socket) in sockets.iter().enumerate().filter(|(_, socket)| country(socket).is_some()) {
            sources.insert(sockets.source_id(row));
            connections += 1;
            bytes = bytes.saturating_add(sent(&socket)).saturating_add(received(&socket));
        }
        Self { connections, bytes, sources: sources.len() }
    }

    /// Whether there is enough to call a place rare, and anybody else to compare with.
    pub(super) fn is_comparable(&self, config: &Thresholds) -> bool {
        self.connections >= config.min_connections as usize && self.sources >= 2
    }
}

/// Countries that one source alone talks with.
pub(super) struct Lone<'a> {
    pub(super) source: Source<'a>,
    /// Codes of the countries, in order.
    pub(super) countries: Vec<&'a str>,
    /// Rows of the connections, in the order of time.
    pub(super) rows: Vec<usize>,
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Share of all connections of the country among these that has most.
    pub(super) largest_share: f64,
}

/// Every country that is rare and of one source alone; many of one source are one.
pub(super) fn lone<'a>(sockets: &Sockets<'a>, whole: &Whole, config: &Thresholds) -> Vec<Lone<'a>> {
    if !whole.is_comparable(config) {
        return Vec::new();
    }
    let mut by_source: BTreeMap<SourceId, Vec<Lone<'a>>> = BTreeMap::new();
    for (country, rows) in by_country(sockets) {
        let source = sockets.source_id(rows[0]);
        let share = rows.len() as f64 / whole.connections as f64;
        let is_alone = rows.iter().all(|row| sockets.source_id(*row) == source);
        if is_alone && share <= config.max_share {
            by_source.entry(source).or_default().push(of_country(sockets, country, rows, share));
        }
    }
    by_source.into_values().flat_map(|places| merge(places, config)).collect()
}

fn by_country<'a>(sockets: &Sockets<'a>) -> BTreeMap<&'a str, Vec<usize>> {
    let mut countries: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        if let Some(country) = country(&socket) {
            countries.entry(country).or_default().push(row);
        }
    }
    countries
}

fn of_country<'a>(sockets: &Sockets<'a>, country: &'a str, rows: Vec<usize>, share: f64) -> Lone<'a> {
    let sum = |bytes: fn(&Socket<'_>) -> u64| {
        rows.iter().map(|row| bytes(&sockets.get(*row))).fold(0, u64::saturating_add)
    };
    Lone {
        source: Source::of(&sockets.get(rows[0])),
        countries: vec![country],
        sent: sum(sent),
        received: sum(received),
        largest_share: share,
        rows,
    }
}

fn merge<'a>(places: Vec<Lone<'a>>, config: &Thresholds) -> Vec<Lone<'a>> {
    if places.len() <= config.max_separate as usize {
        return places;
    }
    let merged = places.into_iter().reduce(|mut all, place| {
        all.countries.extend(place.countries);
        all.rows.extend(place.rows);
        all.sent = all.sent.saturating_add(place.sent);
        all.received = all.received.saturating_add(place.received);
        all.largest_share = all.largest_share.max(place.largest_share);
        all
    });
    let mut merged: Vec<Lone<'a>> = merged.into_iter().collect();
    for place in &mut merged {
        place.rows.sort_unstable();
    }
    merged
}

/// The country of the remote, if this host opened the connection and the remote is public.
fn country<'a>(socket: &Socket<'a>) -> Option<&'a str> {
    let is_asked =
        socket.direction == Some(Direction::Outbound) && socket.remote_scope == Some(Scope::Public);
    socket.country_code.filter(|_| is_asked)
}

fn sent(socket: &Socket<'_>) -> u64 {
    socket.bytes_sent.unwrap_or(0)
}

fn received(socket: &Socket<'_>) -> u64 {
    socket.bytes_received.unwrap_or(0)
}
