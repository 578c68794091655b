//! The classic format: a header of 24 bytes, and a record per frame.

use std::io::{self, Read};

use super::buffer::Buffer;
use super::{End, Endian, Head, MOST_FRAME_BYTES, Next, find_capture, is_capture_header};
use crate::wire::packet::LinkType;

const FILE_HEADER_BYTES: usize = 24;

/// Bytes of a record's header, where nothing was added to it.
const RECORD_HEADER_BYTES: usize = 16;

/// Records that are looked at to tell how long their headers are.
const RECORDS_TO_TRY: usize = 3;

/// Bytes that are looked at for that.
const BYTES_TO_TRY: usize = 64 * 1024;

/// How the records of a file are to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    endian: Endian,
    /// Nanoseconds in the unit of the records' fractions of a second.
    unit_ns: i64,
    record_header_bytes: usize,
    lengths: Lengths,
    link: LinkType,
}

/// The order of the two lengths in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    /// Before version 2.3.
    WireFirst,
    /// Version 2.3 was written with either: the shorter one is that of what was captured.
    Either,
}

/// Link types of AIX, whose tcpdump writes the interface's type (RFC 1573), version 2.2 and nanoseconds
/// under the usual number; and what they are elsewhere. Source: `libpcap.c` of Wireshark's wiretap.
const AIX_LINKS: [(u32, u32); 3] = [(6, 1), (9, 6), (15, 10)];

/// What a magic number tells.
#[derive(Debug, Clone, Copy)]
struct Variant {
    endian: Endian,
    unit_ns: i64,
    /// Header lengths of records that are found under this number, the usual one first: some
    /// systems of around the year 2000 wrote more, with or without a number of their own.
    record_headers: &'static [usize],
    /// Bytes behind the file header.
    extra_bytes: usize,
}

/// Whether a file begins so.
pub(super) fn is_magic(begin: [u8; 4]) -> bool {
    variant(begin).is_some()
}

fn variant(begin: [u8; 4]) -> Option<Variant> {
    [Endian::Little, Endian::Big].into_iter().find_map(|endian| {
        let (unit_ns, record_headers, extra_bytes): (_, &'static [usize], _) = match endian.u32(begin) {
            // Linux with patches by Kuznetzov from before they had a number, and Nokia's firewalls.
            0xa1b2_c3d4 => (1000, &[16, 24, 20], 0),
            0xa1b2_3c4d => (1, &[16], 0),
            0xa1b2_cd34 => (1000, &[24, 28], 0),
            // Ixia's hardware and software, which add the length of all records.
            0x1c00_01ac | 0x1c00_01ab => (1, &[16], 4),
            _ => return None,
        };
        Some(Variant { endian, unit_ns, record_headers, extra_bytes })
    })
}

/// Whether a whole file header lies here, of a version that was ever written.
pub(super) fn is_file_header(bytes: &[u8]) -> bool {
    let Some(variant) = bytes.first_chunk().and_then(|magic| variant(*magic)) else { return false };
    bytes.len() >= FILE_HEADER_BYTES && matches!(version(variant.endian, bytes), Some((2, 0..=4)))
}

fn version(endian: Endian, header: &[u8]) -> Option<(u16, u16)> {
    let field = |at: usize| header.get(at..)?.first_chunk().map(|bytes| endian.u16(*bytes));
    field(4).zip(field(6))
}

/// Reads the header of a file; none if it was cut.
pub(super) fn file_header<R: Read>(input: &mut Buffer<R>) -> io::Result<Option<Format>> {
    // Some variants have a little more.
    let header = input.peek(FILE_HEADER_BYTES + 4)?;
    let (Some(magic), Some(link)) = (header.first_chunk(), header.get(20..24)) else { return Ok(None) };
    let Some((variant, link)) = variant(*magic).zip(link.first_chunk()) else { return Ok(None) };
    let link = variant.endian.u32(*link);
    let version = version(variant.endian, header);
    let aix = AIX_LINKS.iter().find(|(theirs, _)| version == Some((2, 2)) && *theirs == link);
    let lengths = match version {
        _ if aix.is_some() => Lengths::CapturedFirst,
        Some((2, 0..=2) | (543, 0)) => Lengths::WireFirst,
        Some((2, 3)) => Lengths::Either,
        _ => Lengths::CapturedFirst,
    };
    let mut format = Format {
        endian: variant.endian,
        unit_ns: if aix.is_some() { 1 } else { variant.unit_ns },
        record_header_bytes: RECORD_HEADER_BYTES,
        lengths,
        // The high bits say whether frames end with a checksum.
        link: LinkType(aix.map_or(link & 0x03ff_ffff, |(_, ours)| *ours)),
    };
    input.take(FILE_HEADER_BYTES + variant.extra_bytes);
    format.record_header_bytes = record_header_bytes(input, format, variant.record_headers);
    if format.unit_ns > 1 && has_nanoseconds(input.in_memory(BYTES_TO_TRY), format) {
        format.unit_ns = 1;
    }
    Ok(Some(format))
}

/// Whether the first records have nanoseconds where the file says microseconds, as some programs write
/// them: a fraction is above a million then, and none is above a billion.
fn has_nanoseconds(mut records: &[u8], format: Format) -> bool {
    let mut largest = 0;
    while let Some(record) = Record::read(records, format).filter(Record::is_plausible) {
        if record.fraction >= 1_000_000_000 {
            return false;
        }
        largest = largest.max(record.fraction);
        records = records.get(format.record_header_bytes + record.captured_bytes..).unwrap_or_default();
    }
    largest >= 1_000_000
}

