//! The flows that are open, bounded in number.
//!
//! Each flow is in one of four queues, by how likely it is to be missed. A queue is looked at
//! from its front: a flow that has been active since it was queued goes to the back, another
//! one has the oldest activity of all. So nothing is moved when a packet comes.

use std::net::IpAddr;

use ahash::AHashMap;

use super::record::{Flow, octets, protocol};
use crate::capture::Protocol;
use crate::wire::packet::Packet;

const SECOND_NS: i64 = 1_000_000_000;

/// How much is kept open.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Flows; about 400 bytes each.
    pub flows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { flows: 500_000 }
    }
}

/// The queues, in the order in which they are drawn on when the table is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// Over; late packets may still come.
    Over,
    /// TCP of which one side has been heard: half-open, or a flood, or a scan.
    OneSided,
    /// UDP, which has no end.
    Datagrams,
    /// TCP that both sides have taken part in.
    Open,
}

const QUEUES: [Queue; 4] = [Queue::Over, Queue::OneSided, Queue::Datagrams, Queue::Open];

impl Queue {
    /// The queue in which a flow belongs.
    pub(super) fn of(flow: &Flow) -> Self {
        match flow.protocol {
            _ if flow.over_ns.is_some() => Self::Over,
            Protocol::Tcp if flow.is_two_sided() => Self::Open,
            Protocol::Tcp => Self::OneSided,
            _ => Self::Datagrams,
        }
    }

    /// How long a flow without a packet is kept, in ns.
    fn patience_ns(self) -> i64 {
        match self {
            // Acknowledgements and repeated FINs come within seconds.
            Self::Over => 5 * SECOND_NS,
            // A kernel repeats a SYN for about two minutes.
            Self::OneSided => 300 * SECOND_NS,
            Self::Datagrams => 60 * SECOND_NS,
            // An idle connection stays open for as long as its ends like, and no one can tell.
            Self::Open => i64::MAX,
        }
    }
}

/// Two ends and a protocol, the same for both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    V4(Pair<u32>),
    V6(Pair<u128>),
}

/// Addresses, the lower first, and their ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pair<A> {
    lower: A,
    higher: A,
    ports: u32,
    protocol: Protocol,
}

impl Key {
    pub(super) fn of(packet: &Packet<'_>) -> Self {
        let (protocol, number) = protocol(packet);
        Self::between(packet.source, packet.destination, protocol, number)
    }

    /// The key of the flow between two ends. A protocol without a name has a number, and no ports.
    fn between(a: (IpAddr, u16), b: (IpAddr, u16), protocol: Protocol, number: Option<u16>) -> Self {
        let number = number.unwrap_or(0);
        match (a.0, b.0) {
            (IpAddr::V4(a_addr), IpAddr::V4(b_addr)) => {
                Self::V4(Pair::of((a_addr.to_bits(), a.1), (b_addr.to_bits(), b.1), protocol, number))
            }
            _ => Self::V6(Pair::of((octets(a.0), a.1), (octets(b.0), b.1), protocol, number)),
        }
    }
}

impl<A: Ord> Pair<A> {
    fn of(a: (A, u16), b: (A, u16), protocol: Protocol, number: u16) -> Self {
        let (lower, higher) = if a <= b { (a, b) } else { (b, a) };
        let ports = u32::from(lower.1) << 16 | u32::from(higher.1 | number);
        Self { lower: lower.0, higher: higher.0, ports, protocol }
    }
}

/// Where each flow is. Those of IPv4 by themselves: a table with short keys is read much faster, and
/// it is read for every packet.
#[derive(Debug, Default)]
struct Ids {
    v4: AHashMap<Pair<u32>, Id>,
    v6: AHashMap<Pair<u128>, Id>,
}

impl Ids {
    fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    fn get(&self, key: &Key) -> Option<Id> {
        match key {
            Key::V4(pair) => self.v4.get(pair).copied(),
            Key::V6(pair) => self.v6.get(pair).copied(),
        }
    }

    fn insert(&mut self, key: Key, id: Id) {
        match key {
            Key::V4(pair) => self.v4.insert(pair, id),
            Key::V6(pair) => self.v6.insert(pair, id),
        };
    }

    fn remove(&mut self, key: &Key) {
        match key {
            Key::V4(pair) => self.v4.remove(pair),
            Key::V6(pair) => self.v6.remove(pair),
        };
    }
}

/// Place of a flow in the table.
pub(super) type Id = u32;

const NONE: Id = Id::MAX;

#[derive(Debug)]
struct Slot {
    /// None for a place that is free.
    flow: Option<Flow>,
    queue: Queue,
    /// When it was put to the back of its queue.
    queued_ns: i64,
    before: Id,
    after: Id,
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    front: Id,
    back: Id,
}

