//! Bytes of a file in pieces that lie in memory as a whole.

use std::io::{self, Read};

/// How much is read at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A buffer over a reader, from which pieces are taken without copying.
#[derive(Debug)]
pub(super) struct Buffer<R> {
    inner: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes taken so far.
    position: u64,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, bytes: vec![0; CHUNK_BYTES], start: 0, end: 0, position: 0 }
    }

    /// Bytes taken so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next `bytes` bytes without taking them, or as many as are left. The buffer grows with
    /// what is there, not with what is asked for.
    pub(super) fn peek(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.end - self.start < bytes {
            if self.fill()? == 0 {
                break;
            }
        }
        let available = (self.end - self.start).min(bytes);
        Ok(&self.bytes[self.start..self.start + available])
    }

    /// Takes bytes that were looked at.
    pub(super) fn take(&mut self, bytes: usize) {
        let taken = bytes.min(self.end - self.start);
        self.start += taken;
        self.position += taken as u64;
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end == self.bytes.len() {
                self.bytes.resize(2 * self.bytes.len(), 0);
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
        let mut input = Buffer::new(bytes.as_slice());
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

    #[test]
    fn asking_for_more_than_there_is_allocates_no_more_than_there_is() {
        let mut input = Buffer::new([1_u8; 100].as_slice());
        assert_eq!(input.peek(usize::MAX).unwrap().len(), 100);
        assert!(input.bytes.len() <= CHUNK_BYTES);
    }
}
