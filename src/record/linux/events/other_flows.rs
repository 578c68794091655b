//! Transfers of processes through raw, ping, packet and UDP-Lite sockets, and their remotes.
//!
//! The kernel neither counts bytes of such a socket nor reports its end. Tracepoint events are
//! collected by the kernel's address of the socket. At a tick they are matched with a socket in the
//! snapshot if the process has exactly one of that kind; a socket that is in no snapshot gets rows
//! of kind opened and closed.
//!
//! The remote of a socket is the first one to which it sent. Each further remote has rows under an
//! id of its own, with the bytes sent to it. From then on the sender of received data is unknown,
//! so received bytes are no longer counted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::super::ids::IdMap;
use super::datagram_events::{SocketKind, Transferred};
use super::identity::Identity;
use super::kernel_event::{KernelEvent, What};
use crate::capture::stable_id;
use crate::capture::{Counters, Kind, OwnerSource, Protocol, Row};
use crate::record::Timestamp;

/// Maximum number of sockets, and of remotes per socket, that are counted separately.
const MOST_FLOWS: usize = 16 * 1024;
const MOST_REMOTES: usize = 4096;

/// Maximum number of threads whose last lookup is kept until they send.
const MOST_THREADS: usize = 16 * 1024;

/// The sockets with transfers.
#[derive(Default)]
pub(super) struct OtherFlows {
    /// By the kernel's address of the socket, and process.
    flows: BTreeMap<Key, Flow>,
    /// The remote of each thread's last lookup, until it sends.
    lookups: IdMap<u32, IpAddr>,
    /// Transfers for which there was no room.
    crowded_out: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    packets: u64,
    bytes: u64,
}

/// Transfers of one process through one socket.
#[derive(Debug)]
struct Flow {
    identity: Arc<Identity>,
    first_ns: u64,
    last_ns: u64,
    sent: Tally,
    received: Tally,
    /// The first remote.
    remote: Option<IpAddr>,
    /// The remotes after the first.
    others: BTreeMap<IpAddr, Remote>,
    /// The matching socket in the snapshot.
    cookie: Option<u64>,
    /// Whether its opening was reported.
    is_told: bool,
}

#[derive(Debug)]
struct Remote {
    first_ns: u64,
    last_ns: u64,
    sent: Tally,
    is_told: bool,
}

/// A row without the facts known only from the snapshot or the program.
pub(super) struct Made {
    pub(super) row: Row,
    pub(super) identity: Arc<Identity>,
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.packets += 1;
        self.bytes += bytes;
    }
}

impl OtherFlows {
    /// Adds an event; events must be in time order.
    pub(super) fn event(&mut self, event: &KernelEvent, who: Option<&Arc<Identity>>) {
        match &event.what {
            What::Routed(routed) if i32::from(routed.protocol) != libc::IPPROTO_UDP => {
                if self.lookups.len() >= MOST_THREADS {
                    self.lookups.clear();
                }
                self.lookups.insert(routed.thread, routed.remote.0);
            }
            What::Transferred(moved) => {
                if let Some(identity) = who {
                    self.moved(event, moved, identity);
                }
            }
            _ => {}
        }
    }

    /// Transfers that were not counted because there were too many sockets.
    pub(super) fn crowded_out(&self) -> u64 {
        self.crowded_out
    }

    fn moved(&mut self, event: &KernelEvent, moved: &Transferred, identity: &Arc<Identity>) {
        let remote = moved.is_sent.then(|| self.lookups.remove(&moved.thread)).flatten();
        let key = (moved.socket, event.pid, moved.kind);
        if self.flows.len() >= MOST_FLOWS && !self.flows.contains_key(&key) {
            self.crowded_out += 1;
            return;
        }
        let flow = self.flows.entry(key).or_insert_with(|| Flow::new(event.time_ns, identity));
        flow.last_ns = event.time_ns;
        if moved.is_sent {
            flow.send(event.time_ns, remote, moved.bytes);
        } else {
            flow.received.add(moved.bytes);
        }
    }

