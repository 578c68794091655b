//! Packets in, rows out.

use super::clock::{Clock, PacketTime};
use super::copies::{Copies, Fingerprint};
use super::fragments::{Fragments, Owner};
use super::names::Names;
use super::owner::{FrameOwner, KnownEnd};
use super::ports::comes_from_server;
use super::queries::{self, Queries};
use super::record::{Flow, begins_flow, protocol};
use super::table::{Id, Key, Limits, Queue, Table};
use crate::capture::{Kind, Row};
use crate::wire::packet::{Decoded, LaterFragment, LinkType, Packet, Transport, decode};

/// Time between two snapshots, in ns.
const TICK_NS: i64 = 1_000_000_000;

/// Flows of which the beginning of a TLS greeting is kept at once.
const MOST_GREETINGS: usize = 8 * 1024;

/// How many packets a frame may hold in tunnels, each inside of the one before.
const MOST_TUNNELS: usize = 4;

/// Takes what a [`Tracker`] makes.
pub trait Sink {
    /// A row of the capture.
    fn row(&mut self, row: &Row);

    /// A flow of which nothing more is to come.
    fn done(&mut self, _flow: &Flow) {}
}

/// A frame to take.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// How it begins.
    pub link: LinkType,
    /// When it was captured, ns since the Unix epoch; none if that is not known.
    pub ts_ns: Option<i64>,
    /// The bytes that were captured.
    pub data: &'a [u8],
    /// How many there were on the wire.
    pub wire_bytes: u32,
    /// The interface on which it was captured, by any number that is its own.
    pub interface: u64,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A packet in it was counted.
    Counted,
    /// Each packet in it was captured before: on another interface, or twice.
    Copy,
    /// It is a later fragment of a packet whose first fragment has not come yet.
    AwaitsFirstFragment,
    /// It holds no IP.
    NotIp,
    /// Its payload is encrypted.
    Encrypted,
    /// Its link type, or that of what it carries, is not decoded.
    UnknownLink(LinkType),
    /// A header in it is cut short or contradicts itself.
    Malformed,
}

/// What was seen, and what had to give way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlowStats {
    /// Frames.
    pub frames: u64,
    /// IP packets that were counted, those in tunnels too.
    pub packets: u64,
    /// Packets that were captured more than once, without the first of each.
    pub copies: u64,
    /// Tunnelled packets of which no header could be read; the tunnel itself was counted.
    pub broken_inner: u64,
    /// Flows.
    pub flows: u64,
    /// Flows heard from one side that had to give way to others.
    pub evicted_one_sided: u64,
    /// Other flows that had to give way.
    pub evicted_open: u64,
    /// The most flows that were kept at once.
    pub most_kept: u64,
    /// Flows of which the owner at the originator's end is known.
    pub owned: u64,
    /// Flows of which only the owner at the responder's end is known.
    pub owned_by_responder: u64,
}

/// When and where a packet was captured.
#[derive(Clone, Copy)]
struct Arrival {
    at: PacketTime,
    /// Whether its time is known, without which copies are not told from repetitions.
    is_timed: bool,
    place: u64,
    /// Tunnels around it.
    depth: usize,
}

/// Follows every flow.
#[derive(Debug)]
pub struct Tracker {
    table: Table,
    clock: Clock,
    names: Names,
    copies: Copies,
    fragments: Fragments,
    queries: Queries,
    account: FlowStats,
    /// Number of the snapshot before now.
    tick: u32,
    /// Flows that have changed since that snapshot.
    changed: Vec<Id>,
    greetings: usize,
    span_ns: Option<(i64, i64)>,
    /// Who owns the frame that is being taken.
    owner: Option<FrameOwner>,
}

impl Tracker {
    /// One that keeps no more than this.
    pub fn new(limits: Limits) -> Self {
        Self {
            table: Table::new(limits),
            clock: Clock::default(),
            names: Names::default(),
            copies: Copies::new(),
            fragments: Fragments::default(),
            queries: Queries::default(),
            account: FlowStats::default(),
            tick: 0,
            changed: Vec::new(),
            greetings: 0,
            span_ns: None,
            owner: None,
        }
    }

