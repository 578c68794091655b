//! The process behind a socket event, as it was at that moment: later changes have no effect.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::hashes::{Executable, Hashes};
use super::execs::Exec;
use crate::capture::{Owner, OwnerSource};

/// The facts of a process at one moment. Facts that arrive later (the executable's hash, a late
/// exec's command line) are filled in.
#[derive(Debug)]
pub(super) struct Identity(Mutex<Facts>);

#[derive(Debug)]
struct Facts {
    owner: Arc<Owner>,
    executable: Option<Arc<Executable>>,
    awaited: Option<AwaitedExec>,
}

/// The exec that started a program, if it is not reported yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AwaitedExec {
    pub(super) pid: u32,
    /// When it happened, and when the process acted, monotonic, ns: a later exec is another one.
    pub(super) since_ns: u64,
    pub(super) until_ns: u64,
    /// The executable's inode number, as reported by the kernel.
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

    /// The same, with an exec that is not reported yet.
    pub(super) fn awaiting(self, awaited: Option<AwaitedExec>) -> Self {
        self.facts().awaited = awaited;
        self
    }

    /// The facts known so far.
    pub(super) fn owner(&self) -> Arc<Owner> {
        Arc::clone(&self.facts().owner)
    }

    /// The facts, with the executable's hash if it is known by now.
    pub(super) fn complete(&self, hashes: &Hashes) -> Arc<Owner> {
        let mut facts = self.facts();
        let Facts { owner, executable, .. } = &mut *facts;
        hashes.complete(owner, executable.as_deref());
        Arc::clone(owner)
    }

    /// Adds an awaited exec's facts if they are available by now.
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

    /// Adds the container of the socket's cgroup if the process's own is unknown.
    pub(super) fn add_container(&self, container: impl FnOnce() -> Option<String>) {
        let mut facts = self.facts();
        if facts.owner.container.is_none()
            && let Some(container) = container()
        {
            Arc::make_mut(&mut facts.owner).container = Some(container);
        }
    }

    /// Whether the executable's hash may still become known.
    pub(super) fn awaits_hash(&self) -> bool {
        self.facts().executable.as_ref().is_some_and(|executable| executable.is_pending())
    }

    /// Whether it is a kernel thread, which has a name and no executable: it may close sockets that
    /// a process has left behind.
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

    /// Whether it was observed rather than inferred from the listener.
    pub(super) fn is_seen(&self) -> bool {
        self.source != OwnerSource::Listener
    }

    /// Whether it is the same program in the same process.
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
