//! Which program a process was, also when it is gone by the time that anyone asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::hashes::Executable;
use super::super::ids::IdMap;
use super::super::processes::{Facts, Reader};
use super::execs::Execs;
use super::kernel_event::{KernelEvent, What};
use crate::capture::Owner;

/// How long an ended process is remembered, in ns: its sockets may close after it.
const MEMORY_NS: u64 = 10_000_000_000;

/// Most processes remembered; beyond it, those that have ended go at once.
const MOST_PROCESSES: usize = 64 * 1024;

/// Most namespaces that are told at once.
const MOST_NAMESPACES: usize = 1024;

/// The processes that the events told of, and those that had to do with sockets.
pub(super) struct Programs {
    reader: Reader,
    execs: Option<Arc<Execs>>,
    known: IdMap<u32, Program>,
    /// Network namespaces that processes came into since someone asked.
    namespaces: BTreeSet<u64>,
}

/// A process, as far as it is known without asking `/proc`.
#[derive(Debug, Clone, Default)]
struct Program {
    name: Option<String>,
    exe: Option<String>,
    /// The executable's number in its file system, as the kernel told it.
    exe_inode: Option<u64>,
    executable: Option<Arc<Executable>>,
    cmdline: Option<String>,
    uid: Option<u32>,
    parent: Option<(u32, Option<String>)>,
    start_us: Option<i64>,
    container: Option<String>,
    /// An exec was seen, its executable not yet.
    awaits_exe: bool,
    ended_ns: Option<u64>,
    /// The facts as they were given out, so that all rows share them.
    owner: Option<Arc<Owner>>,
}

impl Programs {
    pub(super) fn new(reader: Reader, execs: Option<Arc<Execs>>) -> Self {
        Self { reader, execs, known: IdMap::default(), namespaces: BTreeSet::new() }
    }

    /// Takes an event; `wall_offset_us` is what the wall clock is ahead of the monotonic one.
    pub(super) fn event(&mut self, event: &KernelEvent, wall_offset_us: i64) {
        match &event.what {
            What::Forked { parent } => {
                let start_us = (event.time_ns / 1000) as i64 + wall_offset_us;
                self.forked(event.pid, *parent, event.time_ns, start_us);
            }
            What::Named { name, exec } => {
                let program = self.known.entry(event.pid).or_default();
                program.name = Some(name.clone());
                program.owner = None;
                if *exec {
                    program.exe = None;
                    program.exe_inode = None;
                    program.executable = None;
                    program.cmdline = None;
                    program.awaits_exe = true;
                }
            }
            What::Mapped { path, inode } => {
                let Some(program) = self.known.get_mut(&event.pid) else { return };
                if program.awaits_exe && path.starts_with('/') {
                    program.exe = Some(path.clone());
                    program.exe_inode = Some(*inode);
                    program.awaits_exe = false;
                }
            }
            What::Entered { netns } => {
                if self.namespaces.len() < MOST_NAMESPACES {
                    self.namespaces.insert(*netns);
                }
            }
            What::Exited => {
                if let Some(program) = self.known.get_mut(&event.pid) {
                    program.ended_ns = Some(event.time_ns);
                }
            }
            What::State(_) | What::Destroyed { .. } | What::Lost(_) => {}
        }
    }

    /// The facts of a process at a moment: from `/proc` while it lives, else as the events told.
    pub(super) fn owner(&mut self, pid: u32, at_ns: u64) -> Option<Arc<Owner>> {
        // What acts without a process is the kernel itself.
        if pid == 0 {
            return None;
        }
        let program = self.known.entry(pid).or_default();
        if let Some(owner) = &mut program.owner {
            self.reader.hashes.complete(owner, program.executable.as_deref());
            return Some(Arc::clone(owner));
        }
        let told = program.name.clone();
        // One that has ended and was not waited for yet has a name there, and nothing else.
        let is_it = |owner: &Owner| told.is_none() || (owner.process_name == told && owner.exe.is_some());
        let living = self.reader.living(pid).filter(|facts| is_it(&facts.owner));
        let Facts { owner, executable } = living.or_else(|| self.as_told(pid, at_ns))?;
        let owner = Arc::new(owner);
        if let Some(program) = self.known.get_mut(&pid) {
            program.owner = Some(Arc::clone(&owner));
            program.executable = executable;
        }
        Some(owner)
    }

