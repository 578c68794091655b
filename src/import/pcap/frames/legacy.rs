//! The classic format: a header of 24 bytes, and a record per frame.

use std::io::{self, Read};

use super::buffer::Buffer;
use super::{End, Endian, Frame, MOST_FRAME_BYTES};
use crate::wire::packet::LinkType;

const FILE_HEADER_BYTES: usize = 24;

/// How the records of a file are to be read.
#[derive(Debug, Clone, Copy)]
struct Format {
    endian: Endian,
    /// Nanoseconds in the unit of the records' fractions of a second.
    unit_ns: i64,
    /// Some old Linux systems put eight bytes more before each frame.
    record_header_bytes: usize,
    link: LinkType,
}

/// Whether a file begins so.
pub(super) fn is_magic(begin: [u8; 4]) -> bool {
    variant(begin).is_some()
}

fn variant(begin: [u8; 4]) -> Option<(Endian, i64, usize)> {
    [Endian::Little, Endian::Big].into_iter().find_map(|endian| match endian.u32(begin) {
        0xa1b2_c3d4 => Some((endian, 1000, 16)),
        0xa1b2_3c4d => Some((endian, 1, 16)),
        0xa1b2_cd34 => Some((endian, 1000, 24)),
        _ => None,
    })
}

/// Hands every whole frame to `take`.
pub(super) fn read<R: Read>(input: &mut Buffer<R>, take: &mut impl FnMut(Frame<'_>)) -> io::Result<End> {
    let Some(format) = file_header(input)? else { return Ok(End::CutShort) };
    loop {
        let header = input.peek(format.record_header_bytes)?;
        if header.is_empty() {
            return Ok(End::Whole);
        }
        let Some(record) = Record::read(header, format) else { return Ok(End::CutShort) };
        if record.captured_bytes > MOST_FRAME_BYTES {
            return Ok(End::Damaged("a frame claims an impossible length"));
        }
        let whole_bytes = format.record_header_bytes + record.captured_bytes;
        let whole = input.peek(whole_bytes)?;
        if whole.len() < whole_bytes {
            return Ok(End::CutShort);
        }
        take(Frame {
            link: format.link,
            ts_ns: record.ts_ns,
            data: &whole[format.record_header_bytes..],
            wire_bytes: record.wire_bytes,
        });
        input.take(whole_bytes);
    }
}

fn file_header<R: Read>(input: &mut Buffer<R>) -> io::Result<Option<Format>> {
    let header = input.peek(FILE_HEADER_BYTES)?;
    if header.len() < FILE_HEADER_BYTES {
        return Ok(None);
    }
    let (Some(magic), Some(link)) = (header.first_chunk(), header.last_chunk()) else { return Ok(None) };
    let Some((endian, unit_ns, record_header_bytes)) = variant(*magic) else { return Ok(None) };
    // The high bits say whether frames end with a checksum.
    let link = LinkType(endian.u32(*link) & 0x03ff_ffff);
    input.take(FILE_HEADER_BYTES);
    Ok(Some(Format { endian, unit_ns, record_header_bytes, link }))
}

struct Record {
    ts_ns: i64,
    captured_bytes: usize,
    wire_bytes: u32,
}

impl Record {
    fn read(header: &[u8], format: Format) -> Option<Self> {
        if header.len() < format.record_header_bytes {
            return None;
        }
        let field = |at: usize| header.get(at..)?.first_chunk().map(|bytes| format.endian.u32(*bytes));
        let (seconds, fraction) = (field(0)?, field(4)?);
        Some(Self {
            ts_ns: i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * format.unit_ns,
            captured_bytes: field(8)? as usize,
            wire_bytes: field(12)?,
        })
    }
}
