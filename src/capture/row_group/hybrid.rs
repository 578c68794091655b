//! Parquet's hybrid encoding of run lengths and bit-packed values, for levels and dictionary keys.
//!
//! Rows are sorted by connection, so most columns are long runs of one key: a run costs a few
//! bytes, and only the work of finding its end.

/// Number of values packed together; a shorter run of equal ones is not worth its own header.
const PACK: usize = 8;

/// Number of bits for the largest of `count` keys.
pub(super) fn bit_width(count: usize) -> u8 {
    (usize::BITS - count.saturating_sub(1).leading_zeros()) as u8
}

/// Appends keys of at most `width` bits, each with its run length.
pub(super) fn encode(runs: impl Iterator<Item = (u32, usize)>, width: u8, out: &mut Vec<u8>) {
    let mut writer = Writer { packed: Vec::new(), width, out };
    let mut last: Option<(u32, usize)> = None;
    for (key, count) in runs {
        match &mut last {
            Some((before, sum)) if *before == key => *sum += count,
            _ => writer.put(last.replace((key, count))),
        }
    }
    writer.put(last);
    put_packed(&writer.packed, width, out);
}

struct Writer<'a> {
    /// Keys waiting to be packed together.
    packed: Vec<u32>,
    width: u8,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn put(&mut self, run: Option<(u32, usize)>) {
        let Some((key, count)) = run else { return };
        // Only the last pack may be short, so a run first fills up the previous one.
        let missing = self.packed.len().next_multiple_of(PACK) - self.packed.len();
        if count < PACK + missing {
            self.packed.extend(std::iter::repeat_n(key, count));
            return;
        }
        self.packed.extend(std::iter::repeat_n(key, missing));
        put_packed(&self.packed, self.width, self.out);
        self.packed.clear();
        put_run(key, count - missing, self.width, self.out);
    }
}

/// One key, `count` times.
fn put_run(key: u32, count: usize, width: u8, out: &mut Vec<u8>) {
    put_varint(count << 1, out);
    out.extend_from_slice(&key.to_le_bytes()[..usize::from(width.div_ceil(8))]);
}

/// Bit-packed keys, lowest bit first; the last pack is padded with zeros.
fn put_packed(keys: &[u32], width: u8, out: &mut Vec<u8>) {
    if keys.is_empty() {
        return;
    }
    let packs = keys.len().div_ceil(PACK);
    put_varint(packs << 1 | 1, out);
    let end = out.len() + packs * usize::from(width);
    let (mut bits, mut filled) = (0_u64, 0);
    for key in keys {
        bits |= u64::from(*key) << filled;
        filled += u32::from(width);
        while filled >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(bits as u8);
    }
    out.resize(end, 0);
}

fn put_varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(keys: &[u32], width: u8) -> Vec<u8> {
        let mut out = Vec::new();
        encode(keys.iter().map(|key| (*key, 1)), width, &mut out);
        out
    }

    /// Decodes, following the text of the format's specification.
    fn decoded(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
        let mut keys = Vec::new();
        while keys.len() < count {
            let (mut header, mut shift) = (0_usize, 0);
            loop {
                let byte = bytes[0];
                bytes = &bytes[1..];
                header |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                let (value, rest) = bytes.split_at(usize::from(width.div_ceil(8)));
                let key = value.iter().rev().fold(0, |key, byte| key << 8 | u32::from(*byte));
                keys.extend(std::iter::repeat_n(key, header >> 1));
                bytes = rest;
            } else {
                let (packed, rest) = bytes.split_at((header >> 1) * usize::from(width));
                let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
                let key = |n: usize| {
                    (0..usize::from(width)).map(|b| bit(n * usize::from(width) + b) << b).sum::<u32>()
                };
                keys.extend((0..(header >> 1) * PACK).map(key));
                bytes = rest;
            }
        }
        assert!(bytes.is_empty(), "{} bytes too many", bytes.len());
        keys.truncate(count);
        keys
    }

    #[test]
    fn the_example_of_the_specification_is_packed_as_it_says() {
        // 0 to 7 in three bits: 10001000 11000110 11111010, after a header for one pack.
        assert_eq!(encoded(&[0, 1, 2, 3, 4, 5, 6, 7], 3), [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        assert_eq!(encoded(&[4; 100], 3), [200, 1, 4]);
    }

    #[test]
    fn a_width_is_that_of_the_largest_key() {
        assert_eq!([0, 1, 2, 3, 4, 5, 256, 257].map(bit_width), [0, 0, 1, 2, 2, 3, 8, 9]);
    }

    #[test]
    fn keys_of_no_width_are_a_run() {
        assert_eq!(encoded(&[0; 20], 0), [40]);
        assert_eq!(decoded(&encoded(&[0; 5], 0), 0, 5), [0; 5]);
    }

    proptest! {
        #[test]
        fn keys_come_back(
            runs in proptest::collection::vec((0_u32..300, 1_usize..40), 0..60),
        ) {
            let keys: Vec<u32> =
                runs.iter().flat_map(|(key, count)| std::iter::repeat_n(*key, *count)).collect();
            prop_assert_eq!(decoded(&encoded(&keys, 9), 9, keys.len()), keys);
        }

        #[test]
        fn wide_keys_come_back(keys in proptest::collection::vec(0_u32..1 << 20, 0..100)) {
            prop_assert_eq!(decoded(&encoded(&keys, 20), 20, keys.len()), keys);
        }
    }
}
