//! 802.11, with and without the radio's own header.

use super::{Decoded, Rest, ether};

/// Bits of the first and the second byte of a frame's control field.
const TYPE_DATA: u8 = 0x08;
const SUBTYPE_NO_DATA: u8 = 0x40;
const SUBTYPE_QOS: u8 = 0x80;
const TO_AND_FROM_DISTRIBUTION: u8 = 0x03;
const PROTECTED: u8 = 0x40;
const ORDERED: u8 = 0x80;

/// In the `QoS` control field: the payload is several frames.
const AGGREGATED: u8 = 0x80;

/// Flags of a radio about a frame: its payload begins at a multiple of four, and its checksum is wrong.
const RADIO_PADDED: u8 = 0x20;
const RADIO_BAD_CHECKSUM: u8 = 0x40;

/// Frames that an access point or a station has put together into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregate<'a> {
    rest: Rest<'a>,
    layers_left: u32,
}

impl<'a> Aggregate<'a> {
    /// Decodes the frames: each has addresses and a length, as Ethernet has with IEEE 802.2.
    pub fn decode(self) -> impl Iterator<Item = Decoded<'a>> {
        let Self { mut rest, layers_left } = self;
        std::iter::from_fn(move || {
            let frame_bytes = 14 + usize::from(rest.u16(12)?);
            let frame = rest.truncate(frame_bytes);
            rest = rest.skip(frame_bytes.next_multiple_of(4)).unwrap_or(Rest { data: &[], wire: 0 });
            Some(ether::ethernet(frame, layers_left).unwrap_or(Decoded::Malformed))
        })
    }
}

/// Decodes a frame behind a radiotap header: a bit map of fields, and the fields. All of it is
/// little-endian, and each field lies at a multiple of its size.
pub(super) fn radiotap(frame: Rest<'_>, layers_left: u32) -> Option<Decoded<'_>> {
    const MORE_PRESENT: u32 = 1 << 31;
    const MOST_WORDS: usize = 32;
    let header_bytes = usize::from(frame.u16_le(2)?);
    let present = frame.u32_le(4)?;
    let mut fields_at = 8;
    while frame.u32_le(fields_at - 4)? & MORE_PRESENT != 0 {
        fields_at += 4;
        if fields_at > 4 * MOST_WORDS {
            return None;
        }
    }
    let has_clock = present & 1 != 0;
    let flags_at = if has_clock { fields_at.next_multiple_of(8) + 8 } else { fields_at };
    let has_flags = present & 2 != 0 && flags_at < header_bytes;
    let flags = if has_flags { frame.u8(flags_at)? } else { 0 };
    decode(frame.skip(header_bytes.max(8))?, flags, layers_left)
}

/// Decodes a frame about which the radio says `flags`, in radiotap's numbers.
pub(super) fn decode(frame: Rest<'_>, flags: u8, layers_left: u32) -> Option<Decoded<'_>> {
    let [kind, control] = frame.bytes(0)?;
    if flags & RADIO_BAD_CHECKSUM != 0 {
        return None;
    }
    if kind & 0x0f != TYPE_DATA || kind & SUBTYPE_NO_DATA != 0 {
        return Some(Decoded::NotIp);
    }
    let has_four_addresses = control & TO_AND_FROM_DISTRIBUTION == TO_AND_FROM_DISTRIBUTION;
    let has_qos = kind & SUBTYPE_QOS != 0;
    let has_throughput_control = has_qos && control & ORDERED != 0;
    let quality_at: usize = 24 + if has_four_addresses { 6 } else { 0 };
    let header_bytes = quality_at + if has_qos { 2 } else { 0 } + if has_throughput_control { 4 } else { 0 };
    let is_padded = flags & RADIO_PADDED != 0;
    let body_at = if is_padded { header_bytes.next_multiple_of(4) } else { header_bytes };
    let is_first_fragment = frame.u8(22)?.trailing_zeros() >= 4;
    let is_aggregate = has_qos && frame.u8(quality_at)? & AGGREGATED != 0;
    let body = frame.skip(body_at)?;
    // Some cards decrypt and leave the bit as it was.
    let is_clear = matches!(body.bytes(if is_aggregate { 14 } else { 0 }), Some([0xaa, 0xaa, 0x03]));
    if control & PROTECTED != 0 && !is_clear || !is_first_fragment {
        return Some(Decoded::Encrypted);
    }
    if is_aggregate {
        return Some(Decoded::Aggregate(Aggregate { rest: body, layers_left: layers_left.checked_sub(1)? }));
    }
    ether::llc(body, layers_left)
}
