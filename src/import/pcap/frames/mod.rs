//! The two formats of packet captures: frame by frame.
//!
//! Both are a few fields before each frame. They are read by slicing a buffer, which keeps up
//! with a disk, and every length in them is checked against what is there. A file may hold several
//! captures one behind the other, of either format, as `cat` joins them.

mod buffer;
mod legacy;
mod ng;
mod owners;

use std::io::{self, Read};
use std::ops::Range;

use self::buffer::Buffer;
use crate::import::flow::FrameOwner;
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
    /// When, ns since the Unix epoch; none where the file does not say it.
    pub ts_ns: Option<i64>,
    /// The bytes that were captured.
    pub data: &'a [u8],
    /// How many there were on the wire.
    pub wire_bytes: u32,
    /// Number of the interface on which it was captured, among all of the file.
    pub interface: u32,
}

/// A frame without its bytes, which lie in the buffer.
#[derive(Debug, Clone, Copy)]
struct Head {
    link: LinkType,
    ts_ns: Option<i64>,
    wire_bytes: u32,
    interface: u32,
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After its last frame.
    Whole,
    /// In the middle of a frame.
    CutShort,
    /// In zeros, as a file that was made longer beforehand, or had not reached the disk.
    Zeros,
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
    /// Frames of an interface that the file does not describe, or longer than their block.
    pub unreadable: u64,
    /// Frames without a time.
    pub untimed: u64,
    /// Blocks of pcapng of which the two lengths differ.
    pub mismatched: u64,
    /// Captures that lie one behind the other in the file.
    pub captures: u64,
    /// Those of them that end in the middle of a frame, where the next one begins.
    pub cut: u64,
}

/// Whether a file that begins so is a packet capture.
pub fn is_capture(begin: &[u8]) -> bool {
    let has_magic = begin.first_chunk().is_some_and(|begin| legacy::is_magic(*begin) || ng::is_magic(*begin));
    has_magic && !ng::is_of_system_calls(begin)
}

/// Whether each of several line feeds in the beginning of a file follows a carriage return: what a
/// terminal or a transfer of text makes of bytes, and hardly any packets have by chance.
pub(in crate::import) fn has_carriage_returns(begin: &[u8]) -> bool {
    let mut feeds = begin.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let number = feeds.clone().count();
    number >= 3 && feeds.all(|at| begin[at - 1] == b'\r')
}

pub(in crate::import) use self::ng::is_of_system_calls;

/// Where in these bytes a packet capture begins, if it is behind something else.
pub(in crate::import) fn find_capture(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|at| legacy::is_file_header(&bytes[*at..]) || ng::is_section_header(&bytes[*at..]))
}

/// The time of the first frame in the beginning of a file, ns since the Unix epoch; none if there
/// is none that is whole and has a time.
pub fn first_ts_ns(begin: &[u8]) -> Option<i64> {
    let mut reader = Reader::with_capacity(begin, begin.len().max(MAGIC_BYTES));
    while reader.advance().ok()? {
        if let Some(ts_ns) = reader.frame().ts_ns {
            return Some(ts_ns);
        }
    }
    None
}

