//! Whose a socket is: the recorded host's, or another network namespace's of the same kernel.
//!
//! A recorder in a container hears of the TCP connections of the whole kernel. Of those in other
//! namespaces it sees addresses alone: they have no owner, no byte counts and no snapshots, and say nothing
//! of the host or container that was to be recorded.

use std::net::IpAddr;

use ahash::AHashSet;
use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, UInt32Type, UInt64Type};

use crate::capture::{CaptureFile, Column, Kind};
use crate::model::records::Connection;

/// Tells of each socket whose it is.
pub(super) struct Own {
    is_import: bool,
    addrs: AHashSet<IpAddr>,
    /// Those of which the recorder listed the sockets, or in which one has an owner.
    namespaces: AHashSet<u64>,
}

impl Own {
    /// Learns the addresses and the network namespaces of the recorded host.
    pub(super) fn new(capture: &CaptureFile) -> Self {
        let metadata = capture.metadata();
        let is_import = metadata.import.is_some();
        let addrs = metadata.host_addresses.iter().filter_map(|addr| addr.parse().ok());
        Self {
            is_import,
            // Every namespace has addresses of its own for itself.
            addrs: addrs.filter(|addr: &IpAddr| !addr.is_loopback()).collect(),
            namespaces: if is_import { AHashSet::new() } else { namespaces(capture) },
        }
    }

    /// Whether a socket with this local address belongs to the recorded host; none where nothing tells, and in
    /// imports.
    pub(super) fn is_own(&self, has_owner: bool, netns: Option<u64>, local: Option<IpAddr>) -> Option<bool> {
        if self.is_import {
            return None;
        }
        let is_own = has_owner
            || netns.is_some_and(|netns| self.namespaces.contains(&netns))
            || local.is_some_and(|addr| self.addrs.contains(&addr));
        // Without a namespace anywhere nothing tells whose it is.
        if is_own || !self.namespaces.is_empty() { Some(is_own) } else { None }
    }
}

/// Whose sockets are analyzed.
pub(super) struct Whose {
    pub(super) own: Own,
    /// Whether sockets of other network namespaces are put aside.
    pub(super) leaves_out_foreign: bool,
}

impl Whose {
    /// Whether a socket is put aside, as far as its rows have told by now.
    pub(super) fn leaves_out(&self, connection: &Connection) -> bool {
        self.leaves_out_foreign && connection.is_own == Some(false)
    }
}

/// The network namespaces of the recorded host. Where all rows are of one, and one has an owner, that is it.
fn namespaces(capture: &CaptureFile) -> AHashSet<u64> {
    let of_group = |group| capture.only_netns(group);
    let mut groups = 0..capture.row_groups();
    if let Some(only) = groups.next().and_then(of_group)
        && !capture.is_all_null(0, Column::Pid)
        && groups.all(|group| of_group(group) == Some(only))
    {
        return AHashSet::from([only]);
    }
    let mut known = AHashSet::new();
    for group in (0..capture.row_groups()).filter(|group| !capture.is_all_null(*group, Column::Netns)) {
        // The pass notes a row group that cannot be read.
        let Ok(rows) = capture.row_group(group, &[Column::Kind, Column::Netns, Column::Pid]) else {
            continue;
        };
        for batch in rows.map_while(Result::ok) {
            learn(&batch, &mut known);
        }
    }
    known
}

/// Adds the namespaces of rows that only sockets of the recorded host have. Nothing from columns that are not
/// what the file's schema says: the pass refuses them.
fn learn(batch: &arrow_array::RecordBatch, known: &mut AHashSet<u64>) -> Option<()> {
    let netns = batch.column_by_name(Column::Netns.name())?.as_primitive_opt::<UInt64Type>()?;
    let kinds = batch.column_by_name(Column::Kind.name())?.as_dictionary_opt::<Int32Type>()?;
    let names = kinds.values().as_string_opt::<i32>()?;
    let snapshot = names.iter().position(|name| name == Some(Kind::Snapshot.as_str()));
    let snapshot = snapshot.and_then(|key| i32::try_from(key).ok());
    let pids = batch.column_by_name(Column::Pid.name());
    let pids = pids.and_then(|pids| pids.as_primitive_opt::<UInt32Type>());
    let mut last = None;
    for row in (0..batch.num_rows()).filter(|row| netns.is_valid(*row)) {
        let value = netns.value(row);
        let is_listed = kinds.keys().is_valid(row) && Some(kinds.keys().value(row)) == snapshot;
        if last != Some(value) && (is_listed || pids.is_some_and(|pids| pids.is_valid(row))) {
            known.insert(value);
            last = Some(value);
        }
    }
    Some(())
}
