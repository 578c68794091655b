//! The processes that were seen to start, and owners that are shared.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::event::{Connection, Process, ProcessKey};
use crate::capture::Owner;
use crate::import::owners::SharedOwners;

/// Names of processes that are kept.
const MOST_PROCESSES: usize = 300_000;

/// What is known of processes.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// By their start, as a number is used again.
    known: HashMap<ProcessKey, BTreeMap<i64, Owner>>,
    /// In the order in which they came, so that the oldest give way.
    order: VecDeque<(ProcessKey, i64)>,
    count: u64,
    left_out: u64,
    shared: SharedOwners,
}

impl Processes {
    /// Takes a process that was started.
    pub(super) fn add(&mut self, process: Process) {
        self.count += 1;
        let Process { keys, owner } = process;
        // Of one without a start nothing is later.
        let start_us = owner.process_start_us.unwrap_or(i64::MIN);
        for key in keys {
            if self.order.len() >= MOST_PROCESSES {
                self.drop_oldest();
            }
            let replaced = self.known.entry(key.clone()).or_default().insert(start_us, owner.clone());
            if replaced.is_none() {
                self.order.push_back((key, start_us));
            }
        }
    }

    fn drop_oldest(&mut self) {
        let Some((key, start_us)) = self.order.pop_front() else { return };
        self.left_out += 1;
        if let Entry::Occupied(mut entry) = self.known.entry(key) {
            entry.get_mut().remove(&start_us);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// The start of the process of a connection: of those with its number, the last before it.
    fn start(&self, connection: &Connection) -> Option<&Owner> {
        let key = connection.guid.as_ref()?;
        let starts = self.known.get(key)?;
        let last = match key {
            ProcessKey::Guid(_) => starts.last_key_value(),
            ProcessKey::Pid(..) => starts.range(..=connection.ts_us).next_back(),
        };
        last.map(|(_, owner)| owner)
    }

    /// Who owns a connection: what its event says, and what the start of the process adds.
    pub(super) fn owner(&mut self, connection: &Connection) -> Arc<Owner> {
        let mut owner = connection.owner.clone();
        if let Some(started) = self.start(connection) {
            // A number without a GUID may be that of another program by now.
            if owner.exe.is_none() || is_same_file(owner.exe.as_deref(), started.exe.as_deref()) {
                if !connection.is_of_sysmon {
                    // It names the drive, where the Filtering Platform names the volume.
                    owner.exe = None;
                    owner.process_name = None;
                }
                let Owner { ppid, cmdline, parent_name, exe_sha256, process_start_us, .. } = started.clone();
                owner = Owner { ppid, cmdline, parent_name, exe_sha256, process_start_us, ..owner };
                owner.exe = owner.exe.or_else(|| started.exe.clone());
                owner.process_name = owner.process_name.or_else(|| started.process_name.clone());
                owner.username = owner.username.or_else(|| started.username.clone());
            }
        }
        self.shared.share(owner)
    }

    /// How many starts there were.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// How many had to give way.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// Whether two paths name one file: `C:\Windows\x.exe` is `\device\harddiskvolume2\windows\x.exe`.
fn is_same_file(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one == other };
    one == other || within_volume(one).eq_ignore_ascii_case(within_volume(other))
}

/// A path without the drive or the volume that it begins with.
fn within_volume(path: &str) -> &str {
    let bytes = path.as_bytes();
    if let [b'A'..=b'Z' | b'a'..=b'z', b':', ..] = bytes {
        return &path[2..];
    }
    let prefix = r"\device\";
    let is_device = path.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    let rest = if is_device { &path[prefix.len()..] } else { return path };
    rest.find('\\').map_or(path, |at| &rest[at..])
}
