//! Who connects where: the start times of every pair that could be periodic.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ahash::{AHashMap, RandomState};

use super::lists;
use crate::analyze::attempts::Attempts;
use crate::analyze::scene::Scene;
use crate::capture::Protocol;
use crate::model::ids::SourceId;
use crate::model::records::{Direction, TextId};
use crate::model::sockets::{Sockets, Source};

/// From this many connections on, a pair is not periodic but constant (RITA: a strobe).
const STROBE: usize = 86_400;

/// A destination as one source, or several together, contact it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pair<'a> {
    pub(super) protocol: Protocol,
    pub(super) addr: &'a str,
    pub(super) port: u16,
    /// None for all sources of one local address together.
    pub(super) source: Option<Source<'a>>,
    pub(super) local_addr: Option<&'a str>,
    /// The name by which it is asked for, where a destination is taken by its name and not by its address.
    pub(super) name: Option<&'a str>,
    /// The remote opens the connections, to this port of this host.
    pub(super) is_inbound: bool,
    /// Not one destination but all that the source contacts outside by address: [`Self::addr`] is the first of them, and
    /// [`Self::port`] is 0 where their ports differ.
    pub(super) is_list: bool,
}

impl<'a> Pair<'a> {
    /// What is contacted, by whomever.
    pub(super) fn to(protocol: Protocol, addr: &'a str, port: u16) -> Self {
        Self {
            protocol,
            addr,
            port,
            source: None,
            local_addr: None,
            name: None,
            is_inbound: false,
            is_list: false,
        }
    }

    fn of(id: PairId, sockets: &Sockets<'a>) -> Self {
        Self {
            protocol: id.protocol,
            addr: id.addr.map_or("", |addr| sockets.text(addr)),
            port: id.port,
            source: id.source.map(|source| sockets.source(source)),
            local_addr: id.local_addr.map(|addr| sockets.text(addr)),
            name: id.name.map(|name| sockets.text(name)),
            is_inbound: id.is_inbound,
            is_list: id.is_list,
        }
    }

    /// The port, for titles: ` port 443`; nothing where the ports differ.
    pub(super) fn on_port(&self) -> String {
        if self.port == 0 && self.is_list { String::new() } else { format!(" port {}", self.port) }
    }

    /// Whom it contacts, or who contacts it: protocol, name or address, port. Each list is one of its own.
    pub(super) fn destination(&self) -> (bool, Protocol, &'a str, u16, Option<Source<'a>>) {
        let lister = self.source.filter(|_| self.is_list);
        (self.is_inbound, self.protocol, self.name.unwrap_or(self.addr), self.port, lister)
    }
}

/// A [`Pair`] by its ids, and in the order of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct PairId {
    protocol: Protocol,
    /// None where the destination is taken by its name alone, whatever the address, and for a list.
    addr: Option<TextId>,
    port: u16,
    source: Option<SourceId>,
    local_addr: Option<TextId>,
    name: Option<TextId>,
    is_inbound: bool,
    is_list: bool,
}

impl PairId {
    /// Fewest connections with which it is looked at, where `min_starts` are asked for.
    fn min_starts(&self, min_starts: usize) -> usize {
        if self.is_inbound { min_starts.max(FEWEST_INBOUND) } else { min_starts }
    }
}

/// The connections that a pair opened during the window, in the order of time.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) pair: Pair<'a>,
    pub(super) starts_us: Cow<'a, [i64]>,
    /// Rows in the table of sockets.
    pub(super) rows: Vec<usize>,
    pub(super) known: Known,
    /// Only those of the pair's connections that sent about as much as this.
    pub(super) sent: Option<u64>,
    /// Only those of the pair's connections that begin a check-in; the others follow one of them within
    /// [`CHECK_IN_US`].
    pub(super) is_by_check_in: bool,
}

/// What the starts of a series are, and how they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Known {
    /// Events tell when the connections began.
    ByEvents,
    /// Snapshots saw the connections first, to a tick.
    ByTicks,
    /// They are moments at which one connection that stays began to send again, to a tick; two of
    /// them are never one tick apart.
    Inside,
}

/// Connections that begin this soon after another one belong to the same check-in, in µs: addresses are tried 250 ms
/// apart (RFC 8305), and a SYN is sent again after 1, 3 and 7 s (RFC 6298 with Linux's first timeout of 1 s).
const CHECK_IN_US: i64 = 8_000_000;

/// A period of check-ins is at least this many times [`CHECK_IN_US`]: between shorter ones, what is left
/// out would be most of the time.
const CHECK_INS_APART: i64 = 5;

