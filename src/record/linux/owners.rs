//! The owner of each socket, carried from tick to tick so that only new sockets need a search.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::net::IpAddr;
use std::sync::Arc;

use super::diag::Socket;
use super::ids::{IdHasher, IdMap};
use super::processes::Processes;
use super::scan::{Holder, Scanner, Searched, SourceOptions};
use crate::capture::Owner;
use crate::record::host::Tick;

/// Maximum number of ticks until a socket's owner is confirmed again. A process may hand a socket
/// on without any other trace.
const CHECK_TICKS: u32 = 64;

/// Number of owners confirmed in each tick, unless some would then wait longer than [`CHECK_TICKS`].
const CHECKS_EACH_TICK: u32 = 24;

/// Maximum number of ticks until a missing owner is searched for again: a socket that only the
/// kernel holds makes the search list every process's descriptors.
const SEARCH_TICKS: u32 = 256;

/// How long a closed socket is remembered, in ticks: its closing notification may arrive after the
/// first snapshot without it.
const GRACE_TICKS: u32 = 4;
/// Descriptors that one tick reads to confirm owners; the others wait for the next tick.
const CHECKS_PER_TICK: u32 = 512;

/// The owners of all sockets, by cookie.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: IdMap<u64, Known>,
    scanner: Scanner,
    sockets: u64,
    /// Number of sockets that ended without a known owner, though a process must have held them.
    gone_without_owner: u64,
}

/// The known facts of one socket's owner.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    inode: u32,
    pub(super) holder: Option<Holder>,
    /// The holder's last known facts, for sockets that outlive it.
    pub(super) owner: Option<Arc<Owner>>,
    /// The last known ends of a socket that was connected.
    pub(super) tuple: Option<((IpAddr, u16), (IpAddr, u16))>,
    /// Whether a process must hold the socket, but is unknown.
    missing: bool,
    seen_at: u32,
    /// The tick in which the holder is confirmed or searched for next, after 1, 4, 16, … ticks.
    check_at: u32,
    check_after: u32,
}

impl Known {
    fn search_later(&mut self, tick: u32) {
        self.check_after = (self.check_after * 4).clamp(1, SEARCH_TICKS);
        self.check_at = tick.saturating_add(self.check_after);
    }

    fn check_next(&mut self, tick: u32) {
        self.check_after = 1;
        self.check_at = tick.saturating_add(1);
    }
}

impl Owners {
    /// Number of distinct sockets so far.
    pub(super) fn sockets(&self) -> u64 {
        self.sockets
    }

    /// Number of distinct sockets so far whose owner was never found.
    pub(super) fn without_owner(&self) -> u64 {
        let open = self.known.values().filter(|known| known.missing).count();
        self.gone_without_owner + open as u64
    }

    /// Number of processes whose descriptors could not be read.
    pub(super) fn unreadable_processes(&self) -> usize {
        self.scanner.unreadable()
    }

    /// The known facts of a socket.
    pub(super) fn of(&self, cookie: u64) -> Option<&Known> {
        self.known.get(&cookie)
    }

    /// Finds the owners of all sockets in a tick. Removes duplicates, which the kernel returns if
    /// its table changes during the walk.
    pub(super) fn resolve(&mut self, sockets: &mut Vec<Socket>, processes: &mut Processes, tick: &Tick) {
        let mut wanted = SourceOptions::default();
        let mut searching = Vec::new();
        let every = (self.known.len() as u32 / CHECKS_EACH_TICK).clamp(1, CHECK_TICKS);
        let mut checks = Checks { processes, tick, every, left: CHECKS_PER_TICK };
        sockets.retain(|socket| {
            let known = self.known.entry(socket.cookie).or_insert_with(|| {
                self.sockets += 1;
                Known { seen_at: u32::MAX, ..Known::default() }
            });
            if known.seen_at == tick.number {
                return false;
            }
            known.seen_at = tick.number;
            if let Some(remote) = socket.remote {
                known.tuple = Some((socket.local, remote));
            }
            if !checks.is_settled(known, socket.inode) {
                wanted.insert(socket.inode, None);
                searching.push(socket.cookie);
            }
            true
        });
        self.forget_closed(tick.number);
        if !searching.is_empty() {
            let searched = self.search(&mut wanted, processes, tick);
            self.assign(&searching, &wanted, searched, processes, tick);
        }
    }

