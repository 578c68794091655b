//! pcapng: blocks, several interfaces with their own link types and clocks.

use std::io::{self, Read};
use std::ops::Range;

use super::buffer::Buffer;
use super::owners::Owners;
use super::{End, Endian, Head, MOST_FRAME_BYTES, Next, find_capture, is_capture_header};
use crate::import::flow::FrameOwner;
use crate::wire::packet::LinkType;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
/// A process of macOS, to which packets refer.
const DARWIN_PROCESS: u32 = 0x8000_0001;

/// A block's type and length before its content, and its length again after it.
const BLOCK_BEGIN_BYTES: usize = 8;
const BLOCK_FRAME_BYTES: usize = 12;

/// Bytes by which the beginning of another capture is known.
const CAPTURE_HEADER_BYTES: usize = 24;

/// A block that claims to be longer is passed over, as far as the file goes.
const MOST_BLOCK_BYTES: usize = MOST_FRAME_BYTES + 64 * 1024;

/// Interfaces of a section that are remembered; a frame of another one cannot be read.
const MOST_INTERFACES: usize = 4096;

/// Options of an interface.
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;
/// Options of its statistics: what the interface and what the system lost.
const OPTION_DROPPED: u16 = 5;
const OPTION_DROPPED_BY_SYSTEM: u16 = 7;
/// Options of a packet: a comment, in which direction it went, and the process of macOS whose it is.
const OPTION_COMMENT: u16 = 1;
const OPTION_FLAGS: u16 = 2;
const OPTION_DARWIN_PROCESS: u16 = 0x8001;
/// Option of such a process: its name.
const OPTION_DARWIN_NAME: u16 = 2;
/// Option of a packet: what was lost between it and the one before.
const OPTION_DROPPED_BEFORE: u16 = 4;

/// Whether a file begins so.
pub(super) fn is_magic(begin: [u8; 4]) -> bool {
    begin == SECTION_HEADER.to_be_bytes()
}

/// Whether this begins as the captures of system calls by sysdig and Falco do, which are blocks of their
/// own kinds behind a section header.
pub(in crate::import) fn is_of_system_calls(begin: &[u8]) -> bool {
    const SYSTEM_CALLS: std::ops::RangeInclusive<u32> = 0x201..=0x22f;
    let endian = begin.get(8..).and_then(|bytes| byte_order(*bytes.first_chunk()?));
    let (true, Some(endian)) = (is_section_header(begin), endian) else { return false };
    let word = |at: usize| begin.get(at..)?.first_chunk().map(|bytes| endian.u32(*bytes));
    word(4).and_then(|bytes| word(bytes as usize)).is_some_and(|kind| SYSTEM_CALLS.contains(&kind))
}

/// Whether a section header lies here.
pub(super) fn is_section_header(bytes: &[u8]) -> bool {
    let order = bytes.get(8..).and_then(|bytes| bytes.first_chunk());
    bytes.first_chunk().is_some_and(|begin| is_magic(*begin))
        && order.is_some_and(|order| byte_order(*order).is_some())
}

fn byte_order(magic: [u8; 4]) -> Option<Endian> {
    [Endian::Little, Endian::Big].into_iter().find(|endian| endian.u32(magic) == 0x1a2b_3c4d)
}

/// A network interface on which frames were captured.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    /// The longest frame that was kept; 0 for no limit.
    most_bytes: u32,
    /// Units of its clock in a second.
    units_per_second: u128,
    offset_s: i64,
    /// Frames that its statistics say were lost, and that its packets say.
    dropped: Option<u64>,
    dropped_before: Option<u64>,
}

/// What is known of the section that is being read.
#[derive(Debug)]
pub(super) struct Section {
    endian: Endian,
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before it.
    interfaces_before: u32,
    owners: Owners,
}

impl Default for Section {
    fn default() -> Self {
        Self {
            endian: Endian::Little,
            interfaces: Vec::new(),
            interfaces_before: 0,
            owners: Owners::default(),
        }
    }
}

/// What was read besides the frames.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Frames that the capturing side says it lost; none if it does not say.
    pub(super) dropped: Option<u64>,
    /// Frames of interfaces that were not described, or longer than their block.
    pub(super) unreadable: u64,
    /// Frames without a time.
    pub(super) untimed: u64,
    /// Blocks of which the length after the content is another than the one before it.
    pub(super) mismatched: u64,
}

