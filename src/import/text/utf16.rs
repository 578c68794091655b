//! UTF-16, as Windows writes it, into UTF-8.

use super::Transform;

/// The order of the two bytes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) enum Order {
    Little,
    Big,
}

/// Decodes units; what is no character becomes the replacement character.
pub(super) struct Utf16 {
    order: Order,
    /// The first byte of a unit whose second has not come.
    half: Option<u8>,
    /// The first unit of a pair whose second has not come.
    surrogate: Option<u16>,
}

impl Utf16 {
    pub(super) fn new(order: Order) -> Self {
        Self { order, half: None, surrogate: None }
    }

    fn unit(&mut self, unit: u16, out: &mut Vec<u8>) {
        let units = [self.surrogate.take(), Some(unit)];
        if (0xD800..0xDC00).contains(&unit) {
            if units[0].is_some() {
                push(char::REPLACEMENT_CHARACTER, out);
            }
            self.surrogate = Some(unit);
            return;
        }
        for decoded in char::decode_utf16(units.into_iter().flatten()) {
            push(decoded.unwrap_or(char::REPLACEMENT_CHARACTER), out);
        }
    }
}

impl Transform for Utf16 {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            let Some(first) = self.half.take() else {
                self.half = Some(*byte);
                continue;
            };
            let pair = [first, *byte];
            let unit = match self.order {
                Order::Little => u16::from_le_bytes(pair),
                Order::Big => u16::from_be_bytes(pair),
            };
            self.unit(unit, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.half.is_some() || self.surrogate.is_some() {
            push(char::REPLACEMENT_CHARACTER, out);
        }
    }
}

fn push(decoded: char, out: &mut Vec<u8>) {
    out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
}