/// Hands every whole frame of a file to `take`, in the order of the file. A file that cannot be
/// read any further, or is compressed and cut short or damaged, gives what is whole.
///
/// # Errors
/// What the reader says, if it is anything else.
pub fn read(from: impl Read, mut take: impl FnMut(Frame<'_>)) -> io::Result<Outcome> {
    let mut reader = Reader::new(from);
    while reader.advance()? {
        take(reader.frame());
    }
    Ok(reader.outcome())
}

/// Reads a file frame by frame.
#[derive(Debug)]
pub struct Reader<R> {
    input: Buffer<R>,
    format: Format,
    head: Head,
    /// Where the frame lies in the buffer, and how much there is to take with it.
    data: Range<usize>,
    taken_bytes: usize,
    /// How the file ended, and where.
    end: Option<(End, u64)>,
    losses: ng::Losses,
    captures: u64,
    /// Captures that end in the middle of a frame, where another one begins.
    cut: u64,
    frames: u64,
}

/// The format of the capture that is being read.
#[derive(Debug)]
enum Format {
    /// Its beginning comes next.
    Awaited,
    Legacy(legacy::Format),
    Ng(ng::Section),
}

/// What comes next in a file.
enum Next {
    /// A frame that lies at these bytes from here, in a record of so many bytes.
    Frame(Head, Range<usize>, usize),
    /// Something that was passed over.
    Other,
    /// The beginning of another capture.
    Capture,
    /// A frame that is cut: after so many bytes, another capture begins.
    CutBefore(usize),
    /// Zeros; perhaps up to the end.
    Zeros,
    End(End),
}

impl<R: Read> Reader<R> {
    /// A reader at the beginning of a file.
    pub fn new(from: R) -> Self {
        Self::with_capacity(from, buffer::CHUNK_BYTES)
    }

    fn with_capacity(from: R, bytes: usize) -> Self {
        Self {
            input: Buffer::new(from, bytes),
            format: Format::Awaited,
            head: Head { link: LinkType::ETHERNET, ts_ns: None, wire_bytes: 0, interface: 0 },
            data: 0..0,
            taken_bytes: 0,
            end: None,
            losses: ng::Losses::default(),
            captures: 0,
            cut: 0,
            frames: 0,
        }
    }

    /// Goes to the next frame; false if there is none. A file that cannot be read any further, or is
    /// compressed and cut short or damaged, ends there.
    ///
    /// # Errors
    /// What the reader says, if it is anything else.
    #[inline]
    pub fn advance(&mut self) -> io::Result<bool> {
        if self.end.is_some() {
            return Ok(false);
        }
        self.input.take(std::mem::take(&mut self.taken_bytes));
        let end = match self.step() {
            Ok(None) => {
                self.frames += 1;
                self.losses.untimed += u64::from(self.head.ts_ns.is_none());
                return Ok(true);
            }
            Ok(Some(end)) => end,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                (End::CutShort, self.input.position())
            }
            Err(error) if is_broken_stream(&error) => {
                (End::Damaged("the compressed data cannot be decompressed"), self.input.position())
            }
            Err(error) => return Err(error),
        };
        self.data = 0..0;
        self.end_section();
        self.end = Some(end);
        Ok(false)
    }

    /// The frame to which it went last.
    #[inline]
    pub fn frame(&self) -> Frame<'_> {
        let Head { link, ts_ns, wire_bytes, interface } = self.head;
        Frame { link, ts_ns, data: self.input.ahead(self.data.clone()), wire_bytes, interface }
    }

    /// Who owns the frame to which it went last, as far as the file says it beside the frame.
    pub fn owner(&self) -> Option<FrameOwner> {
        match &self.format {
            Format::Ng(section) => section.owner(),
            Format::Awaited | Format::Legacy(_) => None,
        }
    }

    /// The number of the frame to which it went last, from 1 on.
    pub fn number(&self) -> u64 {
        self.frames
    }

    /// The file, of which more may have been read than was looked at.
    pub fn into_inner(self) -> R {
        self.input.into_inner()
    }

    /// What reading came to so far.
    pub fn outcome(&self) -> Outcome {
        let (end, position) = self.end.unwrap_or((End::Whole, self.input.position()));
        Outcome {
            end,
            position,
            dropped: self.losses.dropped,
            unreadable: self.losses.unreadable,
            untimed: self.losses.untimed,
            mismatched: self.losses.mismatched,
            captures: self.captures,
            cut: self.cut,
        }
    }

    /// Goes to the next frame, or says how and where the file ended.
    fn step(&mut self) -> io::Result<Option<(End, u64)>> {
        loop {
            let next = match &mut self.format {
                Format::Awaited => self.begin()?,
                Format::Legacy(format) => legacy::next(&mut self.input, *format)?,
                Format::Ng(section) => ng::next(&mut self.input, section, &mut self.losses)?,
            };
            match next {
                Next::Frame(head, data, record_bytes) => {
                    (self.head, self.data, self.taken_bytes) = (head, data, record_bytes);
                    return Ok(None);
                }
                Next::Other => {}
                Next::Capture => {
                    self.end_section();
                    self.format = Format::Awaited;
                }
                Next::CutBefore(bytes) => {
                    self.end_section();
                    self.format = Format::Awaited;
                    self.cut += 1;
                    self.input.take(bytes);
                }
                Next::Zeros => {
                    let position = self.input.position();
                    let end = if self.input.are_zeros_left()? {
                        End::Zeros
                    } else {
                        End::Damaged("zeros in the place of a frame")
                    };
                    return Ok(Some((end, position)));
                }
                Next::End(end) => return Ok(Some((end, self.input.position()))),
            }
        }
    }

    fn begin(&mut self) -> io::Result<Next> {
        self.format = match self.input.peek(MAGIC_BYTES)?.first_chunk() {
            Some(begin) if ng::is_magic(*begin) => Format::Ng(ng::Section::default()),
            Some(begin) if legacy::is_magic(*begin) => match legacy::file_header(&mut self.input)? {
                Some(format) => Format::Legacy(format),
                None => return Ok(Next::End(End::CutShort)),
            },
            _ => return Ok(Next::End(End::Damaged("it does not start like a packet capture"))),
        };
        self.captures += 1;
        Ok(Next::Other)
    }

    fn end_section(&mut self) {
        if let Format::Ng(section) = &mut self.format {
            section.end(&mut self.losses);
        }
    }
}

/// Whether the beginning of a capture lies where a record or a block is expected.
fn is_capture_header(bytes: &[u8]) -> bool {
    legacy::is_file_header(bytes) || ng::is_section_header(bytes)
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
