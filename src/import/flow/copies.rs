//! Packets that were captured more than once: on several interfaces of a host (`-i any`, bridges,
//! veth pairs), at several points of a network, or by a switch that mirrors both directions.
//!
//! A copy has the same addresses, the same identification and the same transport header and payload
//! as a packet a moment before; its hops, link header and checksums may be others. A *place* is
//! where a packet was captured: file, interface, link addresses and hop limit. A packet was sent as
//! often as it was seen at the place where it was seen most often: copies from other places are
//! told from retransmissions in this way even without an identification (IPv6). At one place, what
//! is repeated is a copy only if it is very close to the first, or has the identification of a
//! segment of TCP, which a sender does not use again.

use std::net::IpAddr;

use super::record::octets;
use crate::wire::packet::{LaterFragment, Packet, TcpHeader, Transport};

/// Buckets of the table, and packets that are remembered in each.
const BUCKETS: usize = 2 * 1024;
const WAYS: usize = 4;

/// How long after a packet a copy of it may come, in µs: with an identification from another place
/// (a switch far away, or another host's capture), without one, and from the same place. Datagrams
/// with the same identification may also come from a program that makes them all alike.
const OTHER_PLACE_US: u32 = 100_000;
const OTHER_PLACE_WITHOUT_ID_US: u32 = 10_000;
const SAME_PLACE_US: u32 = 10_000;
const SAME_PLACE_DATAGRAM_US: u32 = 1_000;
const SAME_PLACE_WITHOUT_ID_US: u32 = 100;

/// Copies of one packet from one place; more of them are repetitions. A capture that is known to
/// be made of copies may have more.
const MOST_COPIES: u8 = 3;
const MOST_COPIES_WHERE_USUAL: u8 = 7;

/// A capture is made of copies if one of so many segments is one, and there are a few.
const USUAL_SHARE: u64 = 20;
const LEAST_COPIES: u64 = 10;

/// Bytes that are compared at the beginning of a packet with an identification, and of one without
/// it, which is compared at its end too.
const BEGIN_BYTES: usize = 32;
const BEGIN_BYTES_WITHOUT_ID: usize = 96;
const END_BYTES: usize = 64;

/// Recognises copies.
#[derive(Debug)]
pub(super) struct Copies {
    buckets: Vec<Bucket>,
    /// Segments that acknowledge, and their copies from the same place.
    segments: u64,
    copied_segments: u64,
}

/// The newest first; as long as a line of the processor's cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket([Seen; WAYS]);

/// A packet at a place.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// What was seen; 0 for nothing.
    tag: u32,
    place: u32,
    /// When it was seen first, in µs; wraps around.
    at_us: u32,
    /// How often it was sent, as far as this place shows.
    sent: u16,
    copies: u8,
}

/// What is compared of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fingerprint {
    hash: u64,
    has_id: bool,
    /// A segment with an acknowledgement: nothing that is sent without an answer.
    is_segment: bool,
    /// An acknowledgement and nothing else, which receivers do repeat.
    is_bare: bool,
}

/// Mixes words into a number: short and quick, as it is done for every packet, and the same on every
/// computer. Nobody gains anything by a collision but that a packet of their own is not counted.
#[derive(Debug, Clone, Copy)]
struct Mix(u64);

impl Mix {
    fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // A length keeps what ends in zeros from what is shorter.
        self.word(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn address(&mut self, addr: IpAddr) {
        match addr {
            IpAddr::V4(v4) => self.word(u64::from(v4.to_bits())),
            IpAddr::V6(_) => {
                let bits = octets(addr);
                self.word(bits as u64);
                self.word((bits >> 64) as u64);
            }
        }
    }
}

impl Copies {
    pub(super) fn new() -> Self {
        Self { buckets: vec![Bucket::default(); BUCKETS], segments: 0, copied_segments: 0 }
    }

    /// The place of a frame of an interface.
    pub(super) fn place(interface: u64, link_place: &[u8]) -> u64 {
        let mut mix = Mix(interface);
        mix.bytes(link_place);
        mix.0
    }

