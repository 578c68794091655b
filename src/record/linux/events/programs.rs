//! Which program a process ran at a given moment, even if it has ended or changed before that is
//! asked.
//!
//! The kernel's records of forks, execs and exits are applied in time order, starting with all
//! processes that exist at the start. So what a process was when it acted is known without reading
//! `/proc`. Facts from `/proc` count only if no record shows that the process has changed since.

use std::sync::Arc;
use std::time::Duration;

use super::super::cgroups::Cgroups;
use super::super::container;
use super::super::hashes::Executable;
use super::super::ids::IdMap;
use super::super::newcomers::Watch;
use super::super::processes::{Facts, Reader};
use super::super::ways::Entered;
use super::execs::{Exec, Execs};
use super::identity::{AwaitedExec, Identity};
use super::kernel_event::{Actor, KernelEvent, What};
use crate::capture::{Owner, without_deleted};
use crate::record::clock::suspended_ns;

/// How long an ended process is remembered, in ns: records of another CPU may still refer to it.
const MEMORY_NS: u64 = 10_000_000_000;

/// Maximum number of remembered processes; above it, ended ones are forgotten at once.
const MOST_PROCESSES: usize = 64 * 1024;

/// The processes of the host.
pub(super) struct Programs {
    reader: Reader,
    cgroups: Cgroups,
    execs: Option<Arc<Execs>>,
    known: IdMap<u32, Process>,
    /// Reports processes that enter new namespaces.
    watch: Watch,
    /// Records were lost, so the known facts may be outdated.
    is_stale: bool,
}

/// A process known from records.
#[derive(Debug, Clone, Default)]
struct Process {
    program: Arc<Program>,
    /// The parent, and the program it ran when it started this process.
    parent: Option<(u32, Arc<Program>)>,
    start_us: Option<i64>,
    /// An exec was seen, but not its executable yet.
    awaits_exe: bool,
    ended_ns: Option<u64>,
    /// Time of its last start, exec or change of name.
    changed_ns: u64,
    /// The facts as last returned, so that all rows share them, and their actor.
    identity: Option<(Option<Actor>, Arc<Identity>)>,
}

/// The program that a process runs; its children run the same until they exec.
#[derive(Debug, Clone, Default)]
struct Program {
    name: Option<String>,
    exe: Option<String>,
    /// The executable's inode number, as reported by the kernel.
    exe_inode: Option<u64>,
    executable: Option<Arc<Executable>>,
    cmdline: Option<String>,
    uid: Option<u32>,
    container: Option<String>,
    /// Process and time of the exec that started it, until its command line is known.
    exec: Option<(u32, u64)>,
    /// A process that runs it, other than the acting one.
    holder: u32,
}

/// Facts of processes read from `/proc`, and each process's last change according to the records.
#[derive(Default)]
pub(super) struct Readings {
    facts: IdMap<u32, Facts>,
    changed_ns: IdMap<u32, u64>,
    /// When records were lost, which may have been about any process.
    lost_ns: u64,
}

impl Readings {
    /// Whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Notes changes in records written up to the end of the reading.
    pub(super) fn note_changes<'a>(&mut self, events: impl IntoIterator<Item = &'a KernelEvent>) {
        for event in events {
            let changed_ns = match event.what {
                What::Lost(_) => &mut self.lost_ns,
                What::Named { exec: true, .. } | What::Forked { .. } | What::Exited => {
                    self.changed_ns.entry(event.pid).or_default()
                }
                _ => continue,
            };
            *changed_ns = (*changed_ns).max(event.time_ns);
        }
    }

    /// The facts read of a process, if it has not changed since the given moment.
    fn of(&self, pid: u32, at_ns: u64) -> Option<&Facts> {
        let changed_ns = self.changed_ns.get(&pid).copied().unwrap_or(0).max(self.lost_ns);
        let is_unchanged = changed_ns <= at_ns;
        self.facts.get(&pid).filter(|_| is_unchanged)
    }
}

impl Programs {
    /// Starts with all processes that exist now.
    pub(super) fn new(reader: Reader, execs: Option<Arc<Execs>>, watch: Watch) -> Self {
        let (cgroups, known) = (Cgroups::of_host(), IdMap::default());
        let mut programs = Self { reader, cgroups, execs, known, watch, is_stale: true };
        programs.look_around();
        programs
    }

