//! Every network namespace of the host: a container's sockets are seen only from inside its own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use super::diag::{Diag, Socket};
use super::events::Closings;
use super::ids::IdMap;
use super::netlink::Netlink;
use super::packets::{OTHER_RING_BYTES, Ring};
use super::proc::Proc;
use crate::capture::{SourceReport, SourceStatus};
use crate::record::{Wanted, privileges};

/// Time between two looks for namespaces that have come or gone, because each asks every process;
/// one of which the events tell is looked for with the next snapshot.
const LOOK_EVERY_NS: i64 = 10_000_000_000;

/// Most namespaces that are recorded: each one's dump walks the host's whole socket table.
const MOST: usize = 256;

/// One way into the sockets of each namespace.
#[derive(Debug)]
pub(super) struct Namespaces {
    own: Diag,
    others: IdMap<u64, Diag>,
    /// Those that could not be entered, and why the last one could not.
    refused: BTreeSet<u64>,
    reason: String,
    /// Processes whose namespace may not even be asked for.
    unreadable: usize,
    /// Those of which the events told and that the next look will look for.
    expected: BTreeSet<u64>,
    /// How many of them were gone by then.
    missed: u64,
    look_at_ns: i64,
    wanted: Wanted,
    /// Whether nothing more could be had.
    has_privileges: bool,
    changes: Vec<Change>,
}

/// A namespace that came or went, for those who listen to its sockets and packets.
#[derive(Debug)]
pub(super) enum Change {
    /// It was entered, and this is the way to its closing sockets.
    Entered(u64, Closings),
    /// It was entered, and this is the way to its packets, if they are wanted.
    Watched(u64, io::Result<Ring>),
    /// No process is in it any more.
    Left(u64),
}

impl Namespaces {
    /// Opens the recorder's own namespace.
    pub(super) fn open(proc: &Proc, wanted: Wanted) -> io::Result<Self> {
        let netns = proc.netns(std::process::id()).unwrap_or(0);
        let own = Diag::new(Netlink::open()?, netns);
        Ok(Self {
            own,
            others: IdMap::default(),
            refused: BTreeSet::new(),
            reason: String::new(),
            unreadable: 0,
            expected: BTreeSet::new(),
            missed: 0,
            look_at_ns: i64::MIN,
            wanted,
            has_privileges: privileges::has_all(wanted),
            changes: Vec::new(),
        })
    }

    /// Appends the sockets of every namespace.
    ///
    /// # Errors
    /// Only for the recorder's own; another that is gone is left out.
    pub(super) fn sockets(&mut self, proc: &Proc, now_ns: i64, sockets: &mut Vec<Socket>) -> io::Result<()> {
        if now_ns >= self.look_at_ns {
            self.look_at_ns = now_ns.saturating_add(LOOK_EVERY_NS);
            self.look(proc);
        }
        self.own.sockets(sockets)?;
        self.others.retain(|_, diag| {
            let before = sockets.len();
            let alive = diag.sockets(sockets).is_ok();
            if !alive {
                sockets.truncate(before);
            }
            alive
        });
        Ok(())
    }

    /// Looks with the next snapshot if one of these is new: a process came into it.
    pub(super) fn expect(&mut self, seen: impl IntoIterator<Item = u64>) {
        let is_known = |netns: u64| {
            netns == self.own.netns() || self.others.contains_key(&netns) || self.refused.contains(&netns)
        };
        self.expected.extend(seen.into_iter().filter(|netns| !is_known(*netns)));
        if !self.expected.is_empty() {
            self.look_at_ns = i64::MIN;
        }
    }

    /// Inode of the recorder's own namespace.
    pub(super) fn own(&self) -> u64 {
        self.own.netns()
    }

    /// The namespaces that came or went since the last call.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Enters namespaces that are new and leaves those that no process is in any more: an open
    /// socket would keep them, and their devices, alive.
    fn look(&mut self, proc: &Proc) {
        let mut present: IdMap<u64, PathBuf> = IdMap::default();
        self.unreadable = 0;
        for pid in proc.pids() {
            match proc.netns(pid) {
                Ok(netns) if netns == self.own.netns() => {}
                Ok(netns) => {
                    present.entry(netns).or_insert_with(|| proc.netns_path(pid));
                }
                // Of one that is gone the kernel says the same as of one that may not be seen.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.unreadable += usize::from(proc.lives(pid));
                }
                Err(_) => {}
            }
        }
        let expected = std::mem::take(&mut self.expected);
        self.missed += expected.iter().filter(|netns| !present.contains_key(netns)).count() as u64;
        self.changes.extend(
            self.others
                .extract_if(|netns, _| !present.contains_key(netns))
                .map(|(netns, _)| Change::Left(netns)),
        );
        self.refused.retain(|netns| present.contains_key(netns));
        for (netns, path) in present {
            if self.others.contains_key(&netns) || self.refused.contains(&netns) {
                continue;
            }
            let wanted = self.wanted;
            let ring = move || wanted.packets().then(|| Ring::open(wanted, OTHER_RING_BYTES));
            match enter(path, move || Ok((Netlink::open()?, Closings::open(), ring()))) {
                Ok((netlink, closings, ring)) if self.others.len() < MOST => {
                    self.others.insert(netns, Diag::new(netlink, netns));
                    self.changes.extend(closings.ok().map(|closings| Change::Entered(netns, closings)));
                    self.changes.extend(ring.map(|ring| Change::Watched(netns, ring)));
                }
                Ok(_) => self.refuse(netns, format!("more than {MOST} are too many")),
                Err(error) => self.refuse(netns, error.to_string()),
            }
        }
    }

    fn refuse(&mut self, netns: u64, reason: String) {
        self.refused.insert(netns);
        self.reason = reason;
    }

    /// What was recorded, and what could not be.
    pub(super) fn report(&self) -> SourceReport {
        let refused = || {
            format!(
                "{} not, such as those of containers, which could not be entered ({}): run as root or give \
                 CAP_SYS_ADMIN and CAP_SYS_PTRACE",
                self.refused.len(),
                self.reason
            )
        };
        let unreadable = || format!("{}: {}", unreadable(self.has_privileges), self.unreadable);
        let missed =
            || format!("gone before they could be entered, with what happened in them: {}", self.missed);
        let lacks = [
            (!self.refused.is_empty()).then(refused),
            // Where some could not be entered, others may be unknown for the same reason.
            (self.unreadable > 0 && self.refused.is_empty()).then(unreadable),
            (self.missed > 0).then(missed),
        ];
        let lacks: Vec<String> = lacks.into_iter().flatten().collect();
        let status = if lacks.is_empty() { SourceStatus::Ran } else { SourceStatus::Partial };
        let recorded = format!("{} recorded", self.others.len() + 1);
        let detail = [vec![recorded], lacks].concat().join("; ");
        SourceReport { name: "network-namespaces".to_owned(), status, detail }
    }
}

