//! SHA-256 of an object, of its content and of the parts in which a large one is sent.

use std::io::{self, Read as _, Write};
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::transport::Body;

/// Larger objects are sent in parts: what is lost when a connection breaks is one part.
pub(super) const PART_BYTES: u64 = 64 << 20;

/// Maximum number of parts in the protocol.
const MOST_PARTS: u64 = 10_000;

/// Parts of very large objects are multiples of this.
const PART_STEP_BYTES: u64 = 1 << 20;

/// SHA-256 of an object to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    content: [u8; 32],
    /// Of each part; empty if the object is sent as one.
    parts: Vec<[u8; 32]>,
}

impl Checksum {
    /// Reads a body.
    ///
    /// # Errors
    /// If the body cannot be read, or is shorter than it says.
    pub fn of(body: Body<'_>) -> io::Result<Self> {
        let mut content = Hash::default();
        let mut hashes = Vec::new();
        for part in parts(body.bytes()) {
            let mut part_only = Hash::default();
            read(body.slice(part), &mut [&mut content, &mut part_only])?;
            hashes.push(part_only.finish());
        }
        if hashes.is_empty() {
            read(body, &mut [&mut content])?;
        }
        Ok(Self { content: content.finish(), parts: hashes })
    }

    /// Of the whole content.
    pub fn content(&self) -> &[u8; 32] {
        &self.content
    }

    /// Of each part; empty if the object is sent as one.
    pub(super) fn parts(&self) -> &[[u8; 32]] {
        &self.parts
    }

    /// Whether an object of which a storage states this is the same; `None` if that does not tell, because the object was
    /// sent in other parts.
    pub(super) fn compare(&self, stated: &Stated) -> Option<bool> {
        let of_parts = || <[u8; 32]>::from(Sha256::digest(self.parts.concat()));
        let is_same = stated.sha256 == self.content || !self.parts.is_empty() && stated.sha256 == of_parts();
        (is_same || !stated.is_of_parts && self.parts.is_empty()).then_some(is_same)
    }
}

/// The SHA-256 of an object as a storage states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    sha256: [u8; 32],
    /// It is not of the content, but of the SHA-256 of the parts in which the object was sent.
    is_of_parts: bool,
}

impl Stated {
    /// Parses a header; the hash of parts has their number appended.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (hash, parts) = text.split_once('-').map_or((text, None), |(hash, parts)| (hash, Some(parts)));
        Some(Self { sha256: STANDARD.decode(hash).ok()?.try_into().ok()?, is_of_parts: parts.is_some() })
    }
}

/// The parts in which an object of this size is sent; none if it is sent as one.
pub(super) fn parts(bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let size = bytes.div_ceil(MOST_PARTS).next_multiple_of(PART_STEP_BYTES).max(PART_BYTES);
    let count = if bytes > PART_BYTES { bytes.div_ceil(size) } else { 0 };
    (0..count).map(move |part| part * size..bytes.min((part + 1) * size))
}

/// Reads a body into some hashes at once.
fn read(body: Body<'_>, hashes: &mut [&mut Hash]) -> io::Result<()> {
    let read = io::copy(&mut body.reader()?.take(body.bytes()), &mut All(hashes))?;
    if read == body.bytes() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A writer into several hashes.
struct All<'h, 'a>(&'h mut [&'a mut Hash]);

impl Write for All<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.iter_mut().try_for_each(|hash| hash.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer into a hash.
#[derive(Default)]
pub(super) struct Hash(Sha256);

impl Hash {
    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn parts_cover_an_object_of_any_size_and_are_few_enough() {
        for bytes in [0, 1, PART_BYTES] {
            assert_eq!(parts(bytes).count(), 0, "{bytes}");
        }
        for bytes in [PART_BYTES + 1, 5 << 30, 700 << 30, 5 << 40] {
            let parts: Vec<_> = parts(bytes).collect();
            assert!(parts.len() <= 10_000 && parts.len() > 1, "{bytes}: {}", parts.len());
            assert_eq!((parts[0].start, parts.last().unwrap().end), (0, bytes));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            let most = parts.iter().map(|part| part.end - part.start).max();
            assert!(most <= Some(5 << 30), "{bytes}: {most:?}");
        }
    }

    /// As in the header of a storage.
    fn stated(sha256: impl AsRef<[u8]>, parts: &str) -> Stated {
        Stated::parse(&format!("{}{parts}", STANDARD.encode(sha256))).unwrap()
    }

    #[test]
    fn a_storage_may_state_the_hash_of_the_content_or_of_the_parts() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; PART_BYTES as usize]).unwrap();
        file.write_all(b"the rest").unwrap();
        let bytes = PART_BYTES + 8;
        let large = Checksum::of(Body::File(&file, bytes)).unwrap();
        let parts = [Sha256::digest(vec![7; PART_BYTES as usize]), Sha256::digest(b"the rest")];
        assert_eq!(large.parts(), parts.map(<[u8; 32]>::from));
        assert_eq!(large.compare(&stated(Sha256::digest(parts.concat()), "-2")), Some(true));
        assert_eq!(large.compare(&stated(large.content(), "")), Some(true));
        assert_eq!(large.compare(&stated([0; 32], "-3")), None, "other parts may have the same content");
        let small = Checksum::of(Body::File(&file, 1)).unwrap();
        assert_eq!(small.compare(&stated(Sha256::digest(b"\x07"), "")), Some(true));
        assert_eq!(small.compare(&stated(Sha256::digest(b""), "")), Some(false), "it has no parts");
        assert_eq!(small.compare(&stated([0; 32], "-1")), None);
        assert!(Checksum::of(Body::File(&file, bytes + 1)).is_err(), "it is shorter than that");
        assert_eq!(Stated::parse("bm90IGEgaGFzaA=="), None);
    }
}
