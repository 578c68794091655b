//! Who did something to a socket, as it was at that moment: what a process does later changes nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::hashes::{Executable, Hashes};
use super::execs::Exec;
use crate::capture::{Owner, OwnerSource};

/// The facts of a process at one moment. What is told of it later (the hash of its executable, the command
/// line of an exec whose record came late) is filled in.
#[derive(Debug)]
pub(super) struct Identity(Mutex<Facts>);

#[derive(Debug)]
struct Facts {
    owner: Arc<Owner>,
    executable: Option<Arc<Executable>>,
    awaited: Option<AwaitedExec>,
}

/// The exec by which a program began, if it has not been told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AwaitedExec {
    pub(super) pid: u32,
    /// When it happened, and when the process did something, monotonic, ns: a later exec is another.
    pub(super) since_ns: u64,
    pub(super) until_ns: u64,
    /// The executable's number in its file system, as the kernel told it.
    pub(super) exe_inode: Option<u64>,
}

/// The owner of a socket and how it is known.
#[derive(Debug, Clone)]
pub(super) struct Attribution {
    pub(super) identity: Arc<Identity>,
    pub(super) source: OwnerSource,
}

impl Identity {
    pub(super) fn new(owner: Arc<Owner>, executable: Option<Arc<Executable>>) -> Self {
        Self(Mutex::new(Facts { owner, executable, awaited: None }))
    }

    /// The same, of which the exec has not been told yet.
    pub(super) fn awaiting(self, awaited: Option<AwaitedExec>) -> Self {
        self.facts().awaited = awaited;
        self
    }

    /// The facts as they are known.
    pub(super) fn owner(&self) -> Arc<Owner> {
        Arc::clone(&self.facts().owner)
    }

    /// The facts, with the hash of the executable if that is known by now.
    pub(super) fn complete(&self, hashes: &Hashes) -> Arc<Owner> {
        let mut facts = self.facts();
        let Facts { owner, executable, .. } = &mut *facts;
        hashes.complete(owner, executable.as_deref());
        Arc::clone(owner)
    }

    /// Adds what an exec tells that was awaited, if it can be found by now.
    pub(super) fn take_exec(&self, find: impl FnOnce(AwaitedExec) -> Option<Exec>) {
        let mut facts = self.facts();
        let Some(awaited) = facts.awaited else { return };
        let Some(exec) = find(awaited) else { return };
        facts.awaited = None;
        if facts.owner.cmdline.is_none() {
            Arc::make_mut(&mut facts.owner).cmdline = exec.cmdline;
        }
        let is_it = |executable: &Arc<Executable>| awaited.exe_inode == Some(executable.inode());
        facts.executable = facts.executable.take().or_else(|| exec.executable.filter(is_it));
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the container of the socket's cgroup where the process's own is not known.
    pub(super) fn add_container(&self, container: impl FnOnce() -> Option<String>) {
        let mut facts = self.facts();
        if facts.owner.container.is_none()
            && let Some(container) = container()
        {
            Arc::make_mut(&mut facts.owner).container = Some(container);
        }
    }

    /// Whether the hash of the executable may still become known.
    pub(super) fn awaits_hash(&self) -> bool {
        self.facts().executable.as_ref().is_some_and(|executable| executable.is_pending())
    }

    /// Whether it is a thread of the kernel, which has a name and no executable: it may close what a process
    /// has left behind.
    pub(super) fn is_of_kernel(&self) -> bool {
        let owner = self.owner();
        owner.process_name.is_some() && owner.exe.is_none() && owner.cmdline.is_none()
    }

    /// Process id.
    pub(super) fn pid(&self) -> Option<u32> {
        self.owner().pid
    }
}

impl Attribution {
    pub(super) fn new(identity: &Arc<Identity>, source: OwnerSource) -> Self {
        Self { identity: Arc::clone(identity), source }
    }

    /// Whether this was seen, and not concluded from who listens.
    pub(super) fn is_seen(&self) -> bool {
        self.source != OwnerSource::Listener
    }

    /// Whether it is the same program of the same process.
    pub(super) fn is_like(&self, owner: &Owner) -> bool {
        let own = self.identity.owner();
        (own.pid, &own.process_name, &own.exe) == (owner.pid, &owner.process_name, &owner.exe)
    }
}

impl PartialEq for Attribution {
    fn eq(&self, other: &Self) -> bool {
        (self.identity.owner(), self.source) == (other.identity.owner(), other.source)
    }
}
