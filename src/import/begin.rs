//! How a file begins: what tells one format from another.

use std::io::{self, Read};

use super::decompress::Decompressed;
use super::known;
use super::lines::without_cr;
use super::pcap::frames;
use super::text::{Layout, plain_head};

/// How much of a file is looked at to tell what it is.
const BEGIN_BYTES: usize = 64 * 1024;

/// The first bytes of a file, after decompression.
#[derive(Debug, Clone, Default)]
pub struct Begin {
    /// The bytes, at most 64 KiB.
    pub bytes: Vec<u8>,
    /// The same as plain lines of UTF-8, as importers of text are given them; empty for a file that
    /// is no text. Where the bytes are nothing but NUL, it is what comes after those.
    pub text: Vec<u8>,
    /// Whether the file is compressed.
    pub is_compressed: bool,
    /// How the text is written; none for a file that is no text.
    pub(super) layout: Option<Layout>,
    /// Why what is compressed cannot be read, in words that go on after "it".
    problem: Option<String>,
}

impl Begin {
    /// Reads the beginning. Of NUL bytes before it, no more than `most_nul_bytes` are passed over.
    pub(super) fn read<R: Read>(from: &mut Decompressed<R>, most_nul_bytes: u64) -> Self {
        let mut begin = Self::default();
        match read_head(from) {
            (bytes, None) => begin.bytes = bytes,
            (bytes, Some(error)) => {
                begin.bytes = bytes;
                begin.problem = Some(match error.kind() {
                    io::ErrorKind::Unsupported => error.to_string(),
                    _ => format!("is compressed and damaged ({error})"),
                });
            }
        }
        let head = match first_after_nul_bytes(from, &begin.bytes, most_nul_bytes) {
            Some(head) => head,
            None => begin.bytes.clone(),
        };
        // Packets may hold hardly anything but letters.
        let is_binary = frames::is_capture(&begin.bytes);
        begin.layout = if is_binary { None } else { Layout::of(&head) };
        begin.text = plain_head(&head, begin.layout);
        begin.is_compressed = from.is_compressed();
        begin
    }

    /// The lines of a text file, as far as they are whole; a file without a line end is one line.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split(|byte| *byte == b'\n').map(without_cr)
    }

    /// The same without its first line, which may be cut; none where there is no other.
    pub(super) fn without_first_line(&self) -> Option<Self> {
        let end = self.text.iter().position(|byte| *byte == b'\n')?;
        let text = self.text[end + 1..].to_vec();
        (!text.is_empty()).then(|| Self { bytes: Vec::new(), text, problem: None, ..*self })
    }

    /// What it is, in words that go on after "it", for someone who named the wrong file.
    pub(super) fn looks_like(&self) -> String {
        match (&self.problem, self.bytes.as_slice()) {
            (Some(problem), []) => problem.clone(),
            (_, []) => "is empty".to_owned(),
            _ => known::describe(self),
        }
    }
}

/// If all of these bytes are NUL, the first ones after them that are not.
fn first_after_nul_bytes(from: &mut impl Read, head: &[u8], most: u64) -> Option<Vec<u8>> {
    if head.len() < BEGIN_BYTES || head.iter().any(|byte| *byte != 0) {
        return None;
    }
    let mut passed = 0;
    while passed < most {
        let (next, _) = read_head(from);
        if next.is_empty() {
            return None;
        }
        if let Some(first) = next.iter().position(|byte| *byte != 0) {
            let mut head = next[first..].to_vec();
            head.extend(read_head(from).0);
            head.truncate(BEGIN_BYTES);
            return Some(head);
        }
        passed += next.len() as u64;
    }
    None
}

/// The next 64 KiB, or as much as there is before the end or an error.
fn read_head(from: &mut impl Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = vec![0; BEGIN_BYTES];
    let mut filled = 0;
    let mut failed = None;
    while filled < head.len() {
        match from.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    head.truncate(filled);
    (head, failed)
}
