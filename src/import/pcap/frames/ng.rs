//! pcapng: blocks, several interfaces with their own link types and clocks.

use std::io::{self, Read};

use super::buffer::Buffer;
use super::{End, Endian, Frame, MOST_FRAME_BYTES};
use crate::wire::packet::LinkType;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// A block's type and length before its content, and its length again after it.
const BLOCK_BEGIN_BYTES: usize = 8;
const BLOCK_FRAME_BYTES: usize = 12;

/// A block that claims to be longer is passed over, as far as the file goes.
const MOST_BLOCK_BYTES: usize = MOST_FRAME_BYTES + 64 * 1024;

/// Interfaces of a section that are remembered; a frame of another one cannot be read.
const MOST_INTERFACES: usize = 4096;

/// Options of an interface, and the one of its statistics that tells what was lost.
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;
const OPTION_DROPPED: u16 = 5;

/// Whether a file begins so.
pub(super) fn is_magic(begin: [u8; 4]) -> bool {
    begin == SECTION_HEADER.to_be_bytes()
}

/// A network interface on which frames were captured.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    /// Units of its clock in a second.
    units_per_second: u128,
    offset_s: i64,
    /// Frames that it says it lost.
    dropped: Option<u64>,
}

/// What is known of the section that is being read.
#[derive(Debug)]
struct Section {
    endian: Endian,
    interfaces: Vec<Interface>,
}

/// What was read besides the frames.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Frames that the capturing side says it lost; none if it does not say.
    pub(super) dropped: Option<u64>,
    /// Frames of interfaces that were not described.
    pub(super) unreadable: u64,
}

/// Hands every whole frame to `take`.
pub(super) fn read<R: Read>(
    input: &mut Buffer<R>,
    lost: &mut Lost,
    take: &mut impl FnMut(Frame<'_>),
) -> io::Result<End> {
    let mut section = Section { endian: Endian::Little, interfaces: Vec::new() };
    let end = loop {
        let begin = input.peek(BLOCK_FRAME_BYTES)?;
        if begin.is_empty() {
            break End::Whole;
        }
        let Some(begin) = begin.first_chunk::<BLOCK_FRAME_BYTES>() else { break End::CutShort };
        let Some((kind, bytes)) = block_begin(*begin, &mut section, lost) else {
            break End::Damaged("a section does not say its byte order");
        };
        if bytes < BLOCK_FRAME_BYTES || bytes % 4 != 0 {
            break End::Damaged("a block claims an impossible length");
        }
        if bytes > MOST_BLOCK_BYTES {
            if !pass_over(input, bytes)? {
                break End::CutShort;
            }
            continue;
        }
        let block = input.peek(bytes)?;
        if block.len() < bytes {
            break End::CutShort;
        }
        section.take_block(kind, &block[BLOCK_BEGIN_BYTES..bytes - 4], lost, take);
        input.take(bytes);
    };
    section.end(lost);
    Ok(end)
}

/// Type and length of a block. A section header says the byte order of its own length too.
fn block_begin(
    begin: [u8; BLOCK_FRAME_BYTES],
    section: &mut Section,
    lost: &mut Lost,
) -> Option<(u32, usize)> {
    let word = |at: usize| begin.get(at..)?.first_chunk().copied();
    let (kind, length, order) = (word(0)?, word(4)?, word(8)?);
    if is_magic(kind) {
        let endian = [Endian::Little, Endian::Big].into_iter().find(|e| e.u32(order) == 0x1a2b_3c4d)?;
        section.end(lost);
        *section = Section { endian, interfaces: Vec::new() };
    }
    Some((section.endian.u32(kind), section.endian.u32(length) as usize))
}

/// Takes bytes without keeping them; false if the file ends before.
fn pass_over<R: Read>(input: &mut Buffer<R>, bytes: usize) -> io::Result<bool> {
    let mut left = bytes;
    while left > 0 {
        let piece = input.peek(left.min(64 * 1024))?.len();
        if piece == 0 {
            return Ok(false);
        }
        input.take(piece);
        left -= piece;
    }
    Ok(true)
}

impl Section {
    fn take_block(&mut self, kind: u32, body: &[u8], lost: &mut Lost, take: &mut impl FnMut(Frame<'_>)) {
        let fields = Fields { endian: self.endian, body };
        let frame = match kind {
            INTERFACE => {
                if self.interfaces.len() < MOST_INTERFACES {
                    self.interfaces.extend(interface(fields));
                }
                return;
            }
            STATISTICS => {
                self.take_statistics(fields);
                return;
            }
            ENHANCED_PACKET => self.enhanced(fields),
            OBSOLETE_PACKET => self.obsolete(fields),
            // It has no time, and so no place among the others.
            SIMPLE_PACKET => None,
            _ => return,
        };
        match frame {
            Some(frame) => take(frame),
            None => lost.unreadable += 1,
        }
    }

    fn enhanced<'a>(&self, fields: Fields<'a>) -> Option<Frame<'a>> {
        let interface = self.interfaces.get(fields.u32(0)? as usize)?;
        frame(fields, interface)
    }

    /// As the enhanced one, but with the interface in two bytes and a count of losses.
    fn obsolete<'a>(&self, fields: Fields<'a>) -> Option<Frame<'a>> {
        let interface = self.interfaces.get(usize::from(fields.u16(0)?))?;
        frame(fields, interface)
    }

    /// Statistics are cumulative: the last ones count.
    fn take_statistics(&mut self, fields: Fields<'_>) {
        let interface = fields.u32(0).and_then(|index| self.interfaces.get_mut(index as usize));
        let dropped = fields.options(12).find(|(code, _)| *code == OPTION_DROPPED);
        if let (Some(interface), Some((_, value))) = (interface, dropped) {
            interface.dropped = value.first_chunk().map(|bytes| self.endian.u64(*bytes));
        }
    }

    /// Adds up what its interfaces lost.
    fn end(&self, lost: &mut Lost) {
        for dropped in self.interfaces.iter().filter_map(|interface| interface.dropped) {
            lost.dropped = Some(lost.dropped.unwrap_or(0).saturating_add(dropped));
        }
    }
}