    /// Whether the hash of the process's executable may still become known.
    pub(super) fn awaits_hash(&self, pid: u32) -> bool {
        let executable = self.known.get(&pid).and_then(|program| program.executable.as_ref());
        executable.is_some_and(|executable| executable.is_pending())
    }

    /// The network namespaces that processes came into since the last call.
    pub(super) fn namespaces(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.namespaces)
    }

    /// Forgets processes that ended a while ago.
    pub(super) fn forget(&mut self, now_ns: u64) {
        let crowded = self.known.len() > MOST_PROCESSES;
        let recent = |ended_ns: u64| !crowded && now_ns.saturating_sub(ended_ns) < MEMORY_NS;
        self.known.retain(|_, program| program.ended_ns.is_none_or(recent));
        if self.known.len() > MOST_PROCESSES {
            // Their ends were lost; what still lives is read again when it is asked for.
            self.known.clear();
        }
        if let Some(execs) = &self.execs {
            execs.forget_before(now_ns.saturating_sub(MEMORY_NS));
        }
    }

    /// A new process is its parent until it runs another program.
    fn forked(&mut self, pid: u32, parent: u32, at_ns: u64, start_us: i64) {
        let like = match self.known.get(&parent) {
            Some(program) if program.name.is_some() => program.clone(),
            _ => self.read(parent),
        };
        let exec = self.execs.as_ref().and_then(|execs| execs.of(parent, at_ns));
        let like =
            Program { cmdline: exec.map(|exec| exec.cmdline).or_else(|| like.cmdline.clone()), ..like };
        let child = Program {
            parent: Some((parent, like.name.clone())),
            start_us: Some(start_us),
            ended_ns: None,
            owner: None,
            ..like
        };
        self.known.insert(pid, child);
    }

    /// A process of which no event told, from `/proc`.
    fn read(&mut self, pid: u32) -> Program {
        let Some(Facts { owner: facts, executable }) = self.reader.living(pid) else {
            return Program::default();
        };
        let program = Program {
            executable,
            name: facts.process_name.clone(),
            exe: facts.exe.clone(),
            cmdline: facts.cmdline.clone(),
            uid: facts.uid,
            parent: facts.ppid.map(|ppid| (ppid, facts.parent_name.clone())),
            start_us: facts.process_start_us,
            container: facts.container.clone(),
            ..Program::default()
        };
        self.known.insert(pid, Program { owner: Some(Arc::new(facts)), ..program.clone() });
        program
    }

    fn as_told(&mut self, pid: u32, at_ns: u64) -> Option<Facts> {
        let exec = self.execs.as_ref().and_then(|execs| execs.of(pid, at_ns));
        let program = self.known.get(&pid)?;
        // Without a name nothing is known, and nothing is better than a guess.
        let name = program.name.clone()?;
        let uid = exec.as_ref().map(|exec| exec.uid).or(program.uid);
        let (parent, parent_name) = program.parent.clone().unzip();
        let executable = exec.as_ref().and_then(|exec| exec.executable.clone());
        // The command line was read at the exec, but the executable a moment after it.
        let executable = executable.filter(|executable| program.exe_inode == Some(executable.inode()));
        let executable = executable.or_else(|| program.executable.clone());
        let owner = Owner {
            pid: Some(pid),
            ppid: parent,
            uid,
            process_name: Some(name),
            exe: program.exe.clone(),
            cmdline: exec.map(|exec| exec.cmdline).or_else(|| program.cmdline.clone()),
            username: uid.and_then(|uid| self.reader.users.name(uid)),
            parent_name: parent_name.flatten(),
            container: program.container.clone(),
            exe_sha256: executable.as_deref().and_then(|executable| self.reader.hashes.sha256(executable)),
            process_start_us: program.start_us,
        };
        Some(Facts { owner, executable })
    }
}
