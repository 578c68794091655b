//! Frames: self-contained pieces in a file that may be damaged.
//!
//! A frame is found by its magic, wherever it is, and verified by its checksum. After a damaged
//! frame the search continues at the next magic, so that damage stays local.

use std::io::Read as _;

use super::source::Source;
use parquet::file::reader::ChunkReader as _;

/// The magic: its first byte is not valid UTF-8, so that no text looks like it.
const MAGIC: [u8; 8] = *b"\xF5netrec\n";

/// Magic, content length (u32, little endian), CRC-32 of length and content.
const HEADER_BYTES: usize = 16;

/// Maximum length of a frame, packed or unpacked; a greater length is damage or an attack.
const LONGEST_BYTES: usize = 256 * 1024 * 1024;

/// Bytes of a file read at once while searching for a magic.
const WINDOW_BYTES: usize = 256 * 1024;

/// Bytes compared at once: in this much compressed data, two bytes rarely look like the start of a
/// magic.
const STRIDE_BYTES: usize = 1024;

/// Fast, because it runs on every tick; higher levels gain little for such small pieces.
const ZSTD_LEVEL: i32 = 1;

/// An intact frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its offset in the file.
    pub(super) start: u64,
    /// Where it ends.
    pub(super) end: u64,
    /// Its content, unpacked.
    pub(super) content: Vec<u8>,
}

/// Packs frames one after another: creating a compressor costs more than packing a quiet tick.
pub(super) struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    pub(super) fn new() -> std::io::Result<Self> {
        zstd::bulk::Compressor::new(ZSTD_LEVEL).map(Self)
    }

    /// Packs content into a frame.
    ///
    /// # Errors
    /// If the content is too long for a frame, or the compression fails.
    pub(super) fn pack(&mut self, content: &[u8]) -> std::io::Result<Vec<u8>> {
        let packed = self.0.compress(content)?;
        if content.len() > LONGEST_BYTES || packed.len() > LONGEST_BYTES {
            return Err(std::io::Error::other("too many rows in one tick"));
        }
        let length = (packed.len() as u32).to_le_bytes();
        let mut frame = Vec::with_capacity(HEADER_BYTES + packed.len());
        frame.extend_from_slice(&MAGIC);
        frame.extend_from_slice(&length);
        frame.extend_from_slice(&checksum(length, &packed).to_le_bytes());
        frame.extend_from_slice(&packed);
        Ok(frame)
    }
}

/// Packs a single frame.
///
/// # Errors
/// See [`Packer::pack`].
pub(super) fn pack(content: &[u8]) -> std::io::Result<Vec<u8>> {
    Packer::new()?.pack(content)
}

/// The content of an intact frame; `None` for anything else.
pub(super) fn unpack(frame: &[u8]) -> Option<Vec<u8>> {
    let (header, packed) = frame.split_at_checked(HEADER_BYTES)?;
    content(header, packed)
}

/// Passes every intact frame of a file to `take`, in order. Damage is skipped.
pub(super) fn scan(source: &Source, mut take: impl FnMut(Frame)) {
    let mut at = 0;
    // A hostile file may contain a magic every few bytes, each claiming a long frame. The bytes
    // read for damaged frames are limited, or such a file would take hours.
    let mut vain_bytes = 4 * source.bytes() + LONGEST_BYTES as u64;
    let mut window = vec![0; (WINDOW_BYTES as u64).min(source.bytes()) as usize];
    while let Some(start) = next_magic(source, at, &mut window) {
        let claimed = claimed_bytes(source, start).unwrap_or(0);
        let Some(frame) = read(source, start, claimed) else {
            at = start + 1;
            vain_bytes = vain_bytes.saturating_sub(claimed as u64 + 1);
            if vain_bytes == 0 {
                return;
            }
            continue;
        };
        at = frame.end;
        take(frame);
    }
}

/// Whether the data after `at` is only the beginning of an interrupted frame, or space that the
/// file system had reserved for it.
pub(super) fn is_torn(source: &Source, at: u64) -> bool {
    let left = source.bytes().saturating_sub(at);
    let mut header = [0; HEADER_BYTES];
    let Ok(begin) = source.read_into(at, source.bytes(), &mut header) else { return false };
    let magic = &begin[..begin.len().min(MAGIC.len())];
    if MAGIC.starts_with(magic) {
        let claimed = begin.get(8..12).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes);
        return begin.len() < HEADER_BYTES
            || claimed.is_some_and(|claimed| u64::from(claimed) > left - HEADER_BYTES as u64);
    }
    is_zero(source, at)
}

fn is_zero(source: &Source, mut at: u64) -> bool {
    let mut window = vec![0; (WINDOW_BYTES as u64).min(source.bytes()) as usize];
    while at < source.bytes() {
        match source.read_into(at, source.bytes(), &mut window) {
            Ok(piece) if piece.iter().all(|byte| *byte == 0) => at += piece.len() as u64,
            _ => return false,
        }
    }
    true
}

/// The offset of the next magic, starting at `at`.
fn next_magic(source: &Source, mut at: u64, buffer: &mut [u8]) -> Option<u64> {
    while at + HEADER_BYTES as u64 <= source.bytes() {
        let window = source.read_into(at, source.bytes(), buffer).ok()?;
        if let Some(place) = find(window) {
            return Some(at + place as u64);
        }
        // The magic may cross the edge of two windows.
        at += (window.len() - MAGIC.len() + 1) as u64;
    }
    None
}