    /// Applies a record; records must be in time order.
    pub(super) fn event(&mut self, event: &KernelEvent) {
        match &event.what {
            What::Forked { parent } => self.forked(event.pid, *parent, event.time_ns),
            What::Named { name, exec } => self.named(event, name, *exec),
            What::Mapped { path, inode } => self.mapped(event, path, *inode),
            What::Moved { path, is_unified } => self.moved(event.pid, path, *is_unified),
            What::Entered { netns, thread } => {
                self.watch.notice(Entered { pid: event.pid, thread: *thread, netns: *netns });
            }
            What::Exited => {
                // On a busy host a record may arrive after those of the next process with this id.
                let process = self.known.get_mut(&event.pid);
                if let Some(process) = process.filter(|process| process.changed_ns <= event.time_ns) {
                    process.ended_ns = Some(event.time_ns);
                }
            }
            What::Lost(_) => {
                // Any process may have changed unnoticed.
                self.known.clear();
                self.is_stale = true;
            }
            What::State(_) | What::Routed(_) | What::Transferred(_) | What::Destroyed { .. } => {}
        }
    }

    /// Takes the execs reported so far.
    pub(super) fn catch_up(&self) {
        if let Some(execs) = &self.execs {
            execs.catch_up();
        }
    }

    /// Reads from `/proc` the processes that acted on a socket and are not fully known, while they
    /// live. The caller must add later changes with [`Readings::note_changes`].
    pub(super) fn read(&mut self, events: &[KernelEvent]) -> Readings {
        self.catch_up();
        let mut readings = Readings::default();
        for event in events.iter().filter(|event| acts(event)) {
            let is_known = self.known.get(&event.pid).is_some_and(|process| process.identity.is_some());
            if !is_known
                && !readings.facts.contains_key(&event.pid)
                && let Some(facts) = self.reader.living(event.pid)
            {
                readings.facts.insert(event.pid, facts);
            }
        }
        readings
    }

    /// The process that caused an event; `None` for what the kernel does by itself.
    pub(super) fn who(&mut self, event: &KernelEvent, readings: &Readings) -> Option<Arc<Identity>> {
        let pid = event.pid;
        if pid == 0 {
            return None;
        }
        let process = self.known.entry(pid).or_default();
        if let Some((actor, identity)) = &process.identity
            && *actor == event.actor
        {
            return Some(Arc::clone(identity));
        }
        self.complete_program(pid, event.time_ns);
        let process = self.known.get(&pid)?.clone();
        let reading = readings.of(pid, event.time_ns).filter(|facts| process.program.agrees(&facts.owner));
        let executable = self.executable(&process.program, reading);
        let owner = self.describe(pid, &process, reading.map(|facts| &facts.owner), event.actor);
        let mut owner = Arc::new(owner);
        self.reader.hashes.complete(&mut owner, executable.as_deref());
        let awaited = process.program.exec.filter(|_| owner.cmdline.is_none());
        let awaited = awaited.map(|(pid, since_ns)| AwaitedExec {
            pid,
            since_ns,
            until_ns: event.time_ns,
            exe_inode: process.program.exe_inode,
        });
        let identity = Arc::new(Identity::new(owner, executable).awaiting(awaited));
        if let Some(process) = self.known.get_mut(&pid) {
            process.identity = Some((event.actor, Arc::clone(&identity)));
        }
        Some(identity)
    }

    /// The network namespace of a living process.
    pub(super) fn netns(&self, pid: u32) -> Option<u64> {
        self.reader.proc.netns(pid).ok()
    }

    /// The container of a cgroup.
    pub(super) fn container(&mut self, cgroup_id: u64) -> Option<String> {
        self.cgroups.container(cgroup_id)
    }

    /// The facts of an identity, with the executable's hash if it is known by now.
    pub(super) fn complete(&self, identity: &Identity) -> Arc<Owner> {
        identity
            .take_exec(|awaited| self.execs.as_ref()?.of(awaited.pid, awaited.since_ns, awaited.until_ns));
        identity.complete(&self.reader.hashes)
    }

    /// Number of unreported starts of programs.
    pub(super) fn execs_lost(&self) -> u64 {
        self.execs.as_ref().map_or(0, |execs| execs.lost())
    }

