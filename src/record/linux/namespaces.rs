//! Every network namespace of the host: a container's sockets are visible only from inside its own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::diag::{Diag, Socket};
use super::events::{Closings, Notices};
use super::ids::IdMap;
use super::newcomers::{Newcomer, Newcomers, Opened, Watch};
use super::packets::Ring;
use super::proc::Proc;
use super::ways;
use crate::capture::{SourceReport, SourceStatus};
use crate::record::{SourceOptions, privileges};

/// Time between two searches for new or vanished namespaces, because each search queries every
/// process. A namespace that a process enters is opened at once.
const LOOK_EVERY_NS: i64 = 10_000_000_000;

/// The same after the first process in a namespace has ended.
const LOOK_SOON_NS: i64 = 1_000_000_000;

/// Maximum number of recorded namespaces: each one's dump walks the host's whole socket table.
const MOST: usize = 256;

/// Maximum number of remembered namespaces that were gone too soon.
const MOST_MISSED: usize = 4096;

/// Access to the sockets of each namespace.
#[derive(Debug)]
pub(super) struct Namespaces {
    own: Diag,
    others: IdMap<u64, Other>,
    newcomers: Newcomers,
    /// Namespaces that could not be entered, and the last error.
    refused: BTreeSet<u64>,
    reason: String,
    /// Number of processes whose namespace cannot even be read.
    unreadable: usize,
    /// Namespaces that were gone before they could be entered.
    missed: BTreeSet<u64>,
    look_at_ns: i64,
    /// Whether threads in another namespace than their process were searched for.
    has_looked: bool,
    /// Whether further privileges would not help.
    has_privileges: bool,
    changes: Vec<Change>,
}

/// A namespace that was entered.
#[derive(Debug)]
struct Other {
    diag: Diag,
    /// The process that was seen to enter it.
    guest: Option<u32>,
    /// Whether the last snapshot found sockets in it.
    has_sockets: bool,
}

/// A namespace that was added or removed, for those who watch its sockets and packets.
#[derive(Debug)]
pub(super) enum Change {
    /// It was entered; this receives its closing sockets.
    Entered(u64, Closings),
    /// It was entered; this receives its packets, if they are wanted.
    Watched(u64, io::Result<Ring>),
    /// No process is in it any more.
    Left(u64),
}

impl Namespaces {
    /// Opens the recorder's own namespace.
    pub(super) fn open(proc: &Proc, wanted: SourceOptions) -> io::Result<Self> {
        let netns = proc.netns(std::process::id()).unwrap_or(0);
        let own = Diag::open(netns)?;
        let newcomers = Newcomers::start(proc, wanted);
        newcomers.watch().note(netns);
        Ok(Self {
            own,
            others: IdMap::default(),
            newcomers,
            refused: BTreeSet::new(),
            reason: String::new(),
            unreadable: 0,
            missed: BTreeSet::new(),
            look_at_ns: i64::MIN,
            has_looked: false,
            has_privileges: privileges::has_all(wanted),
            changes: Vec::new(),
        })
    }

    /// For sources that see threads enter namespaces.
    pub(super) fn watch(&self) -> Watch {
        self.newcomers.watch().clone()
    }

    /// Sets which notifications of closing sockets to request in namespaces entered from now on.
    pub(super) fn want(&mut self, notices: Notices) {
        self.newcomers.want(notices);
    }

    /// Appends the sockets of every namespace.
    ///
    /// # Errors
    /// Only for the recorder's own namespace; any other that is gone is left out.
    pub(super) fn sockets(&mut self, proc: &Proc, now_ns: i64, sockets: &mut Vec<Socket>) -> io::Result<()> {
        self.welcome();
        if now_ns >= self.look_at_ns {
            self.look_at_ns = now_ns.saturating_add(LOOK_EVERY_NS);
            self.look(proc);
        }
        self.own.sockets(sockets)?;
        let mut is_left = false;
        let watch = self.newcomers.watch();
        self.others.retain(|netns, other| {
            let before = sockets.len();
            let alive = other.diag.sockets(sockets).is_ok();
            if !alive {
                sockets.truncate(before);
                watch.forget(*netns);
            }
            other.has_sockets = sockets.len() > before;
            is_left |= !other.has_sockets && other.guest.is_some_and(|guest| !proc.lives(guest));
            alive
        });
        if is_left {
            self.look_at_ns = self.look_at_ns.min(now_ns.saturating_add(LOOK_SOON_NS));
        }
        Ok(())
    }

