//! What each source sent to each address, beside what it does otherwise.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ahash::AHashMap;

use super::daily::days_alike;
use super::{FTP, Thresholds};
use crate::Result;
use crate::analyze::appraisal::domains;
use crate::analyze::scene::Scene;
use crate::model::frame::{UInt32Type, UInt64Type};
use crate::model::groups::Groups;
use crate::model::ids::SourceId;
use crate::model::records::{Direction, TextId};
use crate::model::sockets::{Socket, Sockets, Source};
use crate::model::stats;
use crate::model::tables::Tables;
use crate::model::view::Numbers;

/// Slices with traffic outside of an upload that make a history.
const LEAST_HISTORY: usize = 5;

/// Other destinations outside to which a host must have sent something for the largest of them to be a measure.
const LEAST_DESTINATIONS: usize = 5;

/// Times the largest of them from which on an upload is unlike anything else that the host sends.
const TIMES_LARGEST: f64 = 10.0;

/// Ports at which mail is handed in.
const MAIL_PORTS: [u16; 3] = [25, 465, 587];

/// Ports of video calls (STUN and TURN, Zoom, Teams, Meet).
const CALL_PORTS: [std::ops::RangeInclusive<u16>; 3] = [3_478..=3_481, 8_801..=8_810, 19_302..=19_309];

/// Programs of which the duty is to send, by the start of their name.
const SENDERS: [(&str, &str); 17] = [
    ("restic", "a backup program"),
    ("borg", "a backup program"),
    ("duplic", "a backup program"),
    ("bacula", "a backup program"),
    ("bareos", "a backup program"),
    ("veeam", "a backup program"),
    ("kopia", "a backup program"),
    ("pg_basebackup", "a backup program"),
    ("zoom", "a video call program"),
    ("teams", "a video call program"),
    ("jitsi", "a video call program"),
    ("webex", "a video call program"),
    ("obs", "a video streaming program"),
    ("git", "a tool that pushes to repositories"),
    ("dockerd", "a tool that pushes to registries"),
    ("dropbox", "a file synchronization program"),
    ("nextcloud", "a file synchronization program"),
];

/// What a source sent to an address.
#[derive(Debug)]
pub(super) struct Upload<'a> {
    pub(super) source: Source<'a>,
    source_id: SourceId,
    /// Its address; the first, if there are several of one name.
    pub(super) addr: &'a str,
    /// The name by which it is asked for, as that of a cloud has many addresses.
    pub(super) name: Option<&'a str>,
    /// The port, if it is always the same.
    pub(super) port: Option<u16>,
    /// Rows in the table of sockets, in the order of time.
    pub(super) rows: Vec<usize>,
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Bytes sent and received by the connection that sent most.
    pub(super) largest: (u64, u64),
    pub(super) is_beyond: bool,
    pub(super) span_us: (i64, i64),
    /// Share of all that the source sent with connections that it opened, 0 to 1.
    pub(super) share: f64,
    /// Times the median of what the source sent to each of its other addresses; none without.
    pub(super) times_others: Option<f64>,
    /// Times the most that its host sent to any other destination outside; none with too few of them.
    pub(super) times_largest: Option<f64>,
    /// Times the rate at which the source sends otherwise; none without enough history.
    pub(super) times_history: Option<f64>,
    /// Days on each of which about as much is sent at about the same time; none if they differ, or are few.
    pub(super) days_alike: Option<usize>,
}

