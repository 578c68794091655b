//! What packets tell that sockets do not: bytes over UDP, and the names of remotes. Only on demand,
//! because the headers of every packet are looked at for it.
//!
//! ```text
//!  ring a namespace ──► (wire) ──► flows  ─┐ once a tick  ─► ledger: rows of UDP sockets
//!  (AF_PACKET; the filter            names ─┘              ─► remote_name of every row
//!   runs in the kernel)
//! ```
//!
//! That a connection is TLS, and the fingerprint of its client, come from the packet with its hello too. No other payload is
//! looked at, so that nothing is said of what other connections speak.
//!
//! Decided: a datagram in fragments counts once, by the length in its first fragment. The hello of
//! a TLS client is read from one packet, as large as the sending kernel hands it to its device,
//! which with segmentation by the device (the rule) is the whole; one that lies in several is
//! counted and said. QUIC encrypts its hello, and multicast that this host sends to itself passes
//! no device: neither is seen.

mod filter;
mod flows;
mod names;
mod queries;
mod ring;
mod share;
mod udp_attribution;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::namespaces::Change;
use super::turns::Turn;
use crate::capture::{Application, Kind, Protocol, Row, SourceReport, SourceStatus};
use crate::record::clock::read_clock;
use crate::record::host::Tick;
use crate::record::{Clock as _, SourceOptions, SystemClock, Timestamp};
use crate::wire::packet::{self, Decoded, Packet, Transport, UdpHeader};
use crate::wire::{dns, fingerprint, tls};
use flows::{BoundPort, Datagram, Endpoint, Flows};
use names::Names;
use queries::{PacketContext, Queries};
pub(super) use ring::Ring;
use ring::{Captured, RETIRE_MS, Way};
use share::{Ended, Rivals};
use udp_attribution::Unattributed;

/// Memory of the ring of the recorder's own namespace and of each other one, in bytes.
pub(super) const OWN_RING_BYTES: usize = 8 << 20;
pub(super) const OTHER_RING_BYTES: usize = 1 << 20;

/// How long the thread waits for packets before it looks whether there is something else, in ms.
const WAIT_MS: libc::c_int = 100;

/// A record's header and what says that a `ClientHello` is in it.
const LEAST_HELLO_BYTES: usize = 6;

/// How often names are forgotten and drops asked for, in ns.
const TIDY_EVERY_NS: i64 = 1_000_000_000;

/// The source of packets, and the thread that reads them.
pub(super) struct Packets {
    wanted: SourceOptions,
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
    changes: Sender<Change>,
    /// Namespaces whose packets are seen, and why the last other one could not be watched.
    watched: HashSet<u64>,
    refused: Option<String>,
    /// Closed UDP sockets, whose last packets may still be in the ring.
    closed: Vec<Ended>,
    /// The turns of closed sockets whose rows are not made yet.
    turns: HashMap<BoundPort, Vec<Turn>>,
    stray: Unattributed,
}

struct Shared {
    seen: Mutex<Seen>,
    ending: AtomicBool,
}

/// What the packets have told so far.
#[derive(Default)]
struct Seen {
    flows: Flows,
    names: Names,
    queries: Queries,
    /// Datagrams that came in fragments.
    fragmented: u64,
    /// Packets that the kernel dropped.
    lost: u64,
}

impl Packets {
    /// Starts to look at the packets of the recorder's own namespace.
    pub(super) fn start(wanted: SourceOptions, netns: u64) -> Self {
        let shared = Arc::new(Shared { seen: Mutex::default(), ending: AtomicBool::new(false) });
        let (changes, incoming) = channel();
        let watcher = Watcher { rings: Vec::new(), incoming, tidy_at_ns: 0, shared: Arc::clone(&shared) };
        let watcher = std::thread::Builder::new().name("packets".to_owned()).spawn(|| watcher.run()).ok();
        let mut packets = Self {
            wanted,
            shared,
            watcher,
            changes,
            watched: HashSet::new(),
            refused: None,
            closed: Vec::new(),
            turns: HashMap::new(),
            stray: Unattributed::default(),
        };
        packets.follow([Change::Watched(netns, Ring::open(wanted, OWN_RING_BYTES))]);
        packets
    }

