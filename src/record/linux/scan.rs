//! Searches for the processes that hold sockets, starting where something has changed.

use std::io;

use super::ids::IdMap;
use super::proc::Proc;
use super::processes::ProcessId;
use crate::record::clock::thread_cpu_ns;

/// A process and its descriptor of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) process: ProcessId,
    pub(super) descriptor: u32,
}

/// The sockets to find, by inode, with the holders found.
pub(super) type SourceOptions = IdMap<u32, Option<Holder>>;

/// How complete a search was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Searched {
    /// Every readable process: a holder that was not found does not exist.
    All,
    /// Only processes whose descriptors have changed; a full search would cost too much now.
    Changed,
}

/// A full search may take one part in this many of the CPU time: 5 %. Its duration on the clock
/// depends on the load of the host, and a busy host is no reason to know less.
const PAUSE_FACTOR: i64 = 20;

/// Remembers each process's number of descriptors at the last search.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    seen: IdMap<u32, Seen>,
    next_full_ns: i64,
    unreadable: usize,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    descriptors: u64,
    readable: bool,
}

impl Scanner {
    /// Number of processes whose descriptors could not be read in the last search.
    pub(super) fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Number of open descriptors of a process at the last search; 0 if unknown.
    pub(super) fn descriptors(&self, pid: u32) -> u64 {
        self.seen.get(&pid).map_or(0, |seen| seen.descriptors)
    }

    /// Searches some processes for `wanted` if their number of descriptors has changed; true if
    /// that finds all of them. On a host with many processes, querying each costs more than a tick.
    pub(super) fn search_first(
        &mut self,
        proc: &Proc,
        pids: &[u32],
        wanted: &mut SourceOptions,
        held: &dyn Fn(u32, u32) -> bool,
    ) -> bool {
        for pid in pids {
            let Ok(descriptors) = proc.descriptors(*pid) else { continue };
            // 0 means unknown.
            if descriptors == 0 || self.descriptors(*pid) != descriptors {
                self.seen.insert(*pid, Seen { descriptors, readable: true });
                self.search_process(proc, *pid, wanted, held);
            }
        }
        wanted.values().all(Option::is_some)
    }

    /// Searches for `wanted`, skipping the descriptors that `held` already knows.
    ///
    /// A new socket increases its process's number of descriptors, so those processes come first.
    /// The others follow only if that does not find all, and not so often that a socket without a
    /// holder could make the recorder a burden.
    pub(super) fn search(
        &mut self,
        proc: &Proc,
        wanted: &mut SourceOptions,
        held: &dyn Fn(u32, u32) -> bool,
        now_ns: i64,
    ) -> Searched {
        let begin_ns = thread_cpu_ns();
        let (changed, unchanged) = self.split(proc);
        for pid in changed {
            self.search_process(proc, pid, wanted, held);
        }
        let searched = if wanted.values().all(Option::is_some) {
            Searched::All
        } else if now_ns < self.next_full_ns {
            Searched::Changed
        } else {
            for pid in unchanged {
                self.search_process(proc, pid, wanted, held);
            }
            let pause_ns = (thread_cpu_ns() - begin_ns).max(1).saturating_mul(PAUSE_FACTOR);
            self.next_full_ns = now_ns.saturating_add(pause_ns);
            Searched::All
        };
        self.unreadable = self.seen.values().filter(|seen| !seen.readable).count();
        searched
    }

    /// All processes: those whose number of descriptors has changed, and the others. Unreadable
    /// processes without a change are left out.
    fn split(&mut self, proc: &Proc) -> (Vec<u32>, Vec<u32>) {
        let mut before = std::mem::take(&mut self.seen);
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        let counts: Vec<(u32, u64)> =
            proc.pids().into_iter().filter_map(|pid| Some((pid, proc.descriptors(pid).ok()?))).collect();
        // Before Linux 6.2 the number is always 0 and means nothing; since then 0 is a kernel
        // thread, which holds nothing.
        let is_counted = counts.iter().any(|(_, descriptors)| *descriptors > 0);
        for (pid, descriptors) in counts {
            if descriptors == 0 && is_counted {
                continue;
            }
            let seen = before.remove(&pid);
            let same = seen.filter(|seen| seen.descriptors == descriptors);
            match same {
                Some(seen) if !seen.readable => {}
                Some(_) if is_counted => unchanged.push(pid),
                _ => changed.push(pid),
            }
            let readable = same.is_none_or(|seen| seen.readable);
            self.seen.insert(pid, Seen { descriptors, readable });
        }
        (changed, unchanged)
    }