impl Upload<'_> {
    pub(super) fn meets(&self, config: &Thresholds) -> bool {
        self.sent >= config.min_sent_bytes
            && self.ratio() >= config.min_ratio
            && self.times_others.is_none_or(|times| times >= config.min_times_others)
    }

    /// Whether it would be worth a finding if the destination is suspicious: too little to be one by its
    /// volume, and sent almost without an answer, in all or in one connection.
    pub(super) fn is_small_and_one_way(&self, config: &Thresholds) -> bool {
        let is_one_way = |(sent, received): (u64, u64)| {
            sent >= config.min_small_bytes && sent as f64 >= config.min_small_ratio * received.max(1) as f64
        };
        let is_worth_it = is_one_way((self.sent, self.received)) || is_one_way(self.largest);
        self.is_beyond && !self.meets(config) && (is_worth_it || self.is_unlike_the_rest(config))
    }

    /// Whether it is far more than its host sends to any other destination outside, and mostly one way.
    pub(super) fn is_unlike_the_rest(&self, config: &Thresholds) -> bool {
        self.is_beyond
            && self.sent >= config.min_unusual_bytes
            && self.ratio() >= config.min_ratio
            && self.times_largest.is_some_and(|times| times >= TIMES_LARGEST)
    }

    /// Whether a small upload is far more than its host sends to any other destination outside: enough to notice, and little
    /// enough for a photo.
    pub(super) fn is_small_and_unlike_the_rest(&self, config: &Thresholds) -> bool {
        !self.is_unlike_the_rest(config)
            && self.is_small_and_one_way(config)
            && self.times_largest.is_some_and(|times| times >= TIMES_LARGEST)
    }

    /// Sent over received.
    pub(super) fn ratio(&self) -> f64 {
        self.sent as f64 / self.received.max(1) as f64
    }

    pub(super) fn seconds(&self) -> f64 {
        (self.span_us.1 as f64 - self.span_us.0 as f64) / 1e6
    }

    /// The duty of a program of this name, if it is to send. A name proves nothing, which is why
    /// it only ranks down.
    pub(super) fn duty(&self) -> Option<&'static str> {
        let Source::Process(name) = self.source else { return None };
        SENDERS.iter().find(|(start, _)| name.starts_with(start)).map(|(_, duty)| *duty)
    }

    /// Where it goes: the address, after the name where there is one.
    pub(super) fn destination(&self) -> String {
        self.name.map_or_else(|| self.addr.to_owned(), |name| format!("{name} ({})", self.addr))
    }

    pub(super) fn is_mail(&self) -> bool {
        self.port.is_some_and(|port| MAIL_PORTS.contains(&port))
    }

    pub(super) fn is_ftp(&self, sockets: &Sockets<'_>) -> bool {
        self.rows.iter().any(|row| sockets.columns().remote_port(*row) == Some(FTP))
    }

    pub(super) fn is_call(&self) -> bool {
        self.port.is_some_and(|port| CALL_PORTS.iter().any(|ports| ports.contains(&port)))
    }
}

/// What the sources sent to the addresses that they contacted, most sent first: the first `max_listed`, and all that
/// could be worth a finding.
pub(super) fn find<'a>(
    scene: &Scene<'a>,
    tables: &'a Tables,
    config: &Thresholds,
) -> Result<Vec<Upload<'a>>> {
    let names = names(&scene.sockets);
    let pairs = pairs(scene, &names);
    let totals = told(&pairs, scene, config);
    let mut uploads: Vec<Upload<'a>> =
        totals.iter().map(|total| Upload::new(total, pairs.get(total.pair), &names, scene)).collect();
    let is_large = |upload: &&mut Upload<'_>| upload.sent >= config.min_sent_bytes;
    if uploads.iter_mut().any(|upload| is_large(&upload)) {
        let histories = Histories::new(&scene.sockets, tables)?;
        for upload in uploads.iter_mut().filter(is_large) {
            upload.times_history = histories.times_usual_rate(upload, tables);
        }
    }
    Ok(uploads)
}

/// The totals that are told, most sent first. They are made source by source: a busy network has about as many pairs as
/// connections.
fn told(pairs: &Groups<Pair>, scene: &Scene<'_>, config: &Thresholds) -> Vec<Total> {
    let fewest = config.min_sent_bytes.min(config.min_unusual_bytes).min(config.min_small_bytes);
    let listed = config.max_listed as usize;
    let keep_told = |told: &mut Vec<Total>| {
        told.sort_unstable_by_key(|total| (Reverse(total.sent), total.pair.0, total.addr));
        let large = told.partition_point(|total| total.sent >= fewest);
        told.truncate(large.max(listed));
    };
    let (mut told, mut hosts): (Vec<Total>, Hosts) = (Vec::new(), Hosts::default());
    let (mut of_source, mut full): (Vec<Total>, usize) = (Vec::new(), 2 * listed.max(1));
    let mut end_source = |of_source: &mut Vec<Total>| {
        compare_with_others(of_source);
        for total in of_source.iter() {
            hosts.add(total);
        }
        told.append(of_source);
        if told.len() >= full {
            keep_told(&mut told);
            full = 2 * told.len().max(listed).max(1);
        }
    };
    for (pair, rows) in pairs.iter() {
        if of_source.last().is_some_and(|last| last.pair.0 != pair.0) {
            end_source(&mut of_source);
        }
        of_source.push(Total::new(pair, rows, scene));
    }
    end_source(&mut of_source);
    keep_told(&mut told);
    for total in &mut told {
        hosts.compare(total);
    }
    told
}

