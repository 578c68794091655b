//! Who connects where: the start times of every pair that could be periodic.

use std::collections::BTreeMap;

use ahash::AHashMap;

use crate::analyze::sockets::{Openers, Sockets, Source};

/// From this many connections on, a pair is not periodic but constant (RITA: a strobe).
const STROBE: usize = 86_400;

/// A destination as one source, or several together, contact it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pair<'a> {
    pub(super) protocol: &'a str,
    pub(super) addr: &'a str,
    pub(super) port: u16,
    /// None for all sources of one local address together.
    pub(super) source: Option<Source<'a>>,
    pub(super) local_addr: Option<&'a str>,
}

impl<'a> Pair<'a> {
    /// Whom it contacts: protocol, address, port.
    pub(super) fn destination(&self) -> (&'a str, &'a str, u16) {
        (self.protocol, self.addr, self.port)
    }
}

/// The connections that a pair opened during the window, in the order of time.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) pair: Pair<'a>,
    pub(super) starts_us: Vec<i64>,
    /// Rows in the table of sockets.
    pub(super) rows: Vec<usize>,
    pub(super) known: Known,
    /// Only those of the pair's connections that sent about as much as this.
    pub(super) sent: Option<u64>,
}

/// What the starts of a series are, and how they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Events tell when the connections began.
    ByEvents,
    /// Snapshots saw the connections first, to a tick.
    ByTicks,
    /// They are moments at which one connection that stays began to send again, to a tick; two of
    /// them are never one tick apart.
    Inside,
}

/// Parts of a pair that are looked at.
const MOST_PARTS: usize = 4;

/// Connections without which a part has no rhythm of its own.
const FEWEST_OF_PART: usize = 6;

/// Whether two amounts are of the same message: a counter or a name in it may differ.
fn is_alike(smallest: u64, size: u64) -> bool {
    size <= smallest.saturating_add(smallest / 5).saturating_add(8)
}

/// From this share on, a few starts that are known to a tick do not matter.
const MOSTLY: f64 = 0.9;

impl<'a> Series<'a> {
    /// The rows, in any order, with their times.
    fn of(pair: Pair<'a>, mut rows: Vec<usize>, sockets: &Sockets<'a>) -> Self {
        // The table is in the order of time.
        rows.sort_unstable();
        let starts_us = rows.iter().map(|row| sockets.first_seen_us(*row)).collect();
        let exact = rows.iter().filter(|row| sockets.start_is_exact(**row)).count();
        let is_exact = exact as f64 >= MOSTLY * rows.len() as f64;
        let known = if is_exact { Known::ByEvents } else { Known::ByTicks };
        Self { pair, starts_us, rows, known, sent: None }
    }

    /// Its connections by how much they sent, if that is not always the same: a program with
    /// several timers says something else at each. The most frequent ones, in ascending order.
    fn parts(&self, sockets: &Sockets<'a>, min_starts: usize) -> Vec<Self> {
        let sent = |row: &usize| Some((sockets.get(*row).bytes_sent?, *row));
        let mut sizes: Vec<(u64, usize)> = self.rows.iter().filter_map(sent).collect();
        sizes.sort_unstable();
        let mut parts: Vec<(u64, Vec<usize>)> = Vec::new();
        for (size, row) in sizes {
            match parts.last_mut() {
                Some((smallest, rows)) if is_alike(*smallest, size) => rows.push(row),
                _ => parts.push((size, vec![row])),
            }
        }
        if parts.len() < 2 {
            return Vec::new();
        }
        parts.sort_by_key(|(size, rows)| (std::cmp::Reverse(rows.len()), *size));
        parts.truncate(MOST_PARTS);
        let of = |(size, rows)| Self { sent: Some(size), ..Self::of(self.pair, rows, sockets) };
        parts.into_iter().map(of).filter(|part| part.is_testable(min_starts.max(FEWEST_OF_PART))).collect()
    }

    /// Start times in whole seconds.
    pub(super) fn starts_s(&self) -> Vec<i64> {
        self.starts_us.iter().map(|start| start.div_euclid(1_000_000)).collect()
    }

    /// Whether there are enough distinct times to have a rhythm, and few enough to have pauses.
    pub(super) fn is_testable(&self, min_starts: usize) -> bool {
        let mut seconds = self.starts_s();
        seconds.dedup();
        seconds.len() >= min_starts && self.starts_us.len() < STROBE
    }
}

/// Every series that could be periodic, ordered by pair.
///
/// A destination that several sources contact is looked at once more with all of them
/// together: a beacon that runs under a new name each time, or whose short-lived process was
/// not always caught, has its rhythm only there. And the connections of one source are looked at once more by
/// how much they sent.
pub(super) fn collect<'a>(
    sockets: &Sockets<'a>,
    window_us: (i64, i64),
    min_starts: usize,
) -> Vec<Series<'a>> {
    let mut groups: BTreeMap<Pair<'a>, Group> = BTreeMap::new();
    for (pair, rows) in by_source_and_local_address(sockets, window_us) {
        groups.entry(Pair { local_addr: None, ..pair }).or_default().add(&rows);
        groups.entry(Pair { source: None, ..pair }).or_default().add(&rows);
    }
    groups
        .into_iter()
        // All sources together are another series only if there are several.
        .filter(|(pair, group)| pair.source.is_some() || group.parts > 1)
        .map(|(pair, group)| Series::of(pair, group.rows, sockets))
        .filter(|series| series.is_testable(min_starts))
        .flat_map(|series| {
            let is_one = series.pair.source.is_some();
            let parts = if is_one { series.parts(sockets, min_starts) } else { Vec::new() };
            std::iter::once(series).chain(parts)
        })
        .collect()
}

/// Rows of several parts, and how many parts there are.
#[derive(Default)]
struct Group {
    rows: Vec<usize>,
    parts: usize,
}

impl Group {
    fn add(&mut self, rows: &[usize]) {
        self.rows.extend_from_slice(rows);
        self.parts += 1;
    }
}

/// The rows that opened a connection within the window, by everything that names a pair; in no
/// order. What several pairs share is looked up once per row.
fn by_source_and_local_address<'a>(
    sockets: &Sockets<'a>,
    (first_us, last_us): (i64, i64),
) -> AHashMap<Pair<'a>, Vec<usize>> {
    let openers = Openers::of(sockets);
    let mut rows: AHashMap<Pair<'a>, Vec<usize>> = AHashMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        let is_within = (first_us..=last_us).contains(&socket.first_seen_us);
        if !is_within || !socket.opened_in_recording || !openers.opened(&socket) {
            continue;
        }
        let Some((addr, port)) = socket.remote else { continue };
        let (source, local_addr) = (Some(Source::of(&socket)), Some(socket.local_addr));
        rows.entry(Pair { protocol: socket.protocol, addr, port, source, local_addr }).or_default().push(row);
    }
    rows
}
