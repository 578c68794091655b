//! One packet from its IP header on, as far as it was copied.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::record::linux::message::piece;

/// Length of UDP's header and of IPv6's, in bytes.
const UDP_BYTES: usize = 8;
const V6_BYTES: usize = 40;

/// Most headers between IPv6's and the transport's that are followed.
const MOST_HEADERS: usize = 8;

/// Bits of a fragment's offset in an IPv4 header.
const V4_OFFSET: u16 = 0x1fff;

const TCP: u8 = libc::IPPROTO_TCP as u8;
const UDP: u8 = libc::IPPROTO_UDP as u8;
const FRAGMENT: u8 = libc::IPPROTO_FRAGMENT as u8;
const HOP_BY_HOP: u8 = libc::IPPROTO_HOPOPTS as u8;
const ROUTING: u8 = libc::IPPROTO_ROUTING as u8;
const OPTIONS: u8 = libc::IPPROTO_DSTOPTS as u8;

/// A datagram or a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) source: (IpAddr, u16),
    pub(super) destination: (IpAddr, u16),
    pub(super) content: Content<'a>,
}

/// What it carries; `payload` as far as it was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// UDP: length of the payload of the whole datagram, and whether this is its first fragment.
    Datagram { bytes: u64, fragment: bool, payload: &'a [u8] },
    /// TCP.
    Segment { payload: &'a [u8] },
}

/// Where the transport's header begins, and what it is.
struct Network {
    source: IpAddr,
    destination: IpAddr,
    transport: u8,
    offset: usize,
    fragment: bool,
}

impl<'a> Packet<'a> {
    /// Reads a packet of which `bytes` were copied and which has `length` bytes in all; none if it
    /// is something else, malformed, or a later fragment.
    pub(super) fn parse(bytes: &'a [u8], length: usize) -> Option<Self> {
        let network = match bytes.first()? >> 4 {
            4 => v4(bytes)?,
            6 => v6(bytes)?,
            _ => return None,
        };
        let header = bytes.get(network.offset..)?;
        let port = |at| Some(u16::from_be_bytes(piece(header, at)?));
        let content = match network.transport {
            UDP => datagram(header, length.checked_sub(network.offset)?, network.fragment)?,
            TCP => Content::Segment { payload: header.get(usize::from(header.get(12)? >> 4) * 4..)? },
            _ => return None,
        };
        Some(Self {
            source: (network.source, port(0)?),
            destination: (network.destination, port(2)?),
            content,
        })
    }
}

/// `left` is how long the packet is from this header on.
fn datagram(header: &[u8], left: usize, fragment: bool) -> Option<Content<'_>> {
    let stated = usize::from(u16::from_be_bytes(piece(header, 4)?));
    // 0 stands for a datagram that is longer than the field can say.
    let whole = if stated == 0 { left } else { stated };
    let bytes = whole.checked_sub(UDP_BYTES)?;
    // The receiving kernel drops what is shorter than it says, unless the rest is still to come.
    (fragment || whole <= left).then_some(())?;
    Some(Content::Datagram { bytes: bytes as u64, fragment, payload: header.get(UDP_BYTES..)? })
}

fn v4(bytes: &[u8]) -> Option<Network> {
    let fragment = u16::from_be_bytes(piece(bytes, 6)?);
    // An offset: the ports were in the first one.
    (fragment & V4_OFFSET).eq(&0).then_some(())?;
    Some(Network {
        source: Ipv4Addr::from(piece::<4>(bytes, 12)?).into(),
        destination: Ipv4Addr::from(piece::<4>(bytes, 16)?).into(),
        transport: *bytes.get(9)?,
        offset: usize::from(bytes.first()? & 0xf) * 4,
        fragment: fragment & 0x2000 != 0,
    })
}

