//! What went between each local and remote address over UDP.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use super::ring::Way;
use crate::capture::{Counters, Row};

/// Most flows at once; an attacker may make up any number of addresses.
const MOST_FLOWS: usize = 64 * 1024;

/// How long the interface on which a flow was seen must be silent until another one counts.
const SILENCE_NS: i64 = 1_000_000_000;

pub(super) type Endpoint = (IpAddr, u16);

/// A network namespace and a local port: what a socket has for itself, mostly.
pub(super) type BoundPort = (u64, u16);

/// Most recent pieces of a flow, and about how many of all flows together: 6 MB.
const MOST_PIECES: usize = 64;
const MOST_PIECES_OF_ALL: usize = 128 * 1024;

/// The datagrams of one local endpoint with one remote one.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// First and last datagram, by the monotonic clock, ns.
    pub(super) first_ns: i64,
    pub(super) last_ns: i64,
    traffic: Traffic,
    /// What of it passed since the last snapshot, in the order of time.
    recent: Vec<Piece>,
    /// The interface that counts: bridges, bonds and VLANs show a packet once more each.
    interface: i32,
    /// The socket that it belongs to, once that is known, and the last snapshot that knew it.
    pub(super) cookie: Option<u64>,
    pub(super) settled_ns: i64,
    /// Whether several sockets could be meant.
    pub(super) ambiguous: bool,
    /// Whether its beginning was told.
    pub(super) told: bool,
    /// Whether another socket has a flow between the same ends by now.
    pub(super) is_past: bool,
    /// The end of a socket of the same port, if the flow was part of that one's: its rows are made from this
    /// one if no other socket claims it.
    pub(super) left_by: Option<Box<Row>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }

    fn subtract(&mut self, part: Self) {
        self.packets = self.packets.saturating_sub(part.packets);
        self.bytes = self.bytes.saturating_sub(part.bytes);
    }
}

/// What went both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) sent: Tally,
    pub(super) received: Tally,
}

impl Traffic {
    fn add(&mut self, other: Self) {
        self.sent.add(other.sent);
        self.received.add(other.received);
    }

    fn subtract(&mut self, part: Self) {
        self.sent.subtract(part.sent);
        self.received.subtract(part.received);
    }
}

/// A datagram, or several that came one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) first_ns: i64,
    pub(super) last_ns: i64,
    pub(super) traffic: Traffic,
}

impl Piece {
    /// One piece of one or more.
    fn of(parts: &[Self]) -> Self {
        let mut traffic = Traffic::default();
        for part in parts {
            traffic.add(part.traffic);
        }
        let first_ns = parts.iter().map(|part| part.first_ns).min().unwrap_or_default();
        let last_ns = parts.iter().map(|part| part.last_ns).max().unwrap_or_default();
        Self { first_ns, last_ns, traffic }
    }
}

impl Flow {
    fn new(now_ns: i64, interface: i32) -> Self {
        Self {
            first_ns: now_ns,
            last_ns: now_ns,
            traffic: Traffic::default(),
            recent: Vec::new(),
            interface,
            cookie: None,
            settled_ns: 0,
            ambiguous: false,
            told: false,
            is_past: false,
            left_by: None,
        }
    }

    /// A flow between the same ends without any datagram.
    pub(super) fn emptied(&self) -> Self {
        Self::new(self.last_ns, self.interface)
    }

    /// Adds another part of it.
    pub(super) fn join(&mut self, other: &Self) {
        self.traffic.add(other.traffic);
    }

    pub(super) fn counters(&self) -> Counters {
        let Traffic { sent, received } = self.traffic;
        Counters {
            bytes_sent: Some(sent.bytes),
            bytes_received: Some(received.bytes),
            packets_sent: Some(sent.packets),
            packets_received: Some(received.packets),
            ..Counters::default()
        }
    }

    /// Both ways together.
    pub(super) fn total(&self) -> Tally {
        let mut total = self.traffic.sent;
        total.add(self.traffic.received);
        total
    }

