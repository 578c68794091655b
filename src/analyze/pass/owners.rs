//! Processes: one record per pid and start, and what was last known of each.

use ahash::AHashMap;

use super::batch::{Batch, OWNER_TEXTS};
use super::words::Interned;
use crate::model::records::{Process, ProcessId, TextId, Texts};

/// What identifies a process. Without a pid (some imports) its name has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    pid: Option<u32>,
    start_us: Option<i64>,
    name_without_pid: Option<TextId>,
}

/// Sources tell when a process started to the tick of the kernel's clock, each with its own rounding:
/// starts of one pid that are no farther apart than this, in µs, are one process.
const SAME_START_US: i64 = 10_000;

/// Every process so far.
#[derive(Default)]
pub(super) struct Owners {
    words: [Interned; OWNER_TEXTS.len()],
    ids: AHashMap<Identity, ProcessId>,
    /// By pid and the start in units of [`SAME_START_US`].
    by_start: AHashMap<(u32, i64), ProcessId>,
    processes: Vec<Process>,
    /// When each process was last described, so that the last words about it stand (a
    /// program that calls exec keeps its pid and start, but not its name).
    described_us: Vec<i64>,
}

impl Owners {
    /// Must be told of each batch before its rows are asked for.
    pub(super) fn turn_to(&mut self, batch: &Batch) {
        for (interned, words) in self.words.iter_mut().zip(&batch.owner_texts) {
            interned.turn_to(words);
        }
    }

    /// The owner of the row's socket; none if the row does not know its process.
    pub(super) fn of_row(&mut self, batch: &Batch, row: usize, texts: &mut Texts) -> Option<ProcessId> {
        let pid = batch.pid.get(row);
        let name = self.words[0].get(&batch.owner_texts[0], row, texts);
        if pid.is_none() && name.is_none() {
            return None;
        }
        let start_us = batch.process_start.get(row);
        let name_without_pid = if pid.is_none() { name } else { None };
        let id = self.id(Identity { pid, start_us, name_without_pid });
        self.describe(id, batch, row, texts);
        Some(id)
    }

    /// The processes, each under its id.
    pub(super) fn into_processes(self) -> Vec<Process> {
        self.processes
    }

    fn id(&mut self, identity: Identity) -> ProcessId {
        if let Some(id) = self.ids.get(&identity) {
            return *id;
        }
        let id = self.started_with(identity).unwrap_or_else(|| {
            self.processes.push(unknown(identity));
            self.described_us.push(i64::MIN);
            let id = ProcessId::of(self.processes.len() as u32 - 1);
            if let (Some(pid), Some(start_us)) = (identity.pid, identity.start_us) {
                self.by_start.insert((pid, start_us.div_euclid(SAME_START_US)), id);
            }
            id
        });
        self.ids.insert(identity, id);
        id
    }

    /// The process of the same pid that started at the same time but for the rounding.
    fn started_with(&self, identity: Identity) -> Option<ProcessId> {
        let (pid, start_us) = (identity.pid?, identity.start_us?);
        let place = start_us.div_euclid(SAME_START_US);
        let near = (-1..=1).filter_map(|step| self.by_start.get(&(pid, place.saturating_add(step))).copied());
        let is_same = |id: &ProcessId| {
            let other_us = self.processes[id.get() as usize].process_start_us;
            other_us.is_some_and(|other_us| other_us.abs_diff(start_us) <= SAME_START_US as u64)
        };
        near.into_iter().find(is_same)
    }

    /// Takes over what the row says of its owner. A later row replaces what an earlier one
    /// said, and an earlier one fills what is still unknown.
    fn describe(&mut self, id: ProcessId, batch: &Batch, row: usize, texts: &mut Texts) {
        let is_later = batch.ts_us[row] >= self.described_us[id.get() as usize];
        if is_later {
            self.described_us[id.get() as usize] = batch.ts_us[row];
        }
        let process = &mut self.processes[id.get() as usize];
        update(&mut process.ppid, batch.ppid.get(row), is_later);
        update(&mut process.uid, batch.uid.get(row), is_later);
        let fields = [
            &mut process.process_name,
            &mut process.exe,
            &mut process.cmdline,
            &mut process.username,
            &mut process.parent_name,
            &mut process.container,
            &mut process.exe_sha256,
        ];
        for ((field, interned), words) in fields.into_iter().zip(&mut self.words).zip(&batch.owner_texts) {
            update(field, interned.get(words, row, texts), is_later);
        }
    }
}

fn update<T>(field: &mut Option<T>, seen: Option<T>, is_later: bool) {
    if seen.is_some() && (is_later || field.is_none()) {
        *field = seen;
    }
}

fn unknown(identity: Identity) -> Process {
    Process {
        pid: identity.pid,
        ppid: None,
        uid: None,
        process_name: None,
        exe: None,
        cmdline: None,
        username: None,
        parent_name: None,
        actor: None,
        container: None,
        exe_sha256: None,
        process_start_us: identity.start_us,
        cpu_percent_mean: None,
        cpu_percent_max: None,
        memory_rss_max_bytes: None,
    }
}