    /// Inode of the recorder's own namespace.
    pub(super) fn own(&self) -> u64 {
        self.own.netns()
    }

    /// The namespaces added or removed since the last call.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Takes over the namespaces that were entered since the last snapshot.
    fn welcome(&mut self) {
        for Newcomer { entered, opened } in self.newcomers.take() {
            match opened {
                Ok(opened) => self.settle(entered.netns, Some(entered.pid), opened),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if self.missed.len() < MOST_MISSED {
                        self.missed.insert(entered.netns);
                    }
                }
                Err(error) => self.refuse(entered.netns, error.to_string()),
            }
        }
    }

    fn settle(&mut self, netns: u64, guest: Option<u32>, opened: Opened) {
        self.missed.remove(&netns);
        self.refused.remove(&netns);
        if self.others.contains_key(&netns) {
            return;
        }
        if self.others.len() >= MOST {
            self.refuse(netns, format!("more than {MOST} are too many"));
            return;
        }
        self.newcomers.watch().note(netns);
        self.others.insert(netns, Other { diag: opened.diag, guest, has_sockets: true });
        self.changes.extend(opened.closings.ok().map(|closings| Change::Entered(netns, closings)));
        self.changes.extend(opened.ring.map(|ring| Change::Watched(netns, ring)));
    }

    /// Enters new namespaces, and leaves those without processes and sockets: an open socket of the
    /// recorder would keep them, and their devices, alive.
    fn look(&mut self, proc: &Proc) {
        let mut present = self.of_processes(proc);
        present.extend(ways::mounted(proc));
        if !std::mem::replace(&mut self.has_looked, true) {
            present.extend(ways::of_threads(proc));
        }
        present.remove(&self.own.netns());
        let watch = self.newcomers.watch();
        let is_over = |netns: &u64, other: &mut Other| !present.contains_key(netns) && !other.has_sockets;
        self.changes.extend(self.others.extract_if(is_over).map(|(netns, _)| {
            watch.forget(netns);
            Change::Left(netns)
        }));
        self.refused.retain(|netns| present.contains_key(netns));
        for (netns, path) in present {
            if self.others.contains_key(&netns) || self.refused.contains(&netns) {
                continue;
            }
            match File::open(path).and_then(|namespace| self.newcomers.enter(namespace)) {
                Ok(opened) => self.settle(netns, None, opened),
                Err(error) => self.refuse(netns, error.to_string()),
            }
        }
    }

    /// The namespaces of all processes.
    fn of_processes(&mut self, proc: &Proc) -> IdMap<u64, PathBuf> {
        let mut present: IdMap<u64, PathBuf> = IdMap::default();
        self.unreadable = 0;
        for pid in proc.pids() {
            match proc.netns(pid) {
                Ok(netns) => {
                    present.entry(netns).or_insert_with(|| proc.netns_path(pid));
                }
                // The kernel returns the same error for a process that is gone and for one that is
                // not accessible.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.unreadable += usize::from(proc.lives(pid));
                }
                Err(_) => {}
            }
        }
        present
    }

    fn refuse(&mut self, netns: u64, reason: String) {
        self.refused.insert(netns);
        self.newcomers.watch().note(netns);
        self.reason = reason;
    }

    /// What was recorded, and what could not be.
    pub(super) fn report(&self) -> SourceReport {
        let refused = || {
            format!(
                "{} could not be entered, such as those of containers ({}): run as root or grant \
                 CAP_SYS_ADMIN and CAP_SYS_PTRACE",
                self.refused.len(),
                self.reason
            )
        };
        let unreadable = || format!("{}: {}", unreadable(self.has_privileges), self.unreadable);
        let missed = || {
            let what = if self.newcomers.has_tcp_without_entering() { "UDP" } else { "what happened" };
            format!("gone before they could be entered, with {what} in them: {}", self.missed.len())
        };
        let lacks = [
            (!self.refused.is_empty()).then(refused),
            // If some could not be entered, others may be unknown for the same reason.
            (self.unreadable > 0 && self.refused.is_empty()).then(unreadable),
            (!self.missed.is_empty()).then(missed),
        ];
        let lacks: Vec<String> = lacks.into_iter().flatten().collect();
        let status = if lacks.is_empty() { SourceStatus::Ran } else { SourceStatus::Partial };
        let recorded = format!("{} recorded", self.others.len() + 1);
        let detail = [vec![recorded], lacks].concat().join("; ");
        SourceReport { name: "network-namespaces".to_owned(), status, detail }
    }
}

