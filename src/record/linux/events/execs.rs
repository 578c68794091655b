//! Command lines of programs that may run for less than a millisecond, read at the moment of their exec.
//!
//! The perf rings have the name and executable of every program but not its arguments, and by the
//! time a ring is read the program may be gone. An eBPF program reports the arguments, and wakes
//! this thread for anything not seen before: an executable, which it opens, or a network namespace.
//! Where eBPF is not allowed, the kernel's process connector reports each exec, and the thread
//! reads `/proc/PID/cmdline`. It does so with real-time priority if allowed, because at normal
//! priority every second program is gone before its turn.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::super::hashes::{Executable, Hashes};
use super::super::message;
use super::super::newcomers::Watch;
use super::super::ways::Entered;
use super::bpf::{ExecProbe, FileKey, Started};

/// `CN_IDX_PROC`, `CN_VAL_PROC`, `PROC_CN_MCAST_LISTEN`, `PROC_EVENT_EXEC` (`linux/cn_proc.h`).
const PROCESS_INDEX: u32 = 1;
const PROCESS_VALUE: u32 = 1;
const LISTEN: u32 = 1;
const EXEC: u32 = 2;

/// Maximum length of a command line, in bytes.
const CMDLINE_BYTES: u64 = 4096;

/// Maximum number of remembered programs; an attacker may start any number.
const MOST_PROGRAMS: usize = 16 * 1024;

/// Maximum number of execs that are received before the first of them is processed.
const MOST_AT_ONCE: usize = 64;

/// Maximum number of remembered execs per process id.
const MOST_OF_ONE: usize = 64;

/// Maximum number of executables that the kernel need not report at once.
const MOST_FILES: usize = 8192;

/// A program at the moment of its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exec {
    /// Monotonic clock, ns.
    pub(super) time_ns: u64,
    pub(super) cmdline: Option<String>,
    pub(super) uid: u32,
    /// Its executable according to `/proc`; if it ran another program at once, that one's.
    pub(super) executable: Option<Arc<Executable>>,
}

/// The last few execs of one process id.
#[derive(Debug, Default)]
struct Latest {
    /// The oldest first.
    execs: Vec<Exec>,
    /// When the last exec was dropped for lack of room; 0 for never.
    dropped_ns: u64,
}

/// The last execs of every process that were caught.
pub(super) struct Execs {
    hashes: Arc<Hashes>,
    /// Reports processes that enter new namespaces: a program in one may end before a tick.
    watch: Watch,
    latest: Mutex<HashMap<u32, Latest>>,
    probe: Option<Mutex<Probe>>,
    /// Execs that the eBPF program could not report.
    lost: AtomicU64,
    /// Closing this ends the thread; polling a flag would cost a quiet host more.
    running: Mutex<Option<PipeWriter>>,
}

/// The eBPF program, and the executables for which it need not wake anyone.
struct Probe {
    probe: ExecProbe,
    files: HashMap<FileKey, Arc<Executable>>,
}

impl Execs {
    /// Starts the thread; [`Execs::end`] ends it.
    ///
    /// # Errors
    /// The system's error if there is no eBPF program: a kernel or a namespace without the
    /// connector.
    pub(super) fn start(
        hashes: Arc<Hashes>,
        watch: Watch,
        probe: Option<ExecProbe>,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let connector = if probe.is_none() { Some(subscribe()?) } else { None };
        let (ended, running) = io::pipe()?;
        let execs = Arc::new(Self::new(hashes, watch, probe));
        *execs.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        let shared = Arc::clone(&execs);
        let thread = std::thread::Builder::new()
            .name("execs".to_owned())
            .spawn(move || shared.run(connector.as_ref(), &ended))?;
        Ok((execs, thread))
    }

    fn new(hashes: Arc<Hashes>, watch: Watch, probe: Option<ExecProbe>) -> Self {
        let probe = probe.map(|probe| Mutex::new(Probe { probe, files: HashMap::new() }));
        Self {
            hashes,
            watch,
            latest: Mutex::default(),
            probe,
            lost: AtomicU64::new(0),
            running: Mutex::default(),
        }
    }

