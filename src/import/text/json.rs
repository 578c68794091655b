//! JSON that is not one record a line, laid out so.

use super::Transform;

/// Writes each record on a line of its own. A record is an object that is in no other, or an
/// element of an array; the objects around such an array are dropped, if there is an envelope.
/// What is no JSON at all comes out as some line that cannot be read.
pub(super) struct Values {
    has_envelope: bool,
    /// The brackets that are open around a record, outermost first.
    around: Vec<u8>,
    /// How many are open within the record.
    depth: u32,
    is_in_text: bool,
    is_escaped: bool,
}

/// No envelope nests deeper; what does is no envelope.
const MOST_AROUND: usize = 16;

impl Values {
    pub(super) fn new(has_envelope: bool) -> Self {
        Self { has_envelope, around: Vec::new(), depth: 0, is_in_text: false, is_escaped: false }
    }

    /// Whether an object that opens here is a record, and not around one.
    fn is_record(&self) -> bool {
        match self.around.last() {
            Some(bracket) => *bracket == b'[' || self.around.len() >= MOST_AROUND,
            None => !self.has_envelope,
        }
    }

    fn text(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.is_in_text = false,
            _ => {}
        }
    }

    fn outside(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'"' => self.is_in_text = true,
            b'{' if self.is_record() => {
                self.depth = 1;
                out.push(byte);
            }
            b'{' | b'[' if self.around.len() < MOST_AROUND => self.around.push(byte),
            b'}' | b']' => {
                self.around.pop();
            }
            _ => {}
        }
    }

    fn inside(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'"' => self.is_in_text = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth -= 1,
            b'\n' | b'\r' | b'\t' | b' ' => return,
            _ => {}
        }
        out.push(byte);
        if self.depth == 0 {
            out.push(b'\n');
        }
    }
}

impl Transform for Values {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if self.is_in_text {
                self.text(byte);
                if self.depth > 0 {
                    // No text of JSON has a line end; what has one is broken, and stays one line.
                    out.push(if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
                }
            } else if self.depth > 0 {
                self.inside(byte, out);
            } else {
                self.outside(byte, out);
            }
        }
    }
}