    /// Hashes the wanted executables now, and waits for it up to `most`.
    pub(super) fn hurry(&self, most: Duration) {
        self.reader.hashes.hurry(most);
    }

    /// Forgets processes that ended a while ago.
    pub(super) fn forget(&mut self, now_ns: u64) {
        if self.is_stale {
            self.look_around();
        }
        let crowded = self.known.len() > MOST_PROCESSES;
        let recent = |ended_ns: u64| !crowded && now_ns.saturating_sub(ended_ns) < MEMORY_NS;
        self.known.retain(|_, process| process.ended_ns.is_none_or(recent));
        if self.known.len() > MOST_PROCESSES {
            // Their exits were lost; those still alive are read again.
            self.known.clear();
            self.is_stale = true;
        }
        if let Some(execs) = &self.execs {
            execs.forget_before(now_ns.saturating_sub(MEMORY_NS));
        }
    }

    /// Reads the program of every process.
    fn look_around(&mut self) {
        self.is_stale = false;
        let mut parents = Vec::new();
        for pid in self.reader.proc.pids().into_iter().take(MOST_PROCESSES) {
            if self.known.contains_key(&pid) {
                continue;
            }
            let Some(owner) = self.reader.glance(pid) else { continue };
            let program = Program {
                name: owner.process_name,
                exe: owner.exe,
                cmdline: owner.cmdline,
                uid: owner.uid,
                container: owner.container,
                holder: pid,
                ..Program::default()
            };
            parents.extend(owner.ppid.map(|ppid| (pid, ppid)));
            let start_us = owner.process_start_us;
            self.known.insert(pid, Process { program: Arc::new(program), start_us, ..Process::default() });
        }
        for (pid, ppid) in parents {
            let program = self.known.get(&ppid).map(|parent| Arc::clone(&parent.program)).unwrap_or_default();
            if let Some(process) = self.known.get_mut(&pid) {
                process.parent = Some((ppid, program));
            }
        }
    }

    /// A new process runs its parent's program until it execs.
    fn forked(&mut self, pid: u32, parent: u32, at_ns: u64) {
        self.complete_program(parent, at_ns);
        let program = self.known.get(&parent).map(|parent| Arc::clone(&parent.program)).unwrap_or_default();
        let boot_ns = at_ns.saturating_add(suspended_ns());
        let start_ticks = u128::from(boot_ns) * u128::from(self.reader.ticks_per_second) / 1_000_000_000;
        let (parent, start_us) =
            (Some((parent, Arc::clone(&program))), Some(self.reader.start_us(start_ticks as u64)));
        // On a busy host this may arrive after the record of a later exec.
        let is_late =
            |child: &&mut Process| child.changed_ns > at_ns && child.ended_ns.is_none_or(|end| end > at_ns);
        if let Some(child) = self.known.get_mut(&pid).filter(is_late) {
            child.parent = child.parent.take().or(parent);
            child.start_us = child.start_us.or(start_us);
            return;
        }
        let child = Process { parent, program, start_us, changed_ns: at_ns, ..Process::default() };
        self.known.insert(pid, child);
    }

    fn named(&mut self, event: &KernelEvent, name: &str, exec: bool) {
        let process = self.known.entry(event.pid).or_default();
        process.identity = None;
        process.changed_ns = event.time_ns;
        if !exec {
            Arc::make_mut(&mut process.program).name = Some(name.to_owned());
            return;
        }
        let before = &process.program;
        process.program = Arc::new(Program {
            name: Some(name.to_owned()),
            uid: before.uid,
            container: before.container.clone(),
            exec: Some((event.pid, event.time_ns)),
            holder: event.pid,
            ..Program::default()
        });
        process.awaits_exe = true;
    }

    fn mapped(&mut self, event: &KernelEvent, path: &str, inode: u64) {
        let Some(process) = self.known.get_mut(&event.pid) else { return };
        // Mappings that are no file are named `//anon`.
        if !process.awaits_exe || !path.starts_with('/') || path.starts_with("//") {
            return;
        }
        process.awaits_exe = false;
        let program = Arc::make_mut(&mut process.program);
        program.exe = Some(path.to_owned());
        program.exe_inode = Some(inode);
        // What was caught at its exec is not kept for long, but arrives a moment after this record.
        if self.execs.as_ref().is_some_and(|execs| execs.are_all_told()) {
            self.complete_program(event.pid, u64::MAX);
        }
    }