    fn search_process(
        &mut self,
        proc: &Proc,
        pid: u32,
        wanted: &mut SourceOptions,
        held: &dyn Fn(u32, u32) -> bool,
    ) {
        let mut hits = Vec::new();
        let read = proc.sockets(pid, &|descriptor| held(pid, descriptor), &mut |descriptor, inode| {
            if wanted.contains_key(&inode) {
                hits.push((descriptor, inode));
            }
        });
        // Any other error means that it has ended since.
        if read.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
            && let Some(seen) = self.seen.get_mut(&pid)
        {
            seen.readable = false;
        }
        if hits.is_empty() {
            return;
        }
        let mut buffer = Vec::new();
        let Some(stat) = proc.stat(pid, &mut buffer) else { return };
        let process = ProcessId { pid, start_ticks: stat.start_ticks };
        for (descriptor, inode) in hits {
            let best = wanted.entry(inode).or_default();
            let found = Holder { process, descriptor };
            if best.is_none_or(|best| is_rather(found, best)) {
                *best = Some(found);
            }
        }
    }
}

/// Whether `a` rather than `b` counts as the owner of a socket that both hold: the older one, from
/// which the other inherited it; but not init, which only holds it for a service.
fn is_rather(a: Holder, b: Holder) -> bool {
    let rank = |holder: Holder| {
        (holder.process.pid == 1, holder.process.start_ticks, holder.process.pid, holder.descriptor)
    };
    rank(a) < rank(b)
}

#[cfg(test)]
mod tests {
    use super::super::proc::tests::FakeProc;
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    fn search(scanner: &mut Scanner, fake: &FakeProc, inode: u32, now_ns: i64) -> (Searched, Option<u32>) {
        let mut wanted = SourceOptions::default();
        wanted.insert(inode, None);
        let searched = scanner.search(&fake.proc(), &mut wanted, &|_, _| false, now_ns);
        (searched, wanted[&inode].map(|holder| holder.process.pid))
    }

    #[test]
    fn the_holder_is_found_with_descriptor_and_start() {
        let fake = FakeProc::new();
        fake.start(10, "web", 500);
        fake.open_socket(10, 7, 1234);
        let mut wanted = SourceOptions::default();
        wanted.insert(1234, None);
        Scanner::default().search(&fake.proc(), &mut wanted, &|_, _| false, 0);
        let process = ProcessId { pid: 10, start_ticks: 500 };
        assert_eq!(wanted[&1234], Some(Holder { process, descriptor: 7 }));
    }

    #[test]
    fn some_processes_are_searched_first_and_the_others_if_that_does_not_explain_all() {
        let fake = FakeProc::new();
        for (pid, inode) in [(10, 1), (20, 2)] {
            fake.start(pid, "web", 500);
            fake.open_socket(pid, 3, inode);
        }
        let mut scanner = Scanner::default();
        let mut first = |pids: &[u32], inode: u32| {
            let mut wanted = SourceOptions::default();
            wanted.insert(inode, None);
            let is_explained = scanner.search_first(&fake.proc(), pids, &mut wanted, &|_, _| false);
            (is_explained, wanted[&inode].map(|holder| holder.process.pid))
        };
        assert_eq!(first(&[10], 1), (true, Some(10)));
        assert_eq!(first(&[10], 2), (false, None));
        assert_eq!(first(&[20, 99], 2), (true, Some(20)));
        assert_eq!(first(&[20], 2), (false, None), "its descriptors have not changed");
        assert_eq!(search(&mut scanner, &fake, 2, 0), (Searched::All, Some(20)));
    }

    #[test]
    fn of_several_holders_the_oldest_owns_the_socket_but_not_init() {
        let fake = FakeProc::new();
        fake.start(1, "init", 1);
        fake.start(30, "parent", 400);
        fake.start(20, "child", 500);
        for pid in [1, 20, 30] {
            fake.open_socket(pid, 3, 1234);
        }
        assert_eq!(search(&mut Scanner::default(), &fake, 1234, 0).1, Some(30));
        fake.end(20);
        fake.end(30);
        assert_eq!(search(&mut Scanner::default(), &fake, 1234, 0).1, Some(1));
    }

    #[test]
    fn a_socket_that_nobody_holds_does_not_cause_a_full_search_each_time() {
        let fake = FakeProc::new();
        fake.start(10, "web", 500);
        let mut scanner = Scanner::default();
        assert_eq!(search(&mut scanner, &fake, 999, 0), (Searched::All, None));
        assert_eq!(search(&mut scanner, &fake, 999, 1), (Searched::Changed, None));
        assert!(scanner.next_full_ns > 0);
        assert_eq!(search(&mut scanner, &fake, 999, 3600 * SECOND_NS), (Searched::All, None));
    }

    #[test]
    fn processes_that_end_are_forgotten() {
        let fake = FakeProc::new();
        fake.start(10, "web", 500);
        let mut scanner = Scanner::default();
        search(&mut scanner, &fake, 999, 0);
        fake.end(10);
        search(&mut scanner, &fake, 999, 0);
        assert!(scanner.seen.is_empty());
    }
}