    /// Adds counters and remotes to a snapshot's rows, and makes rows of sockets that are in no
    /// snapshot.
    pub(super) fn settle(&mut self, snapshot: &mut [Row], now: Timestamp) -> Vec<Made> {
        if self.flows.is_empty() {
            return Vec::new();
        }
        self.bind(snapshot);
        let places: IdMap<u64, usize> = snapshot
            .iter()
            .enumerate()
            .filter(|(_, row)| is_other(row.protocol))
            .map(|(place, row)| (row.conn_id, place))
            .collect();
        let mut made = Vec::new();
        self.flows.retain(|key, flow| {
            let place = flow.cookie.and_then(|cookie| places.get(&cookie));
            if let Some(place) = place {
                flow.fill(&mut snapshot[*place]);
                flow.tell_others(key, now, Kind::Snapshot, &mut made);
                return true;
            }
            let is_open = flow.cookie.is_none()
                && snapshot.iter().any(|row| is_other(row.protocol) && fits(row, key.1, key.2));
            if is_open {
                flow.tell(key, now, Kind::Snapshot, &mut made);
            } else {
                flow.tell(key, now, Kind::Closed, &mut made);
            }
            is_open
        });
        made
    }

    /// The last rows of all sockets when the recording ends; whether a socket is still open is unknown.
    pub(super) fn finish(&mut self, end: Timestamp) -> Vec<Made> {
        let mut made = Vec::new();
        for (key, mut flow) in std::mem::take(&mut self.flows) {
            flow.tell(&key, end, Kind::State, &mut made);
        }
        made
    }

    /// Matches flows with a snapshot's sockets where the match is unambiguous.
    fn bind(&mut self, snapshot: &[Row]) {
        let bound: Vec<u64> = self.flows.values().filter_map(|flow| flow.cookie).collect();
        let mut free: BTreeMap<(u32, SocketKind), Vec<Key>> = BTreeMap::new();
        for (key, flow) in &self.flows {
            if flow.cookie.is_none() {
                free.entry((key.1, key.2)).or_default().push(*key);
            }
        }
        for ((pid, kind), keys) in free {
            let mut rows = snapshot.iter().filter(|row| {
                is_other(row.protocol) && fits(row, pid, kind) && !bound.contains(&row.conn_id)
            });
            if let ([key], Some(row), None) = (keys.as_slice(), rows.next(), rows.next())
                && let Some(flow) = self.flows.get_mut(key)
            {
                flow.cookie = Some(row.conn_id);
            }
        }
    }
}

impl Flow {
    fn new(time_ns: u64, identity: &Arc<Identity>) -> Self {
        Self {
            identity: Arc::clone(identity),
            first_ns: time_ns,
            last_ns: time_ns,
            sent: Tally::default(),
            received: Tally::default(),
            remote: None,
            others: BTreeMap::new(),
            cookie: None,
            is_told: false,
        }
    }

    fn send(&mut self, time_ns: u64, remote: Option<IpAddr>, bytes: u64) {
        let known = *self.remote.get_or_insert_with(|| remote.unwrap_or(UNKNOWN));
        match remote {
            // A connected socket looks up its route once.
            None => self.sent.add(bytes),
            Some(remote) if remote == known => self.sent.add(bytes),
            Some(remote) if known == UNKNOWN && self.sent.packets == 0 => {
                self.remote = Some(remote);
                self.sent.add(bytes);
            }
            Some(remote) => {
                if self.others.len() >= MOST_REMOTES && !self.others.contains_key(&remote) {
                    return self.sent.add(bytes);
                }
                let new =
                    || Remote { first_ns: time_ns, last_ns: time_ns, sent: Tally::default(), is_told: false };
                let other = self.others.entry(remote).or_insert_with(new);
                other.last_ns = time_ns;
                other.sent.add(bytes);
            }
        }
    }

    fn counters(&self) -> Counters {
        let received = self.others.is_empty().then_some(self.received);
        Counters {
            bytes_sent: Some(self.sent.bytes),
            packets_sent: Some(self.sent.packets),
            bytes_received: received.map(|tally| tally.bytes),
            packets_received: received.map(|tally| tally.packets),
            ..Counters::default()
        }
    }

    fn known_remote(&self) -> Option<IpAddr> {
        self.remote.filter(|remote| *remote != UNKNOWN)
    }

    /// Adds what is known to the socket's row in a snapshot.
    fn fill(&self, row: &mut Row) {
        row.counters = self.counters();
        row.remote = row.remote.or(self.known_remote().map(|remote| (remote, 0)));
    }

