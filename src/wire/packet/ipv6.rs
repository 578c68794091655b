//! IP version 6 and its extension headers.

use std::net::{IpAddr, Ipv6Addr};

use super::ip::{AUTHENTICATION, Ends, authentication_bytes, later_fragment, transport};
use super::{Decoded, MOST_EXTENSIONS, Rest};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NOTHING: u8 = 59;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM: u8 = 140;

/// Decodes a packet with its extension headers.
pub(super) fn decode(rest: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    let payload_bytes = usize::from(rest.u16(4)?);
    let mut next = rest.u8(6)?;
    let mut ends = Ends {
        source: address(rest, 8)?,
        destination: address(rest, 24)?,
        id: 0,
        hop_limit: rest.u8(7)?,
        is_fragmented: false,
    };
    if rest.u8(0)? >> 4 != 6 {
        return None;
    }
    let mut rest = rest.skip(40)?;
    // No length: a jumbogram, or segmentation that was left to the network card.
    if payload_bytes != 0 {
        rest = rest.truncate(payload_bytes);
    }
    for _ in 0..=MOST_EXTENSIONS {
        let header_bytes = match next {
            HOP_BY_HOP | DESTINATION_OPTIONS => extension_bytes(rest)?,
            ROUTING => {
                ends.destination = last_hop(rest).unwrap_or(ends.destination);
                extension_bytes(rest)?
            }
            // These are the message, unless something follows.
            MOBILITY | HOST_IDENTITY | SHIM if rest.u8(0)? != NOTHING => extension_bytes(rest)?,
            AUTHENTICATION => authentication_bytes(rest)?,
            FRAGMENT => {
                let fragment = rest.u16(2)?;
                ends.is_fragmented = fragment & 1 != 0;
                ends.id = rest.u32(4)?;
                let offset = u32::from(fragment & 0xfff8);
                if offset != 0 {
                    let bytes = rest.wire.saturating_sub(8);
                    return Some(later_fragment(ends, rest.u8(0)?, offset, bytes));
                }
                8
            }
            _ => return transport(next, ends, rest, layers_left),
        };
        next = rest.u8(0)?;
        rest = rest.skip(header_bytes)?;
    }
    None
}

fn extension_bytes(rest: Rest<'_>) -> Option<usize> {
    Some((usize::from(rest.u8(1)?) + 1) * 8)
}

fn address(rest: Rest<'_>, at: usize) -> Option<IpAddr> {
    Some(Ipv6Addr::from(rest.bytes::<16>(at)?).to_canonical())
}

/// Where a packet with a routing header goes in the end: the header of IP names the next hop only
/// as long as hops are left (RFC 8200, 6275 and 8754). The transport's checksum covers this one.
fn last_hop(rest: Rest<'_>) -> Option<IpAddr> {
    let (extra_words, kind, hops_left) = (usize::from(rest.u8(1)?), rest.u8(2)?, rest.u8(3)?);
    let addresses = extra_words / 2;
    match kind {
        _ if hops_left == 0 || addresses == 0 => None,
        // Addresses in the order of the way.
        0 => address(rest, 8 + 16 * (addresses - 1)),
        // Mobile IP has one address, and segment routing begins with the last one.
        2 | 4 => address(rest, 8),
        _ => None,
    }
}
