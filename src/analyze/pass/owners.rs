//! Processes: one record per pid, start and executable, and what was last known of each.

use std::cmp::Reverse;
use std::iter::successors;

use super::batch::{Batch, OWNER_TEXTS};
use super::words::Interned;
use crate::capture::DELETED;
use crate::model::index::Index;
use crate::model::records::{Process, ProcessId, TextId, Texts};

/// What identifies a process. Without a pid (some imports) its name has to do.
///
/// A process that executes another program keeps its pid and its start, and a pid that is given out again at
/// once may come with the same start, as that is told to the tick of the kernel's clock. So the executable
/// belongs to it: a connection is blamed on the program that had it, not on what the pid ran last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    pid: Option<u32>,
    start_us: Option<i64>,
    /// Without the kernel's mark of a file that was removed meanwhile.
    exe: Option<TextId>,
    name: Option<TextId>,
}

/// Where the processes lie that an identity may be: pid, name where there is no pid, and start in units of
/// [`SAME_START_US`].
type IdentityKey = (Option<u32>, Option<TextId>, Option<i64>);

const NAME: usize = 0;
const EXE: usize = 1;

/// Sources tell when a process started to the tick of the kernel's clock, each with its own rounding:
/// starts of one pid that are no farther apart than this, in µs, are one process.
const SAME_START_US: i64 = 10_000;

/// Every process so far.
#[derive(Default)]
pub(super) struct Owners {
    words: [Interned; OWNER_TEXTS.len()],
    /// Every identity that a row had, and the process that this is.
    seen: Vec<(Identity, ProcessId)>,
    /// Finds identities in `seen`.
    seen_index: Index,
    processes: Vec<Process>,
    /// The identity of each process, completed by later rows.
    identities: Vec<Identity>,
    /// Finds a process by its key.
    by_key: Index,
    /// For each process, another one with the same key that was not named yet.
    next_of_key: Vec<Option<ProcessId>>,
    /// When each process was last described, so that the last words about it stand.
    described_us: Vec<i64>,
}

impl Owners {
    /// Must be told of each batch before its rows are asked for.
    pub(super) fn set_dictionaries(&mut self, batch: &Batch) {
        for (interned, words) in self.words.iter_mut().zip(&batch.owner_texts) {
            interned.set_dictionary(words);
        }
    }

    /// The owner of the row's socket; none if the row does not know its process.
    pub(super) fn of_row(&mut self, batch: &Batch, row: usize, texts: &mut Texts) -> Option<ProcessId> {
        let pid = batch.pid.get(row);
        let name = self.words[NAME].get(&batch.owner_texts[NAME], row, texts);
        if pid.is_none() && name.is_none() {
            return None;
        }
        let exe = self.words[EXE].get(&batch.owner_texts[EXE], row, texts);
        let start_us = batch.process_start.get(row);
        let id = self.id(Identity { pid, start_us, exe: exe.map(|exe| without_mark(exe, texts)), name });
        self.describe(id, batch, row, texts);
        Some(id)
    }

    /// The processes, each under its id.
    pub(super) fn into_processes(self) -> Vec<Process> {
        self.processes
    }

    fn id(&mut self, identity: Identity) -> ProcessId {
        if let Some(at) = self.seen_index.find(&identity, |at| self.seen[at].0 == identity) {
            return self.seen[at].1;
        }
        let id = self.known(identity).unwrap_or_else(|| self.add(identity));
        let known = &mut self.identities[id.get() as usize];
        known.exe = known.exe.or(identity.exe);
        let Self { seen, seen_index, .. } = self;
        seen.push((identity, id));
        seen_index.insert(&identity, seen.len() - 1, |at| seen[at].0);
        id
    }

    fn add(&mut self, identity: Identity) -> ProcessId {
        let key = identity.key(0);
        let first = self.first_of_key(key);
        self.processes.push(unknown(identity));
        self.identities.push(identity);
        self.described_us.push(i64::MIN);
        let id = ProcessId::of(self.processes.len() as u32 - 1);
        let next = first.and_then(|first| self.next_of_key[first].replace(id));
        self.next_of_key.push(next);
        if first.is_none() {
            let identities = &self.identities;
            self.by_key.insert(&key, identities.len() - 1, |at| identities[at].key(0));
        }
        id
    }

    fn first_of_key(&self, key: IdentityKey) -> Option<usize> {
        self.by_key.find(&key, |at| self.identities[at].key(0) == key)
    }

    /// The process that this is: of the same pid and start but for the rounding, and with the same
    /// executable. Where that is not known of one of them, its name decides between several.
    fn known(&self, identity: Identity) -> Option<ProcessId> {
        let first = (-1..=1).filter_map(|step| self.first_of_key(identity.key(step)));
        let next = |id: &ProcessId| self.next_of_key[id.get() as usize];
        let near = first.flat_map(|at| successors(Some(ProcessId::of(at as u32)), next));
        let likeness = |id: ProcessId| self.identities[id.get() as usize].likeness(identity);
        let fitting = near.filter_map(|id| Some((likeness(id)?, Reverse(id))));
        // The oldest of those that fit alike.
        fitting.max().map(|(_, Reverse(id))| id)
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

impl Identity {
    /// Its key, or one of those beside it.
    fn key(self, step: i64) -> IdentityKey {
        let name = if self.pid.is_none() { self.name } else { None };
        let start = self.start_us.map(|start_us| start_us.div_euclid(SAME_START_US).saturating_add(step));
        (self.pid, name, start)
    }

    /// How well another identity fits this one; none if they are two processes.
    fn likeness(self, other: Self) -> Option<u8> {
        let has_same_name = self.name == other.name;
        let has_same_start = match (self.start_us, other.start_us) {
            (Some(own_us), Some(other_us)) => own_us.abs_diff(other_us) <= SAME_START_US as u64,
            (own_us, other_us) => own_us == other_us,
        };
        let is_one = self.pid == other.pid && has_same_start && (self.pid.is_some() || has_same_name);
        match (self.exe, other.exe) {
            _ if !is_one => None,
            (Some(own), Some(other)) => (own == other).then_some(2),
            _ => Some(u8::from(has_same_name)),
        }
    }
}

/// The path of an executable without the kernel's mark of a file that was removed.
fn without_mark(exe: TextId, texts: &mut Texts) -> TextId {
    match texts.get(exe).strip_suffix(DELETED).map(str::to_owned) {
        Some(path) => texts.intern(&path),
        None => exe,
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