    /// Makes the rows of a socket that matches none in the snapshot.
    fn tell(&mut self, key: &Key, now: Timestamp, kind: Kind, made: &mut Vec<Made>) {
        let identity = Arc::clone(&self.identity);
        let id = self.cookie.unwrap_or_else(|| flow_id(key, self.first_ns, None));
        let row = |kind, time_ns, counters| {
            let remote = self.known_remote().map(|remote| (remote, 0));
            Made {
                row: Row { remote, counters, ..blank(id, key.2, kind, now, time_ns) },
                identity: Arc::clone(&identity),
            }
        };
        if !self.is_told && self.cookie.is_none() {
            made.push(row(Kind::Opened, self.first_ns, Counters::default()));
        }
        let time_ns = if kind == Kind::Snapshot { now.mono_ns as u64 } else { self.last_ns };
        made.push(row(kind, time_ns, self.counters()));
        self.is_told = true;
        self.tell_others(key, now, kind, made);
    }

    /// Makes the rows of its other remotes.
    fn tell_others(&mut self, key: &Key, now: Timestamp, kind: Kind, made: &mut Vec<Made>) {
        let identity = Arc::clone(&self.identity);
        for (addr, remote) in &mut self.others {
            let id = flow_id(key, self.first_ns, Some(*addr));
            let row = |kind, time_ns, counters| {
                let remote = Some((*addr, 0));
                Made {
                    row: Row { remote, counters, ..blank(id, key.2, kind, now, time_ns) },
                    identity: Arc::clone(&identity),
                }
            };
            if !remote.is_told {
                made.push(row(Kind::Opened, remote.first_ns, Counters::default()));
                remote.is_told = true;
            }
            let counters = Counters {
                bytes_sent: Some(remote.sent.bytes),
                packets_sent: Some(remote.sent.packets),
                ..Counters::default()
            };
            let time_ns = if kind == Kind::Snapshot { now.mono_ns as u64 } else { remote.last_ns };
            made.push(row(kind, time_ns, counters));
        }
    }
}

/// The kernel's address of a socket, its process, and its kind.
type Key = (u64, u32, SocketKind);

/// In place of the remote: the socket sent to an unknown one.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Whether the tracepoints report a protocol's transfers as [`Transferred`].
fn is_other(protocol: Protocol) -> bool {
    !matches!(protocol, Protocol::Tcp | Protocol::Udp | Protocol::Other)
}

/// Whether a snapshot's socket may be the one through which a process transferred something.
fn fits(row: &Row, pid: u32, kind: SocketKind) -> bool {
    let number = match row.protocol {
        Protocol::Packet | Protocol::UdpLite | Protocol::Sctp | Protocol::Dccp => None,
        // For a ping socket the kernel gives no number.
        _ => row.protocol_number,
    };
    let is_v4 = i32::from(kind.family) == libc::AF_INET;
    row.protocol == kind.protocol()
        && number.is_none_or(|number| number == kind.number)
        && (kind.protocol() == Protocol::Packet || !is_v4 || row.local_addr.is_ipv4())
        && row.owner.as_ref().and_then(|owner| owner.pid) == Some(pid)
}

fn flow_id(key: &Key, first_ns: u64, remote: Option<IpAddr>) -> u64 {
    let (socket, pid, kind) = key;
    let remote = remote.map(|remote| remote.to_string()).unwrap_or_default();
    let text = format!("{socket} {pid} {} {} {first_ns} {remote}", kind.family, kind.number);
    stable_id(text.as_bytes())
}

/// A row for a socket that only the tracepoints know.
fn blank(id: u64, kind: SocketKind, row_kind: Kind, now: Timestamp, time_ns: u64) -> Row {
    let mono_ns = time_ns as i64;
    let unspecified = match i32::from(kind.family) {
        libc::AF_INET6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    };
    let protocol = kind.protocol();
    Row {
        ts_us: now.ts_us - (now.mono_ns - mono_ns) / 1000,
        mono_ns,
        kind: row_kind,
        protocol_number: matches!(protocol, Protocol::Raw).then_some(kind.number),
        owner_source: Some(OwnerSource::Event),
        ..Row::snapshot(id, protocol, (unspecified, 0))
    }
}
