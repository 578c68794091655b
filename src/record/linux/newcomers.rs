//! Enters network namespaces as soon as the first process enters them rather than at the next tick:
//! some last only as long as one program.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::diag::Diag;
use super::events::{Closings, Notices};
use super::packets::{OTHER_RING_BYTES, Ring};
use super::proc::Proc;
use super::ways::{self, Entered};
use crate::record::{SourceOptions, privileges};

/// Maximum number of remembered namespaces.
const MOST: usize = 4096;

/// What was opened inside a namespace.
pub(super) struct Opened {
    pub(super) diag: Diag,
    pub(super) closings: io::Result<Closings>,
    pub(super) ring: Option<io::Result<Ring>>,
}

/// A namespace that a thread entered, and the outcome of opening it.
pub(super) struct Newcomer {
    pub(super) entered: Entered,
    pub(super) opened: io::Result<Opened>,
}

/// Reports threads that enter namespaces; shared by all sources that see them.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    /// Namespaces that were opened or refused, or are about to be.
    known: Arc<Mutex<HashSet<u64>>>,
    seen: Sender<Entered>,
}

impl Watch {
    /// Has the namespace opened if it is new.
    pub(super) fn notice(&self, entered: Entered) {
        let mut known = self.known();
        if known.len() < MOST && known.insert(entered.netns) {
            // If the thread has panicked, the search at the next tick opens namespaces.
            let _ = self.seen.send(entered);
        }
    }

    /// Whether the namespace is already known.
    #[cfg(test)]
    pub(super) fn knows(&self, netns: u64) -> bool {
        self.known().contains(&netns)
    }

    /// Notes that it was opened in another way.
    pub(super) fn note(&self, netns: u64) {
        self.known().insert(netns);
    }

    /// Forgets a namespace that is gone, or was gone too soon.
    pub(super) fn forget(&self, netns: u64) {
        self.known().remove(&netns);
    }

    fn known(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that opens namespaces, and its results.
#[derive(Debug)]
pub(super) struct Newcomers {
    watch: Watch,
    opened: Receiver<Newcomer>,
    wants: Arc<Wants>,
}

/// What to open inside.
#[derive(Debug)]
struct Wants {
    packets: SourceOptions,
    tcp_notices: AtomicBool,
}

impl Newcomers {
    /// Starts the thread, which ends with the last watch.
    pub(super) fn start(proc: &Proc, wanted: SourceOptions) -> Self {
        let (seen, incoming) = channel();
        let (outgoing, opened) = channel();
        let wants = Arc::new(Wants { packets: wanted, tcp_notices: AtomicBool::new(true) });
        let watch = Watch { known: Arc::default(), seen };
        let (proc, theirs, known) = (proc.clone(), Arc::clone(&wants), Arc::clone(&watch.known));
        let run = move || {
            for entered in incoming {
                let opened = theirs.open(&proc, entered);
                if opened.is_err() {
                    // The next process that enters it may still be there.
                    known.lock().unwrap_or_else(PoisonError::into_inner).remove(&entered.netns);
                }
                if outgoing.send(Newcomer { entered, opened }).is_err() {
                    return;
                }
            }
        };
        // Without the thread, the search at a tick opens namespaces.
        let _ = std::thread::Builder::new().name("namespaces".to_owned()).spawn(run);
        Self { watch, opened, wants }
    }

    /// For sources that see threads enter namespaces.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Sets which notifications of closing sockets to request from now on.
    pub(super) fn want(&self, notices: Notices) {
        self.wants.tcp_notices.store(notices == Notices::All, Ordering::Relaxed);
    }

    /// Whether other sources cover TCP in namespaces that were not entered.
    pub(super) fn has_tcp_without_entering(&self) -> bool {
        !self.wants.tcp_notices.load(Ordering::Relaxed)
    }

    /// What was opened since the last call.
    pub(super) fn take(&self) -> Vec<Newcomer> {
        self.opened.try_iter().collect()
    }

    /// Opens everything wanted inside the namespace.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn enter(&self, namespace: std::fs::File) -> io::Result<Opened> {
        self.wants.enter(namespace)
    }
}

impl Wants {
    fn open(&self, proc: &Proc, entered: Entered) -> io::Result<Opened> {
        self.enter(ways::open(proc, entered)?)
    }

    fn enter(&self, namespace: std::fs::File) -> io::Result<Opened> {
        let (packets, netns) = (self.packets, namespace.metadata()?.ino());
        let notices = if self.tcp_notices.load(Ordering::Relaxed) { Notices::All } else { Notices::Udp };
        inside(namespace, move || {
            Ok(Opened {
                diag: Diag::open(netns)?,
                closings: Closings::open(notices),
                ring: packets.packets().then(|| Ring::open(packets, OTHER_RING_BYTES)),
            })
        })
    }
}

/// Opens sockets inside a namespace, on a separate thread that ends there: the recorder itself
/// never leaves its namespace.
pub(super) fn inside<T: Send + 'static>(
    namespace: std::fs::File,
    open: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    use std::os::fd::AsRawFd as _;
    let inside = move || {
        // SAFETY: no memory is passed; the call changes this thread alone.
        if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error());
        }
        privileges::raise_effective();
        open()
    };
    let thread = std::thread::Builder::new().name("netns".to_owned()).spawn(inside)?;
    thread.join().map_err(|_| io::Error::other("the thread died"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_entered_once_and_one_that_is_gone_may_be_tried_again() {
        let proc = Proc::new("/proc");
        let newcomers = Newcomers::start(&proc, SourceOptions::default());
        let pid = std::process::id();
        let own = Entered { pid, thread: pid, netns: proc.netns(pid).unwrap() };
        for entered in [own, own, Entered { netns: 1, ..own }] {
            newcomers.watch().notice(entered);
        }
        let mut taken = Vec::new();
        for _ in 0..500 {
            taken.extend(newcomers.take());
            if taken.len() == 2 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let found: Vec<_> = taken.iter().map(|newcomer| newcomer.entered.netns).collect();
        assert_eq!(found, [own.netns, 1]);
        assert!(!newcomers.watch().knows(1));
        match &taken[0].opened {
            Ok(opened) => assert!(opened.ring.is_none()),
            Err(error) => println!("skipped: setns needs CAP_SYS_ADMIN: {error}"),
        }
    }
}