    /// Follows the rings of namespaces that came, and lets go of those that went.
    pub(super) fn follow(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            match &change {
                Change::Watched(netns, Ok(_)) => drop(self.watched.insert(*netns)),
                Change::Watched(_, Err(error)) => {
                    self.refused = Some(error.to_string());
                    continue;
                }
                Change::Left(netns) => drop(self.watched.remove(netns)),
                Change::Entered(..) => continue,
            }
            // A watcher that broke has nothing more to tell.
            let _ = self.changes.send(change);
        }
    }

    /// Notes when the processes of sockets that have closed sent.
    pub(super) fn note(&mut self, turns: impl IntoIterator<Item = (BoundPort, Turn)>) {
        for (port, turn) in turns.into_iter().filter(|_| self.wanted.udp_bytes) {
            self.turns.entry(port).or_default().push(turn);
        }
    }

    /// Takes the row of an event; gives it back, unless it has to wait for the last packets.
    pub(super) fn event(&mut self, row: Row, turn: Option<Turn>) -> Option<Row> {
        let counts = self.wanted.udp_bytes && row.netns.is_some_and(|netns| self.watched.contains(&netns));
        if counts && row.protocol == Protocol::Udp && row.kind == Kind::Closed {
            self.closed.push(Ended { row, turn });
            return None;
        }
        Some(row)
    }

    /// The rows of UDP sockets that closed before the last tick, with their final counters, and
    /// those of their remotes. To be asked for before new ones are given by [`Packets::event`]. `living`
    /// tells who sends from a port, apart from what was noted.
    pub(super) fn closed(&mut self, snapshot: &[Row], living: impl Fn(BoundPort) -> Vec<Turn>) -> Vec<Row> {
        let mut seen = self.shared.seen();
        let mut rows = Vec::new();
        let closed = std::mem::take(&mut self.closed);
        let rivals = Rivals::new(&closed, snapshot);
        let mut turns: HashMap<BoundPort, Vec<Turn>> = HashMap::new();
        for ended in &closed {
            let mut row = ended.row.clone();
            let port = share::bound_port(&row);
            let turns = turns.entry(port).or_insert_with(|| turns_of(&self.turns, port, &living));
            let last = udp_attribution::close(&mut seen.flows, &mut self.stray, ended, turns, &rivals);
            if let Some(counters) = last.counters {
                row.counters = counters;
            }
            rows.push(row);
            rows.extend(last.rows);
        }
        rows
    }

    /// Fills in the counters of a snapshot's UDP sockets, and makes the rows of those of their
    /// remotes that have no socket of their own. `living` as for [`Packets::closed`].
    pub(super) fn settle(
        &mut self,
        snapshot: &mut [Row],
        tick: &Tick,
        living: impl Fn(BoundPort) -> Vec<Turn>,
    ) -> Vec<Row> {
        if !self.wanted.udp_bytes {
            return Vec::new();
        }
        let mut seen = self.shared.seen();
        let time = (tick.moment.mono_ns, tick.interval.as_nanos() as i64);
        let is_recent = |turn: &Turn| turn.last_ns as i64 > time.0 - udp_attribution::patience_ns(time.1);
        self.turns.retain(|_, turns| {
            turns.retain(is_recent);
            !turns.is_empty()
        });
        let is_watched = |netns| self.watched.contains(&netns);
        let turns = |port| turns_of(&self.turns, port, &living);
        udp_attribution::settle(&mut seen.flows, &mut self.stray, snapshot, time, is_watched, turns)
    }

    /// Fills in the names of remotes, and what TLS clients say of themselves.
    pub(super) fn name(&self, rows: &mut [Row], now: Timestamp) {
        if !self.wanted.names {
            return;
        }
        let mut seen = self.shared.seen();
        for row in rows {
            (row.remote_name, row.application) = seen.names.of(row, now.mono_ns);
        }
    }

    /// The rows of DNS questions whose sockets are among these rows of a tick.
    pub(super) fn queries(&self, rows: &[Row], now: Timestamp) -> Vec<Row> {
        if self.wanted.names { self.shared.seen().queries.rows(rows, now) } else { Vec::new() }
    }

    /// The rows of the last DNS questions.
    pub(super) fn last_queries(&self, rows: &[Row], end: Timestamp) -> Vec<Row> {
        if self.wanted.names { self.shared.seen().queries.finish(rows, end) } else { Vec::new() }
    }

    /// Waits for the last packets, ends the source, and gives out the rest.
    pub(super) fn finish(&mut self, living: impl Fn(BoundPort) -> Vec<Turn>) -> Vec<Row> {
        std::thread::sleep(Duration::from_millis(2 * RETIRE_MS));
        self.end();
        let mut rows = self.closed(&[], living);
        rows.extend(udp_attribution::give_up(&mut self.shared.seen().flows, &mut self.stray));
        rows
    }

    /// Packets that the kernel dropped so far; none if none could be looked at.
    pub(super) fn lost(&self) -> Option<u64> {
        (!self.watched.is_empty()).then(|| self.shared.seen().lost)
    }

    /// How the source fared, for each thing that was wanted of it.
    pub(super) fn reports(&self) -> Vec<SourceReport> {
        let seen = self.shared.seen();
        let mut reports = Vec::new();
        if self.wanted.udp_bytes {
            reports.push(self.report("udp-packets", self.udp_detail(&seen), seen.lost));
        }
        if self.wanted.names {
            reports.push(self.report("names", names_detail(&seen), seen.lost));
        }
        reports
    }

    fn report(&self, name: &str, detail: String, lost: u64) -> SourceReport {
        let (status, detail) = match &self.refused {
            Some(reason) if self.watched.is_empty() => (
                SourceStatus::Missing,
                format!("packets cannot be read ({reason}): run as root or grant CAP_NET_RAW"),
            ),
            Some(reason) => {
                (SourceStatus::Partial, format!("{detail}; not in every network namespace ({reason})"))
            }
            None if lost > 0 => {
                (SourceStatus::Partial, format!("{detail}; the kernel dropped {lost} packets"))
            }
            None => (SourceStatus::Ran, detail),
        };
        SourceReport { name: name.to_owned(), status, detail }
    }

    fn udp_detail(&self, seen: &Seen) -> String {
        let mut parts = vec![
            "payload and datagrams of each UDP socket and remote, counted from packets since the \
             recording started; several datagrams sent in one call (UDP GSO) count as one packet; datagrams \
            that several processes sent from one port in turn, between two snapshots, share a row without \
            a process"
                .to_owned(),
        ];
        let mut add = |packets: u64, bytes: u64, what: &str| {
            parts.extend((packets > 0).then(|| format!("{packets} datagrams ({bytes} bytes) {what}")));
        };
        let Unattributed { without_socket, ambiguous, successive } = self.stray;
        add(
            without_socket.packets,
            without_socket.bytes,
            "belonged to no recorded socket: forwarded, unanswered, or from a socket that lived too \
             briefly",
        );
        add(ambiguous.packets, ambiguous.bytes, "could belong to several sockets that share a port");
        add(
            successive.packets,
            successive.bytes,
            "used a port that several processes used one after another, and may be of either: they have no process",
        );
        let crowded_out = seen.flows.crowded_out;
        add(crowded_out.packets, crowded_out.bytes, "had too many remotes to keep apart");
        let fragmented = seen.fragmented;
        parts.extend((fragmented > 0).then(|| format!("{fragmented} datagrams were fragmented")));
        parts.join("; ")
    }

    fn end(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            // A watcher that broke has nothing more to tell.
            let _ = watcher.join();
        }
    }
}