    /// Whether a packet is a copy of one that was there before. `place` is where it was captured,
    /// its hop limit included.
    pub(super) fn is_copy(&mut self, packet: Fingerprint, place: u64, mono_ns: i64) -> bool {
        self.segments += u64::from(packet.is_segment);
        let seen = Seen {
            tag: (packet.hash >> 32) as u32 | 1,
            place: place as u32,
            at_us: (mono_ns / 1000) as u32,
            sent: 1,
            copies: 0,
        };
        let bucket = &mut self.buckets[packet.hash as usize % BUCKETS].0;
        if bucket.iter().all(|known| known.tag != seen.tag) {
            remember(bucket, seen);
            return false;
        }
        self.is_known_copy(packet, seen)
    }

    /// The same, where something like it was seen already.
    fn is_known_copy(&mut self, packet: Fingerprint, now: Seen) -> bool {
        let are_usual =
            self.copied_segments >= LEAST_COPIES && self.copied_segments * USUAL_SHARE >= self.segments;
        let bucket = &mut self.buckets[packet.hash as usize % BUCKETS].0;
        let other_place_us = if packet.has_id { OTHER_PLACE_US } else { OTHER_PLACE_WITHOUT_ID_US };
        let mut most_elsewhere = 0;
        let mut here = None;
        for seen in bucket.iter_mut() {
            let age_us = (now.at_us.wrapping_sub(seen.at_us) as i32).unsigned_abs();
            if seen.tag != now.tag || age_us > other_place_us {
                continue;
            }
            if seen.place == now.place {
                here = Some((seen, age_us));
            } else {
                most_elsewhere = most_elsewhere.max(seen.sent);
            }
        }
        let Some((seen, age_us)) = here else {
            remember(bucket, now);
            return most_elsewhere > 0;
        };
        let (most_us, most_copies) = match packet {
            _ if are_usual => (SAME_PLACE_US, MOST_COPIES_WHERE_USUAL),
            Fingerprint { has_id: true, is_segment: true, .. } => (SAME_PLACE_US, MOST_COPIES),
            Fingerprint { has_id: true, .. } => (SAME_PLACE_DATAGRAM_US, MOST_COPIES),
            Fingerprint { is_bare: true, .. } => (0, 0),
            _ => (SAME_PLACE_WITHOUT_ID_US, MOST_COPIES),
        };
        if age_us <= most_us && seen.copies < most_copies {
            seen.copies += 1;
            self.copied_segments += u64::from(packet.is_segment);
            return true;
        }
        (seen.at_us, seen.sent, seen.copies) = (now.at_us, seen.sent.saturating_add(1), 0);
        seen.sent <= most_elsewhere
    }
}

/// Puts a packet before the others, the oldest of which is forgotten.
fn remember(bucket: &mut [Seen; WAYS], seen: Seen) {
    let [first, second, third, _] = *bucket;
    *bucket = [seen, first, second, third];
}

impl Fingerprint {
    /// What is compared of a packet: the transport header and the beginning of the payload. The
    /// checksum is left out if there is an identification, as a network card may still have to fill
    /// it in.
    pub(super) fn of_packet(packet: &Packet<'_>) -> Self {
        let mut mix = Mix(u64::from(packet.ip.id) << 32 | u64::from(packet.payload_bytes));
        mix.address(packet.source.0);
        mix.address(packet.destination.0);
        let has_id = packet.ip.id != 0;
        let body = packet.ip.body;
        let (is_segment, is_bare) = match packet.transport {
            Transport::Tcp(TcpHeader { seq, ack, flags }) => {
                mix.word(u64::from(seq) << 32 | u64::from(ack));
                mix.word(ports(packet) << 32 | u64::from(flags.0));
                (flags.ack(), packet.payload_bytes == 0 && !flags.syn() && !flags.fin())
            }
            Transport::Udp(_) => {
                mix.word(ports(packet));
                mix.bytes(body.get(8..body.len().min(BEGIN_BYTES)).unwrap_or_default());
                (false, false)
            }
            Transport::Other(number) => {
                mix.word(u64::from(number));
                mix.bytes(&body[..body.len().min(BEGIN_BYTES)]);
                (false, false)
            }
        };
        if !has_id {
            let (begin, end) = body.split_at(body.len().min(BEGIN_BYTES_WITHOUT_ID));
            mix.bytes(begin);
            mix.bytes(&end[end.len().saturating_sub(END_BYTES)..]);
        }
        Self { hash: mix.0, has_id, is_segment, is_bare }
    }