/// The flows that are open.
#[derive(Debug)]
pub struct Table {
    limits: Limits,
    ids: Ids,
    slots: Vec<Slot>,
    free: Vec<Id>,
    queues: [Ends; QUEUES.len()],
}

impl Table {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ids: Ids::default(),
            slots: Vec::new(),
            free: Vec::new(),
            queues: [Ends { front: NONE, back: NONE }; QUEUES.len()],
        }
    }

    pub(super) fn find(&self, key: &Key) -> Option<Id> {
        self.ids.get(key)
    }

    pub(super) fn get(&self, id: Id) -> Option<&Flow> {
        self.slots.get(id as usize)?.flow.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Flow> {
        self.slots.get_mut(id as usize)?.flow.as_mut()
    }

    /// Takes every flow out, in an order that hangs on the packets alone.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Flow> + use<> {
        let all = std::mem::replace(self, Self::new(self.limits));
        all.slots.into_iter().filter_map(|slot| slot.flow)
    }

    /// Flows that are kept.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.limits.flows.max(1)
    }

    /// Adds a flow, of which there is none with this key.
    pub(super) fn insert(&mut self, key: Key, flow: Flow, now_ns: i64) -> Id {
        let queue = Queue::of(&flow);
        let slot = Slot { flow: Some(flow), queue, queued_ns: now_ns, before: NONE, after: NONE };
        let id = if let Some(id) = self.free.pop() {
            self.slots[id as usize] = slot;
            id
        } else {
            self.slots.push(slot);
            (self.slots.len() - 1) as Id
        };
        self.ids.insert(key, id);
        self.link(id, queue, now_ns);
        id
    }

    /// Takes a flow out.
    pub(super) fn remove(&mut self, id: Id) -> Option<Flow> {
        let flow = self.slots.get_mut(id as usize)?.flow.take()?;
        self.unlink(id);
        self.ids.remove(&Key::between(flow.originator, flow.responder, flow.protocol, flow.protocol_number));
        self.free.push(id);
        Some(flow)
    }

    /// Puts a flow into the queue in which it belongs by now.
    pub(super) fn requeue(&mut self, id: Id, now_ns: i64) {
        let Some(queue) = self.get(id).map(Queue::of) else { return };
        if queue != self.slots[id as usize].queue {
            self.unlink(id);
            self.link(id, queue, now_ns);
        }
    }

    /// Whether a flow has been without a packet for too long for another one to be its own.
    pub(super) fn is_expired(&self, id: Id, now_ns: i64) -> bool {
        let Some(slot) = self.slots.get(id as usize) else { return false };
        slot.flow.as_ref().is_some_and(|flow| now_ns - active_ns(flow) > slot.queue.patience_ns())
    }

    /// A flow that has been without a packet for too long.
    pub(super) fn next_expired(&mut self, now_ns: i64) -> Option<Id> {
        QUEUES.into_iter().find_map(|queue| {
            loop {
                let front = self.queues[queue as usize].front;
                let queued_ns = self.slots.get(front as usize)?.queued_ns;
                if now_ns - queued_ns <= queue.patience_ns() {
                    return None;
                }
                if self.is_expired(front, now_ns) {
                    return Some(front);
                }
                self.unlink(front);
                self.link(front, queue, now_ns);
            }
        })
    }

    /// The flow that is missed least.
    pub(super) fn least_missed(&mut self) -> Option<(Id, Queue)> {
        QUEUES.into_iter().find_map(|queue| {
            loop {
                let front = self.queues[queue as usize].front;
                let slot = self.slots.get(front as usize)?;
                let active_ns = slot.flow.as_ref().map_or(0, active_ns);
                if active_ns <= slot.queued_ns {
                    return Some((front, queue));
                }
                self.unlink(front);
                self.link(front, queue, active_ns);
            }
        })
    }

    fn link(&mut self, id: Id, queue: Queue, now_ns: i64) {
        let back = std::mem::replace(&mut self.queues[queue as usize].back, id);
        match self.slots.get_mut(back as usize) {
            Some(slot) => slot.after = id,
            None => self.queues[queue as usize].front = id,
        }
        let slot = &mut self.slots[id as usize];
        (slot.queue, slot.queued_ns, slot.before, slot.after) = (queue, now_ns, back, NONE);
    }

    fn unlink(&mut self, id: Id) {
        let Slot { queue, before, after, .. } = self.slots[id as usize];
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.after = after,
            None => self.queues[queue as usize].front = after,
        }
        match self.slots.get_mut(after as usize) {
            Some(slot) => slot.before = before,
            None => self.queues[queue as usize].back = before,
        }
    }
}

/// When a flow was last active: what comes after its end does not count.
fn active_ns(flow: &Flow) -> i64 {
    flow.over_ns.unwrap_or(flow.last.mono_ns)
}