/// The turns of a port in order.
fn turns_of(
    noted: &HashMap<BoundPort, Vec<Turn>>,
    port: BoundPort,
    living: impl Fn(BoundPort) -> Vec<Turn>,
) -> Vec<Turn> {
    let mut turns = living(port);
    turns.extend(noted.get(&port).into_iter().flatten());
    turns.sort_unstable_by_key(|turn| turn.first_ns);
    turns
}

/// What the monotonic clock is ahead of the wall clock, ns: as far as two clocks can be read at once.
fn mono_offset_ns() -> i64 {
    let read = || {
        let before = read_clock(libc::CLOCK_MONOTONIC);
        let wall_ns = read_clock(libc::CLOCK_REALTIME);
        let after = read_clock(libc::CLOCK_MONOTONIC);
        (after - before, before - wall_ns + (after - before) / 2)
    };
    // A reading in which the thread was interrupted takes longer than others.
    (0..3).map(|_| read()).min().unwrap_or_default().1
}

fn names_detail(seen: &Seen) -> String {
    let (names, queries) = (&seen.names, &seen.queries);
    let mut detail = format!(
        "{} DNS queries, {} addresses in their answers and {} TLS server names were read",
        queries.asked, names.answered, names.greeted
    );
    let mut add = |count: u64, what: &str| {
        if count > 0 {
            // Writing to a string cannot fail.
            let _ = write!(detail, "; {count} {what}");
        }
    };
    add(names.cut_short, "hellos spanned several packets and were not read");
    add(queries.crowded_out, "DNS queries were too many at once and have no row");
    detail
}

