//! Text as people have it, into plain lines of UTF-8: one layer below every importer of text.
//!
//! A byte-order mark is dropped, UTF-16 is decoded, runs of NUL bytes are taken out, the line ends of
//! old Macs are turned into `\n`, what was meant for a terminal and the names that `grep` puts before
//! each line are taken away, records come out of mails and cells of tables, and JSON that is not one record a line (arrays, pretty-printed
//! objects, the envelopes of search engines and clouds) is laid out so. How a file is written is
//! decided by its first 64 KiB.

mod escapes;
mod file_names;
mod hosts;
mod json;
mod layout;
mod line_starts;
mod lists;
mod nuls;
mod partial_lines;
mod rewrites;
mod utf16;
mod xml;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::rc::Rc;

pub(super) use self::layout::Layout;
use self::layout::{Encoding, JsonLayout};
use self::line_starts::LineStarts;

/// How much is transformed at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// The hosts of which a file says that it holds their output.
pub(super) type HostNames = Rc<RefCell<BTreeSet<String>>>;

/// What is noted while a text is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// NUL bytes that were taken out.
    pub(super) nul_bytes: Rc<Cell<u64>>,
    pub(super) hosts: HostNames,
}

/// One change to a stream of bytes.
trait Transform {
    /// Takes bytes as they come, and appends what becomes of them.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>);

    /// The stream is over: appends what was kept back.
    fn end(&mut self, _out: &mut Vec<u8>) {}
}

/// The plain lines of a stream.
pub(super) struct PlainText<R> {
    inner: R,
    transforms: Vec<Box<dyn Transform>>,
    chunk: Vec<u8>,
    /// What is ready, and how much of it was handed out.
    ready: Vec<u8>,
    taken: usize,
    /// For what lies between two transforms.
    spare: Vec<u8>,
    is_over: bool,
}

impl<R: Read> PlainText<R> {
    /// The lines of a stream that is written so.
    pub(super) fn new(inner: R, layout: Layout, notes: &Notes) -> Self {
        Self {
            inner,
            transforms: transforms(layout, notes),
            chunk: vec![0; CHUNK_BYTES],
            ready: Vec::new(),
            taken: 0,
            spare: Vec::new(),
            is_over: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.taken = 0;
        let read = match self.inner.read(&mut self.chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            read => read?,
        };
        self.is_over = read == 0;
        // There is always one, of the encoding.
        for (at, transform) in self.transforms.iter_mut().enumerate() {
            let bytes = if at == 0 { &self.chunk[..read] } else { &self.ready };
            self.spare.clear();
            transform.feed(bytes, &mut self.spare);
            if self.is_over {
                transform.end(&mut self.spare);
            }
            std::mem::swap(&mut self.ready, &mut self.spare);
        }
        Ok(())
    }
}

impl<R: Read> Read for PlainText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() {
            if self.is_over || buffer.is_empty() {
                return Ok(0);
            }
            self.refill()?;
        }
        let rest = &self.ready[self.taken..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

fn transforms(layout: Layout, notes: &Notes) -> Vec<Box<dyn Transform>> {
    let mut transforms: Vec<Box<dyn Transform>> = Vec::new();
    match layout.encoding {
        Encoding::Utf8 => transforms.push(Box::new(nuls::NulRuns::new(Rc::clone(&notes.nul_bytes)))),
        Encoding::Utf16(order) => transforms.push(Box::new(utf16::Utf16::new(order))),
    }
    if layout.has_mark {
        transforms.push(Box::new(Prefix { left: "\u{feff}".as_bytes() }));
    }
    if layout.ends_lines_with_cr {
        transforms.push(Box::new(CarriageReturns));
    }
    if layout.has_escapes {
        transforms.push(Box::<escapes::Escapes>::default());
    }
    if layout.has_file_names {
        transforms.push(Box::new(LineStarts::new(file_names::FileNames)));
    }
    if let Some(style) = layout.hosts {
        transforms.push(Box::new(LineStarts::new(hosts::Hosts::new(style, Rc::clone(&notes.hosts)))));
    }
    if let Some(rewrite) = layout.rewrite {
        transforms.push(Box::new(LineStarts::new(rewrite)));
    }
    if let Some(runtime) = layout.container {
        transforms.push(Box::new(partial_lines::PartialLines::new(runtime)));
    }
    if layout.has_event_list {
        transforms.push(Box::<lists::Events>::default());
    }
    if layout.has_xml_events {
        transforms.push(Box::<xml::Events>::default());
    }
    if let JsonLayout::Values { has_envelope } = layout.json {
        transforms.push(Box::new(json::Values::new(has_envelope)));
    }
    transforms
}

/// Drops what a stream begins with.
struct Prefix {
    left: &'static [u8],
}

impl Transform for Prefix {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let length = self.left.len().min(bytes.len());
        if bytes[..length] == self.left[..length] {
            self.left = &self.left[length..];
            out.extend_from_slice(&bytes[length..]);
        } else {
            self.left = &[];
            out.extend_from_slice(bytes);
        }
    }
}

/// The line ends of systems that are long gone.
struct CarriageReturns;

impl Transform for CarriageReturns {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend(bytes.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }));
    }
}

