//! Fragments of IP packets: the first one has the ports, and the others are counted to its flow.

use std::collections::VecDeque;
use std::net::IpAddr;

use ahash::AHashMap;

use super::table::Key;
use crate::wire::packet::{LaterFragment, Packet};

/// Packets whose fragments are awaited; the oldest give way.
const MOST_PACKETS: usize = 4096;

/// How long fragments of a packet may follow each other, in ns; receivers wait for 30 s, or 60.
const PATIENCE_NS: i64 = 60 * 1_000_000_000;

/// What fragments of one packet share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Whole {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
}

/// The flow of a fragment that has no ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) key: Key,
    /// Who sent it.
    pub(super) source: (IpAddr, u16),
}

#[derive(Debug)]
struct FragmentedPacket {
    since_ns: i64,
    owner: Option<Owner>,
    /// Fragments that came before the first one, and their bytes.
    early: u64,
    early_bytes: u64,
}

/// What is known of packets that came in fragments.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    packets: AHashMap<Whole, FragmentedPacket>,
    order: VecDeque<Whole>,
    /// Fragments whose first one was not seen, of packets that are no longer awaited.
    orphans: u64,
}

impl Fragments {
    /// Notes the first fragment of a packet. Gives the bytes of fragments that came before it.
    pub(super) fn begin(&mut self, packet: &Packet<'_>, key: Key, now_ns: i64) -> u64 {
        let whole = Whole { source: packet.source.0, destination: packet.destination.0, id: packet.ip.id };
        let known = self.known(whole, now_ns);
        known.owner = Some(Owner { key, source: packet.source });
        known.early = 0;
        std::mem::take(&mut known.early_bytes)
    }

    /// The flow of a fragment; none if its first one has not come yet.
    pub(super) fn owner(&mut self, fragment: &LaterFragment, now_ns: i64) -> Option<Owner> {
        let whole = Whole { source: fragment.source, destination: fragment.destination, id: fragment.id };
        let known = self.known(whole, now_ns);
        if known.owner.is_none() {
            known.early += 1;
            known.early_bytes += u64::from(fragment.bytes);
        }
        known.owner
    }

    /// Fragments whose first one was not seen so far.
    pub(super) fn orphans(&self) -> u64 {
        self.orphans + self.packets.values().map(|known| known.early).sum::<u64>()
    }

    fn known(&mut self, whole: Whole, now_ns: i64) -> &mut FragmentedPacket {
        let is_old = |known: &FragmentedPacket| now_ns - known.since_ns > PATIENCE_NS;
        if let Some(old) = self.packets.get(&whole).filter(|known| is_old(known)) {
            self.orphans += old.early;
            self.packets.remove(&whole);
        } else if !self.packets.contains_key(&whole) {
            self.order.push_back(whole);
        }
        while self.order.len() > MOST_PACKETS {
            let Some(oldest) = self.order.pop_front() else { break };
            self.orphans += self.packets.remove(&oldest).map_or(0, |known| known.early);
        }
        self.packets.entry(whole).or_insert(FragmentedPacket {
            since_ns: now_ns,
            owner: None,
            early: 0,
            early_bytes: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(id: u32) -> LaterFragment {
        let (source, destination) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        LaterFragment { source, destination, protocol: 17, id, offset: 1480, bytes: 100, is_last: true }
    }

    #[test]
    fn what_never_had_a_first_fragment_is_counted_however_much_there_is() {
        let mut fragments = Fragments::default();
        for id in 0..10_000 {
            assert_eq!(fragments.owner(&fragment(id), 0), None);
        }
        assert_eq!(fragments.orphans(), 10_000);
        assert!(fragments.packets.len() <= MOST_PACKETS && fragments.order.len() <= MOST_PACKETS);
    }

    #[test]
    fn a_number_that_is_used_again_much_later_is_another_packet() {
        let mut fragments = Fragments::default();
        fragments.owner(&fragment(1), 0);
        fragments.owner(&fragment(1), PATIENCE_NS + 1);
        assert_eq!((fragments.orphans(), fragments.order.len()), (2, 1));
    }
}
