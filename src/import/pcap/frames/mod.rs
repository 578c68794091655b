//! The two formats of packet captures: frame by frame.
//!
//! Both are a few fields before each frame. They are read by slicing a buffer, which keeps up
//! with a disk, and every length in them is checked against what is there.

mod buffer;
mod legacy;
mod ng;

use std::io::{self, Read};

use self::buffer::Buffer;
use crate::import::lines::is_broken_stream;
use crate::wire::packet::LinkType;

/// No link has longer frames; a length beyond it is damage or an attack.
const MOST_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// Bytes that tell the formats.
pub const MAGIC_BYTES: usize = 4;

/// A frame as it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// How it begins.
    pub link: LinkType,
    /// When, ns since the Unix epoch.
    pub ts_ns: i64,
    /// The bytes that were captured.
    pub data: &'a [u8],
    /// How many there were on the wire.
    pub wire_bytes: u32,
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After its last frame.
    Whole,
    /// In the middle of a frame.
    CutShort,
    /// What follows cannot be read; why, in words.
    Damaged(&'static str),
}

/// What reading a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Where, in bytes.
    pub position: u64,
    /// Frames that the capturing side says it lost; none if it does not say.
    pub dropped: Option<u64>,
    /// Frames without a time or of an interface that the file does not describe.
    pub unreadable: u64,
}

/// Whether a file that begins so is a packet capture.
pub fn is_capture(begin: &[u8]) -> bool {
    begin.first_chunk().is_some_and(|begin| legacy::is_magic(*begin) || ng::is_magic(*begin))
}

/// Hands every whole frame of a file to `take`, in the order of the file. A file that cannot be
/// read any further, or is compressed and cut short or damaged, gives what is whole.
///
/// # Errors
/// What the reader says, if it is anything else.
pub fn read(from: impl Read, mut take: impl FnMut(Frame<'_>)) -> io::Result<Outcome> {
    let mut input = Buffer::new(from);
    let mut lost = ng::Lost::default();
    let end = match read_frames(&mut input, &mut lost, &mut take) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => End::CutShort,
        Err(error) if is_broken_stream(&error) => End::Damaged("what was compressed cannot be restored"),
        end => end?,
    };
    Ok(Outcome { end, position: input.position(), dropped: lost.dropped, unreadable: lost.unreadable })
}

fn read_frames<R: Read>(
    input: &mut Buffer<R>,
    lost: &mut ng::Lost,
    take: &mut impl FnMut(Frame<'_>),
) -> io::Result<End> {
    match input.peek(MAGIC_BYTES)?.first_chunk() {
        Some(begin) if ng::is_magic(*begin) => ng::read(input, lost, take),
        Some(begin) if legacy::is_magic(*begin) => legacy::read(input, take),
        _ => Ok(End::Damaged("it does not begin as a packet capture")),
    }
}

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endian {
    Little,
    Big,
}

impl Endian {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests;
