//! What is compressed, decompressed as it is read: gzip members and zstd frames, one or several,
//! in any order.
//!
//! A zstd frame names the window that it needs. It is allocated by the library, so one that would
//! take more than [`MOST_WINDOW_BYTES`] is refused with the command that decompresses it.
//! Sources: RFC 1952 (gzip), RFC 8878 (zstd).

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// The most memory that a zstd frame may ask for; zstd itself takes 128 MiB without being asked.
const MOST_WINDOW_BYTES: u64 = 256 * 1024 * 1024;

/// The longest head of a zstd frame.
const MOST_HEAD_BYTES: usize = 18;

const GZIP: &[u8] = &[0x1f, 0x8b, 8];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Bytes as they were before they were compressed; those that never were, as they are.
pub(super) struct Decompressed<R: Read> {
    state: State<R>,
    is_compressed: bool,
}

enum State<R: Read> {
    /// At the start of the stream, or after a member or frame.
    Between(Lookahead<R>),
    Plain(Lookahead<R>),
    Gzip(Box<GzDecoder<Lookahead<R>>>),
    Zstd(ZstdDecoder<'static, Lookahead<R>>),
    End,
}

impl<R: Read> Decompressed<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { state: State::Between(Lookahead::new(inner)), is_compressed: false }
    }

    /// Whether anything compressed has been met so far.
    pub(super) fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// Begins with the next member, or ends.
    fn begin(&mut self, mut from: Lookahead<R>) -> io::Result<State<R>> {
        loop {
            let head = from.peek(MOST_HEAD_BYTES)?;
            if head.starts_with(GZIP) {
                self.is_compressed = true;
                return Ok(State::Gzip(Box::new(GzDecoder::new(from))));
            }
            if head.starts_with(ZSTD) {
                self.is_compressed = true;
                let window_log = window_log(head)?;
                let mut decoder = ZstdDecoder::with_buffer(from)?.single_frame();
                decoder.window_log_max(window_log)?;
                return Ok(State::Zstd(decoder));
            }
            if let Some(length) = skippable(head) {
                self.is_compressed = true;
                io::copy(&mut from.by_ref().take(8 + u64::from(length)), &mut io::sink())?;
                continue;
            }
            if !self.is_compressed {
                return Ok(State::Plain(from));
            }
            // Tapes and preallocated files end in zeros.
            return if rest_is_zero(&mut from)? {
                Ok(State::End)
            } else {
                Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the data after the compressed part is not compressed",
                ))
            };
        }
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.state {
                State::Between(_) => 0,
                State::Plain(from) => return from.read(buffer),
                State::Gzip(decoder) => decoder.read(buffer)?,
                State::Zstd(decoder) => decoder.read(buffer)?,
                State::End => return Ok(0),
            };
            if read > 0 {
                return Ok(read);
            }
            // After an error there is no more.
            let from = match std::mem::replace(&mut self.state, State::End) {
                State::Between(from) | State::Plain(from) => from,
                State::Gzip(decoder) => decoder.into_inner(),
                State::Zstd(decoder) => decoder.finish(),
                State::End => return Ok(0),
            };
            self.state = self.begin(from)?;
        }
    }
}

/// The length of a zstd frame that holds no data; parallel compressors begin with one.
fn skippable(head: &[u8]) -> Option<u32> {
    let (magic, rest) = head.split_first_chunk::<4>()?;
    let is_skippable = u32::from_le_bytes(*magic) & 0xFFFF_FFF0 == 0x184D_2A50;
    rest.first_chunk().filter(|_| is_skippable).map(|length| u32::from_le_bytes(*length))
}

fn rest_is_zero(from: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = from.fill_buf()?;
        let length = bytes.len();
        if length == 0 {
            return Ok(true);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        from.consume(length);
    }
}