/// The next block.
pub(super) fn next<R: Read>(
    input: &mut Buffer<R>,
    section: &mut Section,
    losses: &mut Losses,
) -> io::Result<Next> {
    let begin = input.peek(BLOCK_FRAME_BYTES)?;
    if begin.is_empty() {
        return Ok(Next::End(End::Whole));
    }
    if begin.iter().all(|byte| *byte == 0) {
        return Ok(Next::Zeros);
    }
    let Some(begin) = begin.first_chunk::<BLOCK_FRAME_BYTES>().copied() else {
        return Ok(Next::End(End::CutShort));
    };
    let is_other_format = begin.first_chunk().is_some_and(|magic| super::legacy::is_magic(*magic));
    if is_other_format && is_capture_header(input.peek(24)?) {
        return Ok(Next::Capture);
    }
    let Some((kind, bytes)) = block_begin(begin, section, losses) else {
        return Ok(Next::End(End::Damaged("a section does not say its byte order")));
    };
    if bytes < BLOCK_FRAME_BYTES || bytes % 4 != 0 {
        return Ok(Next::End(End::Damaged("a block claims an impossible length")));
    }
    if bytes > MOST_BLOCK_BYTES {
        return Ok(if pass_over(input, bytes)? { Next::Other } else { Next::End(End::CutShort) });
    }
    let block = input.peek(bytes)?;
    let is_closed = block.len() == bytes && block[4..8] == block[bytes - 4..];
    // A capture that was cut and has another one behind it: the block goes on into that.
    if !is_closed
        && let Some(at) = find_capture(input.peek(bytes + CAPTURE_HEADER_BYTES)?)
        && at < bytes
    {
        return Ok(Next::CutBefore(at));
    }
    let block = input.peek(bytes)?;
    if block.len() < bytes {
        return Ok(Next::End(End::CutShort));
    }
    losses.mismatched += u64::from(block[4..8] != block[bytes - 4..]);
    let frame = section.take_block(kind, &block[BLOCK_BEGIN_BYTES..bytes - 4], losses);
    if let Some((head, data)) = frame {
        let data = data.start + BLOCK_BEGIN_BYTES..data.end + BLOCK_BEGIN_BYTES;
        return Ok(Next::Frame(head, data, bytes));
    }
    input.take(bytes);
    Ok(Next::Other)
}