fn frame<'a>(fields: Fields<'a>, interface: &Interface) -> Option<Frame<'a>> {
    let units = u64::from(fields.u32(4)?) << 32 | u64::from(fields.u32(8)?);
    let captured_bytes = fields.u32(12)? as usize;
    let data = fields.body.get(20..)?.get(..captured_bytes)?;
    Some(Frame { link: interface.link, ts_ns: interface.time_ns(units), data, wire_bytes: fields.u32(16)? })
}

fn interface(fields: Fields<'_>) -> Option<Interface> {
    let mut interface = Interface {
        link: LinkType(u32::from(fields.u16(0)?)),
        units_per_second: 1_000_000,
        offset_s: 0,
        dropped: None,
    };
    for (code, value) in fields.options(8) {
        match (code, value) {
            (OPTION_RESOLUTION, [resolution, ..]) => interface.units_per_second = units(*resolution),
            (OPTION_OFFSET, value) => {
                let offset = value.first_chunk().map(|bytes| fields.endian.u64(*bytes) as i64);
                interface.offset_s = offset.unwrap_or(0);
            }
            _ => {}
        }
    }
    Some(interface)
}

/// Units of a clock in a second: a negative power of ten, or of two if the highest bit is set.
/// What does not fit any number is finer than anything that is kept.
fn units(resolution: u8) -> u128 {
    let exponent = u32::from(resolution & 0x7f);
    let base: u128 = if resolution & 0x80 != 0 { 2 } else { 10 };
    base.checked_pow(exponent).unwrap_or(u128::MAX)
}

impl Interface {
    fn time_ns(&self, units: u64) -> i64 {
        let ns = u128::from(units).saturating_mul(1_000_000_000) / self.units_per_second;
        let ns = i64::try_from(ns).unwrap_or(i64::MAX);
        ns.saturating_add(self.offset_s.saturating_mul(1_000_000_000))
    }
}

/// The content of a block.
#[derive(Clone, Copy)]
struct Fields<'a> {
    endian: Endian,
    body: &'a [u8],
}

impl<'a> Fields<'a> {
    fn u16(self, at: usize) -> Option<u16> {
        self.body.get(at..)?.first_chunk().map(|bytes| self.endian.u16(*bytes))
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.body.get(at..)?.first_chunk().map(|bytes| self.endian.u32(*bytes))
    }

    /// The options from a place on: code and value.
    fn options(self, from: usize) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut at = from;
        std::iter::from_fn(move || {
            let (code, bytes) = (self.u16(at)?, usize::from(self.u16(at + 2)?));
            let value = self.body.get(at + 4..)?.get(..bytes)?;
            at += 4 + bytes.next_multiple_of(4);
            (code != 0).then_some((code, value))
        })
    }
}