/// The base-2 logarithm of the window that a zstd frame needs, rounded up.
fn window_log(head: &[u8]) -> io::Result<u32> {
    let (window, content) = window_and_content(head).unwrap_or_default();
    let log = window.checked_next_power_of_two().map_or(64, u64::ilog2).clamp(10, 31);
    // No more is allocated than there is content.
    if window.min(content.unwrap_or(u64::MAX)) > MOST_WINDOW_BYTES {
        let size = window >> 20;
        let message = format!(
            "is compressed with zstd and a window of {size} MiB, which takes as much memory; decompress it first: \
             zstd -dc --long={log} FILE | netrec import -"
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    Ok(log.max(27))
}

/// Window and size of the content, as far as the head of the frame says them.
fn window_and_content(head: &[u8]) -> Option<(u64, Option<u64>)> {
    let (descriptor, mut rest) = head.get(4..)?.split_first()?;
    let is_single = descriptor & 0x20 != 0;
    let mut window = None;
    if !is_single {
        let (byte, after) = rest.split_first()?;
        let base = 1_u64 << (10 + (byte >> 3));
        window = Some(base + base / 8 * u64::from(byte & 7));
        rest = after;
    }
    rest = rest.get([0, 1, 2, 4][usize::from(descriptor & 3)]..)?;
    let content = match (descriptor >> 6, is_single) {
        (0, false) => None,
        (0, true) => Some(u64::from(*rest.first()?)),
        (1, _) => Some(256 + u64::from(u16::from_le_bytes(*rest.first_chunk()?))),
        (2, _) => Some(u64::from(u32::from_le_bytes(*rest.first_chunk()?))),
        _ => Some(u64::from_le_bytes(*rest.first_chunk()?)),
    };
    Some((window.or(content)?, content))
}

/// A buffered reader that can look ahead.
pub(super) struct Lookahead<R> {
    inner: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<R: Read> Lookahead<R> {
    fn new(inner: R) -> Self {
        Self { inner, buffer: vec![0; CHUNK_BYTES].into_boxed_slice(), start: 0, end: 0 }
    }

    /// The next bytes, at least as many as asked for unless there are no more.
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.end - self.start < wanted.min(CHUNK_BYTES) {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }
}

impl<R: Read> Read for Lookahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && buffer.len() >= CHUNK_BYTES {
            return self.inner.read(buffer);
        }
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Lookahead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.end = self.inner.read(&mut self.buffer)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.end);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// With or without the size of the content in its head.
    fn zstd(bytes: &[u8], window_log: u32, has_size: bool) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        if has_size {
            encoder.set_pledged_src_size(Some(bytes.len() as u64)).unwrap();
        }
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn all(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut decoded = Vec::new();
        Decompressed::new(bytes).read_to_end(&mut decoded)?;
        Ok(decoded)
    }

    #[test]
    fn members_and_frames_follow_each_other_in_any_order() {
        let skippable = [0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 7, 7];
        let zeros = [0; 700];
        let parts: [&[u8]; 6] = [
            &skippable,
            &zstd(b"one ", 20, true),
            &gzip(b"two "),
            &gzip(b"three "),
            &zstd(b"four", 20, false),
            &zeros,
        ];
        assert_eq!(all(&parts.concat()).unwrap(), b"one two three four");
        assert_eq!(all(b"plain").unwrap(), b"plain");
        assert_eq!(all(b"").unwrap(), b"");
    }

    #[test]
    fn what_follows_uncompressed_is_said() {
        let mut decoder = Vec::new();
        let bytes = [gzip(b"one").as_slice(), b"appended"].concat();
        let error = Decompressed::new(bytes.as_slice()).read_to_end(&mut decoder).unwrap_err();
        assert_eq!((decoder.as_slice(), error.kind()), (b"one".as_slice(), io::ErrorKind::InvalidData));
    }

    #[test]
    fn a_large_window_is_taken_for_small_contents_and_else_refused_with_the_command() {
        // The head alone: a frame with a window of 2 GiB.
        let unknown = [0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0];
        let error = all(&unknown).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("zstd -dc --long=31 FILE | netrec import -"), "{error}");
        // The same with a content of 3 bytes: a raw block.
        let known = [0x28, 0xb5, 0x2f, 0xfd, 0x80, 21 << 3, 3, 0, 0, 0, 0x19, 0, 0, b'a', b'b', b'c'];
        assert_eq!(all(&known).unwrap(), b"abc");
    }

    proptest! {
        #[test]
        fn damage_is_an_error_and_no_panic(bytes: Vec<u8>, at: usize, byte: u8, length in 0..200_usize) {
            for mut damaged in [gzip(&bytes), zstd(&bytes, 20, false)] {
                let at = at % damaged.len();
                damaged[at] = byte;
                let _ = all(&damaged);
                damaged.truncate(length);
                let _ = all(&damaged);
            }
            let _ = all(&bytes);
        }
    }
}