    /// Takes out the recent pieces that are wanted, as a flow of their own that belongs to no socket yet.
    pub(super) fn split_off(&mut self, mut is_wanted: impl FnMut(&Piece) -> bool) -> Option<Self> {
        let recent: Vec<Piece> = self.recent.extract_if(.., |piece| is_wanted(piece)).collect();
        recent.first()?;
        let whole = Piece::of(&recent);
        let mut flow = Self::new(whole.first_ns, self.interface);
        (flow.last_ns, flow.traffic) = (whole.last_ns, whole.traffic);
        self.traffic.subtract(whole.traffic);
        if self.cookie.is_none() && !self.recent.is_empty() {
            let left = Piece::of(&self.recent);
            (self.first_ns, self.last_ns) = (left.first_ns, left.last_ns);
        }
        flow.recent = recent;
        Some(flow)
    }

    /// Notes the socket to which it belongs according to a snapshot.
    pub(super) fn belongs_to(&mut self, cookie: u64, snapshot_ns: i64) {
        (self.cookie, self.settled_ns, self.left_by) = (Some(cookie), snapshot_ns, None);
        self.recent.retain(|piece| piece.last_ns > snapshot_ns);
    }

    /// Adds a datagram, and keeps apart when up to `most` of them passed.
    fn push(&mut self, piece: Piece, most: usize) {
        self.traffic.add(piece.traffic);
        self.last_ns = self.last_ns.max(piece.last_ns);
        self.recent.push(piece);
        if self.recent.len() > most {
            self.merge_near_pieces();
        }
    }

    /// Merges every second piece with the one before it, those that are nearest in time: what several
    /// processes send in turn has gaps, in which one ends and the next one starts.
    fn merge_near_pieces(&mut self) {
        let gap_ns = |pair: &[Piece]| pair[1].first_ns.saturating_sub(pair[0].last_ns);
        let mut gaps: Vec<i64> = self.recent.windows(2).map(gap_ns).collect();
        let middle = gaps.len() / 2;
        let longest_ns = *gaps.select_nth_unstable(middle).1;
        let near = |one: &Piece, next: &Piece| next.first_ns.saturating_sub(one.last_ns) <= longest_ns;
        self.recent = self.recent.chunk_by(near).map(Piece::of).collect();
    }
}

/// Both ends of a flow: the local address, and the remote.
pub(super) type Ends = (IpAddr, Endpoint);

/// The flows of all namespaces.
#[derive(Debug, Default)]
pub(super) struct Flows {
    pub(super) ports: HashMap<BoundPort, HashMap<Ends, Flow>>,
    /// Flows of sockets that have closed, whose port another one uses by now.
    past: HashMap<BoundPort, Vec<(Ends, Flow)>>,
    count: usize,
    /// Datagrams of flows for which there was no room.
    pub(super) crowded_out: Tally,
    /// When a datagram first had no room, by port.
    crowded_ns: HashMap<BoundPort, i64>,
    /// The same of all ports that have no room in that list.
    crowded_anywhere_ns: Option<i64>,
}

/// A datagram as it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram {
    pub(super) netns: u64,
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    pub(super) bytes: u64,
    pub(super) way: Way,
    pub(super) interface: i32,
    /// Monotonic clock, ns.
    pub(super) time_ns: i64,
}

impl Flows {
    /// Counts a datagram at the end, or the ends, that are on this host.
    pub(super) fn add(&mut self, datagram: &Datagram) {
        let Datagram { source, destination, .. } = *datagram;
        let tally = Tally { packets: 1, bytes: datagram.bytes };
        if datagram.way != Way::In {
            let traffic = Traffic { sent: tally, ..Traffic::default() };
            self.count(datagram, source, destination, traffic);
        }
        if datagram.way != Way::Out {
            let traffic = Traffic { received: tally, ..Traffic::default() };
            self.count(datagram, destination, source, traffic);
        }
    }

    fn count(&mut self, datagram: &Datagram, local: Endpoint, remote: Endpoint, traffic: Traffic) {
        let flows = self.ports.entry((datagram.netns, local.1)).or_default();
        let key = (local.0, remote);
        if !flows.contains_key(&key) {
            if self.count >= MOST_FLOWS {
                self.crowded_out.add(traffic.sent);
                self.crowded_out.add(traffic.received);
                self.note_crowded((datagram.netns, local.1), datagram.time_ns);
                return;
            }
            self.count += 1;
        }
        let Datagram { time_ns, interface, .. } = *datagram;
        let flow = flows.entry(key).or_insert_with(|| Flow::new(time_ns, interface));
        if flow.interface != interface {
            if time_ns - flow.last_ns < SILENCE_NS {
                return;
            }
            flow.interface = interface;
        }
        let most = (MOST_PIECES_OF_ALL / self.count).clamp(1, MOST_PIECES);
        flow.push(Piece { first_ns: time_ns, last_ns: time_ns, traffic }, most);
    }