/// What is said of processes that may be in namespaces which were not recorded.
fn unreadable(has_privileges: bool) -> &'static str {
    if has_privileges {
        "processes that the system lets nobody look at, which may be in further ones"
    } else {
        "processes of other users that may be in further ones, such as those of containers (root, or CAP_SYS_ADMIN \
         with CAP_SYS_PTRACE, may look)"
    }
}

/// Opens sockets inside a namespace. On a thread of its own, which ends there: the
/// recorder itself never leaves its namespace.
fn enter<T: Send + 'static>(
    path: PathBuf,
    open: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let inside = move || {
        let namespace = File::open(path)?;
        // SAFETY: no memory is passed; the call changes this thread alone.
        if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error());
        }
        privileges::take_up();
        open()
    };
    let thread = std::thread::Builder::new().name("netns".to_owned()).spawn(inside)?;
    thread.join().map_err(|_| io::Error::other("the thread died"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_is_recorded_and_said() {
        let proc = Proc::new("/proc");
        let mut namespaces = Namespaces::open(&proc, Wanted::default()).unwrap();
        let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sockets = Vec::new();
        namespaces.sockets(&proc, 0, &mut sockets).unwrap();
        let own = proc.netns(std::process::id()).unwrap();
        assert!(sockets.iter().any(|socket| socket.netns == own));
        assert!(namespaces.report().detail.contains("recorded"));
    }

    #[test]
    fn a_namespace_that_cannot_be_entered_is_said() {
        assert!(enter("/proc/self/ns/nothing".into(), Netlink::open).is_err());
        let mut namespaces = Namespaces::open(&Proc::new("/proc"), Wanted::default()).unwrap();
        namespaces.refuse(7, "Operation not permitted".to_owned());
        let report = namespaces.report();
        assert_eq!(report.status, SourceStatus::Partial);
        assert!(report.detail.contains("1 not") && report.detail.contains("CAP_SYS_ADMIN"));
    }

    #[test]
    fn a_namespace_that_was_gone_when_it_was_looked_for_is_said() {
        let proc = Proc::new("/proc");
        let mut namespaces = Namespaces::open(&proc, Wanted::default()).unwrap();
        namespaces.sockets(&proc, 0, &mut Vec::new()).unwrap();
        namespaces.expect([namespaces.own()]);
        namespaces.sockets(&proc, 1, &mut Vec::new()).unwrap();
        assert_eq!(namespaces.missed, 0);
        // No namespace has this number.
        namespaces.expect([1]);
        namespaces.sockets(&proc, 2, &mut Vec::new()).unwrap();
        namespaces.sockets(&proc, 3, &mut Vec::new()).unwrap();
        assert_eq!(namespaces.missed, 1);
        // Without privileges there is more to say.
        (namespaces.unreadable, namespaces.refused) = (0, BTreeSet::new());
        let report = namespaces.report();
        assert_eq!(report.status, SourceStatus::Partial);
        assert!(
            report.detail.contains("gone before they could be entered, with what happened in them: 1"),
            "{}",
            report.detail
        );
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
        let mut namespaces = Namespaces::open(&Proc::new("/proc"), Wanted::default()).unwrap();
        namespaces.look(&proc);
        // Init belongs to root, and others may not look.
        let may_look = proc.netns(1).is_ok();
        assert_eq!(namespaces.unreadable, usize::from(!may_look));
        // To become root is advice only for those who are not.
        namespaces.unreadable = 2;
        let detail = namespaces.report().detail;
        assert_eq!(detail.contains("root"), !privileges::has_all(Wanted::default()), "{detail}");
        assert!(detail.contains("1 recorded; processes") && detail.contains(": 2"), "{detail}");
        ended.wait().unwrap();
    }

    #[test]
    fn entering_ones_own_namespace_finds_the_same_sockets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let Ok(netlink) = enter("/proc/self/ns/net".into(), Netlink::open) else {
            println!("skipped: setns needs CAP_SYS_ADMIN");
            return;
        };
        let mut sockets = Vec::new();
        Diag::new(netlink, 1).sockets(&mut sockets).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(sockets.iter().any(|socket| socket.local.1 == port));
    }
}
