//! Command lines of programs that may live for less than a millisecond: read at the moment of
//! their exec, as the kernel's process connector tells of it.
//!
//! The tracepoints know name and executable of every program, but not its arguments, and by
//! the time that a ring is read the program may be gone. So one thread does nothing but wait
//! for the next exec and read `/proc/PID/cmdline`; with real-time priority where that is
//! allowed, because at normal priority every second program is gone before its turn.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::super::hashes::{Executable, Hashes};
use super::super::message;

/// `CN_IDX_PROC`, `CN_VAL_PROC`, `PROC_CN_MCAST_LISTEN`, `PROC_EVENT_EXEC` (`linux/cn_proc.h`).
const PROCESS_INDEX: u32 = 1;
const PROCESS_VALUE: u32 = 1;
const LISTEN: u32 = 1;
const EXEC: u32 = 2;

/// Longest command line that is kept, in bytes.
const CMDLINE_BYTES: u64 = 4096;

/// Most programs remembered at once; an attacker may start any number.
const MOST_PROGRAMS: usize = 16 * 1024;

/// A program at the moment of its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exec {
    /// Monotonic clock, ns.
    pub(super) time_ns: u64,
    pub(super) cmdline: String,
    pub(super) uid: u32,
    /// What `/proc` said to be its executable; if it ran another program at once, that one's.
    pub(super) executable: Option<Arc<Executable>>,
}

/// The last exec of every process, as far as it was caught.
pub(super) struct Execs {
    hashes: Arc<Hashes>,
    latest: Mutex<HashMap<u32, Exec>>,
    /// The thread ends when this is closed: one that looked now and then would cost a quiet host more.
    running: Mutex<Option<PipeWriter>>,
}

impl Execs {
    /// Starts the thread; it ends by [`Execs::end`].
    ///
    /// # Errors
    /// What the system said: a kernel without the connector, or a namespace without it.
    pub(super) fn start(hashes: Arc<Hashes>) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let socket = subscribe()?;
        let (ended, running) = io::pipe()?;
        let execs = Arc::new(Self::new(hashes));
        *execs.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        let shared = Arc::clone(&execs);
        let thread = std::thread::Builder::new()
            .name("execs".to_owned())
            .spawn(move || shared.run(&socket, &ended))?;
        Ok((execs, thread))
    }

    fn new(hashes: Arc<Hashes>) -> Self {
        Self { hashes, latest: Mutex::default(), running: Mutex::default() }
    }

    /// Ends the thread.
    pub(super) fn end(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The last exec of a process up to a moment, with a little room between the two clocks' readings.
    pub(super) fn of(&self, pid: u32, not_after_ns: u64) -> Option<Exec> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.get(&pid).filter(|exec| exec.time_ns <= not_after_ns).cloned()
    }

    /// Forgets what happened before a moment.
    pub(super) fn forget_before(&self, time_ns: u64) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.retain(|_, exec| exec.time_ns >= time_ns);
        self.hashes.let_go();
    }

    fn run(&self, socket: &OwnedFd, ended: &PipeReader) {
        ask_for_priority();
        let mut buffer = [0; 4096];
        loop {
            let mut entries = [socket.as_raw_fd(), ended.as_raw_fd()].map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            });
            // SAFETY: the entries are valid, and as many as stated.
            unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, -1) };
            if entries[1].revents != 0 {
                return;
            }
            // SAFETY: the buffer is valid for its length.
            let length = unsafe {
                libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT)
            };
            let Ok(length) = usize::try_from(length) else { continue };
            for message in message::messages(&buffer[..length]) {
                if let Some((pid, time_ns)) = exec_event(message.payload) {
                    self.note(pid, time_ns);
                }
            }
        }
    }

    fn note(&self, pid: u32, time_ns: u64) {
        let Ok((cmdline, uid)) = read_cmdline(pid) else { return };
        let executable = self.hashes.meet(pid);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() < MOST_PROGRAMS || latest.contains_key(&pid) {
            latest.insert(pid, Exec { time_ns, cmdline, uid, executable });
        }
    }
}

/// The arguments separated by spaces, and the user, to whom the file belongs.
fn read_cmdline(pid: u32) -> io::Result<(String, u32)> {
    let file = File::open(format!("/proc/{pid}/cmdline"))?;
    let mut bytes = Vec::new();
    (&file).take(CMDLINE_BYTES).read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if end == 0 {
        // Gone already: the kernel gives an empty file for a process without memory.
        return Err(io::ErrorKind::NotFound.into());
    }
    bytes.truncate(end);
    bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    Ok((String::from_utf8_lossy(&bytes).into_owned(), file.metadata()?.uid()))
}

/// Process and moment of an exec: after `struct cn_msg` (20 bytes) comes `struct proc_event`.
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
    // SAFETY: the descriptor was just opened and belongs to no one else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    super::closings::bind(fd, PROCESS_INDEX)?;
    // A message header, `struct cn_msg`, and `struct proc_input`: only execs, please.
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

/// The lowest real-time priority, if it may be had; else nothing changes.
fn ask_for_priority() {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: 0 is the calling thread, and the parameters are valid.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
}

#[cfg(test)]
mod tests {
    use super::super::super::proc::Proc;
    use super::*;

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
        let execs = Execs::new(Hashes::start(Proc::new("/proc")));
        execs.note(std::process::id(), 50);
        assert_eq!(execs.of(std::process::id(), 49), None, "it had not happened yet");
        assert!(execs.of(std::process::id(), 50).unwrap().cmdline.contains("netrec"));
        execs.forget_before(51);
        assert_eq!(execs.of(std::process::id(), 60), None);
    }
}
