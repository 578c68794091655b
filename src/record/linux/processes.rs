//! Facts of processes, kept while they own sockets.

use std::sync::Arc;

use super::hashes::{Executable, Hashes};
use super::ids::IdMap;
use super::proc::{Proc, lossy};
use super::stat::Stat;
use super::users::Users;
use super::{container, users};
use crate::capture::Owner;
use crate::record::host::Tick;

/// The identity of a process: an id is reused, but not together with the same start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProcessId {
    pub(super) pid: u32,
    /// Start after boot, in clock ticks.
    pub(super) start_ticks: u64,
}

/// A process's facts in a tick.
#[derive(Debug)]
pub(super) struct Process {
    start_ticks: u64,
    comm: Vec<u8>,
    layout: (u64, u64),
    pub(super) owner: Arc<Owner>,
    executable: Option<Arc<Executable>>,
    cpu_ticks: u64,
    read_ns: i64,
    pub(super) cpu_percent: Option<f32>,
    pub(super) memory_rss_bytes: Option<u64>,
    used_at: u32,
    /// When facts that show no sign of changing (user, cgroup, arguments) are read again, after 1,
    /// 2, 4, … ticks.
    reread_at: u32,
    reread_after: u32,
}

/// Maximum number of ticks until facts are read again.
const REREAD_TICKS: u32 = 256;

/// The processes that own sockets.
#[derive(Debug)]
pub(super) struct Processes {
    reader: Reader,
    known: IdMap<u32, Process>,
}

/// The source of the facts, and the units they come in.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) proc: Proc,
    pub(super) users: Users,
    pub(super) hashes: Arc<Hashes>,
    /// Boot time of the host, µs since the Unix epoch.
    pub(super) boot_us: i64,
    pub(super) ticks_per_second: u64,
    pub(super) page_bytes: u64,
    pub(super) buffer: Vec<u8>,
}

/// The facts of a living process.
pub(super) struct Facts {
    /// With the executable's hash, if it is already known.
    pub(super) owner: Owner,
    /// The executable.
    pub(super) executable: Option<Arc<Executable>>,
}

impl Processes {
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, known: IdMap::default() }
    }

    pub(super) fn proc(&self) -> &Proc {
        &self.reader.proc
    }

    pub(super) fn users(&mut self) -> &mut users::Users {
        &mut self.reader.users
    }

    /// Number of processes that own sockets.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Ids of the processes that own sockets, in ascending order.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids: Vec<u32> = self.known.keys().copied().collect();
        pids.sort_unstable();
        pids
    }

    /// Reads the state of every process that owned a socket in the last tick; forgets processes
    /// that have ended or own none any more.
    pub(super) fn refresh(&mut self, tick: &Tick) {
        let reader = &mut self.reader;
        self.known.retain(|pid, process| {
            process.used_at.saturating_add(1) >= tick.number && reader.update(*pid, process, tick)
        });
    }

    /// The process, if it still lives; from now on its state is read in each tick.
    pub(super) fn get(&mut self, id: ProcessId, tick: &Tick) -> Option<&mut Process> {
        let process = self.known.get_mut(&id.pid).filter(|process| process.start_ticks == id.start_ticks)?;
        process.used_at = tick.number;
        Some(process)
    }

    /// Reads the facts of a process that was found to own a socket; `None` if it has ended.
    pub(super) fn adopt(&mut self, id: ProcessId, tick: &Tick) -> Option<Arc<Owner>> {
        if let Some(process) = self.get(id, tick) {
            return Some(Arc::clone(&process.owner));
        }
        let process = self.reader.read(id, tick)?;
        let owner = Arc::clone(&process.owner);
        self.known.insert(id.pid, process);
        Some(owner)
    }
}

