//! Which sockets belong to the recorded host, and not to another network namespace of the same kernel.
//!
//! A recorder in a container asks the kernel for TCP sockets and is told those of every namespace. Of the
//! foreign ones it sees addresses alone: they have no owner and no byte counts, and say nothing of the
//! host or container that was to be recorded.

use std::collections::BTreeSet;

use polars::prelude::{DataFrame, UInt32Type, UInt64Type};

use super::view::{Numbers, Words};
use crate::Result;
use crate::capture::Metadata;

/// Tells of each socket whose it is.
pub struct Own<'a> {
    addresses: BTreeSet<&'a str>,
    namespaces: BTreeSet<u64>,
    is_import: bool,
    process: Numbers<'a, UInt32Type>,
    netns: Numbers<'a, UInt64Type>,
    local: Words<'a>,
}

impl<'a> Own<'a> {
    /// Learns the namespaces of a recording: those in which a socket has an owner.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if the table of sockets lacks a column: a bug.
    pub fn new(sockets: &'a DataFrame, metadata: &'a Metadata) -> Result<Self> {
        let process = Numbers::<UInt32Type>::of(sockets, "process")?;
        let netns = Numbers::<UInt64Type>::of(sockets, "netns")?;
        let is_shared = |addr: &&str| addr.starts_with("127.") || *addr == "::1";
        let addresses = metadata.host_addresses.iter().map(String::as_str);
        let owned = (0..sockets.height()).filter(|row| process.get(*row).is_some());
        Ok(Self {
            addresses: addresses.filter(|addr| !is_shared(addr)).collect(),
            namespaces: owned.filter_map(|row| netns.get(row)).collect(),
            is_import: metadata.import.is_some(),
            local: Words::of(sockets, "local_addr")?,
            process,
            netns,
        })
    }

    /// Whether the socket in a row belongs to the recorded host; none where nothing tells, and in imports.
    pub fn is_own(&self, row: usize) -> Option<bool> {
        if self.is_import {
            return None;
        }
        let is_in_namespace = self.netns.get(row).map(|netns| self.namespaces.contains(&netns));
        let has_address = self.local.get(row).is_some_and(|addr| self.addresses.contains(addr));
        if self.process.get(row).is_some() || has_address || is_in_namespace == Some(true) {
            return Some(true);
        }
        // Without a namespace anywhere nothing tells whose it is.
        if self.namespaces.is_empty() { None } else { Some(false) }
    }

    /// Whether the socket in a row is known to belong to another namespace.
    pub fn is_foreign(&self, row: usize) -> bool {
        self.is_own(row) == Some(false)
    }
}