    fn note_crowded(&mut self, port: BoundPort, time_ns: i64) {
        if self.crowded_ns.len() < MOST_FLOWS || self.crowded_ns.contains_key(&port) {
            self.crowded_ns.entry(port).or_insert(time_ns);
        } else {
            self.crowded_anywhere_ns.get_or_insert(time_ns);
        }
    }

    /// Since when the datagrams of a port are not all counted: of a flow that began later, some may be missing. None
    /// if all are.
    pub(super) fn incomplete_since_ns(&self, port: BoundPort) -> Option<i64> {
        self.crowded_ns.get(&port).copied().into_iter().chain(self.crowded_anywhere_ns).min()
    }

    /// Puts back a flow, or a part of it, whose socket is still to be found.
    pub(super) fn put_back(&mut self, port: BoundPort, ends: Ends, flow: Flow) {
        self.count += 1;
        match self.ports.entry(port).or_default().entry(ends) {
            Entry::Vacant(place) => drop(place.insert(flow)),
            Entry::Occupied(_) => {
                self.past.entry(port).or_default().push((ends, Flow { is_past: true, ..flow }));
            }
        }
    }

    /// Takes out the flows of a port of which `is_wanted` says so, in the order of their remotes.
    pub(super) fn remove_where(
        &mut self,
        port: BoundPort,
        mut is_wanted: impl FnMut(Ends, &Flow) -> bool,
    ) -> Vec<(Ends, Flow)> {
        let mut taken = Vec::new();
        if let Some(past) = self.past.get_mut(&port) {
            taken.extend(past.extract_if(.., |(ends, flow)| is_wanted(*ends, flow)));
        }
        if let Some(flows) = self.ports.get_mut(&port) {
            taken.extend(flows.extract_if(|ends, flow| is_wanted(*ends, flow)));
        }
        self.count -= taken.len();
        taken.sort_by_key(|(ends, flow)| (*ends, flow.first_ns));
        taken
    }

