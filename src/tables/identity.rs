//! The identity of a recording's rows.

use crate::capture::{Joined, Metadata};

/// The first columns of every row of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Id or name of the host.
    pub host_id: Option<String>,
    /// The boot id, if the recording is from one boot.
    pub boot_id: Option<String>,
    /// SHA-256 of the capture, or of the list of its files.
    pub capture_id: String,
    /// SHA-256 of each file of a recording read from several.
    pub files_sha256: Vec<String>,
    /// Name with which the capture can be replayed.
    pub name: String,
    /// Name of each file in the table of captures, for a recording read from several; empty to use
    /// their paths.
    pub file_names: Vec<String>,
    /// Size of the capture, if it is one file.
    pub bytes: Option<u64>,
}

impl Identity {
    /// From a recording's metadata.
    pub fn of(metadata: &Metadata, name: String, capture_id: String, files_sha256: Vec<String>) -> Self {
        Self {
            host_id: metadata.machine_id.clone().or_else(|| metadata.host_name.clone()),
            boot_id: metadata.boot_id.clone(),
            capture_id,
            files_sha256,
            name,
            file_names: Vec::new(),
            bytes: None,
        }
    }
}

/// The boots of a recording, for assigning rows to them.
pub(super) struct Boots<'a> {
    only: Option<&'a str>,
    /// Start of each file, with its boot and the mask of its `conn_id`; in time order.
    files: Vec<(i64, Option<&'a str>, u64)>,
}

impl<'a> Boots<'a> {
    pub(super) fn new(metadata: &'a Metadata) -> Self {
        let files = |joined: &'a Joined| {
            let mut files: Vec<_> = joined
                .files
                .iter()
                .map(|file| (file.start_us, file.boot_id.as_deref(), file.id_mask))
                .collect();
            files.sort_by_key(|(start_us, ..)| *start_us);
            files
        };
        let files =
            metadata.joined.as_deref().filter(|joined| joined.boots > 1).map(files).unwrap_or_default();
        Self { only: metadata.boot_id.as_deref(), files }
    }

    /// The boot of a socket first seen at this moment, and its `conn_id` within that boot.
    pub(super) fn place(&self, first_seen_us: i64, conn_id: u64) -> (Option<&'a str>, u64) {
        let after = self.files.partition_point(|(start_us, ..)| *start_us <= first_seen_us);
        match self.files.get(after.saturating_sub(1)) {
            Some((_, boot, mask)) => (*boot, conn_id ^ mask),
            None => (self.only, conn_id),
        }
    }

    /// The boot at a moment.
    pub(super) fn at(&self, us: i64) -> Option<&'a str> {
        self.place(us, 0).0
    }
}
