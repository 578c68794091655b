//! The processes that Sysmon saw start, and owners that are shared.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::event::{Connection, Process, ProcessKey};
use crate::capture::Owner;
use crate::import::owners::SharedOwners;

/// Processes that are kept.
const MOST_PROCESSES: usize = 300_000;

/// What is known of processes.
#[derive(Debug, Default)]
pub(super) struct Processes {
    known: HashMap<ProcessKey, Owner>,
    /// In the order in which they came, so that the oldest give way.
    order: VecDeque<ProcessKey>,
    count: u64,
    left_out: u64,
    shared: SharedOwners,
}

impl Processes {
    /// Takes a process that was started.
    pub(super) fn add(&mut self, process: Process) {
        self.count += 1;
        if self.known.len() >= MOST_PROCESSES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.left_out += 1;
        }
        if self.known.insert(process.key.clone(), process.owner).is_none() {
            self.order.push_back(process.key);
        }
    }

    /// Who owns a connection: what its event says, and what the start of the process adds.
    pub(super) fn owner(&mut self, connection: &Connection) -> Arc<Owner> {
        let mut owner = connection.owner.clone();
        if let Some(started) = connection.guid.as_ref().and_then(|key| self.known.get(key)) {
            // A number without a GUID may be that of another program by now.
            if owner.exe.is_none() || owner.exe == started.exe {
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
