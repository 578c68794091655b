//! The sockets of one host at one or several moments, as tools print them.
//!
//! Each list of sockets is a tick, and needs a time: a line before it that is one, or for the first
//! the time that was given to the import. A list without a time is refused, as a made-up one would
//! be evidence of nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};

use super::owners::SharedOwners;
use super::{Input, Output};
use crate::capture::{Owner, OwnerSource, Protocol, Row, SourceStatus, TcpState, stable_id};
use crate::{Error, Result};

/// Addresses of the host that are listed, and times of lists of which the distances are known.
const MOST_ADDRESSES: usize = 10_000;
const MOST_TIMES: usize = 100_000;

/// A socket in a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Socket {
    pub(super) protocol: Protocol,
    /// IP protocol number of a raw socket.
    pub(super) protocol_number: Option<u16>,
    pub(super) state: Option<TcpState>,
    pub(super) local: (IpAddr, u16),
    pub(super) remote: Option<(IpAddr, u16)>,
    /// What the system calls it, if that is known: an inode, an address in the kernel.
    pub(super) identity: Option<String>,
    pub(super) owner: Owner,
}

/// Notes the host whose snapshot this is, if its name is around the text.
///
/// # Errors
/// [`Error::Import`] if there are several: their sockets and processes cannot be told apart.
pub(super) fn note_host(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let hosts = output.hosts();
    let Some(first) = hosts.first() else { return Ok(()) };
    if hosts.len() == 1 {
        output.metadata().host_name.get_or_insert_with(|| first.clone());
        return Ok(());
    }
    let input = inputs.iter().find(|input| input.begin.layout.is_some_and(|layout| layout.hosts.is_some()));
    let way = input.and_then(|input| input.begin.layout?.hosts).map(|style| style.way(first));
    let listed: Vec<&str> = hosts.iter().take(5).map(String::as_str).collect();
    let more = if hosts.len() > listed.len() { ", …" } else { "" };
    Err(Error::Import {
        path: input.map(|input| input.path.clone()).unwrap_or_default(),
        reason: format!(
            "it holds the output of {} hosts ({}{more}), and a snapshot is that of one host. Import each by itself: {}",
            hosts.len(),
            listed.join(", "),
            way.unwrap_or_default()
        ),
    })
}

/// Lists of sockets on their way into a capture.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    lists: u32,
    sockets: u64,
    /// The time that the next list has.
    next_us: Option<i64>,
    now_us: i64,
    times_us: Vec<i64>,
    times_without_zone: u64,
    addresses: BTreeSet<IpAddr>,
    owners: SharedOwners,
}

impl Snapshots {
    /// Before the first list, of which the time may be given.
    pub(super) fn new(taken_at_us: Option<i64>) -> Self {
        Self { next_us: taken_at_us, ..Self::default() }
    }

    /// Takes the time of the next list.
    pub(super) fn set_time(&mut self, ts_us: i64, has_zone: bool) {
        self.next_us = Some(ts_us);
        self.times_without_zone += u64::from(!has_zone);
    }

    /// Whether a time has come since the last list began.
    pub(super) fn has_time(&self) -> bool {
        self.next_us.is_some()
    }

    /// Whether a list of another file has begun, which one without a time of its own belongs to.
    pub(super) fn continues(&self) -> bool {
        self.lists > 0
    }

    /// Begins a list. `file` is where it is, for the error.
    ///
    /// # Errors
    /// [`Error::Import`] if it has no time.
    pub(super) fn begin(&mut self, file: &Path) -> Result<()> {
        self.now_us = self.next_us.take().ok_or_else(|| undated(file, self.lists))?;
        self.lists = self.lists.saturating_add(1);
        if self.times_us.len() < MOST_TIMES {
            self.times_us.push(self.now_us);
        }
        Ok(())
    }

    /// The row of a socket of the list that was begun last.
    pub(super) fn row(&mut self, socket: Socket) -> Row {
        self.sockets += 1;
        if socket.remote.is_some() && self.addresses.len() < MOST_ADDRESSES {
            self.addresses.insert(socket.local.0);
        }
        let has_process = socket.owner.pid.is_some() || socket.owner.process_name.is_some();
        let conn_id = conn_id(&socket);
        let owner = (socket.owner != Owner::default()).then(|| self.owners.share(socket.owner));
        Row {
            ts_us: self.now_us,
            mono_ns: self.now_us.saturating_mul(1000),
            tick: self.lists.saturating_sub(1),
            protocol_number: socket.protocol_number,
            remote: socket.remote,
            state: socket.state,
            owner,
            owner_source: has_process.then_some(OwnerSource::Import),
            ..Row::snapshot(conn_id, socket.protocol, socket.local)
        }
    }

    /// Says what the lists are, when all were read.
    pub(super) fn say(&self, output: &mut Output<'_>) {
        let detail = format!(
            "{} in {}",
            super::plural(self.sockets, "socket"),
            super::plural(u64::from(self.lists), "snapshot")
        );
        output.source("snapshots", SourceStatus::Ran, detail);
        output.times_read_as_utc(self.times_without_zone);
        let metadata = output.metadata();
        metadata.ticks_taken = u64::from(self.lists);
        metadata.start_us = self.times_us.iter().copied().min().unwrap_or_default();
        metadata.end_us = self.times_us.iter().copied().max().unwrap_or_default();
        metadata.interval_ms = interval_ms(&self.times_us);
        metadata.host_addresses = self.addresses.iter().map(ToString::to_string).collect();
    }
}

/// What to do for a list without a time: the time of the file is only a hint, as copies have another.
pub(super) fn undated(file: &Path, lists_before: u32) -> Error {
    let reason = if lists_before > 0 {
        "it contains several snapshots, not all with a time: print the date before each".to_owned()
    } else {
        let changed = file.metadata().and_then(|metadata| metadata.modified()).ok();
        let hint = changed.map_or_else(String::new, |changed| {
            let changed = DateTime::<Utc>::from(changed).to_rfc3339_opts(SecondsFormat::Secs, true);
            format!(" (the file was last changed at {changed})")
        });
        format!("it does not say when it was taken: give the time, --at 2026-11-24T10:00:00Z{hint}")
    };
    Error::Import { path: file.to_path_buf(), reason }
}

/// The median of the times between lists, at least a millisecond; a second where there is none.
fn interval_ms(times_us: &[i64]) -> u64 {
    let mut gaps: Vec<i64> = times_us.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    gaps.retain(|gap| *gap > 0);
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).map_or(1000, |gap| (gap / 1000).max(1) as u64)
}

/// The same for the same socket in every list: by what the system calls it, and by its ends.
fn conn_id(socket: &Socket) -> u64 {
    let name = format!("{:?} {:?} {:?} {:?}", socket.protocol, socket.identity, socket.local, socket.remote);
    stable_id(name.as_bytes())
}

/// An importer that reads a file of such lists by itself.
pub(super) fn import(
    inputs: &[Input],
    output: &mut Output<'_>,
    mut read: impl FnMut(&Input, &mut Snapshots, &mut Output<'_>) -> Result<()>,
) -> Result<()> {
    let mut snapshots = Snapshots::new(output.taken_at_us());
    for input in inputs {
        read(input, &mut snapshots, output)?;
    }
    snapshots.say(output);
    note_host(inputs, output)
}