/// The message about processes that may be in namespaces which were not recorded.
fn unreadable(has_privileges: bool) -> &'static str {
    if has_privileges {
        "processes that the system does not expose, which may be in further namespaces"
    } else {
        "processes of other users that may be in further namespaces, such as those of containers (visible \
         to root, or with CAP_SYS_ADMIN and CAP_SYS_PTRACE)"
    }
}

#[cfg(test)]
mod tests {
    use super::super::newcomers::inside;
    use super::*;

    #[test]
    fn the_own_namespace_is_recorded_and_said() {
        let proc = Proc::new("/proc");
        let mut namespaces = Namespaces::open(&proc, SourceOptions::default()).unwrap();
        let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sockets = Vec::new();
        namespaces.sockets(&proc, 0, &mut sockets).unwrap();
        let own = proc.netns(std::process::id()).unwrap();
        assert!(sockets.iter().any(|socket| socket.netns == own));
        assert!(namespaces.report().detail.contains("recorded"));
    }

    #[test]
    fn a_namespace_that_cannot_be_entered_is_said() {
        let mut namespaces = Namespaces::open(&Proc::new("/proc"), SourceOptions::default()).unwrap();
        namespaces.refuse(7, "Operation not permitted".to_owned());
        let report = namespaces.report();
        assert_eq!(report.status, SourceStatus::Partial);
        assert!(report.detail.contains("1 could not be entered") && report.detail.contains("CAP_SYS_ADMIN"));
    }

    #[test]
    fn a_namespace_that_was_gone_when_it_was_looked_for_is_said() {
        let proc = Proc::new("/proc");
        let mut namespaces = Namespaces::open(&proc, SourceOptions::default()).unwrap();
        let pid = std::process::id();
        // No namespace has this number.
        namespaces.watch().notice(ways::Entered { pid, thread: pid, netns: 1 });
        for _ in 0..500 {
            namespaces.sockets(&proc, 0, &mut Vec::new()).unwrap();
            if !namespaces.missed.is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // Without privileges the message is longer.
        (namespaces.unreadable, namespaces.refused) = (0, BTreeSet::new());
        let report = namespaces.report();
        assert_eq!(report.status, SourceStatus::Partial);
        let said = "gone before they could be entered, with what happened in them: 1";
        assert!(report.detail.contains(said), "{}", report.detail);
        namespaces.want(Notices::Udp);
        assert!(namespaces.report().detail.contains("with UDP in them: 1"));
    }

    #[test]
    fn a_process_that_has_ended_is_in_no_namespace() {
        let folder = tempfile::tempdir().unwrap();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        for pid in [ended.id(), 1] {
            let link = folder.path().join(pid.to_string());
            std::os::unix::fs::symlink(format!("/proc/{pid}"), link).unwrap();
        }
        let proc = Proc::new(folder.path());
        while proc.lives(ended.id()) {
            std::thread::yield_now();
        }
        assert!(proc.name(ended.id()).is_some(), "it waits to be waited for");
        let mut namespaces = Namespaces::open(&Proc::new("/proc"), SourceOptions::default()).unwrap();
        namespaces.look(&proc);
        // Init belongs to root, so others cannot read its namespace.
        let may_look = proc.netns(1).is_ok();
        assert_eq!(namespaces.unreadable, usize::from(!may_look));
        // The advice to become root is only for those who are not.
        namespaces.unreadable = 2;
        let detail = namespaces.report().detail;
        assert_eq!(detail.contains("root"), !privileges::has_all(SourceOptions::default()), "{detail}");
        // Other namespaces of this machine are recorded too.
        assert!(detail.contains(" recorded; processes") && detail.contains(": 2"), "{detail}");
        ended.wait().unwrap();
    }

    #[test]
    fn entering_ones_own_namespace_finds_the_same_sockets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let namespace = File::open("/proc/self/ns/net").unwrap();
        let Ok(mut diag) = inside(namespace, || Diag::open(1)) else {
            println!("skipped: setns needs CAP_SYS_ADMIN");
            return;
        };
        let mut sockets = Vec::new();
        diag.sockets(&mut sockets).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(sockets.iter().any(|socket| socket.local.1 == port));
    }
}