    /// What is compared of a fragment without a transport header.
    pub(super) fn of_fragment(fragment: &LaterFragment) -> Self {
        let mut mix = Mix(u64::from(fragment.id) << 32 | u64::from(fragment.offset));
        mix.address(fragment.source);
        mix.address(fragment.destination);
        mix.word(u64::from(fragment.bytes) << 8 | u64::from(fragment.protocol));
        Self { hash: mix.0, has_id: true, is_segment: false, is_bare: false }
    }
}

fn ports(packet: &Packet<'_>) -> u64 {
    u64::from(packet.source.1) << 16 | u64::from(packet.destination.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Fingerprint =
        Fingerprint { hash: 0x1234_5678_9abc_def0, has_id: true, is_segment: true, is_bare: false };
    const WITHOUT_ID: Fingerprint = Fingerprint { has_id: false, ..ID };
    const DATAGRAM: Fingerprint = Fingerprint { is_segment: false, ..ID };

    /// Whether each of the packets, at a place and a time in µs, is a copy.
    fn check(packet: Fingerprint, seen: &[(u64, i64)], expected: &[bool]) {
        let mut copies = Copies::new();
        let found: Vec<bool> =
            seen.iter().map(|(place, at_us)| copies.is_copy(packet, *place, at_us * 1000)).collect();
        assert_eq!(found, expected, "{packet:?} {seen:?}");
    }

    #[test]
    fn one_packet_at_several_places_is_one_packet() {
        check(ID, &[(1, 0), (2, 3), (3, 40_000), (4, 99_000)], &[false, true, true, true]);
        check(WITHOUT_ID, &[(1, 0), (2, 3), (3, 9_000)], &[false, true, true]);
        check(DATAGRAM, &[(1, 0), (2, 3)], &[false, true]);
    }

    #[test]
    fn a_retransmission_that_is_seen_at_two_places_is_one_retransmission() {
        check(WITHOUT_ID, &[(1, 0), (2, 10), (1, 2_000), (2, 2_010)], &[false, true, false, true]);
        check(WITHOUT_ID, &[(1, 0), (1, 2_000), (2, 3_000), (2, 5_000)], &[false, false, true, true]);
    }

    #[test]
    fn at_one_place_an_identification_is_used_once() {
        check(ID, &[(1, 0), (1, 4_000), (1, 300_000)], &[false, true, false]);
        check(WITHOUT_ID, &[(1, 0), (1, 50), (1, 4_000)], &[false, true, false]);
        check(DATAGRAM, &[(1, 0), (1, 4_000)], &[false, false]);
        check(Fingerprint { is_bare: true, ..WITHOUT_ID }, &[(1, 0), (1, 1)], &[false, false]);
    }

    #[test]
    fn a_flood_of_one_packet_is_no_mirror() {
        let mut copies = Copies::new();
        let counted = (0..10_000).filter(|at_us| !copies.is_copy(DATAGRAM, 1, at_us * 1000)).count();
        assert!(counted >= 10_000 / 4, "{counted}");
    }

    #[test]
    fn where_copies_are_usual_they_are_believed_without_an_identification() {
        let mut copies = Copies::new();
        for packet in 0..40 {
            let first = Fingerprint { hash: packet << 40 | packet, ..ID };
            assert!(!copies.is_copy(first, 1, packet as i64 * 1_000_000));
            assert!(copies.is_copy(first, 1, packet as i64 * 1_000_000 + 200_000));
        }
        let other = Fingerprint { hash: 99 << 40, ..WITHOUT_ID };
        assert!(!copies.is_copy(other, 1, 50_000_000));
        assert!(copies.is_copy(other, 1, 50_500_000));
    }
}