    /// What was seen so far.
    pub fn account(&self) -> &FlowStats {
        &self.account
    }

    /// The clock of the file.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// First and last time of a frame, ns since the Unix epoch; none if there was no frame.
    pub fn span_ns(&self) -> Option<(i64, i64)> {
        self.span_ns
    }

    /// Number of the last snapshot.
    pub fn ticks(&self) -> u32 {
        self.tick
    }

    /// Later fragments whose first one was not seen so far.
    pub fn orphan_fragments(&self) -> u64 {
        self.fragments.orphans()
    }

    /// Takes a frame of which the owner is known.
    pub fn take_frame_of(
        &mut self,
        frame: &Frame<'_>,
        owner: Option<FrameOwner>,
        sink: &mut impl Sink,
    ) -> Taken {
        self.owner = owner;
        let taken = self.take_frame(frame, sink);
        self.owner = None;
        taken
    }

    /// Takes a frame.
    pub fn take_frame(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> Taken {
        self.account.frames += 1;
        let at = self.clock.take(frame.ts_ns);
        let (first, last) = self.span_ns.unwrap_or((at.wall_ns, at.wall_ns));
        self.span_ns = Some((first.min(at.wall_ns), last.max(at.wall_ns)));
        self.turn_tick(sink);
        let place = Copies::place(frame.interface, frame.link.place(frame.data));
        let arrival = Arrival { at, is_timed: frame.ts_ns.is_some(), place, depth: 0 };
        self.take_decoded(&decode(frame.link, frame.data, frame.wire_bytes), arrival, sink)
    }

    fn take_decoded(&mut self, decoded: &Decoded<'_>, arrival: Arrival, sink: &mut impl Sink) -> Taken {
        match decoded {
            Decoded::Packet(packet) => self.take_layers(packet, arrival, sink),
            Decoded::LaterFragment(fragment) => self.take_fragment(fragment, arrival),
            Decoded::Aggregate(frames) => {
                let mut all = Taken::NotIp;
                for frame in frames.decode() {
                    let taken = self.take_decoded(&frame, arrival, sink);
                    if all != Taken::Counted && taken != Taken::NotIp {
                        all = taken;
                    }
                }
                all
            }
            Decoded::NotIp => Taken::NotIp,
            Decoded::Encrypted => Taken::Encrypted,
            Decoded::UnknownLink(link) => Taken::UnknownLink(*link),
            Decoded::Malformed => Taken::Malformed,
        }
    }

    /// Takes a packet, and what it carries in a tunnel.
    fn take_layers(&mut self, packet: &Packet<'_>, arrival: Arrival, sink: &mut impl Sink) -> Taken {
        let taken = self.take_packet(packet, arrival, sink);
        let Some(inner) = packet.inner.filter(|_| arrival.depth < MOST_TUNNELS) else { return taken };
        // The same packet may also have been captured outside of the tunnel.
        let place = arrival.place.rotate_left(8);
        let inside =
            self.take_decoded(&inner.decode(), Arrival { place, depth: arrival.depth + 1, ..arrival }, sink);
        self.account.broken_inner += u64::from(inside == Taken::Malformed);
        if inside == Taken::Counted { inside } else { taken }
    }

    /// Counts a fragment to the flow of the first one.
    fn take_fragment(&mut self, fragment: &LaterFragment, arrival: Arrival) -> Taken {
        let fingerprint = Fingerprint::of_fragment(fragment);
        if arrival.is_timed && self.copies.is_copy(fingerprint, arrival.place, arrival.at.mono_ns) {
            self.account.copies += 1;
            return Taken::Copy;
        }
        let Some(owner) = self.fragments.owner(fragment, arrival.at.mono_ns) else {
            return Taken::AwaitsFirstFragment;
        };
        self.extend(owner, u64::from(fragment.bytes), arrival.at);
        Taken::Counted
    }

    /// Adds payload to what a flow has sent last.
    fn extend(&mut self, owner: Owner, bytes: u64, at: PacketTime) {
        let Some(id) = self.table.find(&owner.key) else { return };
        let Some(flow) = self.table.get_mut(id) else { return };
        let was_dirty = flow.is_dirty;
        flow.extend(owner.source, bytes, at);
        if !was_dirty && flow.over_ns.is_none() {
            self.changed.push(id);
        }
    }

    /// Writes what is left: flows that are over, and how the others were at the end.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        let tick = self.tick;
        self.queries.finish(|row| sink.row(&Row { tick, ..row }));
        let now_ns = self.clock.mono_ns();
        for mut flow in self.table.take_all() {
            // What is open at the end is in the last snapshot, whether it has changed or not.
            flow.is_dirty |= flow.is_open_at_end(now_ns);
            self.write_last(flow, sink);
        }
    }