    fn search(&mut self, wanted: &mut SourceOptions, processes: &Processes, tick: &Tick) -> Searched {
        let key = |pid: u32, descriptor: u32| u64::from(pid) << 32 | u64::from(descriptor);
        // Every holder of an existing socket; its descriptor need not be read again.
        let held: HashSet<u64, BuildHasherDefault<IdHasher>> = self
            .known
            .values()
            .filter(|known| known.inode != 0 && known.seen_at == tick.number)
            .filter_map(|known| known.holder)
            .map(|holder| key(holder.process.pid, holder.descriptor))
            .collect();
        let is_held = |pid, descriptor| held.contains(&key(pid, descriptor));
        // New sockets usually belong to processes that have others.
        if self.scanner.search_first(processes.proc(), &processes.pids(), wanted, &is_held) {
            return Searched::All;
        }
        self.scanner.search(processes.proc(), wanted, &is_held, tick.moment.mono_ns)
    }

    fn assign(
        &mut self,
        searching: &[u64],
        wanted: &SourceOptions,
        searched: Searched,
        processes: &mut Processes,
        tick: &Tick,
    ) {
        for cookie in searching {
            let Some(known) = self.known.get_mut(cookie) else { continue };
            let found = wanted.get(&known.inode).copied().flatten();
            if let Some(holder) = found
                && let Some(owner) = processes.adopt(holder.process, tick)
            {
                known.holder = Some(holder);
                known.owner = Some(owner);
                known.missing = false;
                known.check_next(tick.number);
                continue;
            }
            known.missing = true;
            if searched == Searched::All {
                known.search_later(tick.number);
            } else {
                known.check_next(tick.number);
            }
        }
    }

    fn forget_closed(&mut self, tick: u32) {
        let gone_without_owner = &mut self.gone_without_owner;
        self.known.retain(|_, known| {
            let stays = known.seen_at.saturating_add(GRACE_TICKS) >= tick;
            if !stays && known.missing {
                *gone_without_owner += 1;
            }
            stays
        });
    }
}

/// Budget for confirming owners.
struct Checks<'a> {
    processes: &'a mut Processes,
    tick: &'a Tick,
    /// Ticks between two checks of a socket.
    every: u32,
    left: u32,
}

