//! The Linux host: socket dump, owners, process facts, rows.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use super::diag::Socket;
use super::events::{AttributedEvent, Events, LastSeen, SocketEvent};
use super::hashes::Hashes;
use super::namespaces::{Change, Namespaces};
use super::owners::Owners;
use super::packets::Packets;
use super::proc::Proc;
use super::processes::{Processes, Reader};
use super::users::Users;
use crate::capture::{Kind, Owner, OwnerSource, Row, SourceReport, SourceStatus};
use crate::record::clock::boot_us;
use crate::record::host::{Host, Seen, Tick};
use crate::record::{SourceOptions, Timestamp, privileges};
use crate::{Error, Result, memory};

/// This host by netlink and `/proc`.
pub(in super::super) struct LinuxHost {
    namespaces: Namespaces,
    owners: Owners,
    processes: Processes,
    hashes: Arc<Hashes>,
    strangers: Strangers,
    sockets: Vec<Socket>,
    events: Events,
    packets: Option<Packets>,
    /// Monotonic start times of recent ticks: events belong to the tick before them.
    ticks: VecDeque<(i64, u32)>,
    /// Number of sockets that no snapshot saw.
    brief: u64,
}

/// The size of a large allocation, in bytes: above what a tick needs, below what a storm needs.
const LARGE_BYTES: i32 = 1 << 20;

/// Number of remembered ticks: longer than one half of an event waits for the other.
const REMEMBERED_TICKS: usize = 64;

/// Owners without a process: user and cgroup of the socket.
type Strangers = HashMap<(u32, Option<u64>), Arc<Owner>>;

/// Maximum number of such owners.
const MOST_STRANGERS: usize = 4096;

impl LinuxHost {
    /// Opens the kernel's socket diagnostics, and verifies that they answer.
    pub(in super::super) fn open(wanted: SourceOptions) -> io::Result<Self> {
        memory::give_back_from(LARGE_BYTES);
        let proc = Proc::new("/proc");
        let mut namespaces = Namespaces::open(&proc, wanted)?;
        let hashes = Hashes::start(proc.clone());
        // Read once, because start times from events and from ticks must be equal.
        let boot_us = boot_us();
        let events = Events::start(
            reader(proc.clone(), &hashes, boot_us),
            (namespaces.own(), &namespaces.watch()),
            wanted,
        );
        namespaces.want(events.notices());
        let mut sockets = Vec::new();
        namespaces.sockets(&proc, 0, &mut sockets)?;
        let packets = wanted.packets().then(|| Packets::start(wanted, namespaces.own()));
        let mut host = Self {
            namespaces,
            owners: Owners::default(),
            processes: Processes::new(reader(proc, &hashes, boot_us)),
            hashes,
            strangers: Strangers::new(),
            sockets,
            events,
            packets,
            ticks: VecDeque::new(),
            brief: 0,
        };
        host.follow();
        privileges::drop_effective();
        Ok(host)
    }

    /// Passes on which namespaces were added or removed.
    fn follow(&mut self) {
        let (packets, events): (Vec<_>, Vec<_>) =
            self.namespaces.changes().into_iter().partition(|change| matches!(change, Change::Watched(..)));
        if let Some(source) = &mut self.packets {
            let left = events.iter().filter_map(|change| match change {
                Change::Left(netns) => Some(Change::Left(*netns)),
                _ => None,
            });
            source.follow(packets.into_iter().chain(left));
        }
        self.events.follow(events);
    }

    fn row(&mut self, socket: &Socket, tick: &Tick) -> Row {
        let mut row = Row {
            ts_us: tick.moment.ts_us,
            mono_ns: tick.moment.mono_ns,
            tick: tick.number,
            protocol_number: socket.protocol_number,
            remote: socket.remote,
            netns: Some(socket.netns),
            state: socket.state,
            counters: socket.counters,
            ..Row::snapshot(socket.cookie, socket.protocol, socket.local)
        };
        self.fill_owner(&mut row, socket, tick);
        row
    }

    fn fill_owner(&mut self, row: &mut Row, socket: &Socket, tick: &Tick) {
        let known = self.owners.of(socket.cookie);
        let Some((known, owner)) = known.and_then(|known| Some((known, known.owner.as_ref()?))) else {
            row.owner = self.stranger(socket);
            return;
        };
        row.owner_source = Some(OwnerSource::Inode);
        let living = known.holder.and_then(|holder| self.processes.get(holder.process, tick));
        if let Some(process) = living {
            row.cpu_percent = process.cpu_percent;
            row.memory_rss_bytes = process.memory_rss_bytes;
            row.owner = Some(Arc::clone(&process.owner));
        } else {
            row.owner = Some(Arc::clone(owner));
        }
    }

