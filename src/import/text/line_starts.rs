//! Changes at the beginnings of lines, which are held back for that until enough of them has come.

use super::Transform;

/// What is done with the beginning of a line.
pub(super) trait Edit {
    /// A longer beginning is not waited for.
    const MOST_BYTES: usize;

    /// Puts into `out` what a line begins with instead of `start`, which is all of it where it ends with a line feed.
    fn edit(&mut self, start: &[u8], out: &mut Vec<u8>);
}

/// A text in which the beginning of each line is edited.
pub(super) struct LineStarts<E> {
    edit: E,
    /// As much of a line as has come, until it is edited.
    start: Vec<u8>,
    /// Whether the line was edited, so that its rest passes.
    passes: bool,
}

impl<E: Edit> LineStarts<E> {
    pub(super) fn new(edit: E) -> Self {
        Self { edit, start: Vec::new(), passes: false }
    }

    fn edit(&mut self, out: &mut Vec<u8>) {
        self.edit.edit(&self.start, out);
        self.start.clear();
    }
}

impl<E: Edit> Transform for LineStarts<E> {
    fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            bytes = rest;
            if self.passes {
                out.extend_from_slice(piece);
            } else {
                self.start.extend_from_slice(piece);
                if end.is_some() || self.start.len() > E::MOST_BYTES {
                    self.edit(out);
                    self.passes = true;
                }
            }
            self.passes &= end.is_none();
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.edit(out);
    }
}
