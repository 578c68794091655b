//! Who did something to a socket, as it was at that moment: what a process does later changes nothing.

use std::sync::{Arc, Mutex, PoisonError};

use super::super::hashes::{Executable, Hashes};
use crate::capture::{Owner, OwnerSource};

/// The facts of a process at one moment, and its executable, whose hash may become known later.
#[derive(Debug)]
pub(super) struct Identity {
    owner: Mutex<Arc<Owner>>,
    executable: Option<Arc<Executable>>,
}

/// The owner of a socket and how it is known.
#[derive(Debug, Clone)]
pub(super) struct Attribution {
    pub(super) identity: Arc<Identity>,
    pub(super) source: OwnerSource,
}

impl Identity {
    pub(super) fn new(owner: Arc<Owner>, executable: Option<Arc<Executable>>) -> Self {
        Self { owner: Mutex::new(owner), executable }
    }

    /// The facts as they are known.
    pub(super) fn owner(&self) -> Arc<Owner> {
        Arc::clone(&self.owner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The facts, with the hash of the executable if that is known by now.
    pub(super) fn complete(&self, hashes: &Hashes) -> Arc<Owner> {
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.complete(&mut owner, self.executable.as_deref());
        Arc::clone(&owner)
    }

    /// Adds the container of the socket's cgroup where the process's own is not known.
    pub(super) fn add_container(&self, container: impl FnOnce() -> Option<String>) {
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        if owner.container.is_none()
            && let Some(container) = container()
        {
            Arc::make_mut(&mut owner).container = Some(container);
        }
    }

    /// Whether the hash of the executable may still become known.
    pub(super) fn awaits_hash(&self) -> bool {
        self.executable.as_ref().is_some_and(|executable| executable.is_pending())
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