impl Checks<'_> {
    /// Whether no search is needed: the owner is known and confirmed when due, or it is too early
    /// to search again.
    fn is_settled(&mut self, known: &mut Known, inode: u32) -> bool {
        // No process holds the socket: it is not accepted yet, or closed. A closed one still
        // belongs to the process that closed it, for the data left to send.
        if inode == 0 {
            // Its descriptor may belong to another socket by now.
            known.inode = 0;
            return true;
        }
        if known.inode != inode {
            *known = Known { inode, seen_at: self.tick.number, tuple: known.tuple, ..Known::default() };
            return false;
        }
        let Some(holder) = known.holder else { return self.tick.number < known.check_at };
        let lives = self.processes.get(holder.process, self.tick).is_some();
        if lives && (self.tick.number < known.check_at || self.still_holds(known, holder)) {
            return true;
        }
        known.holder = None;
        known.owner = None;
        known.check_after = 0;
        false
    }

    /// Confirms the holder: a server may hand its connections to a child or any other process.
    fn still_holds(&mut self, known: &mut Known, holder: Holder) -> bool {
        if self.left == 0 {
            known.check_at = self.tick.number.saturating_add(1);
            return true;
        }
        self.left -= 1;
        known.check_at = self.tick.number.saturating_add(self.every);
        self.processes.proc().socket(holder.process.pid, holder.descriptor) == Some(known.inode)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::proc::tests::FakeProc;
    use super::super::processes::tests::{processes, tick};
    use super::*;
    use crate::capture::{Counters, Protocol};

    fn socket(cookie: u64, inode: u32) -> Socket {
        Socket {
            cookie,
            protocol: Protocol::Tcp,
            protocol_number: None,
            local: (IpAddr::V4(Ipv4Addr::LOCALHOST), 80),
            remote: None,
            state: None,
            counters: Counters::default(),
            received_sequence: None,
            unread: 0,
            inode,
            uid: 0,
            cgroup_id: None,
            netns: 1,
        }
    }

    /// A fake host on which each call of `tick` is a tick with the given sockets.
    struct Scene {
        fake: FakeProc,
        processes: Processes,
        owners: Owners,
        number: u32,
    }

    impl Scene {
        fn new() -> Self {
            let fake = FakeProc::new();
            let processes = processes(&fake);
            Self { fake, processes, owners: Owners::default(), number: 0 }
        }

        /// Sockets as (cookie, inode); returns the owner's pid of each one kept.
        fn tick(&mut self, sockets: &[(u64, u32)]) -> Vec<Option<u32>> {
            let tick = tick(self.number);
            self.number += 1;
            let mut sockets: Vec<Socket> = sockets.iter().map(|(c, i)| socket(*c, *i)).collect();
            self.processes.refresh(&tick);
            self.owners.resolve(&mut sockets, &mut self.processes, &tick);
            sockets.iter().map(|s| self.owners.of(s.cookie)?.owner.as_ref()?.pid).collect()
        }
    }

    #[test]
    fn an_owner_is_found_and_stays() {
        let mut scene = Scene::new();
        scene.fake.start(10, "web", 500);
        scene.fake.open_socket(10, 3, 100);
        for _ in 0..5 {
            assert_eq!(scene.tick(&[(1, 100)]), [Some(10)]);
        }
        assert_eq!((scene.owners.sockets(), scene.owners.without_owner()), (1, 0));
    }

    #[test]
    fn a_socket_that_is_closed_keeps_its_owner_until_it_is_gone() {
        let mut scene = Scene::new();
        scene.fake.start(10, "web", 500);
        scene.fake.open_socket(10, 3, 100);
        scene.tick(&[(1, 100)]);
        scene.fake.end(10);
        assert_eq!(scene.tick(&[(1, 0)]), [Some(10)]);
        assert_eq!(scene.tick(&[(1, 0)]), [Some(10)]);
    }

    #[test]
    fn a_socket_that_is_not_accepted_yet_has_no_owner_and_gets_one() {
        let mut scene = Scene::new();
        scene.fake.start(10, "web", 500);
        assert_eq!(scene.tick(&[(1, 0)]), [None]);
        assert_eq!(scene.owners.without_owner(), 0);
        scene.fake.open_socket(10, 3, 100);
        assert_eq!(scene.tick(&[(1, 100)]), [Some(10)]);
    }

    #[test]
    fn a_connection_that_was_handed_to_a_child_changes_its_owner() {
        let mut scene = Scene::new();
        scene.fake.start(10, "listener", 500);
        scene.fake.start(11, "worker", 600);
        scene.fake.open_socket(10, 3, 100);
        scene.fake.open_socket(11, 3, 100);
        assert_eq!(scene.tick(&[(1, 100)]), [Some(10)]);
        scene.fake.close(10, 3);
        assert_eq!(scene.tick(&[(1, 100)]), [Some(11)]);
    }

    #[test]
    fn a_socket_that_was_handed_on_is_noticed_at_once_or_among_many_in_time() {
        for (others, most_ticks) in [(0, 1), (1000, 1000 / CHECKS_EACH_TICK + 1)] {
            let mut scene = Scene::new();
            scene.fake.start(10, "listener", 500);
            let sockets: Vec<(u64, u32)> = (0..=others).map(|n| (u64::from(n), 100 + n)).collect();
            for (cookie, inode) in &sockets {
                scene.fake.open_socket(10, 3 + *cookie as u32, *inode);
            }
            for _ in 0..100 {
                scene.tick(&sockets);
            }
            // The fake folder has the same size whatever is in it.
            scene.fake.close(10, 3);
            scene.fake.start(11, "worker", 600);
            scene.fake.open_socket(11, 3, 100);
            let ticks = (0..200).take_while(|_| scene.tick(&sockets)[0] == Some(10)).count();
            assert!(ticks <= most_ticks as usize, "noticed after {ticks} ticks");
        }
    }

    #[test]
    fn many_owners_are_confirmed_over_several_ticks() {
        let mut scene = Scene::new();
        scene.fake.start(10, "web", 500);
        let sockets: Vec<(u64, u32)> = (0..3 * CHECKS_PER_TICK).map(|n| (u64::from(n), 1000 + n)).collect();
        for (n, inode) in &sockets {
            scene.fake.open_socket(10, 3 + *n as u32, *inode);
        }
        scene.tick(&sockets);
        // All are due at once, because all are new.
        for confirmed in 1..=3 {
            assert_eq!(scene.tick(&sockets).iter().flatten().count(), sockets.len());
            let next = scene.number;
            let done = scene.owners.known.values().filter(|known| known.check_at > next).count();
            assert_eq!(done, confirmed * CHECKS_PER_TICK as usize);
        }
    }

    #[test]
    fn a_process_id_that_is_given_out_again_does_not_inherit_sockets() {
        let mut scene = Scene::new();
        scene.fake.start(10, "web", 500);
        scene.fake.open_socket(10, 3, 100);
        assert_eq!(scene.tick(&[(1, 100)]), [Some(10)]);
        scene.fake.end(10);
        scene.fake.start(10, "other", 900);
        assert_eq!(scene.tick(&[(1, 100)]), [None]);
    }

    #[test]
    fn a_descriptor_that_is_used_again_is_another_socket() {
        let mut scene = Scene::new();
        scene.fake.start(10, "web", 500);
        scene.fake.open_socket(10, 3, 100);
        assert_eq!(scene.tick(&[(1, 100)]), [Some(10)]);
        scene.fake.close(10, 3);
        scene.fake.open_socket(10, 3, 200);
        assert_eq!(scene.tick(&[(2, 200)]), [Some(10)]);
    }

    #[test]
    fn the_descriptor_of_a_socket_that_lingers_after_its_close_may_be_used_again() {
        let mut scene = Scene::new();
        scene.fake.start(10, "web", 500);
        scene.fake.open_socket(10, 3, 100);
        scene.tick(&[(1, 100)]);
        scene.fake.close(10, 3);
        scene.fake.open_socket(10, 3, 200);
        assert_eq!(scene.tick(&[(1, 0), (2, 200)]), [Some(10), Some(10)]);
    }

    #[test]
    fn an_inode_that_nobody_holds_is_looked_for_less_and_less() {
        let mut scene = Scene::new();
        scene.fake.start(10, "web", 500);
        let mut looked_at = Vec::new();
        for number in 0..100 {
            let before = scene.owners.known.get(&1).map(|known| known.check_at);
            assert_eq!(scene.tick(&[(1, 100)]), [None]);
            if before != Some(scene.owners.known[&1].check_at) {
                looked_at.push(number);
            }
        }
        assert_eq!(looked_at, [0, 1, 5, 21, 85]);
        assert_eq!(scene.owners.without_owner(), 1);
        scene.tick(&[]);
        assert_eq!(scene.owners.without_owner(), 1, "counted also when it is gone");
    }

    #[test]
    fn a_socket_that_the_kernel_gives_twice_is_kept_once() {
        let mut scene = Scene::new();
        assert_eq!(scene.tick(&[(1, 0), (2, 0), (1, 0)]).len(), 2);
        assert_eq!(scene.tick(&[(1, 0), (2, 0)]).len(), 2);
    }
}
