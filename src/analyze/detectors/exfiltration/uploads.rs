//! What each source sent to each address, beside what it does otherwise.

use std::collections::BTreeMap;

use ahash::AHashMap;

use polars::prelude::{UInt32Type, UInt64Type};

use super::Thresholds;
use crate::Result;
use crate::model::orientation::Orientation;
use crate::model::records::Direction;
use crate::model::sockets::{Sockets, Source};
use crate::model::stats;
use crate::model::surroundings::Surroundings;
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
    /// Its address; the first, if there are several of one name.
    pub(super) addr: &'a str,
    /// The name by which it is asked for, as that of a cloud has many addresses.
    pub(super) name: Option<&'a str>,
    /// The address of this side.
    local_addr: &'a str,
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

    pub(super) fn is_call(&self) -> bool {
        self.port.is_some_and(|port| CALL_PORTS.iter().any(|ports| ports.contains(&port)))
    }
}

/// What every source sent to every address that it contacted; most sent first.
pub(super) fn find<'a>(
    sockets: &Sockets<'a>,
    surroundings: &Surroundings<'_>,
    tables: &'a Tables,
    config: &Thresholds,
) -> Result<Vec<Upload<'a>>> {
    let orientation = Orientation::new(sockets);
    let names = names(sockets);
    let mut uploads: BTreeMap<(Source<'a>, &'a str), Upload<'a>> = BTreeMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        let Some((addr, port)) = socket.remote() else { continue };
        let leaves = surroundings.leaves_network(&socket) && orientation.is_originator(&socket);
        if socket.direction != Some(Direction::Outbound) && !leaves {
            continue;
        }
        let source = Source::of(&socket);
        let name = names.get(&(source, addr)).copied();
        let upload = uploads.entry((source, name.unwrap_or(addr))).or_insert_with(|| Upload {
            source,
            addr,
            name,
            local_addr: socket.local_addr,
            port: Some(port),
            rows: Vec::new(),
            sent: 0,
            received: 0,
            largest: (0, 0),
            is_beyond: surroundings.leaves_network(&socket),
            span_us: (i64::MAX, i64::MIN),
            share: 0.0,
            times_others: None,
            times_largest: None,
            times_history: None,
        });
        upload.rows.push(row);
        upload.port = upload.port.filter(|known| *known == port);
        upload.sent = upload.sent.saturating_add(socket.recorded_sent.unwrap_or(0));
        upload.received = upload.received.saturating_add(socket.recorded_received.unwrap_or(0));
        let one = (socket.recorded_sent.unwrap_or(0), socket.recorded_received.unwrap_or(0));
        upload.largest = upload.largest.max(one);
        let (first, last) = upload.span_us;
        upload.span_us = (first.min(socket.first_seen_us), last.max(socket.last_seen_us));
    }
    let mut uploads: Vec<Upload<'a>> = uploads.into_values().collect();
    compare_with_others(&mut uploads);
    compare_with_host(&mut uploads);
    let histories = Histories::new(sockets, tables)?;
    for upload in uploads.iter_mut().filter(|upload| upload.sent >= config.min_sent_bytes) {
        upload.times_history = histories.times_usual_rate(upload, tables);
    }
    uploads.sort_by(|a, b| b.sent.cmp(&a.sent).then((a.source, a.addr).cmp(&(b.source, b.addr))));
    Ok(uploads)
}

/// The name by which a source asks for an address, where it does in any connection.
fn names<'a>(sockets: &Sockets<'a>) -> AHashMap<(Source<'a>, &'a str), &'a str> {
    let mut names = AHashMap::new();
    for socket in sockets.iter() {
        if let (Some((addr, _)), Some(name)) = (socket.remote(), socket.remote_name) {
            names.entry((Source::of(&socket), addr)).or_insert(name);
        }
    }
    names
}

/// Of uploads ordered by source.
fn compare_with_others(uploads: &mut [Upload<'_>]) {
    for of_source in uploads.chunk_by_mut(|a, b| a.source == b.source) {
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
}

/// The median of values in ascending order without the one at a place; none without others.
pub(super) fn median_without(sorted: &[f64], place: usize) -> Option<f64> {
    let number = sorted.len().checked_sub(1).filter(|number| *number > 0)?;
    let at = |n: usize| sorted[n + usize::from(n >= place)];
    let middle = number / 2;
    Some(if number % 2 == 1 { at(middle) } else { f64::midpoint(at(middle - 1), at(middle)) })
}

/// Against the most that the same host sent to another destination outside, whichever program did.
fn compare_with_host(uploads: &mut [Upload<'_>]) {
    // Of each host: destinations outside, and the two that were sent most.
    let mut hosts: AHashMap<&str, (usize, [u64; 2])> = AHashMap::new();
    for upload in uploads.iter().filter(|upload| upload.is_beyond && upload.sent > 0) {
        let (number, [first, second]) = hosts.entry(upload.local_addr).or_default();
        *number += 1;
        if upload.sent > *first {
            (*first, *second) = (upload.sent, *first);
        } else {
            *second = upload.sent.max(*second);
        }
    }
    for upload in uploads.iter_mut().filter(|upload| upload.is_beyond && upload.sent > 0) {
        let Some((number, [first, second])) = hosts.get(upload.local_addr) else { continue };
        if *number > LEAST_DESTINATIONS {
            let other = if upload.sent == *first { second } else { first };
            upload.times_largest = Some(upload.sent as f64 / (*other).max(1) as f64);
        }
    }
}

/// What each source sent per slice of the recording.
struct Histories<'a> {
    sent: BTreeMap<Source<'a>, BTreeMap<u32, u64>>,
}

impl<'a> Histories<'a> {
    fn new(sockets: &Sockets<'a>, tables: &'a Tables) -> Result<Self> {
        let mut sources: BTreeMap<u32, Source<'a>> = BTreeMap::new();
        for socket in sockets.iter() {
            if let Some(process) = socket.process {
                sources.insert(process, Source::of(&socket));
            }
        }
        let bins = &tables.process_bins;
        let mut sent: BTreeMap<Source<'a>, BTreeMap<u32, u64>> = BTreeMap::new();
        if bins.height() == 0 {
            return Ok(Self { sent });
        }
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
        let sent = self.sent.get(&upload.source)?;
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