    /// Ends the thread.
    pub(super) fn end(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The first exec of a process from one moment up to another.
    pub(super) fn of(&self, pid: u32, since_ns: u64, until_ns: u64) -> Option<Exec> {
        let latest = self.latest();
        let Latest { execs, dropped_ns } = latest.get(&pid)?;
        // The first one may be among those that were dropped.
        if *dropped_ns >= since_ns {
            return None;
        }
        let exec = execs.iter().find(|exec| exec.time_ns >= since_ns)?;
        (exec.time_ns <= until_ns).then(|| exec.clone())
    }

    /// Whether every exec is reported, so that none can be confused with a missed one.
    pub(super) fn are_all_told(&self) -> bool {
        self.probe.is_some() && self.lost() == 0
    }

    /// Execs that the eBPF program should have reported but did not.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Reads what the kernel has reported without waking anyone.
    pub(super) fn catch_up(&self) {
        let Some(probe) = &self.probe else { return };
        let mut probe = probe.lock().unwrap_or_else(PoisonError::into_inner);
        for started in probe.probe.take() {
            self.note_started(&mut probe, started);
        }
        self.lost.store(probe.probe.lost(), Ordering::Relaxed);
    }

    /// Forgets execs before a moment.
    pub(super) fn forget_before(&self, time_ns: u64) {
        self.latest().retain(|_, Latest { execs, .. }| {
            execs.retain(|exec| exec.time_ns >= time_ns);
            !execs.is_empty()
        });
        self.hashes.let_go();
    }

    fn run(&self, connector: Option<&OwnedFd>, ended: &PipeReader) {
        ask_for_priority();
        let probe = self
            .probe
            .as_ref()
            .map(|probe| probe.lock().unwrap_or_else(PoisonError::into_inner).probe.as_raw_fd());
        let Some(source) = connector.map(OwnedFd::as_raw_fd).or(probe) else { return };
        let mut buffer = [0; 4096];
        loop {
            let mut entries =
                [source, ended.as_raw_fd()].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
            // SAFETY: the entries are valid, and as many as stated.
            unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, -1) };
            if entries[1].revents != 0 {
                return;
            }
            if connector.is_none() {
                self.catch_up();
                continue;
            }
            let mut told = receive(source, &mut buffer);
            while !told.is_empty() {
                let read: Vec<_> = told
                    .iter()
                    .enumerate()
                    // If it ran several programs in a row, `/proc` has the last.
                    .filter(|(index, (pid, _))| !told[index + 1..].iter().any(|(later, _)| later == pid))
                    .filter_map(|(_, (pid, time_ns))| Some((*pid, self.read(*pid, *time_ns)?)))
                    .collect();
                // It may have run another program while it was read.
                told = receive(source, &mut buffer);
                for (pid, exec) in read {
                    if !told.iter().any(|(later, _)| *later == pid) {
                        self.remember(pid, exec);
                    }
                }
            }
        }
    }

    /// Handles an exec reported by the connector.
    fn read(&self, pid: u32, time_ns: u64) -> Option<Exec> {
        if let Ok(netns) = self.hashes.proc().netns(pid) {
            self.watch.notice(Entered { pid, thread: pid, netns });
        }
        let (cmdline, uid) = read_cmdline(pid).ok()?;
        let executable = self.hashes.meet(pid);
        Some(Exec { time_ns, cmdline: Some(cmdline), uid, executable })
    }

    /// Handles an exec reported by the eBPF program.
    fn note_started(&self, probe: &mut Probe, started: Started) {
        let Started { time_ns, pid, uid, netns, file, .. } = started;
        self.watch.notice(Entered { pid, thread: pid, netns: netns.into() });
        probe.probe.know_netns(netns);
        let executable = probe.files.get(&file).cloned().or_else(|| {
            let executable = self.hashes.meet(pid)?;
            // It may already be gone, and the file replaced.
            let number = u64::from_ne_bytes(message::piece(&file, 8)?);
            (executable.inode() == number).then_some(())?;
            if probe.files.len() >= MOST_FILES {
                probe.files.clear();
            }
            probe.files.insert(file, Arc::clone(&executable));
            probe.probe.know_file(&file);
            Some(executable)
        });
        let read = || read_cmdline(pid).ok().map(|(cmdline, _)| cmdline);
        let told = started.arguments.and_then(cmdline);
        let cmdline = if started.is_whole { told } else { read().or(told) };
        self.remember(pid, Exec { time_ns, cmdline, uid, executable });
    }

    fn remember(&self, pid: u32, exec: Exec) {
        let mut latest = self.latest();
        if latest.len() < MOST_PROGRAMS || latest.contains_key(&pid) {
            let Latest { execs, dropped_ns } = latest.entry(pid).or_default();
            if execs.len() >= MOST_OF_ONE {
                *dropped_ns = execs.remove(0).time_ns;
            }
            execs.push(exec);
        }
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<u32, Latest>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Processes and times of the execs that the connector has reported since.
fn receive(source: RawFd, buffer: &mut [u8]) -> Vec<(u32, u64)> {
    let mut told = Vec::new();
    loop {
        // SAFETY: the buffer is valid for its length.
        let length =
            unsafe { libc::recv(source, buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
        let Ok(length) = usize::try_from(length) else { return told };
        told.extend(message::messages(&buffer[..length]).filter_map(|message| exec_event(message.payload)));
        if told.len() >= MOST_AT_ONCE {
            return told;
        }
    }
}

/// The arguments separated by spaces, and the owner of the process.
fn read_cmdline(pid: u32) -> io::Result<(String, u32)> {
    let file = File::open(format!("/proc/{pid}/cmdline"))?;
    let mut bytes = Vec::new();
    (&file).take(CMDLINE_BYTES).read_to_end(&mut bytes)?;
    // Gone already: for a process without memory the kernel returns an empty file.
    let cmdline = cmdline(bytes).ok_or(io::ErrorKind::NotFound)?;
    Ok((cmdline, file.metadata()?.uid()))
}

/// The zero-terminated arguments separated by spaces; `None` if there are none.
fn cmdline(mut bytes: Vec<u8>) -> Option<String> {
    let end = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    bytes.truncate(end);
    bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Process and time of an exec: `struct cn_msg` (20 bytes) is followed by `struct proc_event`.
fn exec_event(payload: &[u8]) -> Option<(u32, u64)> {
    let index = message::u32_at(payload, 0)?;
    let event = payload.get(20..)?;
    let what = message::u32_at(event, 0)?;
    if (index, what) != (PROCESS_INDEX, EXEC) {
        return None;
    }
    // Thread, then process (thread group).
    Some((message::u32_at(event, 20)?, message::u64_at(event, 8)?))
}

fn subscribe() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    // SAFETY: no memory is passed; the result is checked.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_CONNECTOR) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    super::closings::bind(fd, PROCESS_INDEX)?;
    // A message header, `struct cn_msg`, and `struct proc_input` that requests only execs.
    let mut request = Vec::with_capacity(44);
    for word in [44, u32::from(libc::NLMSG_DONE as u16), 0, 0] {
        request.extend(word.to_ne_bytes());
    }
    for word in [PROCESS_INDEX, PROCESS_VALUE, 0, 0, 8] {
        request.extend(word.to_ne_bytes());
    }
    request.extend(LISTEN.to_ne_bytes());
    request.extend(EXEC.to_ne_bytes());
    // SAFETY: the request is valid for its length.
    let sent = unsafe { libc::send(fd, request.as_ptr().cast(), request.len(), 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(socket) }
}

/// Requests the lowest real-time priority; without permission nothing changes.
fn ask_for_priority() {
    // The kernel's `struct sched_param` has this field only. musl's own function does nothing.
    let priority: libc::c_int = 1;
    // SAFETY: 0 is the calling thread, and the priority outlives the call.
    unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const priority) };
}

#[cfg(test)]
mod tests {
    use super::super::super::newcomers::Newcomers;
    use super::super::super::proc::Proc;
    use super::*;
    use crate::record::SourceOptions;

    #[test]
    fn only_execs_are_read() {
        let mut payload = vec![0; 20 + 24];
        payload[0] = 1;
        payload[20..24].copy_from_slice(&EXEC.to_ne_bytes());
        payload[28..36].copy_from_slice(&77_u64.to_ne_bytes());
        payload[36..40].copy_from_slice(&11_u32.to_ne_bytes());
        payload[40..44].copy_from_slice(&10_u32.to_ne_bytes());
        assert_eq!(exec_event(&payload), Some((10, 77)));
        payload[20] = 1;
        assert_eq!(exec_event(&payload), None);
        assert_eq!(exec_event(&payload[..30]), None);
    }

    #[test]
    fn a_process_is_remembered_until_it_is_forgotten() {
        let proc = Proc::new("/proc");
        let watch = Newcomers::start(&proc, SourceOptions::default()).watch().clone();
        let execs = Execs::new(Hashes::start(proc), watch, None);
        let pid = std::process::id();
        for time_ns in [50, 60] {
            execs.remember(pid, execs.read(pid, time_ns).unwrap());
        }
        let found = |since_ns, until_ns| execs.of(pid, since_ns, until_ns).map(|exec| exec.time_ns);
        assert_eq!(found(40, 49), None, "it had not happened yet");
        assert!(execs.of(pid, 40, 70).unwrap().cmdline.unwrap().contains("netrec"));
        assert_eq!([found(40, 70), found(51, 70), found(61, 70)], [Some(50), Some(60), None]);
        execs.forget_before(61);
        assert_eq!(found(0, 70), None);
    }

    /// Programs that all get the same process id, faster than they are queried.
    #[test]
    fn an_exec_that_had_to_give_way_is_not_taken_for_the_next_one() {
        let proc = Proc::new("/proc");
        let watch = Newcomers::start(&proc, SourceOptions::default()).watch().clone();
        let execs = Execs::new(Hashes::start(proc), watch, None);
        for number in 1..=MOST_OF_ONE as u64 + 2 {
            let cmdline = Some(number.to_string());
            execs.remember(7, Exec { time_ns: 10 * number, cmdline, uid: 0, executable: None });
        }
        let found = |since_ns| execs.of(7, since_ns, u64::MAX).map(|exec| exec.time_ns);
        assert_eq!([found(5), found(15), found(20)], [None; 3]);
        assert_eq!([found(21), found(30), found(31)], [Some(30), Some(30), Some(40)]);
    }
}
