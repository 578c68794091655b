//! Bytes of a file in pieces that lie in memory as a whole.

use std::io::{self, Read};
use std::ops::Range;

/// How much is read at once.
pub(super) const CHUNK_BYTES: usize = 1024 * 1024;

/// A buffer over a reader, from which pieces are taken without copying.
#[derive(Debug)]
pub(super) struct Buffer<R> {
    inner: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes taken so far.
    position: u64,
    /// What the reader said when bytes were only looked at.
    failed: Option<io::Error>,
}

impl<R: Read> Buffer<R> {
    /// A buffer of so many bytes to begin with.
    pub(super) fn new(inner: R, bytes: usize) -> Self {
        Self { inner, bytes: vec![0; bytes], start: 0, end: 0, position: 0, failed: None }
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    /// Bytes taken so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next `bytes` bytes without taking them, or as many as are left. The buffer grows with
    /// what is there, not with what is asked for.
    #[inline]
    pub(super) fn peek(&mut self, bytes: usize) -> io::Result<&[u8]> {
        if self.end - self.start < bytes {
            self.fill_up_to(bytes)?;
        }
        let available = (self.end - self.start).min(bytes);
        Ok(&self.bytes[self.start..self.start + available])
    }

    #[cold]
    fn fill_up_to(&mut self, bytes: usize) -> io::Result<()> {
        while self.end - self.start < bytes {
            if self.fill()? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Takes bytes that were looked at.
    pub(super) fn take(&mut self, bytes: usize) {
        let taken = bytes.min(self.end - self.start);
        self.start += taken;
        self.position += taken as u64;
    }

    /// All bytes that are in memory, at least so many unless the file ends or fails before.
    pub(super) fn in_memory(&mut self, bytes: usize) -> &[u8] {
        // A failure is said when these bytes are taken: not every reader says it twice.
        self.failed = self.peek(bytes).err();
        &self.bytes[self.start..self.end]
    }

    /// Bytes that were looked at, counted from the next one to be taken.
    pub(super) fn ahead(&self, range: Range<usize>) -> &[u8] {
        let there = &self.bytes[self.start..self.end];
        there.get(range).unwrap_or_default()
    }

    /// Takes all that is left; whether it was nothing but zeros.
    pub(super) fn are_zeros_left(&mut self) -> io::Result<bool> {
        loop {
            let piece = self.peek(64 * 1024)?;
            if piece.is_empty() {
                return Ok(true);
            }
            if piece.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            let bytes = piece.len();
            self.take(bytes);
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end == self.bytes.len() {
                self.bytes.resize(2 * self.bytes.len().max(64), 0);
            }
        }
        loop {
            match self.inner.read(&mut self.bytes[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_whatever_their_size() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| i as u8).collect();
        let mut input = Buffer::new(bytes.as_slice(), CHUNK_BYTES);
        let mut seen = Vec::new();
        for size in [1, 10, 900_000, 2, 1_500_000, 1_000_000].iter().cycle() {
            let piece = input.peek(*size).unwrap().to_vec();
            if piece.is_empty() {
                break;
            }
            input.take(piece.len());
            seen.extend(piece);
        }
        assert!(seen == bytes);
        assert_eq!(input.position(), 3_000_000);
    }

    /// A reader that fails once, and then says that there is no more.
    struct FailsOnce(bool);

    impl Read for FailsOnce {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            if std::mem::take(&mut self.0) { Err(io::ErrorKind::InvalidData.into()) } else { Ok(0) }
        }
    }

    #[test]
    fn a_failure_while_looking_ahead_is_said_when_the_bytes_are_taken() {
        let mut input = Buffer::new([1_u8; 10].as_slice().chain(FailsOnce(true)), CHUNK_BYTES);
        assert_eq!(input.in_memory(100).len(), 10);
        assert_eq!(input.peek(10).unwrap().len(), 10);
        input.take(10);
        assert_eq!(input.peek(1).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(input.peek(1).unwrap().len(), 0);
    }

    #[test]
    fn asking_for_more_than_there_is_allocates_no_more_than_there_is() {
        let mut input = Buffer::new([1_u8; 100].as_slice(), CHUNK_BYTES);
        assert_eq!(input.peek(usize::MAX).unwrap().len(), 100);
        assert!(input.bytes.len() <= CHUNK_BYTES);
    }
}