    /// User and container of a socket with an unknown process.
    fn stranger(&mut self, socket: &Socket) -> Option<Arc<Owner>> {
        // Without a process that holds the socket, the kernel may report user 0 by default.
        if socket.inode == 0 {
            return None;
        }
        let key = (socket.uid, socket.cgroup_id);
        if let Some(owner) = self.strangers.get(&key) {
            return Some(Arc::clone(owner));
        }
        let owner = Arc::new(Owner {
            uid: Some(socket.uid),
            username: self.processes.users().name(socket.uid),
            container: socket.cgroup_id.and_then(|id| self.events.container(id)),
            ..Owner::default()
        });
        if self.strangers.len() >= MOST_STRANGERS {
            self.strangers.clear();
        }
        self.strangers.insert(key, Arc::clone(&owner));
        Some(owner)
    }

    /// The row of an event; its owner is the one known from the event, else from the socket's last
    /// snapshot.
    fn event_row(&mut self, told: AttributedEvent, now: Timestamp) -> Row {
        let tick = self.tick_before(told.time_ns());
        let known = self.owners.of(told.cookie());
        if known.is_none() && told.is_closed() {
            self.brief += 1;
        }
        let last = known.map(|known| LastSeen { owner: known.owner.clone(), tuple: known.tuple });
        told.into_row(now, tick, last.as_ref())
    }

    /// The number of the snapshot before a monotonic time.
    fn tick_before(&self, time_ns: i64) -> u32 {
        let tick = self.ticks.iter().rev().find(|(began_ns, _)| *began_ns <= time_ns);
        tick.or(self.ticks.front()).map_or(0, |(_, number)| *number)
    }

    fn event_rows(&mut self, events: Vec<SocketEvent>, now: Timestamp, rows: &mut Vec<Row>) {
        rows.reserve(events.len());
        for event in events {
            let told = self.events.tell(event);
            let turn = told.turn();
            let row = self.event_row(told, now);
            rows.extend(match &mut self.packets {
                Some(packets) => packets.event(row, turn),
                None => Some(row),
            });
        }
    }

    /// Appends what packets show about the snapshot at `rows[first..]` and about sockets closed
    /// before it.
    fn packet_rows(&mut self, rows: &mut Vec<Row>, first: usize, tick: &Tick) {
        let turns = self.events.ended_turns();
        let Some(packets) = &mut self.packets else { return };
        packets.note(turns);
        let living = |(netns, port)| self.events.turns(netns, port);
        let mut made = packets.closed(&rows[first..], living);
        made.extend(packets.settle(&mut rows[first..], tick, living));
        self.append(made, rows);
    }

    fn append(&mut self, made: Vec<Row>, rows: &mut Vec<Row>) {
        rows.extend(made.into_iter().map(|row| match row.kind {
            Kind::Snapshot => row,
            _ => Row { tick: self.tick_before(row.mono_ns), ..row },
        }));
    }

    fn owners_report(&self) -> SourceReport {
        let (missing, unreadable) = (self.owners.without_owner(), self.owners.unreadable_processes());
        let sockets = if missing == 1 { "1 socket".to_owned() } else { format!("{missing} sockets") };
        let (status, detail) = match (missing, unreadable) {
            (0, _) => (SourceStatus::Ran, "every socket held by a process has its owner".to_owned()),
            (_, 0) => (
                SourceStatus::Partial,
                format!(
                    "{sockets} had no visible process: held by the kernel itself, by a process in another \
                     PID namespace, or too briefly"
                ),
            ),
            _ => (
                SourceStatus::Partial,
                format!(
                    "the owners of {sockets} could not be read (processes of other users: {unreadable}); \
                     run as root or give CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
                ),
            ),
        };
        SourceReport { name: "proc-owners".to_owned(), status, detail }
    }
}

impl Host for LinuxHost {
    fn observe(&mut self, tick: Tick, rows: &mut Vec<Row>) -> Result<Seen> {
        let mut sockets = std::mem::take(&mut self.sockets);
        sockets.clear();
        let listed = self.namespaces.sockets(self.processes.proc(), tick.moment.mono_ns, &mut sockets);
        listed.map_err(|e| Error::Record(format!("the kernel did not list its sockets: {e}")))?;
        self.follow();
        self.processes.refresh(&tick);
        self.owners.resolve(&mut sockets, &mut self.processes, &tick);
        rows.reserve(sockets.len());
        let first = rows.len();
        for socket in &sockets {
            let row = self.row(socket, &tick);
            rows.push(row);
        }
        let events = self.events.take(&mut rows[first..], &tick);
        self.packet_rows(rows, first, &tick);
        let others = self.events.other_sockets(&mut rows[first..], &tick);
        self.append(others, rows);
        self.event_rows(events, tick.moment, rows);
        if let Some(packets) = &self.packets {
            packets.name(&mut rows[first..], tick.moment);
            let asked = packets.queries(&rows[first..], tick.moment);
            self.append(asked, rows);
        }
        self.ticks.push_back((tick.moment.mono_ns, tick.number));
        if self.ticks.len() > REMEMBERED_TICKS {
            self.ticks.pop_front();
        }
        let seen = Seen {
            sockets: sockets.len() as u64,
            processes: self.processes.len() as u64,
            connections: self.owners.sockets() + self.brief,
        };
        self.sockets = sockets;
        Ok(seen)
    }