/// A source, and the name by which it asks for a destination, else the destination's address.
type Pair = (SourceId, TextId);

/// The connections of every source to every destination.
fn pairs(scene: &Scene<'_>, names: &AHashMap<Pair, TextId>) -> Groups<Pair> {
    let sockets = &scene.sockets;
    let mut keyed = Vec::with_capacity(sockets.len());
    for (row, socket) in sockets.iter().enumerate() {
        let Some(addr) = sockets.remote_addr_id(row) else { continue };
        let leaves =
            || scene.surroundings.leaves_network(&socket) && scene.orientation.is_originator(&socket);
        if socket.direction == Some(Direction::Outbound) || leaves() {
            let source = sockets.source_id(row);
            let name = names.get(&(source, addr)).copied();
            keyed.push(((source, name.unwrap_or(addr)), row as u32));
        }
    }
    Groups::new(keyed)
}

/// The name by which a source asks for an address, where it does in any connection.
fn names(sockets: &Sockets<'_>) -> AHashMap<Pair, TextId> {
    let mut names = AHashMap::new();
    // A service for files has a name for each of its servers; the first stands for all.
    let mut drops: AHashMap<&str, TextId> = AHashMap::new();
    for row in 0..sockets.len() {
        if let (Some(addr), Some(name)) = (sockets.remote_addr_id(row), sockets.remote_name_id(row)) {
            names.entry((sockets.source_id(row), addr)).or_insert_with(|| {
                let text = sockets.text(name);
                let drop = domains::registered_domain(text).filter(|_| domains::is_file_drop(text));
                drop.map_or(name, |domain| *drops.entry(domain).or_insert(name))
            });
        }
    }
    names
}

/// What a source sent to a destination, in sum.
struct Total {
    pair: Pair,
    /// Of its first connection.
    addr: TextId,
    local_addr: TextId,
    is_beyond: bool,
    sent: u64,
    received: u64,
    share: f64,
    times_others: Option<f64>,
    times_largest: Option<f64>,
}

impl Total {
    fn new(pair: Pair, rows: &[u32], scene: &Scene<'_>) -> Self {
        let sum = |field: fn(&Socket<'_>) -> Option<u64>| {
            let sockets = scene.sockets.walk(rows.iter().map(|row| *row as usize));
            sockets.filter_map(|socket| field(&socket)).fold(0, u64::saturating_add)
        };
        // A group has at least one row.
        let first = rows.first().map_or(0, |row| *row as usize);
        Self {
            pair,
            addr: scene.sockets.remote_addr_id(first).unwrap_or(pair.1),
            local_addr: scene.sockets.local_addr_id(first),
            is_beyond: scene.surroundings.leaves_network(&scene.sockets.get(first)),
            sent: sum(|socket| socket.recorded_sent),
            received: sum(|socket| socket.recorded_received),
            share: 0.0,
            times_others: None,
            times_largest: None,
        }
    }
}

impl<'a> Upload<'a> {
    fn new(total: &Total, rows: &[u32], names: &AHashMap<Pair, TextId>, scene: &Scene<'a>) -> Self {
        let sockets = &scene.sockets;
        let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
        let members = sockets.subset(&rows);
        let (addr, port) = members.first().and_then(|first| first.remote()).unwrap_or_default();
        let name = names.get(&(total.pair.0, total.addr)).map(|name| sockets.text(*name));
        let is_one_port = members.iter().all(|socket| socket.remote().is_some_and(|remote| remote.1 == port));
        let bytes =
            |socket: Socket<'_>| (socket.recorded_sent.unwrap_or(0), socket.recorded_received.unwrap_or(0));
        let first_us = members.iter().map(|socket| socket.first_seen_us).min();
        let last_us = members.iter().map(|socket| socket.last_seen_us).max();
        Self {
            source: sockets.source(total.pair.0),
            source_id: total.pair.0,
            addr,
            name,
            port: is_one_port.then_some(port),
            sent: total.sent,
            received: total.received,
            largest: members.iter().map(bytes).max().unwrap_or_default(),
            is_beyond: total.is_beyond,
            span_us: first_us.zip(last_us).unwrap_or_default(),
            share: total.share,
            times_others: total.times_others,
            times_largest: total.times_largest,
            times_history: None,
            days_alike: days_alike(members),
            rows,
        }
    }
}

