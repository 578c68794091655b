//! The XML of Windows events, an event a line.

use super::Transform;

/// What an event ends with.
const END: &[u8] = b"</Event>";

/// Writes each event on a line of its own, as the Event Viewer writes all on one, and other programs
/// each on several.
#[derive(Default)]
pub(super) struct Events {
    /// How many bytes of [`END`] have come.
    matched: usize,
}

impl Transform for Events {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            out.push(if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
            // No proper beginning of the end is one of its ends, but for its first byte.
            self.matched = match byte {
                _ if byte == END[self.matched] => self.matched + 1,
                b'<' => 1,
                _ => 0,
            };
            if self.matched == END.len() {
                out.push(b'\n');
                self.matched = 0;
            }
        }
    }
}
