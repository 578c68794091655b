//! Lines of a stream, without copying, and never longer than what a log has.

use std::io::{self, Read};

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A longer line is no line of a log, and is passed over.
const MOST_LINE_BYTES: usize = 1024 * 1024;

/// What comes next in a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line without its end: `\n`, `\r\n`, or what a second conversion makes of that (`\r\r\n`).
    Whole(&'a [u8]),
    /// The last line, which has no end: it may be cut short anywhere.
    Unended(&'a [u8]),
    /// A line that is too long to be one.
    TooLong,
}

/// Reads a stream by lines.
#[derive(Debug)]
pub struct Lines<R> {
    inner: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_at_end: bool,
    number: u64,
    is_cut_short: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of a stream.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            buffer: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            is_at_end: false,
            number: 0,
            is_cut_short: false,
        }
    }

    /// The number of the line that came last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether a compressed stream ended before its end, or is damaged there.
    pub fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// What the lines were read from.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// The next line; none at the end. A compressed stream that breaks off ends there.
    ///
    /// # Errors
    /// What the reader says otherwise.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not lend its lines")]
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut looked_at = 0;
        loop {
            let pending = &self.buffer[self.start..self.end];
            if let Some(length) = find_newline(&pending[looked_at..]).map(|at| at + looked_at) {
                self.number += 1;
                let line = self.start..self.start + length;
                self.start += length + 1;
                return Ok(Some(whole(&self.buffer[line])));
            }
            looked_at = pending.len();
            if looked_at > MOST_LINE_BYTES {
                self.number += 1;
                self.skip_line()?;
                return Ok(Some(Line::TooLong));
            }
            if self.is_at_end || self.fill()? == 0 {
                self.is_at_end = true;
                if looked_at == 0 {
                    return Ok(None);
                }
                self.number += 1;
                let line = self.start..self.end;
                self.start = self.end;
                return Ok(Some(Line::Unended(&self.buffer[line])));
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = find_newline(&self.buffer[self.start..self.end]) {
                self.start += at + 1;
                return Ok(());
            }
            self.start = self.end;
            if self.fill()? == 0 {
                self.is_at_end = true;
                return Ok(());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        loop {
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_broken_stream(&error) => {
                    self.is_cut_short = true;
                    return Ok(0);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A line without the carriage returns at its end.
pub(super) fn without_cr(line: &[u8]) -> &[u8] {
    let returns = line.iter().rev().take_while(|byte| **byte == b'\r').count();
    &line[..line.len() - returns]
}

/// Whether a decompressor says that its input ends too early or makes no sense.
pub(super) fn is_broken_stream(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | InvalidData | InvalidInput | Other)
}

fn whole(line: &[u8]) -> Line<'_> {
    let line = without_cr(line);
    // Files that were concatenated have their byte-order marks between them.
    Line::Whole(line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line))
}

/// Many bytes at once: logs are read at the speed at which line ends are found.
fn find_newline(bytes: &[u8]) -> Option<usize> {
    // The compiler makes vector instructions of a block of this size.
    const BLOCK: usize = 64;
    const NEWLINES: u64 = u64::from_ne_bytes([b'\n'; 8]);
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let mut at = 0;
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        if block.iter().fold(0, |any, byte| any | u8::from(*byte == b'\n')) != 0 {
            break;
        }
        at += BLOCK;
    }
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let differs = u64::from_ne_bytes(*word) ^ NEWLINES;
        if differs.wrapping_sub(ONES) & !differs & HIGHS != 0 {
            break;
        }
        at += 8;
    }
    bytes[at..].iter().position(|byte| *byte == b'\n').map(|offset| at + offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(match line {
                Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                Line::Unended(line) => format!("{}…", String::from_utf8_lossy(line)),
                Line::TooLong => "too long".to_owned(),
            });
        }
        all
    }

    #[test]
    fn lines_end_in_either_way_and_the_last_may_have_no_end() {
        assert_eq!(all(b"a\r\n\nb\nc"), ["a", "", "b", "c…"]);
        assert_eq!(all(b"a\r\r\nb\r\r\n"), ["a", "b"]);
        assert_eq!(all("a\n\u{feff}b\n".as_bytes()), ["a", "b"]);
        assert!(all(b"").is_empty());
    }

    #[test]
    fn a_line_without_end_is_passed_over_in_little_memory() {
        let mut bytes = vec![b'x'; 5 * MOST_LINE_BYTES];
        bytes.extend(b"\nnext\n");
        let mut lines = Lines::new(bytes.as_slice());
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"next")));
        assert_eq!(lines.number(), 2);
        assert!(lines.buffer.len() <= 4 * MOST_LINE_BYTES);
    }

    #[test]
    fn a_compressed_stream_that_breaks_off_gives_what_is_whole() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                buffer[..6].copy_from_slice(b"one\ntw");
                Ok(6)
            }
        }
        let mut lines = Lines::new(Broken(false));
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"one")));
        assert_eq!(lines.next().unwrap(), Some(Line::Unended(b"tw")));
        assert_eq!(lines.next().unwrap(), None);
        assert!(lines.is_cut_short());
    }

    proptest! {
        #[test]
        fn newlines_are_found_where_they_are(bytes in proptest::collection::vec(0_u8..200, 0..300)) {
            prop_assert_eq!(find_newline(&bytes), bytes.iter().position(|byte| *byte == b'\n'));
        }
    }
}
