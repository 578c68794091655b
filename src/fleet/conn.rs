//! A connection in the reduction.

use super::names::{Name, Names};

/// A host's socket with a remote, merged from all captures that have it.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a column of the table")]
pub(super) struct Conn {
    pub(super) host: Name,
    pub(super) boot: Name,
    pub(super) id: i64,
    pub(super) protocol: Name,
    pub(super) local: (Name, i32),
    pub(super) remote: (Name, i32),
    pub(super) remote_name: Name,
    pub(super) scope: Name,
    pub(super) direction: Name,
    pub(super) first_us: i64,
    pub(super) last_us: i64,
    pub(super) is_opened: bool,
    pub(super) is_exact: bool,
    pub(super) is_closed: bool,
    pub(super) is_established: bool,
    pub(super) sent: Option<i64>,
    pub(super) received: Option<i64>,
    pub(super) pid: Option<i64>,
    pub(super) process: Name,
    pub(super) exe: Name,
    pub(super) sha256: Name,
    pub(super) user: Name,
    pub(super) process_start_us: Option<i64>,
}

impl Conn {
    /// Its destination, by name if there is one.
    pub(super) fn place(&self) -> Name {
        if self.remote_name == 0 { self.remote.0 } else { self.remote_name }
    }

    /// Its program: by hash if known, else by path, else by name.
    pub(super) fn program(&self) -> Name {
        [self.sha256, self.exe, self.process].into_iter().find(|name| *name != 0).unwrap_or(0)
    }

    /// Merges another capture's data of the same socket. Counters are cumulative, so the largest is
    /// the last. Conflicts are resolved independently of the order.
    pub(super) fn merge(&mut self, other: &Self, names: &Names) {
        self.first_us = self.first_us.min(other.first_us);
        self.last_us = self.last_us.max(other.last_us);
        self.is_opened |= other.is_opened;
        self.is_exact |= other.is_exact;
        self.is_closed |= other.is_closed;
        self.is_established |= other.is_established;
        self.sent = self.sent.max(other.sent);
        self.received = self.received.max(other.received);
        self.pid = self.pid.max(other.pid);
        self.process_start_us = self.process_start_us.max(other.process_start_us);
        self.local.1 = self.local.1.min(other.local.1);
        self.remote.1 = self.remote.1.min(other.remote.1);
        let is_before = |a: Name, b: Name| a != 0 && (b == 0 || names.get(a) < names.get(b));
        for (mine, theirs) in [
            (&mut self.protocol, other.protocol),
            (&mut self.local.0, other.local.0),
            (&mut self.remote.0, other.remote.0),
            (&mut self.scope, other.scope),
        ] {
            if *mine != theirs && is_before(theirs, *mine) {
                *mine = theirs;
            }
        }
        for (mine, theirs) in [
            (&mut self.direction, other.direction),
            (&mut self.remote_name, other.remote_name),
            (&mut self.process, other.process),
            (&mut self.exe, other.exe),
            (&mut self.sha256, other.sha256),
            (&mut self.user, other.user),
        ] {
            if *mine != theirs && theirs != 0 && !is_before(theirs, *mine) {
                *mine = theirs;
            }
        }
    }

    /// All text keys.
    pub(super) fn names_mut(&mut self) -> [&mut Name; 12] {
        [
            &mut self.host,
            &mut self.boot,
            &mut self.protocol,
            &mut self.local.0,
            &mut self.remote.0,
            &mut self.remote_name,
            &mut self.scope,
            &mut self.direction,
            &mut self.process,
            &mut self.exe,
            &mut self.sha256,
            &mut self.user,
        ]
    }
}