    /// Takes the snapshot that has become due. Seconds in which nothing happened have none.
    fn turn_tick(&mut self, sink: &mut impl Sink) {
        let now_ns = self.clock.mono_ns();
        let tick = u32::try_from(now_ns / TICK_NS).unwrap_or(u32::MAX);
        if tick == self.tick {
            return;
        }
        self.snapshot(sink);
        self.tick = tick;
        self.queries.expire(now_ns, |row| sink.row(&Row { tick, ..row }));
        while let Some(id) = self.table.next_expired(now_ns) {
            self.end(id, sink);
        }
    }

    /// A row for every flow that has changed since its last one.
    fn snapshot(&mut self, sink: &mut impl Sink) {
        let tick = self.tick.saturating_add(1);
        let mut changed = std::mem::take(&mut self.changed);
        for id in changed.drain(..) {
            let flow = self.table.get_mut(id).filter(|flow| flow.is_dirty && flow.over_ns.is_none());
            if let Some(flow) = flow {
                sink.row(&flow.row(Kind::Snapshot, tick));
            }
        }
        // Its allocation serves again.
        self.changed = changed;
    }

    fn take_packet(&mut self, packet: &Packet<'_>, arrival: Arrival, sink: &mut impl Sink) -> Taken {
        let at = arrival.at;
        let fingerprint = Fingerprint::of_packet(packet);
        let place = arrival.place ^ u64::from(packet.ip.hop_limit);
        if arrival.is_timed && self.copies.is_copy(fingerprint, place, at.mono_ns) {
            self.account.copies += 1;
            return Taken::Copy;
        }
        self.account.packets += 1;
        let is_dns = queries::is_dns(packet);
        if is_dns {
            queries::messages(packet).for_each(|message| self.names.learn(message, at.mono_ns));
        }
        let key = Key::of(packet);
        let id = match self.table.find(&key) {
            Some(id) if !self.begins_anew(id, packet, at) => id,
            Some(id) => {
                self.end(id, sink);
                self.open(key, packet, at, sink)
            }
            None => self.open(key, packet, at, sink),
        };
        if self.owner.is_some() {
            self.note_owner(id, packet);
        }
        self.count(id, packet, at, sink);
        if is_dns {
            self.take_dns(id, packet, at, sink);
        }
        if packet.ip.is_fragmented {
            let early_bytes = self.fragments.begin(packet, key, at.mono_ns);
            if early_bytes > 0 {
                self.extend(Owner { key, source: packet.source }, early_bytes, at);
            }
        }
        Taken::Counted
    }

    /// Notes who owns the flow of a packet.
    fn note_owner(&mut self, id: Id, packet: &Packet<'_>) {
        let (Some(found), Some(flow)) = (&self.owner, self.table.get_mut(id)) else { return };
        let before = flow.owner.known_end();
        flow.owner.note(found, packet.source == flow.originator);
        let after = flow.owner.known_end();
        if before != after {
            self.account.owned += u64::from(after == KnownEnd::Originator);
            self.account.owned_by_responder += u64::from(after == KnownEnd::Responder);
            self.account.owned_by_responder -= u64::from(before == KnownEnd::Responder);
        }
    }