/// Type and length of a block. A section header says the byte order of its own length too.
fn block_begin(
    begin: [u8; BLOCK_FRAME_BYTES],
    section: &mut Section,
    losses: &mut Losses,
) -> Option<(u32, usize)> {
    let word = |at: usize| begin.get(at..)?.first_chunk().copied();
    let (kind, length, order) = (word(0)?, word(4)?, word(8)?);
    if is_magic(kind) {
        let endian = byte_order(order)?;
        section.end(losses);
        let interfaces_before = section.interfaces_before.saturating_add(section.interfaces.len() as u32);
        *section = Section { endian, interfaces_before, ..Section::default() };
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

/// A frame, and where its bytes lie in the block's content.
type Found = (Head, Range<usize>);

impl Section {
    fn take_block(&mut self, kind: u32, body: &[u8], losses: &mut Losses) -> Option<Found> {
        let fields = Fields { endian: self.endian, body };
        let frame = match kind {
            ENHANCED_PACKET => self.enhanced(fields),
            OBSOLETE_PACKET => self.obsolete(fields),
            SIMPLE_PACKET => self.simple(fields),
            INTERFACE => {
                if self.interfaces.len() < MOST_INTERFACES {
                    self.interfaces.extend(interface(fields));
                }
                return None;
            }
            STATISTICS => {
                self.take_statistics(fields);
                return None;
            }
            DARWIN_PROCESS => {
                let name = fields.options(4).find(|(code, _)| *code == OPTION_DARWIN_NAME);
                self.owners.add_process(fields.u32(0), name.map_or(&[], |(_, name)| name));
                return None;
            }
            // Names, secrets, journals, and what only the program knows that wrote it.
            _ => return None,
        };
        losses.unreadable += u64::from(frame.is_none());
        frame
    }

    fn enhanced(&mut self, fields: Fields<'_>) -> Option<Found> {
        let found = self.timed(fields, fields.u32(0)? as usize)?;
        let options_at = found.1.end.next_multiple_of(4);
        self.owners.begin_packet();
        if fields.body.len() > options_at {
            for (code, value) in fields.options(options_at) {
                self.take_option(fields.u32(0)? as usize, code, value);
            }
        }
        Some(found)
    }

    /// Takes an option of a packet of an interface.
    fn take_option(&mut self, interface: usize, code: u16, value: &[u8]) {
        let number = || value.first_chunk().map(|bytes| self.endian.u32(*bytes));
        match code {
            OPTION_DROPPED_BEFORE => {
                let dropped = value.first_chunk().map(|bytes| self.endian.u64(*bytes));
                self.note_dropped_before(interface, dropped);
            }
            OPTION_FLAGS => self.owners.flags = number().unwrap_or(0),
            OPTION_DARWIN_PROCESS => self.owners.process = number(),
            OPTION_COMMENT => self.owners.take_comment(value),
            _ => {}
        }
    }

    /// The owner of the packet that was read last.
    pub(super) fn owner(&self) -> Option<FrameOwner> {
        self.owners.of_packet()
    }

    /// As the enhanced one, but with the interface in two bytes and a count of losses, if it is known.
    fn obsolete(&mut self, fields: Fields<'_>) -> Option<Found> {
        let interface = usize::from(fields.u16(0)?);
        let dropped = fields.u16(2)?;
        self.note_dropped_before(interface, (dropped != u16::MAX).then_some(u64::from(dropped)));
        self.timed(fields, interface)
    }

    fn timed(&self, fields: Fields<'_>, index: usize) -> Option<Found> {
        let interface = self.interfaces.get(index)?;
        let units = u64::from(fields.u32(4)?) << 32 | u64::from(fields.u32(8)?);
        let captured_bytes = fields.u32(12)? as usize;
        let data = 20..20_usize.checked_add(captured_bytes)?;
        fields.body.get(data.clone())?;
        let head = Head {
            link: interface.link,
            ts_ns: Some(interface.time_ns(units)),
            wire_bytes: fields.u32(16)?,
            interface: self.interfaces_before.saturating_add(index as u32),
        };
        Some((head, data))
    }

    /// A length and the frame, on the first interface: no time, and no place among the others.
    fn simple(&self, fields: Fields<'_>) -> Option<Found> {
        let interface = self.interfaces.first()?;
        let wire_bytes = fields.u32(0)?;
        let most_bytes = if interface.most_bytes == 0 { u32::MAX } else { interface.most_bytes };
        let captured_bytes = (wire_bytes.min(most_bytes) as usize).min(fields.body.len() - 4);
        let head = Head { link: interface.link, ts_ns: None, wire_bytes, interface: self.interfaces_before };
        Some((head, 4..4 + captured_bytes))
    }

    fn note_dropped_before(&mut self, index: usize, dropped: Option<u64>) {
        if let (Some(interface), Some(dropped)) = (self.interfaces.get_mut(index), dropped) {
            let before = interface.dropped_before.unwrap_or(0);
            interface.dropped_before = Some(before.saturating_add(dropped));
        }
    }

    /// Statistics are cumulative: the last ones count.
    fn take_statistics(&mut self, fields: Fields<'_>) {
        let Some(interface) = fields.u32(0).and_then(|index| self.interfaces.get_mut(index as usize)) else {
            return;
        };
        let lost = fields
            .options(12)
            .filter(|(code, _)| matches!(*code, OPTION_DROPPED | OPTION_DROPPED_BY_SYSTEM))
            .filter_map(|(_, value)| Some(fields.endian.u64(*value.first_chunk()?)));
        interface.dropped = lost.reduce(u64::saturating_add).or(interface.dropped);
    }

    /// Adds up what its interfaces lost.
    pub(super) fn end(&mut self, losses: &mut Losses) {
        for interface in &mut self.interfaces {
            // What the packets say is part of what the statistics say, if there are any.
            let dropped = interface.dropped.take().or(interface.dropped_before.take());
            if let Some(dropped) = dropped {
                losses.dropped = Some(losses.dropped.unwrap_or(0).saturating_add(dropped));
            }
        }
    }
}

fn interface(fields: Fields<'_>) -> Option<Interface> {
    let mut interface = Interface {
        link: LinkType(u32::from(fields.u16(0)?)),
        most_bytes: fields.u32(4)?,
        units_per_second: 1_000_000,
        offset_s: 0,
        dropped: None,
        dropped_before: None,
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
        let ns = match self.units_per_second {
            // The usual units, without a division by a number that is not known beforehand.
            1_000_000 => u128::from(units) * 1000,
            1_000_000_000 => u128::from(units),
            per_second => u128::from(units).saturating_mul(1_000_000_000) / per_second,
        };
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