/// Of the totals of one source.
fn compare_with_others(of_source: &mut [Total]) {
    let all: Vec<f64> = stats::sorted(of_source.iter().map(|upload| upload.sent as f64));
    let total: f64 = all.iter().sum();
    for upload in of_source {
        let sent = upload.sent as f64;
        upload.share = if total > 0.0 { sent / total } else { 0.0 };
        // The first equal value stands for the upload itself.
        let own = all.partition_point(|other| *other < sent);
        upload.times_others = median_without(&all, own).map(|median| sent / median.max(1.0));
    }
}

/// The median of values in ascending order without the one at a place; none without others.
pub(super) fn median_without(sorted: &[f64], place: usize) -> Option<f64> {
    let number = sorted.len().checked_sub(1).filter(|number| *number > 0)?;
    let at = |n: usize| sorted[n + usize::from(n >= place)];
    let middle = number / 2;
    Some(if number % 2 == 1 { at(middle) } else { f64::midpoint(at(middle - 1), at(middle)) })
}

/// What each host sent to destinations outside, whichever program did: their number, and the two that were sent most.
#[derive(Default)]
struct Hosts(AHashMap<TextId, (usize, [u64; 2])>);

impl Hosts {
    fn add(&mut self, upload: &Total) {
        if !upload.is_beyond || upload.sent == 0 {
            return;
        }
        let (number, [first, second]) = self.0.entry(upload.local_addr).or_default();
        *number += 1;
        if upload.sent > *first {
            (*first, *second) = (upload.sent, *first);
        } else {
            *second = upload.sent.max(*second);
        }
    }

    /// Compares with the most that the same host sent to another destination.
    fn compare(&self, upload: &mut Total) {
        let Some((number, [first, second])) = self.0.get(&upload.local_addr) else { return };
        if upload.is_beyond && upload.sent > 0 && *number > LEAST_DESTINATIONS {
            let other = if upload.sent == *first { second } else { first };
            upload.times_largest = Some(upload.sent as f64 / (*other).max(1) as f64);
        }
    }
}

/// What each source sent per slice of the recording.
struct Histories {
    sent: BTreeMap<SourceId, BTreeMap<u32, u64>>,
}

impl Histories {
    fn new(sockets: &Sockets<'_>, tables: &Tables) -> Result<Self> {
        let bins = &tables.process_bins;
        let mut sent: BTreeMap<SourceId, BTreeMap<u32, u64>> = BTreeMap::new();
        if bins.height() == 0 {
            return Ok(Self { sent });
        }
        let processes = (0..sockets.len()).filter_map(|row| Some((sockets.get(row).process?, row)));
        let sources: AHashMap<u32, SourceId> =
            processes.map(|(process, row)| (process, sockets.source_id(row))).collect();
        let bin = Numbers::<UInt32Type>::of(bins, "bin")?;
        let process = Numbers::<UInt32Type>::of(bins, "process")?;
        let bytes = Numbers::<UInt64Type>::of(bins, "bytes_sent")?;
        for row in 0..bin.len() {
            let source = process.get(row).and_then(|process| sources.get(&process));
            let (Some(source), Some(bin)) = (source, bin.get(row)) else { continue };
            *sent.entry(*source).or_default().entry(bin).or_default() += bytes.get(row).unwrap_or(0);
        }
        Ok(Self { sent })
    }

    /// The rate of an upload over the median rate of the slices outside of it in which its source
    /// sent something.
    fn times_usual_rate(&self, upload: &Upload<'_>, tables: &Tables) -> Option<f64> {
        let width_us = tables.bin_width_us.max(1);
        let slice = |ts_us: i64| ts_us.saturating_sub(tables.span_us.0).div_euclid(width_us);
        let during = slice(upload.span_us.0) - 1..=slice(upload.span_us.1) + 1;
        let sent = self.sent.get(&upload.source_id)?;
        let outside = stats::sorted(
            sent.iter()
                .filter(|(bin, bytes)| **bytes > 0 && !during.contains(&i64::from(**bin)))
                .map(|(_, bytes)| *bytes as f64),
        );
        if outside.len() < LEAST_HISTORY {
            return None;
        }
        let slices = (upload.seconds() * 1e6 / width_us as f64).max(1.0);
        Some(upload.sent as f64 / slices / stats::median(&outside)?.max(1.0))
    }
}