    /// Every port with a flow, in order.
    pub(super) fn ports(&self) -> Vec<BoundPort> {
        let mut ports: Vec<BoundPort> = self.ports.keys().chain(self.past.keys()).copied().collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Forgets ports without flows.
    pub(super) fn tidy(&mut self) {
        self.ports.retain(|_, flows| !flows.is_empty());
        self.past.retain(|_, flows| !flows.is_empty());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Without room for another one.
    pub(in super::super) fn full() -> Flows {
        Flows { count: MOST_FLOWS, ..Flows::default() }
    }

    pub(in super::super) fn at(last: u8, port: u16) -> Endpoint {
        (IpAddr::from([10, 0, 0, last]), port)
    }

    pub(in super::super) fn datagram(source: Endpoint, destination: Endpoint, way: Way) -> Datagram {
        Datagram { netns: 1, source, destination, bytes: 100, way, interface: 2, time_ns: 5 }
    }

    fn counters(flows: &Flows, local: Endpoint, remote: Endpoint) -> Option<(u64, u64, u64, u64)> {
        let counters = flows.ports.get(&(1, local.1))?.get(&(local.0, remote))?.counters();
        Some((
            counters.bytes_sent?,
            counters.packets_sent?,
            counters.bytes_received?,
            counters.packets_received?,
        ))
    }

    #[test]
    fn both_ways_are_one_flow_of_the_local_end() {
        let (here, there) = (at(1, 4000), at(2, 53));
        let mut flows = Flows::default();
        flows.add(&datagram(here, there, Way::Out));
        flows.add(&datagram(there, here, Way::In));
        flows.add(&datagram(there, here, Way::In));
        assert_eq!(counters(&flows, here, there), Some((100, 1, 200, 2)));
        assert_eq!(counters(&flows, there, here), None);
    }

    #[test]
    fn on_loopback_both_ends_count() {
        let (a, b) = (at(1, 4000), at(1, 53));
        let mut flows = Flows::default();
        flows.add(&datagram(a, b, Way::Loopback));
        assert_eq!(counters(&flows, a, b), Some((100, 1, 0, 0)));
        assert_eq!(counters(&flows, b, a), Some((0, 0, 100, 1)));
    }

    #[test]
    fn a_packet_that_passes_two_interfaces_counts_once_until_the_first_falls_silent() {
        let (here, there) = (at(1, 4000), at(2, 53));
        let mut flows = Flows::default();
        let on = |interface, time_ns| Datagram { interface, time_ns, ..datagram(here, there, Way::Out) };
        flows.add(&on(7, 0));
        flows.add(&on(2, 10));
        assert_eq!(counters(&flows, here, there), Some((100, 1, 0, 0)));
        flows.add(&on(2, SILENCE_NS * 2));
        assert_eq!(counters(&flows, here, there), Some((200, 2, 0, 0)));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let mut flows = full();
        flows.add(&datagram(at(1, 4000), at(2, 53), Way::Out));
        assert_eq!(flows.crowded_out, Tally { packets: 1, bytes: 100 });
        assert_eq!([4000, 4001].map(|port| flows.incomplete_since_ns((1, port))), [Some(5), None]);
        let ports = 0..=u16::MAX;
        ports.for_each(|port| flows.add(&datagram(at(1, port), at(2, 53), Way::Out)));
        assert_eq!(flows.crowded_ns.len(), MOST_FLOWS);
        flows.add(&Datagram { netns: 2, time_ns: 9, ..datagram(at(1, 4000), at(2, 53), Way::Out) });
        assert_eq!(
            [1, 2, 3].map(|netns| flows.incomplete_since_ns((netns, 4000))),
            [Some(5), Some(9), Some(9)]
        );
    }

    #[test]
    fn a_part_of_a_flow_can_be_taken_out_by_its_time() {
        let (here, there) = (at(1, 4000), at(2, 53));
        let mut flows = Flows::default();
        for time_ns in [10, 20, 30] {
            flows.add(&Datagram { time_ns, ..datagram(here, there, Way::Out) });
        }
        let flow = flows.ports.get_mut(&(1, 4000)).unwrap().values_mut().next().unwrap();
        let part = flow.split_off(|piece| piece.first_ns >= 20).unwrap();
        assert_eq!((part.first_ns, part.last_ns, part.total().packets), (20, 30, 2));
        assert_eq!((flow.first_ns, flow.last_ns, flow.total().packets), (10, 10, 1));
        assert!(flow.split_off(|_| false).is_none());
        flow.belongs_to(7, 10);
        assert!(flow.split_off(|_| true).is_none(), "it is known whose that is");
        flows.put_back((1, 4000), (here.0, there), part);
        let parts = flows.remove_where((1, 4000), |_, _| true);
        assert_eq!(parts.iter().map(|(_, flow)| flow.is_past).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn the_pieces_of_a_flow_are_bounded_and_add_up() {
        let (here, there) = (at(1, 4000), at(2, 53));
        let mut flows = Flows::default();
        for time_ns in 0..10_000 {
            flows.add(&Datagram { time_ns, ..datagram(here, there, Way::Out) });
        }
        let flow = flows.ports.get_mut(&(1, 4000)).unwrap().values_mut().next().unwrap();
        assert!(flow.recent.len() <= MOST_PIECES);
        let whole = flow.split_off(|_| true).unwrap();
        assert_eq!((whole.total().packets, whole.first_ns, whole.last_ns), (10_000, 0, 9_999));
    }

    #[test]
    fn the_longest_gaps_of_a_flow_are_kept() {
        let (here, there) = (at(1, 4000), at(2, 53));
        let mut flows = Flows::default();
        for number in 0..1_000 {
            let time_ns = number * 10 + number / 100 * 5_000;
            flows.add(&Datagram { time_ns, ..datagram(here, there, Way::Out) });
        }
        let flow = flows.ports.get_mut(&(1, 4000)).unwrap().values_mut().next().unwrap();
        let begins_ns = 300 * 10 + 3 * 5_000;
        let part = flow.split_off(|piece| piece.first_ns >= begins_ns).unwrap();
        assert_eq!((part.first_ns, part.total().packets), (begins_ns, 700));
    }
}