fn find(bytes: &[u8]) -> Option<usize> {
    let [first, second, ..] = MAGIC;
    let pairs = bytes.len().saturating_sub(1);
    for from in (0..pairs).step_by(STRIDE_BYTES) {
        let to = pairs.min(from + STRIDE_BYTES);
        // Without an early exit, and on integers, so that the compiler vectorizes it.
        let begins = bytes[from..to].iter().zip(&bytes[from + 1..=to]);
        let hits = begins.fold(0, |hits, (a, b)| hits | (u8::from(*a == first) & u8::from(*b == second)));
        if hits != 0
            && let Some(place) = (from..to).find(|place| bytes[*place..].starts_with(&MAGIC))
        {
            return Some(place);
        }
    }
    None
}

/// The length that the header at `start` claims, if the file is long enough for it.
fn claimed_bytes(source: &Source, start: u64) -> Option<usize> {
    let header = source.get_bytes(start, HEADER_BYTES).ok()?;
    let length = u32::from_le_bytes(header[8..12].try_into().ok()?) as usize;
    let left = source.bytes() - start - HEADER_BYTES as u64;
    (length <= LONGEST_BYTES && length as u64 <= left).then_some(length)
}

fn read(source: &Source, start: u64, length: usize) -> Option<Frame> {
    let bytes = source.get_bytes(start, HEADER_BYTES + length).ok()?;
    let (header, packed) = bytes.split_at(HEADER_BYTES);
    let content = content(header, packed)?;
    Some(Frame { start, end: start + bytes.len() as u64, content })
}

fn content(header: &[u8], packed: &[u8]) -> Option<Vec<u8>> {
    let stated = u32::from_le_bytes(header[12..16].try_into().ok()?);
    if stated != checksum(header[8..12].try_into().ok()?, packed) {
        return None;
    }
    let mut content = Vec::new();
    let unpacking = zstd::stream::read::Decoder::with_buffer(packed).ok()?;
    // A few bytes may claim to unpack to gigabytes.
    unpacking.take(LONGEST_BYTES as u64).read_to_end(&mut content).ok()?;
    Some(content)
}

fn checksum(length: [u8; 4], packed: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    crc.update(packed);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        scan(&Source::Memory(bytes.into()), |frame| found.push(frame.content));
        found
    }

    fn three() -> (Vec<u8>, Vec<Vec<u8>>) {
        let contents = vec![b"first".to_vec(), vec![7; 5000], Vec::new()];
        let bytes = contents.iter().flat_map(|content| pack(content).unwrap()).collect();
        (bytes, contents)
    }

    #[test]
    fn frames_come_back_from_between_other_bytes() {
        let (bytes, expected) = three();
        let noise = [b"PAR1".as_slice(), &MAGIC, &[0xFF; 40]].concat();
        assert_eq!(contents([noise.as_slice(), &bytes, &noise].concat()), expected);
    }

    #[test]
    fn frames_are_found_across_the_edges_of_windows() {
        let (bytes, expected) = three();
        for shift in WINDOW_BYTES - 10..WINDOW_BYTES + 2 {
            assert_eq!(contents([vec![0; shift], bytes.clone()].concat()), expected, "at {shift}");
        }
    }

    #[test]
    fn a_flipped_byte_costs_the_frame_that_it_is_in_and_no_other() {
        let (bytes, expected) = three();
        let ends: Vec<usize> = expected
            .iter()
            .map(|c| pack(c).unwrap().len())
            .scan(0, |sum, n| {
                *sum += n;
                Some(*sum)
            })
            .collect();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let hit = ends.iter().position(|end| at < *end).unwrap();
            let mut rest = expected.clone();
            rest.remove(hit);
            assert_eq!(contents(damaged), rest, "byte {at}");
        }
    }

    #[test]
    fn a_cut_costs_no_frame_before_it() {
        let (bytes, expected) = three();
        let first = pack(&expected[0]).unwrap().len();
        for end in first..bytes.len() {
            assert_eq!(contents(bytes[..end].to_vec())[0], expected[0]);
        }
        assert!(contents(bytes[..first - 1].to_vec()).is_empty());
    }

    #[test]
    fn a_torn_end_is_told_from_a_damaged_one() {
        let whole = pack(&[7; 5000]).unwrap();
        let torn = |bytes: &[u8]| is_torn(&Source::Memory(bytes.to_vec().into()), 0);
        for length in 0..whole.len() {
            assert!(torn(&whole[..length]), "cut at {length}");
        }
        assert!(!torn(&whole) && !torn(&[whole.as_slice(), b"more"].concat()));
        assert!(torn(&[0; 5000]) && !torn(&[[0; 4999].as_slice(), &[1]].concat()));
        assert!(!torn(b"notes") && !torn(&whole[1..]));
    }

    #[test]
    fn a_file_of_nothing_but_magics_ends_soon() {
        let header = [MAGIC.as_slice(), &1000_u32.to_le_bytes()].concat();
        assert!(contents(header.repeat(20_000)).is_empty());
    }
}
