//! Runs of NUL bytes in logs: `copytruncate` leaves one as long as the log had been, and a power
//! failure one in the place of what was not written yet.

use std::cell::Cell;
use std::rc::Rc;

use super::Transform;

/// Takes runs of NUL bytes out. The line before a run inside of a file is broken off: it keeps one
/// NUL, so that nothing takes it for whole, and ends there.
pub(super) struct NulRuns {
    count: Rc<Cell<u64>>,
    /// Whether the bytes so far end with a line, or there were none.
    is_at_line_start: bool,
    is_in_run: bool,
}

impl NulRuns {
    pub(super) fn new(count: Rc<Cell<u64>>) -> Self {
        Self { count, is_at_line_start: true, is_in_run: false }
    }
}

impl Transform for NulRuns {
    fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let nuls = bytes.iter().take_while(|byte| **byte == 0).count();
            self.count.set(self.count.get() + nuls as u64);
            self.is_in_run |= nuls > 0;
            bytes = &bytes[nuls..];
            // `contains` looks at many bytes at once, and most chunks have none.
            let text = if bytes.contains(&0) {
                bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())
            } else {
                bytes.len()
            };
            let Some(last) = bytes[..text].last() else { continue };
            if std::mem::take(&mut self.is_in_run) && !self.is_at_line_start {
                out.extend_from_slice(b"\0\n");
            }
            out.extend_from_slice(&bytes[..text]);
            self.is_at_line_start = *last == b'\n';
            bytes = &bytes[text..];
        }
    }
}
