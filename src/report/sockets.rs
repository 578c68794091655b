//! Looks up facts about a finding's sockets that the finding itself does not state.

use std::collections::{BTreeMap, BTreeSet};

use ahash::{AHashMap, AHashSet};

use super::json::v1::Finding;
use crate::Result;
use crate::model::Tables;
use crate::model::frame::UInt64Type;
use crate::model::orientation::Orientation;
use crate::model::records::Direction;
use crate::model::sockets::{self, Source};
use crate::model::tables::ProcessColumns;
use crate::model::view::Numbers;

/// The sockets of some findings.
pub(super) struct Sockets<'a> {
    /// Rows of the table of connections by `conn_id`.
    rows: AHashMap<u64, usize>,
    connections: Option<(sockets::Sockets<'a>, Orientation<'a>)>,
    processes: Option<ProcessColumns<'a>>,
}

impl<'a> Sockets<'a> {
    /// The sockets of the findings.
    ///
    /// # Errors
    /// If the table of connections has no `conn_id`: a bug.
    pub(super) fn new(tables: &'a Tables, findings: &[Finding]) -> Result<Self> {
        let wanted: AHashSet<u64> = findings.iter().flat_map(ids).collect();
        let all = Numbers::<UInt64Type>::of(&tables.connections, "conn_id")?;
        let rows = (0..all.len()).filter_map(|row| Some((all.get(row)?, row)));
        Ok(Self {
            rows: rows.filter(|(id, _)| wanted.contains(id)).collect(),
            connections: sockets::Sockets::new(tables).ok().map(|sockets| {
                let orientation = Orientation::new(&sockets);
                (sockets, orientation)
            }),
            processes: ProcessColumns::of(&tables.processes).ok(),
        })
    }

    /// The direction of a finding's connections; `None` if they differ or it is unknown.
    pub(super) fn direction(&self, finding: &Finding) -> Option<Direction> {
        let (sockets, _) = self.connections.as_ref()?;
        same(self.rows_of(finding).map(|row| sockets.columns().direction(row)))
    }

    /// Whether the local end opened a finding's connections; `None` if they differ or it is unknown.
    pub(super) fn is_local_originator(&self, finding: &Finding) -> Option<bool> {
        let (sockets, orientation) = self.connections.as_ref()?;
        let of = |row| Some(orientation.flow(&sockets.get(row))?.is_local_originator);
        same(self.rows_of(finding).map(of))
    }

    /// The executables behind a finding's connections, with their SHA-256 if known.
    pub(super) fn executables(&self, finding: &Finding) -> Vec<(&'a str, &'a str)> {
        let (Some((sockets, _)), Some(processes)) = (&self.connections, &self.processes) else {
            return Vec::new();
        };
        let rows = self.rows_of(finding).filter_map(|row| sockets.columns().process(row));
        let executable = |row: u32| processes.exe(row as usize).zip(processes.exe_sha256(row as usize));
        let mut found: Vec<_> = rows.filter_map(executable).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The remotes of a finding's connections, with the name that was resolved to them.
    pub(super) fn remotes(&self, finding: &Finding) -> BTreeSet<(&'a str, Option<&'a str>)> {
        let Some((sockets, _)) = &self.connections else { return BTreeSet::new() };
        let of = |row| {
            let socket = sockets.get(row);
            Some((socket.remote()?.0, socket.remote_name))
        };
        self.rows_of(finding).filter_map(of).collect()
    }

    /// Every remote contacted on one of these ports, with the local sources.
    pub(super) fn servers(&self, ports: &[u16]) -> BTreeMap<&'a str, BTreeSet<Source<'a>>> {
        let mut servers: BTreeMap<&'a str, BTreeSet<Source<'a>>> = BTreeMap::new();
        let Some((sockets, _)) = &self.connections else { return servers };
        for socket in sockets.iter().filter(|socket| socket.direction != Some(Direction::Inbound)) {
            if let Some((addr, port)) = socket.remote()
                && ports.contains(&port)
            {
                servers.entry(addr).or_default().insert(Source::of(&socket));
            }
        }
        servers
    }

    /// SHA-256 of every executable in a folder that `is_wanted` accepts.
    pub(super) fn hashes(&self, is_wanted: impl Fn(&str) -> bool) -> AHashSet<&'a str> {
        let Some(processes) = &self.processes else { return AHashSet::new() };
        let is_in = |row: &usize| processes.exe(*row).is_some_and(&is_wanted);
        (0..processes.len()).filter(is_in).filter_map(|row| processes.exe_sha256(row)).collect()
    }

    fn rows_of(&self, finding: &Finding) -> impl Iterator<Item = usize> {
        ids(finding).filter_map(|id| self.rows.get(&id).copied())
    }
}

/// The value that all have in common.
fn same<T: PartialEq>(mut values: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = values.next()??;
    values.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

fn ids(finding: &Finding) -> impl Iterator<Item = u64> {
    finding.evidence.connections.iter().filter_map(|id| id.parse().ok())
}