    /// A row for each DNS question that a packet answers.
    fn take_dns(&mut self, id: Id, packet: &Packet<'_>, at: PacketTime, sink: &mut impl Sink) {
        let Some(conn_id) = self.table.get(id).map(|flow| flow.conn_id) else { return };
        for message in queries::messages(packet) {
            let tick = self.tick;
            self.queries.take(packet, message, conn_id, at, |row| sink.row(&Row { tick, ..row }));
        }
    }

    /// Whether a packet between the ends of a flow belongs to another one after it.
    fn begins_anew(&self, id: Id, packet: &Packet<'_>, at: PacketTime) -> bool {
        let is_reused = |flow: &Flow| match packet.transport {
            Transport::Tcp(header) => flow.is_reused_by(packet.source, header),
            _ => false,
        };
        self.table.is_expired(id, at.mono_ns) || self.table.get(id).is_some_and(is_reused)
    }

    fn open(&mut self, key: Key, packet: &Packet<'_>, at: PacketTime, sink: &mut impl Sink) -> Id {
        if self.table.is_full() {
            self.evict(sink);
        }
        self.account.flows += 1;
        let mut flow = Flow::new(packet, is_from_server(packet), at);
        flow.remote_name = self.names.of(flow.responder.0, at.mono_ns);
        if !begins_flow(packet) {
            // It was there before: what it had sent until then is not known, and what it sends
            // from here on is compared with nothing.
            sink.row(&flow.row(Kind::Snapshot, self.tick));
        }
        let id = self.table.insert(key, flow, at.mono_ns);
        self.account.most_kept = self.account.most_kept.max(self.table.len() as u64);
        id
    }

    fn evict(&mut self, sink: &mut impl Sink) {
        let Some((id, queue)) = self.table.least_missed() else { return };
        match queue {
            Queue::Over => {}
            Queue::OneSided => self.account.evicted_one_sided += 1,
            Queue::Datagrams | Queue::Open => self.account.evicted_open += 1,
        }
        self.end(id, sink);
    }

    fn count(&mut self, id: Id, packet: &Packet<'_>, at: PacketTime, sink: &mut impl Sink) {
        let Some(flow) = self.table.get_mut(id) else { return };
        let was_dirty = flow.is_dirty;
        let is_first = flow.sent.packets + flow.received.packets == 0;
        flow.take(packet, at);
        if !packet.payload.is_empty() {
            let kept = flow.keeps_greeting();
            flow.read_payload(packet);
            if flow.keeps_greeting() && !kept && self.greetings >= MOST_GREETINGS {
                flow.forget_greeting();
            }
            self.greetings += usize::from(flow.keeps_greeting());
            self.greetings -= usize::from(kept);
        }
        let is_over = flow.over_ns.is_some();
        if is_first && begins_flow(packet) {
            sink.row(&flow.row(Kind::Opened, self.tick));
        } else if !is_over && flow.has_turned() {
            sink.row(&flow.row(Kind::State, self.tick));
        } else if !was_dirty && !is_over {
            self.changed.push(id);
        }
        self.table.requeue(id, at.mono_ns);
    }

    /// Writes the last row of a flow and forgets it.
    fn end(&mut self, id: Id, sink: &mut impl Sink) {
        if let Some(flow) = self.table.remove(id) {
            self.write_last(flow, sink);
        }
    }

    fn write_last(&mut self, mut flow: Flow, sink: &mut impl Sink) {
        self.greetings -= usize::from(flow.keeps_greeting());
        if flow.over_ns.is_some() {
            sink.row(&flow.row(Kind::Closed, self.tick));
        } else if flow.is_dirty {
            sink.row(&flow.row(Kind::Snapshot, self.tick.saturating_add(1)));
        }
        sink.done(&flow);
    }
}

/// Whether the first packet of a flow comes from the side that did not open it.
fn is_from_server(packet: &Packet<'_>) -> bool {
    let by_port = comes_from_server(protocol(packet).0, packet.source.1, packet.destination.1);
    match packet.transport {
        Transport::Tcp(header) if header.flags.syn() => header.flags.ack(),
        // The answer to an echo of ICMP, and of that of version 6.
        Transport::Other(1) => packet.payload.first() == Some(&0),
        Transport::Other(58) => packet.payload.first() == Some(&129),
        _ => by_port,
    }
}