impl Reader {
    /// Every fact of a process that is alive now.
    pub(super) fn living(&mut self, pid: u32) -> Option<Facts> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let stat = self.proc.stat(pid, &mut buffer).filter(|stat| !stat.has_ended);
        let facts = stat.map(|stat| {
            let mut facts = self.facts(pid, &stat);
            facts.owner.parent_name = self.proc.name(stat.ppid);
            facts
        });
        self.buffer = buffer;
        facts
    }

    /// Reads the state of a process; false if it has ended.
    fn update(&mut self, pid: u32, process: &mut Process, tick: &Tick) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        let lives = match self.proc.stat(pid, &mut buffer) {
            Some(stat) if stat.start_ticks == process.start_ticks => {
                self.apply(pid, process, &stat, tick);
                true
            }
            _ => false,
        };
        self.buffer = buffer;
        lives
    }

    fn apply(&mut self, pid: u32, process: &mut Process, stat: &Stat<'_>, tick: &Tick) {
        let elapsed_ns = tick.moment.mono_ns - process.read_ns;
        if elapsed_ns > 0 {
            let used_s =
                stat.cpu_ticks.saturating_sub(process.cpu_ticks) as f64 / self.ticks_per_second as f64;
            process.cpu_percent = Some((used_s * 1e11 / elapsed_ns as f64) as f32);
        }
        process.cpu_ticks = stat.cpu_ticks;
        process.read_ns = tick.moment.mono_ns;
        process.memory_rss_bytes = Some(stat.rss_pages * self.page_bytes);
        let executed = process.comm != stat.comm || process.layout != stat.layout;
        if executed {
            process.comm = stat.comm.to_vec();
            process.layout = stat.layout;
            process.reread_after = 1;
        }
        if executed || tick.number >= process.reread_at {
            self.reread(pid, process, stat, tick.number);
        }
        self.hashes.complete(&mut process.owner, process.executable.as_deref());
    }

    fn reread(&mut self, pid: u32, process: &mut Process, stat: &Stat<'_>, tick: u32) {
        process.reread_at = tick.saturating_add(process.reread_after);
        process.reread_after = (process.reread_after * 2).min(REREAD_TICKS);
        let before = &process.owner;
        let Facts { owner, executable } = self.facts(pid, stat);
        let owner = Owner {
            // The first parent shows where a process came from; later ones only adopt orphans.
            ppid: before.ppid,
            parent_name: before.parent_name.clone(),
            ..owner
        };
        if owner != **before {
            process.owner = Arc::new(owner);
        }
        process.executable = executable;
    }

    fn read(&mut self, id: ProcessId, tick: &Tick) -> Option<Process> {
        let mut buffer = Vec::new();
        let stat = self.proc.stat(id.pid, &mut buffer).filter(|stat| stat.start_ticks == id.start_ticks)?;
        let Facts { mut owner, executable } = self.facts(id.pid, &stat);
        owner.parent_name = self.proc.name(stat.ppid);
        Some(Process {
            start_ticks: id.start_ticks,
            comm: stat.comm.to_vec(),
            layout: stat.layout,
            owner: Arc::new(owner),
            executable,
            cpu_ticks: stat.cpu_ticks,
            read_ns: tick.moment.mono_ns,
            // A CPU share takes two readings.
            cpu_percent: None,
            memory_rss_bytes: Some(stat.rss_pages * self.page_bytes),
            used_at: tick.number,
            reread_at: tick.number.saturating_add(1),
            reread_after: 1,
        })
    }

    /// Every fact except the parent's name.
    fn facts(&mut self, pid: u32, stat: &Stat<'_>) -> Facts {
        let executable = self.hashes.meet(pid);
        let exe_sha256 = executable.as_deref().and_then(|executable| self.hashes.sha256(executable));
        Facts { owner: Owner { exe_sha256, ..self.owner(pid, stat) }, executable }
    }

    /// Every fact except the parent's name and the executable's hash.
    fn owner(&mut self, pid: u32, stat: &Stat<'_>) -> Owner {
        let uid = self.proc.uid(pid);
        Owner {
            pid: Some(pid),
            ppid: Some(stat.ppid),
            uid,
            process_name: Some(lossy(stat.comm)),
            exe: self.proc.exe(pid),
            cmdline: self.proc.cmdline(pid),
            username: uid.and_then(|uid| self.users.name(uid)),
            parent_name: None,
            container: self.proc.cgroup(pid).as_deref().and_then(container::of_process),
            exe_sha256: None,
            process_start_us: Some(self.start_us(stat.start_ticks)),
        }
    }

    /// The facts of a process without opening its executable; `None` if it has ended.
    pub(super) fn glance(&mut self, pid: u32) -> Option<Owner> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let stat = self.proc.stat(pid, &mut buffer).filter(|stat| !stat.has_ended);
        let owner = stat.map(|stat| self.owner(pid, &stat));
        self.buffer = buffer;
        owner
    }

    /// The start time of a process on the wall clock, from clock ticks after boot.
    pub(super) fn start_us(&self, start_ticks: u64) -> i64 {
        let start_us = u128::from(start_ticks) * 1_000_000 / u128::from(self.ticks_per_second.max(1));
        self.boot_us.saturating_add(start_us as i64)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::super::proc::tests::FakeProc;
    use super::*;
    use crate::record::Timestamp;

    pub(in super::super) fn tick(number: u32) -> Tick {
        let mono_ns = i64::from(number) * 1_000_000_000;
        Tick { number, moment: Timestamp { ts_us: 0, mono_ns }, interval: Duration::from_secs(1) }
    }

    pub(in super::super) fn processes(fake: &FakeProc) -> Processes {
        Processes::new(Reader {
            proc: fake.proc(),
            users: Users::new("/nonexistent"),
            hashes: Hashes::start(fake.proc()),
            boot_us: 1_000_000_000,
            ticks_per_second: 100,
            page_bytes: 4096,
            buffer: Vec::new(),
        })
    }

    const WEB: ProcessId = ProcessId { pid: 10, start_ticks: 500 };

    fn with_web() -> (FakeProc, Processes) {
        let fake = FakeProc::new();
        fake.start(1, "init", 1);
        fake.start(WEB.pid, "web", WEB.start_ticks);
        let processes = processes(&fake);
        (fake, processes)
    }

    #[test]
    fn facts_are_read_when_a_process_is_first_seen() {
        let (_fake, mut processes) = with_web();
        let owner = processes.adopt(WEB, &tick(0)).unwrap();
        assert_eq!((owner.pid, owner.ppid, owner.uid), (Some(10), Some(1), Some(1001)));
        assert_eq!(owner.process_name.as_deref(), Some("web"));
        assert_eq!(owner.exe.as_deref(), Some("/bin/web"));
        assert_eq!(owner.cmdline.as_deref(), Some("/bin/web --flag"));
        assert_eq!(owner.parent_name.as_deref(), Some("init"));
        assert_eq!(owner.process_start_us, Some(1_005_000_000));
        assert_eq!((owner.username.clone(), owner.container.clone()), (None, None));
    }

    #[test]
    fn cpu_is_the_share_of_one_core_since_the_last_tick() {
        let (fake, mut processes) = with_web();
        processes.adopt(WEB, &tick(0)).unwrap();
        assert_eq!(processes.get(WEB, &tick(0)).unwrap().cpu_percent, None);
        fake.set_stat(WEB.pid, "web", 50, WEB.start_ticks);
        processes.refresh(&tick(1));
        let process = processes.get(WEB, &tick(1)).unwrap();
        assert!((process.cpu_percent.unwrap() - 50.0).abs() < 0.01);
        assert_eq!(process.memory_rss_bytes, Some(250 * 4096));
    }

    #[test]
    fn an_executed_program_changes_the_facts_at_the_next_tick() {
        let (fake, mut processes) = with_web();
        let before = processes.adopt(WEB, &tick(0)).unwrap();
        fake.start(WEB.pid, "miner", WEB.start_ticks);
        processes.refresh(&tick(1));
        let after = Arc::clone(&processes.get(WEB, &tick(1)).unwrap().owner);
        assert_eq!(after.exe.as_deref(), Some("/bin/miner"));
        assert_eq!((after.parent_name.clone(), after.ppid), (before.parent_name.clone(), before.ppid));
    }

    #[test]
    fn arguments_that_change_without_a_sign_are_noticed_in_time() {
        let (fake, mut processes) = with_web();
        processes.adopt(WEB, &tick(0)).unwrap();
        fake.set_cmdline(WEB.pid, b"[kworker/0:1]\0");
        processes.refresh(&tick(1));
        let owner = &processes.get(WEB, &tick(1)).unwrap().owner;
        assert_eq!(owner.cmdline.as_deref(), Some("[kworker/0:1]"));
    }

    #[test]
    fn unchanged_facts_are_shared_and_not_copied() {
        let (_fake, mut processes) = with_web();
        let before = processes.adopt(WEB, &tick(0)).unwrap();
        for number in 1..6 {
            processes.refresh(&tick(number));
            let now = &processes.get(WEB, &tick(number)).unwrap().owner;
            assert!(Arc::ptr_eq(&before, now));
        }
    }

    #[test]
    fn another_process_of_the_same_id_is_not_the_same() {
        let (fake, mut processes) = with_web();
        processes.adopt(WEB, &tick(0)).unwrap();
        fake.start(WEB.pid, "web", 900);
        processes.refresh(&tick(1));
        assert!(processes.get(WEB, &tick(1)).is_none());
        assert!(processes.adopt(WEB, &tick(1)).is_none());
        let heir = ProcessId { start_ticks: 900, ..WEB };
        assert_eq!(processes.adopt(heir, &tick(1)).unwrap().process_start_us, Some(1_009_000_000));
    }

    #[test]
    fn a_process_without_sockets_is_forgotten() {
        let (_fake, mut processes) = with_web();
        processes.adopt(WEB, &tick(0)).unwrap();
        processes.refresh(&tick(1));
        assert_eq!(processes.len(), 1);
        processes.refresh(&tick(2));
        assert_eq!(processes.len(), 0);
    }
}