    fn moved(&mut self, pid: u32, path: &str, is_unified: bool) {
        let Some(process) = self.known.get_mut(&pid) else { return };
        let container = container::of_path(path);
        // A container may be visible in only one of several hierarchies.
        if container.is_none() && (!is_unified || path == "/") {
            return;
        }
        if process.program.container != container {
            Arc::make_mut(&mut process.program).container = container;
            process.identity = None;
        }
    }

    /// Adds what was caught at the program's exec.
    fn complete_program(&mut self, pid: u32, at_ns: u64) {
        let Some(process) = self.known.get_mut(&pid) else { return };
        let Some((by, since_ns)) = process.program.exec else { return };
        let Some(exec) = self.execs.as_ref().and_then(|execs| execs.of(by, since_ns, at_ns)) else { return };
        Arc::make_mut(&mut process.program).started_as(exec);
    }

    /// The executable to hash, from the first of: the exec, the living process, another process
    /// that runs the same program, the file at the path.
    fn executable(&self, program: &Program, reading: Option<&Facts>) -> Option<Arc<Executable>> {
        let hashes = &self.reader.hashes;
        let caught = program.executable.as_ref().filter(|executable| !executable.is_pending());
        if let Some(executable) = caught.or_else(|| reading?.executable.as_ref()) {
            return Some(Arc::clone(executable));
        }
        let exe = program.exe.as_deref()?;
        // It may have been released since: open it again.
        let in_place = || hashes.meet_file(exe, program.exe_inode?);
        let by_other = || {
            let runs_it = || self.reader.proc.exe(program.holder).as_deref() == Some(exe);
            let executable = runs_it().then(|| hashes.meet(program.holder))??;
            let is_it = program.exe_inode.is_none_or(|inode| inode == executable.inode()) && runs_it();
            is_it.then_some(executable)
        };
        in_place().or_else(by_other).or_else(|| program.executable.clone())
    }

    fn describe(&mut self, pid: u32, process: &Process, read: Option<&Owner>, actor: Option<Actor>) -> Owner {
        let program = &*process.program;
        let read = read.cloned().unwrap_or_default();
        let uid = actor.map(|actor| actor.uid).or(read.uid).or(program.uid);
        let (parent, parent_program) = process.parent.clone().unzip();
        let of_cgroup = actor.and_then(|actor| self.cgroups.container(actor.cgroup_id));
        Owner {
            pid: Some(pid),
            ppid: parent.or(read.ppid),
            uid,
            process_name: program.name.clone().or(read.process_name),
            exe: read.exe.or_else(|| program.exe.clone()),
            cmdline: read.cmdline.or_else(|| program.cmdline.clone()),
            username: uid.and_then(|uid| self.reader.users.name(uid)),
            parent_name: parent_program.and_then(|parent| parent.name.clone()).or(read.parent_name),
            container: of_cgroup.or_else(|| program.container.clone()).or(read.container),
            exe_sha256: None,
            process_start_us: read.process_start_us.or(process.start_us),
        }
    }
}

impl Program {
    /// Whether this may be the same program, judging by its executable.
    fn agrees(&self, owner: &Owner) -> bool {
        let Some(exe) = self.exe.as_deref() else { return true };
        let read = owner.exe.as_deref().unwrap_or_default();
        without_deleted(read) == without_deleted(exe)
    }

    fn started_as(&mut self, exec: Exec) {
        self.exec = None;
        self.cmdline = exec.cmdline;
        self.uid = Some(exec.uid);
        // The command line was read at the exec, but the executable a moment later.
        self.executable = exec.executable.filter(|executable| self.exe_inode == Some(executable.inode()));
    }
}

/// Whether a process itself acted on a socket.
pub(super) fn acts(event: &KernelEvent) -> bool {
    match &event.what {
        What::State(change) => change.is_by_process(),
        What::Destroyed { in_interrupt, .. } => !in_interrupt,
        What::Routed(_) | What::Transferred(_) => true,
        _ => false,
    }
}
