//! What went between each local and remote address over UDP.

use std::collections::HashMap;
use std::net::IpAddr;

use super::ring::Way;
use crate::capture::Counters;

/// Most flows at once; an attacker may make up any number of addresses.
const MOST_FLOWS: usize = 64 * 1024;

/// How long the interface on which a flow was seen must be silent until another one counts.
const SILENCE_NS: i64 = 1_000_000_000;

pub(super) type Endpoint = (IpAddr, u16);

/// A network namespace and a local port: what a socket has for itself, mostly.
pub(super) type BoundPort = (u64, u16);

/// The datagrams of one local endpoint with one remote one.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// First and last datagram, by the monotonic clock, ns.
    pub(super) first_ns: i64,
    pub(super) last_ns: i64,
    sent: Tally,
    received: Tally,
    /// The interface that counts: bridges, bonds and VLANs show a packet once more each.
    interface: i32,
    /// The socket that it belongs to, once that is known.
    pub(super) cookie: Option<u64>,
    /// Whether several sockets could be meant.
    pub(super) ambiguous: bool,
    /// Whether its beginning was told.
    pub(super) told: bool,
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
}

impl Flow {
    fn new(now_ns: i64, interface: i32) -> Self {
        Self {
            first_ns: now_ns,
            last_ns: now_ns,
            sent: Tally::default(),
            received: Tally::default(),
            interface,
            cookie: None,
            ambiguous: false,
            told: false,
        }
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            bytes_sent: Some(self.sent.bytes),
            bytes_received: Some(self.received.bytes),
            packets_sent: Some(self.sent.packets),
            packets_received: Some(self.received.packets),
            ..Counters::default()
        }
    }

    /// Both ways together.
    pub(super) fn total(&self) -> Tally {
        let mut total = self.sent;
        total.add(self.received);
        total
    }
}

/// The flows of all namespaces.
#[derive(Debug, Default)]
pub(super) struct Flows {
    pub(super) doors: HashMap<BoundPort, HashMap<(IpAddr, Endpoint), Flow>>,
    count: usize,
    /// Datagrams of flows for which there was no room.
    pub(super) crowded_out: Tally,
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
        if datagram.way != Way::In {
            self.count(datagram, source, destination, |flow| &mut flow.sent);
        }
        if datagram.way != Way::Out {
            self.count(datagram, destination, source, |flow| &mut flow.received);
        }
    }

    fn count(
        &mut self,
        datagram: &Datagram,
        local: Endpoint,
        remote: Endpoint,
        side: impl Fn(&mut Flow) -> &mut Tally,
    ) {
        let tally = Tally { packets: 1, bytes: datagram.bytes };
        let door = self.doors.entry((datagram.netns, local.1)).or_default();
        let key = (local.0, remote);
        if !door.contains_key(&key) {
            if self.count >= MOST_FLOWS {
                self.crowded_out.add(tally);
                return;
            }
            self.count += 1;
        }
        let Datagram { time_ns, interface, .. } = *datagram;
        let flow = door.entry(key).or_insert_with(|| Flow::new(time_ns, interface));
        if flow.interface != interface {
            if time_ns - flow.last_ns < SILENCE_NS {
                return;
            }
            flow.interface = interface;
        }
        flow.last_ns = flow.last_ns.max(time_ns);
        side(flow).add(tally);
    }

    /// Takes out the flow of one pair of endpoints.
    pub(super) fn remove(&mut self, netns: u64, local: Endpoint, remote: Endpoint) -> Option<Flow> {
        let door = self.doors.get_mut(&(netns, local.1))?;
        let flow = door.remove(&(local.0, remote))?;
        self.count -= 1;
        Some(flow)
    }

    /// Takes out the flows of a door of which `is_wanted` says so, in the order of their remotes.
    pub(super) fn remove_where(
        &mut self,
        door: BoundPort,
        mut is_wanted: impl FnMut(IpAddr, &Flow) -> bool,
    ) -> Vec<(IpAddr, Endpoint, Flow)> {
        let Some(flows) = self.doors.get_mut(&door) else { return Vec::new() };
        let mut taken: Vec<_> = flows
            .extract_if(|(local, _), flow| is_wanted(*local, flow))
            .map(|((local, remote), flow)| (local, remote, flow))
            .collect();
        self.count -= taken.len();
        taken.sort_by_key(|(local, remote, _)| (*local, *remote));
        taken
    }

    /// Forgets doors without flows.
    pub(super) fn tidy(&mut self) {
        self.doors.retain(|_, flows| !flows.is_empty());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn at(last: u8, port: u16) -> Endpoint {
        (IpAddr::from([10, 0, 0, last]), port)
    }

    pub(in super::super) fn datagram(source: Endpoint, destination: Endpoint, way: Way) -> Datagram {
        Datagram { netns: 1, source, destination, bytes: 100, way, interface: 2, time_ns: 5 }
    }

    fn counters(flows: &Flows, local: Endpoint, remote: Endpoint) -> Option<(u64, u64, u64, u64)> {
        let counters = flows.doors.get(&(1, local.1))?.get(&(local.0, remote))?.counters();
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
        let mut flows = Flows { count: MOST_FLOWS, ..Flows::default() };
        flows.add(&datagram(at(1, 4000), at(2, 53), Way::Out));
        assert_eq!(flows.crowded_out, Tally { packets: 1, bytes: 100 });
    }
}