fn v6(bytes: &[u8]) -> Option<Network> {
    let (mut transport, mut offset, mut fragment) = (*bytes.get(6)?, V6_BYTES, false);
    for _ in 0..MOST_HEADERS {
        let after = match transport {
            FRAGMENT => {
                let place = u16::from_be_bytes(piece(bytes, offset + 2)?);
                (place & 0xfff8 == 0).then_some(())?;
                fragment |= place & 1 != 0;
                8
            }
            HOP_BY_HOP | ROUTING | OPTIONS => 8 * (1 + usize::from(*bytes.get(offset + 1)?)),
            _ => break,
        };
        transport = *bytes.get(offset)?;
        offset += after;
    }
    Some(Network {
        source: Ipv6Addr::from(piece::<16>(bytes, 8)?).to_canonical(),
        destination: Ipv6Addr::from(piece::<16>(bytes, 24)?).to_canonical(),
        transport,
        offset,
        fragment,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn udp(stated: u16, payload: &[u8]) -> Vec<u8> {
        [&4000_u16.to_be_bytes(), &53_u16.to_be_bytes(), &stated.to_be_bytes(), &[0, 0], payload].concat()
    }

    /// An IPv4 packet with a word of options.
    fn over_v4(transport: u8, fragment: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x46, 0, 0, 0, 0, 0];
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, transport, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1]);
        bytes.extend(body);
        bytes
    }

    fn over_v6(next: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        bytes.extend([0; 15].iter().chain(&[1]).chain(&[0; 15]).chain(&[2]));
        bytes.extend(body);
        bytes
    }

    /// Length, whether a fragment, and what was copied of the payload.
    fn check(bytes: &[u8], length: usize, expected: Option<(u64, bool, &[u8])>) {
        let found = Packet::parse(bytes, length).map(|packet| match packet.content {
            Content::Datagram { bytes, fragment, payload } => {
                assert_eq!((packet.source.1, packet.destination.1), (4000, 53));
                (bytes, fragment, payload)
            }
            Content::Segment { .. } => panic!("TCP"),
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn the_length_is_the_datagrams_and_not_what_was_copied_of_it() {
        let bytes = over_v4(UDP, 0, &udp(1008, b"abc"));
        check(&bytes, bytes.len() - 3 + 1000, Some((1000, false, b"abc")));
        let bytes = over_v6(UDP, &udp(8, b""));
        check(&bytes, bytes.len(), Some((0, false, b"")));
    }

    #[test]
    fn the_first_fragment_counts_for_the_whole_and_later_ones_for_nothing() {
        let bytes = over_v4(UDP, 0x2000, &udp(5008, b"abc"));
        check(&bytes, bytes.len(), Some((5000, true, b"abc")));
        check(&over_v4(UDP, 0x20b9, &udp(5008, b"abc")), 1500, None);
        let header = [UDP, 0, 0, 1, 0, 0, 0, 9];
        let bytes = over_v6(FRAGMENT, &[&header, udp(5008, b"").as_slice()].concat());
        check(&bytes, bytes.len(), Some((5000, true, b"")));
        let header = [UDP, 0, 0, 8, 0, 0, 0, 9];
        check(&over_v6(FRAGMENT, &[&header, udp(5008, b"").as_slice()].concat()), 1500, None);
    }

    #[test]
    fn headers_between_are_stepped_over() {
        let options = [UDP, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let bytes = over_v6(HOP_BY_HOP, &[&options, udp(10, b"xy").as_slice()].concat());
        check(&bytes, bytes.len(), Some((2, false, b"xy")));
    }

    #[test]
    fn a_datagram_shorter_than_it_says_is_none() {
        let bytes = over_v4(UDP, 0, &udp(1008, b"abc"));
        check(&bytes, bytes.len(), None);
        check(&over_v4(UDP, 0, &udp(3, b"abc")), 100, None);
    }

    #[test]
    fn the_payload_of_a_segment_is_found_past_its_options() {
        let mut segment = vec![0; 24];
        segment[12] = 0x60;
        segment.extend(b"hello");
        let bytes = over_v4(TCP, 0, &segment);
        let packet = Packet::parse(&bytes, bytes.len()).unwrap();
        assert_eq!(packet.content, Content::Segment { payload: b"hello" });
        assert_eq!(packet.source.0, IpAddr::from([10, 0, 0, 1]));
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..120), length in 0_usize..70_000) {
            if let Some(packet) = Packet::parse(&bytes, length)
                && let Content::Datagram { bytes, .. } = packet.content
            {
                prop_assert!(bytes <= 70_000);
            }
        }
    }
}