/// The plain lines of the beginning of a file; none where it is no text.
pub(super) fn plain_head(head: &[u8], layout: Option<Layout>) -> Vec<u8> {
    let mut plain = Vec::new();
    if let Some(layout) = layout {
        // Memory does not fail to be read.
        let _ = PlainText::new(head, layout, &Notes::default()).read_to_end(&mut plain);
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text and the NUL bytes that were taken out of it, read in chunks of this size.
    fn read(bytes: &[u8], chunk: usize) -> (String, u64) {
        let Some(layout) = Layout::of(bytes) else { return ("binary".to_owned(), 0) };
        let notes = Notes::default();
        let mut reader = PlainText::new(bytes, layout, &notes);
        reader.chunk = vec![0; chunk];
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        (String::from_utf8_lossy(&text).into_owned(), notes.nul_bytes.get())
    }

    fn utf16(text: &str, is_little: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|u| if is_little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
    }

    #[test]
    fn the_same_lines_come_out_however_they_were_written() {
        let lines = "# täble 😀\nESTAB 0 0 10.0.0.1:22 10.0.0.2:5555\n";
        let with_mark = format!("\u{feff}{lines}");
        for chunk in [1, 2, 3, 7, 1000] {
            for bytes in [
                lines.as_bytes().to_vec(),
                with_mark.as_bytes().to_vec(),
                utf16(lines, true),
                utf16(lines, false),
                utf16(&with_mark, true),
                utf16(&with_mark, false),
                lines.replace('\n', "\r").into_bytes(),
                [vec![0; 100], lines.as_bytes().to_vec()].concat(),
                [vec![0; 5], with_mark.as_bytes().to_vec()].concat(),
                [lines.as_bytes().to_vec(), vec![0; 50]].concat(),
            ] {
                assert_eq!(read(&bytes, chunk).0, lines, "{bytes:?} in chunks of {chunk}");
            }
        }
    }

    #[test]
    fn a_line_that_nul_bytes_break_off_is_not_taken_for_whole() {
        assert_eq!(read(b"one\ntw\0\0\0three\n\0\0four\n", 2), ("one\ntw\0\nthree\nfour\n".to_owned(), 5));
        assert_eq!(read(b"one\ntw\0\0\0", 100), ("one\ntw".to_owned(), 3));
    }

    #[test]
    fn binaries_are_no_text() {
        for bytes in [
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".as_slice(),
            &[1, 2, 3, 4],
            &[0; 40],
        ] {
            assert!(Layout::of(bytes).is_none(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm_and_chunks_make_no_difference(bytes: Vec<u8>, text in "[\\[\\]{}\",:\\\\\na1 \0\r]{0,80}", chunk in 1..9_usize) {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                prop_assert_eq!(read(bytes, chunk), read(bytes, 1000));
            }
        }
    }
}