/// The header length with which the first records make sense; the usual one unless another one
/// plainly fits better.
fn record_header_bytes<R: Read>(input: &mut Buffer<R>, format: Format, candidates: &[usize]) -> usize {
    let usual = candidates.first().copied().unwrap_or(RECORD_HEADER_BYTES);
    if candidates.len() < 2 {
        return usual;
    }
    let begin = input.in_memory(BYTES_TO_TRY);
    let sound = |bytes: usize| sound_records(begin, Format { record_header_bytes: bytes, ..format });
    let in_nanoseconds = Format { record_header_bytes: usual, unit_ns: 1, ..format };
    if sound(usual) > 1 || sound_records(begin, in_nanoseconds) == RECORDS_TO_TRY {
        return usual;
    }
    candidates.iter().copied().find(|bytes| sound(*bytes) > 1).unwrap_or(usual)
}

/// How many of the first records make sense.
fn sound_records(records: &[u8], format: Format) -> usize {
    let units = 1_000_000_000 / format.unit_ns;
    let mut rest = records;
    for number in 0..RECORDS_TO_TRY {
        let is_sound = |record: &Record| record.fraction < units && record.is_plausible();
        let Some(record) = Record::read(rest, format).filter(is_sound) else { return number };
        rest = rest.get(format.record_header_bytes + record.captured_bytes..).unwrap_or_default();
    }
    RECORDS_TO_TRY
}

/// The next record.
pub(super) fn next<R: Read>(input: &mut Buffer<R>, format: Format) -> io::Result<Next> {
    let header_bytes = format.record_header_bytes;
    let header = input.peek(header_bytes)?;
    if header.is_empty() {
        return Ok(Next::End(End::Whole));
    }
    let Some(record) = Record::read(header, format) else {
        let is_zero = header.iter().all(|byte| *byte == 0);
        return Ok(if is_zero { Next::Zeros } else { Next::End(End::CutShort) });
    };
    if record.captured_bytes == 0 && header.iter().all(|byte| *byte == 0) {
        return Ok(Next::Zeros);
    }
    let may_be_capture = matches!(header[0], 0xa1 | 0xd4 | 0x4d | 0x34 | 0x1c | 0xac | 0xab | 0x0a);
    if may_be_capture && is_capture_header(input.peek(FILE_HEADER_BYTES)?) {
        return Ok(Next::Capture);
    }
    if record.captured_bytes > MOST_FRAME_BYTES {
        // The header of a record may be cut too.
        let joined = find_capture(input.peek(header_bytes + FILE_HEADER_BYTES)?);
        let damage = Next::End(End::Damaged("a frame claims an impossible length"));
        return Ok(joined.map_or(damage, Next::CutBefore));
    }
    let record_bytes = header_bytes + record.captured_bytes;
    let there = input.peek(record_bytes)?;
    if there.len() < record_bytes {
        return Ok(find_capture(there).map_or(Next::End(End::CutShort), Next::CutBefore));
    }
    let here = input.in_memory(record_bytes + FILE_HEADER_BYTES);
    if !is_followed(&record, &here[record_bytes..], format)
        && let Some(at) = find_capture(&here[..here.len().min(record_bytes + FILE_HEADER_BYTES)])
        && at < record_bytes
    {
        return Ok(Next::CutBefore(at));
    }
    let ts_ns = record.seconds * 1_000_000_000 + record.fraction * format.unit_ns;
    let head = Head { link: format.link, ts_ns: Some(ts_ns), wire_bytes: record.wire_bytes, interface: 0 };
    Ok(Next::Frame(head, header_bytes..record_bytes, record_bytes))
}

/// Whether what follows a record may be another one of the same capture, or the end. Where not, the record may be cut, and
/// another capture may begin within what it claims.
fn is_followed(record: &Record, rest: &[u8], format: Format) -> bool {
    const DAY_S: u64 = 86_400;
    match Record::read(rest, format) {
        Some(next) => {
            let is_near = next.seconds.abs_diff(record.seconds) <= DAY_S;
            (is_near && next.is_plausible()) || rest.iter().all(|byte| *byte == 0) || is_capture_header(rest)
        }
        None => rest.is_empty(),
    }
}

struct Record {
    seconds: i64,
    fraction: i64,
    captured_bytes: usize,
    wire_bytes: u32,
}

impl Record {
    /// Whether its lengths are those of a frame.
    fn is_plausible(&self) -> bool {
        (1..=256 * 1024).contains(&self.captured_bytes) && self.captured_bytes <= self.wire_bytes as usize
    }

    /// Reads the header of a record; none if it is cut.
    fn read(header: &[u8], format: Format) -> Option<Self> {
        if header.len() < format.record_header_bytes {
            return None;
        }
        let field = |at: usize| header.get(at..)?.first_chunk().map(|bytes| format.endian.u32(*bytes));
        let (first, second) = (field(8)?, field(12)?);
        let is_swapped = match format.lengths {
            Lengths::CapturedFirst => false,
            Lengths::WireFirst => true,
            Lengths::Either => first > second,
        };
        let (captured_bytes, wire_bytes) = if is_swapped { (second, first) } else { (first, second) };
        Some(Self {
            seconds: i64::from(field(0)?),
            fraction: i64::from(field(4)?),
            captured_bytes: captured_bytes as usize,
            wire_bytes,
        })
    }
}