/// Fewest connections of an inbound pair. Servers have many clients, most of which come a few times.
const FEWEST_INBOUND: usize = 10;

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
    /// A pair without connections.
    pub(super) fn empty(pair: Pair<'a>, known: Known) -> Self {
        Self { pair, starts_us: Cow::default(), rows: Vec::new(), known, sent: None, is_by_check_in: false }
    }

    /// The rows, in any order, with their times.
    fn of(pair: Pair<'a>, mut rows: Vec<usize>, sockets: &Sockets<'a>) -> Self {
        // The table is in the order of time.
        rows.sort_unstable();
        let starts_us = rows.iter().map(|row| sockets.first_seen_us(*row)).collect();
        let exact = rows.iter().filter(|row| sockets.start_is_exact(**row)).count();
        let is_exact = exact as f64 >= MOSTLY * rows.len() as f64;
        let known = if is_exact { Known::ByEvents } else { Known::ByTicks };
        Self { starts_us, rows, ..Self::empty(pair, known) }
    }

    /// Its connections without those that follow another one at once: several attempts of one check-in are one.
    /// None if that leaves most of them, or too few, or if check-ins would follow each other too closely.
    fn check_ins(&self, sockets: &Sockets<'a>, min_starts: usize) -> Option<Self> {
        let mut last_us = None;
        let begins = |(start, row): (&i64, &usize)| {
            let is_first = last_us.is_none_or(|last: i64| start.saturating_sub(last) > CHECK_IN_US);
            // The first of them and not the one before, so that steady traffic is not one long check-in.
            last_us = if is_first { Some(*start) } else { last_us };
            is_first.then_some(*row)
        };
        let rows: Vec<usize> = self.starts_us.iter().zip(&self.rows).filter_map(begins).collect();
        let one = Self { is_by_check_in: true, ..Self::of(self.pair, rows, sockets) };
        let span_us = one.starts_us.last()?.saturating_sub(*one.starts_us.first()?);
        let is_apart = span_us >= CHECK_INS_APART * CHECK_IN_US * (one.rows.len() as i64 - 1);
        let is_less = (one.rows.len() as f64) < MOSTLY * self.rows.len() as f64;
        (is_less && is_apart && one.is_testable(min_starts.max(FEWEST_OF_PART))).then_some(one)
    }

    /// Its connections by how much they sent, if that is not always the same: a program with
    /// several timers says something else at each. None if it says many things, as a browser does: their
    /// parts would only be more chances for chance.
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
        let within: usize = parts.iter().map(|(_, rows)| rows.len()).sum();
        if (within as f64) < MOSTLY * self.rows.len() as f64 {
            return Vec::new();
        }
        let of = |(size, rows)| Self { sent: Some(size), ..Self::of(self.pair, rows, sockets) };
        parts.into_iter().map(of).filter(|part| part.is_testable(min_starts.max(FEWEST_OF_PART))).collect()
    }

    /// Whether another series of the same source has half of its connections in this one, or more.
    pub(super) fn tells_of(&self, other: &Self) -> bool {
        let shared = other.rows.iter().filter(|row| self.rows.binary_search(row).is_ok()).count();
        self.pair.source == other.pair.source && shared * 2 >= other.rows.len()
    }

    /// What makes it a part of its pair's connections.
    pub(super) fn part(&self) -> Option<u64> {
        self.sent.or(self.is_by_check_in.then_some(0))
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
/// A destination that several sources contact is tested once more with all of them
/// together: a beacon that runs under a new name each time, or whose short-lived process was
/// not always caught, has its rhythm only there. One that is asked for by name is tested by its name too, where that
/// gives other connections than its address: behind a content delivery network it has many addresses, behind
/// a proxy it shares one. The connections of one source are tested once more by how much they sent, and by
/// check-in, where several attempts make one. And all that a source contacts outside by address are tested together: an
/// implant with a list of servers has one timer for all of them.
pub(super) fn collect<'s, 'a>(
    scene: &'s Scene<'a>,
    window_us: (i64, i64),
    min_starts: usize,
) -> impl Iterator<Item = Series<'a>> + 's {
    let sockets = &scene.sockets;
    let groups = groups(scene, window_us, min_starts);
    let sizes: AHashMap<PairId, usize> = groups
        .iter()
        .filter(|(pair, _)| pair.name.is_none())
        .map(|(pair, group)| (*pair, group.rows.len()))
        .collect();
    groups
        .into_iter()
        // All sources together are another series only if there are several.
        .filter(|(pair, group)| pair.source.is_some() || group.has_several_sources)
        .filter(|(pair, group)| !pair.is_list || lists::is_one(&group.rows, sockets))
        .filter_map(move |(pair, group)| {
            let addr = sockets.remote_addr_id(*group.rows.first()?);
            let by_addr = PairId { name: None, addr, ..pair };
            let is_new = pair.name.is_none() || sizes.get(&by_addr) != Some(&group.rows.len());
            is_new.then(|| Series::of(Pair::of(PairId { addr, ..pair }, sockets), group.rows, sockets))
        })
        .filter(move |series| series.is_testable(min_starts))
        .flat_map(move |series| {
            let is_one = series.pair.source.is_some() && !series.pair.is_list;
            let parts = if is_one { series.parts(sockets, min_starts) } else { Vec::new() };
            let check_ins = if is_one { series.check_ins(sockets, min_starts) } else { None };
            std::iter::once(series).chain(parts).chain(check_ins)
        })
}

/// The connections of a pair.
struct Group {
    rows: Vec<usize>,
    first_source: SourceId,
    has_several_sources: bool,
}

/// The rows of every pair that has at least `min_starts`, by source and by local address.
///
/// Most pairs of a busy host have one or two, and would fill the memory: they are counted first, and
/// only those that are frequent are gathered.
fn groups(scene: &Scene<'_>, window_us: (i64, i64), min_starts: usize) -> BTreeMap<PairId, Group> {
    let sockets = &scene.sockets;
    let rows = opened_within(scene, window_us);
    let mut counts = Counts::new(rows.len());
    for pair in rows.iter().filter_map(|row| ids(scene, *row as usize)).flatten() {
        counts.add(&pair);
    }
    let mut groups: AHashMap<PairId, Group> = AHashMap::new();
    for row in rows.iter().map(|row| *row as usize) {
        let source = sockets.source_id(row);
        let is_frequent = |pair: &PairId| counts.may_be(pair, pair.min_starts(min_starts));
        for pair in ids(scene, row).into_iter().flatten().filter(is_frequent) {
            let group = groups.entry(pair).or_insert_with(|| Group {
                rows: Vec::new(),
                first_source: source,
                has_several_sources: false,
            });
            group.rows.push(row);
            group.has_several_sources |= group.first_source != source;
        }
    }
    // Of those that share a hash, some are less frequent than it seemed.
    groups.retain(|pair, group| group.rows.len() >= pair.min_starts(min_starts));
    groups.values_mut().for_each(|group| group.rows.shrink_to_fit());
    groups.into_iter().collect()
}

/// How often pairs occur, at least: those of one hash are counted together, and at worst gathered in vain.
struct Counts {
    hasher: RandomState,
    by_hash: Vec<u8>,
}

impl Counts {
    /// For the pairs of some connections, of which each has up to four: who has no name may be of two lists.
    fn new(connections: usize) -> Self {
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        Self { hasher, by_hash: vec![0; (4 * connections).next_power_of_two()] }
    }

    fn place(&self, pair: &PairId) -> usize {
        self.hasher.hash_one(pair) as usize & (self.by_hash.len() - 1)
    }

    fn add(&mut self, pair: &PairId) {
        let place = self.place(pair);
        self.by_hash[place] = self.by_hash[place].saturating_add(1);
    }

    /// Whether a pair may occur as often as this; surely if it does.
    fn may_be(&self, pair: &PairId, times: usize) -> bool {
        usize::from(self.by_hash[self.place(pair)]) >= times.min(u8::MAX.into())
    }
}

/// The pairs to which a connection belongs: of its source, of its local address, and of its source by
/// the name that it asked for, or by the lists that its address may be of.
fn ids(scene: &Scene<'_>, row: usize) -> Option<impl Iterator<Item = PairId>> {
    let sockets = &scene.sockets;
    let socket = sockets.get(row);
    let addr = Some(sockets.remote_addr_id(row)?);
    let is_inbound = socket.direction == Some(Direction::Inbound);
    let port = if is_inbound { socket.local_port } else { socket.remote_port }.unwrap_or_default();
    let pair = PairId {
        protocol: socket.protocol,
        addr,
        port,
        source: None,
        local_addr: None,
        name: None,
        is_inbound,
        is_list: false,
    };
    let source = Some(sockets.source_id(row));
    // What several programs of this host do together has a meaning only where they are the clients.
    let local_addr = Some(sockets.local_addr_id(row));
    let together = (!is_inbound).then_some(PairId { local_addr, ..pair });
    // By its name alone, whatever the address.
    let name = sockets.remote_name_id(row).filter(|_| !is_inbound);
    let by_name = name.map(|name| PairId { source, name: Some(name), addr: None, ..pair });
    let may_be_listed = name.is_none() && !is_inbound && lists::may_hold(&socket, scene);
    let of_list = PairId { source, addr: None, is_list: true, ..pair };
    let by_list = may_be_listed.then_some([of_list, PairId { port: 0, ..of_list }]);
    let by_list = by_list.into_iter().flatten();
    Some(std::iter::once(PairId { source, ..pair }).chain(together).chain(by_name).chain(by_list))
}

/// The rows that opened a connection within the window, in the order of time.
fn opened_within(scene: &Scene<'_>, window_us: (i64, i64)) -> Vec<u32> {
    let sockets = &scene.sockets;
    let mut attempts = Attempts::default();
    let mut is_one = |row: usize| {
        let socket = sockets.get(row);
        let is_inbound = socket.direction == Some(Direction::Inbound);
        socket.opened_in_recording
            && (is_inbound || scene.orientation.is_originator(&socket))
            && attempts.is_new(sockets, row)
    };
    sockets.first_seen_within(window_us).filter(|row| is_one(*row)).map(|row| row as u32).collect()
}