impl Drop for Packets {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Takes a packet; `mono_offset_ns` is what the monotonic clock is ahead of the wall clock.
    fn take(&mut self, netns: u64, captured: &Captured<'_>, mono_offset_ns: i64) {
        let length = u32::try_from(captured.length).unwrap_or(u32::MAX);
        let Decoded::Packet(packet) = packet::decode_ip(captured.bytes, length) else { return };
        let Packet { source, destination, payload, .. } = packet;
        let time_ns = captured.wall_ns + mono_offset_ns;
        match packet.transport {
            Transport::Udp(header) => {
                let Some(bytes) = datagram_bytes(header, packet.payload_bytes) else { return };
                self.fragmented += u64::from(header.is_fragmented);
                let (way, interface) = (captured.way, captured.interface);
                self.flows.add(&Datagram { netns, source, destination, bytes, way, interface, time_ns });
                let packet =
                    PacketContext { netns, protocol: Protocol::Udp, source, destination, way, time_ns };
                if self.queries.take(&packet, payload) {
                    self.answered(&packet, payload);
                }
            }
            Transport::Tcp(_) => {
                let way = captured.way;
                let packet =
                    PacketContext { netns, protocol: Protocol::Tcp, source, destination, way, time_ns };
                for message in self.queries.take_segment(&packet, payload) {
                    self.answered(&packet, message);
                }
                if way != Way::In {
                    self.hello((netns, source, destination), payload, time_ns);
                }
            }
            Transport::Other(_) => {}
        }
    }

    fn hello(&mut self, (netns, client, server): (u64, Endpoint, Endpoint), payload: &[u8], time_ns: i64) {
        let name = match tls::client_hello(payload) {
            tls::Hello::Names(name) => Some(name),
            tls::Hello::Nameless => None,
            // The name lies in a further packet.
            tls::Hello::CutShort if payload.len() > LEAST_HELLO_BYTES => {
                self.names.cut_short += 1;
                None
            }
            tls::Hello::CutShort | tls::Hello::Foreign => return,
        };
        let prints = tls::whole_client_hello(payload).and_then(|body| fingerprint::of_client_hello(&body));
        let (ja3, ja4) = prints.map(|prints| (prints.ja3, prints.ja4)).unzip();
        let application = Application { protocol: Some("tls".into()), ja3, ja4, ..Application::default() };
        self.names.hello((netns, client, server), name, application, time_ns);
    }

    fn answered(&mut self, packet: &PacketContext, message: &[u8]) {
        for answer in dns::answers(message) {
            self.names.answer(packet.netns, answer, packet.time_ns);
        }
    }
}

/// Payload of the whole datagram; none for one that is shorter than it says, which the receiving
/// kernel drops, unless the rest is still to come.
fn datagram_bytes(header: UdpHeader, here_bytes: u32) -> Option<u64> {
    (header.is_fragmented || header.claimed_bytes <= here_bytes).then_some(u64::from(header.claimed_bytes))
}

/// The thread that reads the rings.
struct Watcher {
    /// Network namespace, its packets, and how many of them the kernel dropped.
    rings: Vec<(u64, Ring, u64)>,
    incoming: Receiver<Change>,
    tidy_at_ns: i64,
    shared: Arc<Shared>,
}

impl Watcher {
    fn run(mut self) {
        while !self.shared.ending.load(Ordering::Relaxed) {
            self.wait();
            self.drain();
        }
        self.tidy_at_ns = 0;
        self.drain();
    }

    fn wait(&self) {
        let mut waiting: Vec<libc::pollfd> = self
            .rings
            .iter()
            .map(|(_, ring, _)| libc::pollfd { fd: ring.descriptor(), events: libc::POLLIN, revents: 0 })
            .collect();
        // SAFETY: the entries are valid, and as many as stated.
        unsafe { libc::poll(waiting.as_mut_ptr(), waiting.len() as libc::nfds_t, WAIT_MS) };
    }

    fn drain(&mut self) {
        for change in self.incoming.try_iter() {
            match change {
                Change::Watched(netns, Ok(ring)) => self.rings.push((netns, ring, 0)),
                Change::Left(left) => self.rings.retain(|(netns, ..)| *netns != left),
                Change::Watched(..) | Change::Entered(..) => {}
            }
        }
        let now = SystemClock.now();
        let mono_offset_ns = mono_offset_ns();
        let is_time = now.mono_ns >= self.tidy_at_ns;
        let mut seen = self.shared.seen();
        for (netns, ring, lost) in &mut self.rings {
            ring.drain(|captured| seen.take(*netns, &captured, mono_offset_ns));
            if is_time {
                let before = std::mem::replace(lost, ring.lost());
                seen.lost += *lost - before;
            }
        }
        if is_time {
            self.tidy_at_ns = now.mono_ns + TIDY_EVERY_NS;
            seen.names.forget(now.mono_ns);
            seen.queries.forget(now.mono_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_that_is_cut_short_counts_only_if_the_rest_is_in_other_fragments() {
        let header = |is_fragmented| UdpHeader { claimed_bytes: 1000, is_fragmented };
        assert_eq!(datagram_bytes(header(false), 1000), Some(1000));
        assert_eq!(datagram_bytes(header(false), 3), None);
        assert_eq!(datagram_bytes(header(true), 3), Some(1000));
    }
}