    fn finish(&mut self, end: Timestamp, rows: &mut Vec<Row>) {
        let first = rows.len();
        let events = self.events.finish();
        self.event_rows(events, end, rows);
        let others = self.events.last_other_sockets(end);
        self.append(others, rows);
        if let Some(packets) = &mut self.packets {
            packets.note(self.events.ended_turns());
            let made = packets.finish(|(netns, port)| self.events.turns(netns, port));
            packets.name(&mut rows[first..], end);
            self.append(made, rows);
            let asked = self.packets.as_ref().map(|packets| packets.last_queries(&rows[first..], end));
            self.append(asked.unwrap_or_default(), rows);
        }
        self.hashes.stop();
    }

    fn events_lost(&self) -> Option<u64> {
        let packets = self.packets.as_ref().and_then(Packets::lost);
        self.events.lost().map_or(packets, |events| Some(events + packets.unwrap_or(0)))
    }

    fn reports(&self) -> Vec<SourceReport> {
        let sockets = SourceReport {
            name: "sock_diag".to_owned(),
            status: SourceStatus::Ran,
            detail: "TCP sockets with kernel counters; UDP sockets without (--udp-bytes counts their \
                packets); raw, ping and packet sockets; UDP-Lite, SCTP and DCCP as far as this kernel \
                supports them"
                .to_owned(),
        };
        let mut reports = vec![sockets, self.namespaces.report(), self.owners_report()];
        reports.extend(self.events.reports());
        reports.push(self.hashes.report());
        reports.extend(self.packets.iter().flat_map(Packets::reports));
        reports
    }
}

fn reader(proc: Proc, hashes: &Arc<Hashes>, boot_us: i64) -> Reader {
    Reader {
        proc,
        users: Users::new("/etc/passwd"),
        hashes: Arc::clone(hashes),
        boot_us,
        ticks_per_second: system_value(libc::_SC_CLK_TCK).unwrap_or(100),
        page_bytes: system_value(libc::_SC_PAGESIZE).unwrap_or(4096),
        buffer: Vec::new(),
    }
}

fn system_value(name: libc::c_int) -> Option<u64> {
    // SAFETY: no memory is passed.
    u64::try_from(unsafe { libc::sysconf(name) }).ok().filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::super::processes::tests::tick;
    use super::*;
    use crate::capture::TcpState;

    #[test]
    fn a_connection_of_this_process_is_a_whole_row() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let mut host = LinuxHost::open(SourceOptions::default()).unwrap();
        let mut rows = Vec::new();
        let seen = host.observe(tick(3), &mut rows).unwrap();
        // Sockets that others open and close have rows of their own.
        rows.retain(|row| row.kind == Kind::Snapshot);
        assert_eq!(seen.sockets, rows.len() as u64);
        let row = rows.iter().find(|row| row.local_port == client.local_addr().unwrap().port()).unwrap();
        assert_eq!((row.tick, row.mono_ns, row.state), (3, 3_000_000_000, Some(TcpState::Established)));
        assert_eq!(row.owner_source, Some(OwnerSource::Inode));
        let owner = row.owner.as_ref().unwrap();
        assert_eq!(owner.pid, Some(std::process::id()));
        assert_eq!(owner.ppid, Some(std::os::unix::process::parent_id()));
        let age_us = crate::record::SystemClock.now().ts_us - owner.process_start_us.unwrap();
        assert!((0..3_600_000_000).contains(&age_us), "started {age_us} µs ago");
        assert!(row.memory_rss_bytes.unwrap() > 100_000 && row.netns.is_some());
        // The other end waits in the listener's queue: no process holds it, so it has no owner.
        let waiting = rows.iter().find(|r| r.local_port == address.port() && r.remote.is_some()).unwrap();
        assert_eq!((waiting.owner.as_ref(), waiting.owner_source), (None, None));
    }

    use crate::record::Clock as _;

    #[test]
    fn a_second_tick_knows_the_same_connection_and_counts_it_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut host = LinuxHost::open(SourceOptions::default()).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        host.observe(tick(0), &mut first).unwrap();
        host.observe(tick(1), &mut second).unwrap();
        let id = |rows: &[Row]| rows.iter().find(|row| row.local_port == port).map(|row| row.conn_id);
        assert!(id(&first).is_some() && id(&first) == id(&second));
        let row = second.iter().find(|row| row.local_port == port).unwrap();
        assert!(row.cpu_percent.is_some(), "measured since the first tick");
    }
}
